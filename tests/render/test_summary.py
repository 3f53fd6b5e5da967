"""What is shown of a large tensor: its ends, its least, mean and largest, what is not finite."""

from __future__ import annotations

import tracemalloc
from typing import Any
from unittest.mock import PropertyMock, patch

import ml_dtypes
import numpy as np
import pytest

from gradcli import loads
from gradcli.inspection import EDGE, NodeFacts, Summary, summary
from gradcli.render import EVAL, GRAPH
from gradcli.render.html import render as html
from tests.render.printing import printed

RANDOM = np.random.default_rng(0).normal(size=200_000)
# arrays of any layout and dtype that are summarised
ARRAYS: dict[str, Any] = {
    "several blocks": RANDOM,
    "float32": RANDOM.astype(np.float32),
    "bfloat16": RANDOM.astype(ml_dtypes.bfloat16),
    "integers": (RANDOM * 100).astype(np.int64),
    "booleans": RANDOM > 1,
    "turned": RANDOM.reshape(400, 500).T,
    "every third, backwards": RANDOM[::-3],
    "repeated": np.broadcast_to(RANDOM[:500], (400, 500)),
    "one element": RANDOM[:1].reshape(1, 1),
}
WORDS = ("-1 to 4", "mean 3", "5 nan", "6 inf")


@pytest.mark.parametrize("case", ARRAYS)
def test_a_summary_has_what_numpy_finds(case: str) -> None:
    array = ARRAYS[case]
    found, flat = summary(array), array.reshape(-1)
    assert (found.shape, found.dtype) == (array.shape, array.dtype)
    np.testing.assert_array_equal(found.first, flat[:EDGE])
    np.testing.assert_array_equal(found.last, flat[-1:])
    assert (found.minimum, found.maximum) == (flat.min(), flat.max())
    assert found.mean == pytest.approx(flat.astype(np.float64).mean(), rel=1e-13)
    assert (found.nan, found.posinf, found.neginf) == (0, 0, 0)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_what_is_not_finite_is_counted_and_left_out(dtype: str) -> None:
    array = np.ones(200_000, np.dtype(ml_dtypes.bfloat16) if dtype == "bfloat16" else dtype)
    array[5], array[70_000:70_003], array[-2:] = np.nan, np.inf, -np.inf
    array[100_000:100_010] = -3
    found = summary(array)
    assert (found.nan, found.posinf, found.neginf) == (1, 3, 2)
    np.testing.assert_array_equal([found.minimum, found.maximum], [-3, 1])
    assert found.mean == pytest.approx(1 - 40 / 199_994)


def test_a_summary_of_nothing_finite_has_no_mean() -> None:
    found = summary(np.full(100, np.nan))
    assert (found.nan, found.minimum, found.mean, found.maximum) == (100, None, None, None)
    assert summary(np.zeros((3, 0))).first.shape == (0,)


def test_complex_numbers_have_no_least() -> None:
    found = summary(np.array([1j, complex(np.nan, 0), complex(-np.inf, 1)] * 50))
    assert (found.nan, found.posinf, found.neginf, found.mean) == (50, 50, 0, None)


def test_a_summary_makes_no_second_array() -> None:
    array = np.random.default_rng(0).normal(size=(2000, 1000)).T
    tracemalloc.start()
    summary(array)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < array.nbytes / 8


def test_the_outputs_ask_a_large_tensor_for_its_summary_and_not_for_its_value() -> None:
    """So that an executor may give the one and never store the other."""
    inspection = loads("x = param(linspace(0., 1., 1000))\ny = x.sum()\n").inspection
    asked: list[int] = []
    kind = type(inspection.nodes[0])
    value = vars(kind)["value"]
    fact = Summary((1000,), np.dtype("float64"), np.array([0.0, 7.0, 8.0]), np.array([9.0]),
                   np.asarray(-1.0), 3.0, np.asarray(4.0), 5, 6, 0)  # fmt: skip

    def read(node: NodeFacts) -> Any:
        asked.append(node.id)
        return value.__get__(node)

    with (
        patch.object(kind, "value", property(read)),
        patch.object(NodeFacts, "summary", PropertyMock(return_value=fact)),
    ):
        texts = [
            printed(EVAL["table"](inspection), 200),
            EVAL["markdown"](inspection).replace("\\", ""),
            GRAPH["dot"](inspection, values=True),
            html(inspection),
        ]
        tree = printed(GRAPH["tree"](inspection), 200)
    assert 0 not in asked
    for text in texts:
        assert [word for word in WORDS if word not in text] == []
    assert "-1 to 4, mean 3, 5 nan, 6 inf" in tree
