"""Two sides of a comparison with another library, without one: what differs, how far and where."""

from __future__ import annotations

from dataclasses import replace
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from gradcli.against.sides import Side, compared, distance, furthest, room

SIDE = Side(np.array([1.0, -4.0]), np.array([2.0, 0.5]), "float64", "MulBackward0")
# one side changed: what differs
CHANGED: dict[str, tuple[dict[str, Any], set[str]]] = {
    "nothing": ({}, set()),
    "round-off": ({"value": np.array([1.0, -4.0 - 1e-15])}, set()),
    "a value": ({"value": np.array([1.0, -4.01])}, {"value"}),
    "a value that is no number": ({"value": np.array([1.0, nan])}, {"value"}),
    "the shape": ({"value": np.array([[1.0, -4.0]])}, {"shape", "value"}),
    "the dtype": ({"dtype": "float32"}, {"dtype"}),
    "the grad_fn": ({"grad_fn": "AddBackward0"}, {"grad_fn"}),
    "a gradient": ({"grad": np.array([2.0, 0.51])}, {"gradient"}),
    "round-off of a gradient": ({"grad": np.array([2.0, 0.5 + 1e-15])}, set()),
    "no gradient": ({"grad": None}, {"gradient"}),
}
# two arrays, and the largest difference relative to the largest of the second
DISTANCES: list[tuple[Any, Any, float]] = [
    ([1.0, 2.0], [1.0, 4.0], 0.5),
    ([1.0, 4.0], [1.0, 2.0], 1.0),
    ([-1.0], [1.0], 2.0),
    ([0.5], [0.0], 0.5),
    ([nan, 1.0], [nan, 1.0], 0.0),
    ([nan, 1.0], [1.0, 1.0], np.finfo(float).max),
    ([inf, 2.0], [inf, 2.0], 0.0),
    ([inf], [-inf], np.finfo(float).max),
    ([3 + 4j], [0j], 5.0),
    ([1, 2], [1, 2], 0.0),
    ([], [], 0.0),
    ([1.0], [1.0, 1.0], inf),
]


@pytest.mark.parametrize("what", CHANGED)
@pytest.mark.parametrize("turned", [False, True])
def test_what_differs_is_named(what: str, turned: bool) -> None:
    changes, differs = CHANGED[what]
    ours, theirs = SIDE, replace(SIDE, **changes)
    if turned:
        ours, theirs = theirs, ours
    found = compared("y", ours, theirs, reasons=["why"])
    assert set(found.differs) == differs
    assert (found.name, found.reasons) == ("y", ("why",))


def test_a_difference_is_as_large_as_it_is() -> None:
    found = compared("y", SIDE, replace(SIDE, value=np.array([1.0, -5.0]), grad=SIDE.grad))
    assert found.value_error == pytest.approx(0.2)
    assert found.grad_error == 0
    assert compared("y", replace(SIDE, grad=None), replace(SIDE, grad=None)).grad_error is None


@pytest.mark.parametrize(("a", "b", "gap"), DISTANCES, ids=str)
def test_the_distance_is_relative_to_the_largest_value(a: Any, b: Any, gap: float) -> None:
    found = distance(np.array(a), np.array(b))
    if gap < 1e300:
        assert found == pytest.approx(gap)
    else:
        assert found >= gap / 2


def test_whole_numbers_have_no_room_and_coarser_dtypes_have_more() -> None:
    assert room("int64") == room("bool") == room("uint8") == 0
    assert 0 < room("float64") < room("float32") < room("bfloat16") < 0.1
    one, other = (Side(np.array([n]), None, "int64") for n in (10**9, 10**9 + 1))
    assert compared("k", one, other).differs == ("value",)


def test_the_place_of_the_largest_difference_is_told() -> None:
    a = np.array([[1.0, 2.0], [3.0, 4.0]])
    b = np.array([[1.0, 2.0], [3.5, 4.25]])
    assert furthest(a, b) == ((1, 0), "3", "3.5")
    assert furthest(np.array([1.0, nan]), np.array([5.0, 1.0])) == ((1,), "nan", "1")
    for other in (None, np.ones(3)):
        assert furthest(a, other) is None
        assert furthest(other, a) is None
    assert furthest(np.zeros(0), np.zeros(0)) is None
