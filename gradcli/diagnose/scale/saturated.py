"""Gradients that are lost behind an epsilon: a logarithm of what has become 0 or 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Index, Rewrite, Sighting
from gradcli.diagnose.operands import bracketed, call_of, function_name, operand
from gradcli.diagnose.scale.epsilon import MOST
from gradcli.diagnose.shapes.classes import BCE, SOFTMAX, is_sigmoid
from gradcli.diagnose.subject import Flow, Subject
from gradcli.diagnose.tape import before_views, label, rows_of, tensors
from gradcli.diagnose.trial import Comparison, close
from gradcli.errors import Span
from gradcli.graph import Graph
from gradcli.ops.nn.losses import BCE_EPSILON
from gradcli.rule.dtypes import Array
from gradcli.rule.meta import Shape
from gradcli.trace.values import Namespace

LEFT = 0.5  # of a gradient: with less of it left, the epsilon decides and not the data
CLAMPS = ("clamp", "clamp_min", "clamp_max", "maximum", "minimum")
WRONG = 1e-3  # how far a probability is from its target for a gradient to be due


class Lost(NamedTuple):
    """A logarithm at `row` of what squashes logits, an element where its gradient is lost.

    `squashed` has the probabilities, `source` is the row that takes the logits; `kept` is how much
    of the gradient is left, `flipped` says that the logarithm is of 1 - p, `guard` is the row that
    has the epsilon.
    """

    row: int
    squashed: int
    source: int
    element: Index
    kept: float
    epsilon: float
    flipped: bool
    guard: int


class Squashed(NamedTuple):
    """What a row shows of a sigmoid or softmax `row`: 1 minus it, or it behind a clamp."""

    row: int
    source: int
    flipped: bool
    clamp: int | None


def lost(subject: Subject) -> Iterator[Lost]:
    """Yield the logarithms behind which a gradient is lost."""
    if subject.fault is None:
        yield from _in_bce(subject)
        yield from _in_log(subject)


def _in_bce(subject: Subject) -> Iterator[Lost]:
    """Yield the binary cross entropies of a sigmoid that has reached 0 or 1."""
    graph = subject.graph
    for row in rows_of(graph, BCE[:1]):
        found = squashed(graph, graph.inputs[row][0])
        if found is None or found.flipped or label(graph, found.row) in SOFTMAX:
            continue
        given, target = (subject.value(i) for i in graph.inputs[row][:2])
        if graph.metas[found.row].shape != given.shape or not _flow(subject, row):
            continue
        p = subject.value(found.row)
        with np.errstate(all="ignore"):
            kept = p * (1 - p) / np.maximum(given * (1 - given), BCE_EPSILON)
        kept = np.where(_moved(subject, found, kept.shape), 0.0, kept)
        wrong = (kept < LEFT) & (np.abs(p - target) > WRONG)
        if wrong.any():
            index = tuple(int(k) for k in np.argwhere(wrong)[0])
            flipped, epsilon = bool(p[index] > 0.5), abs(float(given[index] - p[index]))
            guard = row if found.clamp is None else found.clamp
            yield Lost(row, found.row, found.source, index, float(kept[index]),
                       epsilon or BCE_EPSILON, flipped, guard)  # fmt: skip


def _in_log(subject: Subject) -> Iterator[Lost]:
    """Yield logarithms of a probability that is guarded from 0, where the guard is all there is."""
    graph = subject.graph
    for row in rows_of(graph, ("log",)):
        found, flow = squashed(graph, graph.inputs[row][0]), _flow(subject, row)
        if found is None or flow is None:
            continue
        v, p = subject.value(graph.inputs[row][0]), subject.value(found.row)
        if v.shape != p.shape:
            continue
        q = 1 - p if found.flipped else p
        with np.errstate(all="ignore"):
            kept = np.where(v > 0, q / v, 1.0)  # 1/(q + e) of what 1/q would be
        kept = np.where(_moved(subject, found, kept.shape), 0.0, kept)
        due = np.abs(np.asarray(flow.cotangents[row]))
        wrong = (kept < LEFT) & (q < WRONG) & (due > WRONG * due.max(initial=0.0))
        if wrong.any():
            index = tuple(int(k) for k in np.argwhere(wrong)[0])
            epsilon = float(v[index] - q[index])
            guard = row if found.clamp is None else found.clamp
            yield Lost(row, found.row, found.source, index, float(kept[index]), epsilon,
                       found.flipped, guard)  # fmt: skip


def _moved(subject: Subject, found: Squashed, shape: Shape) -> Array:
    """Say at which elements a clamp has moved what it was given: there its slope is 0."""
    if found.clamp is None:
        return np.zeros(shape, bool)
    before = subject.graph.inputs[found.clamp][0]
    return np.reshape(subject.value(found.clamp) != subject.value(before), shape)


def _flow(subject: Subject, row: int) -> Flow | None:
    """Return a backward pass that goes through a row."""
    return next((f for f in subject.flows if row in f.inside and row in f.cotangents), None)


def squashed(graph: Graph, row: int) -> Squashed | None:
    """Return the sigmoid or softmax that a row shows behind 1 - p, a clamp or an epsilon."""
    flipped, clamp = False, None
    while True:
        row = before_views(graph, row)
        name, given = label(graph, row), tensors(graph, row)
        if name in CLAMPS and given:
            clamp = row
        elif name in ("sub", "rsub") and len(given) == 1 and _number(graph, row) == 1:
            flipped = not flipped
        elif name != "add" or len(given) != 1 or not 0 < (_number(graph, row) or 0) <= MOST:
            break
        row = given[0]
    if name == "sigmoid" or (name in SOFTMAX and not flipped):
        return Squashed(row, row, flipped, clamp)
    source = written_out(graph, row)
    return None if source is None else Squashed(row, source, flipped, clamp)


def _number(graph: Graph, row: int) -> float | None:
    """Return the number that stands beside the only tensor of a row."""
    numbers = [graph.scalars[~i] for i in graph.inputs[row] if i < 0]
    number = graph.attrs[row].get("other", numbers[0] if numbers else None)
    return float(number) if isinstance(number, int | float) else None


def written_out(graph: Graph, row: int) -> int | None:
    """Return the row of -x in 1/(1 + exp(-x)), None where a row is something else."""
    if not is_sigmoid(graph, row):
        return None
    while label(graph, row) in ("mul", "reciprocal", "add", "exp"):
        row = tensors(graph, row)[0]
    return row if label(graph, row) == "neg" else None


def saturated_loss(subject: Subject) -> Iterator[Sighting]:
    """Yield where a loss no longer feels how wrong it is."""
    graph = subject.graph
    for found in lost(subject):
        logits = graph.inputs[found.source][0]
        z, p = subject.value(logits), subject.value(found.squashed)
        index = found.element if p.shape == z.shape and len(found.element) == p.ndim else ()
        where = f" at {list(found.element)}" if found.element else ""
        at = f"{float(p[index]):.4g}" if index or not p.shape else "0"
        edge = 1 if found.flipped else 0
        words = (
            f"`{subject.label(found.squashed)}` is {at}{where}, closer to {edge} than the "
            f"{found.epsilon:g} in `{subject.text(found.guard)}`: of the gradient that belongs to "
            f"`{subject.label(logits)}` there, {found.kept:.2g} of it is left"
        )
        if label(graph, found.squashed) not in SOFTMAX and (index or not z.shape):
            words += f", though a logit of {float(z[index]):.4g} is as wrong as can be"
        yield Sighting(f"{words}.", row=found.row, index=found.element or None,
                       key=("lost", subject.line(found.row)))  # fmt: skip


def stable(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the loss of logits, or the logarithm that never sees a probability."""
    found = next((x for x in lost(subject) if x.row == sighting.row), None)
    if found is None:
        return
    if label(subject.graph, found.row) == BCE[0]:
        call, given = call_of(subject, found.row), operand(subject, found.source, 0)
        place = operand(subject, found.row, 0)
        if call is None or given is None or place is None:
            return
        name = function_name(call)
        if subject.written(name) == BCE[0]:
            edits = Edit(place, subject.written(given)), Edit(name, BCE[1])
            yield Rewrite(edits, "the sigmoid is part of it")
        return
    of_classes = label(subject.graph, found.squashed) in SOFTMAX
    for form in _spellings(subject, "log_softmax" if of_classes else "logsigmoid"):
        yield Rewrite(tuple(_exact_logs(subject, found, form)), "never rounds a probability")


