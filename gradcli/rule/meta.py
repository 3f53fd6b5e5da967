"""Shapes, dtypes and strides of results: what is known of a tensor before it has values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any, NamedTuple

from gradcli.errors import DtypeFault, ShapeFault
from gradcli.rule.dtypes import (
    BOOL,
    FLOAT64,
    SCALAR_NAMES,
    DType,
    is_differentiable,
    is_floating,
    promote,
    to_complex,
    to_real,
)
from gradcli.rule.signature import Signature

Shape = tuple[int, ...]


class Meta(NamedTuple):
    """What is known of a result before it is computed.

    `strides` are in elements; None is contiguous, as nearly every result is. They decide whether
    a `reshape` is a view, and so which grad_fn it has.
    """

    shape: Shape
    dtype: DType
    strides: tuple[int, ...] | None = None


SCALAR = Meta((), FLOAT64)  # of what may lie on the tape as a Python float


def shown(shape: Sequence[int]) -> str:
    """Return a shape as PyTorch's messages write it: `[2, 3]`."""
    return f"[{', '.join(map(str, shape))}]"


def broadcast(a: Shape, b: Shape) -> Shape:
    """Return the shape that two shapes broadcast to.

    Raises: ShapeFault, in PyTorch's words, where they do not.
    """
    if a == b or not b:
        return a
    if not a:
        return b
    rank = max(len(a), len(b))
    long_a, long_b = (1,) * (rank - len(a)) + a, (1,) * (rank - len(b)) + b
    result = []
    for dim, (m, n) in enumerate(zip(long_a, long_b, strict=True)):
        if m != n and m != 1 and n != 1:
            raise ShapeFault(
                f"The size of tensor a ({m}) must match the size of tensor b ({n}) "
                f"at non-singleton dimension {dim}"
            )
        result.append(n if m == 1 else m)
    return tuple(result)


def dim_index(dim: int, rank: int) -> int:
    """Return a dimension counted from 0; a 0-d tensor has one for this purpose.

    Raises: ShapeFault, in PyTorch's words, where there is no such dimension.
    """
    count = max(rank, 1)
    if not -count <= dim < count:
        raise ShapeFault(
            f"Dimension out of range (expected to be in range of [{-count}, {count - 1}], "
            f"but got {dim})"
        )
    return dim % count


def own_dim(dim: int, rank: int) -> int:
    """Return a dimension counted from 0, of a tensor that has any.

    Raises: ShapeFault, in PyTorch's words, where there is no such dimension.
    """
    if not rank:
        raise ShapeFault(f"Dimension specified as {dim} but tensor has no dimensions")
    return dim_index(dim, rank)


def unique_dims(dims: Sequence[int]) -> None:
    """Refuse a list of dimensions, counted from 0, that has one twice.

    Raises: ShapeFault, in PyTorch's words.
    """
    if len(set(dims)) < len(dims):
        twice = next(d for d in dims if dims.count(d) > 1)
        raise ShapeFault(f"dim {twice} appears multiple times in the list of dims")


def reduced_dims(rank: int, dim: tuple[int, ...] | int | None) -> tuple[int, ...]:
    """Return the dimensions that a reduction runs over; None and () are all of them.

    Raises: ShapeFault, in PyTorch's words, where one is named twice.
    """
    if dim is None or dim == ():
        return tuple(range(rank))
    if not isinstance(dim, int):
        unique_dims(dim)
    return tuple(d for d in ((dim,) if isinstance(dim, int) else dim) if rank)


def reduced(shape: Shape, dim: tuple[int, ...] | int | None, keepdim: bool) -> Shape:
    """Return the shape of a reduction over dimensions counted from 0."""
    dims = reduced_dims(len(shape), dim)
    if keepdim:
        return tuple(1 if i in dims else n for i, n in enumerate(shape))
    return tuple(n for i, n in enumerate(shape) if i not in dims)


def contiguous(shape: Shape) -> tuple[int, ...]:
    """Return the strides of a contiguous tensor, in elements."""
    strides = [1] * len(shape)
    for i in range(len(shape) - 2, -1, -1):
        strides[i] = strides[i + 1] * max(shape[i + 1], 1)
    return tuple(strides)


def strides_of(tensor: Any) -> tuple[int, ...]:
    """Return a node's strides, in elements."""
    return contiguous(tensor.shape) if tensor.strides is None else tensor.strides


def is_contiguous(shape: Shape, strides: tuple[int, ...]) -> bool:
    """Say whether strides are those of a contiguous tensor; sizes of 1 do not matter."""
    if 0 in shape:
        return True
    pairs = zip(shape, strides, contiguous(shape), strict=True)
    return all(n == 1 or a == b for n, a, b in pairs)


def packed(shape: Shape, strides: tuple[int, ...]) -> tuple[int, ...] | None:
    """Return strides as a node keeps them: None where they are contiguous."""
    return None if is_contiguous(shape, strides) else strides


def view_strides(shape: Shape, strides: tuple[int, ...], new: Shape) -> tuple[int, ...] | None:
    """Return the strides of a view in another shape, None where no view has that shape.

    Source: ATen's `computeStride`: dimensions are merged while memory is contiguous, and the new
    shape must cut each merged piece at its own boundaries.
    """
    if 0 in shape or not shape:
        return contiguous(new)
    result, view_dim, piece, base = [0] * len(new), len(new) - 1, 1, strides[-1]
    for dim in range(len(shape) - 1, -1, -1):
        piece *= shape[dim]
        if dim and (shape[dim - 1] == 1 or strides[dim - 1] == piece * base):
            continue
        filled = 1
        while view_dim >= 0 and (filled < piece or new[view_dim] == 1):
            result[view_dim] = filled * base
            filled *= new[view_dim]
            view_dim -= 1
        if filled != piece:
            return None
        if dim:
            piece, base = 1, strides[dim - 1]
    return tuple(result) if view_dim < 0 else None


