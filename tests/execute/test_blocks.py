"""The executor of blocks gives what the plain one gives, and goes through the data but once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.api import options_for
from gradcli.autodiff import gradients
from gradcli.errors import ShapeFault, Source
from gradcli.execute import blocks, choice, new_graph, plan
from gradcli.execute.lowered import Call, Program
from gradcli.execute.plan import Plan, planned
from gradcli.graph import Graph, Node
from gradcli.ops.pointwise.elementwise import abs_, exp, maximum, neg, relu, sin, sqrt, where
from gradcli.ops.reduce.reductions import logsumexp, softmax_
from gradcli.ops.shape.shapes import mean, sum_, to
from gradcli.ops.table import every_row
from gradcli.session import Request, Session, run
from tests.ops.cases import build, direct, on_shapes, values_of

BLOCK = 4
SIZES = (0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK + 1)
ELEMENTWISE = {row.name: row for row in every_row() if direct(row)}
COMPLEX = ("complex",)  # whose rows stay whole
SAME = {"float64": 1e-13, "float32": 1e-5}  # of the largest element: sums add up in another order


@pytest.fixture(autouse=True, scope="module")
def _small() -> Iterator[None]:
    """Let blocks be used for anything, with edges between blocks everywhere."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "BLOCK", BLOCK)
        patch.setattr(blocks, "WORTH", 0)
        patch.setattr(blocks, "FOR_A_THREAD", 1)
        patch.setattr(plan, "LARGE", 2)
        patch.setattr(choice, "LARGE", 0)
        patch.setattr(choice, "EACH", 0)
        yield


def in_blocks(graph: Graph, rows: Iterable[int]) -> tuple[list[Any], Plan, list[Call]]:
    """Return the values of rows as blocks have them; the tape keeps none of them."""
    program = Program(graph, rows)
    calls = [program.value_of(row) for row in rows]
    found = planned(program, calls)
    values = blocks.run(program, found, set(calls))
    return [values[i] for i in calls], found, program.calls


def same(found: Any, known: Any) -> None:
    np.testing.assert_array_equal(found, known, strict=True)


def with_gradients(outputs: list[Node], inputs: list[Node]) -> list[int]:
    """Return the rows of results, and of the gradients of their sum by some inputs."""
    graph = inputs[0].graph
    roots = {y.id: graph.leaf(np.full(y.shape, 0.7, y.dtype)) for y in outputs if y.requires_grad}
    found = gradients(graph, roots, [x.id for x in inputs])
    return [y.id for y in outputs] + [g.id for g in found if g is not None]


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_an_elementwise_row_and_its_gradient_are_the_same_bit_for_bit(name: str) -> None:
    for size in SIZES:
        for dtype in ("float64", "float32"):
            case = on_shapes(ELEMENTWISE[name], ((size,),) * 4)
            values = {k: x.astype(dtype) for k, x in values_of(case).items()}
            built = build(case, values)
            rows = with_gradients(built.outputs, built.inputs)
            found, made, _ = in_blocks(built.graph, rows)
            assert made.passes or size < 2 or name in COMPLEX
            for row, value in zip(rows, found, strict=True):
                same(value, built.graph.value(row))


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_a_row_of_broadcast_operands_is_the_same(name: str) -> None:
    for shapes in (((5, 3), (3,), (5, 1)), ((5, 1), (5, 3), ()), ((1, 3), (5, 1), (5, 3))):
        case = on_shapes(ELEMENTWISE[name], (*shapes, (5, 3)))
        built = build(case, values_of(case))
        rows = with_gradients(built.outputs, built.inputs)
        found, _, _ = in_blocks(built.graph, rows)
        same(found[0], built.graph.value(rows[0]))
        for row, value in zip(rows[1:], found[1:], strict=True):
            known = built.graph.value(row)
            scale = np.abs(known[np.isfinite(known)]).max(initial=0)
            np.testing.assert_allclose(value, known, 1e-13, 1e-13 * scale, strict=True)


