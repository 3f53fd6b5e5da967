"""Operations that move, repeat and add up elements without changing them: all are linear."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.pointwise.scalars import div_number
from gradcli.ops.shape.indexing import permuted, select, slice_
from gradcli.rule.dtypes import INT64, SCALAR_NAMES, is_differentiable, promote
from gradcli.rule.meta import (
    Meta,
    Shape,
    dim_index,
    is_contiguous,
    packed,
    reduced,
    reduced_dims,
    resolved,
    shown,
    strides_of,
    view_strides,
)
from gradcli.rule.rows import composite, elementwise, primitive
from gradcli.rule.rule import Multilinear, Traced, Variadic

# ---- shapes of results ---------------------------------------------------------------------


def _reduced_meta(a: Any, dim: Any, keepdim: bool, dtype: Any = None) -> Meta:
    wide = INT64 if a.dtype.kind in "biu" else a.dtype
    return Meta(reduced(a.shape, dim, keepdim), dtype or wide)


def _mean_meta(a: Any, dim: Any, keepdim: bool, dtype: Any = None) -> Meta:
    result = dtype or a.dtype
    if not is_differentiable(result):
        raise ArgumentFault(
            "mean(): could not infer output dtype. Input dtype must be either a floating point "
            f"or complex dtype. Got: {SCALAR_NAMES.get(result.name, result.name)}",
            hint="write the data as floats (`1.` for `1`), or pass dtype=float64",
        )
    return Meta(reduced(a.shape, dim, keepdim), result)


def _expand_meta(a: Any, size: Shape) -> Meta:
    if any(n < -1 for n in size):
        raise ShapeFault(f"expand({shown(size)}): a size is -1, which keeps it, or not negative")
    lead = len(size) - len(a.shape)
    old = (1,) * lead + a.shape
    strides = (0,) * lead + strides_of(a)
    shape = list(size)
    for dim, (m, n) in enumerate(zip(old, size, strict=False)):
        if lead < 0 or (n == -1 and dim < lead) or (n not in (-1, m) and m != 1):
            raise ShapeFault(
                f"The expanded size of the tensor ({n}) must match the existing size ({m}) at "
                f"non-singleton dimension {dim}.  Target sizes: {shown(size)}.  "
                f"Tensor sizes: {shown(a.shape)}"
            )
        shape[dim] = m if n == -1 else n
    if lead < 0:
        raise ShapeFault(
            f"expand: the number of sizes provided ({len(size)}) must be greater or equal to the "
            f"number of dimensions in the tensor ({len(a.shape)})"
        )
    moved = zip(old, shape, strides, strict=True)
    result = tuple(shape)
    return Meta(result, a.dtype, packed(result, tuple(0 if m != n else s for m, n, s in moved)))


def _view_meta(a: Any, shape: Shape) -> Meta:
    new = resolved(shape, prod(a.shape))
    strides = view_strides(a.shape, strides_of(a), new)
    if strides is None:
        raise ShapeFault(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two contiguous subspaces). Use .reshape(...) instead."
        )
    return Meta(new, a.dtype, packed(new, strides))


def _permute_meta(a: Any, dims: tuple[int, ...]) -> Meta:
    if sorted(dims) != list(range(len(a.shape))):
        raise ArgumentFault(
            f"permute(sparse_coo): number of dimensions in the tensor input does not match the "
            f"length of the desired ordering of dimensions i.e. input.dim() = {len(a.shape)} is "
            f"not equal to len(dims) = {len(dims)}"
            if len(dims) != len(a.shape)
            else "permute(): duplicate dims are not allowed."
        )
    return permuted(a, dims)


def _swapped(rank: int, dim0: int, dim1: int) -> tuple[int, ...]:
    order = list(range(rank))
    if rank:
        order[dim0], order[dim1] = order[dim1], order[dim0]
    return tuple(order)


def _t_meta(a: Any) -> Meta:
    if len(a.shape) > 2:
        raise ArgumentFault(
            f"t() expects a tensor with <= 2 dimensions, but self is {len(a.shape)}D",
            hint="use .mT for a batch of matrices, or .permute(...)",
        )
    return permuted(a, tuple(range(len(a.shape)))[::-1])


def _squeeze_meta(a: Any, dim: tuple[int, ...] | None = None) -> Meta:
    dims = () if dim == () else reduced_dims(len(a.shape), dim)
    kept = [i for i, n in enumerate(a.shape) if n != 1 or i not in dims]
    return permuted(a, tuple(kept))


def _unsqueezed(g: Any, shape: Shape, dims: Iterable[int]) -> Any:
    """Put the dimensions of size 1 back in, where there were such."""
    for dim in sorted(dims):
        if shape and shape[dim] == 1:
            g = unsqueeze(g, dim=dim)
    return g


def _unsqueeze_meta(a: Any, dim: int) -> Meta:
    dim = dim_index(dim, len(a.shape) + 1)
    strides = strides_of(a)
    new = strides[dim] * a.shape[dim] if dim < len(a.shape) else 1
    shape = (*a.shape[:dim], 1, *a.shape[dim:])
    return Meta(shape, a.dtype, packed(shape, (*strides[:dim], new, *strides[dim:])))


def _cat_meta(*tensors: Any, dim: int) -> Meta:
    if not tensors:
        raise ArgumentFault("torch.cat(): expected a non-empty list of Tensors")
    first = next((x.shape for x in tensors if x.shape != (0,)), tensors[0].shape)
    if not first:
        raise ShapeFault(
            "zero-dimensional tensor (at position 0) cannot be concatenated",
            hint="stack([...]) makes a vector of numbers",
        )
    for i, tensor in enumerate(tensors):
        shape = tensor.shape
        if shape == (0,):  # PyTorch leaves empty vectors out, whatever the others are
            continue
        if len(shape) != len(first):
            raise ShapeFault(
                f"Tensors must have same number of dimensions: got {len(first)} and {len(shape)}"
            )
        for d, (m, n) in enumerate(zip(first, shape, strict=True)):
            if m != n and d != dim:
                raise ShapeFault(
                    f"Sizes of tensors must match except in dimension {dim}. Expected size {m} "
                    f"but got size {n} for tensor number {i} in the list."
                )
    total = sum(x.shape[dim] for x in tensors if x.shape != (0,))
    return Meta((*first[:dim], total, *first[dim + 1 :]), promote(tensors, tensors[0].dtype))


def _stack_meta(*tensors: Any, dim: int) -> Meta:
    if not tensors:
        raise ArgumentFault("stack expects a non-empty TensorList")
    first = tensors[0].shape
    for i, tensor in enumerate(tensors):
        if tensor.shape != first:
            raise ShapeFault(
                f"stack expects each tensor to be equal size, but got {shown(first)} at entry 0 "
                f"and {shown(tensor.shape)} at entry {i}"
            )
    dim = dim_index(dim, len(first) + 1)
    return Meta((*first[:dim], len(tensors), *first[dim:]), promote(tensors, tensors[0].dtype))


def _like(a: Any, *_: Any, **__: Any) -> Meta:
    return Meta(a.shape, a.dtype, a.strides)


# ---- forward functions that numpy does not have as one call --------------------------------


def _axis(a: Any, dim: Any) -> Any:
    return reduced_dims(np.ndim(a), dim)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

sum_ = primitive(Multilinear,
    "sum(input, dim: dims = None, keepdim: bool = False, dtype: dtype = None)",
    lambda a, dim, **_: "SumBackward0" if dim is None else "SumBackward1",
    lambda a, dim, keepdim, dtype: np.sum(a, axis=_axis(a, dim), keepdims=keepdim, dtype=dtype),
    _reduced_meta,
    lambda g, y, a, dim, keepdim, dtype: spread(g, a.shape, dim, keepdim),
    doc="Sum of the elements", examples="sum(M); M.sum(0); sum(M, dim=(0, 1), keepdim=True)")

mean = primitive(Multilinear,
    "mean(input, dim: dims = None, keepdim: bool = False, dtype: dtype = None)",
    lambda a, dim, **_: "MeanBackward0" if dim is None else "MeanBackward1",
    lambda a, dim, keepdim, dtype: np.mean(a, axis=_axis(a, dim), keepdims=keepdim, dtype=dtype),
    _mean_meta,
    lambda g, y, a, dim, keepdim, dtype:
        div_number(spread(g, a.shape, dim, keepdim), other=prod(a.shape) / max(prod(y.shape), 1)),
    doc="Mean of the elements", aliases="average", examples="mean(M); M.mean(1, keepdim=True)")

expand = primitive(Multilinear,
    "expand(input, size: sizes)", "ExpandBackward0",
    lambda a, size: np.broadcast_to(a, _expanded(a.shape, size)), _expand_meta,
    lambda g, y, a, size: sum_to(g, a.shape),
    view="alias", doc="View with dimensions of size 1 repeated", aliases="broadcast_to",
    examples="v.expand(2, 3)")

view = primitive(Multilinear,
    "view(input, shape: sizes)", "ViewBackward0",
    lambda a, shape: np.reshape(a, shape), _view_meta,
    lambda g, y, a, shape: reshape(g, a.shape),
    view="alias", doc="View in another shape", examples="M.view(3, 2); M.view(-1)")

unsafe_view = primitive(Multilinear,
    "_unsafe_view(input, shape: sizes)", "UnsafeViewBackward0",
    lambda a, shape: np.reshape(a, shape), _view_meta,
    lambda g, y, a, shape: reshape(g, a.shape),
    doc="View of a temporary in another shape")

reshape_alias = primitive(Multilinear,
    "_reshape_alias(input, shape: sizes)", "ReshapeAliasBackward0",
    lambda a, shape: np.reshape(a, shape), _view_meta,
    lambda g, y, a, shape: reshape(g, a.shape),
    view="alias",
    doc="View of a tensor that is not contiguous in another shape, as reshape makes it")

clone = primitive(Multilinear,
    "clone(input)", "CloneBackward0",
    np.copy, lambda a: Meta(a.shape, a.dtype, a.strides),
    lambda g, y, a: g,
    doc="Copy that gradients flow through", examples="clone(v)")

contiguous_copy = primitive(Multilinear,
    "_contiguous_copy(input)", "CloneBackward0",
    np.copy, lambda a: Meta(a.shape, a.dtype),
    lambda g, y, a: g,
    doc="Contiguous copy")

alias = primitive(Multilinear,
    "_alias(input)", "AliasBackward0",
    lambda a: a, _like,
    lambda g, y, a: g,
    view="alias", doc="The same tensor as a view of itself: `x[...]`", examples="v[...]")

permute = primitive(Multilinear,
    "permute(input, dims: dims)", "PermuteBackward0",
    lambda a, dims: np.transpose(a, dims), _permute_meta,
    lambda g, y, a, dims: permute(g, dims=tuple(dims.index(d) for d in range(len(dims)))),
    view="alias", doc="View with dimensions in another order", examples="T.permute(2, 0, 1)")

transpose = primitive(Multilinear,
    "transpose(input, dim0: dim, dim1: dim)", "TransposeBackward0",
    lambda a, dim0, dim1: np.swapaxes(a, dim0, dim1) if a.shape else a,
    lambda a, dim0, dim1: permuted(a, _swapped(len(a.shape), dim0, dim1)),
    lambda g, y, a, dim0, dim1: transpose(g, dim0=dim0, dim1=dim1),
    view="alias", doc="View with two dimensions swapped", aliases="swapaxes swapdims",
    examples="T.transpose(0, 2)")

t = primitive(Multilinear,
    "t(input)", "TBackward0",
    np.transpose, _t_meta,
    lambda g, y, a: t(g),
    view="alias", doc="Transpose of a matrix", examples="M.t()")

squeeze_all = primitive(Multilinear,
    "squeeze.all(input)", "SqueezeBackward0",
    np.squeeze, _squeeze_meta,
    lambda g, y, a: _unsqueezed(g, a.shape, range(len(a.shape))),
    view="alias", doc="View without dimensions of size 1")

squeeze_dim = primitive(Multilinear,
    "squeeze.dim(input, dim: dims)",
    lambda a, dim: "SqueezeBackward1" if len(dim) == 1 else "SqueezeBackward2",
    lambda a, dim: np.reshape(a, tuple(n for i, n in enumerate(a.shape) if n != 1 or i not in dim)),
    _squeeze_meta,
    lambda g, y, a, dim: _unsqueezed(g, a.shape, dim),
    view="alias", doc="View without some dimensions of size 1")

squeeze_matmul = primitive(Multilinear,
    "_squeeze_(input, dim: dims)", "SqueezeBackward4",
    lambda a, dim: np.squeeze(a, dim), _squeeze_meta,
    lambda g, y, a, dim: _unsqueezed(g, a.shape, dim),
    doc="In-place squeeze, as matmul's last step")

unsqueeze = primitive(Multilinear,
    "unsqueeze(input, dim: int)", "UnsqueezeBackward0",
    lambda a, dim: np.expand_dims(a, dim), _unsqueeze_meta,
    lambda g, y, a, dim: squeeze_dim(g, dim=(dim % len(g.shape),)),
    view="alias", doc="View with a dimension of size 1 put in", aliases="expand_dims",
    examples="v.unsqueeze(0); v.unsqueeze(-1)")


cat = primitive(Variadic,
    "cat(tensors: tensors, dim: dim = 0)", "CatBackward0",
    lambda *xs, dim: np.concatenate(_counting(xs), dim), _cat_meta,
    lambda slot, g, y, *xs, dim: _piece(slot, g, xs, dim),
    doc="Tensors joined along a dimension", aliases="concat concatenate", promotes=True,
    examples="cat([M, M*2], dim=1)")

stack = primitive(Variadic,
    "stack(tensors: tensors, dim: int = 0)", "StackBackward0",
    lambda *xs, dim: np.stack(xs, dim), _stack_meta,
    lambda slot, g, y, *xs, dim: select(g, dim=dim_index(dim, len(y.shape)), index=slot),
    doc="Tensors of one shape joined along a new dimension", promotes=True,
    examples="stack([v, v**2]); stack([v, v], dim=-1)")

to_copy = primitive(Multilinear,
    "_to_copy(input, dtype: dtype)", "ToCopyBackward0",
    lambda a, dtype: a.astype(dtype), lambda a, dtype: Meta(a.shape, dtype, a.strides),
    lambda g, y, a, dtype: g,
    doc="Copy in another dtype", examples="v.to(float32)")

conj_complex = elementwise("_conj(input)", "ConjBackward0", np.conj, lambda g, y, a: conj(g),
    view="alias", doc="Complex conjugate")

detach = primitive(Multilinear, "detach(input)", "", lambda a: a, _like, view="detached",
    doc="The value, cut off from the graph")

zeros_like = primitive(Multilinear, "zeros_like(input, dtype: dtype = None)", "",
    lambda a, dtype: np.zeros(a.shape, dtype or a.dtype),
    lambda a, dtype: Meta(a.shape, dtype or a.dtype), doc="Zeros of the same shape")

ones_like = primitive(Multilinear, "ones_like(input, dtype: dtype = None)", "",
    lambda a, dtype: np.ones(a.shape, dtype or a.dtype),
    lambda a, dtype: Meta(a.shape, dtype or a.dtype), doc="Ones of the same shape")

# fmt: on


def _expanded(shape: Shape, size: Shape) -> Shape:
    lead = len(size) - len(shape)
    return tuple(shape[i - lead] if n == -1 else n for i, n in enumerate(size))


def _counting(tensors: tuple[Any, ...]) -> list[Any]:
    """Leave out the empty vectors among tensors of more dimensions."""
    rank = max(len(x.shape) for x in tensors)
    return [x for x in tensors if len(x.shape) == rank]


def _piece(slot: int, g: Any, tensors: tuple[Any, ...], dim: int) -> Any:
    if len(tensors[slot].shape) < len(g.shape):
        return zeros_like(tensors[slot])
    before = [x for x in tensors[:slot] if len(x.shape) == len(g.shape)]
    start = sum(x.shape[dim] for x in before)
    return slice_(g, dim=dim, start=start, end=start + tensors[slot].shape[dim], step=1)


# ---- what rules and composites share -------------------------------------------------------


def spread(g: Any, shape: Shape, dim: Any, keepdim: bool) -> Any:
    """Repeat a reduction's cotangent over the dimensions that were reduced."""
    return expand(restore(g, shape, dim, keepdim), size=shape)


