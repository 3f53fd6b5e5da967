"""What people make of an operation's rule when they derive a gradient by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from gradcli.graph import OUTPUT, Graph
from gradcli.rule.rule import Body, Elementwise, OfFormula, Primitive, Variadic

MOST = 256  # elements of a result whose Jacobian's diagonal is computed
RULE = "the derivative of {op} in {row}"

# a sentence about a mistake, and a row that makes it; {op}, {row}, {operand}, {result}, {other}
# and {factor} are to be filled in
Misread = tuple[str, Primitive]


def misread(graph: Graph, id: int, slot: int) -> Iterator[Misread]:
    """Yield the mistakes that can be made in a row's rule for one of its operands."""
    op = graph.ops[id]
    if op is None or op is OUTPUT or op.derivative is None or id in graph.widths:
        return
    body = op.derivative.body(slot)
    if body is None or isinstance(op.derivative, Variadic | OfFormula):
        return
    for sentence, rule in _rules(graph, id, slot, body):
        bodies = tuple(rule if k == slot else b for k, b in enumerate(op.derivative.bodies))
        yield sentence, replace(op, derivative=replace(op.derivative, bodies=bodies))


def _rules(graph: Graph, id: int, slot: int, body: Body) -> Iterator[tuple[str, Body]]:
    op, inputs, shape = graph.ops[id], graph.inputs[id], graph.metas[id].shape
    assert op is not None, "only operations are misread"
    elementwise = isinstance(op.derivative, Elementwise)
    alike = graph.metas[inputs[slot]].shape == shape
    if elementwise or alike:
        yield f"lacks {{factor}}{RULE}", lambda g, *_, **__: g
    if elementwise:
        yield f"has {RULE} twice", _twice(body)
    if elementwise and alike and len(inputs) == 1:
        yield f"takes {{operand}} where {RULE} takes {{result}}", _of_operand(body)
        yield f"takes {{result}} where {RULE} takes {{operand}}", _of_result(body)
    elif alike and len(inputs) == 1 and np.prod(shape) <= MOST:
        yield f"takes {RULE} as if no element depended on another", _diagonal(body)
    elif not elementwise and len(inputs) == 2 and min(inputs) >= 0:
        other = graph.metas[inputs[1 - slot]].shape
        if len(other) >= 2 and other[-1] == other[-2]:
            yield f"takes {{other}} for its transpose in {RULE}", _transposed(body, slot)


def _twice(body: Body) -> Callable[..., Any]:
    def rule(g: Any, *operands: Any, **attrs: Any) -> Any:
        return body(body(g, *operands, **attrs), *operands, **attrs)

    return rule


def _of_operand(body: Body) -> Callable[..., Any]:
    return lambda g, _, a, **attrs: body(g, a, a, **attrs)


def _of_result(body: Body) -> Callable[..., Any]:
    return lambda g, y, _, **attrs: body(g, y, y, **attrs)


def _diagonal(body: Body) -> Callable[..., Any]:
    def rule(g: Any, *operands: Any, **attrs: Any) -> Any:
        diagonal = np.zeros(g.size)
        for k, unit in enumerate(np.eye(g.size)):
            diagonal[k] = body(unit.reshape(g.shape), *operands, **attrs).reshape(-1)[k]
        return g * diagonal.reshape(g.shape)

    return rule


def _transposed(body: Body, slot: int) -> Callable[..., Any]:
    def rule(g: Any, y: Any, *operands: Any, **attrs: Any) -> Any:
        turned = [x if k == slot else np.swapaxes(x, -1, -2) for k, x in enumerate(operands)]
        return body(g, y, *turned, **attrs)

    return rule
