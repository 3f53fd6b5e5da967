"""Which tensors of the forward pass a backward pass uses, and whether they are still there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from gradcli.errors import AutogradFault
from gradcli.execute import new_graph
from gradcli.graph import OUTPUT, Graph


def free_saved(graph: Graph, order: Sequence[int], *, retain_graph: bool) -> None:
    """Check that a backward pass finds its saved tensors, and free them unless they are retained.

    Raises: AutogradFault, in PyTorch's words, where an earlier pass has freed one.
    """
    for id in order:
        if id in graph.freed and saves(graph, id):
            raise AutogradFault(
                "Trying to backward through the graph a second time (or directly access saved "
                "tensors after they have already been freed). Saved intermediate values of the "
                "graph are freed when you call .backward() or autograd.grad(). Specify "
                "retain_graph=True if you need to backward through the graph a second time or if "
                "you need to access saved tensors after calling backward.",
                hint=f"`{graph.label(id)}` needs its saved tensors again: keep them in the first "
                "pass with backward(retain_graph=True)",
            )
    if not retain_graph:
        graph.freed.update(id for id in order if graph.ops[id] is not None)


def saves(graph: Graph, id: int) -> bool:
    """Say whether a row's rules use a tensor of the forward pass: PyTorch saves that tensor.

    Found by running them once on a scratch graph, and looking at what they read.
    """
    op, scratch = graph.ops[id], new_graph(graph.default_dtype)
    if op is None or op is OUTPUT or op.derivative is None:
        return False
    inputs = graph.inputs[id]

    def leaf(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(leaf(v) for v in value)
        return scratch.leaf(np.asarray(value))

    wrapped = op.wraps and op.numbers  # PyTorch makes tensors of the numbers, and saves those
    operands = tuple(
        leaf(graph.values[i]) if i >= 0
        else leaf(graph.scalars[~i]) if wrapped and graph.scalars[~i] is not None
        else graph.scalars[~i]
        for i in inputs
    )  # fmt: skip
    y = leaf(graph.values[id])
    saved = len(scratch)
    g = leaf(graph.values[id])
    for slot, i in enumerate(inputs):
        if i >= 0 and graph.requires_grad[i] and op.derivative.body(slot) is not None:
            op.derivative.vjp(slot, g, y, operands, graph.attrs[id])
    return any(0 <= i < saved for row in scratch.inputs for i in row)
