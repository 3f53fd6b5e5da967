"""What JAX calls indexing, scattering and masks: `x[i]`, and `x.at[i].set(y)`."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from gradcli.against.jax_rows.shapes import cut
from gradcli.ops.shape.aliases import metas, positions, strided_places
from gradcli.rule.dtypes import is_complex


def _places(indices: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return an index as NumPy takes it; masks must be known, as their count is a shape."""
    return tuple(
        slice(None) if x is None else np.asarray(x) if x.dtype.kind == "b" else x for x in indices
    )


def _grid(index: Any, dim: int) -> tuple[Any, ...]:
    """Return the places that `scatter` writes to: an element's own, `index` in one dimension."""
    grid: list[Any] = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim] = index
    return tuple(grid)


def _as_tensor(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of `(a, index, ...)` in which `a` has a dimension at least."""

    def applied(a: Any, index: Any, *rest: Any, **attrs: Any) -> Any:
        if a.ndim:
            return function(a, index, *rest, **attrs)
        rest = tuple(jnp.reshape(x, (-1,)) if hasattr(x, "ndim") else x for x in rest)
        found = function(jnp.reshape(a, (1,)), jnp.reshape(index, (-1,)), *rest, **attrs)
        return jnp.reshape(found, index.shape if found.shape != (1,) else ())

    return applied


# ---- reading -------------------------------------------------------------------------------


def _gather(a: Any, index: Any, dim: int) -> Any:
    if not a.ndim:
        return jnp.broadcast_to(a, index.shape)
    within = tuple(
        slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape)
    )  # the other dimensions may be larger
    return jnp.take_along_axis(a[within], index, dim)


def _index_select(a: Any, index: Any, dim: int) -> Any:
    return jnp.take(a, jnp.reshape(index, (-1,)), axis=dim) if a.ndim else a


def _masked_select(a: Any, mask: Any) -> Any:
    a, mask = jnp.broadcast_arrays(a, mask)
    return a[np.asarray(mask)]


def _put_at(g: Any, index: Any, size: Any) -> Any:
    return jnp.zeros(prod(size), g.dtype).at[index].add(g).reshape(size)


def _embedding(weight: Any, indices: Any, padding_idx: int | None, scale_grad_by_freq: bool) -> Any:
    if scale_grad_by_freq:
        raise NotImplementedError("JAX has no gradient that is scaled by frequency")
    found = jnp.take(weight, indices, axis=0)
    if padding_idx is None:
        return found
    padding = (indices == padding_idx)[..., None]
    return jnp.where(padding, lax.stop_gradient(found), found)


def _one_hot(a: Any, num_classes: int) -> Any:
    classes = int(a.max()) + 1 if num_classes == -1 else num_classes
    return jax.nn.one_hot(a, classes, dtype=np.int64)


# ---- writing -------------------------------------------------------------------------------


def _scatter(how: str) -> Callable[..., Any]:
    @_as_tensor
    def applied(a: Any, index: Any, src: Any, dim: int) -> Any:
        part = src[tuple(slice(n) for n in index.shape)] if hasattr(src, "ndim") else src
        part = jnp.broadcast_to(jnp.asarray(part, a.dtype), index.shape)
        return getattr(a.at[_grid(index, dim)], how)(part)

    return applied


_REDUCE = {"sum": "add", "mean": "add", "prod": "multiply", "amax": "max", "amin": "min"}
_START = {"sum": 0.0, "mean": 0.0, "prod": 1.0, "amax": -np.inf, "amin": np.inf}


@_as_tensor
def _scatter_reduce(a: Any, index: Any, src: Any, dim: int, reduce: str, include_self: bool) -> Any:
    grid = _grid(index, dim)
    start = a if include_self else a.at[grid].set(_START[reduce])
    found = _scatter(_REDUCE[reduce])(start, index, src, dim=dim)
    if reduce != "mean":
        return found
    count = jnp.full(a.shape, int(include_self)).at[grid].add(1)
    return found / jnp.maximum(count, 1)


@_as_tensor
def _index_add(a: Any, index: Any, source: Any, dim: int, alpha: float) -> Any:
    return a.at[cut(dim, jnp.reshape(index, (-1,)))].add(alpha * source)


@_as_tensor
def _index_set(a: Any, index: Any, source: Any, dim: int) -> Any:
    return a.at[cut(dim, jnp.reshape(index, (-1,)))].set(jnp.asarray(source, a.dtype))


def _index_put(a: Any, values: Any, *indices: Any, accumulate: bool) -> Any:
    at, values = a.at[_places(indices)], jnp.asarray(values, a.dtype)
    return at.add(values) if accumulate else at.set(values)


def _put(a: Any, index: Any, source: Any, accumulate: bool) -> Any:
    at, values = jnp.ravel(a).at[jnp.ravel(index)], jnp.ravel(source).astype(a.dtype)
    return jnp.reshape(at.add(values) if accumulate else at.set(values), a.shape)


def _copy_slices(a: Any, source: Any, positions: Any) -> Any:
    return _put(a, positions, jnp.broadcast_to(source, positions.shape), False)


def _reals(a: Any) -> Any:
    """Return the real numbers that a tensor consists of, in one row."""
    return jnp.ravel(jnp.stack([a.real, a.imag], -1) if jnp.iscomplexobj(a) else a)


def _read_view(a: Any, steps: Any) -> Any:
    places, signs = positions(a.shape, a.dtype, steps)
    found = _reals(a)[places] * (1 if signs is None else signs)
    if is_complex(metas(a, steps)[-1].dtype):
        return found[..., 0] + 1j * found[..., 1]
    return found


def _write_view(a: Any, source: Any, steps: Any) -> Any:
    places, signs = positions(a.shape, a.dtype, steps)
    view = metas(a, steps)[-1]
    values = jnp.broadcast_to(jnp.asarray(source).astype(view.dtype), view.shape)
    reals = jnp.reshape(_reals(values), places.shape) * (1 if signs is None else signs)
    flat = _reals(a).at[jnp.ravel(places)].set(jnp.ravel(reals))
    if not is_complex(a.dtype):
        return jnp.reshape(flat, a.shape)
    pairs = jnp.reshape(flat, (*a.shape, 2))
    return pairs[..., 0] + 1j * pairs[..., 1]


def _as_strided(a: Any, size: Any, stride: Any, storage_offset: int, memory: Any) -> Any:
    return jnp.ravel(jnp.transpose(a, memory))[strided_places(size, stride, storage_offset)]


def _as_strided_backward(
    g: Any, shape: Any, size: Any, stride: Any, storage_offset: int, memory: Any
) -> Any:
    places = strided_places(size, stride, storage_offset)
    flat = jnp.zeros(prod(shape), g.dtype).at[jnp.ravel(places)].add(jnp.ravel(g))
    moved = jnp.reshape(flat, tuple(shape[d] for d in memory))
    return jnp.transpose(moved, tuple(np.argsort(memory)))


def _written(part: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that writes to a part: `part` of the places says where that is."""

    def applied(a: Any, src: Any, **attrs: Any) -> Any:
        places = part(np.arange(prod(a.shape)).reshape(a.shape), **attrs)
        return _copy_slices(a, src, places)

    return applied


def _masked_scatter(a: Any, mask: Any, source: Any) -> Any:
    a, mask = jnp.broadcast_arrays(a, mask)
    places = np.flatnonzero(np.asarray(mask))
    return _put(a, places, jnp.ravel(source)[: len(places)], False)


def _masked_fill(a: Any, mask: Any, value: Any) -> Any:
    return jnp.where(mask, jnp.asarray(value, a.dtype), a)


# fmt: off
ROWS: dict[str, Any] = {
    # reading
    "select":                 lambda a, dim, index: a[cut(dim, index)],
    "_slice":                 lambda a, dim, start, end, step: a[cut(dim, slice(start, end, step))],
    "_index":                 lambda a, *indices: a[_places(indices)],
    "_gather":                _gather,
    "index_select":           _index_select,
    "take":                   lambda a, index: jnp.ravel(a)[index],
    "_put_at":                _put_at,
    "masked_select":          _masked_select,
    "_embedding":             _embedding,
    "_nonzero":               jnp.argwhere,
    "one_hot":                _one_hot,
    # writing
    "scatter.src":            _scatter("set"),
    "scatter.value":          lambda a, index, dim, value:
                                  _scatter("set")(a, index, value, dim=dim),
    "scatter_add":            _scatter("add"),
    "scatter_reduce":         _scatter_reduce,
    "index_add":              _index_add,
    "index_copy":             _index_set,
    "index_fill.int_Scalar":  lambda a, index, dim, value: _index_set(a, index, value, dim=dim),
    "index_fill.int_Tensor":  _index_set,
    "_index_put":             _index_put,
    "put":                    _put,
    "_copy_slices":           _copy_slices,
    "_copy_slices.view":      _write_view,
    "_as_strided.view":       _read_view,
    "_as_strided":            _as_strided,
    "_as_strided_backward":   _as_strided_backward,
    "_overwritten":           lambda a, source, seen: source + (a - lax.stop_gradient(a)),
    "zero_":                  jnp.zeros_like,
    "select_scatter":         _written(lambda a, dim, index: a[cut(dim, index)]),
    "slice_scatter":          _written(lambda a, dim, start, end, step:
                                       a[cut(dim, slice(start, end, step))]),
    "diagonal_scatter":       _written(lambda a, offset, dim1, dim2:
                                       np.diagonal(a, offset, dim1, dim2)),
    "masked_fill.Scalar":     _masked_fill,
    "masked_fill.Tensor":     _masked_fill,
    "masked_scatter":         _masked_scatter,
    "_normal":                lambda mean, std, drawn: drawn,
}
# fmt: on
