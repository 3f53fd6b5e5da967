"""Losses of classes that are given what they do not take: a second softmax, no logarithm."""

from __future__ import annotations

from collections.abc import Iterator
from math import e, log, log1p
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.operands import call_of, function_name, operand
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.tape import before_views, label, rows_of, spoilt, users
from gradcli.diagnose.trial import Comparison, close
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.syntax import tree

SOFTMAX = ("softmax", "safe_softmax")
BCE = ("binary_cross_entropy", "binary_cross_entropy_with_logits")
NEAR = 1e-5  # of 1: what sums of probabilities in float32 differ by


class Nested(NamedTuple):
    """A normalisation `outer` of what `inner` has normalised already."""

    outer: int
    inner: int


def class_dim(graph: Graph, row: int) -> int:
    """Return the dimension of the classes among a loss's operand: PyTorch's convention."""
    return min(1, len(graph.metas[row].shape) - 1)


def are_probabilities(subject: Subject, row: int, dim: int) -> bool:
    """Say whether a computed row has values from 0 to 1 that add up to 1 along a dimension."""
    graph = subject.graph
    if label(graph, before_views(graph, row)) in SOFTMAX:
        return True
    if graph.ops[row] is None or not graph.metas[row].shape or subject.fault is not None:
        return False
    value = subject.value(row)
    if value.dtype.kind != "f" or value.shape[dim] < 2 or not value.size:
        return False
    within = bool((value >= 0).all() and (value <= 1).all() and (value % 1 != 0).any())
    return within and bool((np.abs(value.sum(axis=dim) - 1) <= NEAR).all())


# ---- twice -------------------------------------------------------------------------------------


def nested_softmax(subject: Subject) -> Iterator[Nested]:
    """Yield softmaxes of softmaxes over the same dimension."""
    graph = subject.graph
    inside = {u.node for u in graph.notes.uses if u.op.name == "cross_entropy" and u.slot == 0}
    for row in rows_of(graph, (*SOFTMAX, "log_softmax")):
        given, dim = graph.inputs[row][0], graph.attrs[row]["dim"]
        inner = before_views(graph, given)
        if label(graph, inner) in SOFTMAX:
            if graph.attrs[inner]["dim"] == dim:
                yield Nested(row, inner)
        elif given in inside and are_probabilities(subject, given, dim):
            yield Nested(row, given)


def softmax_twice(subject: Subject) -> Iterator[Sighting]:
    """Yield where the softmax of probabilities is taken."""
    graph = subject.graph
    for found in nested_softmax(subject):
        given = graph.inputs[found.outer][0]
        count = graph.metas[given].shape[graph.attrs[found.outer]["dim"]]
        words = (
            f"`{subject.label(given)}` has probabilities already, and "
            f"`{subject.text(found.outer)}` takes their softmax once more. They lie between 0 and "
            f"1: of {count} classes none gets more than {e / (e + count - 1):.3f}"
        )
        floor = log1p((count - 1) / e)
        tail = f", and no sample costs less than {floor:.3f}, however right its class is."
        words += tail if label(graph, found.outer) == "log_softmax" else "."
        key = "twice", subject.span(found.outer)
        yield Sighting(words, row=found.outer, key=key, spoils=spoilt(subject))


def nested_sigmoid(subject: Subject) -> Iterator[Nested]:
    """Yield binary cross entropies of what has been through one sigmoid more than it takes."""
    graph = subject.graph
    for row in rows_of(graph, BCE):
        inner = before_views(graph, graph.inputs[row][0])
        if label(graph, row) == BCE[0]:  # it takes one
            if label(graph, inner) != "sigmoid":
                continue
            inner = before_views(graph, graph.inputs[inner][0])
        if is_sigmoid(graph, inner):
            yield Nested(row, inner)


def is_sigmoid(graph: Graph, row: int) -> bool:
    """Say whether a row is a sigmoid, or 1/(1 + exp(-x)) written out."""
    if label(graph, row) == "mul" and 1 in [graph.scalars[~i] for i in graph.inputs[row] if i < 0]:
        row = max(graph.inputs[row])  # 1/x is the reciprocal, times 1
    if label(graph, row) == "reciprocal":
        inner = graph.inputs[row][0]
        given = [i for i in graph.inputs[inner] if i >= 0] if label(graph, inner) == "add" else []
        one = [graph.scalars[~i] for i in graph.inputs[inner] if i < 0]
        return len(given) == 1 and one == [1] and label(graph, given[0]) == "exp"
    return label(graph, row) == "sigmoid"


