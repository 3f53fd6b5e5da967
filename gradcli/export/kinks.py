"""Rows whose derivative jumps where a run stands: each library has its own convention there."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli import autodiff
from gradcli.errors import GradcliError
from gradcli.execute import new_graph
from gradcli.graph import OUTPUT, Graph, Node
from gradcli.rule.dtypes import Array, is_differentiable

ALIKE = frozenset({"relu"})  # whose derivative is 0 there in JAX too
STEP = 1e-6  # of the size of an operand, to either side
JUMP = 1e-2  # of a gradient, which is more than a smooth one changes over two steps


def kinks(graph: Graph, rows: set[int]) -> Iterator[int]:
    """Yield those of some rows whose derivative is another one at either side of their operands."""
    for id in sorted(rows):
        op = graph.ops[id]
        if op is None or op is OUTPUT or not op.kink or op.label in ALIKE:
            continue
        if not graph.requires_grad[id]:
            continue
        sides = [_gradients(graph, id, sign) for sign in (-1, 1)]
        if len(sides[0]) != len(sides[1]) or any(map(_jumps, *sides)):
            yield id


def _gradients(graph: Graph, id: int, sign: int) -> list[Array]:
    """Return the gradients of a row by its operands, all of them moved a little to one side."""
    op, tape = graph.ops[id], new_graph(graph.default_dtype)
    assert op is not None, "a leaf has no kink"
    random = np.random.default_rng(id)
    operands, moved = [], []
    for i in graph.inputs[id]:
        if i < 0:
            operands.append(graph.scalars[~i])
            continue
        value = np.asarray(graph.value(i))
        moves = is_differentiable(value.dtype)
        if moves:
            size = np.abs(value[np.isfinite(value)]).max(initial=0.0) or 1.0
            value = value + sign * STEP * size * random.uniform(0.5, 1.0, value.shape)
            value = np.asarray(value, graph.metas[i].dtype)
        node = tape.leaf(value, moves)
        operands.append(node)
        moved += [node] if moves else []
    try:
        result = tape.record(op, tuple(operands), graph.attrs[id])
        results = [x for x in (result if isinstance(result, tuple) else (result,))
                   if x.requires_grad]  # fmt: skip
        roots = {x.id: tape.leaf(_cotangent(x, random)) for x in results}
        found = autodiff.gradients(tape, roots, [x.id for x in moved])
        return [np.asarray(0.0 if g is None else g.value) for g in found]
    except GradcliError:
        return []  # beyond the edge of a domain there is no other side


def _cotangent(x: Node, random: np.random.Generator) -> Array:
    return np.asarray(random.uniform(1.0, 2.0, x.shape), x.dtype)


def _jumps(a: Array, b: Array) -> bool:
    scale = max(np.abs(a).max(initial=0.0), np.abs(b).max(initial=0.0))
    return bool((np.abs(a - b) > JUMP * scale).any())
