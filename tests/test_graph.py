"""The tape: what a node is, which of them are leaves, and what it links to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcli.autodiff import reachable
from gradcli.errors import ArgumentFault, DtypeFault, LimitFault, ShapeFault
from gradcli.execute import new_graph
from gradcli.graph import OUTPUT, WINDOW, Graph, Limits, Node
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.pointwise.elementwise import add, eq, exp, floor, gt, mul, pow_, relu, where
from gradcli.ops.pointwise.scalars import mul_number
from gradcli.ops.reduce.extrema import max_dim
from gradcli.ops.shape.shapes import clone, detach, sum_, transpose
from gradcli.rule.dtypes import FLOAT32


def leaf(graph: Graph, data: object, requires_grad: bool = True) -> Node:
    return graph.leaf(np.asarray(data), requires_grad)


def test_a_result_of_a_parameter_requires_a_gradient_and_is_no_leaf() -> None:
    graph = new_graph()
    x = leaf(graph, [1.0, 2.0])
    y = mul(x, x)
    assert y.requires_grad
    assert not graph.is_leaf(y.id)
    assert graph.is_leaf(x.id)
    assert (graph.grad_fn(x.id), graph.grad_fn(y.id)) == (None, "MulBackward0")


def test_a_product_with_itself_keeps_two_edges() -> None:
    graph = new_graph()
    x = leaf(graph, 3.0)
    y = x * x
    assert graph.inputs[y.id] == (x.id, x.id)
    assert graph.edges(y.id) == (x.id, x.id)


def test_a_result_that_needs_no_gradient_is_a_leaf_without_grad_fn() -> None:
    graph = new_graph()
    x, c = leaf(graph, [1.0, -2.0]), leaf(graph, [1.0, 2.0], False)
    for y in (c + c, gt(x, c), eq(x, 1), detach(x), exp(c)):
        assert graph.is_leaf(y.id)
        assert not y.requires_grad
        assert graph.grad_fn(y.id) is None


def test_a_step_function_has_a_gradient_of_zero_and_so_a_grad_fn() -> None:
    graph = new_graph()
    assert graph.grad_fn(floor(leaf(graph, 1.5)).id) == "FloorBackward0"


def test_no_gradient_is_recorded_where_it_is_switched_off() -> None:
    graph = new_graph()
    x = leaf(graph, 2.0)
    with graph.settings("file", False):
        y = x * x
    assert graph.is_leaf(y.id)
    assert (x * x).requires_grad


def test_edges_are_none_where_an_operand_needs_no_gradient() -> None:
    graph = new_graph()
    x, c = leaf(graph, [1.0, -2.0]), leaf(graph, [1.0, 2.0], False)
    assert graph.edges((x + c).id) == (x.id, None)
    assert graph.edges((x + 2).id) == (x.id, None)
    assert graph.edges((x**2).id) == (x.id,)


def test_one_of_several_results_leads_to_the_operation_that_made_them() -> None:
    graph = new_graph()
    values, indices = max_dim(leaf(graph, [[1.0, 3.0], [4.0, 2.0]]), dim=1)
    assert graph.ops[values.id] is graph.ops[indices.id] is OUTPUT
    assert graph.grad_fn(values.id) == "MaxBackward0"
    assert graph.producer(values.id) == graph.producer(indices.id) == values.id - 1
    assert graph.is_tuple(graph.producer(values.id))
    assert values.requires_grad
    assert not indices.requires_grad
    assert graph.is_leaf(indices.id)
    assert indices.value.tolist() == [1, 0]


def test_parents_come_before_their_children() -> None:
    graph = new_graph()
    x = leaf(graph, np.ones((2, 2)))
    y = sum_(relu(matmul(x, transpose(x, dim0=0, dim1=1))) + clone(x) ** 3)
    assert all(i < id for id in range(len(graph)) for i in graph.inputs[id])
    assert y.id == len(graph) - 1


def test_shape_and_dtype_are_known_and_nothing_is_computed() -> None:
    graph = new_graph()
    y = leaf(graph, np.ones((2, 1))) * leaf(graph, np.ones(3, np.float32))
    assert (y.shape, y.dtype.name) == ((2, 3), "float64")
    assert graph.stored[y.id] is None
    assert y.value.tolist() == [[1, 1, 1], [1, 1, 1]]
    assert graph.stored[y.id] is not None


def test_a_python_number_is_no_node() -> None:
    graph = new_graph()
    x = leaf(graph, 2.0)
    before = len(graph)
    y = 3 * x
    assert len(graph) == before + 1
    assert graph.operands(y.id)[1] == 3


def test_shapes_that_do_not_fit_are_refused_when_the_node_is_made() -> None:
    graph = new_graph()
    with pytest.raises(ShapeFault, match=r"must match the size of tensor b \(3\)"):
        add(leaf(graph, [1.0, 2.0]), leaf(graph, [1.0, 2.0, 3.0]))
    with pytest.raises(ShapeFault, match="mat1 and mat2 shapes cannot be multiplied"):
        matmul(leaf(graph, np.ones((2, 3))), leaf(graph, np.ones((2, 3))))
    with pytest.raises(DtypeFault, match="same dtype"):
        matmul(leaf(graph, np.ones((2, 2))), leaf(graph, np.ones((2, 2), np.float32)))


def test_an_integer_tensor_cannot_be_a_parameter() -> None:
    graph = new_graph()
    with pytest.raises(ArgumentFault, match="Only Tensors of floating point and complex dtype"):
        leaf(graph, [1, 2])
    with pytest.raises(ArgumentFault, match="Only Tensors of floating point and complex dtype"):
        graph.require_grad(leaf(graph, [1, 2], False).id)


def test_a_constant_result_that_is_made_a_parameter_forgets_what_it_came_from() -> None:
    graph = new_graph()
    y = exp(leaf(graph, 0.0, False))
    graph.require_grad(y.id)
    assert graph.is_leaf(y.id)
    assert y.requires_grad
    assert graph.inputs[y.id] == ()
    assert y.value == 1


def test_operators_by_name_and_by_sign_are_the_same_operation() -> None:
    graph = new_graph()
    x = leaf(graph, 2.0)
    pairs = [(x + x, add(x, x)), (x * 2, mul(x, 2)), (x**2, pow_(x, 2)), (x > 1, gt(x, 1))]
    for a, b in pairs:
        assert graph.ops[a.id] is graph.ops[b.id]
        assert a.value == b.value


def test_arrays_among_operands_become_constants() -> None:
    graph = new_graph()
    x = leaf(graph, [1.0, 2.0])
    y = where(np.array([True, False]), x, np.array([5.0, 6.0]))
    assert y.value.tolist() == [1, 6]
    assert graph.edges(y.id) == (x.id, None)


# calls that Python's equality takes for the same, and what tells their results apart
LOOKALIKES: dict[str, tuple[Any, Callable[[Any], tuple[Any, ...]], tuple[Any, ...]]] = {
    "a whole exponent and a float": ([2, 3], lambda x: (x**2, x**2.0), ("int64", "float64")),
    "a truth and a whole number": ([True], lambda x: (x * True, x * 1), ("bool", "int64")),
    "0 and -0": (1.0, lambda x: (mul_number(x, other=0.0), mul_number(x, other=-0.0)), (0, 1)),
    "1 and 1.0": ([1, 2], lambda x: (x + 1, x + 1.0), ("int64", "float64")),
}


@pytest.mark.parametrize("case", LOOKALIKES)
def test_what_is_remembered_of_a_call_is_not_taken_for_another(case: str) -> None:
    data, calls, expected = LOOKALIKES[case]
    graph = new_graph()
    for _ in range(2):
        results = calls(leaf(graph, data, False))
        facts = [y.dtype.name for y in results]
        if case == "0 and -0":
            facts = [int(np.signbit(y.value)) for y in results]
        assert tuple(facts) == expected


def test_another_default_dtype_changes_calls_that_were_made_before() -> None:
    graph = new_graph()
    x = leaf(graph, [1, 2], False)
    assert (x * 0.5).dtype.name == "float64"
    graph.default_dtype = FLOAT32
    assert (x * 0.5).dtype.name == "float32"


def test_limits_hold_for_calls_that_are_remembered() -> None:
    graph = new_graph(limits=Limits(nodes=10))
    y = leaf(graph, 1.0)
    for _ in range(9):
        y = y * 2
    with pytest.raises(LimitFault, match="more than 10 nodes"):
        _ = y * 2
    assert len(graph) == 10
    graph = new_graph(limits=Limits(memory=8 * 10))
    y = leaf(graph, 1.0)
    for _ in range(9):
        y = y * 2
    with pytest.raises(LimitFault, match="more than the limit of 80 bytes"):
        _ = y * 2
    assert graph.bytes == 80


def test_work_is_counted_for_each_call_that_is_remembered() -> None:
    graph = new_graph()
    x = leaf(graph, np.ones(100_000))
    steps = []
    for _ in range(3):
        _ = x * x
        steps.append(graph.steps)
    assert steps[0] > 0
    assert steps == [steps[0], 2 * steps[0], 3 * steps[0]]


def test_a_number_too_large_beside_tensors_is_refused_each_time() -> None:
    graph = new_graph()
    x = leaf(graph, 1.0)
    _ = x * 3
    for _ in range(2):
        with pytest.raises(ArgumentFault, match="too large: an integer has 64 bits"):
            _ = x * (1 << 70)


def test_the_way_back_is_found_over_any_distance() -> None:
    graph = new_graph()
    x, w = leaf(graph, 1.0), leaf(graph, 2.0)
    far = w * 3
    y = x
    for _ in range(3 * WINDOW):
        y = y * 1.0
        _ = far * 2  # off the way
    y = y * far
    order = reachable(graph, (y.id,))
    assert order == sorted(order, reverse=True)
    assert len(order) == 3 * WINDOW + 4
    assert order[-3:] == [far.id, w.id, x.id]


def test_a_truth_of_numpy_makes_a_parameter_too() -> None:
    graph = new_graph()
    x = graph.leaf(np.array(2.0), np.bool_(True))  # type: ignore[arg-type]
    assert reachable(graph, ((x * 3).id,)) == [1, 0]
