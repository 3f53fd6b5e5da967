"""Large masks choose what small ones do, whatever the numbers."""

import numpy as np
import pytest

from gradcli.ops.pointwise.elementwise import MANY, where
from gradcli.rule.dtypes import Array

SPECIAL = [0.0, -0.0, np.nan, np.inf, -np.inf, 5e-324, -1.5]


def numbers(dtype: str, shape: tuple[int, ...]) -> Array:
    with np.errstate(all="ignore"):
        return np.resize(np.array(SPECIAL).astype(dtype), shape)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64", "int64"])
@pytest.mark.parametrize("zero", [0, 0.0, -0.0])
@pytest.mark.parametrize("turned", [False, True])
def test_a_large_mask_beside_a_number_gives_what_numpy_gives(
    dtype: str, zero: float, turned: bool
) -> None:
    x = numbers(dtype, (3, MANY))
    mask = np.random.default_rng(0).integers(0, 2, x.shape) == 1
    if turned:
        x, mask = x.T, np.asfortranarray(mask.T)
    for a, b in ((x, zero), (zero, x)):
        found, expected = where(mask, a, b), np.where(mask, a, b)
        assert found.dtype == expected.dtype
        assert found.shape == expected.shape
        assert np.array_equal(found, expected, equal_nan=dtype != "int64")
        assert np.array_equal(np.signbit(found.real), np.signbit(expected.real))


def test_a_mask_that_is_spread_gives_what_numpy_gives() -> None:
    x, mask = numbers("float64", (3, MANY)), np.array([[True], [False], [True]])
    assert np.array_equal(where(mask, x, 0.0), np.where(mask, x, 0.0), equal_nan=True)
