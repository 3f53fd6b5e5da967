"""Views of a tensor in another shape or order: all are linear, and move nothing."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.ops.shape.indexing import slice_
from gradcli.ops.shape.shapes import (
    conj,
    contiguous_copy,
    expand,
    is_packed,
    permute,
    reshape,
    squeeze_all,
    squeeze_dim,
    sum_,
    t,
    to,
    transpose,
    unsqueeze,
    view,
    zeros_like,
)
from gradcli.rule.meta import Meta, Shape, dim_index, resolved, shown, strides_of
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, Elementwise, Multilinear, number
from gradcli.rule.signature import Signature


def _squeeze(a: Any, dim: Any) -> Any:
    if dim is None:
        return squeeze_all(a)
    return squeeze_dims(a, dim=tuple(dim)) if isinstance(dim, tuple | list) else squeeze_dim(
        a, dim=(int(dim),))  # fmt: skip


def _flatten(a: Any, start: int, end: int) -> Any:
    rank = len(a.shape)
    if not rank:
        return reshape(a, (1,))
    start, end = dim_index(start, rank), dim_index(end, rank)
    if start > end:
        raise ArgumentFault("flatten() has invalid args: start_dim cannot come after end_dim")
    if start == end:
        return a
    return reshape(a, (*a.shape[:start], prod(a.shape[start : end + 1]), *a.shape[end + 1 :]))


def ravel_(a: Any) -> Any:
    """Return all elements in one dimension: a view where memory is contiguous."""
    return view(a if is_packed(a) else contiguous_copy(a), shape=(-1,))


def _unflatten(a: Any, dim: int, sizes: Shape) -> Any:
    dim = dim_index(dim, len(a.shape))
    count = a.shape[dim] if a.shape else 1
    known = prod(n for n in sizes if n != -1)
    if (count % known if -1 in sizes and known else count != known) or not sizes:
        raise ArgumentFault(
            f"unflatten: Provided sizes {shown(sizes)} don't multiply up to the size of dim {dim} "
            f"({count}) in the input tensor"
        )
    return view(a, shape=(*a.shape[:dim], *resolved(sizes, count), *a.shape[dim + 1 :]))


def _movedim(a: Any, source: Shape, destination: Shape) -> Any:
    rank = len(a.shape)
    if len(source) != len(destination):
        raise ArgumentFault(
            f"movedim: Invalid source or destination dims: source ({shown(source)} dims) should "
            f"contain the same number of dims as destination ({shown(destination)} dims)"
        )
    moved = {dim_index(d, rank): dim_index(s, rank)
             for s, d in zip(source, destination, strict=True)}  # fmt: skip
    if len(moved) != len(source) or len(set(moved.values())) != len(source):
        raise ArgumentFault(
            "movedim: repeated dim in `source` or `destination` "
            f"({shown(source)} and {shown(destination)})"
        )
    rest = iter(d for d in range(rank) if d not in moved.values())
    return permute(a, dims=tuple(moved[d] if d in moved else next(rest) for d in range(rank)))


def _narrow(a: Any, dim: int, start: Any, length: int) -> Any:
    if hasattr(start, "dtype") and (start.shape or start.dtype.kind not in "iu"):
        raise ArgumentFault("start must be an 0-dim integral Tensor.")
    start = int(start.__index__())
    size = a.shape[dim_index(dim, len(a.shape))] if a.shape else 0
    if not a.shape:
        raise ArgumentFault("narrow() cannot be applied to a 0-dim tensor.")
    if length < 0:
        raise ArgumentFault("narrow(): length must be non-negative.")
    if not -size <= start <= size:
        raise ArgumentFault(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start = start + size if start < 0 else start
    if start + length > size:
        raise ArgumentFault(f"start ({start}) + length ({length}) exceeds dimension size ({size}).")
    return slice_(a, dim=dim, start=start, end=start + length, step=1)


def at_least(a: Any, rank: int) -> Any:
    """Return a tensor with dimensions of size 1 put around it until it has 1, 2 or 3."""
    missing = rank - len(a.shape)
    if missing <= 0:
        return a
    if not a.shape:
        return reshape(a, (1,) * rank)
    if rank == 3:
        return unsqueeze(a if missing == 1 else unsqueeze(a, dim=0), dim=-1)
    return unsqueeze(a, dim=0)


def _at_least(rank: int) -> Any:
    def expand(tensors: Any) -> Any:
        if isinstance(tensors, tuple | list):
            return tuple(at_least(a, rank) for a in tensors)
        return at_least(tensors, rank)

    return expand


# ---- sliding windows -----------------------------------------------------------------------


def _unfold_meta(a: Any, dimension: int, size: int, step: int) -> Meta:
    length, stride = (a.shape[dimension], strides_of(a)[dimension]) if a.shape else (1, 1)
    if not 0 <= size <= length:
        raise ArgumentFault(
            f"maximum size for tensor at dimension {dimension} is {length} but size is {size}"
        )
    if step <= 0:
        raise ArgumentFault(f"step is {step} but must be > 0")
    if not a.shape:
        return Meta((size,), a.dtype)
    shape, strides = list(a.shape), list(strides_of(a))
    shape[dimension], strides[dimension] = (length - size) // step + 1, stride * step
    return Meta((*shape, size), a.dtype, (*strides, stride))


def _unfold(a: Any, dimension: int, size: int, step: int) -> Any:
    if not a.shape:
        return np.reshape(a, (1,))[:size]
    windows = np.lib.stride_tricks.sliding_window_view(a, size, dimension) if size else None
    if windows is None:
        count = a.shape[dimension] // step + 1
        return np.zeros((*a.shape[:dimension], count, *a.shape[dimension + 1 :], 0), a.dtype)
    return windows[(*(slice(None),) * dimension, slice(None, None, step))]


def _unfold_backward(g: Any, size: Shape, dim: int, length: int, step: int) -> Any:
    result = np.zeros(size or (1,), g.dtype)
    g = g if size else g[None]
    for k in range(length):
        places = slice(k, k + step * g.shape[dim], step)
        result[(*(slice(None),) * dim, places)] += g[..., k]
    return result.reshape(size)


def _filled(a: Any, value: Any) -> Any:
    if number(value):
        return fill_number(a, value=value)
    _check_filling("fill", value)
    return fill_tensor(a, value)


def _filled_in_place(a: Any, value: Any) -> Any:
    if number(value):
        return fill_number_in_place(a, value=value)
    _check_filling("fill_", value)
    return fill_tensor_in_place(a, value)


def _check_filling(name: str, value: Any) -> None:
    if value.shape:
        raise ArgumentFault(
            f"{name} only supports 0-dimension value tensor but got tensor with "
            f"{len(value.shape)} dimensions."
        )


def _like(a: Any, *_: Any, **__: Any) -> Meta:
    return Meta(a.shape, a.dtype, a.strides)


def _copy_meta(a: Any, b: Any) -> Meta:
    expand.meta(b, size=a.shape)  # its shape must fit
    return Meta(a.shape, a.dtype, a.strides)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

unfold = primitive(Multilinear,
    "unfold(input, dimension: dim, size: int, step: int)", "UnfoldBackward0",
    _unfold, _unfold_meta,
    lambda g, y, a, dimension, size, step:
        unfold_backward(g, input_sizes=a.shape, dim=dimension, size=size, step=step),
    view="alias",
    doc="View of all windows of a size along a dimension", examples="v.unfold(0, 2, 1)")

unfold_backward = primitive(Multilinear,
    "_unfold_backward(grad, input_sizes: sizes, dim: int, size: int, step: int)",
    "UnfoldBackwardBackward0",
    lambda g, input_sizes, dim, size, step: _unfold_backward(g, input_sizes, dim, size, step),
    lambda g, input_sizes, dim, size, step: Meta(input_sizes, g.dtype),
    lambda g, y, a, input_sizes, dim, size, step:
        unfold(g, dimension=dim, size=size, step=step),
    doc="Windows added up where they came from: the transpose of unfold")

fill_number = primitive(Derivative, "fill.Scalar(input, value: number)", "FillBackward0",
    lambda a, value: np.full(a.shape, value), _like,
    lambda g, y, a, value: zeros_like(g),
    tangent=lambda ts, y, a, value: zeros_like(ts[0]), doc="A tensor of one number")

fill_tensor = primitive(Elementwise, "fill.Tensor(input, value)", "FillBackward1",
    lambda a, value: np.full(a.shape, value), _like,
    lambda g, y, a, b: zeros_like(g),
    lambda g, y, a, b: g,
    doc="A tensor of one number")

squeeze_dims = replace(squeeze_dim,
    signature=Signature("squeeze.dims(input, dim: dims)"), grad_fn="SqueezeBackward2")

# in place: the same as without the underscore, with PyTorch's own node names

t_in_place = primitive(Multilinear, "t_(input)", "TBackward1", t.forward, t.meta,
    lambda g, y, a: t(g), view="alias", doc="t, in place")

transpose_in_place = primitive(Multilinear,
    "transpose_(input, dim0: dim, dim1: dim)", "TransposeBackward1",
    transpose.forward, transpose.meta,
    lambda g, y, a, dim0, dim1: transpose(g, dim0=dim0, dim1=dim1),
    view="alias", doc="transpose, in place", aliases="swapaxes_ swapdims_")

unsqueeze_in_place = primitive(Multilinear,
    "unsqueeze_(input, dim: int)", "UnsqueezeBackward1", unsqueeze.forward, unsqueeze.meta,
    lambda g, y, a, dim: reshape(g, a.shape), view="alias", doc="unsqueeze, in place")

squeeze_all_in_place = primitive(Multilinear,
    "squeeze_.all(input)", "SqueezeBackward3", squeeze_all.forward, squeeze_all.meta,
    lambda g, y, a: reshape(g, a.shape), view="alias", doc="squeeze, in place")

squeeze_dim_in_place = replace(squeeze_dim,
    signature=Signature("squeeze_.dim(input, dim: dims)"), grad_fn="SqueezeBackward4")
squeeze_dims_in_place = replace(squeeze_dim,
    signature=Signature("squeeze_.dims(input, dim: dims)"), grad_fn="SqueezeBackward5")

fill_number_in_place = primitive(Derivative, "fill_.Scalar(input, value: number)", "FillBackward2",
    fill_number.forward, _like,
    lambda g, y, a, value: zeros_like(g),
    tangent=lambda ts, y, a, value: zeros_like(ts[0]), doc="fill, in place")

fill_tensor_in_place = primitive(Elementwise, "fill_.Tensor(input, value)", "FillBackward3",
    fill_tensor.forward, _like,
    lambda g, y, a, b: zeros_like(g),
    lambda g, y, a, b: g, doc="fill, in place")

copy_in_place = primitive(Elementwise, "copy_(input, src)", "CopyBackwards",
    lambda a, b: np.broadcast_to(b, a.shape), _copy_meta,
    lambda g, y, a, b: zeros_like(g),
    lambda g, y, a, b: g, doc="Another tensor's values, in place")

reshape_  = composite("reshape(input, shape: sizes)", reshape,
    doc="The same elements in another shape", examples="M.reshape(6); M.T.reshape(-1)")
contiguous_ = composite("contiguous(input)", lambda a: a if is_packed(a) else contiguous_copy(a),
    doc="The tensor in contiguous memory; itself where it is")
conj_ = composite("conj(input)", conj, aliases="conjugate",
    doc="Complex conjugate; a real tensor itself")
squeeze   = composite("squeeze(input, dim: axes = None)", _squeeze,
    doc="View without dimensions of size 1", examples="v.unsqueeze(0).squeeze(0)")
squeeze_in_place = composite("squeeze_(input, dim: axes = None)",
    lambda a, dim: squeeze_all_in_place(a) if dim is None
        else (squeeze_dims_in_place if isinstance(dim, tuple | list)
              else squeeze_dim_in_place)(a, dim=dim),
    doc="squeeze, in place",
    examples="(v * 1).unsqueeze(0).squeeze_(0); (M[None] * 1).squeeze_((0, 1))")
flatten   = composite("flatten(input, start_dim: int = 0, end_dim: int = -1)", _flatten,
    doc="Dimensions merged into one", examples="T.flatten(1)")
ravel     = composite("ravel(input)", ravel_,
    doc="All dimensions merged into one", examples="M.T.ravel()")
unflatten = composite("unflatten(input, dim: int, sizes: sizes)", _unflatten,
    doc="View with one dimension cut into several", examples="v.unflatten(0, (3, 1))")
expand_as = composite("expand_as(input, other)", lambda a, b: expand(a, size=b.shape),
    doc="View with the shape of another tensor", examples="v.expand_as(A)")
view_as   = composite("view_as(input, other)", lambda a, b: view(a, shape=b.shape),
    doc="View with the shape of another tensor", examples="M.view_as(M)")
reshape_as = composite("reshape_as(input, other)", lambda a, b: reshape(a, b.shape),
    doc="The same elements in the shape of another tensor", examples="M.T.reshape_as(M)")
type_as   = composite("type_as(input, other)", lambda a, b: to(a, b.dtype),
    doc="The tensor in the dtype of another", examples="v.type_as(M)")
sum_to_size = composite("sum_to_size(input, size: sizes)",
    lambda a, size: _sum_to_size(a, size),
    doc="Sum over dimensions so that the result has a shape", examples="M.sum_to_size(1, 3)")
movedim   = composite("movedim(input, source: dims, destination: dims)", _movedim,
    doc="View with some dimensions moved", aliases="moveaxis",
    examples="movedim(T, 0, 2); T.movedim((0, 1), (2, 0))")
narrow    = composite("narrow(input, dim: int, start: array|int, length: int)", _narrow,
    doc="A range of a length along a dimension", examples="v.narrow(0, 1, 2); M.narrow(1, -2, 1)")
atleast_1d = composite("atleast_1d(tensors: tensor|arrays)", _at_least(1),
    doc="View with at least 1 dimension", examples="atleast_1d(s)")
atleast_2d = composite("atleast_2d(tensors: tensor|arrays)", _at_least(2),
    doc="View with at least 2 dimensions", examples="atleast_2d(s); atleast_2d(v)")
atleast_3d = composite("atleast_3d(tensors: tensor|arrays)", _at_least(3),
    doc="View with at least 3 dimensions", examples="atleast_3d(v); atleast_3d(M)")
fill  = composite("fill(input, value)", _filled,
    doc="A tensor of one number, in the shape of another", examples="fill(v, s)")
fill_in_place = composite("fill_(input, value)",
    _filled_in_place,
    doc="fill, in place")
# fmt: on


def _sum_to_size(a: Any, size: Shape) -> Any:
    lead = len(a.shape) - len(size)
    wrong = lead < 0 or any(m not in (1, n) for m, n in zip(size, a.shape[lead:], strict=True))
    if wrong:
        raise ArgumentFault(
            f"size {{{shown(size)}}} is not expandable to size {{{shown(a.shape)}}}."
        )
    if not size:
        return sum_(a) if a.shape else a
    dims = (*range(lead), *(i + lead for i, n in enumerate(size) if n != a.shape[i + lead]))
    total = sum_(a, dim=dims, keepdim=True) if dims else a
    return view(total, shape=size) if lead else total
