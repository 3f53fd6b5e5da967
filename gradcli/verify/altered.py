"""What a gradient would be, were the function another one: at other points, cut, or opened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcli import autodiff
from gradcli.autodiff.reverse import GRAD_COPY
from gradcli.errors import GradcliError
from gradcli.execute import compute
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array


class Of(NamedTuple):
    """A gradient: the cotangents that it starts from, by root, and what it is a gradient by."""

    given: Mapping[int, int]
    leaf: int

    def order(self, graph: Graph) -> list[int]:
        """Return the rows that the gradient passes, from the root on."""
        return autodiff.towards(graph, autodiff.reachable(graph, self.given), (self.leaf,))


def gradient_of(graph: Graph, id: int) -> Of | None:
    """Return what a row is the gradient of, None where it is none."""
    if graph.ops[id] is GRAD_COPY:
        id = graph.inputs[id][0]
    for step in reversed(graph.autograd.steps):
        if step.mode == "reverse" and not step.batched and id in step.found:
            return Of(step.given, step.wanted[step.found.index(id)])
    return None


def upstream(graph: Graph, ids: Iterable[int]) -> set[int]:
    """Return some rows and all that they depend on."""
    return set(autodiff.behind(graph, ids, 0))


def tape_at(graph: Graph, values: Mapping[int, Array], grads: Mapping[int, int]) -> Graph:
    """Return the tape with other values of some leaves; what depends on them is computed anew.

    `grads` are leaves that hold a `.grad`, with the rows that compute it.
    """
    tape = graph.copy()
    moved = {*values, *grads}
    for id in range(len(tape)):
        if id not in moved and any(i in moved for i in tape.inputs[id]):
            moved.add(id)
            tape.put(id, None)
    for leaf, value in values.items():
        tape.put(leaf, value)
    compute(tape, grads.values())
    for leaf, id in grads.items():
        tape.put(leaf, tape.values[id])
    return tape


def computed(graph: Graph, ids: Iterable[int]) -> bool:
    """Compute rows, and say whether that can be done: an operation may refuse its operands."""
    try:
        compute(graph, ids)
    except GradcliError:
        return False
    return True


def gradient(graph: Graph, of: Of, order: Sequence[int]) -> Array:
    """Return a gradient on a tape; rows that are not in the order count as constants."""
    compute(graph, (*order, *of.given.values()))
    start: dict[int, Any] = {root: graph.values[g] for root, g in of.given.items()}
    found = autodiff.pull(graph, start, order, graph.values.__getitem__).get(of.leaf)
    meta = graph.metas[of.leaf]
    return np.zeros(meta.shape, meta.dtype) if found is None else np.asarray(found)


def by_itself(graph: Graph, id: int, leaf: int) -> Array:
    """Return the gradient of a row of one element."""
    meta = graph.metas[id]
    (found,) = autodiff.gradient_values(graph, {id: np.ones(meta.shape, meta.dtype)}, [leaf])
    return np.zeros(graph.metas[leaf].shape) if found is None else found


def stops(graph: Graph, leaf: int) -> list[int]:
    """Return the rows of the file at which a gradient ends, as at `detach`, after some leaf."""
    return [
        id
        for id in range(leaf + 1, len(graph))
        if graph.ops[id] is not None
        and not graph.requires_grad[id]
        and graph.notes.origins[id] == "file"
        and any(i >= 0 and graph.requires_grad[i] for i in graph.inputs[id])
        and graph.metas[id].dtype.kind in "fc"
    ]


def opened(graph: Graph, ids: Sequence[int]) -> Graph:
    """Return a tape on which gradients flow through rows that stop them, and on from there."""
    tape = graph.copy()
    for id in ids:
        op = tape.ops[id]
        if op is None or op.view == "detached" or op.derivative is None:
            tape.ops[id], tape.attrs[id] = GRAD_COPY, {}
    for id in range(min(ids), len(tape)):
        op = tape.ops[id]
        if op is not None and op.derivative is not None:
            tape.requires_grad[id] |= any(i >= 0 and tape.requires_grad[i] for i in tape.inputs[id])
    return tape