def sigmoid_twice(subject: Subject) -> Iterator[Sighting]:
    """Yield where the sigmoid of probabilities is taken."""
    for found in nested_sigmoid(subject):
        words = (
            f"`{subject.label(found.inner)}` lies between 0 and 1, and "
            f"`{subject.text(found.outer)}` takes the sigmoid of that: no probability is below 0.5 "
            f"or above {e / (1 + e):.3f}, so that a target of 0 costs at least {log(2):.3f} and "
            f"one of 1 at least {log1p(1 / e):.3f}."
        )
        key = "twice", subject.span(found.outer)
        yield Sighting(words, row=found.outer, key=key, spoils=spoilt(subject))


def log_softmax_twice(subject: Subject) -> Iterator[Sighting]:
    """Yield where log_softmax is taken of its own result, which stays as it is."""
    graph = subject.graph
    for row in rows_of(graph, ("log_softmax",)):
        inner = before_views(graph, graph.inputs[row][0])
        same = graph.attrs[inner].get("dim") == graph.attrs[row]["dim"]
        if label(graph, inner) == "log_softmax" and same:
            words = (
                f"`{subject.label(graph.inputs[row][0])}` has logarithms of probabilities already; "
                f"their log_softmax in `{subject.text(row)}` is the same numbers."
            )
            yield Sighting(words, row=row, key=("twice", subject.span(row)))


