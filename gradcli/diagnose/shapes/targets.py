"""Targets that are not of the kind which a loss takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.operands import bracketed, call_of, function_name, operands_of
from gradcli.diagnose.shapes.classes import BCE
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.tape import rows_of, spoilt, tensors
from gradcli.diagnose.trial import Comparison, close
from gradcli.errors import Span
from gradcli.syntax import tree

NEAR = 1e-3  # of 1: what sums of written probabilities (0.33, 0.33, 0.33) differ by is less
IGNORED = -100  # the class index that PyTorch leaves out


class Target(NamedTuple):
    """A row of targets that a call at a place is given."""

    row: int
    span: Span
    slot: int = 1


# ---- class indices -----------------------------------------------------------------------------


class Indices(NamedTuple):
    """Class indices that a loss of `classes` classes refuses, and what would make them right."""

    target: Target
    logits: int
    classes: int
    remedy: str


def refused_indices(subject: Subject) -> Iterator[Indices]:
    """Yield class indices that are no integers, or out of bounds."""
    graph, fault = subject.graph, subject.fault
    if fault is None:
        return
    given = {
        u.span: u.node for u in graph.notes.uses if u.op.name == "cross_entropy" and not u.slot
    }
    for use in graph.notes.uses:
        if use.op.name != "cross_entropy" or use.slot != 1 or use.span != fault.span:
            continue
        logits = given[use.span]
        shape, meta = graph.metas[logits].shape, graph.metas[use.node]
        if len(shape) == 2 == len(meta.shape) and meta.dtype.kind in "iu":
            yield from _in_rows(subject, use.node, use.span, logits)
        if not shape or len(meta.shape) != len(shape) - 1:
            continue
        classes, value = shape[min(1, len(shape) - 1)], subject.value(use.node)
        whole = value[value != IGNORED]
        if not whole.size or (whole % 1 != 0).any():
            continue
        within = bool((whole >= 0).all() and (whole < classes).all())
        counted = bool((whole >= 1).all() and whole.max() == classes)
        if within and meta.dtype.kind in "iu":
            continue  # they were refused for something else
        text = "{}" if meta.dtype.kind in "iu" else "{}.long()"
        remedy = text if within else f"{text} - 1" if counted else ""
        yield Indices(Target(use.node, use.span), logits, classes, remedy)


def _in_rows(subject: Subject, row: int, span: Span, logits: int) -> Iterator[Indices]:
    """Yield integers that have a row for each sample: a class alone, or a 1 at the class."""
    value, (count, classes) = subject.value(row), subject.graph.metas[logits].shape
    if value.shape == (count, 1):
        within = bool(((value >= 0) & (value < classes)).all())
        yield Indices(Target(row, span), logits, classes, "{}.squeeze(1)" if within else "")
    elif value.shape == (count, classes):
        single = bool(np.isin(value, (0, 1)).all() and (value.sum(axis=1) == 1).all())
        yield Indices(Target(row, span), logits, classes, "{}.argmax(dim=1)" if single else "")


def class_indices(subject: Subject) -> Iterator[Sighting]:
    """Yield where class indices cannot be used as such."""
    for found in refused_indices(subject):
        row, span, _ = found.target
        value, label_ = subject.value(row), subject.label(row)
        if value.ndim == 2:
            shape = tuple(subject.graph.metas[found.logits].shape)
            words = (
                f"`{label_}` is {subject.graph.metas[row].dtype.name} of shape {value.shape}, and "
                f"the logits have shape {shape}: class indices are one integer a sample, of shape "
                f"({shape[0]},), and a number for each class is a probability, a float."
            )
            yield Sighting(words, row=row, span=span, key=("target", span))
            continue
        outside = (value != IGNORED) & ((value < 0) | (value >= found.classes))
        index = None
        if outside.any():
            index = tuple(int(k) for k in np.argwhere(outside)[0])
            least, most = int(value.min()), int(value.max())
            words = (
                f"`{label_}` has classes from {least} to {most}; there are {found.classes} logits "
                f"for each sample, and their indices go from 0 to {found.classes - 1}."
            )
        else:
            words = (
                f"`{label_}` is {subject.graph.metas[row].dtype.name}: as floats of one dimension "
                "less than the logits they are no probabilities, and class indices are integers."
            )
        yield Sighting(words, row=row, index=index, span=span, key=("target", span))


def as_indices(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose integers that count from 0."""
    for found in refused_indices(subject):
        place = target_place(subject, found.target)
        if found.target.span == sighting.span and place is not None and found.remedy:
            text = found.remedy.format(bracketed(subject, place))
            in_rows = len(subject.graph.metas[found.target.row].shape) == 2
            why = "one class index a sample" if in_rows else "class indices from 0"
            yield Rewrite((Edit(place, text),), why)


def indexed(comparison: Comparison) -> str:
    """Judge class indices: the loss is the mean of what the right classes have, computed apart."""
    before, after = comparison.before, comparison.after
    for found in refused_indices(before):
        logits, value = before.value(found.logits), before.value(found.target.row)
        row = next(rows_of(after.graph, ("nll_loss", "nll_loss2d")), None)
        if row is None or after.fault is not None:
            return ""
        if logits.ndim == 2 and after.graph.attrs[row]["reduction"] == "mean":
            shift = found.remedy.endswith("- 1")
            if value.ndim == 2:
                value = value[:, 0] if value.shape[1] == 1 else value.argmax(axis=1)
            logs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
            kept = value != IGNORED
            picked = logs[np.arange(len(value)), np.where(kept, value - shift, 0).astype(int)][kept]
            weighted = len(tensors(after.graph, row)) > 2
            if not weighted and not close(np.asarray(-picked.mean()), after.value(row)):
                return ""
        if comparison.differentiates():
            return "the loss is that of the right classes; its gradients agree with differences"
    return ""


