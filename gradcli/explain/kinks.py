"""Kinks at the point of a run: where the slopes of an operation on both sides differ."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import GradcliError
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.rule.rule import Elementwise

STEPS = 1e-5, 1e-7  # to both sides, relative to the operand: a curve's slopes meet, a kink's do not
APART = 1e-3  # slopes that differ by more are two
MOST = 64  # elements that are moved one by one


class Kink(NamedTuple):
    """What an operation takes for its derivative at a kink, and at how many places it is at one.

    `places` is 0 where the derivative is a convention everywhere, as that of `round` is.
    """

    convention: str
    places: int


def kink(graph: Graph, id: int, slot: int, read: Callable[[int], Any]) -> Kink | None:
    """Return the kink of a row by one of its operands, None where it is smooth there."""
    op, operand = graph.ops[id], graph.inputs[id][slot]
    if op is None or not op.kink:
        return None
    if op.kink.startswith("0 everywhere"):
        return Kink(op.kink, 0)
    value = np.asarray(read(operand))
    if value.dtype.kind != "f" or not value.size:
        return None
    count = sum(
        _differ(graph, id, slot, value, moved, read)
        for moved in _moves(value, isinstance(op.derivative, Elementwise))
    )
    return Kink(op.kink, count) if count else None


def _moves(value: Array, together: bool) -> Iterator[Array]:
    """Yield masks of the elements that move at once."""
    if together:
        yield np.ones(value.shape)
    elif value.size <= MOST:
        for k in range(value.size):
            mask = np.zeros(value.size)
            mask[k] = 1
            yield mask.reshape(value.shape)


def _differ(
    graph: Graph, id: int, slot: int, value: Array, mask: Array, read: Callable[[int], Any]
) -> int:
    """Return how many elements of the result have two slopes; 1 at most where one element moves."""
    found = np.asarray(True)
    for step in STEPS:
        with np.errstate(all="ignore"):  # an operand may be inf: no kink is seen there
            h = step * np.maximum(np.abs(value), 1) * mask
            y, up, down = (_at(graph, id, slot, value + s * h, read) for s in (0, 1, -1))
        if y is None or up is None or down is None:
            return 0
        with np.errstate(all="ignore"):
            right, left = (up - y) / step, (y - down) / step
            scale = np.maximum(1e-3, np.maximum(np.abs(right), np.abs(left)))
            apart = np.isfinite(right - left) & (np.abs(right - left) > APART * scale)
        found = found & apart
    count = int(np.count_nonzero(found))
    return count if mask.all() else min(count, 1)


def _at(graph: Graph, id: int, slot: int, moved: Array, read: Callable[[int], Any]) -> Array | None:
    """Return a row's value in double precision for one operand, None where it has none there."""
    inputs = graph.inputs[id]
    operands = [_double(read(i)) if i >= 0 else graph.scalars[~i] for i in inputs]
    operands[slot] = moved.astype(np.float64)
    for k, i in enumerate(inputs):  # x*x moves both
        if i == inputs[slot]:
            operands[k] = operands[slot]
    op = graph.ops[id]
    assert op is not None, "a leaf has no kink"
    try:
        with np.errstate(all="ignore"):
            found = op.forward(*operands, **graph.attrs[id])
    except (GradcliError, np.linalg.LinAlgError):  # outside of what it takes
        return None
    array = np.asarray(found[0] if op.outputs else found)
    return None if array.dtype.kind == "c" else array.astype(np.float64)


def _double(value: Any) -> Any:
    array = np.asarray(value)
    return array.astype(np.float64) if array.dtype.kind not in "biuc" else array
