"""What JAX calls reductions, running ones, and what sorts."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax


def along(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function along a dimension that takes a tensor without any as one of size 1."""

    def applied(a: Any, **attrs: Any) -> Any:
        if a.ndim:
            return function(a, **attrs)
        found = function(jnp.reshape(a, (1,)), **attrs)
        return jax.tree.map(lambda y: jnp.reshape(y, ()), found)

    return applied


def _reduced(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reduction over some dimensions, over all where none are named."""

    def applied(a: Any, dim: Any = None, keepdim: bool = False, **more: Any) -> Any:
        more = {name: value for name, value in more.items() if value is not None}
        axis = None if dim is None or dim == () or not a.ndim else dim
        return function(a, axis=axis, keepdims=keepdim, **more)

    return applied


def _spread(function: Callable[..., Any]) -> Callable[..., Any]:
    def applied(a: Any, axis: Any, keepdims: bool, correction: float) -> Any:
        return function(a, axis=axis, keepdims=keepdims, ddof=correction)

    return _reduced(applied)


def _norm(a: Any, axis: Any, keepdims: bool, ord: float) -> Any:
    return jnp.linalg.vector_norm(a, ord=ord, axis=axis, keepdims=keepdims)


def _with_mean(function: Callable[..., Any]) -> Callable[..., Any]:
    def applied(a: Any, dim: Any, correction: float, keepdim: bool) -> tuple[Any, Any]:
        spread = _spread(function)(a, dim=dim, correction=correction, keepdim=keepdim)
        return spread, _reduced(jnp.mean)(a, dim=dim, keepdim=keepdim)

    return applied


# ---- extrema -------------------------------------------------------------------------------


def _extremum(best: Callable[..., Any], place: Callable[..., Any]) -> Callable[..., Any]:
    @along
    def applied(a: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
        return best(a, axis=dim, keepdims=keepdim), place(a, axis=dim, keepdims=keepdim)

    return applied


def _place(function: Callable[..., Any]) -> Callable[..., Any]:
    def applied(a: Any, dim: int | None, keepdim: bool) -> Any:
        return function(a, axis=dim if a.ndim else None, keepdims=keepdim and bool(a.ndim))

    return applied


def _running(best: Callable[..., Any]) -> Callable[..., Any]:
    @along
    def applied(a: Any, dim: int) -> tuple[Any, Any]:
        values = best(a, axis=dim)
        places = jnp.arange(a.shape[dim]).reshape((-1,) + (1,) * (a.ndim - dim - 1))
        taken = (a == values) | jnp.isnan(a)
        return values, lax.cummax(jnp.where(taken, places, 0), axis=dim)

    return applied


# ---- what sorts ----------------------------------------------------------------------------


@along
def _sort(a: Any, dim: int, descending: bool) -> tuple[Any, Any]:
    order: dict[str, Any] = {"axis": dim, "stable": True, "descending": descending}
    return jnp.sort(a, **order), jnp.argsort(a, **order)


@along
def _argsort(a: Any, dim: int, descending: bool, stable: bool) -> Any:
    return jnp.argsort(a, axis=dim, stable=True, descending=descending)


@along
def _topk(a: Any, k: int, dim: int, largest: bool, sorted: bool) -> tuple[Any, Any]:
    last = jnp.moveaxis(a, dim, -1)
    values, places = lax.top_k(last if largest else -last, k)
    values = values if largest else -values
    return jnp.moveaxis(values, -1, dim), jnp.moveaxis(places, -1, dim).astype(np.int64)


def _at_rank(a: Any, rank: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """Return the elements with a rank, counted from 0, and their places."""
    found = _sort(a, dim=dim, descending=False)
    ranks = jnp.broadcast_to(rank, (*a.shape[:dim], 1, *a.shape[dim + 1 :]))
    picked = tuple(jnp.take_along_axis(x, ranks, dim) for x in found)
    return picked if keepdim else tuple(jnp.squeeze(x, dim) for x in picked)


@along
def _kth(a: Any, k: int, dim: int, keepdim: bool) -> tuple[Any, Any]:
    return _at_rank(a, k - 1, dim, keepdim)


def _median(ignore_nan: bool) -> Callable[..., Any]:
    @along
    def applied(a: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
        count: Any = a.shape[dim]
        if ignore_nan:
            count = jnp.sum(~jnp.isnan(a), axis=dim, keepdims=True)
        rank = jnp.maximum(count - 1, 0) // 2
        if not ignore_nan:  # NaN is sorted to the end, and is the median where there is one
            broken = jnp.isnan(a)
            first = jnp.sum(~broken, axis=dim, keepdims=True)
            rank = jnp.where(broken.any(dim, keepdims=True), first, rank)
        return _at_rank(a, rank, dim, keepdim)

    return applied


def _of_all(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda a: function(jnp.ravel(a), dim=0, keepdim=False)[0]


@along
def _mode(a: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """Return the most frequent element, the smallest of several, at the last of its places."""
    last = jnp.moveaxis(a, dim, -1)
    same = last[..., :, None] == last[..., None, :]
    count = same.sum(-1)
    best = jnp.where(count == count.max(-1, keepdims=True), last, jnp.inf).min(-1, keepdims=True)
    place = last.shape[-1] - 1 - jnp.argmax((last == best)[..., ::-1], -1, keepdims=True)
    picked = jnp.take_along_axis(last, place, -1), place
    if keepdim:
        return jnp.moveaxis(picked[0], -1, dim), jnp.moveaxis(picked[1], -1, dim)
    return picked[0][..., 0], picked[1][..., 0]


# ---- statistics ----------------------------------------------------------------------------


def _unique(a: Any, dim: int | None) -> tuple[Any, Any, Any]:
    values, inverse, counts = jnp.unique(a, return_inverse=True, return_counts=True, axis=dim)
    return values, jnp.reshape(inverse, a.shape if dim is None else -1), counts


def _histc(a: Any, bins: int, min: float, max: float) -> Any:
    low, high = (float(a.min()), float(a.max())) if min == max and a.size else (min, max)
    low, high = (low - 1, high + 1) if low == high else (low, high)
    return jnp.histogram(a, bins, (low, high))[0].astype(a.dtype)


def _searchsorted(edges: Any, a: Any, right: bool, out_int32: bool) -> Any:
    side = "right" if right else "left"
    if edges.ndim < 2:
        return jnp.searchsorted(edges, a, side)
    rows = jnp.reshape(edges, (prod(edges.shape[:-1]), -1))
    found = jax.vmap(lambda row, x: jnp.searchsorted(row, x, side))(
        rows, jnp.reshape(a, (len(rows), -1))
    )
    return jnp.reshape(found, a.shape)


def _ranked(edges: Any, a: Any, right: bool, out_int32: bool) -> Any:
    found = _searchsorted(edges, a, right, out_int32)
    return found.astype(np.int32 if out_int32 else np.int64)


@along
def safe_softmax(a: Any, dim: int) -> Any:
    """Return 0 where every element is -inf, and keep NaN out of the gradient there."""
    empty = (a == -jnp.inf).all(dim, keepdims=True)
    return jnp.where(empty, 0, jax.nn.softmax(jnp.where(empty, 0, a), axis=dim))


# fmt: off
ROWS: dict[str, Any] = {
    "sum":                    _reduced(jnp.sum),
    "mean":                   _reduced(jnp.mean),
    "prod":                   _reduced(jnp.prod),
    "nansum":                 _reduced(jnp.nansum),
    "all":                    _reduced(jnp.all),
    "any":                    _reduced(jnp.any),
    "count_nonzero":          _reduced(jnp.count_nonzero),
    "var.correction":         _spread(jnp.var),
    "std.correction":         _spread(jnp.std),
    "var_mean.correction":    _with_mean(jnp.var),
    "std_mean.correction":    _with_mean(jnp.std),
    "logsumexp":              _reduced(jax.nn.logsumexp),
    "linalg.vector_norm":     _reduced(_norm),
    "norm.ScalarOpt_dim":     _reduced(_norm),
    "dist":                   lambda a, b, p: jnp.linalg.vector_norm(a - b, ord=p),
    "_softmax":               along(lambda a, dim: jax.nn.softmax(a, axis=dim)),
    "_log_softmax":           along(lambda a, dim: jax.nn.log_softmax(a, axis=dim)),
    "_safe_softmax":          safe_softmax,
    # extrema
    "max.all":                jnp.max,
    "min.all":                jnp.min,
    "max.dim":                _extremum(jnp.max, jnp.argmax),
    "min.dim":                _extremum(jnp.min, jnp.argmin),
    "amax":                   _reduced(jnp.max),
    "amin":                   _reduced(jnp.min),
    "aminmax":                lambda a, dim, keepdim: (
                                  _reduced(jnp.min)(a, dim=dim, keepdim=keepdim),
                                  _reduced(jnp.max)(a, dim=dim, keepdim=keepdim)),
    "argmax":                 _place(jnp.argmax),
    "argmin":                 _place(jnp.argmin),
    # running
    "cumsum":                 along(lambda a, dim, dtype: jnp.cumsum(a, dim, dtype)),
    "cumprod":                along(lambda a, dim, dtype: jnp.cumprod(a, dim, dtype)),
    "cummax":                 _running(lax.cummax),
    "cummin":                 _running(lax.cummin),
    "logcumsumexp":           along(lambda a, dim: lax.cumlogsumexp(a, axis=dim)),
    # sorting
    "sort.unstable":          _sort,
    "sort.stable":            _sort,
    "argsort":                _argsort,
    "topk":                   _topk,
    "kthvalue":               _kth,
    "mode":                   _mode,
    "median.all":             _of_all(_median(False)),
    "median.dim":             _median(False),
    "nanmedian.all":          _of_all(_median(True)),
    "nanmedian.dim":          _median(True),
    # statistics
    "_unique2":               _unique,
    "histc":                  _histc,
    "bincount":               lambda a, weights, minlength: jnp.bincount(a, weights, minlength),
    "_searchsorted":          _ranked,
}
# fmt: on
