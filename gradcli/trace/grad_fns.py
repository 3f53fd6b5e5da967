"""`x.grad_fn`: what it has after a dot, and what comes before it on the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import NameFault
from gradcli.graph import Node
from gradcli.trace.classes import MISSING, get_attribute
from gradcli.trace.custom import FunctionCall
from gradcli.trace.own import Own
from gradcli.trace.values import Function, GradFn

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

ACCUMULATE = "AccumulateGrad"  # of a leaf: it adds to `.grad`


def attribute(tracer: Tracer, grad_fn: GradFn, name: str) -> Any:
    """Return an attribute of a backward function, `MISSING` where it has none of that name.

    Raises: NameFault where PyTorch has one that is not here.
    """
    if name == "name":
        own = grad_fn.name in ("CopySlices", ACCUMULATE)
        told = f"torch::autograd::{grad_fn.name}" if own else grad_fn.name
        return Function(name, lambda tr, args, keywords: told)
    if name == "next_functions":
        return _next(grad_fn)
    if name == "variable" and grad_fn.name == ACCUMULATE:
        return grad_fn.node
    op = grad_fn.node.graph.ops[grad_fn.row]
    if op is not None and isinstance(op.derivative, Own):
        call = op.derivative.call
        if isinstance(call, FunctionCall) and call.ctx is not None:
            return get_attribute(tracer, call.ctx, name)
    if name.startswith(("_saved_", "_raw_saved_")) or name in ("register_hook", "metadata"):
        raise NameFault(f"`{name}` of a grad_fn is not here")
    return MISSING


def _next(grad_fn: GradFn) -> tuple[tuple[GradFn | None, int], ...]:
    """Return the backward functions that come next, each with which of its results is meant."""
    graph = grad_fn.node.graph
    found: list[tuple[GradFn | None, int]] = []
    if grad_fn.name == ACCUMULATE:
        return ()
    op = graph.ops[grad_fn.row]
    derivative = None if op is None else op.derivative
    assert derivative is not None, "a backward function is an operation's"
    for slot, i in enumerate(graph.inputs[grad_fn.row]):
        if derivative.body(slot) is None or (i < 0 and op is not None and not op.wraps):
            continue
        if i < 0 or not graph.requires_grad[i]:
            found.append((None, 0))
            continue
        name = graph.grad_fn(i)
        position = graph.attrs[i].get("position", 0) if graph.producer(i) != i else 0
        node = graph.handle(graph, i) if name is None else Node(graph, i)
        found.append((GradFn(name or ACCUMULATE, node), position))
    return tuple(found)
