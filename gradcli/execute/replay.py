"""The same tape with other values of some leaves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from gradcli.execute.plain import compute, evaluate
from gradcli.execute.scalars import run
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.rule.meta import SCALAR


class Replay:
    """The same tape with other values of some leaves.

    Only the nodes that depend on those leaves are computed again; the rest is read from the
    graph. With the leaves' own values the results are the same bit for bit, but for the last digits
    of sums that were taken in blocks. Rows that are `held`
    keep their values, as what is detached does for a derivative.
    """

    def __init__(
        self,
        graph: Graph,
        leaves: Iterable[int],
        targets: Iterable[int],
        held: Iterable[int] = (),
    ) -> None:
        self.graph = graph
        self.leaves = frozenset(leaves)
        self.targets = tuple(targets)
        self.held = frozenset(held)
        compute(graph, self.targets)
        self.plan = self._plan()

    def _plan(self) -> list[int]:
        graph, moved = self.graph, set(self.leaves)
        start, stop = min(moved, default=0), max(self.targets, default=-1) + 1
        for id in range(start, stop):
            if id not in self.held and not moved.isdisjoint(graph.inputs[id]):
                moved.add(id)
        needed, stack = set(), [i for i in self.targets if i in moved]
        while stack:
            id = stack.pop()
            if id not in needed:
                needed.add(id)
                stack.extend(i for i in graph.inputs[id] if i in moved)
        return sorted(needed - self.leaves)

    def run(self, values: Mapping[int, Array]) -> tuple[Array, ...]:
        """Return the targets' values when the leaves have other values."""
        metas = self.graph.metas
        now = _Overlay(
            self.graph, {i: x.item() if metas[i] == SCALAR else x for i, x in values.items()}
        )
        with np.errstate(all="ignore"):
            run(self.graph, self.plan, now, evaluate)
        found = (now[i] for i in self.targets)
        return tuple(np.array(y) if type(y) is float else y for y in found)


class _Overlay:
    """Values of a graph with some replaced; numbers are floats, as the tape has them."""

    def __init__(self, graph: Graph, changed: dict[int, Any]) -> None:
        self.graph = graph
        self.changed = changed

    def __getitem__(self, id: int) -> Any:
        found = self.changed.get(id)
        if found is None:
            found = self.graph.stored[id]
        return self.graph.value(id) if found is None else found

    def __setitem__(self, id: int, value: Any) -> None:
        self.changed[id] = value
