"""What a card says of a loop that is shown by one of its turns: how often, from what to what."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gradcli.inspection import Inspection, NodeFacts
from gradcli.picture.figures import figures
from gradcli.render.numbers import value_of
from gradcli.render.rows import Fold, between, turn_nodes

LONGEST = 24  # characters of a first or last value on a card


def spans(inspection: Inspection, folds: Iterable[Fold], digits: int | None) -> Mapping[int, str]:
    """Return what is said of nodes that stand for a loop's: "× 100: 0.5 → 3.25".

    The first value is of the first turn, or of before it for what a turn gives another value; one
    that the turn starts from is of the turn before.
    """
    found: dict[int, str] = {}
    for fold in folds:
        turns = fold.loop.turns
        shown = turn_nodes(inspection, fold)
        first, last = (
            _kept(between(inspection, turns[k], turns[k + 1])) for k in (0, len(turns) - 2)
        )
        times = f"× {len(fold.loop):,}"
        for key, node in _kept(shown).items():
            a, b = first.get(key), last.get(key)
            found[node.id] = times + _change(a, b, digits)
        before = {i for node in shown for i in node.inputs if turns[0] <= i} - found.keys()
        if before:
            given = _named(between(inspection, 0, turns[0]))
            end = _named(between(inspection, 0, turns[-1]))
            for i in before:
                name = inspection.node(i).name
                found[i] = times + _change(given.get(name), end.get(name), digits)
    return found


def _kept(nodes: Sequence[NodeFacts]) -> dict[tuple[object, ...], NodeFacts]:
    """Return nodes by what is the same in every turn: the text that made them, and which it is."""
    found: dict[tuple[object, ...], NodeFacts] = {}
    counts: dict[tuple[object, ...], int] = {}
    for node in nodes:
        key = node.name, node.line, node.source, node.op
        counts[key] = counts.get(key, 0) + 1
        found[*key, counts[key]] = node
    return found


def _named(nodes: Sequence[NodeFacts]) -> dict[str | None, NodeFacts]:
    return {node.name: node for node in nodes if node.name is not None}


def _change(first: NodeFacts | None, last: NodeFacts | None, digits: int | None) -> str:
    texts = [_text(node, digits) for node in (first, last)]
    return f": {' → '.join(texts)}" if all(texts) else ""


def _text(node: NodeFacts | None, digits: int | None) -> str:
    value = None if node is None else value_of(node)
    lines = () if value is None else figures(value, digits)
    return lines[0] if len(lines) == 1 and len(lines[0]) <= LONGEST else ""
