"""The rows of the tape along a line through the point: which has a kink, which a wrong rule."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.graph import OUTPUT, Graph
from gradcli.rule.dtypes import Array
from gradcli.verify.probe import Probe

POINTS = (0.0, 1.0, -1.0, 2.0, -2.0)
FINER = 2.0**-4  # a second step: what looks like a kink at one alone is a bend
DISAGREE = 1e-4  # of a row's derivative, that its rule may be off by
APART = 0.25  # neighbouring numbers that are so far apart have jumps of `floor` between them


class Line:
    """The values of every row where one element moves by some steps."""

    def __init__(self, probe: Probe, element: int, step: float) -> None:
        self.probe, self.graph, self.step = probe, probe.graph, step
        moves = np.array([k * h for h in (step, FINER * step) for k in POINTS])
        self.values = probe.rows_at(element, moves)
        self.rows = [i for i in probe.replay.plan if not probe.graph.is_tuple(i)]

    def at(self, k: int) -> Mapping[int, Array]:
        """Return the values of all rows at one of the `POINTS`; those that stay are not there."""
        return {i: self.values[i][k] for i in (self.probe.leaf, *self.rows)}

    def moved(self, id: int) -> Array:
        """Return the derivative of a row's value along the line, of fourth order."""
        _, plus, minus, plus2, minus2 = self.values[id][: len(POINTS)]
        return np.asarray((8 * (plus - minus) - (plus2 - minus2)) / (12 * self.step))

    def kinks(self, *, anywhere: bool = False) -> list[int]:
        """Return the rows that have a kink or a jump here, where their operands have none.

        Those whose row of the table knows of one; `anywhere`: all.
        """
        bent = {i for i in self.rows if self._bends(i)}
        first = [i for i in self.rows if i in bent and not bent.intersection(self._operands(i))]
        return [k for i in first if anywhere or self._may(i) for k in self._chosen(i) or [i]]

    def _chosen(self, id: int) -> list[int]:
        """Return the masks and integers that a row without a kink of its own is multiplied with."""
        op = self.graph.ops[self.graph.producer(id)]
        alone = len(self._operands(id)) == 1
        if op is None or op.kink or not (op.promotes or alone):
            return []
        return self._choices(id)

    def _choices(self, id: int) -> list[int]:
        """Return the operands that move and are masks or integers."""
        metas = self.graph.metas
        moving = [i for i in self._operands(id) if i in self.values]
        return [i for i in moving if metas[i].dtype.kind not in "fc"]

    def between_jumps(self) -> Iterator[int]:
        """Yield the rows that jump more often than the numbers at their operand can show."""
        for id in self.rows:
            op = self.graph.ops[id]
            if op is None or not op.jumps:
                continue
            sizes = [
                float(np.abs(self._value(i)).max(initial=0.0)) if i >= 0 else
                abs(self.graph.scalars[~i])
                for i in self.graph.inputs[id]
            ]  # fmt: skip
            unit = sizes[1] if len(sizes) > 1 and sizes[1] else 1.0
            if np.spacing(sizes[0]) >= APART * unit:
                yield id

    def _operands(self, id: int) -> list[int]:
        return [i for i in self.graph.inputs[self.graph.producer(id)] if i >= 0]

    def _value(self, id: int) -> Any:
        return self.values[id][0] if id in self.values else self.graph.values[id]

    def _may(self, id: int) -> bool:
        """Say whether a row can have a kink: its own, a branch cut, or one of what it is told."""
        op = self.graph.ops[self.graph.producer(id)]
        cut = any(self.graph.metas[i].dtype.kind == "c" for i in self._operands(id))
        return bool(self._choices(id)) or cut or (op is not None and bool(op.kink))

    def _bends(self, id: int) -> bool:
        values = self.values[id]
        if values.dtype.kind not in "fc":
            return False  # a comparison may change: what is chosen by it is to be named
        count = len(POINTS)
        return _bends(values[:count]) and _bends(values[count:])


def _bends(values: Array) -> bool:
    """Say whether values jump or have a kink at the first: its second difference is too large.

    It falls with h² for a smooth function, with h at a kink, and not at all at a jump.
    """
    start, plus, minus, plus2, minus2 = values
    with np.errstate(all="ignore"):
        near, far = np.abs(plus - 2 * start + minus), np.abs(plus2 - 2 * start + minus2)
        moved = np.abs(plus - start) + np.abs(start - minus)
        kink = (near > 1e-4 * moved) & (far < 3 * near)
        jump = (moved > 0) & (np.abs(plus2 - start) + np.abs(start - minus2) < 1.2 * moved)
        return bool(np.any(kink | jump))


# ---- rules ---------------------------------------------------------------------------------


def culprit(line: Line) -> int | None:
    """Return the first row whose rule is not the derivative of its own values, if any.

    A random cotangent is pulled through each row: what its rule makes of it has to change, as the
    operands move, by as much as the result does.
    """
    graph, generator = line.graph, np.random.default_rng(0)
    for id in line.rows:
        if not graph.requires_grad[id]:
            continue
        results = [id] if graph.ops[id] is not OUTPUT else _all_of_own(graph, id)
        g = [generator.standard_normal(graph.metas[i].shape) for i in results]
        if not g:
            continue
        pulled = _pulled(line, graph.producer(id), g if graph.ops[id] is OUTPUT else g[0])
        moved = sum(_inner(part, line.moved(i)) for part, i in zip(g, results, strict=True))
        if pulled is None:
            continue
        if not abs(sum(pulled) - moved) <= DISAGREE * max(abs(moved), *map(abs, pulled)):
            return id
    return None


def _all_of_own(graph: Graph, id: int) -> list[int]:
    """Return all results of an operation of the file, where a row is the first of several."""
    whole = graph.producer(id)
    op = graph.ops[whole]
    if id != whole + 1 or op is None or op.derivative is None or not op.derivative.own:
        return []
    return [whole + 1 + k for k in range(graph.widths[whole])]


def _pulled(line: Line, id: int, g: Any) -> list[float] | None:
    """Return what each operand's part of a row's rule contributes, None for what is no array."""
    graph, values = line.graph, line.graph.values
    op = graph.ops[id]
    assert op is not None, "a leaf is not on the line"
    if op.derivative is None:
        return None
    inputs, parts = graph.inputs[id], [0.0]
    operands = tuple(values[i] if i >= 0 else graph.scalars[~i] for i in inputs)
    for slot, i in enumerate(inputs):
        if i not in line.values or not graph.requires_grad[i] or op.derivative.body(slot) is None:
            continue
        part = op.derivative.vjp(slot, g, values[id], operands, graph.attrs[id])
        part = autodiff.fit(part, graph, i, op.derivative.broadcasts)
        parts.append(_inner(part, line.moved(i)))
    return parts


def _inner(a: Array, b: Array) -> float:
    return float(np.real(np.vdot(a, b)))
