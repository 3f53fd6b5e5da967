"""Gradients that flowed to leaves and are not in their `.grad` any more."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Collection, Iterator

from gradcli.inspection import Inspection, NodeFacts
from gradcli.picture.steps import behind
from gradcli.render.words import one_line
from gradcli.session import Session, Start


def unkept(session: Session, inspection: Inspection) -> Iterator[tuple[int, str]]:
    """Yield the leaves whose `.grad` is not what flowed to them, each with the reason."""
    newest = {n.name: n for n in inspection.nodes if n.kind == "parameter"}
    reached: dict[int, Collection[int]] = {}
    for node in inspection.nodes:
        flowed = node.gradient
        if not node.is_leaf or flowed is None or (node.grad is not None and _same(node)):
            continue
        made = None
        for start in session.passes:
            if start.at > node.id:
                if start.root not in reached:
                    reached[start.root] = behind(inspection, start.root)
                if node.id in reached[start.root]:
                    made = start
        words = _why(node if node.name is None else newest.get(node.name, node))
        yield node.id, f"This flowed{_turn(inspection, made)}; {words}"


def _same(node: NodeFacts) -> bool:
    """Say whether `.grad` was not set to 0 after something flowed."""
    assert node.grad is not None, "it is asked of a node that has one"
    return bool(node.grad.any()) or not (node.gradient is not None and node.gradient.any())


def _why(newest: NodeFacts) -> str:
    if newest.grad is None:
        return "`.grad` was reset to None since."
    if not newest.grad.any():
        return "`.grad` was reset to 0 since."
    return f"`.grad` is now that of the value after the update, `{one_line(newest.label)}`."


def _turn(inspection: Inspection, made: Start | None) -> str:
    """Return in which turn of its loop a backward pass began."""
    if made is None:
        return ""
    for loop in inspection.loops:
        if loop.turns[0] <= made.root < loop.turns[-1]:
            return f" in turn {bisect_right(loop.turns, made.root):,}"
    return ""
