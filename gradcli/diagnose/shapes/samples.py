"""Samples of a batch that are mixed on their way to a loss which has a class for each."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.operands import call_of
from gradcli.diagnose.shapes.classes import SOFTMAX
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.tape import before_views, is_elementwise, label, rows_of, spoilt, tensors
from gradcli.diagnose.trial import Comparison, close
from gradcli.graph import Graph
from gradcli.syntax import tree


class Mixed(NamedTuple):
    """A row that mixes the samples of a batch: a softmax, or a product with a matrix in front."""

    row: int
    dim: int


def mixing(subject: Subject) -> Iterator[Mixed]:
    """Yield what mixes the samples on their way to a loss that has a class for each."""
    graph, seen = subject.graph, set[tuple[int, int]]()
    pending = list(_classified(subject))
    while pending:
        row, dim = pending.pop()
        if (row, dim) in seen:
            continue
        seen.add((row, dim))
        name, inputs = label(graph, row), tensors(graph, row)
        across = name in (*SOFTMAX, "log_softmax") and graph.attrs[row]["dim"] != dim
        if name == "div" and len(inputs) == 2:
            across = _adds_up_over(subject, row, 0)
        if across or (name in ("mm", "matmul") and _in_front(graph, *inputs)):
            yield Mixed(row, dim)
        if name in ("mm", "matmul"):
            pending.append((inputs[0], dim))
        elif name == "addmm":
            pending.append((inputs[1], dim))
        elif name in ("softmax", "log_softmax") or is_elementwise(graph, row):
            shape = graph.metas[row].shape
            pending += [(i, dim) for i in inputs if graph.metas[i].shape == shape]


def _adds_up_over(subject: Subject, row: int, dim: int) -> bool:
    """Say whether a quotient is one by sums over a dimension: a softmax that is written out."""
    if subject.fault is not None:
        return False
    value, divisor = subject.value(row), before_views(subject.graph, subject.graph.inputs[row][1])
    sums = [value.sum(axis=k) for k in (dim, 1 - dim)]
    by_sum = label(subject.graph, divisor) == "sum"
    return by_sum and np.allclose(sums[0], 1) and not np.allclose(sums[1], 1)


def _classified(subject: Subject) -> Iterator[tuple[int, int]]:
    """Yield matrices of which a loss has a class for each row, and the dimension of classes."""
    graph, known = subject.graph, dict[int, bool]()
    for row, op in enumerate(graph.ops):
        if op is None or graph.notes.origins[row] != "file" or not graph.requires_grad[row]:
            continue
        inputs = tensors(graph, row)
        if not inputs or len(graph.metas[inputs[0]].shape) != 2:
            continue
        if op.label == "nll_loss":
            yield inputs[0], 1
        elif op.label == "gather" and graph.metas[inputs[1]].shape[1:] == (1,):
            if graph.attrs[row]["dim"] == 1 and graph.metas[inputs[0]].shape[0] > 1:
                yield inputs[0], 1
        elif op.label == "index" and len(inputs) == 3 and subject.fault is None:
            first, count = subject.value(inputs[1]), graph.metas[inputs[0]].shape[0]
            if first.dtype.kind == "i" and np.array_equal(first, np.arange(count)):
                yield inputs[0], 1
        elif op.label == "mul" and subject.fault is None:
            for a, b in (inputs, inputs[::-1]) if len(inputs) == 2 else ():
                if graph.requires_grad[a] and graph.metas[a].shape == graph.metas[b].shape:
                    if b not in known:  # a training multiplies with the same targets in each turn
                        known[b] = _is_one_hot(subject, b)
                    if known[b]:
                        yield a, 1


def _is_one_hot(subject: Subject, row: int) -> bool:
    """Say whether a row is data with a single 1 in each of its rows, and not one in each column."""
    graph = subject.graph
    if graph.requires_grad[row] or label(graph, row) == "eye":
        return False
    value = subject.value(row)
    if value.dtype.kind not in "fi" or not np.isin(value, (0, 1)).all():
        return False
    return bool((value.sum(axis=1) == 1).all() and (value.sum(axis=0) != 1).any())


def _in_front(graph: Graph, a: int, b: int) -> bool:
    """Say whether `a @ b` is a square weight in front of as many samples as it has columns."""
    left, right = graph.metas[a].shape, graph.metas[b].shape
    weight = graph.ops[before_views(graph, a)] is None and graph.requires_grad[a]
    data = graph.ops[b] is not None or not graph.requires_grad[b]
    return weight and data and len(left) == len(right) == 2 and left[0] == left[1] == right[1]


def over_batch(subject: Subject) -> Iterator[Sighting]:
    """Yield softmaxes over the samples of a batch where each has a class."""
    graph = subject.graph
    for found in mixing(subject):
        if label(graph, found.row) in ("mm", "matmul"):
            continue
        axis, shape = 1 - found.dim, tuple(graph.metas[found.row].shape)
        name = subject.label(found.row)
        words = (
            f"`{subject.text(found.row)}` normalises over dim {axis} of shape {shape}, which are "
            f"the {shape[axis]} samples: each column adds up to 1 and no row does. The classes "
            f"that the loss picks from `{name}` lie along dim {found.dim}."
        )
        yield Sighting(words, row=found.row, key=("batch", subject.span(found.row)),
                       spoils=spoilt(subject))  # fmt: skip


def turn_dim(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the dimension of the classes."""
    found = next((m for m in mixing(subject) if m.row == sighting.row), None)
    if found is None:
        return
    graph, why = subject.graph, "each row adds up to 1"
    by_hand = label(graph, found.row) == "div"
    row = before_views(graph, graph.inputs[found.row][1]) if by_hand else found.row
    call = call_of(subject, row)
    if call is None:
        return
    if by_hand:
        yield from _summed_over(subject, call, found.dim)
    for keyword in call.keywords:
        if keyword.name in ("dim", "axis"):
            yield Rewrite((Edit(keyword.value.span, str(found.dim)),), why)
    if call.arguments:
        yield Rewrite((Edit(call.arguments[-1].span, str(found.dim)),), why)


