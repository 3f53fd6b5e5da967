"""Labels of two classes that are not those which a loss takes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.operands import bracketed
from gradcli.diagnose.shapes.classes import BCE
from gradcli.diagnose.shapes.targets import Target, target_place
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.tape import before_views, label, rows_of, spoilt, tensors, users
from gradcli.diagnose.trial import Comparison
from gradcli.errors import Span
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array

HINGES = ("relu", "clamp", "clamp_min", "maximum")  # of 1 - y*f


class Labels(NamedTuple):
    """Labels of two classes that a loss takes otherwise, and a formula of what it takes.

    `loss` is the place of what takes them.
    """

    target: Target
    signs: bool
    remedy: str
    loss: Span


def other_labels(subject: Subject) -> Iterator[Labels]:
    """Yield labels -1 and 1 where 0 and 1 belong, and the other way round."""
    graph = subject.graph
    if subject.fault is not None:
        return
    for row in rows_of(graph, BCE[1:]):
        value = subject.value(graph.inputs[row][1])
        if value.size and ((value < 0) | (value > 1)).any():
            remedy = "({} + 1) / 2" if np.isin(value, (-1, 1)).all() else ""
            span = subject.span(row)
            yield Labels(Target(graph.inputs[row][1], span), False, remedy, span)
    for use in graph.notes.uses:
        needed = use.op.structured(use.op.needs)
        if needed is not None and needed == (use.slot, "signs"):
            value = subject.value(use.node)
            if value.size and np.isin(value, (0, 1)).all() and (value == 0).any():
                target = Target(use.node, use.span, use.slot)
                yield Labels(target, True, "2 * {} - 1", use.span)
    yield from _margins(subject)


def _margins(subject: Subject) -> Iterator[Labels]:
    """Yield labels 0 and 1 in `1 - y*f` of a hinge, and in `-y*f` of a logistic loss."""
    graph, known = subject.graph, dict[int, bool]()
    using: dict[int, list[int]] | None = None
    for row in rows_of(graph, ("mul",)):
        for slot, labels in enumerate(graph.inputs[row] if len(graph.inputs[row]) == 2 else ()):
            prediction, place = graph.inputs[row][1 - slot], row
            if labels < 0 or prediction < 0 or not graph.requires_grad[prediction]:
                continue
            if turned := label(graph, labels) == "neg":
                labels, place, slot = graph.inputs[labels][0], labels, 0
            leaf = before_views(graph, labels)
            if leaf not in known:
                known[leaf] = _is_zero_one(subject, leaf)
            if known[leaf]:
                using = users(graph) if using is None else using
                if _is_margin(graph, row, turned, using):
                    target = Target(labels, subject.span(place), slot)
                    yield Labels(target, True, "(2 * {} - 1)", subject.span(row))


def _is_zero_one(subject: Subject, row: int) -> bool:
    """Say whether a row is data of the file that has both 0 and 1, and nothing else."""
    graph = subject.graph
    if graph.ops[row] is not None or graph.requires_grad[row] or not graph.metas[row].shape:
        return False
    value = subject.value(row)
    return value.dtype.kind in "fi" and set(np.unique(value)) == {0, 1}


def _is_margin(graph: Graph, row: int, turned: bool, using: dict[int, list[int]]) -> bool:
    """Say whether a product of labels and predictions enters a hinge or a logistic loss.

    `turned`: it has the labels' negative.
    """
    for user in using.get(row, ()):
        name = label(graph, user)
        if turned and name == "exp" and any(_adds_one(graph, i) for i in using.get(user, ())):
            return True
        if name == ("softplus" if turned else "log_sigmoid_forward"):
            return True
        if name == "neg" and _is_margin(graph, user, not turned, using):
            return True
        number = name in ("sub", "rsub", "add") and len(tensors(graph, user)) == 1
        if number and turned == (name == "add"):  # 1 - y*f, 1 + (-y)*f
            return any(label(graph, i) in HINGES for i in using.get(user, ()))
    return False


def _adds_one(graph: Graph, row: int) -> bool:
    """Say whether a row is 1 + x, or log(1 + x)."""
    numbers = [graph.scalars[~i] for i in graph.inputs[row] if i < 0]
    return label(graph, row) == "log1p" or (label(graph, row) == "add" and 1 in numbers)


def label_range(subject: Subject) -> Iterator[Sighting]:
    """Yield where labels of two classes are not those that the loss takes."""
    for found in other_labels(subject):
        row, span, _ = found.target
        value, text = subject.value(row), subject.source.snippet(found.loss)
        wrong = value == 0 if found.signs else (value < 0) | (value > 1)
        index = tuple(int(k) for k in np.argwhere(wrong)[0])
        name, count = subject.label(row), int(wrong.sum())
        if found.signs:
            words = (
                f"`{name}` has labels 0 and 1, and `{text}` takes -1 and 1: a label of 0 is no "
                f"class to it, and {count} of {value.size} elements "
                f"{'pulls its' if count == 1 else 'pull their'} prediction nowhere."
            )
        else:
            words = (
                f"`{name}` has {float(value[index]):.4g} among its targets, and `{text}` takes "
                "probabilities from 0 to 1. Outside of them an element's loss has no minimum: it "
                "falls without bound as the logit grows."
            )
        yield Sighting(words, row=row, index=index, span=span, key=("target", span),
                       spoils=spoilt(subject))  # fmt: skip


def relabelled(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the labels that the loss takes."""
    for found in other_labels(subject):
        place = target_place(subject, found.target)
        if found.target.span == sighting.span and place is not None and found.remedy:
            text = found.remedy.format(bracketed(subject, place))
            yield Rewrite((Edit(place, text),), "-1 and 1" if found.signs else "0 and 1")


def in_range(comparison: Comparison) -> str:
    """Judge labels: each is what the loss takes for the class that it was."""
    before, after = comparison.before, comparison.after
    left = {before.source.line_of(t.target.span) for t in other_labels(after)}
    for found in other_labels(before):
        if before.source.line_of(found.target.span) in left:
            continue
        old = before.value(found.target.row)
        expected = 2 * old - 1 if found.signs else (old + 1) / 2
        if not any(_takes(after, i, expected) for i in range(len(after.graph))):
            return ""
        if comparison.differentiates():
            return "each label is that of its class; the gradients agree with differences"
    return ""


def _takes(subject: Subject, row: int, expected: Array) -> bool:
    """Say whether one of an operation's operands are the labels that are expected."""
    inputs, graph = tensors(subject.graph, row), subject.graph
    same = (i for i in inputs if graph.metas[i].shape == expected.shape)
    return any(np.array_equal(np.asarray(subject.value(i), float), expected) for i in same)
