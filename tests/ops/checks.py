"""What must hold of derivatives, whatever they are of; each check says what is wrong in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from gradcli import autodiff
from gradcli.graph import Graph, Node
from gradcli.rule.dtypes import Array


class Built(NamedTuple):
    """The graph of a call: its differentiable results and its parameters."""

    graph: Graph
    outputs: list[Node]
    inputs: list[Node]


class Precision(NamedTuple):
    """The step of differences, extrapolated once (the error is of order step⁴), and tolerances."""

    step: float
    rtol: float
    atol: float


DOUBLE = Precision(1e-4, 1e-6, 1e-7)
SINGLE = Precision(3e-2, 1e-3, 1e-4)

Arrays = list[Array]
Build = Callable[[Arrays], Built]


def random_like(node: Node, rng: np.random.Generator) -> Array:
    """Draw a tangent or a cotangent."""
    drawn = rng.uniform(-1, 1, node.shape)
    if node.dtype.kind == "c":
        drawn = drawn + 1j * rng.uniform(-1, 1, node.shape)
    return np.asarray(drawn).astype(node.dtype)


def inner(a: Array, b: Array) -> float:
    """Return the real inner product."""
    return float(np.sum(np.conj(a) * b).real)


def differences(
    function: Callable[[Arrays], Arrays], at: Arrays, tangents: Arrays, step: float
) -> Arrays:
    """Return the derivatives along tangents by central differences, extrapolated once."""

    def central(h: float) -> Arrays:
        ahead = function([np.asarray(x + h * t) for x, t in zip(at, tangents, strict=True)])
        behind = function([np.asarray(x - h * t) for x, t in zip(at, tangents, strict=True)])
        return [(a - b) / (2 * h) for a, b in zip(ahead, behind, strict=True)]

    pairs = zip(central(step / 2), central(step), strict=True)
    return [np.asarray((4 * fine - coarse) / 3) for fine, coarse in pairs]


def apart(a: Array, b: Array, rtol: float, atol: float) -> bool:
    """Say whether two arrays differ by more than they may."""
    if a.shape != b.shape:
        return True
    scale = 1 + float(np.max(np.abs(b), initial=0.0))
    return not np.allclose(a, b, rtol, atol * scale, equal_nan=True)


def first_order(build: Build, values: Arrays) -> list[str]:
    """Compare forward mode with differences, and reverse mode with forward mode and with itself."""
    call = build(values)
    wanted = [y.requires_grad for y in call.outputs]

    def function(xs: Arrays) -> Arrays:
        return [y.value for y, kept in zip(build(xs).outputs, wanted, strict=True) if kept]

    outputs = [y for y, kept in zip(call.outputs, wanted, strict=True) if kept]
    return _problems(Built(call.graph, outputs, call.inputs), function) if outputs else []


def second_order(build: Build, values: Arrays) -> list[str]:
    """Compare the same of the gradient; its cotangents are parameters as well."""
    call = build(values)
    gradient = gradient_of(call)
    count = len(call.inputs)

    def function(xs: Arrays) -> Arrays:
        moved = build(xs[:count])
        found = autodiff.gradient_values(
            moved.graph, dict(zip(_roots(moved), xs[count:], strict=True)), _ids(moved)
        )
        return [g for g, node in zip(found, gradient.all, strict=True)
                if g is not None and node is not None and node.requires_grad]  # fmt: skip

    return _problems(gradient.built, function) if gradient.built.outputs else []


class Gradient(NamedTuple):
    """Gradients as nodes: what can be differentiated again, and all of them."""

    built: Built
    all: list[Node | None]


def gradient_of(call: Built) -> Gradient:
    """Return the gradients of a call as nodes, by its inputs and by cotangents of its results."""
    rng = np.random.default_rng(len(call.graph))
    graph, outputs = call.graph, [y for y in call.outputs if y.requires_grad]
    with graph.settings("gradient", True):
        starts = [graph.leaf(random_like(y, rng), True) for y in outputs]
        roots = {y.id: g for y, g in zip(outputs, starts, strict=True)}
        found = autodiff.gradients(graph, roots, _ids(call))
    again = [g for g in found if g is not None and g.requires_grad]
    return Gradient(Built(graph, again, [*call.inputs, *starts]), found)


def _ids(call: Built) -> list[int]:
    return [x.id for x in call.inputs]


def _roots(call: Built) -> list[int]:
    return [y.id for y in call.outputs if y.requires_grad]


def _problems(call: Built, function: Callable[[Arrays], Arrays]) -> list[str]:
    graph, outputs, inputs = call
    rng = np.random.default_rng(len(graph))
    tangents, cotangents = ([random_like(x, rng) for x in xs] for xs in (inputs, outputs))
    single = any(m.dtype == np.float32 for i, m in enumerate(graph.metas) if not graph.is_tuple(i))
    step, rtol, atol = SINGLE if single else DOUBLE
    found = []
    moved = dict(zip(_ids(call), tangents, strict=True))
    pushed = autodiff.tangent_values(graph, _roots(call), moved)
    expected = differences(function, [x.value for x in inputs], tangents, step)
    for t, wanted in zip(pushed, expected, strict=True):
        if apart(t, wanted, rtol, atol):
            found.append(f"forward mode gives {t}, differences give {wanted}")
    roots = dict(zip(_roots(call), cotangents, strict=True))
    pulled = autodiff.gradient_values(graph, roots, _ids(call))
    left = sum(inner(g, t) for g, t in zip(cotangents, pushed, strict=True))
    right = sum(inner(g, t) for g, t in zip(pulled, tangents, strict=True) if g is not None)
    if apart(np.asarray(left), np.asarray(right), rtol / 100, atol / 100):
        found.append(f"⟨g, Jt⟩ is {left}, ⟨Jᵀg, t⟩ is {right}")
    starts = {id: graph.leaf(g) for id, g in roots.items()}
    with graph.settings("gradient", True):
        nodes = autodiff.gradients(graph, starts, _ids(call))
    for g, node in zip(pulled, nodes, strict=True):
        if g is None or node is None:
            if g is not None or node is not None:
                found.append("a gradient is there as an array or as a node, not as both")
        elif apart(node.value, g, 1e-9, 1e-10):
            found.append(f"the gradient is {g} as an array, {node.value} as a node")
    return found
