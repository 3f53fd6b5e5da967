"""What is shown of large tensors is what the whole tensor has, and the tensor is not stored."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcli.execute import new_graph
from gradcli.execute.shown import edges, ends, statistics
from gradcli.graph import Graph, Node
from gradcli.ops.pointwise.elementwise import exp, log, where
from gradcli.ops.reduce.reductions import softmax_
from gradcli.ops.shape.shapes import mean, reshape, sum_, to, transpose

COUNT = 2


def drawn(graph: Graph, *shape: int) -> Node:
    return graph.leaf(np.random.default_rng(len(shape)).standard_normal(shape), True)


FORMULAS: dict[str, Callable[[Node, Node], Any]] = {
    "elements": lambda x, v: exp(x * v) + 1,
    "a column": lambda x, v: x * v - sum_(x, dim=(1,), keepdim=True),
    "a choice": lambda x, v: where(x > v, x, 0.0),
    "dimensions of size 1": lambda x, v: reshape(exp(v), (7, 1)) * mean(x),
    "a softmax": lambda x, v: softmax_(x * v, dim=1) * 2,
    "another shape": lambda x, v: reshape(exp(x * v), (7, 9)) + 1,
    "a transpose": lambda x, v: exp(transpose(x * v, dim0=0, dim1=1)),
    "a number": lambda x, v: mean(x * v),
}


@pytest.mark.parametrize("name", FORMULAS)
def test_edges_are_those_of_the_whole_value(name: str) -> None:
    graph = new_graph()
    y = FORMULAS[name](drawn(graph, 9, 7), drawn(graph, 7))
    found = edges(graph, y.id, COUNT)
    assert graph.stored[y.id] is None
    np.testing.assert_allclose(found, ends(y.value, COUNT), rtol=1e-14, strict=True)
    np.testing.assert_array_equal(edges(graph, y.id, COUNT), ends(y.value, COUNT), strict=True)


def test_ends_are_the_first_and_last_items_along_each_dimension() -> None:
    found = ends(np.arange(35).reshape(7, 5), 2)
    assert found.tolist() == [[0, 1, 3, 4], [5, 6, 8, 9], [25, 26, 28, 29], [30, 31, 33, 34]]


def test_edges_of_a_large_tensor_take_no_memory() -> None:
    graph = new_graph()
    y = exp(drawn(graph, 1_000_000) * 2) + 1
    tracemalloc.start()
    edges(graph, y.id, 3)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 1_000_000


ROWS: dict[str, tuple[Callable[[Node], Any], tuple[Any, ...], tuple[int, ...]]] = {
    # formula; minimum, mean and maximum of what is finite; how many are nan, inf, -inf
    "finite": (lambda x: x * 2, (0, 4, 10), (0, 0, 0)),
    "with -inf": (log, (0, np.log(10) / 3, np.log(5)), (0, 0, 1)),
    "with nan and inf": (lambda x: (1 / x) * where(x > 4, log(-x), 1.0), (0.5, 0.75, 1), (1, 1, 0)),
    "nothing finite": (lambda x: log(-x - 1), (None, None, None), (4, 0, 0)),
    "integers": (lambda x: to(x, np.dtype(np.int64)), (0, 2, 5), (0, 0, 0)),
    "a mask": (lambda x: x > 1, (False, 0.5, True), (0, 0, 0)),
    "nothing": (lambda x: reshape(x, (4, 1)) * x.graph.leaf(np.ones(0)), (None,) * 3, (0, 0, 0)),
}  # fmt: skip


def test_statistics_are_those_of_the_whole_value() -> None:
    graph = new_graph()
    x = graph.leaf(np.array([0.0, 1.0, 2.0, 5.0]))
    nodes = {name: formula(x) for name, (formula, *_) in ROWS.items()}
    found = statistics(graph, [y.id for y in nodes.values()])
    for name, y in nodes.items():
        _, finite, rest = ROWS[name]
        least, mean_, most, *counts = found[y.id]
        assert tuple(counts) == rest, name
        if least is None or most is None:
            assert (least, mean_, most) == finite, name
        else:
            assert (least, mean_, most) == pytest.approx(finite, rel=1e-15), name
            assert least.dtype == y.dtype == most.dtype
        assert graph.stored[y.id] is None


def test_statistics_of_several_large_tensors_are_found_in_one_pass() -> None:
    graph = new_graph()
    x = drawn(graph, 200_000)
    y = exp(x * 2)
    z = y + 1
    found = statistics(graph, [x.id, y.id, z.id])
    for node in (x, y, z):
        assert found[node.id].minimum == node.value.min()
        assert found[node.id].mean == pytest.approx(node.value.mean(), rel=1e-14)
        assert found[node.id].maximum == node.value.max()
