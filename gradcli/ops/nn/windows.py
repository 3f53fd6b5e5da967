"""The rows of pooling: the mean and the largest element of each window."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import DtypeFault
from gradcli.ops.nn.separable import separable
from gradcli.ops.shape.indexing import gather, gather_backward
from gradcli.ops.shape.shapes import reshape
from gradcli.rule.costs import fold
from gradcli.rule.dtypes import INT64, SCALAR_NAMES
from gradcli.rule.meta import Meta, Shape, of_operand
from gradcli.rule.rows import primitive, pullback
from gradcli.rule.rule import Derivative

# ---- windows, dimension by dimension -------------------------------------------------------
# A window is a row of positions and of flags: whether there is an element at the position.


def count_windows(n: int, k: int, s: int, p: int, d: int, ceil: bool) -> int:
    """Return how many windows there are: size, kernel, stride, padding, dilation, rounding."""
    count = (n + 2 * p - d * (k - 1) - 1 + (s - 1 if ceil else 0)) // s + 1
    return count - 1 if ceil and (count - 1) * s >= n + p else count


def _window(n: int, k: int, s: int, p: int, d: int, ceil: bool) -> tuple[Any, Any]:
    starts = np.arange(count_windows(n, k, s, p, d, ceil)) * s - p
    places = starts[:, None] + np.arange(k) * d
    return np.clip(places, 0, max(n - 1, 0)), (places >= 0) & (places < n)


def _adaptive(n: int, out: int) -> tuple[Any, Any]:
    starts = np.arange(out) * n // out
    ends = -(-(np.arange(out) + 1) * n // out)
    places = starts[:, None] + np.arange(max((ends - starts).max(initial=0), 1))
    return np.minimum(places, max(n - 1, 0)), places < ends[:, None]


def _windows(
    size: Shape, kernel_size: Shape, stride: Shape, padding: Shape, dilation: Shape,
    ceil_mode: bool,
) -> list[tuple[Any, Any]]:  # fmt: skip
    every = zip(size, kernel_size, stride, padding, dilation, strict=True)
    return [_window(*of_dim, ceil_mode) for of_dim in every]


# ---- means ---------------------------------------------------------------------------------


def _means(
    size: Shape, kernel_size: Shape, stride: Shape, padding: Shape, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None,
) -> list[tuple[Any, Any]]:  # fmt: skip
    """Return the positions of each window and their weights."""
    found = []
    for n, k, s, p in zip(size, kernel_size, stride, padding, strict=True):
        places, there = _window(n, k, s, p, 1, ceil_mode)
        starts = np.arange(len(places)) * s - p
        counted = np.minimum(starts + k, n + p) - starts if count_include_pad else there.sum(1)
        found.append((places, there / (1 if divisor_override else np.maximum(counted, 1)[:, None])))
    if divisor_override:
        places, weights = found[-1]
        found[-1] = places, weights / divisor_override
    return found


def _adaptive_means(size: Shape, output_size: Shape) -> list[tuple[Any, Any]]:
    found = []
    for n, out in zip(size, output_size, strict=True):
        places, there = _adaptive(n, out)
        found.append((places, there / np.maximum(there.sum(1, keepdims=True), 1)))
    return found


# fmt: off
avg_pool, avg_pool_transpose, avg_pool_backward = separable("avg_pool",
    "kernel_size: sizes, stride: sizes, padding: sizes, ceil_mode: bool, "
    "count_include_pad: bool, divisor_override: int",
    lambda kernel_size, **_: (len(kernel_size), f"AvgPool{len(kernel_size)}DBackward0"),
    _means, doc="Mean of each window", saves="input", keeps_input=True)
adaptive_avg_pool, adaptive_avg_pool_transpose, adaptive_avg_pool_backward = separable(
    "adaptive_avg_pool", "output_size: sizes",
    lambda output_size, **_: (len(output_size), f"AdaptiveAvgPool{len(output_size)}DBackward0"),
    _adaptive_means, doc="Means of as many windows as asked for", saves="input", keeps_input=True)
# fmt: on

# ---- maxima --------------------------------------------------------------------------------


def _maxima(a: Any, parts: list[tuple[Any, Any]]) -> tuple[Any, Any]:
    """Return the largest element of each window and where it is, counted over the dimensions."""
    rank = len(parts)
    size = a.shape[a.ndim - rank :]
    places, there = [], np.ones((1,) * 2 * rank, bool)
    for d, (index, valid) in enumerate(parts):
        shape = [1] * (2 * rank)
        shape[d], shape[rank + d] = index.shape
        places.append(index.reshape(shape))
        there = there & valid.reshape(shape)
    least = np.iinfo(a.dtype).min if a.dtype.kind in "iu" else -np.inf
    taken = np.where(there, a[(..., *places)], np.asarray(least, a.dtype))
    counts = there.shape[:rank]
    inside = prod(there.shape[rank:])
    flat = taken.reshape(*a.shape[: a.ndim - rank], *counts, inside)
    best = np.argmax(flat, -1)[..., None]
    where = np.broadcast_to(np.ravel_multi_index(np.broadcast_arrays(*places), size), there.shape)
    positions = np.broadcast_to(where.reshape(*counts, inside), flat.shape)
    return (np.take_along_axis(flat, best, -1)[..., 0],
            np.take_along_axis(positions, best, -1)[..., 0].astype(np.int64))  # fmt: skip


def _flat(x: Any, lead: Shape) -> Any:
    return reshape(x, (*lead, prod(x.shape[len(lead) :])))


def _max_transpose(g: Any, a: Any, places: Any, **attrs: Any) -> Any:
    lead = a.shape[: len(a.shape) - _rank(**attrs)]
    size = (*lead, prod(a.shape[len(lead) :]))
    spread = gather_backward(_flat(g, lead), _flat(places, lead), dim=len(lead), size=size)
    return reshape(spread, a.shape)


def _max_tangent(ts: Any, y: Any, a: Any, **attrs: Any) -> Any:
    lead = a.shape[: len(a.shape) - _rank(**attrs)]
    picked = gather(_flat(ts[0], lead), _flat(y[1], lead), dim=len(lead))
    return reshape(picked, y[0].shape), None


def _rank(kernel_size: Shape = (), output_size: Shape = (), **_: Any) -> int:
    return len(kernel_size or output_size)


def _refuse_unordered(a: Any, name: str) -> None:
    if a.dtype.kind in "bc":
        raise DtypeFault(f"\"{name}\" not implemented for '{SCALAR_NAMES[a.dtype.name]}'")


def _max_meta(a: Any, kernel_size: Shape, **attrs: Any) -> tuple[Meta, Meta]:
    rank = len(kernel_size)
    _refuse_unordered(a, f"max_pool{rank}d")
    parts = zip(a.shape[-rank:], kernel_size, attrs["stride"], attrs["padding"],
                attrs["dilation"], strict=True)  # fmt: skip
    shape = a.shape[:-rank] + tuple(count_windows(*part, attrs["ceil_mode"]) for part in parts)
    return Meta(shape, a.dtype), Meta(shape, INT64)


def _adaptive_max_meta(a: Any, output_size: Shape) -> tuple[Meta, Meta]:
    _refuse_unordered(a, f"adaptive_max_pool{len(output_size)}d")
    shape = a.shape[: len(a.shape) - len(output_size)] + output_size
    return Meta(shape, a.dtype), Meta(shape, INT64)


# fmt: off
max_pool_backward = pullback(
    "_max_pool_backward(grad, input, indices, kernel_size: sizes)",
    lambda *_, kernel_size: f"MaxPool{len(kernel_size)}DWithIndicesBackwardBackward0",
    _max_transpose, of_operand, fixed="indices")
adaptive_max_pool_backward = pullback(
    "_adaptive_max_pool_backward(grad, input, indices, output_size: sizes)",
    lambda *_, output_size: f"AdaptiveMaxPool{len(output_size)}DBackwardBackward0",
    _max_transpose, of_operand, fixed="indices")
max_pool = primitive(Derivative,
    "_max_pool(input, kernel_size: sizes, stride: sizes, padding: sizes, dilation: sizes, "
    "ceil_mode: bool)",
    lambda a, kernel_size, **_: f"MaxPool{len(kernel_size)}DWithIndicesBackward0",
    lambda a, kernel_size, **attrs:
        _maxima(a, _windows(a.shape[-len(kernel_size):], kernel_size, **attrs)),
    _max_meta,
    lambda g, y, a, kernel_size, **_: max_pool_backward(g[0], a, y[1], kernel_size=kernel_size),
    tangent=_max_tangent, outputs="values indices", saves="input indices",
    memory=fold(5),
    doc="Largest element of each window, and where it is", kink="a tie goes to the first")
adaptive_max_pool = primitive(Derivative,
    "_adaptive_max_pool(input, output_size: sizes)",
    lambda a, output_size: f"AdaptiveMaxPool{len(output_size)}DBackward0",
    lambda a, output_size: _maxima(a, [
        _adaptive(n, out)
        for n, out in zip(a.shape[-len(output_size):], output_size, strict=True)]),
    _adaptive_max_meta,
    lambda g, y, a, output_size:
        adaptive_max_pool_backward(g[0], a, y[1], output_size=output_size),
    tangent=_max_tangent, outputs="values indices", saves="input indices",
    memory=fold(3),
    doc="Largest elements of as many windows as asked for", kink="a tie goes to the first")
# fmt: on
