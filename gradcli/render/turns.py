"""What the turns of a loop did: its parameters from first to last, its loss as a line of bars."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isfinite, log
from typing import NamedTuple

from gradcli.inspection import Inspection, LoopFacts, NodeFacts, Summary
from gradcli.render.numbers import SCALAR_DIGITS, inline, number, summarised, value_of
from gradcli.render.rows import Fold, between, turn_nodes
from gradcli.render.words import TurnsRoot

_BARS, _ASCII_BARS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_POINTS = 24  # characters of a line
_SPAN = 10.0  # numbers farther apart have a logarithmic scale
_VALUE = 30  # characters of a parameter


class Change(NamedTuple):
    """What a loop did to a name, in words, and as a line of bars where it is the loss."""

    name: str
    text: str
    line: str = ""


def changes(
    inspection: Inspection, loop: LoopFacts, precision: int | None, *, ascii_only: bool = False
) -> list[Change]:
    """Return what a loop did to its parameters and to its loss."""
    arrow = " -> " if ascii_only else " → "
    found = [*_parameters(inspection, loop, arrow, precision)]
    return [*found, *_loss(inspection, loop, arrow, precision, ascii_only)]


def root_of_turn(inspection: Inspection, folds: Sequence[Fold]) -> TurnsRoot | None:
    """Return what was the root in the turn that is shown, None where that is the root itself."""
    for fold in folds:
        turns = fold.loop.turns
        if inspection.root is None or not turns[0] <= inspection.root < turns[-1]:
            continue
        root = inspection.node(inspection.root)
        same = [
            node
            for node in turn_nodes(inspection, fold)
            if (node.name, node.line, node.source) == (root.name, root.line, root.source)
        ]
        if same and same[-1].id != root.id:
            return TurnsRoot(same[-1], f" in turn {fold.turn:,} of {len(fold.loop):,}")
    return None


def _parameters(
    inspection: Inspection, loop: LoopFacts, arrow: str, precision: int | None
) -> Iterator[Change]:
    """Yield the parameters that the loop gave another value, from their first to their last."""
    turns = loop.turns
    first: dict[str, NodeFacts] = {}
    for node in between(inspection, 0, turns[1]):
        if node.kind == "parameter" and node.name is not None:
            first.setdefault(node.name, node)
    last: dict[str, NodeFacts] = {}
    for node in between(inspection, turns[-2], turns[-1]):
        if node.name in first and node.id != first[node.name].id:
            last[node.name] = node
    for name, node in last.items():
        yield Change(name, _text(first[name], precision) + arrow + _text(node, precision))


def _text(node: NodeFacts, precision: int | None) -> str:
    value = value_of(node)
    if value is None:
        return ""
    whole = None if isinstance(value, Summary) else inline(value, _VALUE, precision)
    return whole or summarised(value, _VALUE, precision)


def _loss(
    inspection: Inspection, loop: LoopFacts, arrow: str, precision: int | None, ascii_only: bool
) -> Iterator[Change]:
    """Yield the loss of every turn as a line, with the first, the last and the least of them."""
    node = _scalar(inspection, loop)
    values = {} if node is None else dict(_series(inspection, loop, node))
    if node is None or len(values) < 2:
        return
    digits = precision or SCALAR_DIGITS
    numbers = list(values.values())
    text = f"{number(numbers[0], digits)}{arrow}{number(numbers[-1], digits)}"
    finite = {turn: value for turn, value in values.items() if isfinite(value)}
    if finite:
        turn = min(finite, key=lambda turn: finite[turn])
        text += f", best {number(finite[turn], digits)} in turn {turn:,}"
    line = sparkline(numbers, _ASCII_BARS if ascii_only else _BARS)
    yield Change(node.name or node.label, text, line)


def _scalar(inspection: Inspection, loop: LoopFacts) -> NodeFacts | None:
    """Return the loss of the last turn: the root where it is in it, else its last real scalar."""
    nodes = between(inspection, loop.turns[-2], loop.turns[-1])
    found = [
        node
        for node in nodes
        if node.name is not None
        and not node.shape
        and not node.is_leaf
        and node.requires_grad
        and not node.dtype.startswith("complex")
    ]
    roots = [node for node in found if node.id == inspection.root]
    return (roots or found)[-1] if found else None


def _series(
    inspection: Inspection, loop: LoopFacts, last: NodeFacts
) -> Iterator[tuple[int, float]]:
    """Yield the turns that have a value of the name and line of a node, and the value."""
    for turn in range(1, len(loop) + 1):
        found = None
        for node in between(inspection, loop.turns[turn - 1], loop.turns[turn]):
            if node.name == last.name and node.line == last.line and not node.shape:
                found = node
        if found is not None and found.value is not None:
            yield turn, float(found.value)


def sparkline(values: Sequence[float], bars: str = _BARS) -> str:
    """Return numbers as a line of bars, each the last of as many numbers as share its place.

    Positive numbers that are far apart have a logarithmic scale, which is said; what is not finite
    is `?`.
    """
    count = min(len(values), _POINTS)
    points = [values[(k + 1) * len(values) // count - 1] for k in range(count)]
    finite = [x for x in points if isfinite(x)]
    if not finite:
        return "?" * count
    low, high = min(finite), max(finite)
    logarithmic = all(x > 0 for x in values if isfinite(x)) and high / low > _SPAN
    if logarithmic:
        points = [log(x) if isfinite(x) and x > 0 else x for x in points]
        low, high = log(low), log(high)
    top = len(bars) - 1
    text = "".join(
        bars[round((x - low) / (high - low) * top) if high > low else 0] if isfinite(x) else "?"
        for x in points
    )
    return f"{text}  log scale" if logarithmic else text
