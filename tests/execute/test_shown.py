"""What is shown of large tensors is what the whole tensor has, and the tensor is not stored."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcli.execute import new_graph
from gradcli.execute.shown import Statistics, edges, ends, statistics
from gradcli.graph import Graph, Node
from gradcli.ops.pointwise.elementwise import exp, log, where
from gradcli.ops.reduce.reductions import softmax_
from gradcli.ops.shape.shapes import mean, reshape, sum_, transpose

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


def test_statistics_are_those_of_the_whole_value() -> None:
    graph = new_graph()
    x = graph.leaf(np.array([0.0, 1.0, 2.0, 5.0]))
    assert statistics(graph, [(x * 2).id]) == {1: Statistics(0, 4, 10, 0, 0, 0)}
    y, z = log(x), log(x - 1)
    found = statistics(graph, [y.id, z.id])
    assert found[y.id] == Statistics(-np.inf, -np.inf, np.log(5), 0, 0, 1)
    assert found[z.id][3:] == (1, 0, 1)
    assert np.isnan(found[z.id].mean)
    assert graph.stored[y.id] is None
