"""What the operations that use a tensor ask of its value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gradcli.errors import Span
from gradcli.graph import Graph
from gradcli.rule.rule import Elementwise, Interval, Row

MATRIX = ("positive definite", "symmetric", "triangular")  # what elementwise operations leave


class Asked(NamedTuple):
    """A structure that an operation's argument has to have, or often has; the row of the tape."""

    structure: str
    must: bool
    op: Row
    span: Span


def asked(graph: Graph, leaf: int) -> list[Asked]:
    """Return the structures that operations of the file ask of a tensor, musts first.

    An operation may take the tensor itself, a view of it, or its elements changed one by one, as
    in `cholesky(S + eps * eye(n))`.
    """
    direct, changed = _carriers(graph, leaf)
    found = []
    for row, slot, node, span in _used(graph, direct | changed):
        for must, fact in ((True, row.needs), (False, row.often)):
            named = row.structured(fact)
            if named is not None and named[0] == slot and (node in direct or named[1] in MATRIX):
                found.append(Asked(named[1], must, row, span))
    return sorted(found, key=lambda a: not a.must)


def intervals(graph: Graph, leaf: int) -> Iterator[Interval]:
    """Yield the intervals on which the operations that take a tensor are defined."""
    for row, slot, _, _ in _used(graph, {leaf}):
        if slot < len(row.domain):
            yield row.domain[slot]


def _used(graph: Graph, nodes: set[int]) -> Iterator[tuple[Row, int, int, Span]]:
    """Yield the rows of the table that take some nodes: slot, node, and place in the file."""
    for id in range(min(nodes) + 1, len(graph)):
        op = graph.ops[id]
        if op is not None and graph.notes.origins[id] == "file":
            for slot, i in enumerate(graph.inputs[id]):
                if i in nodes:
                    yield op, slot, i, graph.notes.spans[id]
    for use in graph.notes.uses:
        if use.node in nodes:
            yield use.op, use.slot, use.node, use.span


def _carriers(graph: Graph, leaf: int) -> tuple[set[int], set[int]]:
    """Return the nodes that show a tensor's elements, and those that show them changed."""
    direct, changed, shape = {leaf}, set[int](), graph.metas[leaf].shape
    for id in range(leaf + 1, len(graph)):
        op, inputs = graph.ops[id], graph.inputs[id]
        if op is None or not any(i in direct or i in changed for i in inputs):
            continue
        if op.view and graph.metas[id].shape[-2:] == shape[-2:]:
            (direct if inputs[0] in direct else changed).add(id)
        elif isinstance(op.derivative, Elementwise) and graph.metas[id].shape == shape:
            changed.add(id)
    return direct, changed
