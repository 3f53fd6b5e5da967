"""Which operation is responsible: for a kink, an edge of a domain, a cut."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.errors import Source
from gradcli.execute import Replay, compute
from gradcli.graph import OUTPUT, Graph
from gradcli.rule.dtypes import Array
from gradcli.verify.probe import Outputs, Probe, held_elements

POINTS = (0.0, 1.0, -1.0, 2.0, -2.0)


@dataclass(frozen=True)
class Reason:
    """An operation, its line, and what its row of the table says of the derivative there."""

    op: str
    line: int
    convention: str = ""

    def __str__(self) -> str:
        return f"{self.op} (line {self.line})"


def reason(graph: Graph, source: Source, id: int) -> Reason:
    """Return a row of the tape as a reason."""
    op = graph.ops[graph.producer(id)]
    assert op is not None, "a leaf is no reason"
    return Reason(op.label, source.line_of(graph.notes.spans[id]), op.kink)


class Line:
    """The values of every row along a line through the point: one element moves."""

    def __init__(self, probe: Probe, element: int, step: float) -> None:
        self.graph = probe.graph
        self.rows = [i for i in probe.replay.plan if not probe.graph.is_tuple(i)]
        self.leaf = probe.leaf
        replay = Replay(probe.graph, (probe.leaf,), (probe.leaf, *self.rows), probe.held)
        value = np.array(probe.graph.values[probe.leaf], order="C")
        flat = value.reshape(-1).view(np.float64)
        self.values: dict[int, list[Any]] = {i: [] for i in (probe.leaf, *self.rows)}
        for k in POINTS:
            flat[element] = probe.base[element] + k * step
            for id, found in zip(self.values, replay.run({probe.leaf: value}), strict=True):
                self.values[id].append(np.array(found))

    def first(self, odd: Callable[[list[Array]], bool]) -> int | None:
        """Return the first row whose values are odd while those of its operands are not."""
        for id in self.rows:
            operands = [i for i in self._operands(id) if i in self.values]
            if odd(self.values[id]) and not any(odd(self.values[i]) for i in operands):
                return id
        return None

    def _operands(self, id: int) -> list[int]:
        graph = self.graph
        row = graph.producer(id) if graph.ops[id] is OUTPUT else id
        return [i for i in graph.inputs[row] if i >= 0]


def not_finite(values: list[Array]) -> bool:
    """Say whether a row is not finite somewhere on the line."""
    return any(not np.all(np.isfinite(v)) for v in values if v.dtype.kind in "fc")


def not_smooth(values: list[Array]) -> bool:
    """Say whether a row jumps or has a kink at the point: its second difference is too large.

    It falls with h² for a smooth function, with h at a kink, and not at all at a jump.
    """
    if values[0].dtype.kind not in "fc":
        return False  # a comparison may change: what is chosen by it is to be named
    start, plus, minus, plus2, minus2 = values
    with np.errstate(all="ignore"):
        near, far = np.abs(plus - 2 * start + minus), np.abs(plus2 - 2 * start + minus2)
        moved = np.abs(plus - start) + np.abs(start - minus)
        kink = (near > 1e-4 * moved) & (far < 3 * near)
        jump = (moved > 0) & (np.abs(plus2 - start) + np.abs(start - minus2) < 1.2 * moved)
        return bool(np.any(kink | jump))


def cuts(graph: Graph, leaf: int, roots: tuple[int, ...]) -> list[int]:
    """Return the rows at which the gradient's way to a leaf ends, though values depend on it.

    These carry no gradient (`detach`, `no_grad`, comparisons) or have a derivative of zero.
    """
    moved = {leaf}
    for id in range(leaf + 1, max(roots) + 1):
        if any(i in moved for i in graph.inputs[id]):
            moved.add(id)
    found, seen, stack = [], set(), [i for i in roots if i in moved]
    while stack:
        id = stack.pop()
        if id in seen or id == leaf:
            continue
        seen.add(id)
        if _stops(graph, id, moved):
            found.append(id)
        else:
            stack.extend(i for i in graph.inputs[id] if i in moved)
    # what a comparison chooses is no cut where a gradient flows beside it
    return sorted(found, key=lambda i: (graph.metas[i].dtype.kind not in "fc", i))


def _stops(graph: Graph, id: int, moved: set[int]) -> bool:
    op = graph.ops[id]
    if op is not None and op.kink.startswith("0 everywhere"):
        return True
    if held_elements(graph, id) is not None:
        return True
    flowing = any(i in moved and graph.requires_grad[i] for i in graph.inputs[id])
    return flowing and not graph.requires_grad[id]


def lost(graph: Graph, outputs: Outputs, output: int) -> int | None:
    """Return the row whose derivative turns a finite cotangent into nan or infinity."""
    seed = next(islice(outputs.cotangents(graph), output, None))
    order = autodiff.reachable(graph, seed)
    compute(graph, seed)
    with np.errstate(all="ignore"):
        found = autodiff.pull(graph, dict(seed), order, graph.values.__getitem__)
        return next((i for i in order if i in found and _loses(graph, i, found[i])), None)


def _loses(graph: Graph, id: int, g: Any) -> bool:
    """Say whether a row's derivative makes nan or infinity of a finite cotangent."""
    op, inputs = graph.ops[id], graph.inputs[id]
    if op is None or op is OUTPUT or op.derivative is None or not _finite(g):
        return False
    operands = tuple(graph.values[i] if i >= 0 else graph.scalars[~i] for i in inputs)
    return any(
        not _finite(op.derivative.vjp(slot, g, graph.values[id], operands, graph.attrs[id]))
        for slot, i in enumerate(inputs)
        if i >= 0 and graph.requires_grad[i] and op.derivative.body(slot) is not None
    )


def _finite(cotangent: Any) -> bool:
    parts = cotangent if isinstance(cotangent, list) else [cotangent]
    return all(part is None or bool(np.all(np.isfinite(part))) for part in parts)
