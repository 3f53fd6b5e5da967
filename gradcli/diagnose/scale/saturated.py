"""Gradients that are lost behind an epsilon: a logarithm of what has become 0 or 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Index, Rewrite, Sighting
from gradcli.diagnose.operands import bracketed, call_of, function_name, operand
from gradcli.diagnose.scale.epsilon import spread
from gradcli.diagnose.shapes.classes import BCE, SOFTMAX
from gradcli.diagnose.subject import Flow, Subject
from gradcli.diagnose.tape import before_views, label, rows_of, tensors
from gradcli.diagnose.trial import Comparison, close
from gradcli.graph import Graph
from gradcli.ops.nn.losses import BCE_EPSILON
from gradcli.rule.dtypes import Array
from gradcli.trace.values import Namespace

LEFT = 0.9  # of a gradient: an epsilon that leaves more takes nothing that anyone would miss
WRONG = 1e-3  # how far a probability is from its target for a gradient to be due


class Lost(NamedTuple):
    """A logarithm at `row` of a squashing row, an element where its gradient is lost.

    `kept` is how much of it is left, `flipped` says that it is of 1 - p.
    """

    row: int
    squashed: int
    element: Index
    kept: float
    epsilon: float
    flipped: bool


def lost(subject: Subject) -> Iterator[Lost]:
    """Yield the logarithms behind which a gradient is lost."""
    if subject.fault is None:
        yield from _in_bce(subject)
        yield from _in_log(subject)


def _in_bce(subject: Subject) -> Iterator[Lost]:
    """Yield the binary cross entropies of a sigmoid that has reached 0 or 1."""
    graph = subject.graph
    for row in rows_of(graph, BCE[:1]):
        inner = before_views(graph, graph.inputs[row][0])
        if label(graph, inner) != "sigmoid" or not _flows(subject, row):
            continue
        p, target = (subject.value(i) for i in graph.inputs[row][:2])
        kept = p * (1 - p) / BCE_EPSILON
        wrong = (kept < LEFT) & (np.abs(p - target) > WRONG)
        if wrong.any():
            index = tuple(int(k) for k in np.argwhere(wrong)[0])
            flipped = bool(p[index] > 0.5)
            yield Lost(row, inner, index, float(kept[index]), BCE_EPSILON, flipped)


def _in_log(subject: Subject) -> Iterator[Lost]:
    """Yield logarithms of a guarded probability that has reached 0."""
    graph = subject.graph
    for guarded, user in spread(subject):
        if label(graph, user) != "log" or guarded.row != guarded.guard:
            continue
        squashed, flipped = _squashed(graph, guarded.given)
        flow = _flows(subject, user)
        if squashed is None or flow is None:
            continue
        value = subject.value(guarded.given)
        adds = label(graph, guarded.guard) == "add"
        kept: Array = value / (value + guarded.epsilon) if adds else np.zeros_like(value)
        due = np.abs(np.asarray(flow.cotangents[user])) > 0
        wrong = guarded.mask & due & (kept < LEFT)
        if wrong.any():
            index = tuple(int(k) for k in np.argwhere(wrong)[0])
            yield Lost(user, squashed, index, float(kept[index]), guarded.epsilon, flipped)


def _flows(subject: Subject, row: int) -> Flow | None:
    """Return a backward pass that goes through a row."""
    return next((f for f in subject.flows if row in f.inside and row in f.cotangents), None)


def _squashed(graph: Graph, row: int) -> tuple[int | None, bool]:
    """Return the sigmoid or softmax that a row shows, and whether it is 1 minus it."""
    row, flipped = before_views(graph, row), False
    if label(graph, row) in ("sub", "rsub") and len(tensors(graph, row)) == 1:
        one = graph.attrs[row].get("other", next((graph.scalars[~i] for i in graph.inputs[row]
                                                  if i < 0), None))  # fmt: skip
        if one != 1:
            return None, False
        row, flipped = before_views(graph, tensors(graph, row)[0]), True
    name = label(graph, row)
    known = name == "sigmoid" or (name in SOFTMAX and not flipped)
    return (row, flipped) if known else (None, False)


def saturated_loss(subject: Subject) -> Iterator[Sighting]:
    """Yield where a loss no longer feels how wrong it is."""
    graph = subject.graph
    for found in lost(subject):
        logits = graph.inputs[found.squashed][0]
        z, p = subject.value(logits), subject.value(found.squashed)
        index = found.element if p.shape == z.shape and len(found.element) == p.ndim else ()
        where = f" at {list(found.element)}" if found.element else ""
        at = f"{float(p[index]):.4g}" if index or not p.shape else "0"
        edge = 1 if found.flipped else 0
        words = (
            f"`{subject.label(found.squashed)}` is {at}{where}, closer to {edge} than the "
            f"{found.epsilon:g} in `{subject.text(found.row)}`: of the gradient that belongs to "
            f"`{subject.label(logits)}` there, {found.kept:.2g} of it is left"
        )
        if label(graph, found.squashed) == "sigmoid" and (index or not z.shape):
            words += f", though a logit of {float(z[index]):.4g} is as wrong as can be"
        yield Sighting(f"{words}.", row=found.row, index=found.element or None,
                       key=("lost", subject.line(found.row)))  # fmt: skip


def stable(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the loss of logits, or the logarithm that never sees a probability."""
    found = next((x for x in lost(subject) if x.row == sighting.row), None)
    if found is None:
        return
    if label(subject.graph, found.row) == BCE[0]:
        call, given = call_of(subject, found.row), operand(subject, found.squashed, 0)
        place = operand(subject, found.row, 0)
        if call is None or given is None or place is None:
            return
        name = function_name(call)
        if subject.written(name) == BCE[0]:
            edits = Edit(place, subject.written(given)), Edit(name, BCE[1])
            yield Rewrite(edits, "the sigmoid is part of it")
        return
    own = "logsigmoid" if label(subject.graph, found.squashed) == "sigmoid" else "log_softmax"
    for function in _spellings(subject, own):
        yield Rewrite(tuple(_exact_logs(subject, found, function)), "never rounds a probability")