def target_place(subject: Subject, target: Target) -> Span | None:
    """Return where a call has its target."""
    found = operands_of(subject, subject.expression(target.span))
    return found[target.slot] if target.slot < len(found) else None


# ---- logits where probabilities belong ----------------------------------------------------------


def outside_of_unit(subject: Subject) -> Iterator[int]:
    """Yield the binary cross entropies whose operand is no probability."""
    graph = subject.graph
    if subject.fault is None:
        return
    for row in rows_of(graph, BCE[:1]):
        if subject.span(row) == subject.fault.span:
            given, target = (subject.value(i) for i in graph.inputs[row][:2])
            inside = bool(((target >= 0) & (target <= 1)).all())
            if inside and ((given < 0) | (given > 1)).any():
                yield row


def bce_of_logits(subject: Subject) -> Iterator[Sighting]:
    """Yield where binary_cross_entropy is given logits."""
    for row in outside_of_unit(subject):
        given = subject.graph.inputs[row][0]
        value = subject.value(given)
        place = np.argwhere((value < 0) | (value > 1))[0]
        index = tuple(int(k) for k in place)
        words = (
            f"`{subject.label(given)}` is {float(value[index]):.4g} where a probability "
            "from 0 to 1 belongs: it has been through no sigmoid, and its logarithm is none of a "
            "probability."
        )
        yield Sighting(words, row=row, index=index, key=("target", subject.span(row)))


def with_logits(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the loss that takes logits."""
    assert sighting.row is not None, "a loss is a row"
    call = call_of(subject, sighting.row)
    if call is not None and subject.written(function_name(call)) == BCE[0]:
        yield Rewrite((Edit(function_name(call), BCE[1]),), "the sigmoid is part of it")


def of_logits(comparison: Comparison) -> str:
    """Judge a loss of logits: it is the mean of log(1 + exp(∓z)), computed apart."""
    before, after = comparison.before, comparison.after
    for row in outside_of_unit(before):
        now = next(rows_of(after.graph, BCE[1:]), None)
        if now is None:
            return ""
        z, target = (before.value(i) for i in before.graph.inputs[row][:2])
        losses = np.logaddexp(0, z) - target * z
        reduction = before.graph.attrs[row]["reduction"]
        expected = losses if reduction == "none" else getattr(np, reduction)(losses)
        weighted = len(tensors(after.graph, now)) > 2
        if (
            weighted or close(np.asarray(expected), after.value(now))
        ) and comparison.differentiates():
            return "the loss is that of these logits; its gradients agree with differences"
    return ""


# ---- probabilities that do not add up ------------------------------------------------------------


def uneven(subject: Subject) -> Iterator[Sighting]:
    """Yield targets with several classes in a row, which do not add up to 1."""
    graph = subject.graph
    if subject.fault is not None:
        return
    for use in graph.notes.uses:
        if use.op.name not in ("cross_entropy", "kl_div") or use.slot != 1:
            continue
        meta, value = graph.metas[use.node], subject.value(use.node)
        whole = use.op.name == "kl_div" or _same_shape(subject, use.span, meta.shape)
        if meta.dtype.kind != "f" or not meta.shape or not whole or graph.requires_grad[use.node]:
            continue
        dim = min(1, value.ndim - 1) if use.op.name == "cross_entropy" else value.ndim - 1
        sums, several = value.sum(axis=dim), (value != 0).sum(axis=dim) > 1
        wrong = several & (np.abs(sums - 1) > NEAR)
        if (value < 0).any() or not wrong.any() or _read_as_maps(subject, use.span):
            continue
        place = tuple(int(k) for k in np.argwhere(np.atleast_1d(wrong))[0])
        total, text = float(np.atleast_1d(sums)[place]), subject.source.snippet(use.span)
        kind = "several classes are 1" if np.isin(value, (0, 1)).all() else "they are weights"
        words = (
            f"`{subject.label(use.node)}` adds up to {total:.4g} in row {place[0]}, and `{text}` "
            f"takes probabilities that add up to 1: {kind}. Softmax divides 1 among the classes, "
            f"and the best it can do there is {1 / total:.4g} of each."
        )
        yield Sighting(words, row=use.node, span=use.span, key=("target", use.span),
                       spoils=spoilt(subject))  # fmt: skip


def _same_shape(subject: Subject, span: Span, shape: tuple[int, ...]) -> bool:
    """Say whether the logits of a call have the shape of its targets."""
    uses = (u for u in subject.graph.notes.uses if u.span == span and u.slot == 0)
    return any(subject.graph.metas[u.node].shape == shape for u in uses)


def _read_as_maps(subject: Subject, span: Span) -> bool:
    """Say whether a call weights or smooths its targets itself, or takes their logarithms."""
    rows = (i for i, s in enumerate(subject.graph.notes.spans) if s == span)
    call = next((c for c in (call_of(subject, i) for i in rows) if c is not None), None)
    names = ("weight", "label_smoothing", "log_target")
    return isinstance(call, tree.Call) and any(k.name in names for k in call.keywords)
