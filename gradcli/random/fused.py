"""Products and sums that are rounded once, and the functions that vector code makes of them.

PyTorch's kernels for x86 are compiled for processors that compute `a·b + c` with one rounding
(FMA), so that their last digit is another one than that of a product and a sum. Here it is
computed exactly, in float64 beside float32 and in pairs of numbers beside float64.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from gradcli.rule.dtypes import FLOAT32, FLOAT64, Array

_SPLIT = 2.0**27 + 1  # Veltkamp's: it cuts a float64 in halves of 26 bits


def fused(a: Array, b: Array | float, c: Array | float) -> Array:
    """Return `a·b + c` rounded once, in the dtype of `a`, which is float32 or float64.

    Source: Boldo, Melquiond, "Emulation of FMA and correctly rounded sums" (2008).
    """
    if a.dtype == FLOAT32:
        exact = np.multiply(a, np.float32(b), dtype=FLOAT64)  # 48 bits at most
        wide = _to_odd(*_two_sum(exact, np.asarray(np.float32(c), FLOAT64)))
        return np.asarray(wide.astype(FLOAT32))
    high, low = _two_product(a, np.asarray(b, FLOAT64))
    upper, rest = _two_sum(np.asarray(c, FLOAT64), low)
    total, error = _two_sum(high, upper)
    return np.asarray(total + _to_odd(*_two_sum(rest, error)))


def log32(x: Array) -> Array:
    """Return the natural logarithm of float32 numbers in (0, 1], as a vector of 8 is computed.

    Source: the polynomial of Cephes' `logf`, in the order of avx_mathfun.
    """
    fraction, exponent = np.frexp(x)
    low = fraction < np.float32(0.707106781186547524)
    e = np.asarray(exponent - low, FLOAT32)
    x = np.where(low, fraction - np.float32(1) + fraction, fraction - np.float32(1))
    z, y = x * x, np.full_like(x, 7.0376836292e-2)
    for coefficient in (
        -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
        -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1,
    ):  # fmt: skip
        y = fused(y, x, coefficient)
    y = fused(y * x, z, e * np.float32(-2.12194440e-4))
    return fused(e, 0.693359375, x + fused(-z, 0.5, y))


def sin_cos32(x: Array) -> tuple[Array, Array]:
    """Return sines and cosines of float32 numbers in [0, 2π), as a vector of 8 is computed.

    Source: the polynomials of Cephes' `sinf` and `cosf`, in the order of avx_mathfun.
    """
    octant = ((x * np.float32(1.27323954473516)).astype(np.int32) + 1) & ~1
    y = octant.astype(FLOAT32)
    for part in (-0.78515625, -2.4187564849853515625e-4, -3.77489497744594108e-8):
        x = fused(y, part, x)
    z = x * x
    cos = fused(np.full_like(z, 2.443315711809948e-5), z, -1.388731625493765e-3)
    cos = fused(cos, z, 4.166664568298827e-2) * z
    cos = fused(cos, z, -(z * np.float32(0.5))) + np.float32(1)
    sin = fused(np.full_like(z, -1.9515295891e-4), z, 8.3321608736e-3)
    sin = fused(fused(sin, z, -1.6666654611e-1) * z, x, x)
    swapped = (octant & 2) != 0
    sin, cos = np.where(swapped, cos, sin), np.where(swapped, sin, cos)
    return np.where(octant & 4, -sin, sin), np.where((octant - 2) & 4, cos, -cos)


def mapped(function: Callable[[float], float], x: Array) -> Array:
    """Return a function of the C library at float64 numbers; NumPy's own may end otherwise."""
    return np.asarray([*map(function, x.ravel().tolist())], FLOAT64).reshape(x.shape)


def _two_sum(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a sum and what its rounding left out."""
    total = np.asarray(a + b)
    other = total - a
    return total, (a - (total - other)) + (b - other)


def _two_product(a: Array, b: Array) -> tuple[Array, Array]:
    """Return a product and what its rounding left out."""
    (high_a, low_a), (high_b, low_b) = _halves(a), _halves(b)
    product = np.asarray(a * b)
    error = ((high_a * high_b - product) + high_a * low_b + low_a * high_b) + low_a * low_b
    return product, error


def _halves(a: Array) -> tuple[Array, Array]:
    high = a * _SPLIT - (a * _SPLIT - a)
    return high, a - high


def _to_odd(total: Array, error: Array) -> Array:
    """Return a sum rounded to the neighbour with an odd last bit, so that one rounding remains."""
    even = (np.asarray(total).view(np.int64) & 1) == 0
    beyond = np.nextafter(total, np.where(error > 0, np.inf, -np.inf))
    return np.where((error != 0) & even, beyond, total)
