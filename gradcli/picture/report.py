"""What the page of a run has beside the picture, as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import NamedTuple

import numpy as np

from gradcli.diagnose import Diagnosis, Subject, diagnosed
from gradcli.errors import Source
from gradcli.explain.cuts import silence
from gradcli.inspection import Array, Inspection, LoopFacts, NodeFacts, Summary
from gradcli.picture.cards import Asked, Scene
from gradcli.picture.figures import figures
from gradcli.picture.kept import unkept
from gradcli.picture.steps import Step, formulas, steps
from gradcli.render.numbers import grad_of, value_of
from gradcli.render.rows import Fold, Wanted, between, folds
from gradcli.render.words import one_line
from gradcli.session import Request, Session

MOST_LOOKED_AT = 4000  # nodes of a run in which problems are looked for
MOST_REASONS = 300  # nodes of a run whose lack of a gradient is explained
MOST_FRAMES = 6000  # cards times turns that follow a slider
MOST_SERIES = 8  # names whose numbers are shown turn by turn
BINS = 24  # of a histogram
HEAT = 32  # rows and columns of a heat map, from which on neighbours share a place


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
    note: str = ""  # why it is not that in `.grad`


class Series(NamedTuple):
    """What a scalar was in each turn of a loop."""

    name: str
    values: tuple[float, ...]


class Frames(NamedTuple):
    """What the card of a node says in each turn of a loop: the lines of value and of gradient."""

    value: tuple[str, ...]
    gradient: tuple[str, ...]


class Turns(NamedTuple):
    """A loop: its line, how many turns it has, and what scalars and cards were in each of them.

    `starts` are the ids from which the nodes of each turn are, and the one that ends the last.
    """

    line: int
    turns: int
    starts: tuple[int, ...]
    series: tuple[Series, ...]
    frames: Mapping[int, Frames]


@dataclass(frozen=True)
class Report:
    """All that a page shows beside the picture.

    `formulas` are of gradients by parameters, `reasons` say of nodes why no gradient flows to them,
    or why it is not kept; `diagnosis` is None where the run is too large to look for problems.
    """

    inspection: Inspection
    source: tuple[str, ...]
    steps: tuple[Step, ...]
    gradients: tuple[Gradient, ...]
    turns: tuple[Turns, ...]
    formulas: Mapping[int, str]
    reasons: Mapping[int, str]
    diagnosis: Diagnosis | None


def report(session: Session, inspection: Inspection, shown: Scene, asked: Asked) -> Report:
    """Return what the page of a run shows beside a scene."""
    worked = dict(formulas(session, inspection))
    wanted = Wanted(named=False, full=asked.full, turn=asked.turn)
    folded = {fold.loop.turns[0]: fold for fold in folds(inspection, wanted)}
    small = len(session.graph) <= MOST_LOOKED_AT
    lost = dict(unkept(session, inspection)) if small else {}
    return Report(
        inspection,
        tuple(_lines(session.source)),
        tuple(steps(session, inspection, worked)),
        tuple(_gradients(inspection, lost)),
        tuple(
            _turns(inspection, loop, folded.get(loop.turns[0]), shown) for loop in inspection.loops
        ),
        worked,
        {**dict(_reasons(session, inspection)), **lost},
        diagnosed(Subject(session, Request())) if small else None,
    )


def _lines(source: Source) -> Iterator[str]:
    """Yield the lines of a file, each as it is counted."""
    ends = source.text.endswith(("\n", "\r"))
    for k in range(1, len(source.line_starts) + (not ends)):
        yield source.line_text(k).expandtabs(4)


def _reasons(session: Session, inspection: Inspection) -> Iterator[tuple[int, str]]:
    """Yield why no gradient flows to nodes, of a small graph."""
    root = inspection.root
    if root is None or not inspection.ran_backward or len(inspection.nodes) > MOST_REASONS:
        return
    for node in inspection.nodes:
        if node.grad is None and node.gradient is None:
            said = silence(session.graph, inspection, node, root)
            yield node.id, one_line(" ".join(said))


# ---- gradients -----------------------------------------------------------------------------


def _gradients(inspection: Inspection, lost: Mapping[int, str]) -> Iterator[Gradient]:
    """Yield the gradients by parameters, of those of one name the last that is known.

    One that was reset since is shown as it flowed; `lost` says so.
    """
    last: dict[str, NodeFacts] = {}
    for node in inspection.nodes:
        name = node.name or node.label
        told = node.id in lost or (node.grad is not None and bool(node.grad.any()))
        if node.kind == "parameter" and (told or name not in last):
            last[name] = node
    for name, node in last.items():
        grad = node.gradient if node.id in lost or node.grad is None else node.grad
        if grad is None or node.value is None or not grad.size:
            continue
        real = grad.real.astype(np.float64)
        counts, low, high = _histogram(real)
        yield Gradient(node.id, one_line(name), _norm(grad), _norm(node.value), counts, low, high,
                       _heat(real), lost.get(node.id, ""))  # fmt: skip


def _norm(array: Array) -> float:
    with np.errstate(all="ignore"):
        wide = np.abs(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))
        return float(np.sqrt(np.sum(wide * wide)))


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
            with np.errstate(all="ignore"):
                sums = np.add.reduceat(array, edges, axis)
            counts = np.diff([*edges, length])
            array = sums / (counts[:, None] if axis == 0 else counts)
    return tuple(tuple(map(float, row)) for row in array)


# ---- loops ---------------------------------------------------------------------------------


def _turns(inspection: Inspection, loop: LoopFacts, fold: Fold | None, shown: Scene) -> Turns:
    """Return what scalars with names were turn by turn, and what the cards of a turn say."""
    count = len(loop)
    turns = [_turn(inspection, loop, k) for k in range(count)]
    series = []
    for (name, *_), last in (turns[-1] if turns else {}).items():
        if name is None or last.shape or last.dtype not in ("float64", "float32"):
            continue
        numbers = [_scalar(turn, name) for turn in turns]
        if count > 1 and all(x is not None for x in numbers):
            # the loop had it before: the card has what a turn starts from, this what it ends with
            after = last.op == "leaf" and _before(inspection, loop, name) is not None
            said = f"{one_line(name)} after the update" if after else one_line(name)
            series.append(Series(said, tuple(x for x in numbers if x is not None)))
    known = tuple(dict.fromkeys(series))[-MOST_SERIES:]
    frames = {} if fold is None else _frames(inspection, turns, fold, shown)
    return Turns(loop.line, count, tuple(loop.turns), known, frames)


_Key = tuple[str | None, int, str, str, int]


def _turn(inspection: Inspection, loop: LoopFacts, turn: int) -> dict[_Key, NodeFacts]:
    """Return the nodes of a turn by what is the same in every turn."""
    found: dict[_Key, NodeFacts] = {}
    seen: dict[tuple[str | None, int, str, str], int] = {}
    for node in between(inspection, loop.turns[turn], loop.turns[turn + 1]):
        if node.derived:
            continue
        key = node.name, node.line, node.source, node.op
        seen[key] = seen.get(key, 0) + 1
        found[*key, seen[key]] = node
    return found


def _scalar(turn: Mapping[_Key, NodeFacts], name: str) -> float | None:
    """Return the last number that a name was in a turn."""
    values = [n.value for n in turn.values() if n.name == name and not n.shape]
    return float(values[-1]) if values and values[-1] is not None else None


def _frames(
    inspection: Inspection, turns: list[dict[_Key, NodeFacts]], fold: Fold, shown: Scene
) -> Mapping[int, Frames]:
    """Return what the cards of a folded loop say in each turn, of those that every turn has."""
    ids = {card.id for card in shown.cards}
    places = [(n.id, key, 0) for key, n in turns[fold.turn - 1].items() if n.id in ids]
    if fold.turn > 1:  # what a turn starts from is of the one before
        places += [(n.id, key, 1) for key, n in turns[fold.turn - 2].items() if n.id in ids]
    if len(places) * len(turns) > MOST_FRAMES:
        return {}
    found = {}
    for id, key, back in places:
        nodes = [turn.get(key) for turn in turns]
        if back:
            nodes = [_before(inspection, fold.loop, key[0]), *nodes[:-1]]
        there = [node for node in nodes if node is not None]
        if len(there) == len(turns):
            found[id] = Frames(
                tuple("\n".join(_figures(value_of(node))) for node in there),
                tuple("\n".join(_figures(grad_of(node).shown)) for node in there),
            )
    return found


def _before(inspection: Inspection, loop: LoopFacts, name: str | None) -> NodeFacts | None:
    """Return what a name was when a loop began."""
    nodes = between(inspection, 0, loop.turns[0])
    return next((n for n in reversed(nodes) if name is not None and n.name == name), None)


def _figures(shown: Array | Summary | None) -> tuple[str, ...]:
    return () if shown is None else figures(shown)
