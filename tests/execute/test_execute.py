"""Values on demand, and replays of the same tape."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.errors import DtypeFault, LimitFault
from gradcli.execute import Replay, compute, new_graph
from gradcli.graph import Graph, Node
from gradcli.ops.pointwise.elementwise import bitwise_and, exp, floor, log, sin
from gradcli.ops.reduce.extrema import max_dim
from gradcli.ops.shape.shapes import detach, sum_


def leaf(graph: Graph, data: object, requires_grad: bool = True) -> Node:
    return graph.leaf(np.asarray(data), requires_grad)


def test_only_what_is_asked_for_is_computed() -> None:
    graph = new_graph()
    x = leaf(graph, 2.0)
    used, unused = x * 3, exp(x)
    compute(graph, [(used + 1).id])
    assert graph.values[used.id] == 6
    assert graph.stored[unused.id] is None


def test_a_value_is_computed_once() -> None:
    graph = new_graph()
    y = leaf(graph, [1.0, 2.0]) * 2
    assert y.value is y.value


def test_values_have_the_dtype_that_was_foretold() -> None:
    graph = new_graph()
    x = leaf(graph, np.ones(2, np.float32))
    whole = leaf(graph, [1, 2], False)
    for y in (x * 2.5, x + whole, whole / whole, whole * 2, x > 0, sum_(whole > 0), x + 1j):
        assert y.value.dtype == y.dtype
        assert y.value.shape == y.shape


def test_a_division_by_zero_is_a_value_and_no_warning() -> None:
    graph = new_graph()
    x = leaf(graph, [0.0, -1.0])
    assert (1 / x).value.tolist() == [np.inf, -1.0]
    assert np.isnan(log(x).value[1])


def test_a_dtype_that_an_operation_does_not_take_is_refused_in_words() -> None:
    graph = new_graph()
    with pytest.raises(DtypeFault, match="not implemented for 'ComplexDouble'"):
        _ = floor(leaf(graph, [1j])).value
    with pytest.raises(DtypeFault, match="not implemented for 'Double'"):
        _ = bitwise_and(leaf(graph, [1.0]), leaf(graph, [1.0])).value


def test_memory_that_there_is_not_is_an_error_of_the_file() -> None:
    graph = new_graph()
    x = leaf(graph, np.broadcast_to(np.float64(1), (1 << 20, 1 << 20, 1 << 10)), False)
    with pytest.raises(LimitFault):
        _ = (x + 1).value


def program(x: Node, w: Node) -> Node:
    values, _ = max_dim(x * w + sin(x), dim=0)
    total: Node = sum_(exp(values) / (1 + w * w))
    return total


@settings(max_examples=30, derandomize=True, deadline=None, database=None)
@given(data=st.lists(st.floats(-3, 3), min_size=6, max_size=6))
def test_a_replay_is_what_a_new_tape_gives(data: list[float]) -> None:
    graph = new_graph()
    x, w = leaf(graph, np.ones((2, 3))), leaf(graph, [0.5, -1.0, 2.0])
    replay = Replay(graph, [x.id], [program(x, w).id])
    moved = np.reshape(data, (2, 3))
    fresh = new_graph()
    expected = program(leaf(fresh, moved), leaf(fresh, w.value)).value
    assert replay.run({x.id: moved})[0].tobytes() == expected.tobytes()


def test_a_replay_leaves_the_graph_as_it_was() -> None:
    graph = new_graph()
    x = leaf(graph, 2.0)
    y = x * x
    replay = Replay(graph, [x.id], [y.id])
    assert replay.run({x.id: np.asarray(5.0)})[0] == 25
    assert y.value == 4
    assert x.value == 2


def test_a_replay_computes_only_what_depends_on_the_leaves() -> None:
    graph = new_graph()
    x, c = leaf(graph, 2.0), leaf(graph, 3.0)
    constant = exp(c)
    y = x * constant
    replay = Replay(graph, [x.id], [y.id, constant.id])
    assert replay.plan == [y.id]


def test_what_is_held_keeps_its_value() -> None:
    graph = new_graph()
    x = leaf(graph, 2.0)
    still = detach(x)
    y = x * still
    replay = Replay(graph, [x.id], [y.id], held=[still.id])
    assert replay.run({x.id: np.asarray(5.0)})[0] == 10
