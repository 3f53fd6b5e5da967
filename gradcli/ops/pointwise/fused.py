"""Sums with a product, rounded once: as PyTorch computes `add`'s alpha, `addcmul` and `lerp`."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.rule.dtypes import FLOAT32, FLOAT64, Array

_HALVES = float((1 << 27) + 1)  # times it, a float64 splits in two parts of 26 bits


def plus_product(a: Any, b: Any, c: Any) -> Any:
    """Return a + b·c; of float32 and float64, but for ties of ties, with one rounding at the end.

    Arguments are arrays or numbers, which broadcast. Source: T. Dekker (1971), *A floating-point
    technique for extending the available precision*, Numerische Mathematik 18.
    """
    dtype = np.result_type(a, b, c)
    if dtype == FLOAT32:  # a product of two is exact in float64
        a, b, c = (np.asarray(x, FLOAT32).astype(FLOAT64) for x in (a, b, c))
        return (a + b * c).astype(FLOAT32)
    if dtype != FLOAT64:
        return a + b * c
    a, b, c = (np.asarray(x, FLOAT64) for x in (a, b, c))
    product = b * c
    (b1, b2), (c1, c2) = _parts(b), _parts(c)
    lost = b2 * c2 - (((product - b1 * c1) - b2 * c1) - b1 * c2)
    total = product + a
    back = total - product
    lost = lost + ((product - (total - back)) + (a - back))
    found = total + lost
    return np.where(np.isfinite(found), found, total)


def _parts(x: Array) -> tuple[Array, Array]:
    scaled = x * _HALVES
    high = scaled - (scaled - x)
    return high, x - high
