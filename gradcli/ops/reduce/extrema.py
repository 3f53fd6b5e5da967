"""Largest and smallest elements, and where they are."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.pointwise.elementwise import (
    eq,
    isnan,
    logical_and,
    logical_or,
    masked_fill_tensor,
    maximum,
    minimum,
)
from gradcli.ops.shape.indexing import gather, scatter_back
from gradcli.ops.shape.shapes import reshape, restore, sum_, to, unsqueeze, zeros_like
from gradcli.rule.dtypes import INT64, is_differentiable
from gradcli.rule.meta import Meta, reduced, reduced_dims
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, concrete

# ---- shapes and forward functions ----------------------------------------------------------


def _nonempty(name: str) -> Any:
    def meta(a: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Meta:
        if any(a.shape[d] == 0 for d in reduced_dims(len(a.shape), dim)):
            raise ArgumentFault(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        return Meta(reduced(a.shape, dim, keepdim), a.dtype)

    return meta


def _index_meta(name: str) -> Any:
    """Return the shape rule of argmax and argmin."""

    def meta(a: Any, dim: Any = None, keepdim: bool = False) -> Meta:
        if dim is None and not prod(a.shape):
            raise ShapeFault(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0."
            )
        if any(a.shape[d] == 0 for d in reduced_dims(len(a.shape), dim)):
            raise ShapeFault(f"{name}(): Expected reduction dim {dim} to have non-zero size.")
        return Meta(reduced(a.shape, dim, keepdim), INT64)

    return meta


def _both_meta(a: Any, dim: Any, keepdim: bool) -> tuple[Meta, Meta]:
    one = _nonempty("aminmax")(a, dim, keepdim)
    return one, one


def with_indices(name: str) -> Any:
    """Return the shape rule of an operation that gives values and where they are."""
    check = _nonempty(name)

    def meta(a: Any, dim: int, keepdim: bool) -> tuple[Meta, Meta]:
        values = check(a, dim, keepdim)
        return values, Meta(values.shape, INT64)

    return meta


def _picked(arg: Any) -> Any:
    def forward(a: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
        if not np.ndim(a):
            return a, np.zeros((), np.int64)
        index = np.expand_dims(arg(a, dim), dim)
        values = np.take_along_axis(a, index, dim)
        return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))

    return forward


def _axis(a: Any, dim: Any) -> Any:
    return reduced_dims(np.ndim(a), dim)


def _arg(find: Any) -> Any:
    def forward(a: Any, dim: Any, keepdim: bool) -> Any:
        if dim is None:
            return np.reshape(find(a), (1,) * np.ndim(a)) if keepdim else find(a)
        return find(a, dim, keepdims=keepdim) if np.ndim(a) else np.zeros((), np.int64)

    return forward


# ---- rules ---------------------------------------------------------------------------------


def _has_nan(a: Any) -> bool:
    return bool(np.isnan(concrete(a)).any()) if is_differentiable(a.dtype) else False


def share(g: Any, y: Any, a: Any, dim: Any, keepdim: bool) -> Any:
    """Divide a cotangent evenly among the elements that are the extremum."""
    top = restore(y, a.shape, dim, keepdim)
    mask = _extreme(a, top)
    return mask * (restore(g, a.shape, dim, keepdim) / sum_(mask, dim=dim, keepdim=True))


def shared_evenly(g: Any, y: Any, a: Any) -> Any:
    """Divide the cotangent of one number among the elements that are equal to it."""
    mask = _is_extreme(a, y)
    return masked_fill_tensor(zeros_like(a), mask, g / sum_(mask))


def _is_extreme(a: Any, top: Any) -> Any:
    """Return where an element is the extremum, NaN being one."""
    mask = eq(a, top)
    return logical_or(mask, logical_and(isnan(a), isnan(top))) if _has_nan(a) else mask


def _extreme(a: Any, top: Any) -> Any:
    return to(_is_extreme(a, top), a.dtype)


def share_tangent(ts: Any, y: Any, a: Any, dim: Any, keepdim: bool) -> Any:
    """Average the tangents of the elements that are the extremum."""
    top = restore(y, a.shape, dim, keepdim)
    mask = _extreme(a, top)
    share = mask / sum_(mask, dim=dim, keepdim=True)
    return sum_(ts[0] * share, dim=dim, keepdim=keepdim)


def pick_rule(g: Any, y: Any, a: Any, dim: int, keepdim: bool, **_: Any) -> Any:
    """Give the cotangent of values to the elements that were picked."""
    values, index = g[0], y[1]
    if not keepdim and a.shape:
        values, index = unsqueeze(values, dim=dim), unsqueeze(index, dim=dim)
    return scatter_back(values, index, dim=dim, size=a.shape)


def pick_tangent(ts: Any, y: Any, a: Any, dim: int, keepdim: bool, **_: Any) -> Any:
    """Return the tangents of the elements that were picked."""
    index = y[1] if keepdim or not a.shape else unsqueeze(y[1], dim=dim)
    picked = gather(ts[0], index, dim=dim)
    return (picked if keepdim or not a.shape else reshape(picked, y[0].shape)), None


def _both_rule(g: Any, y: Any, a: Any, dim: Any, keepdim: bool) -> Any:
    parts = [share(x, end, a, dim, keepdim) for x, end in zip(g, y, strict=True) if x is not None]
    return parts[0] if len(parts) == 1 else parts[0] + parts[1]


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

max_all = primitive(Derivative, "max.all(input)", "MaxBackward1",
    np.max, _nonempty("max"),
    lambda g, y, a: shared_evenly(g, y, a),
    tangent=lambda ts, y, a: share_tangent(ts, y, a, None, False),
    doc="Largest element", kink="a tie is shared evenly")
min_all = primitive(Derivative, "min.all(input)", "MinBackward1",
    np.min, _nonempty("min"),
    lambda g, y, a: shared_evenly(g, y, a),
    tangent=lambda ts, y, a: share_tangent(ts, y, a, None, False),
    doc="Smallest element", kink="a tie is shared evenly")
max_dim = primitive(Derivative, "max.dim(input, dim: dim, keepdim: bool = False)", "MaxBackward0",
    _picked(np.argmax), with_indices("max"), pick_rule, tangent=pick_tangent,
    outputs="values indices", doc="Largest elements along a dimension, and where they are",
    kink="a tie goes to the first")
min_dim = primitive(Derivative, "min.dim(input, dim: dim, keepdim: bool = False)", "MinBackward0",
    _picked(np.argmin), with_indices("min"), pick_rule, tangent=pick_tangent,
    outputs="values indices", doc="Smallest elements along a dimension, and where they are",
    kink="a tie goes to the first")
amax = primitive(Derivative, "amax(input, dim: dims = (), keepdim: bool = False)", "AmaxBackward0",
    lambda a, dim, keepdim: np.max(a, axis=_axis(a, dim), keepdims=keepdim), _nonempty("amax"),
    share, tangent=share_tangent,
    refuses="complex",
    doc="Largest elements", kink="a tie is shared evenly", examples="amax(M); M.amax(0)")
amin = primitive(Derivative, "amin(input, dim: dims = (), keepdim: bool = False)", "AminBackward0",
    lambda a, dim, keepdim: np.min(a, axis=_axis(a, dim), keepdims=keepdim), _nonempty("amin"),
    share, tangent=share_tangent,
    refuses="complex",
    doc="Smallest elements", kink="a tie is shared evenly", examples="amin(M); M.amin(0)")
aminmax = primitive(Derivative,
    "aminmax(input, dim: dim = None, keepdim: bool = False)", "AminmaxBackward0",
    lambda a, dim, keepdim: (np.min(a, axis=_axis(a, dim), keepdims=keepdim),
                             np.max(a, axis=_axis(a, dim), keepdims=keepdim)),
    _both_meta, _both_rule,
    tangent=lambda ts, y, a, dim, keepdim:
        tuple(share_tangent(ts, end, a, dim, keepdim) for end in y),
    outputs="min max",
    refuses="complex", doc="Smallest and largest elements", kink="a tie is shared evenly",
    examples="aminmax(v)[0]; aminmax(M, dim=1).max")
argmax = primitive(Derivative, "argmax(input, dim: dim = None, keepdim: bool = False)", "",
    _arg(np.argmax), _index_meta("argmax"),
    refuses="bool complex", doc="Index of the largest element")
argmin = primitive(Derivative, "argmin(input, dim: dim = None, keepdim: bool = False)", "",
    _arg(np.argmin), _index_meta("argmin"),
    refuses="bool complex", doc="Index of the smallest element")
# fmt: on


def _extremum(whole: Any, along: Any, pair: Any) -> Any:
    def expand(a: Any, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
        if other is not None or (dim is not None and hasattr(dim, "dtype")):
            return pair(a, dim if other is None else other)
        return whole(a) if dim is None else along(a, dim=dim, keepdim=keepdim)

    return expand


# fmt: off
max_ = composite("max(input, dim: array|int = None, keepdim: bool = False, other = None)",
    _extremum(max_all, max_dim, maximum),
    refuses="complex",
    doc="Largest element; with `dim`, values and indices; of two tensors, the larger",
    kink="a tie is shared evenly, with `dim` it goes to the first",
    examples="max(v); M.max(0).values")
min_ = composite("min(input, dim: array|int = None, keepdim: bool = False, other = None)",
    _extremum(min_all, min_dim, minimum),
    refuses="complex",
    doc="Smallest element; with `dim`, values and indices; of two tensors, the smaller",
    kink="a tie is shared evenly, with `dim` it goes to the first",
    examples="min(v); M.min(1).values")
# fmt: on
