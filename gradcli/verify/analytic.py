"""The analytic side: rows of the Jacobian by backward passes, columns by forward ones."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from gradcli import autodiff
from gradcli.errors import ArgumentFault
from gradcli.graph import Graph, Node
from gradcli.rule.dtypes import Array, is_floating
from gradcli.verify.probe import Outputs


def reverse(graph: Graph, outputs: Outputs, leaves: Sequence[int]) -> dict[int, Array | None]:
    """Return each leaf's Jacobian, shape (n, m), real and imaginary parts counted apart.

    None stands for a leaf that no gradient reaches.
    """
    columns: dict[int, list[Array | None]] = {leaf: [] for leaf in leaves}
    for cotangent in outputs.cotangents(graph):
        for leaf, g in zip(leaves, autodiff.gradient_values(graph, cotangent, leaves), strict=True):
            columns[leaf].append(None if g is None else real(g))
    return {leaf: _stacked(graph, leaf, found) for leaf, found in columns.items()}


def _stacked(graph: Graph, leaf: int, columns: list[Array | None]) -> Array | None:
    if all(column is None for column in columns):
        return None
    zeros = real(np.zeros(graph.metas[leaf].shape, graph.metas[leaf].dtype))
    return np.stack([zeros if c is None else c for c in columns], axis=1)


def real(array: Array) -> Array:
    """Return the real numbers that an array consists of, in double precision."""
    double = np.complex128 if array.dtype.kind == "c" else np.float64
    return np.ascontiguousarray(array, double).reshape(-1).view(np.float64)


def forward(graph: Graph, outputs: Outputs, leaf: int, elements: Sequence[int]) -> Array:
    """Return rows of a leaf's Jacobian by forward mode, shape (len(elements), m)."""
    push = pusher(graph, outputs, leaf)
    rows = []
    for element in elements:
        tangent = np.zeros(_count(graph, leaf))
        tangent[element] = 1.0
        rows.append(push(tangent))
    return np.stack(rows) if rows else np.zeros((0, len(outputs.labels)))


def pusher(graph: Graph, outputs: Outputs, leaf: int) -> Callable[[Array], Array]:
    """Return the function from a leaf's tangent, as real numbers, to the outputs'."""
    meta = graph.metas[leaf]

    def push(tangent: Array) -> Array:
        shaped = tangent.view(np.complex128) if meta.dtype.kind == "c" else tangent
        moved: Mapping[int, Array] = {leaf: shaped.astype(meta.dtype).reshape(meta.shape)}
        found = autodiff.tangent_values(graph, outputs.roots, moved)
        result: Array = outputs.read([t[None] for t in found])[0]
        return result

    return push


def _count(graph: Graph, leaf: int) -> int:
    return real(np.zeros(graph.metas[leaf].shape, graph.metas[leaf].dtype)).size


def gradient_nodes(
    graph: Graph, roots: Sequence[int], leaves: Sequence[int], generator: np.random.Generator
) -> list[tuple[int, int, int]]:
    """Append the gradients of roots as nodes; return (root, leaf, gradient) where it can change.

    A root with elements takes a random cotangent.

    Raises: ArgumentFault where a root is not real.
    """
    found = []
    with graph.settings("gradient", True):
        for root in roots:
            meta = graph.metas[root]
            if not is_floating(meta.dtype):
                raise ArgumentFault("--order 2 needs a real root")
            v = (
                np.ones(meta.shape)
                if np.prod(meta.shape) == 1
                else generator.normal(size=meta.shape)
            )
            start = {root: graph.leaf(np.asarray(v, meta.dtype))}
            gradients: list[Node | None] = autodiff.gradients(graph, start, leaves)
            found += [
                (root, leaf, g.id)
                for leaf, g in zip(leaves, gradients, strict=True)
                if g is not None and g.requires_grad
            ]
    return found
