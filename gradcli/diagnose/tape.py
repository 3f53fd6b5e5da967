"""What kinds of findings ask of the tape."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from gradcli.diagnose.subject import Subject
from gradcli.graph import Graph
from gradcli.rule.rule import Elementwise

TOTALS = ("sum", "mean", "nanmean", "nansum")
SAME = ("view", "expand", "clone", "detach", "to_copy", "contiguous", "squeeze", "unsqueeze")


def label(graph: Graph, row: int) -> str:
    """Return the name of the operation that made a row, "" of a leaf."""
    op = graph.ops[row]
    return "" if op is None else op.label


def rows_of(graph: Graph, names: tuple[str, ...]) -> Iterator[int]:
    """Yield the rows of the file that some operations made."""
    for row, op in enumerate(graph.ops):
        if op is not None and op.label in names and graph.notes.origins[row] == "file":
            yield row


def is_elementwise(graph: Graph, row: int) -> bool:
    """Say whether each element of a row is made of one element of each operand."""
    op = graph.ops[row]
    return op is not None and (op.elementwise or isinstance(op.derivative, Elementwise))


def tensors(graph: Graph, row: int) -> list[int]:
    """Return the operands of a row that are tensors."""
    return [i for i in graph.inputs[row] if i >= 0]


def users(graph: Graph) -> dict[int, list[int]]:
    """Return for each row those that use it."""
    found: dict[int, list[int]] = {}
    for row, inputs in enumerate(graph.inputs):
        for i in inputs:
            if i >= 0:
                found.setdefault(i, []).append(row)
    return found


def is_whole(graph: Graph, row: int) -> bool:
    """Say whether a row adds up, or averages, all elements of its operand."""
    op = graph.ops[row]
    if op is None or op.label not in TOTALS:
        return False
    return prod(graph.metas[row].shape) == 1 < prod(graph.metas[graph.inputs[row][0]].shape)


def before_views(graph: Graph, row: int) -> int:
    """Return the row whose elements a row shows, through views and copies."""
    while (op := graph.ops[row]) is not None and op.label in SAME:
        row = graph.inputs[row][0]
    return row


def has_data(graph: Graph, row: int, count: int | None = None) -> bool:
    """Say whether a row is made of a tensor that is no parameter, of `count` samples if given."""
    pending, seen = [row], set[int]()
    while pending:
        i = pending.pop()
        if i in seen:
            continue
        seen.add(i)
        shape = graph.metas[i].shape
        plain = graph.ops[i] is None and not graph.requires_grad[i] and shape
        if plain and count in (None, shape[0]):
            return True
        pending += tensors(graph, i)
    return False


def spoilt(subject: Subject) -> tuple[str, ...]:
    """Return the label of the root, which is not what was meant."""
    return () if subject.root is None else (subject.label(subject.root),)


def matching(before: Subject, after: Subject, row: int) -> int | None:
    """Return the row of a rewritten run that is what a row was: as manieth of its operation."""
    op = before.graph.ops[row]
    place = sum(before.graph.ops[i] is op for i in range(row))
    same = [i for i, other in enumerate(after.graph.ops) if other is op]
    return same[place] if place < len(same) else None
