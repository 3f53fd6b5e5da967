"""How the gradient's size changes on its way back: by layer, or by turn of a loop."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from math import exp, log
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Severity, Sighting
from gradcli.diagnose.subject import Edge, Flow, Subject
from gradcli.errors import cropped
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.rule.rule import Elementwise

FEWEST = 4  # stages: of fewer no rate can be told
FEWEST_PLAIN = 20  # of those with numbers and no activation: a polynomial has fewer
# With one learning rate for all, the first stage then takes 100,000 steps to move as far as the
# last one does in one; in float32 it drowns in the rounding of what is added to it.
VANISHED = 1e-5
EXPLODED = 1 / VANISHED
# A stage that keeps more of it than this is a slow memory, as an average that decays is, and not a
# net: 0.95 over 225 turns comes to VANISHED as well, and is meant to.
SLOW = 0.9
# The same for what grows: compound interest, populations.
GENTLE = 1.1
# A product with a number and no activation is a formula, unless it takes half of it, or adds half.
HALVING, GROWING = 0.75, 1.5
ALIKE = 1e-6  # logarithms of factors that differ by no more are the same
AT_REST = 1e-6  # of a value: what changes less from turn to turn has converged
MOST = 700.0  # the logarithm of a ratio that a float holds
TEXT = 40  # letters of an expression that is told
LARGE = 1_000  # rows of a matrix of which the largest singular value is not computed
WEIGHTS = ("mm", "mv", "bmm", "dot", "addmm", "addmv", "baddbmm", "matmul", "convolution", "mul")
MATRIX = ("mm", "mv", "bmm", "matmul")
ACTIVATIONS = (
    "tanh", "sigmoid", "relu", "softplus", "gelu", "silu", "elu", "selu", "leaky_relu", "hardtanh",
    "softsign", "erf", "sin", "log_sigmoid", "hardsigmoid", "relu6", "celu", "mish", "clamp_min",
    "prelu", "maximum", "clamp",
)  # fmt: skip


class Stage(NamedTuple):
    """Rows that a gradient reaches after as many products with a weight, and its size there.

    `row` is the one of them where it is largest.
    """

    row: int
    norm: float


class Fall(NamedTuple):
    """Stages from the root back over which a gradient shrinks or grows, and its rate a stage."""

    flow: Flow
    stages: list[Stage]
    ratio: float
    rate: float


# ---- stages ------------------------------------------------------------------------------------


def stages(flow: Flow) -> list[Stage]:
    """Return the products of a state with a weight, by how many of them are nearer to the root."""
    graph, inside = flow.graph, flow.inside
    weights = _weights(graph, flow.order)
    height: dict[int, int] = {}
    largest: dict[int, Stage] = {}
    ranks: dict[int, tuple[float, bool]] = {}
    for row in flow.order:  # the root first: what uses a row comes before it
        own = height.get(row, 0)
        is_stage = _is_stage(graph, row, weights)
        if is_stage:
            norm = size(flow.cotangents.get(row))
            rank = norm, _carries(graph, row, weights)
            if own not in largest or rank > ranks[own]:
                largest[own], ranks[own] = Stage(row, norm), rank
        for i in graph.inputs[row]:
            if i in inside:
                height[i] = max(height.get(i, 0), own + is_stage)
    return [largest[h] for h in sorted(largest)]


def _weights(graph: Graph, order: Sequence[int]) -> set[int]:
    """Return parameters, and what is made of one of them alone: `W.T`, `W[0]`, `exp(a)`."""
    found: set[int] = set()
    for row in reversed(order):
        inputs = [i for i in graph.inputs[row] if i >= 0]
        op = graph.ops[row]
        if op is None or (len(inputs) == 1 and inputs[0] in found and op.label not in ACTIVATIONS):
            found.add(row)
    return found


def _is_stage(graph: Graph, row: int, weights: set[int]) -> bool:
    """Say whether a row multiplies something with a weight; two weights: as matrices."""
    op = graph.ops[row]
    if op is None or op.label not in WEIGHTS:
        return False
    inputs = [i for i in graph.inputs[row] if i >= 0]
    among = sum(i in weights for i in inputs)
    return len(inputs) >= 2 and (0 < among < len(inputs) or (among > 0 and op.label in MATRIX))


def _carries(graph: Graph, row: int, weights: set[int]) -> bool:
    """Say whether a stage passes the gradient on to an earlier one, and not to data alone."""
    return any(i not in weights and graph.requires_grad[i] for i in graph.inputs[row] if i >= 0)


def size(x: object) -> float:
    """Return the Euclidean norm of a cotangent, 0 where none arrives."""
    if not isinstance(x, np.ndarray | np.generic | float):
        return 0.0
    largest = float(np.abs(x).max(initial=0.0)) if np.size(x) else 0.0
    if not largest or not np.isfinite(largest):
        return largest
    return largest * float(np.linalg.norm(np.ravel(np.asarray(x) / largest)))  # squares may not fit


def falls(subject: Subject) -> Iterator[Fall]:
    """Yield the backward passes in which a gradient shrinks, or grows, stage by stage."""
    for flow in subject.flows:
        found = stages(flow)
        norms = [s.norm for s in found]
        last = next((k for k, x in enumerate(norms) if not np.isfinite(x) or x == 0), len(norms))
        found = found[:last]
        if len(found) < FEWEST:
            continue
        change = log(found[-1].norm) - log(found[0].norm)
        rate, ratio = exp(change / (len(found) - 1)), exp(min(change, MOST))
        if _counts(flow, len(found), ratio, rate) and not _is_solver(subject, flow, found):
            yield Fall(flow, found, ratio, rate)
            return


def _counts(flow: Flow, count: int, ratio: float, rate: float) -> bool:
    """Say whether a ratio is one of a net that cannot learn, and not of a formula that forgets."""
    graph = flow.graph
    if VANISHED < ratio < EXPLODED:
        return False
    labels = [op.label for op in (graph.ops[i] for i in flow.order) if op is not None]
    weights = _weights(graph, flow.order)
    products = sum(_is_stage(graph, row, weights) for row in flow.order)
    bends = 2 * sum(name in ACTIVATIONS for name in labels) >= products
    is_net = bends or "mm" in labels or "mv" in labels
    if not is_net and count < FEWEST_PLAIN:
        return False
    if ratio <= VANISHED:
        return rate <= (SLOW if bends else HALVING)
    return rate >= (GENTLE if is_net else GROWING)


def _is_solver(subject: Subject, flow: Flow, found: list[Stage]) -> bool:
    """Say whether turns have come to rest: where an iteration begins is to be forgotten.

    A matrix with an activation is a recurrent net, which is not meant to.
    """
    labels = {op.label for op in (flow.graph.ops[i] for i in flow.order) if op is not None}
    if not labels.isdisjoint(MATRIX) and not labels.isdisjoint(ACTIVATIONS):
        return False
    turns = [
        (a.row, b.row) for a, b in pairwise(found) if subject.span(a.row) == subject.span(b.row)
    ]
    if not turns:
        return False
    last, before = (subject.value(i) for i in turns[0])
    rests = last.shape == before.shape and np.allclose(last, before, rtol=AT_REST, atol=0)
    return rests and bool(last.any())  # what has become 0 has not converged, it has vanished


# ---- words -------------------------------------------------------------------------------------


def vanishing(subject: Subject) -> Iterator[Sighting]:
    """Yield where a gradient shrinks stage by stage until little is left."""
    for fall in falls(subject):
        if fall.ratio < 1:
            yield _sighting(subject, fall)


def exploding(subject: Subject) -> Iterator[Sighting]:
    """Yield where a gradient grows stage by stage beyond use."""
    for fall in falls(subject):
        if fall.ratio > 1:
            yield _sighting(subject, fall)


def _sighting(subject: Subject, fall: Fall) -> Sighting:
    flow, found = fall.flow, fall.stages
    first, last = found[0], found[-1]
    spans = {subject.span(s.row) for s in found}
    unit = "turn" if len(spans) * 2 <= len(found) else "layer"
    root = subject.root_text(flow.start.root)
    worst = _worst(fall)
    verb = "falls" if fall.ratio < 1 else "grows"
    texts = [cropped(subject.text(s.row), TEXT) for s in (first, last)]
    if unit == "turn":
        words = (
            f"‖∂{root}/∂({texts[0]})‖ {verb} from {first.norm:.3g} in the last turn to "
            f"{last.norm:.3g} in the first of {len(found)}, about {fall.rate:.2g} a turn"
        )
    else:
        words = (
            f"The gradient {verb} from {first.norm:.3g} at `{texts[0]}` to {last.norm:.3g} at "
            f"`{texts[1]}`, over {len(found)} layers, about {fall.rate:.2g} a layer"
        )
    causes = list(_causes(subject, fall))
    words += f": {' and '.join(causes)}." if causes else "."
    if unit == "layer":
        shown = ", ".join(f"{s.norm:.1e} (line {subject.line(s.row)})" for s in found[:8])
        words += f" From the last to the first: {shown}{', …' if len(found) > 8 else ''}."
    spoils = tuple(
        dict.fromkeys(subject.label(i) for i in subject.parameters if _late(fall, subject, i))
    )
    severity = None if np.isfinite(last.norm) else Severity.ERROR
    return Sighting(words, row=found[worst].row, severity=severity, moment=(1, -first.row),
                    key=("stages", first.row), spoils=spoils)  # fmt: skip


def _worst(fall: Fall) -> int:
    """Return the stage over which the gradient changes most, of equal ones the first."""
    steps = [log(b.norm / a.norm) for a, b in pairwise(fall.stages)]
    strongest = min(steps) if fall.ratio < 1 else max(steps)
    return next(k for k, x in enumerate(steps, 1) if abs(x - strongest) <= ALIKE)


def _late(fall: Fall, subject: Subject, parameter: int) -> bool:
    """Say whether a parameter is used by the stages of the last half alone."""
    half = {s.row for s in fall.stages[: len(fall.stages) // 2]}
    name = subject.graph.notes.names.get(parameter)
    rows = [i for i in fall.flow.order if subject.graph.notes.names.get(i) == name]
    graph = subject.graph
    return bool(rows) and not any(
        i in rows or any(k in rows for k in graph.inputs[i] if k >= 0)
        for row in half
        for i in graph.inputs[row]
        if i >= 0
    )


def _causes(subject: Subject, fall: Fall) -> Iterator[str]:
    """Yield what multiplies the gradient most between two stages, the strongest first."""
    shrinks, worst = fall.ratio < 1, _worst(fall)
    factors = _factors(fall.flow, fall.stages[worst - 1].row, fall.stages[worst].row)
    told = sorted(factors, key=lambda f: f[1], reverse=not shrinks)
    for edge, factor in told[:2]:
        if (factor < 0.9) if shrinks else (factor > 1.1):
            yield _cause(subject, fall.flow, edge, factor)


def _factors(flow: Flow, near: int, far: int) -> list[tuple[Edge, float]]:
    """Return the uses between two rows, and what each does to the size of the gradient."""
    graph = flow.graph
    leads = {far}
    for row in range(far + 1, near + 1):
        if row in flow.inside and any(i in leads for i in graph.inputs[row]):
            leads.add(row)
    found, row = list[tuple[Edge, float]](), near
    while row != far:
        ways = [e for e in flow.edges(row) if e.operand in leads]
        if not ways:
            return found
        arrives = size(flow.cotangents[row])
        edge = max(ways, key=lambda e: size(flow.part(e)))
        found.append((edge, size(flow.part(edge)) / arrives if arrives else 0.0))
        row = edge.operand
    return found


def _cause(subject: Subject, flow: Flow, edge: Edge, factor: float) -> str:
    """Return in words what a use does to the size of the gradient."""
    graph, text = subject.graph, cropped(subject.text(edge.row), TEXT)
    others = [i for i in graph.inputs[edge.row] if i >= 0 and i != edge.operand]
    if edge.op.label in WEIGHTS and others:
        weight = others[-1]
        value = subject.value(weight)
        name = subject.label(weight)
        if value.ndim == 2 and max(value.shape) <= LARGE:
            largest = float(np.linalg.norm(value, 2))
            return f"`{text}` multiplies it by {factor:.2g} (‖{name}‖ = {largest:.3g})"
        if value.ndim == 0:
            return f"`{text}` multiplies it by {name} = {float(value):.3g}"
    if isinstance(edge.op.derivative, Elementwise) and edge.op.label in ACTIVATIONS:
        slope = _slope(flow, edge)
        if factor < slope / 2:  # few elements pass, as with relu
            return f"`{text}` lets {factor:.2g} of it through"
        most = ", 0.25 at most," if edge.op.label == "sigmoid" else ""
        return f"the derivative of {edge.op.label}{most} is {slope:.2g} in `{text}`"
    return f"`{text}` multiplies it by {factor:.2g}"


def _slope(flow: Flow, edge: Edge) -> float:
    """Return the largest local derivative of an elementwise row."""
    ones: Array = np.ones(flow.graph.metas[edge.row].shape)
    return float(np.abs(flow.part(edge, ones)).max(initial=0.0))