def _exact_logs(subject: Subject, found: Lost, function: str) -> Iterator[Edit]:
    """Yield what stands for the logarithms on a line of what squashes alike."""
    graph = subject.graph
    for one in _logs_on(subject, subject.line(found.row)):
        inner, whole = operand(subject, one.squashed, 0), call_of(subject, one.row)
        same = label(graph, one.squashed) == label(graph, found.squashed)
        if inner is None or whole is None or not same:
            continue
        argument = subject.written(inner)
        if one.flipped:
            argument = f"-{bracketed(subject, inner)}"
        if "dim" in graph.attrs[one.squashed]:
            argument += f", dim={graph.attrs[one.squashed]['dim']}"
        yield Edit(whole.span, f"{function}({argument})")


def _logs_on(subject: Subject, line: int) -> Iterator[Lost]:
    """Yield the logarithms of guarded probabilities on a line, those that lose nothing too."""
    graph = subject.graph
    for row in rows_of(graph, ("log",)):
        guard = graph.inputs[row][0]
        if subject.line(row) == line and label(graph, guard) in ("add", "clamp", "clamp_min"):
            squashed, flipped = _squashed(graph, graph.inputs[guard][0])
            if squashed is not None:
                yield Lost(row, squashed, (), 0.0, 0.0, flipped)


def _spellings(subject: Subject, name: str) -> Iterator[str]:
    """Yield how a file may call a function of torch.nn.functional, as PyTorch has it first."""
    for own, value in subject.session.tracer.scope.items():
        if isinstance(value, Namespace) and value.path == "torch.nn.functional":
            yield f"{own}.{name}"
    inside = f"nn.functional.{name}"
    if subject.function(inside) != inside and name != "log_softmax":
        yield subject.function(inside)
    yield subject.function(name)
    yield name


def felt(comparison: Comparison) -> str:
    """Judge a loss of logits: its logarithms and their gradients are those of exact arithmetic."""
    before, after = comparison.before, comparison.after
    if any(True for _ in lost(after)) or not comparison.outcomes[1].fine:
        return ""
    for found in lost(before):
        z = before.value(before.graph.inputs[found.squashed][0])
        if label(before.graph, found.row) == BCE[0]:
            target, flow = before.value(before.graph.inputs[found.row][1]), after.flows[-1]
            row = next(rows_of(after.graph, BCE[1:]), None)
            if row is None or row not in flow.cotangents:
                return ""
            slope = 1 / (1 + np.exp(-z)) - target
            if after.graph.attrs[row]["reduction"] == "mean":
                slope = slope / z.size
            edge = next(e for e in flow.edges(row) if e.slot == 0)
            arrives = np.asarray(flow.cotangents[row])
            weighted = len(tensors(after.graph, row)) > 2
            if not weighted and not close(slope * arrives, flow.part(edge)):
                return ""
        elif not any(_is_log_of(after, i, found, before, z) for i in range(len(after.graph))):
            return ""
    if not comparison.differentiates():
        return ""
    return "the gradient by the logits is p - y, in full; it agrees with differences"


def _is_log_of(after: Subject, row: int, found: Lost, before: Subject, z: Array) -> bool:
    """Say whether a row has the exact logarithms of a sigmoid or a softmax of some logits."""
    name, graph = label(after.graph, row), before.graph
    if name in ("logsigmoid", "log_sigmoid"):
        return close(-np.logaddexp(0, z if found.flipped else -z), after.value(row))
    if name == "log_softmax" and label(graph, found.squashed) in SOFTMAX:
        dim = graph.attrs[found.squashed]["dim"]
        exact = z - np.logaddexp.reduce(z, axis=dim, keepdims=True)
        return close(exact, after.value(row))
    return False
