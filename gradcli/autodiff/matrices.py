"""Matrices of derivatives: all rows or all columns at once, few where most elements are 0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from gradcli.autodiff.batched import Batch, PerSlice
from gradcli.autodiff.colouring import compressed
from gradcli.autodiff.forward import push
from gradcli.autodiff.reverse import gradients, note, pull, reachable, towards, traced
from gradcli.autodiff.saved import unseen
from gradcli.graph import Graph, Node
from gradcli.ops.shape.indexing import put_at, take
from gradcli.ops.shape.shapes import contiguous_copy, reshape, stack, t, view
from gradcli.rule.dtypes import Array, is_floating
from gradcli.rule.meta import Meta
from gradcli.rule.rule import Derivative


def jacobian(y: Node, x: Node) -> Node:
    """Return dy/dx as a node of shape `(*y.shape, *x.shape)`, which has a history.

    Raises: LimitFault where it is too large, before any work.
    """
    graph, shape = y.graph, (*y.shape, *x.shape)
    graph.afford(Meta(shape, x.dtype))
    order = towards(graph, reachable(graph, (y.id,)), (x.id,))
    if not {x.id, y.id} <= set(order) or 0 in shape:
        return x.constant(np.zeros(shape, x.dtype))
    try:
        flat = _rows(y, x) if prod(y.shape) == 1 else _together(y, x, order)
    except PerSlice:
        flat = _rows(y, x)
    return view(flat, shape=shape)  # type: ignore[no-any-return]  # as PyTorch's grad_fn says


def _rows(y: Node, x: Node) -> Node:
    """Return a gradient for each element of y, one pass after the other."""
    rows = []
    for unit in np.eye(prod(y.shape), dtype=y.dtype):
        given = {y.id: y.graph.leaf(unit.reshape(y.shape))}
        (row,) = gradients(y.graph, given, (x.id,))
        rows.append(x.constant(np.zeros(x.shape, x.dtype)) if row is None else row)
    return stack(*rows, dim=0)  # type: ignore[no-any-return]


def _together(y: Node, x: Node, order: Sequence[int]) -> Node:
    """Return the elements of dy/dx by products that are recorded as one, the fewest that do."""
    m, n = prod(y.shape), prod(x.shape)
    ahead = _pushes(y, x, order)
    sparse = compressed(y.graph, y.id, x.id, order[::-1], ahead)
    if sparse is not None:
        products = _products(y, x, order, sparse.seeds, sparse.ahead)
        return put_at(take(products, sparse.found), sparse.places, size=(m * n,))  # type: ignore[no-any-return]
    if ahead and n < m:
        columns = reshape(_products(y, x, order, np.eye(n), True), (n, m))
        return contiguous_copy(t(columns))  # type: ignore[no-any-return]
    return _products(y, x, order, np.eye(m), False)


def hessian(slopes: Sequence[Node], inputs: Sequence[Node]) -> tuple[tuple[Node, ...], ...]:
    """Return second derivatives from first ones: block (i, j) is that of slope i by input j.

    Of real inputs the blocks below the diagonal are those above it, transposed.
    """
    blocks: dict[tuple[int, int], Node] = {}
    for i, slope in enumerate(slopes):
        for j, x in enumerate(inputs):
            above = blocks.get((j, i)) if i > j else None
            if above is None or not is_floating(above.dtype) or x.dtype != slope.dtype:
                blocks[i, j] = jacobian(slope, x)
            else:
                m, n = prod(slope.shape), prod(x.shape)
                blocks[i, j] = reshape(t(reshape(above, (n, m))), (*slope.shape, *x.shape))
    places = range(len(inputs))
    return tuple(tuple(blocks[i, j] for j in places) for i in places)


def _pushes(y: Node, x: Node, order: Sequence[int]) -> bool:
    """Say whether tangents can go forward through rows, and find what cotangents would."""
    graph, metas = y.graph, y.graph.metas
    if graph.autograd.uncounted or x.dtype != y.dtype:
        return False
    rules = (op.derivative for i in order if (op := graph.ops[i]) is not None)
    return all(is_floating(metas[i].dtype) for i in order) and all(
        r is None or r.tangent is not None or type(r).jvp is not Derivative.jvp for r in rules
    )


def _products(y: Node, x: Node, order: Sequence[int], seeds: Array, ahead: bool) -> Node:
    """Return the products of dy/dx and seeds: shape `(k, *y.shape)`, of cotangents `(k, *x.shape)`.

    `seeds` have the shape (k, elements) of tangents where it goes `ahead`, else of cotangents.

    Raises: PerSlice where a rule looks at the values of one product.
    """
    graph, (source, target) = y.graph, (x, y) if ahead else (y, x)
    vectors = graph.leaf(seeds.reshape(-1, *source.shape).astype(source.dtype))
    if ahead:
        found = _pushed(y, x, order, vectors)
    else:
        (found,) = gradients_together(graph, {y.id: vectors}, (x.id,))
    if found is None:
        return target.constant(np.zeros((len(seeds), *target.shape), target.dtype))
    return found


def _pushed(y: Node, x: Node, order: Sequence[int], vectors: Node) -> Node | None:
    """Return the tangents of y along several of x, along rows that carry a gradient."""
    graph, first = y.graph, len(y.graph)
    batch = Batch(graph, vectors.shape[0])
    given = {x.id: batch.leading(vectors)}
    (found,) = push(graph, given, (y.id,), lambda i: batch.lifted(traced(graph, i)), order[::-1])
    if found is None:
        return None
    node = batch.lowered(found)
    note(graph, "forward", {x.id: vectors}, (y.id,), (node,), order, first, batched=True)
    return node


def gradients_together(
    graph: Graph, roots: Mapping[int, Node], inputs: Sequence[int]
) -> list[Node | None]:
    """Return gradients for many cotangents of each root: a leading axis counts both.

    None stands for an input that is not used.

    Raises: PerSlice where a rule looks at the values of one of the cotangents.
    """
    first, (count, *_) = len(graph), next(iter(roots.values())).shape
    batch = Batch(graph, count)
    order = towards(graph, reachable(graph, roots), inputs)
    now = unseen(graph, order)
    given = {i: batch.leading(g) for i, g in roots.items()}
    pulled = pull(graph, given, order, lambda i: batch.lifted(traced(graph, i, now)))
    found = [None if (g := pulled.get(i)) is None else batch.lowered(g) for i in inputs]
    note(graph, "reverse", roots, inputs, found, order, first, batched=True)
    return found