# ---- whole files ---------------------------------------------------------------------------

LINEAR = "loss = sum((w*x + b - y)**2)"
LOGISTIC = "loss = mean(log(1 + exp(-y*(w*x + b))))"
SMOOTH = "loss = sum(tanh(sin(x*a) + exp(-x*x)) * sqrt(abs(x) + 1))"


class Drawn(NamedTuple):
    """Inputs of a file, drawn by their shapes; parameters in capitals in the table below."""

    set: dict[str, Any]
    param: dict[str, Any]


def drawn(shapes: str, dtype: str) -> Drawn:
    """Draw inputs: `x:3,4 W:4` are a tensor `x` and a parameter `w`; b: a mask."""
    rng, found = np.random.default_rng(0), Drawn({}, {})
    for item in shapes.split():
        name, _, sizes = item.partition(":")
        value = np.asarray(rng.standard_normal([int(n) for n in sizes.split(",") if n]), dtype)
        if name == "mask":
            value = value > 0
        (found.param if name.isupper() else found.set)[name.lower()] = value
    return found


def ran(text: str, shapes: str, dtype: str = "float64") -> Session:
    given = drawn(shapes, dtype)
    options = options_for(set=given.set, param=given.param, dtype=dtype)
    return run(Source("<text>", text), options, Request())


