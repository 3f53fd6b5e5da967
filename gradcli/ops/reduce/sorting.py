"""Sorting, and what picks elements by their rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.ops.reduce.extrema import (
    pick_rule,
    pick_tangent,
    share_tangent,
    shared_evenly,
    with_indices,
)
from gradcli.ops.shape.indexing import gather, scatter_back
from gradcli.rule.costs import fold
from gradcli.rule.dtypes import INT64, Array
from gradcli.rule.meta import Meta
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative

# ---- forward functions: NaN is the largest, and equal elements keep their order --------------


def _order(a: Any, dim: int, descending: bool) -> Array:
    if not a.shape:
        return np.zeros((), np.int64)
    if not descending:
        return np.argsort(a, axis=dim, kind="stable")
    last = a.shape[dim] - 1
    return np.flip(last - np.argsort(np.flip(a, dim), axis=dim, kind="stable"), dim)


def _at(a: Any, index: Any, dim: int) -> Any:
    return np.take_along_axis(a, index, dim) if a.shape else a


def _sort(a: Any, dim: int, descending: bool) -> tuple[Any, Any]:
    index = _order(a, dim, descending)
    return _at(a, index, dim), index


def _topk(a: Any, k: int, dim: int, largest: bool, sorted: bool) -> tuple[Any, Any]:
    index = _order(a, dim, largest)
    index = index[(*(slice(None),) * dim, slice(k))] if a.shape else index
    return _at(a, index, dim), index


def _one(a: Any, index: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    values = _at(a, index, dim)
    return (values, index) if keepdim or not a.shape else (values.squeeze(dim), index.squeeze(dim))


def _kth(a: Any, k: int, dim: int, keepdim: bool) -> tuple[Any, Any]:
    if not a.shape:
        return a, np.zeros((), np.int64)
    if not a.size:
        index = np.zeros((*a.shape[:dim], 1, *a.shape[dim + 1 :]), np.int64)
        return _one(a, index, dim, keepdim)
    index = np.expand_dims(np.apply_along_axis(_quick_select, dim, a, k - 1), dim)
    return _one(a, index, dim, keepdim)


def _quick_select(row: Array, k: int) -> int:
    """Return where the element of rank k is; among equal ones, the one that PyTorch finds.

    Source: ATen's `quick_select_template`, the selection of Numerical Recipes (8.5).
    """
    values, index = row.copy(), np.arange(len(row))

    def above(i: int, j: int) -> bool:
        return bool(values[i] > values[j] or (values[i] != values[i] and values[j] == values[j]))

    def swap(i: int, j: int) -> None:
        values[[i, j]], index[[i, j]] = values[[j, i]], index[[j, i]]

    low, high = 0, len(row) - 1
    while low < high:
        if high == low + 1:
            if above(low, high):
                swap(low, high)
            break
        swap((low + high) >> 1, low + 1)
        for i, j in ((low + 1, high), (low, high), (low + 1, low)):
            if above(i, j):
                swap(i, j)
        i, j = low + 1, high
        while True:
            i, j = i + 1, j - 1
            while above(low, i):
                i += 1
            while above(j, low):
                j -= 1
            if j < i:
                break
            swap(i, j)
        swap(low, j)
        low, high = (i if j <= k else low), (j - 1 if j >= k else high)
    return int(index[k])


def _middle(a: Any, dim: int, keepdim: bool, ignore_nan: bool) -> tuple[Any, Any]:
    """Return the lower median along a dimension; NaN is the median where there is one."""
    if not a.shape:
        return a, np.zeros((), np.int64)
    index = _order(a, dim, False)
    nan = np.isnan(a)
    count: Any = np.sum(~nan, axis=dim, keepdims=True) if ignore_nan else a.shape[dim]
    place = np.maximum(count - 1, 0) // 2
    shape = (*a.shape[:dim], 1, *a.shape[dim + 1 :])
    index = np.take_along_axis(index, np.broadcast_to(place, shape), dim)
    if not ignore_nan:
        first = np.expand_dims(np.argmax(nan, dim), dim)
        index = np.where(nan.any(dim, keepdims=True), first, index)
    return _one(a, index, dim, keepdim)


def _median(ignore_nan: bool) -> Any:
    def forward(a: Any) -> Any:
        if not a.size:
            return np.asarray(np.nan)
        return _middle(a.reshape(-1), 0, False, ignore_nan)[0]

    return forward


def _median_along(ignore_nan: bool) -> Any:
    return lambda a, dim, keepdim: _middle(a, dim, keepdim, ignore_nan)


def _mode(a: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
    """Return the most frequent element along a dimension, the smallest of several."""
    if not a.shape:
        return a, np.zeros((), np.int64)
    index = _order(a, dim, False)
    values = np.moveaxis(np.take_along_axis(a, index, dim), dim, -1)
    start = np.ones(values.shape, bool)
    start[..., 1:] = values[..., 1:] != values[..., :-1]
    places = np.arange(values.shape[-1])
    run = places - np.maximum.accumulate(np.where(start, places, 0), axis=-1)
    last = np.expand_dims(np.argmax(run, -1), -1)
    index = np.moveaxis(np.take_along_axis(np.moveaxis(index, dim, -1), last, -1), -1, dim)
    return _one(a, index, dim, keepdim)


# ---- shapes --------------------------------------------------------------------------------


def _sort_meta(a: Any, **_: Any) -> tuple[Meta, Meta]:
    return Meta(a.shape, a.dtype), Meta(a.shape, INT64)


def _topk_meta(a: Any, k: int, dim: int, largest: bool, sorted: bool) -> tuple[Meta, Meta]:
    size = a.shape[dim] if a.shape else 1
    if not 0 <= k <= size:
        raise ArgumentFault("selected index k out of range",
                            hint=f"k is {k}, and dimension {dim} has {size} elements")  # fmt: skip
    shape = (*a.shape[:dim], k, *a.shape[dim + 1 :]) if a.shape else ()
    return Meta(shape, a.dtype), Meta(shape, INT64)


def _kth_meta(a: Any, k: int, dim: int, keepdim: bool) -> tuple[Meta, Meta]:
    size = a.shape[dim] if a.shape else 1
    if not 1 <= k <= size:
        raise ArgumentFault(
            f"kthvalue(): selected number k out of range for dimension {dim}",
            hint=f"k counts from 1 to {size}",
        )
    return with_indices("kthvalue")(a, dim, keepdim)  # type: ignore[no-any-return]


def _scalar_meta(a: Any) -> Meta:
    return Meta((), a.dtype)


# ---- rules ---------------------------------------------------------------------------------


def _sorted_rule(g: Any, y: Any, a: Any, dim: int, **_: Any) -> Any:
    return scatter_back(g[0], y[1], dim=dim, size=a.shape)


def _sorted_tangent(ts: Any, y: Any, a: Any, dim: int, **_: Any) -> Any:
    return gather(ts[0], y[1], dim=dim), None


def _share_rule(g: Any, y: Any, a: Any) -> Any:
    return shared_evenly(g, y, a)


def _share_tangent(ts: Any, y: Any, a: Any) -> Any:
    return share_tangent(ts, y, a, None, False)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

sort_unstable = primitive(Derivative,
    "sort.unstable(input, dim: dim = -1, descending: bool = False)", "SortBackward0",
    _sort, _sort_meta, _sorted_rule, tangent=_sorted_tangent, outputs="values indices",
    doc="Elements in order along a dimension, and where they were", kink="ties keep their order")
sort_stable = primitive(Derivative,
    "sort.stable(input, dim: dim = -1, descending: bool = False)", "SortBackward1",
    _sort, _sort_meta, _sorted_rule, tangent=_sorted_tangent, outputs="values indices",
    doc="Elements in order along a dimension, and where they were", kink="ties keep their order")
argsort = primitive(Derivative,
    "argsort(input, dim: dim = -1, descending: bool = False, stable: bool = False)", "",
    lambda a, dim, descending, stable: _order(a, dim, descending),
    lambda a, dim, descending, stable: Meta(a.shape, INT64),
    refuses="complex", doc="Where the elements were that sorting puts in order")
topk = primitive(Derivative,
    "topk(input, k: int, dim: dim = -1, largest: bool = True, sorted: bool = True)",
    "TopkBackward0",
    _topk, _topk_meta, _sorted_rule, tangent=_sorted_tangent, outputs="values indices",
    refuses="bool complex", doc="The k largest elements along a dimension, and where they are",
    kink="ties go to the first", examples="topk(v, 2).values; M.topk(1, 0, largest=False)[0]")
kthvalue = primitive(Derivative,
    "kthvalue(input, k: int, dim: dim = -1, keepdim: bool = False)", "KthvalueBackward0",
    _kth, _kth_meta, pick_rule, tangent=pick_tangent, outputs="values indices",
    refuses="bool complex", doc="The k-th smallest element along a dimension, and where it is",
    kink="a tie goes to the one that PyTorch's selection finds",
    examples="kthvalue(v, 2).values; M.kthvalue(1, 0)[0]")
mode = primitive(Derivative,
    "mode(input, dim: dim = -1, keepdim: bool = False)", "ModeBackward0",
    _mode, with_indices("mode"), pick_rule, tangent=pick_tangent, outputs="values indices",
    refuses="complex", memory=fold(6),
    doc="The most frequent element along a dimension, and where it is last",
    kink="the last of equal elements", examples="mode(v).values; M.mode(0)[0]")
median_all = primitive(Derivative, "median.all(input)", "MedianBackward0",
    _median(False), _scalar_meta, _share_rule, tangent=_share_tangent,
    doc="The middle element, the lower of two", kink="a tie is shared evenly")
median_dim = primitive(Derivative,
    "median.dim(input, dim: dim, keepdim: bool = False)", "MedianBackward1",
    _median_along(False), with_indices("median"), pick_rule, tangent=pick_tangent,
    outputs="values indices", memory=fold(3),
    doc="The middle elements along a dimension, and where they are",
    kink="a tie goes to the one in the middle")
nanmedian_all = primitive(Derivative, "nanmedian.all(input)", "NanmedianBackward0",
    _median(True), _scalar_meta, _share_rule, tangent=_share_tangent,
    doc="The middle element of those that are not NaN", kink="a tie is shared evenly")
nanmedian_dim = primitive(Derivative,
    "nanmedian.dim(input, dim: dim, keepdim: bool = False)", "NanmedianBackward1",
    _median_along(True), with_indices("nanmedian"), pick_rule, tangent=pick_tangent,
    outputs="values indices", memory=fold(3), doc="The middle elements of those that are not NaN",
    kink="a tie goes to the one in the middle")

# fmt: on


def _sorted(a: Any, dim: int, descending: bool, stable: Any) -> Any:
    row = sort_unstable if stable is None else sort_stable
    return row(a, dim=dim, descending=descending)


def _either(whole: Any, along: Any) -> Any:
    def expand(a: Any, dim: Any, keepdim: bool) -> Any:
        return whole(a) if dim is None else along(a, dim=dim, keepdim=keepdim)

    return expand


# fmt: off
sort = composite(
    "sort(input, dim: int = -1, descending: bool = False, stable: bool = None)", _sorted,
    refuses="complex",
    doc="Elements in order along a dimension, and where they were", kink="ties keep their order",
    examples="sort(v).values; M.sort(0, descending=True)[0]; sort(M, stable=True)[0]")
msort = composite("msort(input)", lambda a: sort_unstable(a, dim=0)[0],
    refuses="complex", doc="Elements in order along the first dimension", examples="msort(M)")
median = composite("median(input, dim: int = None, keepdim: bool = False)",
    _either(median_all, median_dim),
    refuses="bool complex",
    doc="The middle element, the lower of two; with `dim`, values and indices",
    kink="a tie is shared evenly, with `dim` it goes to the one in the middle",
    examples="median(v); M.median(1).values")
nanmedian = composite("nanmedian(input, dim: int = None, keepdim: bool = False)",
    _either(nanmedian_all, nanmedian_dim),
    refuses="bool complex",
    doc="The middle element of those that are not NaN; with `dim`, values and indices",
    kink="a tie is shared evenly, with `dim` it goes to the one in the middle",
    examples="nanmedian(v); M.nanmedian(1)[0]")
# fmt: on
