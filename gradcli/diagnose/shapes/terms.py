"""Terms of a loss that are reduced in different ways over one batch."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.operands import call_of, function_name
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.tape import has_data, is_whole, spoilt, tensors
from gradcli.diagnose.trial import Comparison, close
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array

# the factors that a formula has of itself: another one is a weight that somebody chose
OWN = (1.0, 0.5, 2.0)
FEW = 32  # terms: what adds up more of them is a sum over a loop


class Term(NamedTuple):
    """A term of a loss: its row, its factor, whether it is a sum, and the shape that it reduces."""

    row: int
    factor: float
    is_sum: bool
    shape: tuple[int, ...]


def terms(subject: Subject) -> list[Term]:
    """Return the reductions that a root adds up, FEW at most and one more."""
    graph, found = subject.graph, list[Term]()
    pending = [] if subject.root is None or subject.fault is not None else [(subject.root, 1.0)]
    while pending and len(found) <= FEW:
        row, factor = pending.pop()
        op, inputs = graph.ops[row], tensors(graph, row)
        if op is None or not graph.requires_grad[row]:
            continue
        reduction = _reduction(graph, row)
        if reduction is not None:
            shape = graph.metas[inputs[0]].shape
            picks = op.label.startswith("nll_loss")  # one of the classes for each sample
            shape = shape[:1] if picks else shape
            if shape:
                found.append(Term(row, factor, reduction == "sum", shape))
        elif op.label in ("add", "sub"):
            pending += [(i, factor) for i in inputs]
        elif op.label in ("neg", "mul", "div") and len(inputs) == 1:
            pending.append((inputs[0], factor * _number(graph, row)))
        elif op.label in ("mul", "div") and len(inputs) == 2:
            moving = [i for i in inputs if graph.requires_grad[i]]
            if len(moving) == 1:  # a factor that is a tensor is a weight
                pending.append((moving[0], float("nan")))
    return found


def _reduction(graph: Graph, row: int) -> str | None:
    """Return "sum" or "mean" of a row that reduces all of its operand."""
    reduction = graph.attrs[row].get("reduction")
    if isinstance(reduction, str) and not graph.metas[row].shape:
        return reduction
    op = graph.ops[row]
    return op.label if op is not None and is_whole(graph, row) else None


def _number(graph: Graph, row: int) -> float:
    """Return the factor that a row multiplies with: that of `-x`, `2*x`, `x/2`."""
    op, numbers = graph.ops[row], [graph.scalars[~i] for i in graph.inputs[row] if i < 0]
    if op is not None and op.label == "neg":
        return -1.0
    number = graph.attrs[row].get("other", numbers[0] if numbers else float("nan"))
    if not isinstance(number, int | float):
        return float("nan")
    return 1 / number if op is not None and op.label == "div" and number else float(number)


def pairs(subject: Subject) -> Iterator[tuple[Term, Term]]:
    """Yield sums over a batch, each with a mean over the same batch beside it."""
    graph, found = subject.graph, terms(subject)
    if len(found) > FEW:
        return
    for one in found:
        if not one.is_sum or abs(one.factor) not in OWN or one.shape[0] < 2:
            continue
        other = next((t for t in found if not t.is_sum and t.shape[0] == one.shape[0]), None)
        if other is not None and all(
            has_data(graph, graph.inputs[t.row][0], t.shape[0]) for t in (one, other)
        ):
            yield one, other


def mixed_reductions(subject: Subject) -> Iterator[Sighting]:
    """Yield sums over a batch to which a mean over the same batch is added."""
    for one, other in pairs(subject):
        count, batch = prod(one.shape), one.shape[0]
        words = (
            f"`{subject.text(one.row)}` adds up {count} elements of a batch of {batch}, and "
            f"`{subject.text(other.row)}` beside it is a mean: the sum weighs as much as {count} "
            "means, and twice that in a batch twice as large."
        )
        yield Sighting(words, row=one.row, key=("terms", one.row), spoils=spoilt(subject))


def as_mean(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose a mean, where both terms are of as many elements."""
    found = next((p for p in pairs(subject) if p[0].row == sighting.row), None)
    call = None if found is None else call_of(subject, found[0].row)
    if found is None or call is None or prod(found[0].shape) != prod(found[1].shape):
        return
    for keyword in call.keywords:
        if keyword.name == "reduction":
            yield Rewrite((Edit(keyword.value.span, "'mean'"),), "both are means")
    name = function_name(call)
    if subject.written(name) == "sum":
        yield Rewrite((Edit(name, "mean"),), "both are means")


def evened(comparison: Comparison) -> str:
    """Judge a mean: the loss is what it was, but for the sum, which is divided by its count."""
    before, after = comparison.before, comparison.after
    if before.root is None or after.root is None or any(True for _ in pairs(after)):
        return ""
    expected: Array = before.value(before.root)
    for one, _ in pairs(before):
        term = one.factor * before.value(one.row)
        expected = np.asarray(expected - term + term / prod(one.shape))
    if not close(expected, after.value(after.root)) or not comparison.differentiates():
        return ""
    return "the sum is divided by its count, and the gradients agree with differences"
