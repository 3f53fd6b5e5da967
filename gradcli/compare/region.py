"""What a pair is made of, back to rows that are paired: a function that can be computed anew."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np

from gradcli.compare.pair import Pair
from gradcli.compare.side import Side
from gradcli.errors import GradcliError
from gradcli.execute import Replay
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.verify.wide import is_narrow, wide, widened

POINTS = 3  # at which the functions of both sides are compared
SPREAD = 0.25  # by what part of their size numbers differ there
EQUAL = 1e-9  # relative distance of what is equal in double precision


class Region:
    """A pair as two functions of the same rows: those paired ones that it is made of.

    `rows` are of each side those between, with the pair's own; `inputs` the pairs they end at.
    """

    def __init__(self, pair: Pair, i: int, j: int) -> None:
        self.pair, self.ends = pair, (_target(pair.a, i), _target(pair.b, j))
        left, self.left_rows = _behind(pair.a, i, pair.right)
        right, self.right_rows = _behind(pair.b, j, pair.left)
        self.fronts = left, right
        ends = {(p, pair.right[p]) for p in left} | {(pair.left[q], q) for q in right}
        self.inputs = sorted(ends)

    @cached_property
    def moving(self) -> list[tuple[int, int]]:
        """The inputs that are floating point numbers on both sides."""
        x, y = self.pair.a.graph.metas, self.pair.b.graph.metas
        return [(p, q) for p, q in self.inputs
                if x[p].dtype.kind not in "biu" and y[q].dtype.kind not in "biu"]  # fmt: skip

    @cached_property
    def tapes(self) -> tuple[Graph, Graph]:
        """Both tapes in double precision."""
        a, b = self.pair.a.graph, self.pair.b.graph
        return (widened(a) if is_narrow(a) else a), (widened(b) if is_narrow(b) else b)

    @property
    def here(self) -> dict[int, Array]:
        """The values of the inputs in the left run, by its rows."""
        return {p: self.pair.a.value(p) for p, _ in self.moving}

    def at(self, values: Mapping[int, Array]) -> tuple[Array, Array] | None:
        """Return what both sides make of the same inputs in double precision, None if one cannot.

        Inputs are given by the rows of the left run.
        """
        found = []
        for side in (0, 1):
            graph, end = self.tapes[side], self.ends[side]
            given = {pair[side]: values[pair[0]] for pair in self.moving}
            given = {i: x.astype(wide(graph.metas[i].dtype)) for i, x in given.items()}
            try:
                found.append(Replay(graph, given, (end,)).run(given)[0])
            except (GradcliError, np.linalg.LinAlgError):  # a matrix is singular there
                return None
        return found[0], found[1]

    @cached_property
    def elsewhere(self) -> list[tuple[Array, Array]]:
        """What both sides make of other inputs, at points drawn at random where they are finite.

        They are around the runs' own point, or around 0 where nothing is finite there.
        """
        if not self.moving:
            return []
        return self._drawn(around=True) or self._drawn(around=False)

    def _drawn(self, *, around: bool) -> list[tuple[Array, Array]]:
        found = []
        for seed in range(POINTS):
            generator = np.random.default_rng(seed)
            values = {
                p: moved(x, SPREAD, generator) if around else generator.standard_normal(x.shape)
                for p, x in self.here.items()
            }
            sides = self.at(values)
            if sides is not None and all(np.all(np.isfinite(x)) for x in sides):
                found.append(sides)
        return found

    @cached_property
    def same_function(self) -> bool:
        """Whether both sides are the same function, as far as random points show it."""
        return len(self.elsewhere) > 1 and all(equal(x, y) for x, y in self.elsewhere)

    @property
    def sides(self) -> tuple[tuple[Side, list[int]], tuple[Side, list[int]]]:
        """Both runs, with the rows between the inputs and the pair."""
        return (self.pair.a, self.left_rows), (self.pair.b, self.right_rows)

    def numbers(self) -> dict[float, list[str]]:
        """Return where numbers stand that a factor may come from: in text, as sizes, as logs."""
        found: dict[float, list[str]] = {
            float(np.log(2)): ["is the natural logarithm of 2"],
            float(np.log(10)): ["is the natural logarithm of 10"],
        }
        for side, rows in self.sides:
            for id in rows:
                for value in _stated(side, id):
                    spot = side.spot(id)
                    words = f"stands in `{spot.source}` in line {spot.line}"
                    found.setdefault(abs(float(value)), [words])
        for p, _ in self.inputs:
            name = self.pair.a.spot(p).label
            shape = self.pair.a.graph.metas[p].shape
            for size in {*shape, int(np.prod(shape))} if shape else ():
                whole = size == int(np.prod(shape))
                what = "the number of elements" if whole else "a size"
                words = f"is {what} of `{name}`"
                found.setdefault(float(size), []).insert(0, words)
        return found


def equal(x: Array, y: Array) -> bool:
    """Say whether two arrays are equal up to the rounding of double precision."""
    if x.shape != y.shape:
        return False
    x, y = (np.asarray(z, np.complex128 if z.dtype.kind == "c" else np.float64) for z in (x, y))
    with np.errstate(all="ignore"):
        size = max(float(np.abs(x).max(initial=0)), float(np.abs(y).max(initial=0)))
        return bool(np.all((np.abs(x - y) <= EQUAL * size) | (x == y)))


def moved(value: Array, spread: float, generator: np.random.Generator) -> Array:
    """Return numbers that differ by parts of their size, those that are 0 of the usual size."""
    double = value.astype(wide(value.dtype))
    size = np.abs(double)
    nonzero = size[(size > 0) & np.isfinite(size)]
    usual = float(np.median(nonzero)) if nonzero.size else 1.0
    step = generator.uniform(-1, 1, value.shape)
    return np.asarray(double + spread * np.where(size > 0, size, usual) * step)


def _target(side: Side, id: int) -> int:
    """Return the row whose operation made the value of another."""
    return id if side.graph.ops[id] is not None or not side.parents[id] else side.parents[id][0]


def _behind(side: Side, id: int, known: Mapping[int, int]) -> tuple[list[int], list[int]]:
    """Return the paired rows that a row is made of, and the unpaired ones between, with itself."""
    front, rows, pending = set[int](), {id}, list(side.parents[id])
    while pending:
        i = pending.pop()
        if i in known and i != _target(side, id):
            front.add(i)
        elif i not in rows:
            rows.add(i)
            pending.extend(side.parents.get(i, ()))
    return sorted(front), sorted(rows)


def _stated(side: Side, id: int) -> Iterator[Any]:
    """Yield the numbers among a row's operands and attributes."""
    graph = side.graph
    row = graph.producer(id)
    values = [graph.scalars[~i] for i in graph.inputs[row] if i < 0]
    for value in (*values, *graph.attrs[row].values()):
        if isinstance(value, int | float) and not isinstance(value, bool) and value == value:
            yield value
    if graph.ops[id] is None and not graph.metas[id].shape and graph.metas[id].dtype.kind in "fiu":
        yield float(side.value(id))
