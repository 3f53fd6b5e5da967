"""Numbers as Python floats, beside the plain executor: it is the reference."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np
import pytest

from gradcli.autodiff import backward, gradient_values, pull, reachable
from gradcli.execute import Replay, compute, evaluate, new_graph, plain
from gradcli.execute.scalars import bound
from gradcli.graph import Graph, Node
from gradcli.ops.linalg.invariants import slogdet
from gradcli.ops.pointwise.elementwise import exp, log, sin, sqrt, tanh
from gradcli.ops.pointwise.scalars import mul_number
from gradcli.ops.reduce.extrema import max_dim
from gradcli.ops.shape.shapes import sum_
from gradcli.ops.table import every_row
from gradcli.rule.rule import Primitive
from gradcli.rule.signature import REQUIRED

NAN, INF = float("nan"), float("inf")
EDGES = (
    NAN, INF, -INF, 0.0, -0.0, 5e-324, -5e-324, 1e-310, 1.0, -1.0, 0.5, -0.5, 2.0, 3.0, -3.0,
    1e300, -1e300, 710.0, -745.2, 1e-17, 20.0, -20.0,
)  # fmt: skip
# of rows whose attributes cannot be their defaults, or that have more than one way through them
ATTRIBUTES: dict[str, list[dict[str, Any]]] = {
    "add": [{"alpha": 1}, {"alpha": 2.5}],
    "sub": [{"alpha": 1}, {"alpha": -3}],
    "pow.Tensor_Scalar": [{"exponent": k} for k in (2, 3.0, -1, 0.5, -0.5, 0, 2.5)],
    "pow.Scalar": [{"base": k} for k in (2, 0.5, 0, -1.5)],
    "clamp.Scalar": [{"min": -0.5, "max": 2}, {"min": None, "max": 1.5}, {"min": 0, "max": None}],
    "mul.Scalar": [{"other": k} for k in (2, -0.0, 1e300)],
}
# rows of one step that Python has, too: the same bits
EXACT = {"add", "sub", "mul", "div.Tensor", "neg", "abs", "reciprocal", "sqrt", "add.Scalar",
         "sub.Scalar", "mul.Scalar", "div.Scalar", "rsub.Scalar", "rsub.Tensor"}  # fmt: skip


def attributes(row: Primitive) -> list[dict[str, Any]]:
    known = ATTRIBUTES.get(row.name)
    return known or [
        {name: 2.5 if default is REQUIRED else default
         for name, _, default in row.signature.attributes}
    ]  # fmt: skip


def has_form(row: Primitive) -> bool:
    count = len(row.signature.tensors)
    return row.is_remembered and any(bound(row, a, count).forward for a in attributes(row))


TAKEN = {row.name: row for row in every_row() if isinstance(row, Primitive) and has_form(row)}


def leaf(graph: Graph, data: object, requires_grad: bool = True) -> Node:
    return graph.leaf(np.asarray(data), requires_grad)


def points(count: int) -> list[tuple[float, ...]]:
    draw = np.random.default_rng(5)
    near = [tuple(p.tolist()) for s in (0.3, 1, 6) for p in draw.normal(size=(20, count)) * s]
    if count == 1:
        return [*((x,) for x in EDGES), *near]
    if count == 2:
        return [*product(EDGES[:6], EDGES), *product(EDGES[6:14], repeat=2), *near]
    return [*(tuple(draw.choice(EDGES, count).tolist()) for _ in range(300)), *near]


def units(a: float, b: float) -> float:
    """Return the difference of two floats in units in the last place."""
    if a == b or (a != a and b != b):
        return 0.0
    return abs(a - b) / float(np.spacing(max(abs(a), abs(b)))) if np.isfinite([a, b]).all() else INF


def test_the_operations_of_most_formulas_are_among_those_that_floats_take() -> None:
    expected = """add sub mul div.Tensor neg reciprocal pow.Tensor_Scalar pow.Tensor_Tensor sqrt exp
        log sin cos tan tanh sigmoid relu abs maximum minimum clamp.Scalar softplus silu"""
    assert set(expected.split()) <= set(TAKEN)


@pytest.mark.parametrize("name", TAKEN)
def test_values_and_gradients_are_those_of_the_plain_executor(name: str) -> None:
    row = TAKEN[name]
    allowed = 0 if name in EXACT else 1 if isinstance(row.forward, np.ufunc) else 4
    for attrs, at in product(attributes(row), points(len(row.signature.tensors))):
        graph = new_graph()
        operands = [leaf(graph, x) for x in at]
        y = row(*operands, **attrs)
        with np.errstate(all="ignore"):
            reference = float(evaluate(graph, y.id, graph.values))
        found = float(y.value)
        assert units(found, reference) <= allowed, f"{attrs} at {at}: {found!r}, {reference!r}"
        if name in EXACT and found == 0:
            assert np.signbit(found) == np.signbit(reference), f"{attrs} at {at}"
        if y.requires_grad:
            g, ids = np.array(0.7), [x.id for x in operands]
            with np.errstate(all="ignore"):
                order = reachable(graph, (y.id,))
                by_numpy = pull(graph, {y.id: g}, order, graph.values.__getitem__)
            for id, gradient in zip(ids, gradient_values(graph, {y.id: g}, ids), strict=True):
                expected = by_numpy.get(id)
                assert (gradient is None) == (expected is None)
                np.testing.assert_allclose(
                    NAN if gradient is None else gradient, NAN if expected is None else expected,
                    rtol=1e-13, atol=0, err_msg=f"{attrs} at {at}",
                )  # fmt: skip


def mixed(x: Node, nodes: int) -> Node:
    y = x
    for _ in range(nodes // 10):
        a = y * 1.0000001
        b = a + x
        y = tanh(exp(sin((b - 0.5) / 1.5) * b) ** 2 - a)
    return y


def test_a_long_chain_is_floats_and_numpy_computes_none_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    graph = new_graph()
    y = mixed(leaf(graph, 0.3), 10_000)
    monkeypatch.delattr(plain, "apply")
    backward(graph, y.id)
    assert {type(value) for value in graph.stored} == {float}


def test_a_long_chain_has_one_meta_and_few_bytes_a_node() -> None:
    def run(nodes: int) -> Graph:
        graph = new_graph()
        x = leaf(graph, 0.3)
        backward(graph, mixed(x, nodes).id)
        return graph

    run(100)  # what the first run makes for all
    gc.collect()
    tracemalloc.start()
    before, _ = tracemalloc.get_traced_memory()
    graph = run(10_000)
    gc.collect()
    after, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (after - before) / len(graph) <= 250
    assert len({id(meta) for meta in graph.metas}) == 1
    assert len({id(attrs) for attrs in graph.attrs}) <= 10  # one for each kind of call
    assert len(graph.scalars) <= 10


# what Python refuses or answers with an error, and what numpy has there
REFUSED: dict[str, tuple[Callable[[Any], Any], float, float, float]] = {
    "log of 0": (lambda x: log(x), 0.0, -INF, INF),
    "log of a negative number": (lambda x: log(x), -1.0, NAN, -1.0),
    "root of a negative number": (lambda x: sqrt(x), -1.0, NAN, NAN),
    "exp that overflows": (lambda x: exp(x), 1000.0, INF, INF),
    "1 / 0": (lambda x: 1 / x, 0.0, INF, -INF),
    "1 / -0": (lambda x: 1 / x, -0.0, -INF, -INF),
    "sine of infinity": (lambda x: sin(x), INF, NAN, NAN),
    "0 ** -1": (lambda x: x**-1, 0.0, INF, -INF),
    "a root by a power of -inf": (lambda x: x**1.5, -INF, INF, NAN),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_python_refuses_has_the_value_that_numpy_gives(case: str) -> None:
    function, at, value, gradient = REFUSED[case]
    graph = new_graph()
    x = leaf(graph, at)
    y = function(x)
    backward(graph, y.id)
    np.testing.assert_equal(float(y.value), value)
    np.testing.assert_equal(float(graph.autograd.grads[x.id]), gradient)


def test_numbers_of_other_dtypes_stay_what_they_are() -> None:
    graph = new_graph()
    x = leaf(graph, np.float32(0.1))
    whole = leaf(graph, 3, False)
    for y, expected in (
        (x * x + 0.7, np.float32(0.1) * np.float32(0.1) + np.float32(0.7)),
        (whole * 2, np.int64(6)),
        (x > 0, np.bool_(True)),
    ):
        assert y.value.dtype == y.dtype == expected.dtype
        assert y.value == expected


def test_a_number_among_vectors_and_sums_has_the_same_gradient() -> None:
    graph = new_graph()
    w, v = leaf(graph, 0.5), leaf(graph, [1.0, 2.0, 3.0])
    y = sin(w) * sum_(v * exp(w)) + w**3
    backward(graph, y.id)
    s, e = np.sin(0.5), np.exp(0.5)
    np.testing.assert_allclose(y.value, s * 6 * e + 0.125, rtol=1e-15)
    np.testing.assert_allclose(
        graph.autograd.grads[w.id], 6 * e * (s + np.cos(0.5)) + 0.75, rtol=1e-15
    )
    np.testing.assert_allclose(graph.autograd.grads[v.id], np.full(3, s * e), rtol=1e-15)


def test_a_replay_with_the_same_numbers_gives_the_same_bits() -> None:
    graph = new_graph()
    x = leaf(graph, 0.3)
    y = mixed(x, 50)
    compute(graph, (y.id,))
    replay = Replay(graph, [x.id], [y.id])
    assert replay.run({x.id: np.array(0.3)})[0].tobytes() == y.value.tobytes()
    fresh = new_graph()
    other = mixed(leaf(fresh, 0.7), 50)
    assert replay.run({x.id: np.array(0.7)})[0].tobytes() == other.value.tobytes()


def test_a_row_is_compiled_once_for_all_numbers_unless_it_asks_for_them() -> None:
    forms = {bound(mul_number, {"other": k}, 1)._form for k in (0, 2.0, 3.5, -1)}
    assert len(forms) == 1
    for exponent, expected in ((0, 0.0), (2.0, 6.0), (3, 27.0)):
        graph = new_graph()
        x = leaf(graph, 3.0)
        backward(graph, (x**exponent).id)
        assert graph.autograd.grads[x.id] == expected


def test_what_floats_pass_to_one_of_several_results_is_an_array() -> None:
    """By hand: the derivative of log|det A| is the inverse's transpose, that of max is a mask."""
    graph = new_graph()
    a = graph.leaf(np.array([[2.0, 1.0], [1.0, 3.0]]), True)
    s = graph.leaf(np.array(0.5), True)
    backward(graph, (slogdet(a)[1] * sin(s)).id)
    inverse = np.array([[3.0, -1.0], [-1.0, 2.0]]) / 5
    np.testing.assert_allclose(graph.autograd.grads[a.id], inverse * np.sin(0.5))
    v = graph.leaf(np.array([1.0, 4.0]), True)
    backward(graph, (max_dim(v, dim=0)[0] * s * s).id)
    np.testing.assert_allclose(graph.autograd.grads[v.id], [0, 0.25])
