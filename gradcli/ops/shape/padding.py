"""Elements put around a tensor."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.ops.shape.indexing import put_at, slice_
from gradcli.ops.shape.layout import pad_constant, pad_widths, padded_meta
from gradcli.ops.shape.writes import copy_slices
from gradcli.rule.meta import Shape, of_operand, shown
from gradcli.rule.rows import composite, primitive, pullback
from gradcli.rule.rule import Multilinear

_NUMPY_MODES = {"reflect": "reflect", "replicate": "edge"}
_PAD_NAMES = {"reflect": "ReflectionPad{}DBackward0", "replicate": "ReplicationPad{}DBackward0"}


def _positions(shape: Shape, pad: Shape, mode: str) -> Any:
    """Return the place in the flat input that each element of the padded result copies."""
    places: Any = np.arange(prod(shape)).reshape(shape)
    for dim, (before, after) in enumerate(pad_widths(len(shape), pad)):
        size = shape[dim]
        cut = slice(max(-before, 0), size - max(-after, 0))
        places = places[(*(slice(None),) * dim, cut)]
        width = [(0, 0)] * len(shape)
        width[dim] = (max(before, 0), max(after, 0))
        places = np.pad(places, width, mode=_NUMPY_MODES[mode])  # type: ignore[call-overload]
    return places


# fmt: off


pad_backward = pullback("_pad_backward(grad, input, pad: sizes, mode: str)",
    lambda g, a, pad, mode: f"{_PAD_NAMES[mode].format(len(pad) // 2)[:-1]}Backward0",
    lambda g, a, pad, mode: put_at(g, _positions(a.shape, pad, mode), size=a.shape), of_operand)
pad_copied = primitive(Multilinear,
    "_pad(input, pad: sizes, mode: str)",
    lambda a, pad, mode: _PAD_NAMES[mode].format(len(pad) // 2),
    lambda a, pad, mode: np.reshape(a, -1)[_positions(a.shape, pad, mode)], padded_meta,
    lambda g, y, a, pad, mode: pad_backward(g, a, pad=pad, mode=mode),
    saves="input",
    doc="Elements put around by copying those of the edge or of the other side")

# fmt: on


def _wrapped(a: Any, pad: Shape) -> Any:
    """Write the elements into a larger tensor, then each side from the other, as PyTorch does."""
    shape = padded_meta(a, pad).shape
    ends = {d: w for d, w in reversed(list(enumerate(pad_widths(len(shape), pad))))
            if d >= len(shape) - len(pad) // 2}  # fmt: skip
    places, inner, inside = np.arange(prod(shape)).reshape(shape), a, [slice(None)] * len(shape)
    for dim, (before, after) in ends.items():
        inside[dim] = slice(max(before, 0), shape[dim] - max(after, 0))
        start, end = max(-before, 0), a.shape[dim] - max(-after, 0)
        inner = slice_(inner, dim=dim, start=start, end=end, step=1)
    result = copy_slices(np.zeros(shape, a.dtype), inner, places[tuple(inside)])
    for dim, (before, after) in ends.items():
        last = shape[dim] - max(after, 0)
        sides = (((0, before), last - before), ((shape[dim] - after, shape[dim]), max(before, 0)))
        for (start, end), source in sides:
            if end > start:
                copied = slice_(result, dim=dim, start=source, end=source + end - start, step=1)
                there = places[(*(slice(None),) * dim, slice(start, end))]
                result = copy_slices(result, copied, there)
    return result


def _pad(a: Any, pad: Shape, mode: str, value: Any) -> Any:
    if mode == "constant":
        return pad_constant(a, pad=pad, value=0.0 if value is None else value)
    if mode not in (*_NUMPY_MODES, "circular"):
        raise ArgumentFault(
            f"Unrecognised padding mode {mode}",
            hint="modes are 'constant', 'reflect', 'replicate' and 'circular'",
        )
    if value is not None:
        raise ArgumentFault(f'Padding mode "{mode}" doesn\'t take in value argument')
    count = len(pad) // 2
    if len(pad) % 2 or not 0 < count <= 3 or not count < len(a.shape) <= count + 2:
        raise ArgumentFault(
            "Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now",
            hint=f"pad {list(pad)} needs an input of {count + 1} or {count + 2} dimensions",
        )
    padded = list(zip(a.shape, pad_widths(len(a.shape), pad), strict=True))[-count:]
    for size, widths in padded:
        if not size and max(widths) > 0:
            raise ArgumentFault(
                f"Expected a tensor with non-zero dimensions for input, but got: {shown(a.shape)}"
            )
        if min(widths) < 0 and size + sum(min(n, 0) for n in widths) <= 0:
            raise ArgumentFault(
                f"pad(): {list(widths)} takes all of a dimension of size {size} off",
                hint="constant padding may leave nothing",
            )
        if mode == "reflect" and max(widths) >= size:
            raise ArgumentFault(
                "Padding size should be less than the corresponding input dimension, but got: "
                f"padding ({widths[0]}, {widths[1]}) for a dimension of size {size}"
            )
        if mode == "circular" and max(widths) > size:
            raise ArgumentFault("Padding value causes wrapping around more than once.")
    return _wrapped(a, pad) if mode == "circular" else pad_copied(a, pad=pad, mode=mode)


# fmt: off
pad = composite("pad(input, pad: sizes, mode: str = 'constant', value: number = None)", _pad,
    doc="Elements put around a tensor; sizes begin with the last dimension",
    examples="F.pad(v, (1, 2)); F.pad(M, (1, -1, 0, 1), value=2.0); "
    "F.pad(M, (2, 1), mode='reflect'); F.pad(M, (1, 1), mode='replicate'); "
    "F.pad(M, (1, 2), mode='circular')")
# fmt: on