def _summed_over(subject: Subject, call: tree.Call, dim: int) -> Iterator[Rewrite]:
    """Propose a sum over another dimension, which it keeps."""
    named = [k for k in call.keywords if k.name in ("dim", "axis")]
    place = named[0].value.span if named else call.arguments[-1].span if call.arguments else None
    if place is None:
        return
    text, start = subject.written(call.span), call.span.start
    turned = f"{text[: place.start - start]}{dim}{text[place.end - start :]}"
    for word in ("", ", keepdim=True", ", keepdims=True"):
        edit = Edit(call.span, f"{turned[:-1]}{word})")
        yield Rewrite((edit,), "each row adds up to 1")


def in_rows(comparison: Comparison) -> str:
    """Judge a softmax: each sample's probabilities add up to 1, and are those of its own logits."""
    before, after = comparison.before, comparison.after
    left = {before.line(m.row) for m in mixing(after)}
    for found in mixing(before):
        if before.line(found.row) in left:
            continue
        value = before.value(before.graph.inputs[found.row][0])
        by_hand = label(before.graph, found.row) == "div"
        raised = value if by_hand else np.exp(value - value.max(axis=found.dim, keepdims=True))
        expected = raised / raised.sum(axis=found.dim, keepdims=True)
        rows = rows_of(after.graph, (label(before.graph, found.row),))
        logs = label(before.graph, found.row) == "log_softmax"
        now = (after.value(i) for i in rows if after.value(i).shape == expected.shape)
        if not any(close(expected, np.exp(x) if logs else x) for x in now):
            return ""
        if comparison.differentiates():
            return "each sample's probabilities add up to 1; the gradients agree with differences"
    return ""


def weight_in_front(subject: Subject) -> Iterator[Sighting]:
    """Yield square weights that stand in front of a batch and mix its samples."""
    graph = subject.graph
    for found in mixing(subject):
        if label(graph, found.row) not in ("mm", "matmul"):
            continue
        data = graph.inputs[found.row][1]
        count = graph.metas[data].shape[0]
        words = (
            f"`{subject.text(found.row)}` fits only because there are as many samples as features, "
            f"{count}: row i of it is a sum over all samples, and the loss compares it with the "
            f"class of sample i. `{subject.label(data)}` has its samples in rows."
        )
        yield Sighting(words, row=found.row, key=("front", subject.span(found.row)),
                       spoils=spoilt(subject))  # fmt: skip


def put_behind(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the weight behind the samples: x @ W.T, as a linear layer has it."""
    assert sighting.row is not None, "a product is a row"
    node = subject.expression(subject.span(sighting.row))
    if isinstance(node, tree.Binary) and node.operator == "@":
        left, right = (subject.written(x.span) for x in (node.left, node.right))
        turned = left.removesuffix(".T") if left.endswith(".T") else f"{left}.T"
        yield Rewrite((Edit(node.span, f"{right} @ {turned}"),), "a linear layer of each sample")


def each_alone(comparison: Comparison) -> str:
    """Judge a product: each row is that of one sample alone, with the same weight."""
    before, after = comparison.before, comparison.after
    weight = next((m.row for m in mixing(before) if label(before.graph, m.row) == "mm"), None)
    if weight is None or any(label(after.graph, m.row) == "mm" for m in mixing(after)):
        return ""
    w, x = (before.value(i) for i in tensors(before.graph, weight))
    expected = np.stack([w @ sample for sample in x])
    if not any(close(expected, after.value(i)) for i in rows_of(after.graph, ("mm",))):
        return ""
    if not comparison.differentiates():
        return ""
    return "each row is the weight times one sample; the gradients agree with differences"
