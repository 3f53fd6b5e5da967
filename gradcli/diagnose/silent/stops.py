"""How an operation stops a gradient: by a flat piece, a factor of 0, a mask, or too small numbers.

What stops it at a single point alone, as `r**2` does at 0, is no fault: that is what a minimum is.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcli.diagnose.silent.factors import (
    MATRIX,
    PRODUCTS,
    SAME,
    SIZES,
    Stop,
    masked,
    prod,
    product,
)
from gradcli.diagnose.silent.words import call, dead, every, spread
from gradcli.diagnose.subject import Edge, Flow, Subject
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array, wide
from gradcli.rule.rule import Elementwise

SMOOTH = "elu", "celu", "selu", "softplus", "silu", "mish", "logsigmoid"
# what passes nothing to some operands at ordinary points: losers, and the angle along its ray
NORMAL = ("max", "min", "amax", "amin", "median", "sort", "topk", "cummax", "cummin", "norm",
          "atan2")  # fmt: skip
SUMS = (*SAME, "add", "sub", "div", "mul", "rsub")
STEP = 1e-3  # relative: how far an operand moves to both sides, where what is flat stays flat
SLIGHT = 1e-12  # slopes and steps that are less than this count as none


def stop_of(subject: Subject, flow: Flow, edge: Edge, leaf: int) -> Stop | None:
    """Return how a use stops the gradient of a leaf, None where that is no fault."""
    op, label = edge.op, edge.op.label
    if op.kink.startswith("0 everywhere"):
        return ("step-function", edge.row, f"{call(subject, edge.row)} is constant between jumps: "
                "its slope is 0 everywhere")  # fmt: skip
    if not np.isfinite(subject.value(edge.row)).all():
        return None
    if not subject.value(edge.operand).size:
        return _empty(subject, edge.operand)
    if label in NORMAL:
        return None
    if label in ("softmax", "log_softmax"):
        return _softmax(subject, edge)
    if label in ("maximum", "minimum", "where", "masked_fill"):
        return _choice(subject, flow, edge)
    if label in PRODUCTS and (label != "div" or edge.slot == 0):
        return product(subject, flow, edge, leaf)
    if isinstance(op.derivative, Elementwise) or op.elementwise:
        return _flat(subject, flow, edge)
    if label == "prod":
        return prod(subject, edge)
    return None


# ---- flat pieces ---------------------------------------------------------------------------


def _flat(subject: Subject, flow: Flow, edge: Edge) -> Stop | None:
    """Return how an elementwise function is flat where its operand is."""
    given, cut = _arrived(subject, flow, edge)
    sides = [_slopes(subject, flow, edge, side) for side in (1, -1)]
    label = edge.op.label
    clips = bool(edge.op.kink) and label not in SMOOTH
    if all(sides):  # it stops the gradient at a point alone
        return None
    if any(sides) and not (clips and "relu" in label and not given.any()):
        return None
    if not clips:
        return _saturated(subject, flow, edge)
    if _is_margin(subject, flow, edge):
        return None
    if "relu" in label or (label == "clamp" and not subject.value(edge.row).any()):
        return "dead-relu", edge.row, dead(subject, edge.row, edge.operand)
    return (
        "clamped",
        edge.row,
        f"{call(subject, edge.row)} cuts off {every(given)} of "
        f"`{subject.label(edge.operand)}`{cut} ({spread(given)}): what is cut off has the slope 0",
    )


def _arrived(subject: Subject, flow: Flow, edge: Edge) -> tuple[Array, str]:
    """Return the elements of an operand to which a gradient is passed back, and where it is not.

    The words follow the operand's name, "" where all elements get one.
    """
    given, arriving = subject.value(edge.operand), np.asarray(flow.cotangents[edge.row])
    if given.shape != arriving.shape or arriving.all():
        return given, ""
    return given[arriving != 0], (
        f" that a gradient comes to, {np.count_nonzero(arriving):,} of {given.size:,}"
    )


def _saturated(subject: Subject, flow: Flow, edge: Edge) -> Stop | None:
    label, given = edge.op.label, subject.value(edge.operand)
    if label not in SIZES and not np.any(subject.value(flow.start.root)):
        return None  # as good as it can be
    _, slope = _elsewhere(subject, flow, edge, given)
    largest = float(np.abs(slope).max(initial=0.0))
    words = (
        f"{call(subject, edge.row)} is flat where {every(given)} of `{subject.label(edge.operand)}`"
        f" {'is' if given.size == 1 else 'are'} ({spread(given)}): its slope is "
        f"{'0' if not largest else f'{largest:.2g} at most'} in {slope.dtype.name}"
    )
    return "underflow" if _is_all(subject, flow, edge) else "saturated", edge.row, words


def _is_all(subject: Subject, flow: Flow, edge: Edge) -> bool:
    """Say whether what has become 0 is all there is: not so in the 1/(1 + exp(-x)) of a sigmoid."""
    graph = subject.graph
    if edge.op.label not in SIZES:
        return False
    sums = {i for i in flow.order if graph.label(i) == "add" and edge.row in graph.inputs[i]}
    divisors = (graph.inputs[i][-1] for i in flow.order if graph.label(i) in ("reciprocal", "div"))
    return sums.isdisjoint(divisors)


def _slopes(subject: Subject, flow: Flow, edge: Edge, side: int) -> bool:
    """Say whether a function has a slope on one side of where its operand is, or jumps there."""
    given = wide(subject.value(edge.operand))
    at = given + side * STEP * np.maximum(np.abs(given), 1)
    y, slope = _elsewhere(subject, flow, edge, at)
    steps = np.abs(y - wide(subject.value(edge.row))) * (np.abs(flow.cotangents[edge.row]) > 0)
    return bool((np.abs(slope) > SLIGHT).any() or (steps > SLIGHT).any())


def _elsewhere(subject: Subject, flow: Flow, edge: Edge, at: Array) -> tuple[Array, Array]:
    """Return a function of its operand elsewhere, and what it passes on of a gradient of 1."""
    graph, op = subject.graph, edge.op
    operands: list[Any] = [
        wide(flow.read(i)) if i >= 0 else graph.scalars[~i] for i in graph.inputs[edge.row]
    ]
    operands[edge.slot] = at
    assert op.derivative is not None, "an edge is differentiable"
    attrs = graph.attrs[edge.row]
    y = np.asarray(op.forward(*operands, **attrs))
    arriving = np.asarray(flow.cotangents[edge.row])
    passed = op.derivative.vjp(edge.slot, np.ones_like(y), y, tuple(operands), attrs)
    return y, np.asarray(passed * (np.broadcast_to(arriving, y.shape) != 0))


def _is_margin(subject: Subject, flow: Flow, edge: Edge) -> bool:
    """Say whether a result is 0 because a margin is kept: relu(1 - y*f), maximum(S - K, 0).

    A number is among the terms then, and the result is summed of such.
    """
    graph, above = subject.graph, {edge.row}
    for row in reversed(flow.order):
        if any(i in above for i in graph.inputs[row]):
            above.add(row)
    summed = all(graph.label(i) in SUMS for i in above - {edge.row})
    return summed and any(
        np.all(np.asarray(x) != 0) for x in _constants(subject, flow, edge.operand)
    )


def _constants(subject: Subject, flow: Flow, row: int) -> Iterator[Any]:
    """Yield the numbers that are added to what a row is made of."""
    graph, pending = subject.graph, [row]
    while pending:
        row = pending.pop()
        if graph.label(row) not in ("add", "sub", "rsub"):
            continue
        yield from (x for name, x in graph.attrs[row].items() if name == "other")
        for i in graph.inputs[row]:
            if i in flow.inside:
                pending.append(i)
            elif i < 0 or not graph.metas[i].shape:
                yield graph.scalars[~i] if i < 0 else subject.value(i)


# ---- softmax -------------------------------------------------------------------------------


def _softmax(subject: Subject, edge: Edge) -> Stop | None:
    graph, given = subject.graph, subject.value(edge.operand)
    dim = graph.attrs[edge.row].get("dim")
    if isinstance(dim, int) and given.ndim and given.shape[dim] == 1:
        if _attends(graph, edge.row):
            return None
        always = "1" if edge.op.label == "softmax" else "0"
        return ("softmax-of-one", edge.row, f"{call(subject, edge.row)} goes along dimension "
                f"{dim} of {list(given.shape)}, which has one element: it is always {always}, "
                "whatever it is given")  # fmt: skip
    if edge.op.label != "softmax" or not given.ndim or not isinstance(dim, int):
        return None
    y = subject.value(edge.row)
    rest = y.sum(dim) - y.max(dim)
    if float(np.abs(rest).max(initial=0.0)) > 1e-6:
        return None  # a gradient that is the same for each: its parts cancel
    gap = float((given.max(dim) - np.sort(given, dim).take(-2, dim)).min())
    return ("saturated", edge.row, f"{call(subject, edge.row)} is 1 at one element and 0 at the "
            f"others: the largest of `{subject.label(edge.operand)}` is {gap:.4g} or more above "
            "the next, so that its slope is 0")  # fmt: skip


def _attends(graph: Graph, row: int) -> bool:
    """Say whether a softmax has the weights of a sequence that has one element so far.

    They stand in front of the values, one for each key, which is data as the queries are.
    """
    scores, passing = graph.inputs[row][0], (*SAME, "mul", "div", "add", "masked_fill", "where")
    while graph.label(scores) in passing:
        floats = [i for i in graph.inputs[scores] if i >= 0 and graph.metas[i].dtype.kind == "f"]
        scores = floats[0]
    if graph.label(scores) not in MATRIX:
        return False
    weights = {row}
    for user in range(row + 1, len(graph)):
        first = graph.inputs[user][0] if graph.inputs[user] else -1
        if first in weights and graph.label(user) in MATRIX:
            return True
        if first in weights and graph.label(user) in ("expand", "view", "clone", "dropout"):
            weights.add(user)
    return False


# ---- choices -------------------------------------------------------------------------------


def _choice(subject: Subject, flow: Flow, edge: Edge) -> Stop | None:
    """Return how an operand is never the one that is chosen."""
    graph, row = subject.graph, edge.row
    others = [i for k, i in enumerate(graph.inputs[row]) if k != edge.slot]
    if any(i in flow.inside for i in others):
        return None  # a loser of a comparison: the winner gets the gradient
    label = edge.op.label
    given, cut = _arrived(subject, flow, edge)
    if label in ("maximum", "minimum"):
        if _is_margin(subject, flow, edge):
            return None
        limit = (
            subject.value(others[0]) if others[0] >= 0 else np.asarray(graph.scalars[~others[0]])
        )
        if label == "maximum" and not limit.any():
            return "dead-relu", row, dead(subject, row, edge.operand)
        return ("clamped", row, f"{call(subject, row)} is the limit at {every(given)} of "
                f"`{subject.label(edge.operand)}`{cut} ({spread(given)})")  # fmt: skip
    mask = graph.inputs[row][1 if label == "masked_fill" else 0]
    return masked(subject, row, mask, edge.operand)


def _empty(subject: Subject, row: int) -> Stop | None:
    """Return which mask has chosen nothing, so that a tensor is empty."""
    graph = subject.graph
    if graph.label(row) not in ("index", "masked_select"):
        return None
    masks = [i for i in graph.inputs[row] if i >= 0 and graph.metas[i].dtype.kind == "b"]
    if not masks:
        return None
    of = graph.inputs[row][0]
    return (
        "masked-out",
        row,
        f"the mask `{subject.label(masks[0])}` leaves nothing of `{subject.label(of)}` "
        f"({spread(subject.value(of))}) in {call(subject, row)}",
    )
