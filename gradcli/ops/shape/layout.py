"""Elements turned, repeated, laid on diagonals and padded: all are linear, and none is a view."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.shape.indexing import index_select, sized
from gradcli.ops.shape.shapes import contiguous_copy, expand, reshape, sum_, unsqueeze
from gradcli.ops.shape.views import flatten, ravel_
from gradcli.rule.costs import elements
from gradcli.rule.dtypes import INT64, SCALAR_NAMES
from gradcli.rule.meta import Meta, Shape, dim_index, own_dim, packed, strides_of
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, Multilinear, Traced, concrete

# ---- shapes and forward functions ----------------------------------------------------------


def _like(a: Any, **_: Any) -> Meta:
    return Meta(a.shape, a.dtype)


def _flip_meta(a: Any, dims: Any) -> Meta:
    if dims is not None and len(set(dims)) != len(dims):
        raise ArgumentFault("dim 0 appears multiple times in the list of dims")
    return Meta(a.shape, a.dtype)


def _flip(a: Any, dims: Any) -> Any:
    return np.flip(a, dims) if a.ndim else a


def _roll_meta(a: Any, shifts: Shape, dims: Any) -> Meta:
    if not shifts:
        raise ArgumentFault("`shifts` required")
    if len(dims or (0,)) != len(shifts):
        raise ArgumentFault(
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims or ())}"
        )
    for d in dims or ():
        own_dim(d, len(a.shape))
    return Meta(a.shape, a.dtype)


def _roll(a: Any, shifts: Shape, dims: Any) -> Any:
    return np.roll(a, shifts, dims or None) if dims else np.roll(a, sum(shifts))


def _rot90_meta(a: Any, k: int, dims: Any) -> Meta:
    dims = (0, 1) if dims is None else dims
    if len(dims) != 2 or len(a.shape) < 2:
        raise ArgumentFault(
            f"expected total rotation dims == 2, but got dims = {len(dims)}"
            if len(dims) != 2
            else f"expected total dims >= 2, but got total dims = {len(a.shape)}"
        )
    if dims[0] == dims[1]:
        raise ArgumentFault(
            f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}"
        )
    shape = list(a.shape)
    if k % 2:
        shape[dims[0]], shape[dims[1]] = shape[dims[1]], shape[dims[0]]
    return Meta(tuple(shape), a.dtype)


def _repeat_meta(a: Any, repeats: Shape) -> Meta:
    lead = len(repeats) - len(a.shape)
    if lead < 0:
        raise ShapeFault(
            "Number of dimensions of repeat dims can not be smaller than number of dimensions "
            "of tensor"
        )
    if any(n < 0 for n in repeats):
        raise ArgumentFault(f"Trying to create tensor with negative dimension {min(repeats)}")
    sizes = (1,) * lead + a.shape
    return Meta(tuple(m * n for m, n in zip(sizes, repeats, strict=True)), a.dtype)


def _repeat_backward(g: Any, shape: Shape, repeats: Shape) -> Any:
    """Add up the copies: each dimension that is repeated is split into copies and elements."""
    lead = len(repeats) - len(shape)
    g = sum_(g, dim=tuple(range(lead))) if lead else g
    sizes: list[int] = []
    copies: list[int] = []
    for count, size in zip(repeats[lead:], shape, strict=True):
        if count != 1:
            copies.append(len(sizes))
            sizes.append(count)
        sizes.append(size)
    return sum_(reshape(g, tuple(sizes)), dim=tuple(copies)) if copies else g


def _diagonal_dims(a: Any, dim1: int, dim2: int) -> None:
    if dim1 == dim2:
        raise ArgumentFault(f"diagonal dimensions cannot be identical {dim1}, {dim2}")


def _diagonal_meta(a: Any, offset: int, dim1: int, dim2: int) -> Meta:
    _diagonal_dims(a, dim1, dim2)
    rows, columns, strides = a.shape[dim1], a.shape[dim2], strides_of(a)
    count = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    kept = [d for d in range(len(a.shape)) if d not in (dim1, dim2)]
    shape = (*(a.shape[d] for d in kept), count)
    along = (*(strides[d] for d in kept), strides[dim1] + strides[dim2])
    return Meta(shape, a.dtype, packed(shape, along))


def _diagonal_backward(g: Any, size: Shape, offset: int, dim1: int, dim2: int) -> Any:
    result = np.zeros(size, g.dtype)
    moved = np.moveaxis(result, (dim1, dim2), (-2, -1))
    k = np.arange(g.shape[-1])
    moved[..., k - min(offset, 0), k + max(offset, 0)] = g
    return result


def _embed_dims(rank: int, dim1: int, dim2: int) -> tuple[int, int]:
    first, second = dim_index(dim1, rank + 1), dim_index(dim2, rank + 1)
    if first == second:
        raise ArgumentFault(f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return first, second


def _embed_shape(shape: Shape, offset: int, dim1: int, dim2: int) -> Shape:
    dim1, dim2 = _embed_dims(len(shape), dim1, dim2)
    rest, count = iter(shape[:-1]), shape[-1] + abs(offset)
    return tuple(count if d in (dim1, dim2) else next(rest) for d in range(len(shape) + 1))


def _diag_embed(a: Any, offset: int, dim1: int, dim2: int) -> Any:
    size = _embed_shape(a.shape, offset, dim1, dim2)
    return _diagonal_backward(a, size, offset, *_embed_dims(a.ndim, dim1, dim2))


def _triangle_meta(a: Any, diagonal: int) -> Meta:
    if len(a.shape) < 2:
        raise ArgumentFault("input tensor must have at least 2 dimensions")
    return Meta(a.shape, a.dtype)


def pad_widths(rank: int, pad: Shape) -> tuple[tuple[int, int], ...]:
    """Return what is added before and after each dimension; PyTorch names the last one first."""
    pairs = tuple(zip(pad[::2], pad[1::2], strict=True))[::-1]
    return ((0, 0),) * (rank - len(pairs)) + pairs


def padded_meta(a: Any, pad: Shape, **_: Any) -> Meta:
    """Return what is known of a padded tensor.

    Raises: ArgumentFault, ShapeFault, in PyTorch's words, where the sizes do not fit.
    """
    if len(pad) % 2 or len(pad) > 2 * len(a.shape):
        raise ArgumentFault(
            "Length of pad must be even" if len(pad) % 2
            else "Length of pad should be no more than twice the number of dimensions of the "
            f"input. Pad length is {len(pad)} while the input has {len(a.shape)} dimensions."
        )  # fmt: skip
    shape = tuple(n + sum(w) for n, w in zip(a.shape, pad_widths(len(a.shape), pad), strict=True))
    cut = zip(a.shape, pad_widths(len(a.shape), pad), strict=True)
    if any(n < 0 for n in shape):
        raise ShapeFault(
            f"The input size {list(a.shape)}, plus negative padding {list(pad)} resulted in a "
            "negative output size, which is invalid. Check dimension "
            f"{next(d for d, n in enumerate(shape) if n < 0)} of your input."
        )
    if any(n + min(before, 0) + min(after, 0) < 0 for n, (before, after) in cut):
        raise ShapeFault("narrow(): length must be non-negative.")
    return Meta(shape, a.dtype)


def _pad_constant(a: Any, pad: Shape, value: float) -> Any:
    if a.dtype.kind in "iu" and not np.isfinite(value):
        raise ArgumentFault(f"value cannot be converted to type {a.dtype.name} without overflow")
    widths = pad_widths(a.ndim, pad)
    cuts = tuple(slice(max(-b, 0), n - max(-e, 0))
                 for n, (b, e) in zip(a.shape, widths, strict=True))  # fmt: skip
    grown = [(max(b, 0), max(e, 0)) for b, e in widths]
    return np.pad(a[cuts], grown, constant_values=value) if a.ndim else a


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

flip = primitive(Multilinear,
    "flip(input, dims: dims = None)", "FlipBackward0",
    _flip, _flip_meta,
    lambda g, y, a, dims: flip(g, dims=dims),
    doc="Order of elements reversed along dimensions", examples="flip(v, (0,)); M.flip(0, 1)")

roll_ = primitive(Multilinear,
    "_roll(input, shifts: sizes, dims: dims = ())", "RollBackward0",
    _roll, _roll_meta,
    lambda g, y, a, shifts, dims: roll_(g, shifts=tuple(-n for n in shifts), dims=dims),
    doc="Elements moved along dimensions, from the end to the start")

rot90 = primitive(Multilinear,
    "rot90(input, k: int = 1, dims: dims = None)", "Rot90Backward0",
    lambda a, k, dims: np.rot90(a, k, dims or (0, 1)), _rot90_meta,
    lambda g, y, a, k, dims: rot90(g, k=-k, dims=dims),
    doc="A plane turned by 90 degrees k times", examples="rot90(M, 1, (0, 1))")

repeat = primitive(Multilinear,
    "repeat(input, repeats: sizes)", "RepeatBackward0",
    lambda a, repeats: np.tile(a, repeats), _repeat_meta,
    lambda g, y, a, repeats: _repeat_backward(g, a.shape, repeats),
    doc="The whole tensor repeated along dimensions", examples="v.repeat(2); M.repeat(2, 1, 2)")

diagonal = primitive(Multilinear,
    "diagonal(input, offset: int = 0, dim1: dim = 0, dim2: dim = 1)", "DiagonalBackward0",
    lambda a, offset, dim1, dim2: np.diagonal(a, offset, dim1, dim2), _diagonal_meta,
    lambda g, y, a, offset, dim1, dim2:
        diagonal_backward(g, size=a.shape, offset=offset, dim1=dim1, dim2=dim2),
    view="alias",
    doc="View of a diagonal, as the last dimension", examples="diagonal(A); T.diagonal(1, 1, 2)")

diagonal_copy = primitive(Multilinear,
    "diagonal_copy(input, offset: int = 0, dim1: dim = 0, dim2: dim = 1)", "DiagonalBackward0_copy",
    lambda a, offset, dim1, dim2: np.diagonal(a, offset, dim1, dim2),
    lambda a, offset, dim1, dim2: _diagonal_meta(a, offset, dim1, dim2)._replace(strides=None),
    lambda g, y, a, offset, dim1, dim2:
        diagonal_backward(g, size=a.shape, offset=offset, dim1=dim1, dim2=dim2),
    doc="Copy of a diagonal")

diagonal_backward = primitive(Multilinear,
    "_diagonal_backward(grad, size: sizes, offset: int, dim1: int, dim2: int)",
    "DiagonalBackwardBackward0",
    lambda g, size, offset, dim1, dim2: _diagonal_backward(g, size, offset, dim1, dim2), sized,
    lambda g, y, a, size, offset, dim1, dim2: diagonal(g, offset=offset, dim1=dim1, dim2=dim2),
    doc="Zeros with a diagonal filled: the transpose of diagonal")

diag_embed = primitive(Multilinear,
    "diag_embed(input, offset: int = 0, dim1: int = -2, dim2: int = -1)", "DiagEmbedBackward0",
    _diag_embed,
    lambda a, offset, dim1, dim2: Meta(_embed_shape(a.shape, offset, dim1, dim2), a.dtype),
    lambda g, y, a, offset, dim1, dim2: diagonal(g, offset=offset, dim1=dim1, dim2=dim2),
    doc="Matrices with the last dimension on their diagonals",
    examples="diag_embed(v); diag_embed(M, 1); diag_embed(M, 0, 0, 2)")

tril = primitive(Multilinear,
    "tril(input, diagonal: int = 0)", "TrilBackward0",
    lambda a, diagonal: np.tril(a, diagonal), _triangle_meta,
    lambda g, y, a, diagonal: tril(g, diagonal=diagonal),
    doc="Lower triangle; the rest is 0", examples="tril(A); T.tril(-1)")

triu = primitive(Multilinear,
    "triu(input, diagonal: int = 0)", "TriuBackward0",
    lambda a, diagonal: np.triu(a, diagonal), _triangle_meta,
    lambda g, y, a, diagonal: triu(g, diagonal=diagonal),
    doc="Upper triangle; the rest is 0", examples="triu(A); T.triu(1)")

trace = primitive(Multilinear, "trace(input)", "TraceBackward0",
    np.trace, lambda a: _trace_meta(a),
    lambda g, y, a: diagonal_backward(
        expand(g, size=(min(a.shape),)), size=a.shape, offset=0, dim1=0, dim2=1),
    refuses="bool", doc="Sum of the diagonal", examples="trace(A); M.trace()")


pad_constant = primitive(Derivative,
    "constant_pad_nd(input, pad: sizes, value: number = 0)", "ConstantPadNdBackward0",
    _pad_constant, padded_meta,
    lambda g, y, a, pad, value: pad_constant(g, pad=tuple(-n for n in pad), value=0),
    tangent=lambda ts, y, a, pad, value: pad_constant(ts[0], pad=pad, value=0),
    doc="A constant put around the elements", examples="constant_pad_nd(v, (1, 2), 3)")

# fmt: on


def _trace_meta(a: Any) -> Meta:
    if len(a.shape) != 2:
        raise ArgumentFault("trace: expected a matrix, but got tensor with "
                            f"dim {len(a.shape)}")  # fmt: skip
    return Meta((), INT64 if a.dtype.kind in "biu" else a.dtype)


# ---- composites ----------------------------------------------------------------------------


def _tile(a: Any, dims: Shape) -> Any:
    return repeat(a, repeats=(1,) * (len(a.shape) - len(dims)) + dims)


def _repeat_interleave(a: Any, repeats: Any, dim: Any, output_size: Any = None) -> Any:
    a = ravel_(a) if dim is None and len(a.shape) != 1 else a
    dim = dim_index(0 if dim is None else dim, len(a.shape))
    counts = np.asarray(concrete(repeats))
    if counts.dtype.kind not in "iu" and counts.size:
        name = SCALAR_NAMES[counts.dtype.name]
        raise DtypeFault(f"\"repeat_interleave_cpu\" not implemented for '{name}'")
    if len(counts.shape) > 1:
        raise ShapeFault("repeats must be 0-dim or 1-dim tensor")
    if not a.shape:
        a = ravel_(a)
    if (counts < 0).any():
        raise ArgumentFault("repeats can not be negative")
    total = int(counts) * a.shape[dim] if not counts.shape else int(counts.sum())
    if isinstance(a, Traced):  # the places of what is repeated, before they are made
        repeated = elements(a) // max(a.shape[dim], 1) * total
        a.afford("repeat_interleave", 8 * (total + repeated), repeated)
    if counts.shape in ((), (a.shape[dim],)) and output_size not in (None, total):
        raise ArgumentFault(
            f"repeat_interleave: Invalid output_size, expected {total} but got {output_size}"
        )
    if not counts.shape:
        size = (*a.shape[: dim + 1], int(counts), *a.shape[dim + 1 :])
        return flatten(contiguous_copy(expand(unsqueeze(a, dim=dim + 1), size=size)), dim, dim + 1)
    if counts.shape not in ((1,), (a.shape[dim],)):
        raise ShapeFault(
            "repeats must have the same size as input along dim, but got repeats.size(0) = "
            f"{counts.shape[0]} and input.size({dim}) = {a.shape[dim]}"
        )
    return index_select(a, np.repeat(np.arange(a.shape[dim]), counts), dim=dim)


def _diag(a: Any, offset: int) -> Any:
    if len(a.shape) not in (1, 2):
        raise ArgumentFault(f"diag(): Supports 1D or 2D tensors. Got {len(a.shape)}D")
    return diag_embed(a, offset=offset) if len(a.shape) == 1 else diagonal_copy(a, offset=offset)


def _flipped(name: str, rank: int, dim: int) -> Any:
    def expand(a: Any) -> Any:
        if len(a.shape) < rank:
            raise ArgumentFault(f"Input must be >= {rank}-d.")
        return flip(a, dims=(dim,))

    return expand


# fmt: off
roll = composite("roll(input, shifts: dims, dims: dims = ())",
    lambda a, shifts, dims: roll_(a, shifts=shifts, dims=dims),
    doc="Elements moved along dimensions, from the end to the start",
    examples="roll(v, 1); M.roll(1, 1); M.roll((1, 2), (0, 1))")
fliplr = composite("fliplr(input)", _flipped("fliplr", 2, 1),
    doc="Columns in reverse order", examples="fliplr(M)")
flipud = composite("flipud(input)", _flipped("flipud", 1, 0),
    doc="Rows in reverse order", examples="flipud(M)")
tile = composite("tile(input, dims: sizes)", _tile,
    doc="The whole tensor repeated along its last dimensions", examples="tile(v, (2, 2))")
repeat_interleave = composite(
    "repeat_interleave(input, repeats: array|int|ints, dim: int = None, output_size: int = None)",
    _repeat_interleave, doc="Each element repeated",
    examples="v.repeat_interleave(2); M.repeat_interleave([1, 2], dim=0)")
diag = composite("diag(input, diagonal: int = 0)", _diag,
    doc="A matrix with a diagonal, or the diagonal of a matrix", examples="diag(v); diag(A, 1)")
diagflat = composite("diagflat(input, offset: int = 0)",
    lambda a, offset: _diag(ravel_(a), offset),
    doc="A matrix with all elements on a diagonal", examples="diagflat(M)")
linalg_diagonal = composite(
    "linalg.diagonal(input, offset: int = 0, dim1: int = -2, dim2: int = -1)",
    lambda a, offset, dim1, dim2: diagonal(a, offset=offset, dim1=dim1, dim2=dim2),
    doc="View of the diagonals of matrices", examples="linalg.diagonal(T)")
# fmt: on
