"""How far arrays lie apart, beside differences worked out by hand."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from gradcli.compare.gaps import Tolerance, gap, precision

EPS = 2.0**-52
CASES: dict[str, tuple[Any, Any, str, float, tuple[int, ...]]] = {
    # both sides, the cause, the largest difference and where it is
    "equal": ([1.0, 2.0], [1.0, 2.0], "", 0, ()),
    "nan in both": ([nan, 2.0], [nan, 2.0], "", 0, ()),
    "the same infinity": ([inf, 2.0], [inf, 2.0], "", 0, ()),
    "nothing": ([], [], "", 0, ()),
    "a digit": ([1.0, 2.0], [1.0, 2.5], "numbers", 0.5, (1,)),
    "a last digit": ([1.0, 2.0], [1.0 + EPS, 2.0], "", EPS, (0,)),
    "nan in one": ([1.0, 9.0], [nan, 2.0], "finite", inf, (0,)),
    "an infinity in one": ([1.0, 2.0], [1.0, inf], "finite", inf, (1,)),
    "infinities of both signs": ([inf], [-inf], "finite", inf, (0,)),
    "nan and infinity": ([nan], [inf], "finite", inf, (0,)),
    "other shapes": ([1.0], [[1.0]], "shape", inf, ()),
    "numbers": (3.0, 1.0, "numbers", 2, ()),
    "a number and nan": (3.0, nan, "finite", inf, ()),
    "integers": ([1, 2], [1, 5], "numbers", 3, (1,)),
    "masks": ([True, False], [True, True], "numbers", 1, (1,)),
    "large integers": ([2**60], [2**60 + 1], "numbers", 1, (0,)),
    "complex numbers": ([1 + 2j], [1 - 2j], "numbers", 4, (0,)),
    "the smallest numbers": ([5e-324], [0.0], "", 5e-324, (0,)),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_a_gap_has_the_largest_difference_and_its_place(case: Any) -> None:
    left, right, cause, absolute, at = case
    x, y = np.array(left), np.array(right)
    found = gap(x, y, precision(x.dtype), Tolerance())
    assert (found.cause, found.absolute, found.at) == (cause, absolute, at)
    assert found.exact is (absolute == 0)


@pytest.mark.parametrize(
    ("left", "right", "eps", "ulps"),
    [(1.0, 1.0 + EPS, EPS, 1), (4.0, 4.0 - 8 * EPS, EPS, 2), (1.0, 1.0 + 2.0**-22, 2.0**-23, 2),
     (1.0, 2.0, EPS, None)],
)  # fmt: skip
def test_ulps_are_units_of_the_larger_number(
    left: float, right: float, eps: float, ulps: float | None
) -> None:
    assert gap(np.array(left), np.array(right), eps, Tolerance()).ulps == ulps


@pytest.mark.parametrize(
    ("tolerance", "eps", "expected"),
    [(Tolerance(), 2.0**-24, (2.0**-16, 2.0**-18)), (Tolerance(0.5, 0.25), EPS, (0.5, 0.25)),
     (Tolerance(), 0.0, (0, 0)), (Tolerance(atol=0.0), 2.0**-24, (2.0**-16, 0))],
)  # fmt: skip
def test_a_tolerance_follows_from_the_precision(
    tolerance: Tolerance, eps: float, expected: tuple[float, float]
) -> None:
    assert tolerance.at(eps) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("float64", 2.0**-52), ("float32", 2.0**-23), ("float16", 2.0**-10), ("bfloat16", 2.0**-7),
     ("complex64", 2.0**-23), ("int64", 0), ("bool", 0)],
)  # fmt: skip
def test_the_precision_of_a_dtype(name: str, expected: float) -> None:
    from gradcli.rule.dtypes import DTYPES

    assert precision(DTYPES[name]) == expected
