"""What flows back through each edge of a graph: the local derivative, and what is passed on."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import NamedTuple

from gradcli.diagnose.subject import Flow
from gradcli.errors import GradcliError
from gradcli.explain.derivation import whole
from gradcli.inspection import Array, Inspection
from gradcli.render.explain_rows import Style, each
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
    gradient: Array


def through(session: Session, inspection: Inspection) -> Mapping[tuple[int, int], Through]:
    """Return what flows through each edge, by row and operand; nothing where nothing flows.

    An operand that a row uses twice has what both uses pass on to it one after the other.
    """
    root = inspection.root
    if root is None or len(session.graph) > MOST:
        return {}
    start = session.passes[-1] if session.passes else None
    cotangent = start.cotangent if start is not None and start.root == root else None
    try:
        found = whole(session.graph, inspection, root, cotangent)
    except GradcliError:  # a root of several elements that nothing differentiates
        return {}
    edges: dict[tuple[int, int], Through] = {}
    nodes = {node.id: node for node in inspection.nodes}
    for step, row, _ in each(found, nodes, Style(values=WIDTH)):
        local = row.factor if len(row.factor) <= LONGEST else row.factor.partition(" = ")[0]
        one = Through(local, brief(step.passed, WIDTH), step.passed)
        before = edges.get((step.row, step.operand))
        if before is not None:
            one = Through(f"{before.local}, {one.local}", f"{before.passed}, {one.passed}",
                          before.gradient + one.gradient)  # fmt: skip
        edges[step.row, step.operand] = one
    return edges


def passed(session: Session, inspection: Inspection) -> Mapping[tuple[int, int], Array]:
    """Return the gradient that each row passes to each operand, in the pass from the root.

    Both uses of `x*x` count together. Empty where there is no pass, or too much to go through.
    """
    graph, start = session.graph, session.passes[-1] if session.passes else None
    elements = sum(prod(node.shape) for node in inspection.nodes)
    if start is None or start.root != inspection.root or len(graph) > MOST or elements > ELEMENTS:
        return {}
    try:
        with session.tracer.placed():
            flow = Flow(graph, start)
    except GradcliError:  # what it saw has changed since
        return {}
    found: dict[tuple[int, int], Array] = {}
    for row in flow.order:
        for edge in flow.edges(row):
            part = flow.part(edge)
            key = edge.row, edge.operand
            found[key] = found[key] + part if key in found else part
    return found
