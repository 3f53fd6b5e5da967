"""Both modes on hand-made graphs: the engine's order, accumulation, closed forms, refusals."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gradcli import autodiff
from gradcli.autodiff import matrices
from gradcli.errors import AutogradFault
from gradcli.execute import new_graph
from gradcli.graph import OUTPUT, Graph, Node
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.pointwise.elementwise import exp, floor, sin
from gradcli.ops.reduce.extrema import max_dim
from gradcli.ops.shape.shapes import sum_
from tests.reference.facts import chain

CHAIN = 100_000


def leaf(graph: Graph, data: object, requires_grad: bool = True) -> Node:
    return graph.leaf(np.asarray(data), requires_grad)


def grad_of(node: Node) -> Any:
    return node.graph.autograd.grads.get(node.id)


# ---- reverse mode --------------------------------------------------------------------------


def tutorial() -> tuple[Graph, dict[str, Node]]:
    """Return the linear regression of the tutorial: loss2_sum = sum((w·x + b - y)²)."""
    graph = new_graph()
    nodes = {"w": leaf(graph, 1.0), "b": leaf(graph, 1.0)}
    x, y = leaf(graph, [1.0, 2.0, 3.0], False), leaf(graph, [3.0, 5.0, 7.0], False)
    nodes["wx"] = nodes["w"] * x
    nodes["wx_b"] = nodes["wx"] + nodes["b"]
    nodes["loss"] = nodes["wx_b"] - y
    nodes["loss2"] = nodes["loss"] ** 2
    nodes["sum"] = sum_(nodes["loss2"])
    return graph, nodes


def test_backward_visits_nodes_in_the_order_of_pytorchs_engine() -> None:
    graph, nodes = tutorial()
    order = autodiff.reachable(graph, [nodes["sum"].id])
    names = [graph.grad_fn(id) or "AccumulateGrad" for id in order]
    assert [name for name in names if name != "AccumulateGrad"] == [
        "SumBackward0", "PowBackward0", "SubBackward0", "AddBackward0", "MulBackward0",
    ]  # fmt: skip
    assert [id for id in order if graph.is_leaf(id)] == [nodes["b"].id, nodes["w"].id]
    assert chain(graph, nodes["sum"].id) == [
        "SumBackward0",
        ["PowBackward0",
         ["SubBackward0",
          ["AddBackward0", ["MulBackward0", ["AccumulateGrad"], None], ["AccumulateGrad"]],
          None]],
    ]  # fmt: skip


def test_the_tutorials_gradients_are_the_tutorials() -> None:
    graph, nodes = tutorial()
    autodiff.backward(graph, nodes["sum"].id)
    residual = np.array([1.0, 2.0, 3.0]) + 1 - np.array([3.0, 5.0, 7.0])
    assert grad_of(nodes["w"]) == np.sum(2 * residual * [1, 2, 3])
    assert grad_of(nodes["b"]) == np.sum(2 * residual)
    assert set(graph.autograd.grads) == {nodes["w"].id, nodes["b"].id}


def test_what_retains_its_gradient_gets_one() -> None:
    graph, nodes = tutorial()
    graph.autograd.retained |= {nodes["loss"].id, nodes["sum"].id}
    autodiff.backward(graph, nodes["sum"].id)
    assert grad_of(nodes["sum"]) == 1
    np.testing.assert_allclose(grad_of(nodes["loss"]), 2 * nodes["loss"].value)
    assert grad_of(nodes["wx"]) is None


def test_gradients_add_up_over_several_passes() -> None:
    graph = new_graph()
    x = leaf(graph, 3.0)
    for expected in (6.0, 12.0, 18.0):
        autodiff.backward(graph, (x * x).id)
        assert grad_of(x) == expected


def test_a_second_pass_needs_its_saved_tensors() -> None:
    graph = new_graph()
    x = leaf(graph, 3.0)
    y, z = x * x, x + 1
    autodiff.backward(graph, y.id, retain_graph=True)
    autodiff.backward(graph, y.id)
    assert grad_of(x) == 12
    with pytest.raises(AutogradFault, match="Trying to backward through the graph a second time"):
        autodiff.backward(graph, y.id)
    for _ in range(2):  # a sum saves nothing
        autodiff.backward(graph, z.id)


def test_a_product_with_itself_has_both_of_its_gradients() -> None:
    graph = new_graph()
    x = leaf(graph, [2.0, -3.0])
    autodiff.backward(graph, sum_(x * x).id)
    assert grad_of(x).tolist() == [4, -6]


def test_broadcasting_is_undone() -> None:
    graph = new_graph()
    shapes = [(), (3,), (1, 3), (2, 1), (2, 3), (1, 1, 1)]
    operands = [leaf(graph, np.full(shape, 0.5)) for shape in shapes]
    total = operands[0]
    for x in operands[1:]:
        total = total * x
    autodiff.backward(graph, sum_(total).id)
    for x, shape in zip(operands, shapes, strict=True):
        assert grad_of(x).shape == shape
        # each element's gradient is the product of the other five, as often as it was repeated
        np.testing.assert_allclose(grad_of(x), 0.5**5 * 6 / max(math.prod(shape), 1))


def test_a_gradient_has_the_dtype_of_its_tensor() -> None:
    graph = new_graph()
    x, y = leaf(graph, np.ones(2, np.float32)), leaf(graph, np.ones(2))
    autodiff.backward(graph, sum_(x * y).id)
    assert (grad_of(x).dtype, grad_of(y).dtype) == (np.float32, np.float64)


def test_a_real_tensor_in_a_complex_product_has_a_real_gradient() -> None:
    graph = new_graph()
    x = leaf(graph, [1.0, 2.0])
    y = x * np.array([1j, 1 + 1j])
    found = autodiff.gradient_values(graph, {y.id: np.array([1.0 + 0j, 1.0j])}, [x.id])[0]
    assert found is not None
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, [0, 1])  # the real part of g · conj(c)


def test_a_chain_of_a_hundred_thousand_nodes_evaluates_and_differentiates_both_ways() -> None:
    graph = new_graph()
    x = leaf(graph, 0.5)
    y = x
    for _ in range(CHAIN):
        y = y * 1.00001
    slope = 1.00001**CHAIN
    np.testing.assert_allclose(y.value, 0.5 * slope, 1e-9)
    autodiff.backward(graph, y.id, retain_graph=True)
    np.testing.assert_allclose(grad_of(x), slope, 1e-9)
    pushed = autodiff.tangent_values(graph, [y.id], {x.id: np.ones(())})
    np.testing.assert_allclose(pushed[0], slope, 1e-9)


def test_one_of_several_results_takes_its_cotangent_back() -> None:
    graph = new_graph()
    x = leaf(graph, [[1.0, 3.0], [4.0, 2.0]])
    values, _ = max_dim(x, dim=1)
    assert graph.ops[values.id] is OUTPUT
    autodiff.backward(graph, sum_(values * np.array([10.0, 20.0])).id)
    assert grad_of(x).tolist() == [[0, 10], [20, 0]]


def test_nothing_flows_through_what_has_no_gradient() -> None:
    graph = new_graph()
    x, c = leaf(graph, 2.0), leaf(graph, 3.0, False)
    autodiff.backward(graph, (x * c + floor(x)).id)
    assert grad_of(x) == 3
    assert grad_of(c) is None


def test_a_rule_runs_only_where_its_gradient_is_needed() -> None:
    graph = new_graph()
    x = leaf(graph, -2.0)
    y = x ** leaf(graph, 3.0, False)  # the other rule takes the log of -2
    autodiff.backward(graph, y.id)
    assert grad_of(x) == 12


def test_only_the_inputs_that_are_asked_for_get_a_gradient() -> None:
    graph = new_graph()
    x, y = leaf(graph, 2.0), leaf(graph, 3.0)
    autodiff.backward(graph, (x * y).id, inputs=[y.id])
    assert grad_of(y) == 2
    assert grad_of(x) is None


def test_an_unused_input_has_no_gradient() -> None:
    graph = new_graph()
    x, unused = leaf(graph, 2.0), leaf(graph, 1.0)
    y = x * x
    assert autodiff.gradient_values(graph, {y.id: np.ones(())}, [unused.id]) == [None]
    assert autodiff.gradients(graph, {y.id: graph.leaf(np.ones(()))}, [unused.id]) == [None]


REFUSED: dict[str, Callable[[Graph], tuple[Node, Any]]] = {
    "does not require grad and does not have a grad_fn": (
        lambda graph: (leaf(graph, 1.0, False) * 2, None)),
    "grad can be implicitly created only for scalar outputs": (
        lambda graph: (leaf(graph, [1.0, 2.0]) * 2, None)),
    "only for real scalar outputs but got torch.complex128": (
        lambda graph: (leaf(graph, 1j) * 2, None)),
    r"torch.Size\(\[3\]\) and output\[0\] has a shape of torch.Size\(\[2\]\)": (
        lambda graph: (leaf(graph, [1.0, 2.0]) * 2, np.ones(3))),
}  # fmt: skip


@pytest.mark.parametrize("message", REFUSED)
def test_backward_is_refused_in_pytorchs_words(message: str) -> None:
    graph = new_graph()
    root, cotangent = REFUSED[message](graph)
    with pytest.raises(AutogradFault, match=message):
        autodiff.backward(graph, root.id, cotangent)


# ---- orders --------------------------------------------------------------------------------

POINTS = [-1.7, -0.3, 0.4, 2.0]
# a function, and its derivatives by hand
TOWERS: dict[str, tuple[Callable[[Node], Node], list[Callable[[float], float]]]] = {
    "x⁴": (lambda x: x**4, [lambda x: 4 * x**3, lambda x: 12 * x**2, lambda x: 24 * x]),
    "x·x·x·x": (
        lambda x: x * x * x * x, [lambda x: 4 * x**3, lambda x: 12 * x**2, lambda x: 24 * x]),
    "sin x": (sin, [math.cos, lambda x: -math.sin(x), lambda x: -math.cos(x)]),
    "exp 2x": (lambda x: exp(2 * x), [
        lambda x: 2 * math.exp(2 * x), lambda x: 4 * math.exp(2 * x),
        lambda x: 8 * math.exp(2 * x)]),
    "1 / x": (lambda x: 1 / x, [lambda x: -1 / x**2, lambda x: 2 / x**3, lambda x: -6 / x**4]),
}  # fmt: skip


@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("name", TOWERS)
def test_gradients_of_gradients_are_the_closed_forms_to_third_order(name: str, at: float) -> None:
    function, derivatives = TOWERS[name]
    graph = new_graph()
    x = leaf(graph, at)
    y = function(x)
    for derivative in derivatives:
        found = autodiff.gradients(graph, {y.id: graph.leaf(np.ones(()))}, [x.id])[0]
        assert found is not None
        np.testing.assert_allclose(found.value, derivative(at), 1e-12)
        y = found


@pytest.mark.parametrize("at", POINTS)
@pytest.mark.parametrize("name", TOWERS)
def test_tangents_of_tangents_are_the_closed_forms_to_third_order(name: str, at: float) -> None:
    function, derivatives = TOWERS[name]
    graph = new_graph()
    x = leaf(graph, at)
    y = function(x)
    for derivative in derivatives:
        y = autodiff.tangent(graph, [y.id], {x.id: graph.leaf(np.ones(()))})[0]
        np.testing.assert_allclose(y.value, derivative(at), 1e-12)


def test_a_gradient_as_a_graph_requires_a_gradient_where_it_depends_on_its_input() -> None:
    graph = new_graph()
    x = leaf(graph, 2.0)
    one = graph.leaf(np.ones(()))
    slope = autodiff.gradients(graph, {(3 * x).id: one}, [x.id])[0]
    curve = autodiff.gradients(graph, {(x * x).id: one}, [x.id])[0]
    assert slope is not None
    assert curve is not None
    assert not slope.requires_grad
    assert curve.requires_grad


# ---- forward mode, matrices ----------------------------------------------------------------


def test_a_tangent_is_the_jacobian_times_the_direction() -> None:
    graph = new_graph()
    matrix = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    x = leaf(graph, [1.0, -1.0, 0.5])
    y = matmul(graph.leaf(matrix), x)
    direction = np.array([0.2, 0.3, -1.0])
    assert np.allclose(autodiff.tangent_values(graph, [y.id], {x.id: direction})[0],
                       matrix @ direction)  # fmt: skip


def test_what_does_not_move_has_a_tangent_of_zero() -> None:
    graph = new_graph()
    x, c = leaf(graph, [1.0, 2.0]), leaf(graph, [3.0])
    y = exp(c)
    assert autodiff.tangent_values(graph, [y.id], {x.id: np.ones(2)})[0].tolist() == [0]
    assert autodiff.tangent(graph, [y.id], {x.id: graph.leaf(np.ones(2))}) == [None]


def test_a_jacobian_has_a_row_for_each_element_of_the_result() -> None:
    graph = new_graph()
    x = leaf(graph, [1.0, 2.0])
    found = matrices.jacobian(x**2 * np.array([[1.0], [10.0]]), x)
    assert found.shape == (2, 2, 2)
    assert found.value.tolist() == [[[2, 0], [0, 4]], [[20, 0], [0, 40]]]


def test_the_hessian_of_a_product_is_symmetric_and_known() -> None:
    graph = new_graph()
    x = leaf(graph, [2.0, 3.0])
    y = sum_(x**2) ** 2
    slope = autodiff.gradients(graph, {y.id: graph.leaf(np.ones(()))}, [x.id])[0]
    assert slope is not None
    # y = |x|⁴: the Hessian is 4|x|²·I + 8·x·xᵀ
    expected = 4 * 13 * np.eye(2) + 8 * np.outer([2, 3], [2, 3])
    np.testing.assert_allclose(matrices.jacobian(slope, x).value, expected)


def test_the_jacobian_of_what_does_not_depend_on_it_is_zero() -> None:
    graph = new_graph()
    x, c = leaf(graph, [1.0, 2.0]), leaf(graph, [3.0])
    assert matrices.jacobian(exp(c), x).value.tolist() == [[0, 0]]
    assert matrices.jacobian(detached(c), x).value.tolist() == [[0, 0]]


def detached(x: Node) -> Node:
    return x.graph.leaf(x.value)


def test_what_is_differentiated_is_kept_beside_the_rows_that_it_made() -> None:
    graph = new_graph()
    x = leaf(graph, [2.0, 3.0])
    y = sum_(x * x)
    one, first = graph.leaf(np.ones(())), len(graph)
    slope = autodiff.gradients(graph, {y.id: one}, [x.id])[0]
    assert slope is not None
    step = graph.autograd.steps[-1]
    assert (step.mode, step.given, step.wanted) == ("reverse", {y.id: one.id}, (x.id,))
    assert (step.found, step.first) == ((slope.id,), first)
    assert set(step.rows) == {x.id, x.id + 1, y.id}
    along = autodiff.tangent(graph, [y.id], {x.id: graph.leaf(np.ones(2))})[0]
    assert (graph.autograd.steps[-1].mode, graph.autograd.steps[-1].found) == (
        "forward",
        (along.id,),
    )
