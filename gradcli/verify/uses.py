"""What the operations that use a tensor ask of its value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gradcli.errors import Span
from gradcli.graph import Graph
from gradcli.ops.pointwise.elementwise import log, mul
from gradcli.ops.reduce.reductions import log_softmax_
from gradcli.rule.rule import Elementwise, Interval, Row

MATRIX = ("positive definite", "symmetric", "triangular")  # what elementwise operations leave
LOGARITHMS = (log, log_softmax_)  # what is multiplied with these are probabilities, or counts


class Asked(NamedTuple):
    """A structure that an operation's argument has to have, or often has; and where it is used."""

    structure: str
    must: bool
    op: Row
    span: Span


class _Used(NamedTuple):
    """A row of the table that takes a node as one of its arguments; its row on a tape, if any."""

    op: Row
    slot: int
    node: int
    span: Span
    id: int | None


def asked(graph: Graph, leaf: int) -> list[Asked]:
    """Return the structures that operations of the file ask of a tensor, musts first.

    An operation may take the tensor itself, a view of it, or its elements changed one by one, as
    in `cholesky(S + eps * eye(n))`.
    """
    direct, changed = _carriers(graph, leaf)
    found = []
    for use in _used(graph, direct | changed):
        for must, fact in ((True, use.op.needs), (False, use.op.often)):
            slot, structure = use.op.structured(fact) or (None, "")
            if slot == use.slot and (use.node in direct or structure in MATRIX):
                found.append(Asked(structure, must, use.op, use.span))
        if use.node in direct and (structure := _meant(graph, use)):
            found.append(Asked(structure, False, use.op, use.span))
    return sorted(found, key=lambda a: not a.must)


def needing(graph: Graph) -> bool:
    """Say whether any operation of a file needs a structure: most files have none."""
    ops = (*graph.ops, *(use.op for use in graph.notes.uses))
    return any(op is not None and op.needs for op in ops)


def intervals(graph: Graph, leaf: int) -> Iterator[Interval]:
    """Yield the intervals on which the operations that take a tensor are defined."""
    for use in _used(graph, {leaf}):
        if use.slot < len(use.op.domain):
            yield use.op.domain[use.slot]


def _meant(graph: Graph, use: _Used) -> str:
    """Return what a tensor is taken for: weights of logarithms, or numbers of things."""
    if use.id is None:
        return ""
    if use.op is mul:
        other = graph.inputs[use.id][1 - use.slot]
        while other >= 0 and graph.ops[other] not in LOGARITHMS and len(graph.inputs[other]) == 1:
            other = graph.inputs[other][0]
        return "probabilities" if other >= 0 and graph.ops[other] in LOGARITHMS else ""
    to_integers = graph.metas[use.id].dtype.kind in "iu"
    same = graph.metas[use.id].shape == graph.metas[use.node].shape
    return "counts" if to_integers and same and graph.metas[use.node].dtype.kind == "f" else ""


def _used(graph: Graph, nodes: set[int]) -> Iterator[_Used]:
    """Yield the uses of some nodes in the file."""
    for id in range(min(nodes) + 1, len(graph)):
        op = graph.ops[id]
        if op is not None and graph.notes.origins[id] == "file":
            for slot, i in enumerate(graph.inputs[id]):
                if i in nodes:
                    yield _Used(op, slot, i, graph.notes.spans[id], id)
    for use in graph.notes.uses:
        if use.node in nodes:
            yield _Used(use.op, use.slot, use.node, use.span, None)


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
