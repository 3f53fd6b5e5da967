"""Jacobians and Hessians: values, histories, and how much is recorded for them."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli import autodiff
from gradcli.autodiff import batched, matrices
from gradcli.autodiff.batched import Batch, PerSlice
from gradcli.autodiff.colouring import coloured, compressed
from gradcli.autodiff.reverse import traced
from gradcli.autodiff.sparsity import pattern
from gradcli.errors import LimitFault
from gradcli.execute import new_graph
from gradcli.graph import Graph, Limits, Node
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.pointwise.elementwise import exp, relu, sin, tanh
from gradcli.ops.reduce.reductions import logsumexp
from gradcli.ops.reduce.scans import cumsum
from gradcli.ops.reduce.sorting import sort_unstable
from gradcli.ops.shape.indexing import index, slice_
from gradcli.ops.shape.layout import roll_
from gradcli.ops.shape.shapes import cat, detach, mean, reshape, stack, sum_, t
from gradcli.rule.dtypes import Array
from tests.ops.cases import builder, cases
from tests.ops.checks import Built, gradient_of

LARGEST = 1500  # elements of a matrix that is compared element by element
SAME = 1e-13  # sums may add up in another order
ALL = {str(case): case for case in cases()}
FIRST = {case.row.name: name for name, case in reversed(ALL.items())}.values()  # one of each row
CALLS = sorted({*FIRST, *(name for name in ALL if crc32(name.encode()) % 5 == 0)})
RNG = np.random.default_rng(0)
A = RNG.normal(size=(6, 12))


def element_by_element(y: Node, x: Node) -> Array:
    """Return dy/dx by a backward pass for each element of y, on arrays."""
    rows = []
    for place in np.ndindex(y.shape):
        unit = np.zeros(y.shape, y.dtype)
        unit[place] = 1
        (row,) = autodiff.gradient_values(y.graph, {y.id: unit}, [x.id])
        rows.append(np.zeros(x.shape, x.dtype) if row is None else row)
    return np.array(rows, x.dtype).reshape((*y.shape, *x.shape))


def assert_same(found: Array, known: Array) -> None:
    assert found.shape == known.shape
    assert found.dtype == known.dtype
    single = known.dtype in (np.float32, np.complex64)
    scale = np.abs(known[np.isfinite(known)]).max(initial=1e-3)
    tolerance = SAME * 1e9 if single else SAME
    np.testing.assert_allclose(found, known, tolerance, tolerance * scale, equal_nan=True)


# ---- every row -----------------------------------------------------------------------------


def pairs(call: Built) -> list[tuple[Node, Node, list[int]]]:
    """Return results, inputs, and the rows between, where there are any."""
    found = []
    for y in call.outputs:
        for x in call.inputs:
            order = autodiff.towards(call.graph, autodiff.reachable(call.graph, (y.id,)), (x.id,))
            if x.id in order and 0 < prod(y.shape) * prod(x.shape) <= LARGEST:
                found.append((y, x, order))
    return found


def pulled_together(y: Node, x: Node, order: list[int]) -> Array:
    """Return dy/dx by all cotangents at once, whatever `jacobian` would choose."""
    graph, m = y.graph, prod(y.shape)
    batch = Batch(graph, m)
    units = graph.leaf(np.eye(m, dtype=y.dtype).reshape(m, *y.shape))
    found = autodiff.pull(
        graph, {y.id: batch.leading(units)}, order, lambda i: batch.lifted(traced(graph, i))
    ).get(x.id)  # fmt: skip
    if found is None:  # no gradient flows through the slots between
        return np.zeros((*y.shape, *x.shape), x.dtype)
    return np.asarray(batch.lowered(found).value).reshape((*y.shape, *x.shape))


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CALLS)
def test_a_row_gives_the_same_for_many_cotangents_at_once(name: str) -> None:
    build, values = builder(ALL[name])
    call = build(values)
    for built in (call, gradient_of(call).built):
        for y, x, order in pairs(built):
            known = element_by_element(y, x)
            with built.graph.settings("gradient", True):
                assert_same(pulled_together(y, x, order), known)
                assert_same(np.asarray(matrices.jacobian(y, x).value), known)
            found = pattern(built.graph, y.id, x.id, order[::-1])
            if found is not None:
                outside = np.ones((prod(y.shape), prod(x.shape)), bool)
                outside[found] = False
                assert not known.reshape(outside.shape)[outside].any()


def test_a_row_without_a_way_is_recorded_slice_by_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batched, "_plan", lambda *_: None)
    for name in list(ALL)[::40]:
        build, values = builder(ALL[name])
        call = build(values)
        for y, x, order in pairs(call):
            with call.graph.settings("gradient", True):
                assert_same(pulled_together(y, x, order), element_by_element(y, x))


def test_what_looks_at_one_cotangent_is_differentiated_row_by_row(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: Any) -> Any:
        raise PerSlice

    monkeypatch.setattr(Batch, "record", refuse)
    x = leaf(np.linspace(-1, 1, 9))
    y = sin(x) * sum_(x)
    assert_same(np.asarray(matrices.jacobian(y, x).value), element_by_element(y, x))


def test_a_number_of_points_tells_axes_apart() -> None:
    """A shift by as many as there are points, or a size that is theirs, would look right anyway."""
    x = leaf(np.arange(12.0).reshape(3, 4))
    for dim, shift in ((0, 3), (1, 4), (0, 6), (1, 2)):
        y = roll_(x * x, shifts=(shift,), dims=(dim,))
        order = autodiff.reachable(x.graph, (y.id,))
        assert_same(pulled_together(y, x, order), element_by_element(y, x))


# ---- functions -----------------------------------------------------------------------------


def leaf(values: Any, limits: Limits | None = None) -> Node:
    return new_graph(limits=limits).leaf(np.asarray(values, np.float64), True)


def gradient(y: Node, x: Node) -> Node:
    one = y.graph.leaf(np.ones(y.shape, y.dtype))
    (found,) = autodiff.gradients(y.graph, {y.id: one}, [x.id])
    assert found is not None
    return found


def hessian(function: Callable[[Node], Node], x: Node) -> Node:
    return matrices.jacobian(gradient(function(x), x), x)


def rosenbrock(x: Node) -> Node:
    n = x.shape[0]
    a, b = slice_(x, dim=0, start=1), slice_(x, dim=0, end=n - 1)
    found: Node = sum_(100 * (a - b**2) ** 2 + (1 - b) ** 2)
    return found


def rosenbrocks_hessian(x: Array) -> Array:
    found, i = np.zeros((x.size, x.size)), np.arange(x.size - 1)
    found[i, i] += 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
    found[i + 1, i + 1] += 200
    found[i, i + 1] = found[i + 1, i] = -400 * x[:-1]
    return found


@pytest.mark.parametrize("n", [2, 3, 10, 100, 1000])
def test_rosenbrocks_hessian_is_its_closed_form(n: int) -> None:
    x = np.linspace(-1, 1, n)
    np.testing.assert_allclose(hessian(rosenbrock, leaf(x)).value, rosenbrocks_hessian(x))


def test_as_many_rows_are_recorded_for_large_hessians_as_for_small_ones() -> None:
    counts = {len(hessian(rosenbrock, leaf(np.linspace(-1, 1, n))).graph) for n in (10, 100, 1000)}
    assert len(counts) == 1


def products_of(function: Callable[[Node], Node], n: int) -> int:
    """Return how many products hold a Hessian; n where it is not compressed."""
    x = leaf(np.linspace(-1, 1, n))
    g = gradient(function(x), x)
    order = autodiff.towards(x.graph, autodiff.reachable(x.graph, (g.id,)), (x.id,))
    found = compressed(x.graph, g.id, x.id, order[::-1], ahead=True)
    return n if found is None else len(found.seeds)


def grid(x: Node) -> Node:
    """Return the energy of a square grid, whose Hessian has five diagonals."""
    n = int(np.sqrt(x.shape[0]))
    u = reshape(x, (n, n))
    down = slice_(u, dim=0, start=1) - slice_(u, dim=0, end=n - 1)
    right = slice_(u, dim=1, start=1) - slice_(u, dim=1, end=n - 1)
    energy: Node = sum_(down**4) + sum_(right**4)
    return energy


SPARSE: dict[str, tuple[Callable[[Node], Node], int, int]] = {
    "rosenbrock": (rosenbrock, 1000, 3),
    "elementwise": (lambda x: sum_(sin(x) * exp(x)), 1000, 1),
    "pairs": (lambda x: sum_(reshape(x, (-1, 2)).__pow__(3) * sum_(reshape(x, (-1, 2)), dim=(1,),
                                                                   keepdim=True)), 40, 2),
    "ends": (lambda x: sum_(index(x, np.array([0, -1])) ** 3) + sum_(x), 30, 1),
    "joined": (lambda x: sum_(cat(x**2, slice_(x, dim=0, end=9), dim=0) ** 2), 20, 1),
    "dense": (lambda x: logsumexp(x, dim=(0,)), 30, 30),
    "cumulative": (lambda x: sum_(sin(cumsum(x, dim=0))), 30, 30),
    "sorted": (lambda x: sum_(sort_unstable(x, dim=0)[0] ** 3 * x), 30, 30),
    "linear": (lambda x: sum_(slice_(x, dim=0, end=5) ** 2) + sum_(x * 3), 30, 1),
}  # fmt: skip


@pytest.mark.parametrize("name", SPARSE)
def test_a_sparse_hessian_takes_few_products(name: str) -> None:
    function, n, count = SPARSE[name]
    assert products_of(function, n) == count


def test_a_grids_hessian_takes_at_most_a_product_more_than_it_has_diagonals() -> None:
    assert 5 <= products_of(grid, 400) <= 8


@pytest.mark.parametrize("name", [*SPARSE, "grid"])
def test_a_hessian_is_that_of_element_by_element(name: str) -> None:
    function, n, _ = SPARSE.get(name, (grid, 25, 0))
    x = leaf(np.linspace(0.3, 1.2, min(n, 40)))
    g = gradient(function(x), x)
    assert_same(np.asarray(matrices.jacobian(g, x).value), element_by_element(g, x))


def test_what_depends_on_values_is_no_pattern() -> None:
    x = leaf(np.linspace(-1, 1, 20))
    order = np.arange(20)
    y = index(x, sort_unstable(x, dim=0)[1])
    rows = autodiff.towards(x.graph, autodiff.reachable(x.graph, (y.id,)), (x.id,))
    assert pattern(x.graph, y.id, x.id, rows[::-1]) is None
    z = index(x, order)
    rows = autodiff.towards(x.graph, autodiff.reachable(x.graph, (z.id,)), (x.id,))
    assert pattern(x.graph, z.id, x.id, rows[::-1]) is not None


@given(st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_colours_tell_the_elements_of_each_row_apart(seed: int) -> None:
    rng = np.random.default_rng(seed)
    m, n = rng.integers(1, 30, 2)
    rows, columns = np.nonzero(rng.random((m, n)) < rng.uniform(0, 0.4))
    found = coloured(rows, columns, n, n)
    assert found is not None
    assert len({*zip(rows, found[columns], strict=True)}) == rows.size
    assert coloured(rows, columns, n, int(np.bincount(rows).max(initial=0)) - 1) is None


# ---- histories -----------------------------------------------------------------------------


@pytest.mark.parametrize("n", [3, 12])
def test_a_hessian_can_be_differentiated_again(n: int) -> None:
    x = leaf(np.linspace(-1, 1, n))
    cubes = hessian(lambda x: sum_(x**3) + sum_(x) ** 3, x)
    found = gradient(sum_(cubes), x)
    # the sum of H is sum 6x + 6 n² s, and its gradient 6 + 6 n²
    np.testing.assert_allclose(found.value, np.full(n, 6 + 6.0 * n**2))


@pytest.mark.parametrize("n", [3, 10])
def test_third_derivatives_are_those_of_a_closed_form(n: int) -> None:
    x = leaf(np.linspace(-1, 1, n))
    third = matrices.jacobian(hessian(rosenbrock, x), x)
    known, i = np.zeros((n, n, n)), np.arange(n - 1)
    known[i, i, i] = 2400 * x.value[:-1]
    known[i, i, i + 1] = known[i, i + 1, i] = known[i + 1, i, i] = -400
    np.testing.assert_allclose(third.value, known)


def test_what_is_held_is_held_in_every_mode() -> None:
    x = leaf(np.linspace(-1, 1, 12))
    with x.graph.settings("file", False):
        factor = x * 2
    for y in (x * factor, x * detach(x * 2), cat(x * factor, x, dim=0), sum_(x * factor)):
        assert_same(np.asarray(matrices.jacobian(y, x).value), element_by_element(y, x))


# ---- shapes, dtypes, limits ----------------------------------------------------------------


class Shaped(NamedTuple):
    """A function, the shape and dtype of its argument."""

    function: Callable[[Node], Node]
    shape: tuple[int, ...]
    dtype: str = "float64"


SHAPED = {
    "scalar by scalar": Shaped(lambda x: x * x, ()),
    "vector by scalar": Shaped(lambda x: stack(x, x * x, sin(x), dim=0), ()),
    "matrix by matrix": Shaped(lambda x: matmul(x, t(x)), (3, 4)),
    "empty by vector": Shaped(lambda x: slice_(x, dim=0, end=0) * 2, (4,)),
    "vector by empty": Shaped(lambda x: sum_(x) + 1, (0,)),
    "wide": Shaped(lambda x: matmul(x.constant(A), tanh(x)), (12,)),
    "tall": Shaped(lambda x: matmul(x.constant(A.T), tanh(x)), (6,)),
    "single": Shaped(lambda x: matmul(x.constant(A.astype(np.float32)), tanh(x)), (12,), "float32"),
    "complex": Shaped(lambda x: x * x * (1 + 2j), (9,), "complex128"),
    "kinks": Shaped(lambda x: relu(x - mean(x)), (9,)),
    "itself": Shaped(lambda x: x, (9,)),
    "not at all": Shaped(lambda x: detach(x), (9,)),
}


@pytest.mark.parametrize("name", SHAPED)
def test_a_jacobian_is_that_of_element_by_element(name: str) -> None:
    function, shape, dtype = SHAPED[name]
    values = np.linspace(-1, 1, prod(shape)).reshape(shape).astype(dtype)
    x = new_graph().leaf(values, True)
    y = function(x)
    assert_same(np.asarray(matrices.jacobian(y, x).value), element_by_element(y, x))


def test_a_jacobian_that_is_too_large_is_refused_before_any_work() -> None:
    x = leaf(np.ones(1000), Limits(memory=1 << 22))
    y = sin(x)
    rows = len(x.graph)
    with pytest.raises(LimitFault, match=r"a tensor of shape \[1000, 1000\] takes 7.63 MiB"):
        matrices.jacobian(y, x)
    assert len(x.graph) == rows


def test_blocks_below_the_diagonal_are_those_above_it_transposed() -> None:
    graph: Graph = new_graph()
    x, w = (graph.leaf(RNG.normal(size=shape), True) for shape in ((4,), (4, 3)))
    y = sum_(tanh(matmul(x, w)) ** 2) + sum_(x**3)
    slopes = [gradient(y, x), gradient(y, w)]
    rows = len(graph)
    blocks = matrices.hessian(slopes, [x, w])
    assert len(graph) > rows
    for slope, row in zip(slopes, blocks, strict=True):
        for v, block in zip((x, w), row, strict=True):
            assert_same(np.asarray(block.value), element_by_element(slope, v))


# ---- random programs -----------------------------------------------------------------------

STEPS: dict[str, Callable[[Node, Array], Node]] = {
    "sin": lambda x, _: sin(x),
    "times": lambda x, r: x * x.constant(r),
    "square": lambda x, _: x * x,
    "neighbours": lambda x, _: x * index(x, np.roll(np.arange(x.shape[0]), 1)),
    "mean": lambda x, _: x - mean(x),
    "turned": lambda x, r: index(x, np.argsort(r)),
    "halves": lambda x, _: cat(slice_(x, dim=0, start=5), slice_(x, dim=0, end=5) ** 2, dim=0),
    "sums": lambda x, _: cumsum(x, dim=0),
    "matrix": lambda x, r: matmul(x.constant(np.outer(r, r)), x),
    "cut": lambda x, _: x + detach(x) * x,
}


@given(st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=5), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_random_programs_have_the_matrices_of_element_by_element(
    names: list[str], seed: int
) -> None:
    rng = np.random.default_rng(seed)
    x = leaf(rng.uniform(-1, 1, 10))
    y = x
    for name in names:
        y = STEPS[name](y, rng.uniform(-1, 1, 10))
    assert_same(np.asarray(matrices.jacobian(y, x).value), element_by_element(y, x))
    g = gradient(sum_(y * y), x)
    assert_same(np.asarray(matrices.jacobian(g, x).value), element_by_element(g, x))
