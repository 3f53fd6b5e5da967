"""`jax.numpy`: NumPy's functions, those that JAX has otherwise written out."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import ml_dtypes
import numpy as np

from .. import differences
from ..arrays import arrays, like
from . import fft, linalg

__all__ = ["fft", "linalg"]

config = SimpleNamespace(jax_enable_x64=False)
_HALF = {"float64": "float32", "int64": "int32", "uint64": "uint32", "complex128": "complex64"}

finfo = ml_dtypes.finfo


def __getattr__(name: str) -> Any:
    return like(np, name)


@arrays
def asarray(x: Any, dtype: Any = None) -> Any:
    found = np.asarray(x, dtype)
    return (
        found if config.jax_enable_x64 else found.astype(_HALF.get(found.dtype.name, found.dtype))
    )


@arrays
def nextafter(a: Any, b: Any) -> Any:
    differences.refuse("Differentiation rule for 'nextafter' not implemented")
    return np.nextafter(a, b)


def _order(a: Any, axis: int, stable: bool, descending: bool) -> Any:
    if not descending:
        return np.argsort(a, axis=axis, stable=stable)
    turned = np.argsort(np.flip(a, axis), axis=axis, stable=stable)
    return np.flip(a.shape[axis] - 1 - turned, axis)


argsort = arrays(_order)


@arrays
def sort(a: Any, axis: int, stable: bool, descending: bool) -> Any:
    return np.take_along_axis(a, _order(a, axis, stable, descending), axis)
