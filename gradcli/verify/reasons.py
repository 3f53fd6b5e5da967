"""Which operation is responsible: for a kink, an edge of a domain, a cut."""

from __future__ import annotations

import re
from dataclasses import dataclass

from gradcli.errors import Source
from gradcli.graph import OUTPUT, Graph
from gradcli.verify.probe import held_elements

CALL = re.compile(r"(?:[\w.]*\.)?([A-Za-z]\w*)\(")  # `F.relu6(` and `x.relu6(`


@dataclass(frozen=True)
class Reason:
    """An operation, its line, and what its row of the table says of the derivative there."""

    op: str
    line: int
    convention: str = ""
    called: str = ""  # the function that the file calls, where that is another one
    result: str = ""  # which of several

    def __str__(self) -> str:
        name = f"{self.op}'s {self.result}" if self.result else self.op
        return f"{name}{f' in {self.called}' if self.called else ''} (line {self.line})"


def called_function(text: str) -> str:
    """Return the name of the function that an expression is a call of, "" where it is none."""
    call = CALL.match(text)
    if call is None or not text.endswith(")"):
        return ""
    depth = 0
    for k, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if letter == ")" and not depth and k < len(text) - 1:
            return ""  # `abs(x) + abs(y)`
    return call[1]


def reason(graph: Graph, source: Source, id: int) -> Reason:
    """Return a row of the tape as a reason."""
    op, span = graph.ops[graph.producer(id)], graph.notes.spans[id]
    assert op is not None, "a leaf is no reason"
    known = {"", op.label, op.label.rpartition(".")[2], *op.aliases}
    called = called_function(source.snippet(span))
    called = "" if called in known else called
    result = ""
    if graph.ops[id] is OUTPUT:
        result = op.outputs[graph.attrs[id]["position"]]
    return Reason(op.label, source.line_of(span), op.kink, called, result)


def behind(graph: Graph, leaf: int) -> set[int]:
    """Return the rows that depend on a leaf, those that took over a value among them."""
    sources, moved = graph.notes.sources, {leaf}
    for id in range(leaf + 1, len(graph)):
        if sources.get(id) in moved or any(i in moved for i in graph.inputs[id]):
            moved.add(id)
    return moved


def numbers(graph: Graph, leaf: int) -> list[int]:
    """Return the rows behind a leaf whose values the file has read as Python numbers."""
    moved = behind(graph, leaf)
    return [i for i in dict.fromkeys(graph.notes.numbers) if i in moved and i != leaf]


def cuts(graph: Graph, leaf: int, roots: tuple[int, ...]) -> list[int]:
    """Return the rows at which the gradient's way to a leaf ends, though values depend on it.

    These carry no gradient (`detach`, `no_grad`, comparisons) or have a derivative of zero.
    """
    moved = behind(graph, leaf)
    found, seen, stack = [], set(), [i for i in roots if i in moved]
    while stack:
        id = stack.pop()
        if id in seen or id == leaf:
            continue
        seen.add(id)
        if id in graph.notes.sources:
            stack.append(graph.notes.sources[id])
        elif _stops(graph, id, moved):
            found.append(id)
        else:
            stack.extend(i for i in graph.inputs[id] if i in moved)
    # what a comparison chooses is no cut where a gradient flows beside it
    return sorted(found, key=lambda i: (graph.metas[i].dtype.kind not in "fc", i))


def _stops(graph: Graph, id: int, moved: set[int]) -> bool:
    op = graph.ops[id]
    if op is not None and op.kink.startswith("0 everywhere"):
        return True
    if held_elements(graph, id) is not None:
        return True
    flowing = any(i in moved and graph.requires_grad[i] for i in graph.inputs[id])
    return flowing and not graph.requires_grad[id]
