"""Logarithms and the inverse error function as JAX's compiler makes them for a processor with FMA.

In float32 they are JAX 0.10's on a CPU to the bit, for the numbers that random draws need; in other
dtypes logarithms are NumPy's, whose last digit may be another.

Sources: Moshier's Cephes library (1992) for the coefficients of `log` and `log1p`; Giles,
"Approximating the erfinv function" (2010).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcli.random.fused import fused
from gradcli.rule.dtypes import FLOAT32, Array

_LOG = (
    (7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1),
    (-1.2420140846e-1, 1.4249322787e-1, -1.6668057665e-1),
    (2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1),
)
_ABOVE = (4.5270000862445199635e-5, 0.49854102823193376, 6.5787325942061045, 29.911919328553073,
          60.949667980987788, 57.112963590585538, 20.039553499201281)  # fmt: skip
_BELOW = (1.0, 15.062909083469192, 83.047565967967209, 221.76239823732856, 309.09872225312059,
          216.42788614495948, 60.118660497603844)  # fmt: skip
_NEAR = 2**0.5 - 1
_CENTRAL = (2.81022636e-08, 3.43273939e-07, -3.5233877e-06, -4.39150654e-06, 0.00021858087,
            -0.00125372503, -0.00417768164, 0.246640727, 1.50140941)  # fmt: skip
_TAIL = (-0.000200214257, 0.000100950558, 0.00134934322, -0.00367342844, 0.00573950773,
         -0.0076224613, 0.00943887047, 1.00167406, 2.83297682)  # fmt: skip


def _polynomial(x: Array, coefficients: Sequence[Array | float]) -> Array:
    found = np.full_like(x, coefficients[0])
    for c in coefficients[1:]:
        found = fused(found, x, np.asarray(c, FLOAT32))
    return found


def log(x: Array) -> Array:
    """Return the natural logarithm of positive numbers."""
    if x.dtype != FLOAT32:
        return np.asarray(np.log(x))
    fraction, exponent = np.frexp(x)
    low = fraction < np.float32(0.707106781186547524)
    v = np.where(low, fraction - np.float32(1) + fraction, fraction - np.float32(1))
    e = np.where(low, exponent - 1, exponent).astype(FLOAT32)
    square = v * v
    cube = square * v
    first, second, third = (_polynomial(v, part) for part in _LOG)
    tail = fused(fused(first, cube, second), cube, third)
    tail = fused(tail, cube, e * np.float32(-2.12194440e-4))
    return np.asarray((v - square * np.float32(0.5)) + tail + e * np.float32(0.693359375))


def log1p(x: Array) -> Array:
    """Return the natural logarithm of `1 + x`, for x from -1 to 0; -inf at -1."""
    if x.dtype != FLOAT32:
        return np.asarray(np.log1p(x))
    near, square = np.abs(x) < np.float32(_NEAR), x * x
    small = np.where(near, x, np.float32(0))
    ratio = _polynomial(small, _ABOVE) / _polynomial(small, _BELOW)
    close = x + fused(square, -0.5, x * square * ratio)
    far = np.where(x == -1, np.float32(-np.inf), log(np.where(x == -1, x + 2, 1 + x)))
    return np.where(near, close, far).astype(FLOAT32)


def inverse_erf(x: Array) -> Array:
    """Return the inverse of the error function, of float32."""
    w = -log1p(-(x * x))
    central = w < 5
    with np.errstate(invalid="ignore"):  # infinite at 1, which is set below
        w = np.where(central, w - np.float32(2.5), np.sqrt(w) - np.float32(3)).astype(FLOAT32)
        pairs = zip(_CENTRAL, _TAIL, strict=True)
        found = _polynomial(w, [np.where(central, a, b).astype(FLOAT32) for a, b in pairs]) * x
    return np.where(np.abs(x) == 1, np.inf * x, found).astype(FLOAT32)
