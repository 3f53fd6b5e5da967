"""How an operation stops a gradient: by a flat piece, a factor of 0, a mask, or too small numbers.

What stops it at a single point alone, as `r**2` does at 0, is no fault: that is what a minimum is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcli.diagnose.subject import Edge, Flow, Subject
from gradcli.rule.dtypes import Array, wide
from gradcli.rule.rule import Elementwise

Stop = tuple[str, int, str]  # the kind of finding, the row, words

PRODUCTS = ("mul", "matmul", "mm", "bmm", "mv", "dot", "outer", "ger", "vdot", "inner", "addmm",
            "addmv", "addcmul", "baddbmm", "kron", "conv1d", "conv2d", "conv3d", "convolution",
            "linear", "div", "tensordot", "bilinear")  # fmt: skip
SIZES = "exp", "exp2", "pow", "prod", "square", "mul", "div", "expm1", "matmul", "dot"
SMOOTH = "elu", "celu", "selu", "softplus", "silu", "mish", "logsigmoid"
NORMAL = "max", "min", "amax", "amin", "median", "sort", "topk", "cummax", "cummin", "norm"
SAME = ("view", "t", "transpose", "permute", "expand", "unsqueeze", "squeeze", "clone", "neg",
        "select", "slice", "sum", "mean", "reshape", "to", "_to_copy", "mT", "flatten")  # fmt: skip
SUMS = (*SAME, "add", "sub", "div", "mul", "rsub")
STATE = re.compile(r"(h|c|s|state|hidden|cell|carry|memory)_?(0|prev|init|t)?\d*")
STEP = 1e-3  # relative: how far an operand moves to both sides, where what is flat stays flat
SLIGHT = 1e-12  # slopes and steps that are less than this count as none


def stop_of(subject: Subject, flow: Flow, edge: Edge, leaf: int) -> Stop | None:
    """Return how a use stops the gradient of a leaf, None where that is no fault."""
    op, label = edge.op, edge.op.label
    if op.kink.startswith("0 everywhere"):
        return ("step-function", edge.row, f"{_call(subject, edge.row)} is constant between jumps: "
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
        return _product(subject, flow, edge, leaf)
    if isinstance(op.derivative, Elementwise) or op.elementwise:
        return _flat(subject, flow, edge)
    if label == "prod":
        return _prod(subject, edge)
    return None


# ---- flat pieces ---------------------------------------------------------------------------


def _flat(subject: Subject, flow: Flow, edge: Edge) -> Stop | None:
    """Return how an elementwise function is flat where its operand is."""
    given = subject.value(edge.operand)
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
        f"{_call(subject, edge.row)} cuts off {_all(given)} of "
        f"`{subject.label(edge.operand)}` ({spread(given)}): what is cut off has the slope 0",
    )


def dead(subject: Subject, row: int, operand: int) -> str:
    """Return in words that a rectifier is off everywhere."""
    given = subject.value(operand)
    below = "below 0" if (given < 0).all() else "at most 0"
    return (
        f"{_all(given)} of `{subject.label(operand)}` {'is' if given.size == 1 else 'are'} {below} "
        f"({spread(given)}), where {_call(subject, row)} is 0 and has the slope 0"
    )


def _saturated(subject: Subject, flow: Flow, edge: Edge) -> Stop | None:
    label, given = edge.op.label, subject.value(edge.operand)
    if not np.any(subject.value(flow.start.root)):
        return None  # as good as it can be
    _, slope = _elsewhere(subject, flow, edge, given)
    largest = float(np.abs(slope).max(initial=0.0))
    words = (
        f"{_call(subject, edge.row)} is flat where {_all(given)} of `{subject.label(edge.operand)}`"
        f" {'is' if given.size == 1 else 'are'} ({spread(given)}): its slope is "
        f"{'0' if not largest else f'{largest:.2g} at most'} in {slope.dtype.name}"
    )
    return "underflow" if label in SIZES else "saturated", edge.row, words


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
        always = "1" if edge.op.label == "softmax" else "0"
        return ("softmax-of-one", edge.row, f"{_call(subject, edge.row)} goes along dimension "
                f"{dim} of {list(given.shape)}, which has one element: it is always {always}, "
                "whatever it is given")  # fmt: skip
    if edge.op.label != "softmax" or not given.ndim or not isinstance(dim, int):
        return None
    y = subject.value(edge.row)
    rest = y.sum(dim) - y.max(dim)
    if float(np.abs(rest).max(initial=0.0)) > 1e-6:
        return None  # a gradient that is the same for each: its parts cancel
    gap = float((given.max(dim) - np.sort(given, dim).take(-2, dim)).min())
    return ("saturated", edge.row, f"{_call(subject, edge.row)} is 1 at one element and 0 at the "
            f"others: the largest of `{subject.label(edge.operand)}` is {gap:.4g} or more above "
            "the next, so that its slope is 0")  # fmt: skip


# ---- choices -------------------------------------------------------------------------------


def _choice(subject: Subject, flow: Flow, edge: Edge) -> Stop | None:
    """Return how an operand is never the one that is chosen."""
    graph, row = subject.graph, edge.row
    others = [i for k, i in enumerate(graph.inputs[row]) if k != edge.slot]
    if any(i in flow.inside for i in others):
        return None  # a loser of a comparison: the winner gets the gradient
    given, label = subject.value(edge.operand), edge.op.label
    if label in ("maximum", "minimum"):
        if _is_margin(subject, flow, edge):
            return None
        limit = (
            subject.value(others[0]) if others[0] >= 0 else np.asarray(graph.scalars[~others[0]])
        )
        if label == "maximum" and not limit.any():
            return "dead-relu", row, dead(subject, row, edge.operand)
        return ("clamped", row, f"{_call(subject, row)} is the limit at {_all(given)} of "
                f"`{subject.label(edge.operand)}` ({spread(given)})")  # fmt: skip
    mask = graph.inputs[row][1 if label == "masked_fill" else 0]
    return _masked(subject, row, mask, edge.operand)


def _masked(subject: Subject, row: int, mask: int, operand: int) -> Stop:
    """Return how a mask leaves nothing of an operand: a unit that is off, or a choice of none."""
    given = subject.value(operand)
    if mask >= 0 and _trained(subject, mask):
        return ("dead-relu", row, f"the mask of {_call(subject, row)} is off at {_all(given)} of "
                f"`{subject.label(operand)}`, and so is its slope")  # fmt: skip
    name = f" `{subject.label(mask)}`" if mask >= 0 else ""
    return ("masked-out", row, f"the mask{name} leaves nothing of "
            f"`{subject.label(operand)}` in {_call(subject, row)}")  # fmt: skip


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
        f"({spread(subject.value(of))}) in {_call(subject, row)}",
    )


# ---- products ------------------------------------------------------------------------------


def _product(subject: Subject, flow: Flow, edge: Edge, leaf: int) -> Stop | None:
    graph, op = subject.graph, edge.op
    assert op.derivative is not None, "an edge is differentiable"
    operands = tuple(
        np.abs(wide(flow.read(i))) if i >= 0 else _size(graph.scalars[~i])
        for i in graph.inputs[edge.row]
    )
    ones = tuple(np.where(x != 0, 1.0, 0.0) if isinstance(x, np.ndarray) else x for x in operands)
    arriving = np.where(np.asarray(flow.cotangents[edge.row]) != 0, 1.0, 0.0)
    any_product = op.derivative.vjp(
        edge.slot, arriving, np.abs(flow.read(edge.row)), ones, graph.attrs[edge.row]
    )
    if np.any(any_product):
        value = float(np.abs(np.asarray(flow.cotangents[edge.row])).max(initial=0.0))
        return _underflow(subject, flow, edge, value)
    for slot, i in enumerate(graph.inputs[edge.row]):
        if slot == edge.slot:
            continue
        if i < 0 and graph.scalars[~i] == 0:
            return ("zero-factor", edge.row, f"`{subject.label(edge.operand)}` is multiplied by 0 "
                    f"in {_call(subject, edge.row)}")  # fmt: skip
        if i >= 0 and not subject.value(i).any():
            return _factor(subject, flow, edge, i, leaf)
    return None


def _size(x: Any) -> Any:
    return abs(x) if isinstance(x, int | float) else x


def _underflow(subject: Subject, flow: Flow, edge: Edge, value: float) -> Stop | None:
    """Return a product that is too small for its dtype, None where its terms cancel."""
    if flow.part(edge).any() or edge.op.label not in ("mul", "div"):
        return None
    dtype = subject.value(edge.row).dtype
    other = [i for k, i in enumerate(subject.graph.inputs[edge.row]) if k != edge.slot and i >= 0]
    name = f" `{subject.label(other[0])}` ({spread(subject.value(other[0]))})" if other else ""
    smallest = np.finfo(dtype).smallest_subnormal
    return ("underflow", edge.row, f"the gradient that arrives at {_call(subject, edge.row)} is "
            f"{value:.3g} at most, and its product with{name} is below {smallest:.2g}, the "
            f"smallest number of {dtype.name}")  # fmt: skip


def _factor(subject: Subject, flow: Flow, edge: Edge, factor: int, leaf: int) -> Stop | None:
    """Return why a factor is 0, None where that is no fault or will not last."""
    graph = subject.graph
    row = _beginning(subject, factor)
    if factor in flow.inside:
        behind = set(_behind(subject, factor)) & flow.inside
        leaves = [i for i in behind if graph.ops[i] is None]
        if leaf in leaves or any(np.any(flow.cotangents.get(i, 0)) for i in leaves):
            return None  # both factors of r*r are 0 at a minimum; one that is trained will not stay
    if (stop := _zeros(subject, row)) is not None:
        return stop
    call, other = _call(subject, edge.row), subject.label(edge.operand)
    if factor in flow.inside:
        both = not subject.value(edge.operand).any()
        names, verb = (f"`{other}` and ", "are") if both else ("", "is")
        return ("zero-factor", edge.row, f"{names}`{subject.label(factor)}` {verb} 0 in {call}, "
                "where the gradient of one factor is a product with the other: nothing moves "
                "them")  # fmt: skip
    if _is_mask(subject, factor):
        return _masked(subject, edge.row, factor, edge.operand)
    state = graph.ops[row] is None and STATE.fullmatch(graph.notes.names.get(row, ""))
    term = not graph.metas[row].shape and graph.ops[edge.operand] is None
    if state or term:
        return None  # what a recurrence begins with; a*x + b where x is 0
    zero = subject.value(row)
    return ("zero-factor", edge.row, f"`{other}` is multiplied by `{subject.label(row)}`, which is "
            f"0{_everywhere(zero)}, in {call}")  # fmt: skip


def _zeros(subject: Subject, row: int) -> Stop | None:
    """Return how an operation has come to zeros: a rectifier that is off, or too small numbers."""
    graph, op = subject.graph, subject.graph.ops[row]
    operands = [i for i in graph.inputs[row] if i >= 0]
    if op is None or not operands:
        return None
    rectifier = op.label in ("clamp", "maximum") and graph.requires_grad[row]
    if op.label == "relu" or rectifier:
        return "dead-relu", row, dead(subject, row, operands[0])
    if op.label not in SIZES or not all(subject.value(i).any() for i in operands):
        return None
    told = ", ".join(f"`{subject.label(i)}` is {spread(subject.value(i))}" for i in operands)
    return ("underflow", row, f"{_call(subject, row)} comes to less than the smallest number of "
            f"{subject.value(row).dtype.name}, and so to 0: {told}")  # fmt: skip


def _beginning(subject: Subject, row: int) -> int:
    """Return the row at which a tensor of zeros begins."""
    graph = subject.graph
    while graph.ops[row] is not None:
        operands = [i for i in graph.inputs[row] if i >= 0]
        zero = [i for i in operands if not subject.graph.is_tuple(i) and not subject.value(i).any()]
        if graph.label(row) not in (*SAME, "mul", "matmul", "dot", "bmm", "mm", "mv") or not zero:
            return row
        row = zero[0]
    return row


def _prod(subject: Subject, edge: Edge) -> Stop | None:
    given = subject.value(edge.operand)
    if (given == 0).any():
        return ("zero-factor", edge.row, f"{_call(subject, edge.row)} multiplies "
                f"{int((given == 0).sum())} zeros")  # fmt: skip
    return ("underflow", edge.row, f"{_call(subject, edge.row)} multiplies {given.size} numbers "
            f"({spread(given)}): what comes of it is below the smallest number of "
            f"{given.dtype.name}")  # fmt: skip


# ---- words and ways ------------------------------------------------------------------------


def spread(value: Array) -> str:
    """Return an array's numbers in words: `-3`, or `from -3 to -1`."""
    if not value.size:
        return "empty"
    least, most = value.min(), value.max()
    return f"{least:.4g}" if least == most else f"from {least:.4g} to {most:.4g}"


def _all(value: Array) -> str:
    if value.size == 1:
        return "the only element"
    return "both elements" if value.size == 2 else f"all {value.size:,} elements"


def _everywhere(value: Array) -> str:
    return "" if value.size == 1 else f" in all {value.size:,} elements"


def _call(subject: Subject, row: int) -> str:
    return f"`{subject.text(row)}`"


def _behind(subject: Subject, row: int) -> Iterator[int]:
    """Yield a row and all that its value is made of."""
    graph, seen, pending = subject.graph, {row}, [row]
    while pending:
        i = pending.pop()
        yield i
        more = [k for k in graph.inputs[i] if k >= 0 and k not in seen]
        seen.update(more)
        pending.extend(more)


def _trained(subject: Subject, row: int) -> bool:
    """Say whether a value depends on a parameter."""
    graph = subject.graph
    return any(graph.ops[i] is None and graph.requires_grad[i] for i in _behind(subject, row))


def _is_mask(subject: Subject, row: int) -> bool:
    """Say whether a factor is true or false, or made of that."""
    graph = subject.graph
    while graph.metas[row].dtype.kind != "b":
        operands = [i for i in graph.inputs[row] if i >= 0]
        if len(operands) != 1:
            return False
        row = operands[0]
    return True
