"""Forward mode over the tape, on numbers and on nodes alike."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from gradcli.autodiff.reverse import note, traced
from gradcli.execute import compute
from gradcli.graph import OUTPUT, Graph
from gradcli.ops.formula import in_dtype
from gradcli.ops.shape.shapes import expand
from gradcli.rule.dtypes import Array, wide


def push(
    graph: Graph,
    tangents: dict[int, Any],
    targets: Sequence[int],
    read: Callable[[int], Any],
    order: Iterable[int] | None = None,
) -> list[Any]:
    """Carry tangents of some nodes forward; return the tangents of targets, None where at rest.

    `order`, where it is given, are the rows to go through, all that the targets are made of if not.
    """
    for id in behind(graph, targets, min(tangents)) if order is None else order:
        op, inputs = graph.ops[id], graph.inputs[id]
        if op is None or id in tangents or not any(i in tangents for i in inputs):
            continue
        if op is OUTPUT:
            t = tangents[inputs[0]][graph.attrs[id]["position"]]
            if t is not None:
                tangents[id] = t
            continue
        if op.derivative is None:
            continue
        moved = tuple(wide(tangents.get(i)) for i in inputs)
        operands = tuple(wide(read(i)) if i >= 0 else graph.scalars[~i] for i in inputs)
        t = op.derivative.jvp(op, moved, wide(read(id)), operands, graph.attrs[id])
        if t is not None:
            tangents[id] = t if op.outputs else _shaped(t, graph, id)
    return [tangents.get(i) for i in targets]


def behind(graph: Graph, targets: Iterable[int], first: int) -> list[int]:
    """Return the rows that targets are made of, from a row on: what is not has no values."""
    found: set[int] = set()
    pending = list(targets)
    while pending:
        id = pending.pop()
        if id >= first and id not in found:
            found.add(id)
            pending.extend(graph.inputs[id])
    return sorted(found)


def _shaped(t: Any, graph: Graph, id: int) -> Any:
    """Bring a tangent to its node's shape and dtype: a rule need not undo broadcasting."""
    meta = graph.metas[id]
    if t.shape != meta.shape:
        t = expand(t, size=meta.shape)
    return in_dtype(t, meta.dtype)


def tangent(graph: Graph, outputs: Sequence[int], tangents: Mapping[int, Any]) -> list[Any]:
    """Return the derivatives of outputs along tangents, as nodes of the graph."""
    first = len(graph)
    found = push(graph, dict(tangents), outputs, lambda i: traced(graph, i))
    order = behind(graph, outputs, min(tangents))
    note(graph, "forward", tangents, outputs, found, order, first)
    return found


def tangent_values(
    graph: Graph, outputs: Sequence[int], tangents: Mapping[int, Array]
) -> list[Array]:
    """Return the derivatives of outputs along tangents, as arrays; zeros where nothing moves."""
    compute(graph, outputs)
    with np.errstate(all="ignore"):
        found = push(graph, dict(tangents), outputs, graph.values.__getitem__)
    return [
        np.zeros(graph.metas[i].shape, graph.metas[i].dtype) if t is None else np.asarray(t)
        for i, t in zip(outputs, found, strict=True)
    ]
