"""What gradcli asks of JAX, made of NumPy and SciPy, for the tests where JAX is not installed.

Values are those of NumPy's functions of the same names, derivatives those of central differences
(`differences.py`): neither has seen gradcli's. It is the same for `check --against jax` as JAX
itself but for the gradients at kinks, where a difference has none of JAX's conventions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from . import differences, image, lax, nn, numpy, scipy
from .arrays import Array, wrapped
from .differences import CustomJVP as custom_jvp  # noqa: N813 - JAX's name
from .differences import Linearised

__all__ = ["Array", "custom_jvp", "image", "lax", "nn", "numpy", "scipy"]

config = numpy.config


@contextmanager
def enable_x64(on: bool) -> Iterator[None]:
    before, config.jax_enable_x64 = config.jax_enable_x64, on
    try:
        yield
    finally:
        config.jax_enable_x64 = before


class ShapeDtypeStruct(NamedTuple):
    """An array of which nothing is known but this."""

    shape: tuple[int, ...]
    dtype: Any


# ---- derivatives ---------------------------------------------------------------------------


def jvp(function: Callable[..., Any], points: Any, tangents: Any) -> tuple[Any, Any]:
    at = Linearised(function, points)
    return at.result, _like(at.result, iter(_split(at.along(tangents), at.shapes)))


def vjp(function: Callable[..., Any], *points: Any) -> tuple[Any, Callable[[Any], list[Any]]]:
    """Return the results, and the function from their cotangents to those of the points.

    Of complex numbers JAX's cotangents are the conjugates of the gradients: Re(g dz) is the change.
    """
    at = Linearised(function, points)
    columns = [[at.along(move) for move in _directions(points, k)] for k in range(len(points))]

    def pulled(cotangents: Any) -> list[Any]:
        g = np.concatenate([np.asarray(x).reshape(-1) for x in differences.leaves(cotangents)])
        return [_pulled(x, [np.sum((g * c).real) for c in columns[k]])
                for k, x in enumerate(points)]  # fmt: skip

    return at.result, pulled


def linear_transpose(function: Callable[..., Any], given: ShapeDtypeStruct) -> Callable[..., Any]:
    """Return the transpose of a linear function, each of whose columns is one of its values."""
    size = int(np.prod(given.shape))
    units = np.eye(size, dtype=given.dtype).reshape(size, *given.shape)

    def transposed(g: Any) -> tuple[Any]:
        found = [np.sum(np.asarray(function(wrapped(unit))) * g) for unit in units]
        return (wrapped(np.reshape(np.array(found, given.dtype), given.shape)),)

    return transposed


def _directions(points: Sequence[Any], k: int) -> Iterator[list[Any]]:
    """Yield a direction for each element of a point, two for a complex one."""
    for unit in (1, 1j) if points[k].dtype.kind == "c" else (1,):
        for place in range(points[k].size if points[k].dtype.kind in "fc" else 0):
            move = np.zeros(points[k].size, type(unit))
            move[place] = unit
            yield [move.reshape(x.shape) if i == k else np.zeros(x.shape)
                   for i, x in enumerate(points)]  # fmt: skip


def _pulled(x: Any, found: list[Any]) -> Any:
    parts = np.array(found[: x.size] or np.zeros(x.size), np.float64)
    if x.dtype.kind == "c":
        parts = parts - 1j * np.array(found[x.size :], np.float64)
    return wrapped(parts.reshape(x.shape).astype(x.dtype))


def _split(flat: Any, shapes: list[tuple[int, ...]]) -> Iterator[Any]:
    start = 0
    for shape in shapes:
        size = int(np.prod(shape))
        yield wrapped(flat[start : start + size].reshape(shape))
        start += size


def _like(tree: Any, parts: Iterator[Any]) -> Any:
    if isinstance(tree, tuple | list):
        return type(tree)(_like(x, parts) for x in tree)
    return next(parts).astype(tree.dtype)


# ---- trees and batches ---------------------------------------------------------------------


def _map(function: Callable[..., Any], *trees: Any) -> Any:
    if isinstance(trees[0], tuple | list):
        return type(trees[0])(_map(function, *parts) for parts in zip(*trees, strict=True))
    return function(*trees)


tree = SimpleNamespace(map=_map)


def vmap(function: Callable[..., Any], in_axes: Any = 0) -> Callable[..., Any]:
    def mapped(*args: Any) -> Any:
        axes = in_axes if isinstance(in_axes, tuple) else (in_axes,) * len(args)
        count = next(len(x) for x, axis in zip(args, axes, strict=True) if axis is not None)
        rows = [
            function(*(x if axis is None else x[i] for x, axis in zip(args, axes, strict=True)))
            for i in range(count)
        ]
        return numpy.stack(rows)

    return mapped
