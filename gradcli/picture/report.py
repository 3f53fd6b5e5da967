"""What the page of a run has beside the picture: steps, gradients, problems, as plain data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np

from gradcli.diagnose import Diagnosis, Subject, diagnosed
from gradcli.errors import GradcliError
from gradcli.explain.derivation import whole
from gradcli.inspection import Array, Inspection, LoopFacts, NodeFacts
from gradcli.render.explain_rows import Style, each, line_of
from gradcli.render.numbers import brief, grad_of, summarised, value_of
from gradcli.render.rows import between
from gradcli.render.words import one_line
from gradcli.session import Request, Session

MOST_STEPS = 1200  # of a pass that are shown one by one
BINS = 24  # of a histogram
HEAT = 32  # rows and columns of a heat map, from which on neighbours share a place
VALUES = 48  # characters of a value in a step


class Step(NamedTuple):
    """A step of the player: a value that is computed, a gradient that is passed on, or a sum.

    `node` is the card that is looked at, `other` the one at the other end of the edge.
    """

    kind: str
    node: int
    other: int | None
    line: int
    head: str
    factor: str
    arrives: str
    result: str
    remarks: tuple[str, ...] = ()


class Gradient(NamedTuple):
    """The gradient by a parameter: its size, beside that of the value, and where it is large."""

    id: int
    name: str
    norm: float
    value_norm: float
    counts: tuple[int, ...]
    low: float
    high: float
    heat: tuple[tuple[float, ...], ...]


class Series(NamedTuple):
    """What a name was in each turn of a loop: the numbers, for a scalar."""

    name: str
    values: tuple[float, ...]


class Turns(NamedTuple):
    """A loop: its line, how many turns it has, and what scalars were in each of them."""

    line: int
    turns: int
    series: tuple[Series, ...]


@dataclass(frozen=True)
class Report:
    """All that a page shows."""

    inspection: Inspection
    source: tuple[str, ...]
    steps: tuple[Step, ...]
    gradients: tuple[Gradient, ...]
    turns: tuple[Turns, ...]
    diagnosis: Diagnosis


def report(session: Session, inspection: Inspection) -> Report:
    """Return what the page of a run shows."""
    return Report(
        inspection,
        tuple(session.source.text.splitlines()),
        tuple(_steps(session, inspection)),
        tuple(_gradients(inspection)),
        tuple(_turns(inspection, loop) for loop in inspection.loops),
        diagnosed(Subject(session, Request())),
    )


# ---- steps ---------------------------------------------------------------------------------


def _steps(session: Session, inspection: Inspection) -> Iterator[Step]:
    """Yield the steps forward, then those backward, as the engine goes."""
    nodes = {node.id: node for node in inspection.nodes}
    root = inspection.root
    behind = _behind(inspection, root)
    for node in inspection.nodes[:MOST_STEPS] if len(inspection.nodes) > MOST_STEPS else (
        inspection.nodes
    ):  # fmt: skip
        if node.id in behind:
            yield _forward(node)
    if root is None or len(behind) > MOST_STEPS:
        return
    start = session.passes[-1] if session.passes else None
    cotangent = start.cotangent if start is not None and start.root == root else None
    try:
        found = whole(session.graph, inspection, root, cotangent)
    except GradcliError:  # a root of several elements that nothing differentiates
        return
    yield Step("start", root, None, nodes[root].line, one_line(nodes[root].label), "", "",
               brief(found.start, VALUES), ("backward begins with",))  # fmt: skip
    for step, row, total in each(found, nodes, Style(values=VALUES)):
        arrived = found.cotangents.get(step.row)
        operand = nodes[step.operand]
        yield Step(
            "backward", step.operand, step.row, nodes[step.row].line,
            row.line or one_line(line_of(nodes[step.row])), row.factor,
            "" if arrived is None else brief(np.asarray(arrived), VALUES), row.gradient,
            row.remarks,
        )  # fmt: skip
        if total is not None:
            yield Step("sum", step.operand, None, operand.line, total.line, "", "", total.gradient)


def _behind(inspection: Inspection, root: int | None) -> set[int]:
    found = set[int]()
    pending = [] if root is None else [root]
    while pending:
        id = pending.pop()
        if id not in found:
            found.add(id)
            pending.extend(inspection.node(id).inputs)
    return found


def _forward(node: NodeFacts) -> Step:
    value = value_of(node)
    shown = "" if value is None else (
        brief(value, VALUES) if isinstance(value, np.ndarray) else summarised(value, VALUES)
    )  # fmt: skip
    kind = "leaf" if node.op == "leaf" else "forward"
    return Step(kind, node.id, None, node.line, one_line(line_of(node)), "", "", shown)


# ---- gradients -----------------------------------------------------------------------------


def _gradients(inspection: Inspection) -> Iterator[Gradient]:
    """Yield the gradients by parameters, of those of one name the last."""
    last: dict[str, NodeFacts] = {}
    for node in inspection.nodes:
        if node.kind == "parameter":
            last[node.name or node.label] = node
    for name, node in last.items():
        shown = grad_of(node).shown
        grad = node.grad if node.grad is not None else node.gradient
        if shown is None or grad is None or not grad.size:
            continue
        size = np.abs(grad.astype(np.complex128 if grad.dtype.kind == "c" else np.float64))
        value = np.abs(np.asarray(node.value).astype(size.dtype if grad.dtype.kind != "c" else
                                                     np.complex128))  # fmt: skip
        real = grad.real.astype(np.float64)
        counts, low, high = _histogram(real)
        yield Gradient(node.id, one_line(name), _norm(size), _norm(value), counts, low, high,
                       _heat(real))  # fmt: skip


def _norm(size: Array) -> float:
    with np.errstate(all="ignore"):
        return float(np.sqrt(np.sum(size * size)))


def _histogram(array: Array) -> tuple[tuple[int, ...], float, float]:
    finite = array[np.isfinite(array)]
    if finite.size < 2:
        return (), 0.0, 0.0
    low, high = float(finite.min()), float(finite.max())
    if not isfinite(high - low) or low == high:
        return (int(finite.size),), low, high
    counts, _ = np.histogram(finite, BINS, (low, high))
    return tuple(map(int, counts)), low, high


def _heat(array: Array) -> tuple[tuple[float, ...], ...]:
    """Return a matrix as rows of numbers, neighbours of a large one averaged; others as none."""
    if array.ndim == 1 and array.size > 1:
        array = array[None]
    if array.ndim != 2 or array.size < 2:
        return ()
    for axis in (0, 1):
        length = array.shape[axis]
        if length > HEAT:
            edges = np.linspace(0, length, HEAT + 1).astype(int)[:-1]
            sums = np.add.reduceat(array, edges, axis)
            counts = np.diff([*edges, length])
            array = sums / (counts[:, None] if axis == 0 else counts)
    return tuple(tuple(map(float, row)) for row in array)


# ---- loops ---------------------------------------------------------------------------------


def _turns(inspection: Inspection, loop: LoopFacts) -> Turns:
    """Return the numbers that scalars with names were, turn by turn."""
    found: dict[str, list[float]] = {}
    count = len(loop)
    for turn in range(count):
        for node in between(inspection, loop.turns[turn], loop.turns[turn + 1]):
            plain = node.name is not None and not node.shape and node.dtype.startswith("float")
            if plain and node.value is not None and not node.derived:
                values = found.setdefault(str(node.name), [])
                values[turn:] = [float(node.value)]
    series = (Series(name, tuple(v)) for name, v in found.items() if len(v) == count > 1)
    return Turns(loop.line, count, tuple(series))


def text_of(found: Array | None) -> str:
    """Return a value for the details of a node: written out where it is small."""
    return "" if found is None else np.array2string(found, precision=6, threshold=200)
