"""The arrays of the stand-in: NumPy's, with JAX's `.at` and without NumPy's scalars."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import numpy as np

from . import differences


class Array(np.ndarray[Any, Any]):
    """An array whose elements and sums are arrays without dimensions, as JAX's are."""

    def __array_wrap__(self, array: Any, context: Any = None, return_scalar: bool = False) -> Any:
        return wrapped(array)

    def __getitem__(self, key: Any) -> Any:
        return wrapped(super().__getitem__(key))

    @property
    def at(self) -> Writes:
        return Writes(self)


class Writes:
    """`x.at`, and `x.at[places]`: copies of `x` in which some places are written to."""

    def __init__(self, array: Array, places: Any = None) -> None:
        self.array, self.places = array, places

    def __getitem__(self, places: Any) -> Writes:
        return Writes(self.array, places)

    def set(self, values: Any) -> Any:
        found = np.array(self.array)
        found[self.places] = values
        return wrapped(found)

    def add(self, values: Any) -> Any:
        return self._joined(np.add, values)

    def max(self, values: Any) -> Any:
        return self._joined(np.maximum, values)

    def min(self, values: Any) -> Any:
        return self._joined(np.minimum, values)

    def multiply(self, values: Any) -> Any:
        differences.refuse("scatter_mul gradients are only implemented if `unique_indices=True`")
        return self._joined(np.multiply, values)

    def _joined(self, join: np.ufunc, values: Any) -> Any:
        found = np.array(self.array)
        join.at(found, self.places, values)
        return wrapped(found)


def wrapped(x: Any) -> Any:
    """Return NumPy's result as JAX's."""
    if isinstance(x, np.ndarray | np.generic):
        return np.asarray(x).view(Array)
    if isinstance(x, tuple | list):
        return (tuple if isinstance(x, tuple) else list)(wrapped(part) for part in x)
    return x


def plain(x: Any) -> Any:
    """Return JAX's operand as NumPy's."""
    if isinstance(x, Array):
        return x.view(np.ndarray)
    return type(x)(map(plain, x)) if type(x) in (tuple, list) else x


def arrays(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return NumPy's function as one of JAX's arrays."""

    @wraps(function)
    def applied(*args: Any, **keywords: Any) -> Any:
        with np.errstate(all="ignore"):
            return wrapped(
                function(*map(plain, args), **{k: plain(v) for k, v in keywords.items()})
            )

    return applied


def like(module: Any, name: str) -> Any:
    """Return what NumPy or SciPy has under a name of JAX's."""
    found = getattr(module, name)
    return arrays(found) if callable(found) and not isinstance(found, type) else found
