"""Matrices of derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.autodiff.reverse import gradients
from gradcli.graph import Node
from gradcli.ops.shape.shapes import reshape, stack, zeros_like


def jacobian(y: Node, x: Node) -> Any:
    """Return dy/dx as a node of shape `(*y.shape, *x.shape)`: a row a backward pass."""
    graph = y.graph
    if not y.requires_grad:
        return _zeros(x, y.shape)
    rows = []
    for position in np.ndindex(y.shape):
        unit = np.zeros(y.shape, y.dtype)
        unit[position] = 1
        row = gradients(graph, {y.id: graph.leaf(unit)}, (x.id,))[0]
        rows.append(zeros_like(x) if row is None else row)
    if not rows:
        return _zeros(x, y.shape)
    return reshape(stack(*rows, dim=0), (*y.shape, *x.shape))


def _zeros(x: Node, shape: tuple[int, ...]) -> Node:
    return x.constant(np.zeros((*shape, *x.shape), x.dtype))
