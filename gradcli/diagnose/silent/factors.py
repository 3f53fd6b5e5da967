"""Products that pass on 0: a factor of 0 and where it comes from, a mask, too small numbers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np

from gradcli.diagnose.silent.words import call, dead, every, everywhere, spread
from gradcli.diagnose.subject import Edge, Flow, Subject
from gradcli.rule.dtypes import wide

Stop = tuple[str, int, str]  # the kind of finding, the row, words

PRODUCTS = ("mul", "matmul", "mm", "bmm", "mv", "dot", "outer", "ger", "vdot", "inner", "addmm",
            "addmv", "addcmul", "baddbmm", "kron", "conv1d", "conv2d", "conv3d", "convolution",
            "linear", "div", "tensordot", "bilinear")  # fmt: skip
FACTORS = "mul", "div", "matmul", "dot", "bmm", "mm", "mv"  # 0 where an operand is
MATRIX = "mm", "matmul", "bmm", "baddbmm"
SIZES = "exp", "exp2", "pow", "prod", "square", "mul", "div", "expm1", "matmul", "dot"
SAME = ("view", "t", "transpose", "permute", "expand", "unsqueeze", "squeeze", "clone", "neg",
        "select", "slice", "sum", "mean", "reshape", "to", "_to_copy", "mT", "flatten")  # fmt: skip
STATE = re.compile(r"(h|c|s|state|hidden|cell|carry|memory)_?(0|prev|init|t)?\d*")


def product(subject: Subject, flow: Flow, edge: Edge, leaf: int) -> Stop | None:
    """Return how a product passes on 0 to one of its factors, None where that is no fault."""
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
                    f"in {call(subject, edge.row)}")  # fmt: skip
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
    return ("underflow", edge.row, f"the gradient that arrives at {call(subject, edge.row)} is "
            f"{value:.3g} at most, and its product with{name} is below {smallest:.2g}, the "
            f"smallest number of {dtype.name}")  # fmt: skip


def _factor(subject: Subject, flow: Flow, edge: Edge, factor: int, leaf: int) -> Stop | None:
    """Return why a factor is 0, None where that is no fault or will not last."""
    graph = subject.graph
    row = _beginning(subject, factor)
    stop = _zeros(subject, row)
    if factor in flow.inside:
        behind = set(_behind(subject, factor)) & flow.inside
        leaves = [i for i in behind if graph.ops[i] is None]
        lasts = stop is not None and stop[0] == "underflow"  # what made it so small is as it was
        trained = any(np.any(flow.cotangents.get(i, 0)) for i in leaves)
        if (leaf in leaves and not lasts) or trained:
            return None  # both factors of r*r are 0 at a minimum; one that is trained will not stay
    if stop is not None:
        return stop
    text, other = call(subject, edge.row), subject.label(edge.operand)
    if factor in flow.inside:
        both = not subject.value(edge.operand).any()
        names, verb = (f"`{other}` and ", "are") if both else ("", "is")
        return ("zero-factor", edge.row, f"{names}`{subject.label(factor)}` {verb} 0 in {text}, "
                "where the gradient of one factor is a product with the other: nothing moves "
                "them")  # fmt: skip
    if _is_mask(subject, factor):
        return masked(subject, edge.row, factor, edge.operand)
    state = graph.ops[row] is None and STATE.fullmatch(graph.notes.names.get(row, ""))
    term = not graph.metas[row].shape and graph.ops[edge.operand] is None
    if state or term:
        return None  # what a recurrence begins with; a*x + b where x is 0
    zero = subject.value(row)
    return ("zero-factor", edge.row, f"`{other}` is multiplied by `{subject.label(row)}`, which is "
            f"0{everywhere(zero)}, in {text}")  # fmt: skip


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
    return ("underflow", row, f"{call(subject, row)} comes to less than the smallest number of "
            f"{subject.value(row).dtype.name}, and so to 0: {told}")  # fmt: skip


def _beginning(subject: Subject, row: int) -> int:
    """Return the row at which a tensor of zeros begins."""
    graph = subject.graph
    while graph.ops[row] is not None:
        operands = [i for i in graph.inputs[row] if i >= 0]
        zero = [i for i in operands if not subject.graph.is_tuple(i) and not subject.value(i).any()]
        if graph.label(row) not in (*SAME, *FACTORS) or not zero:
            return row
        row = zero[0]
    return row


def prod(subject: Subject, edge: Edge) -> Stop | None:
    """Return how the product of all elements passes on 0."""
    given = subject.value(edge.operand)
    stop = None if given.any() else _zeros(subject, _beginning(subject, edge.operand))
    if stop is not None and stop[0] == "underflow":
        return stop
    if (given == 0).any():
        return ("zero-factor", edge.row, f"{call(subject, edge.row)} multiplies "
                f"{int((given == 0).sum())} zeros")  # fmt: skip
    return ("underflow", edge.row, f"{call(subject, edge.row)} multiplies {given.size} numbers "
            f"({spread(given)}): what comes of it is below the smallest number of "
            f"{given.dtype.name}")  # fmt: skip


def masked(subject: Subject, row: int, mask: int, operand: int) -> Stop:
    """Return how a mask leaves nothing of an operand: a unit that is off, or a choice of none."""
    given = subject.value(operand)
    if mask >= 0 and _trained(subject, mask):
        return ("dead-relu", row, f"the mask of {call(subject, row)} is off at {every(given)} of "
                f"`{subject.label(operand)}`, and so is its slope")  # fmt: skip
    name = f" `{subject.label(mask)}`" if mask >= 0 else ""
    return ("masked-out", row, f"the mask{name} leaves nothing of "
            f"`{subject.label(operand)}` in {call(subject, row)}")  # fmt: skip


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
