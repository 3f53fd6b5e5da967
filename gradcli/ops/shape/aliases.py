"""Views read again, and writes through them: what a change in place does to other tensors.

A view is reached from its base by steps, each an operation of the table that shows elements and
computes none. The rows here take those steps at once: `read_view` forwards, `write_view` back.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.shape.scatter import joint
from gradcli.ops.shape.shapes import conj_complex, expand, sum_to, zeros_like
from gradcli.rule.dtypes import Array, is_complex, to_complex, to_real
from gradcli.rule.meta import Meta, Shape, contiguous, packed, strides_of
from gradcli.rule.rows import primitive
from gradcli.rule.rule import Derivative, Multilinear, Primitive, number


class Step(NamedTuple):
    """One operation on the way from a tensor to a view; `position` is which of its results."""

    op: Primitive
    attrs: dict[str, Any]
    position: int | None = None


Steps = tuple[Step, ...]


def metas(a: Any, steps: Sequence[Step]) -> list[Meta]:
    """Return what is known of a tensor and of each view on the way along some steps."""
    found = [Meta(a.shape, a.dtype, getattr(a, "strides", None))]
    for op, attrs, position in steps:
        meta = op.meta(found[-1], **attrs)
        found.append(meta if position is None else meta[position])
    return found


def _viewed(array: Any, steps: Sequence[Step]) -> Any:
    for op, attrs, position in steps:
        array = op.forward(array, **attrs)
        array = array if position is None else array[position]
    return array


def positions(shape: Shape, dtype: Any, steps: Sequence[Step]) -> tuple[Array, Array | None]:
    """Return where each element of a view lies in its base, and the signs of what is conjugated.

    A base of complex numbers, or one that is seen as such, counts as the real numbers that it
    consists of, and so does the view. Signs are None where all are 1.
    """
    parts = 2 if is_complex(dtype) else 1
    places = np.arange(parts * prod(shape), dtype=np.float64)
    if parts == 2:
        places = places.view(np.complex128)
    found = np.asarray(_viewed(places.reshape(shape), steps))
    if is_complex(found.dtype):
        found = np.stack([found.real, found.imag], -1)
    signs = np.where(np.signbit(found), -1, 1)
    return np.abs(found).astype(np.int64), signs if (signs < 0).any() else None


def overlaps(shape: Shape, strides: Sequence[int]) -> bool:
    """Say whether elements of a tensor lie at the same place, so that none can be written alone."""
    extent = 0
    for stride, size in sorted(zip(strides, shape, strict=True)):
        if size > 1:
            if stride <= extent:
                return True
            extent += stride * (size - 1)
    return False


def _reals(array: Array, dtype: Any) -> Array:
    """Return the real numbers that an array consists of, pairs along a new last dimension."""
    pairs = np.asarray(array).astype(to_complex(dtype))
    return np.stack([pairs.real, pairs.imag], -1)


def _write_view(a: Any, source: Any, steps: Steps) -> Any:
    places, signs = positions(a.shape, a.dtype, steps)
    view = _viewed(a, steps)
    values = np.broadcast_to(source, view.shape)
    if is_complex(view.dtype):
        values = _reals(values, a.dtype)
    elif is_complex(values.dtype):
        values = values.real
    flat = np.ascontiguousarray(a).reshape(-1).copy()
    reals = flat.view(to_real(flat.dtype)) if is_complex(flat.dtype) else flat
    reals[places.reshape(-1)] = (values if signs is None else values * signs).reshape(-1)
    return flat.reshape(a.shape)


def _write_meta(a: Any, source: Any, steps: Steps) -> Meta:
    if not number(source):
        expand.meta(source, size=metas(a, steps)[-1].shape)  # its shape must fit
    return Meta(a.shape, a.dtype, a.strides)


def _read_rule(g: Any, y: Any, a: Any, steps: Steps) -> Any:
    """Carry a cotangent back along the steps: each is linear, and needs no values."""
    known = metas(a, steps)
    for (op, attrs, position), before, after in zip(
        reversed(steps), known[-2::-1], known[:0:-1], strict=True
    ):
        assert op.derivative is not None, "a view has a derivative"
        result: Any = after
        if position is not None:
            result = op.meta(before, **attrs)
            g = [g if i == position else None for i in range(len(result))]
        g = op.derivative.vjp(0, g, result, (before,), attrs)
    return g


def _read_name(a: Any, steps: Steps) -> str:
    """Return the grad_fn of a view that is taken again: as_strided, where that can show it."""
    before, after = metas(a, steps)[-2:]
    op, attrs, _ = steps[-1]
    if op is not conj_complex and is_complex(before.dtype) == is_complex(after.dtype):
        return "AsStridedBackward0"
    return op.grad_fn_name((before,), attrs)


def _written_rule(g: Any, y: Any, a: Any, b: Any, steps: Steps) -> Any:
    return sum_to(read_view(g, steps=steps), b.shape)


def _kept_name(a: Any, *_: Any) -> str:
    return a.graph.grad_fn(a.id) or ""


def _overwritten(a: Any, source: Any, seen: Any) -> Any:
    """Return `source`, moved as far as `a` has from where it was seen.

    One of another shape, which `.data = …` may bring, does not move.
    """
    if a.shape != np.shape(source):
        return np.asarray(source)
    same = (a == seen) | ((a != a) & (seen != seen))
    return np.where(same, source, source + (a - seen))


# ---- tensors over any memory ----------------------------------------------------------------


def _memory(a: Any, strides: Sequence[int]) -> tuple[int, ...]:
    """Return the dimensions of a dense tensor in the order of its memory."""
    return tuple(sorted(range(len(a.shape)), key=lambda d: (-strides[d], -a.shape[d])))


def _as_strided_meta(
    a: Any, size: Shape, stride: Shape, storage_offset: int, memory: Shape
) -> Meta:
    if len(size) != len(stride):
        raise ShapeFault(
            f"mismatch in length of strides and shape: {len(size)} sizes, {len(stride)} strides"
        )
    if any(n < 0 for n in (*size, *stride, storage_offset)):
        raise ArgumentFault("as_strided: sizes, strides and the offset must not be negative")
    last = storage_offset + sum(s * (n - 1) for n, s in zip(size, stride, strict=True))
    if 0 not in size and last >= prod(a.shape):
        raise ArgumentFault(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset "
            f"{storage_offset} are out of bounds for storage of {prod(a.shape)} elements"
        )
    return Meta(size, a.dtype, packed(size, stride))


def strided_places(size: Shape, stride: Shape, storage_offset: int) -> Array:
    """Return where in memory each element of a tensor with these strides lies."""
    places = np.full(size, storage_offset)
    for d, (n, s) in enumerate(zip(size, stride, strict=True)):
        places += np.arange(n).reshape(-1, *(1,) * (len(size) - d - 1)) * s
    return places


def _as_strided(a: Any, size: Shape, stride: Shape, storage_offset: int, memory: Shape) -> Any:
    return np.transpose(a, memory).reshape(-1)[strided_places(size, stride, storage_offset)]


def _as_strided_backward(
    g: Any, shape: Shape, size: Shape, stride: Shape, storage_offset: int, memory: Shape
) -> Any:
    places = strided_places(size, stride, storage_offset)
    flat = np.zeros(prod(shape), g.dtype)
    np.add.at(flat, places.reshape(-1), np.reshape(g, -1))
    moved = flat.reshape([shape[d] for d in memory])
    return np.transpose(moved, np.argsort(memory)) if memory else moved.reshape(shape)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

read_view = primitive(Multilinear,
    "_as_strided.view(input, steps: any)", _read_name,
    _viewed, lambda a, steps: metas(a, steps)[-1], _read_rule,
    doc="A view of what its base has become", view="alias")
write_view = primitive(Derivative,
    "_copy_slices.view(input, source, steps: any)", "CopySlices",
    _write_view, _write_meta,
    lambda g, y, a, b, steps: write_view(g, 0, steps=steps),
    _written_rule,
    tangent=joint(lambda: write_view, 0, 1), numbers=True, saves="steps",
    doc="A tensor written into a view of another: `x[1:] = y`")
overwritten = primitive(Derivative,
    "_overwritten(input, source, seen)", _kept_name,
    _overwritten, lambda a, source, seen: Meta(a.shape, a.dtype, a.strides),
    lambda g, y, a, source, seen: g,
    tangent=lambda ts, y, *_: ts[0],
    doc="Other values that autograd does not know of: gradients flow as if there were none")
as_strided = primitive(Multilinear,
    "_as_strided(input, size: sizes, stride: sizes, storage_offset: int, memory: sizes)",
    "AsStridedBackward0", _as_strided, _as_strided_meta,
    lambda g, y, a, **at: as_strided_backward(g, shape=a.shape, **at),
    doc="View of memory with any sizes and strides", view="alias",
    examples="v.as_strided((2, 2), (1, 1)); (M * 1).as_strided((2,), (3,), 1)")
as_strided_backward = primitive(Multilinear,
    "_as_strided_backward(grad, shape: sizes, size: sizes, stride: sizes, "
    "storage_offset: int, memory: sizes)", "AsStridedBackwardBackward0",
    _as_strided_backward, lambda g, shape, **at: Meta(shape, g.dtype),
    lambda g, y, a, shape, **at: as_strided(g, **at),
    doc="Elements added up where they lie in memory: the transpose of as_strided")
zero_in_place = primitive(Derivative, "zero_(input)", "ZeroBackward0",
    lambda a: np.zeros(a.shape, a.dtype), lambda a: Meta(a.shape, a.dtype, a.strides),
    lambda g, y, a: zeros_like(g),
    tangent=lambda ts, y, a: zeros_like(ts[0]), doc="Zeros, in place",
    examples="(v * 1).zero_()")

# fmt: on


def strided(a: Any, size: Shape, stride: Shape, storage_offset: int) -> Any:
    """Return a view of a dense tensor's memory."""
    strides = strides_of(a)
    order = _memory(a, strides)
    dense = tuple(strides[d] for d in order) == contiguous(tuple(a.shape[d] for d in order))
    if not dense:
        raise ArgumentFault(
            "as_strided() of a tensor whose own memory has gaps",
            hint="take it of x.contiguous(), or of the tensor that this is a view of",
        )
    return as_strided(a, size=size, stride=stride, storage_offset=storage_offset, memory=order)