def leave_out(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose to leave out the inner one of two normalisations."""
    nested = (*nested_softmax(subject), *nested_sigmoid(subject))
    found = next((n for n in nested if n.outer == sighting.row), None)
    if found is None:
        return
    graph, place = subject.graph, operand(subject, found.outer, 0)
    given = operand(subject, found.inner, 0)
    why = f"{label(graph, found.outer)} takes what was before {label(graph, found.inner)}"
    if given is not None and call_of(subject, found.inner) is not None:
        text = subject.written(given)
        inline = place is not None and place == subject.span(found.inner)
        named = isinstance(subject.expression(given), tree.Name)
        if place is not None and named and not inline:
            yield Rewrite((Edit(place, text),), why)
        if len(users(graph).get(found.inner, ())) == 1:
            yield Rewrite((Edit(subject.span(found.inner), text),), why)
        if place is not None:
            yield Rewrite((Edit(place, text),), why)
    call = call_of(subject, found.outer)
    if call is not None and label(graph, found.outer) == BCE[1]:
        yield Rewrite((Edit(function_name(call), BCE[0]),), "it takes probabilities")
    if call is not None and place is not None and label(graph, found.outer) == "log_softmax":
        taken = f"{subject.function('log')}({subject.written(place)})"
        yield Rewrite(
            (Edit(place, taken), Edit(function_name(call), "nll_loss")), "no softmax more"
        )


def once(comparison: Comparison) -> str:
    """Judge what is left of two normalisations: the probabilities are those of the inner one."""
    before, after = comparison.before, comparison.after
    for find, names in (
        (nested_softmax, ("log_softmax", "log", "softmax")),
        (nested_sigmoid, ("sigmoid", *BCE)),
    ):
        left = {before.line(n.outer) for n in find(after)}
        for found in find(before):
            if before.line(found.outer) in left:
                continue
            expected = before.value(found.inner)
            if not any(_gives(after, row, expected) for row in rows_of(after.graph, names)):
                return ""
            if comparison.differentiates():
                return (
                    "the probabilities in the loss are those of one pass, and the gradients agree "
                    "with differences"
                )
    return ""


def _gives(subject: Subject, row: int, expected: Array) -> bool:
    """Say whether a row has some probabilities, their logarithms, or takes their logits."""
    name = label(subject.graph, row)
    value = subject.value(subject.graph.inputs[row][0] if name in BCE else row)
    value = value.reshape(expected.shape) if value.size == expected.size else value
    if name == BCE[1]:
        return close(expected, np.asarray(1 / (1 + np.exp(-value))))
    return close(expected, np.exp(value) if name.startswith("log") else value)


# ---- no logarithm ------------------------------------------------------------------------------


class Bare(NamedTuple):
    """A loss of log-probabilities at `row` that is given something else: probabilities, or not."""

    row: int
    given: int
    dim: int
    probabilities: bool


def without_log(subject: Subject) -> Iterator[Bare]:
    """Yield the losses of log-probabilities whose operand has none."""
    graph = subject.graph
    for row in rows_of(graph, ("nll_loss", "nll_loss2d")):
        given = before_views(graph, graph.inputs[row][0])
        yield from _bare(subject, row, given, class_dim(graph, graph.inputs[row][0]))
    for use in graph.notes.uses:
        if use.op.name == "kl_div" and use.slot == 0:
            within = (i for i, span in enumerate(graph.notes.spans) if span == use.span)
            taken = next((i for i in within if use.node in graph.inputs[i]), None)
            if taken is not None and graph.metas[use.node].shape:
                dim = len(graph.metas[use.node].shape) - 1
                yield from (b for b in _bare(subject, taken, use.node, dim) if b.probabilities)


def _bare(subject: Subject, row: int, given: int, dim: int) -> Iterator[Bare]:
    graph = subject.graph
    if len(graph.metas[given].shape) <= dim:
        return
    if are_probabilities(subject, given, dim):
        yield Bare(row, given, dim, True)
    elif subject.fault is None and (subject.value(given) > 0).any():
        beside = users(graph).get(given, ())
        if not any(label(graph, i) in ("logsumexp", "log_softmax", "exp") for i in beside):
            yield Bare(row, given, dim, False)


def log_missing(subject: Subject) -> Iterator[Sighting]:
    """Yield where a loss of log-probabilities is given probabilities, or logits."""
    for found in without_log(subject):
        name, text = subject.label(found.given), subject.text(found.row)
        if found.probabilities:
            words = (
                f"`{name}` has probabilities, and `{text}` takes their logarithms: what it gives "
                "is no cross entropy but the negative mean of probabilities, whose gradient does "
                "not grow where a class is far off."
            )
        else:
            value = subject.value(found.given)
            most, total = float(value.max()), float(np.exp(value).sum(axis=found.dim).max())
            words = (
                f"`{name}` is up to {most:.4g}, and a logarithm of a probability is never above 0: "
                f"their exponentials add up to {total:.4g}, not 1. Without log_softmax the loss "
                f"falls without bound as `{name}` grows."
            )
        yield Sighting(words, row=found.row, key=("log", subject.span(found.row)),
                       spoils=spoilt(subject))  # fmt: skip


def take_log(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose log_softmax, or the logarithm."""
    found = next((b for b in without_log(subject) if b.row == sighting.row), None)
    if found is None:
        return
    graph, place = subject.graph, operand(subject, found.row, 0)
    call, made = call_of(subject, found.row), call_of(subject, found.given)
    if not found.probabilities and call is not None:
        yield Rewrite((Edit(function_name(call), "cross_entropy"),), "log_softmax is part of it")
    if found.probabilities and made is not None and len(users(graph)[found.given]) == 1:
        name = function_name(made)
        if subject.written(name) == "softmax":
            yield Rewrite((Edit(name, "log_softmax"),), "logarithms, without a loss of digits")
    if place is not None and found.probabilities:
        text = f"{subject.function('log')}({subject.written(place)})"
        yield Rewrite((Edit(place, text),), "logarithms")


def logged(comparison: Comparison) -> str:
    """Judge a loss that is given logarithms: they are those of what was meant."""
    before, after = comparison.before, comparison.after
    left = {before.line(b.row) for b in without_log(after)}
    for found in without_log(before):
        if before.line(found.row) in left:
            continue
        value = before.value(found.given)
        if not found.probabilities:
            raised = np.exp(value - value.max(axis=found.dim, keepdims=True))
            value = raised / raised.sum(axis=found.dim, keepdims=True)
        rows = rows_of(after.graph, ("log_softmax", "log"))
        if not any(close(value, np.exp(after.value(i)).reshape(value.shape)) for i in rows
                   if after.value(i).size == value.size):  # fmt: skip
            return ""
        if comparison.differentiates():
            return "the loss is the cross entropy, and its gradients agree with differences"
    return ""
