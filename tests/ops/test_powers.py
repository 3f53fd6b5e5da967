"""Powers that are numbers: PyTorch multiplies for some, and a negative base costs no more."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gradcli import loads
from gradcli.rule.dtypes import Array

BASES = [-2.75, -1.5, -1.0, -0.3, 0.7, 1.0, 1.9, 12.25]
WHOLE = [-5, -3, -2, -1, 0, 1, 2, 3, 4, 5, 8, 21]
INF, NAN = float("inf"), float("nan")
# a base that is not usual, an exponent, and what C's pow gives (IEEE 754, 9.2.1)
SPECIAL = [
    (-0.0, 3, -0.0), (-0.0, 5, -0.0), (-0.0, 4, 0.0), (-0.0, -2, INF), (-0.0, -3, -INF),
    (0.0, -3, INF), (-INF, 3, -INF), (-INF, 4, INF), (-INF, -3, -0.0), (-INF, -2, 0.0),
    (NAN, 0, 1.0), (NAN, 5, NAN), (-2.0, 0.5, NAN), (-2.0, INF, INF), (-0.5, INF, 0.0),
    (-2.0, 1e20, INF), (-1.5, 1, -1.5),
]  # fmt: skip


def power(base: Array, exponent: float) -> Array:
    """Return what the language gives for a power."""
    found = loads(f"y = x ** {exponent}\n", set={"x": base}).nodes[-1].value
    assert found is not None
    return found


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("exponent", WHOLE)
def test_a_whole_power_is_the_exact_one_to_the_last_place(exponent: int, dtype: type) -> None:
    x: Array = np.array(BASES, dtype)
    exact = np.array([float(Fraction(float(b)) ** exponent) for b in x])
    found = power(x, exponent)
    assert found.dtype == dtype
    assert (np.abs(found - exact) <= np.spacing(np.abs(exact.astype(dtype)))).all()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_third_powers_and_inverse_squares_are_products_as_in_pytorch(dtype: type) -> None:
    x: Array = np.random.default_rng(0).normal(size=1000).astype(dtype)
    np.testing.assert_array_equal(power(x, 3), x * x * x)
    np.testing.assert_array_equal(power(x, -2), 1 / (x * x))


@pytest.mark.parametrize(("base", "exponent", "expected"), SPECIAL)
def test_powers_of_zeros_and_infinities_are_those_of_c(
    base: float, exponent: float, expected: float
) -> None:
    found = power(np.array([base]), exponent)
    np.testing.assert_array_equal(found, [expected])
    assert np.isnan(expected) or np.signbit(found[0]) == np.signbit(expected)