def restore(g: Any, shape: Shape, dim: Any, keepdim: bool) -> Any:
    """Give a reduction's result its reduced dimensions back, with size 1."""
    return g if keepdim else reshape(g, reduced(shape, dim, True))


def sum_to(g: Any, shape: Shape) -> Any:
    """Undo a broadcast: add up over the dimensions that were repeated."""
    if g.shape == shape:
        return g
    lead = len(g.shape) - len(shape)
    dims = tuple(range(lead)) + tuple(
        i + lead for i, n in enumerate(shape) if n == 1 and g.shape[i + lead] != 1
    )
    if len(dims) == len(g.shape) and not shape:
        return sum_(g)
    total = sum_(g, dim=dims, keepdim=True) if dims else g
    return reshape(total, shape) if lead else total


def reshape(a: Any, shape: Shape) -> Any:
    """Return a view in another shape where there is one, a contiguous copy where there is not."""
    if not isinstance(a, Traced):
        return np.reshape(a, shape)
    new = resolved(shape, prod(a.shape))
    if view_strides(a.shape, strides_of(a), new) is not None:
        return (view if is_contiguous(a.shape, strides_of(a)) else reshape_alias)(a, shape=new)
    return unsafe_view(contiguous_copy(a), shape=new)


def is_packed(a: Any) -> bool:
    """Say whether a tensor lies contiguously in memory."""
    return getattr(a, "strides", None) is None or not isinstance(a, Traced)


def conj(a: Any) -> Any:
    """Return the complex conjugate; a real tensor is its own."""
    return conj_complex(a) if a.dtype.kind == "c" else a


def _to(a: Any, dtype: Any) -> Any:
    return a if dtype is None or a.dtype == dtype else to_copy(a, dtype=dtype)


def _adjoint(a: Any) -> Any:
    swapped = transpose(a, dim0=-2, dim1=-1)
    return conj(swapped) if a.dtype.kind == "c" else swapped


# fmt: off
to        = composite("to(input, dtype: dtype)", _to, aliases="type astype",
    doc="The tensor in another dtype; itself where it has it", examples="v.to(float64)")
adjoint   = composite("adjoint(input)", _adjoint,
    doc="Conjugate transpose of the last two dimensions", examples="A.adjoint()")
# fmt: on
