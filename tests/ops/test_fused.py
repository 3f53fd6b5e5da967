"""Sums with a product are rounded once: beside fractions, which round nothing before the end."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from gradcli.ops.pointwise.fused import plus_product


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_sum_with_a_product_is_the_nearest_number(dtype: str) -> None:
    drawn = np.random.default_rng(0)
    a, b, c = drawn.standard_normal((3, 2000)).astype(dtype)
    a[:1000] = (-b * c)[:1000]  # what is left is the product's rounding
    exact = [Fraction(float(y)) * Fraction(float(z)) + Fraction(float(x))
             for x, y, z in zip(a, b, c, strict=True)]  # fmt: skip
    found = plus_product(a, b, c)
    assert found.dtype == a.dtype
    assert found.tolist() == [float(np.dtype(dtype).type(float(x))) for x in exact]
    assert np.count_nonzero(found != a + b * c) > 500


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_what_is_not_finite_stays_so(dtype: str) -> None:
    big = np.finfo(dtype).max
    a = np.array([np.inf, np.nan, 1.0, big, -np.inf], dtype)
    b = np.array([1.0, 1.0, np.inf, big, np.inf], dtype)
    with np.errstate(all="ignore"):
        np.testing.assert_array_equal(plus_product(a, b, 2.0), a + b * np.dtype(dtype).type(2))


def test_integers_are_exact() -> None:
    a = np.array([1, 2, 3])
    assert plus_product(a, a, 4).tolist() == [5, 10, 15]