def _exact_logs(subject: Subject, found: Lost, form: str) -> Iterator[Edit]:
    """Yield what stands for the logarithms on a line of what squashes alike: forms of logits."""
    graph, edited = subject.graph, set[Span]()
    for row in rows_of(graph, ("log",)):
        one = squashed(graph, graph.inputs[row][0])
        if one is None or subject.line(row) != subject.line(found.row):
            continue
        inner, whole = operand(subject, one.source, 0), call_of(subject, row)
        same = label(graph, one.row) == label(graph, found.squashed)
        if inner is None or whole is None or not same or whole.span in edited:
            continue
        edited.add(whole.span)
        plain, minus = subject.written(inner), f"-{bracketed(subject, inner)}"
        if one.flipped:
            plain, minus = minus, plain
        dim = graph.attrs[one.row].get("dim")
        yield Edit(whole.span, form.format(z=plain, minus=minus, dim=dim))


def _spellings(subject: Subject, name: str) -> Iterator[str]:
    """Yield how a file may call a function of torch.nn.functional, its library's own way first."""
    given = "({z}, dim={dim})" if name == "log_softmax" else "({z})"
    for own, value in subject.session.tracer.scope.items():
        if isinstance(value, Namespace) and value.path == "torch.nn.functional":
            yield f"{own}.{name}{given}"
    library = subject.function(name).removesuffix(name)
    if name == "logsigmoid" and library:
        inside = subject.session.tracer.scope.get(library.removesuffix("."))
        if isinstance(inside, Namespace) and inside.path == "torch":
            yield f"{library}nn.functional.{name}{given}"
        else:
            yield f"-{library}logaddexp(0, {{minus}})"
    yield f"{library}{name}{given}"
    yield f"{name}{given}"


def felt(comparison: Comparison) -> str:
    """Judge a loss of logits: its logarithms and their gradients are those of exact arithmetic."""
    before, after = comparison.before, comparison.after
    if any(True for _ in lost(after)) or not comparison.outcomes[1].fine:
        return ""
    for found in lost(before):
        z = before.value(before.graph.inputs[found.source][0])
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
    return "logarithms and gradients are those of the logits in full; they agree with differences"


def _is_log_of(after: Subject, row: int, found: Lost, before: Subject, z: Array) -> bool:
    """Say whether a row has the exact logarithms of a sigmoid or a softmax of some logits."""
    name, graph = label(after.graph, row), before.graph
    if name in ("logsigmoid", "log_sigmoid", "neg") and after.value(row).shape == z.shape:
        return close(-np.logaddexp(0, z if found.flipped else -z), after.value(row))
    if name == "log_softmax" and label(graph, found.squashed) in SOFTMAX:
        dim = graph.attrs[found.squashed]["dim"]
        exact = z - np.logaddexp.reduce(z, axis=dim, keepdims=True)
        return close(exact, after.value(row))
    return False
