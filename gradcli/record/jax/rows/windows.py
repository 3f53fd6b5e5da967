"""Convolutions and windows of a reduction."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from gradcli.record.jax.rows.call import Call, Row, Said, one, sizes
from gradcli.record.jax.rows.shapes import placed


def _permuted(text: str, order: Sequence[int]) -> str:
    return text if list(order) == sorted(order) else f"permute({text}, {sizes(order)})"


def _convolution(call: Call) -> Iterator[Said]:
    a, kernel = call.operands
    p = call.params
    numbers = p["dimension_numbers"]
    n = len(numbers.lhs_spec) - 2
    if p["batch_group_count"] != 1 or not 1 <= n <= 3:
        return
    text = _permuted(str(a), numbers.lhs_spec)
    shape = [a.shape[d] for d in numbers.lhs_spec]
    if any(k != 1 for k in p["lhs_dilation"]):  # as a transposed convolution spreads its operand
        steps = [1, 1, *p["lhs_dilation"]]
        wide = [(m - 1) * k + 1 for m, k in zip(shape, steps, strict=True)]
        base = f"zeros({sizes(wide)}, dtype={a.dtype})"
        text = placed(base, wide, text, shape, [0] * len(shape), steps)
    padding = [(int(low), int(high)) for low, high in p["padding"]]
    words = []
    if all(low == high >= 0 for low, high in padding):
        if any(low for low, _ in padding):
            words.append(f"padding={_same([low for low, _ in padding])}")
    else:
        sides = [side for pair in reversed(padding) for side in pair]
        text = f"F.pad({text}, {sizes(sides)})"
    for word, given in (("stride", p["window_strides"]), ("dilation", p["rhs_dilation"])):
        if any(k != 1 for k in given):
            words.append(f"{word}={_same(given)}")
    if p["feature_group_count"] != 1:
        words.append(f"groups={p['feature_group_count']}")
    weight = _permuted(str(kernel), numbers.rhs_spec)
    made = f"F.conv{n}d({', '.join([text, weight, *words])})"
    yield one(_permuted(made, np.argsort(numbers.out_spec).tolist()))


def _same(given: Sequence[int]) -> str:
    return str(given[0]) if len(set(given)) == 1 else sizes(given)


def pooled(word: str, filler: str, sign: str = "") -> Row:
    """Return the row of a reduction over windows, by a pooling over dimensions brought last.

    With a sign it is that of the negative operand, and so is the result.
    """

    def row(call: Call) -> Iterator[Said]:
        a, p = call[0], call.params
        rank = len(a.shape)
        window, strides, padding = p["window_dimensions"], p["window_strides"], p["padding"]
        dilation = p.get("window_dilation") or (1,) * rank
        if any(k != 1 for k in p.get("base_dilation") or ()):
            return
        if word == "avg" and any(k != 1 for k in dilation):
            return
        moved = [
            d for d in range(rank)
            if window[d] != 1 or strides[d] != 1 or tuple(padding[d]) != (0, 0)
        ]  # fmt: skip
        n = max(len(moved), 1)
        moved += [d for d in reversed(range(rank)) if d not in moved][: n - len(moved)]
        if n > 3 or not rank or len(moved) < n:
            return
        rest = [d for d in range(rank) if d not in moved]
        order = [*rest, *moved]
        text = _permuted(f"({sign}{a})" if sign else str(a), order)
        outer = int(np.prod([a.shape[d] for d in rest]))
        inner = [a.shape[d] for d in moved]
        if len(rest) != 1:
            text = f"reshape({text}, {sizes([outer, *inner])})"
        sides = [int(s) for d in reversed(moved) for s in padding[d]]
        if any(sides):
            text = f"F.pad({text}, {sizes(sides)}, value={filler})"
        words = [_same([window[d] for d in moved]), f"stride={_same([strides[d] for d in moved])}"]
        if word == "max" and any(k != 1 for k in dilation):
            words.append(f"dilation={_same([dilation[d] for d in moved])}")
        text = f"F.{word}_pool{n}d({', '.join([text, *words])})"
        if word == "avg":
            text = f"{text} * {int(np.prod([window[d] for d in moved]))}"
        if len(rest) != 1:
            text = f"reshape({text}, {sizes(call.shape[d] for d in order)})"
        back = np.argsort(order).tolist()
        yield one(f"{sign}{_permuted(text, back)}")

    return row


ROWS: dict[str, Row] = {
    "conv_general_dilated": _convolution,
    "reduce_window_max": pooled("max", "-inf"),
    "reduce_window_min": pooled("max", "-inf", "-"),
    "reduce_window_sum": pooled("avg", "0.0"),
}