def resolved(shape: Sequence[int], count: int) -> Shape:
    """Return a requested shape with its -1, if any, worked out for `count` elements.

    Raises: ShapeFault, in PyTorch's words, where the sizes do not fit.
    """
    fixed = prod(n for n in shape if n != -1)
    unknown = sum(n == -1 for n in shape)
    if unknown > 1:
        raise ShapeFault("only one dimension can be inferred")
    if any(n < -1 for n in shape):
        raise ShapeFault(f"invalid shape dimension {min(shape)}")
    if unknown and fixed and count % fixed == 0:
        return tuple(count // fixed if n == -1 else n for n in shape)
    if unknown or fixed != count:
        raise ShapeFault(f"shape '{shown(shape)}' is invalid for input of size {count}")
    return tuple(shape)


def of_operand(*operands: Any, **_: Any) -> Meta:
    """Return what is known of an operand's cotangent, of rows that take the result's before it."""
    return Meta(operands[1].shape, operands[1].dtype)


# ---- elementwise results -------------------------------------------------------------------


def elementwise_meta(signature: Signature, result: str) -> Callable[..., Meta]:
    """Return the shape and dtype rule of an elementwise operation.

    `result` is as in `rows.elementwise`. Operands are tensors, Python numbers and None; so are
    attributes of the kind `scalar`.
    """
    scalars = ": scalar" in signature.text

    def meta(*operands: Any, **attrs: Any) -> Meta:
        if result == "difference":
            _refuse_masks(operands)
        if not attrs and result == "same" and (alike := _alike(operands)) is not None:
            return alike
        shape: Shape = ()
        given = [x for x in operands if x is not None]
        for operand in given:
            shape = broadcast(shape, getattr(operand, "shape", ()))
        strides = dense_strides(shape, given)
        if scalars:
            given += [attrs[k] for k in signature.scalars if attrs[k] is not None]
        return Meta(shape, _result_dtype(signature, result, tuple(given)), strides)

    return meta


def _refuse_masks(operands: tuple[Any, ...]) -> None:
    masks = [getattr(x, "dtype", None) == BOOL for x in operands]
    if any(masks):
        which = "two bool tensors" if all(masks) else "a bool tensor"
        raise DtypeFault(
            f"Subtraction, the `-` operator, with {which} is not supported. "
            + ("Use the `^` or `logical_xor()` operator instead." if all(masks) else
               "If you are trying to invert a mask, use the `~` or `logical_not()` operator "
               "instead.")
        )  # fmt: skip


def _alike(operands: tuple[Any, ...]) -> Meta | None:
    """Return what all operands are where they do not differ and are contiguous: the usual case."""
    first = operands[0]
    if not hasattr(first, "strides") or first.strides is not None:
        return None
    shape, dtype = first.shape, first.dtype
    for x in operands[1:]:
        if x is first:
            continue
        if getattr(x, "strides", ()) is not None or x.shape != shape or x.dtype != dtype:
            return None
    return Meta(shape, dtype)


def _result_dtype(signature: Signature, result: str, operands: tuple[Any, ...]) -> DType:
    if result == "bool":
        return BOOL
    default = next(x.default_dtype for x in operands if hasattr(x, "default_dtype"))
    dtype = promote(operands, default)
    if not is_differentiable(dtype):
        if result in ("float", "complex", "real float"):
            dtype = default
        elif result == "inexact":
            raise DtypeFault(
                f"\"{signature.name}\" not implemented for '{SCALAR_NAMES[dtype.name]}'",
                hint="it takes floats: write `1.0` for `1`, or .double()",
            )
    if result == "complex":
        return to_complex(dtype) if is_floating(dtype) else dtype
    return to_real(dtype) if result in ("real", "real float") else dtype


def dense_strides(shape: Shape, operands: Sequence[Any]) -> tuple[int, ...] | None:
    """Return the strides that PyTorch gives a result: dense, in the order of the operands' own.

    Source: ATen's `TensorIteratorBase::reorder_dimensions`: of two dimensions, the first operand
    decides that goes along both of them.
    """
    if all(getattr(x, "strides", None) is None for x in operands):
        return None
    given = [_spread(x, shape) for x in operands if getattr(x, "shape", None) is not None]
    order = list(range(len(shape)))[::-1]  # the first varies fastest
    for i in range(1, len(order)):
        at = i
        for before in range(i - 1, -1, -1):
            slower = _is_slower(order[before], order[at], shape, given)
            if slower:
                order[before], order[at] = order[at], order[before]
                at = before
            elif slower is not None:
                break
    strides, step = [0] * len(shape), 1
    for dim in order:
        strides[dim] = step
        step *= shape[dim]
    return packed(shape, tuple(strides))


def _spread(x: Any, shape: Shape) -> tuple[int, ...]:
    """Return an operand's strides along the dimensions of the result: 0 where it is repeated."""
    own = strides_of(x) if hasattr(x, "strides") else contiguous(x.shape)
    lead = len(shape) - len(own)
    repeated = [n == 1 != shape[lead + d] for d, n in enumerate(x.shape)]
    return (*(0,) * lead, *(0 if r else step for r, step in zip(repeated, own, strict=True)))


def _is_slower(a: int, b: int, shape: Shape, given: Sequence[tuple[int, ...]]) -> bool | None:
    """Say whether a dimension's elements lie further apart than another's, None of neither."""
    for strides in given:
        if strides[a] and strides[b]:
            if strides[a] != strides[b]:
                return strides[a] > strides[b]
            if shape[a] > shape[b]:
                return True
    return None
