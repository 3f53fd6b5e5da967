"""What flows back through each edge of a graph: the local derivative, and what is passed on."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from gradcli.errors import GradcliError
from gradcli.explain.derivation import Derivation, whole
from gradcli.inspection import Array, Inspection
from gradcli.render.numbers import brief
from gradcli.session import Session

MOST = 2000  # rows of a pass that is gone through step by step
ELEMENTS = 10_000_000  # of all tensors of such a pass
WIDTH = 18  # characters of a value beside an edge
LONGEST = 40  # characters of a local derivative


class Through(NamedTuple):
    """What a row passes on to an operand, and by which local derivative, as texts."""

    local: str
    passed: str


def derivation(session: Session, inspection: Inspection) -> Derivation | None:
    """Return the pass from the root step by step, None where there is none, or it is too long."""
    graph, root = session.graph, inspection.root
    elements = sum(prod(node.shape) for node in inspection.nodes)
    if root is None or len(graph) > MOST or elements > ELEMENTS:
        return None
    start = session.passes[-1] if session.passes else None
    cotangent = start.cotangent if start is not None and start.root == root else None
    try:
        with session.tracer.placed():
            return whole(graph, inspection, root, cotangent)
    except GradcliError:  # a root of several elements that nothing differentiates
        return None


def through(found: Derivation, inspection: Inspection) -> Mapping[tuple[int, int], Through]:
    """Return what is said of what flows through each edge, by row and operand.

    An operand that a row uses twice has what both uses pass on to it one after the other.
    """
    from gradcli.render.explain_rows import Style, each

    edges: dict[tuple[int, int], Through] = {}
    nodes = {node.id: node for node in inspection.nodes}
    for step, row, _ in each(found, nodes, Style(values=WIDTH)):
        local = row.factor if len(row.factor) <= LONGEST else row.factor.partition(" = ")[0]
        one = Through(local, brief(step.passed, WIDTH))
        before = edges.get((step.row, step.operand))
        if before is not None:
            one = Through(f"{before.local}, {one.local}", f"{before.passed}, {one.passed}")
        edges[step.row, step.operand] = one
    return edges


def passed(found: Derivation) -> Mapping[tuple[int, int], Array]:
    """Return the gradient that each row passes to each operand, both uses of `x*x` together."""
    edges: dict[tuple[int, int], Array] = {}
    for step in found.steps:
        key = step.row, step.operand
        edges[key] = edges[key] + step.passed if key in edges else step.passed
    return edges
