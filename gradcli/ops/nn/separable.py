"""Maps that are a weighted sum along each dimension in turn: means of windows, interpolation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np

from gradcli.rule.meta import Meta, Shape, of_operand
from gradcli.rule.rows import primitive, pullback
from gradcli.rule.rule import Multilinear, Primitive

Taps = tuple[Any, Any]  # for each result: positions of elements, and their weights


def apply_taps(a: Any, taps: Sequence[Taps]) -> Any:
    """Return the weighted sums along the last dimensions. A weight of 0 is no element."""
    first = np.ndim(a) - len(taps)
    for dim, (places, weights) in enumerate(taps, first):
        total: Any = 0
        for place, weight in zip(places.T, weights.T, strict=True):
            spread = weight.reshape(-1, *(1,) * (np.ndim(a) - dim - 1))
            total = total + np.where(spread == 0, 0, np.take(a, place, dim) * spread)
        a = total
    return a


def add_taps(g: Any, size: Shape, taps: Sequence[Taps]) -> Any:
    """Return the transpose of `apply_taps`, for an input of a given size."""
    first = np.ndim(g) - len(taps)
    for dim, (places, weights) in enumerate(taps, first):
        moved = np.moveaxis(g, dim, 0)
        total = np.zeros((size[dim], *moved.shape[1:]), np.result_type(g, weights))
        for place, weight in zip(places.T, weights.T, strict=True):
            np.add.at(total, place, moved * weight.reshape(-1, *(1,) * (moved.ndim - 1)))
        g = np.moveaxis(total, 0, dim)
    return g


def separable(
    name: str,
    attributes: str,
    kind: Callable[..., tuple[int, str]],
    taps: Callable[..., list[Taps]],
    doc: str,
    saves: str = "",
    keeps_input: bool = False,
) -> tuple[Primitive, ...]:
    """Make the row of such a map, and that of its transpose.

    With `keeps_input` PyTorch's transpose takes the input too, though only for its shape, and so
    the gradient requires one: there is a third row, which does.

    `kind(**attrs)` is the number of dimensions and the grad_fn class, `taps(size, **attrs)` are
    the positions and weights along each of these dimensions.
    """

    def inner(shape: Shape, attrs: dict[str, Any]) -> list[Taps]:
        return taps(shape[len(shape) - kind(**attrs)[0] :], **attrs)

    def meta(a: Any, **attrs: Any) -> Meta:
        rank = kind(**attrs)[0]
        counts = tuple(len(places) for places, _ in inner(a.shape, attrs))
        return Meta((*a.shape[: len(a.shape) - rank], *counts), a.dtype)

    def memory(a: Any, **attrs: Any) -> int:  # after one dimension it may be larger than both
        counts = meta(a, **attrs).shape
        parts = (prod((*counts[:d], *a.shape[d:])) for d in range(len(counts) + 1))
        return int(4 * a.dtype.itemsize * max(parts))

    forward = primitive(
        Multilinear,
        f"_{name}(input, {attributes})",
        lambda a, **attrs: kind(**attrs)[1],
        lambda a, **attrs: apply_taps(a, inner(a.shape, attrs)),
        meta,
        lambda g, y, a, **attrs:
            whole(g, a, **attrs) if keeps_input else backward(g, size=a.shape, **attrs),
        doc=doc,
        saves=saves,
        memory=memory,
    )  # fmt: skip
    backward = primitive(
        Multilinear,
        f"_{name}_backward(grad, size: sizes, {attributes})",
        lambda g, size, **attrs: kind(**attrs)[1].replace("Backward0", "BackwardBackward0"),
        lambda g, size, **attrs: add_taps(g, size, inner(size, attrs)),
        lambda g, size, **attrs: Meta(size, g.dtype),
        lambda gg, y, g, size, **attrs: forward(gg, **attrs),
        doc=f"The transpose of {name}",
    )
    whole = pullback(
        f"_{name}_backward.input(grad, input, {attributes})",
        backward.grad_fn,
        lambda g, a, **attrs: backward(g, size=a.shape, **attrs),
        of_operand,
    )
    return (forward, backward, whole) if keeps_input else (forward, backward)
