"""Whether two arrays are the same but for rounding."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np

from gradcli.rule.dtypes import Array

ROUNDING = 200  # units in the last place of the largest number, by which two ways may differ


def near(a: Any, b: Any, scale: float = 0.0, rounding: float = ROUNDING) -> bool:
    """Say whether arrays are alike but for rounding: nan and infinities at the same places.

    `scale` is the size of numbers that have cancelled, where that is more than the largest;
    `rounding` is in units in the last place.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    if b.dtype.kind in "biu":
        return bool(np.array_equal(a, b))
    kind = np.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else np.float64
    eps = epsilon(b)
    a, b = a.astype(kind), b.astype(kind)
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    a, b = a[finite], b[finite]
    largest = max(float(np.max(np.abs(b), initial=0.0)), scale)
    return bool(np.all(np.abs(a - b) <= rounding * eps * largest))


def epsilon(array: Array) -> float:
    """Return the distance from 1 to the next number of an array's dtype."""
    return float(jnp.finfo(array.dtype).eps)