FILES = {
    "linear regression": (LINEAR, "x:13 y:13 W: B:"),
    "logistic regression": (LOGISTIC, "x:13 y:13 W: B:"),
    "smooth functions": (SMOOTH, "X:13 A:13"),
    "a row and a column": ("loss = sum((x*w + b)**2 * c)", "x:7,3 W:3 B:7,1 C:1,3"),
    "a tensor of three dimensions": ("loss = sum(exp(x*w) * b)", "x:3,5,2 W:5,1 B:3,1,1"),
    "sums over leading dimensions": ("loss = sum(sum(x*w, (0, 1))**2)", "x:3,5,2 W:5,1"),
    "sums over trailing dimensions": ("loss = sum(sum(x*w, (1, 2))**2)", "X:6,5,2 W:5,1"),
    "a sum over dimensions in between": ("loss = sum(sum(x*w, 1)**2)", "X:6,5,2 W:5,1"),
    "sums that stay as dimensions": ("loss = sum(x / sum(abs(x), 1, keepdim=True) * w)",
                                     "X:6,5 W:5"),
    "softmax": ("loss = -mean(log(softmax(x*w, 1)) * y)", "x:7,3 y:7,3 W:3"),
    "log-sum-exp": ("loss = sum(logsumexp(x*w, 1))", "x:7,3 W:3"),
    "cross entropy": ("loss = -sum(log_softmax(x + w, 1)[:, 0])", "x:7,3 W:3"),
    "softmax over the first dimension": ("loss = sum(softmax(x*w, 0) * y)", "x:7,3 y:7,3 W:3"),
    "softmax over everything": ("loss = sum(softmax(x*w, 0) * y)", "X:13 y:13 W:"),
    "normalised rows": (
        "m = mean(x, 1, keepdim=True)\nz = (x - m) / sqrt(var(x, 1, keepdim=True) + 1e-5)\n"
        "loss = sum((z*w + b) * y)", "X:7,3 y:7,3 W:3 B:3"),
    "layer_norm": ("loss = sum(F.layer_norm(x, (3,), w, b) * y)", "X:7,3 y:7,3 W:3 B:3"),
    "normalised by all elements": ("loss = sum(((x - mean(x)) / std(x))**3 * w)", "X:13 W:13"),
    "a norm": ("loss = linalg.vector_norm(x*w)", "X:13 W:"),
    "masks and choices": (
        "loss = sum(where(mask, x*w, exp(x)) + where(x > 0.5, w, x) + relu(x))",
        "X:13 W:13 mask:13"),
    "masked_fill": ("loss = sum((x*w).masked_fill(mask, 0.5)**2)", "X:13 W:13 mask:13"),
    "the largest element": ("loss = max(x*w) + min(x)", "X:13 W:13"),
    "a product of matrices in between": ("loss = sum(tanh(tanh(x*2) @ w) ** 2)", "x:7,3 W:3,4"),
    "a sort in between": ("loss = sum(sort(x*w).values * y)", "X:13 W:13 y:13"),
    "a cumulative sum in between": ("loss = sum(exp(cumsum(x*w, 0)) * y)", "X:13 W:13 y:13"),
    "indices in between": ("loss = sum(exp(x*w)[3:9] ** 2)", "X:13 W:13"),
    "another shape": ("loss = sum(exp((x*w).reshape(6, 4)) * (x*w).reshape(4, 6).T)", "X:24 W:24"),
    "dimensions put in and taken out": ("loss = sum((x*2)[:, None] * w + (x*w[0, 0])[None].T)",
                                        "X:13 W:1,5"),
    "a dimension put in front": ("loss = sum(sin(x*w)[None] - sin(x*w))", "X:5,3 W:5,3"),
    "an outer product of one vector": ("loss = sum((x*2)[:, None] * (x*2)[None, :])", "X:9"),
    "a transposed operand": ("loss = sum(exp(x.T * w) * (x.T + 1))", "X:5,7 W:7,1"),
    "a value that is read": ("z = exp(x*w)\nprint(z[0])\nloss = sum(z * y)", "X:13 W:13 y:13"),
    "an intermediate that keeps its gradient": (
        "z = exp(x*w)\nz.retain_grad()\nloss = sum(z * y)", "X:13 W:13 y:13"),
    "two passes backward": (
        "l = sum(exp(x*w))\nl.backward(retain_graph=True)\nl.backward()", "X:13 W:13"),
    "two roots": ("z = x*w\nsum(z**2).backward(retain_graph=True)\nmean(exp(z)).backward()",
                  "X:13 W:13"),
    "a cotangent": ("(x*w).backward(y)", "X:13 W:13 y:13"),
    "a gradient that is read": ("sum(x*w).backward()\nloss = sum(w.grad * x)", "X:13 W:13"),
    "no_grad": ("with no_grad():\n    z = exp(x)\nloss = sum(z * x * w)", "X:13 W:13"),
    "a change in place": ("z = x*w\nz *= y\nz[2:5] = 1.5\nloss = sum(exp(z))", "X:13 W:13 y:13"),
    "steps of descent": (
        "w, b = param(0.5), param(0.1)\nfor i in range(3):\n"
        "    l = mean((x*w + b - y)**2)\n    l.backward()\n    with no_grad():\n"
        "        w -= 0.1*w.grad\n        b -= 0.1*b.grad\n    w.grad = None\n    b.grad = None",
        "x:13 y:13"),
    "gradients of gradients": (
        "g = grad(sum(x**3 * w), x)\nloss = sum(g**2 * w)", "X:13 W:13"),
    "complex numbers": ("loss = sum(abs(exp(1j * x * w)) ** 2)", "X:13 W:13"),
    "other dtypes": ("loss = sum((x*w).float() * mask + x.long() * w)", "X:13 W:13 mask:13"),
    "several results": ("a, b = (x*w).split(6)[:2]\nloss = sum(exp(a) * b)", "X:13 W:13"),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", FILES)
def test_a_file_has_the_same_values_and_gradients(
    name: str, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fast = ran(*FILES[name], dtype)
    monkeypatch.setattr(choice, "LARGE", 1 << 62)
    slow = ran(*FILES[name], dtype)
    assert len(fast.graph) == len(slow.graph)
    pairs = [(fast.graph.value(i), slow.graph.value(i)) for i in range(len(slow.graph))
             if not slow.graph.is_tuple(i) and i not in slow.graph.reserved]  # fmt: skip
    pairs += [(fast.graph.grad(i), slow.graph.grad(i)) for i in range(len(slow.graph))]
    for found, known in pairs:
        if known is None:
            assert found is None
            continue
        scale = np.abs(known).max(initial=0)
        np.testing.assert_allclose(found, known, 0, SAME[dtype] * scale, strict=True)


# ---- programs at random --------------------------------------------------------------------

UNARY: tuple[Callable[[Any], Any], ...] = (
    sin, exp, neg, abs_, sqrt, relu, lambda a: a * 0.5, lambda a: a**2, lambda a: 1 - a,
    lambda a: where(a > 0, a, 0.25), lambda a: to(a, np.dtype(np.float32)),
)  # fmt: skip
BINARY: tuple[Callable[[Any, Any], Any], ...] = (
    lambda a, b: a + b, lambda a, b: a - b, lambda a, b: a * b, lambda a, b: a / b,
    maximum, lambda a, b: where(a < b, a, b),
)  # fmt: skip
SHAPES = ((9, 4), (4,), (9, 1), (1, 4), (), (9, 1, 4), (9, 9), (1, 9, 4))


def _reduced(draw: st.DrawFn, a: Node) -> Node:
    """Draw a reduction, or a normalisation, of some dimensions."""
    dims = draw(st.sets(st.integers(0, len(a.shape) - 1), min_size=1))
    keep = draw(st.booleans())
    kind = draw(st.sampled_from(("sum", "mean", "softmax", "logsumexp")))
    if kind == "softmax":
        return softmax_(a, dim=min(dims))  # type: ignore[no-any-return]
    row = {"sum": sum_, "mean": mean, "logsumexp": logsumexp}[kind]
    return row(a, dim=tuple(sorted(dims)), keepdim=keep)  # type: ignore[no-any-return]


@st.composite
def programs(draw: st.DrawFn) -> list[Node]:
    """Draw a tape: its leaves first, then rows of them."""
    graph, rng = new_graph(), np.random.default_rng(draw(st.integers(0, 99)))
    dtypes = draw(st.lists(st.sampled_from(("float64", "float32")), min_size=3, max_size=3))
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=3, max_size=3))
    nodes = [
        graph.leaf(np.asarray(rng.standard_normal(shape), dtype), True)
        for shape, dtype in zip(shapes, dtypes, strict=True)
    ]
    for _ in range(draw(st.integers(3, 10))):
        a, b = draw(st.sampled_from(nodes)), draw(st.sampled_from(nodes))
        kind = draw(st.integers(0, 4))
        try:
            if kind < 2:
                nodes.append(draw(st.sampled_from(UNARY))(a))
            elif kind < 4 or not a.shape:
                nodes.append(draw(st.sampled_from(BINARY))(a, b))
            else:
                nodes.append(_reduced(draw, a))
        except ShapeFault:
            continue  # what cannot be broadcast
    return nodes


@settings(max_examples=100, deadline=None)
@given(programs(), st.data())
def test_a_program_at_random_has_the_same_values_and_gradients(
    nodes: list[Node], data: st.DataObject
) -> None:
    graph, chosen = nodes[0].graph, data.draw(st.sampled_from(nodes[3:] or nodes))
    rows = with_gradients([chosen], nodes[:3]) if chosen.requires_grad else [chosen.id]
    found, _, _ = in_blocks(graph, rows)
    for row, value in zip(rows, found, strict=True):
        known = graph.value(row)
        assert (value.shape, value.dtype) == (known.shape, known.dtype)
        finite = np.abs(known[np.isfinite(known)])
        if finite.max(initial=0) < 1e6:  # beyond that float32 has no digits to compare
            scale = max(finite.max(initial=0), 1)
            np.testing.assert_allclose(value, known, 1e-4, 1e-4 * scale)
