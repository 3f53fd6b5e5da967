"""One of two runs that are compared: its rows, what they are made of, values, what flowed back."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from gradcli.autodiff import pull_values, reachable, saw_uncounted, towards
from gradcli.compare.found import Spot
from gradcli.compare.gaps import precision
from gradcli.errors import SNIPPET_LENGTH, GradcliError, cropped
from gradcli.facts import inspect
from gradcli.facts.labels import operand_ids
from gradcli.graph import Graph
from gradcli.inspection import NodeFacts
from gradcli.rule.dtypes import Array
from gradcli.session import Session


class Side:
    """A run, read row by row; `ids` are the rows that a table of it would have."""

    def __init__(self, session: Session) -> None:
        self.session, self.graph = session, session.graph
        self.inspection = inspect(session)
        self._nodes = {node.id: node for node in self.inspection.nodes}
        self.ids = list(self._nodes)
        self.root = session.root
        self.names: dict[int, str] = self.graph.notes.names
        self._flows: dict[int, Mapping[int, Array]] = {}

    def node(self, id: int) -> NodeFacts:
        """Return the facts of a row."""
        return self._nodes[id]

    def spot(self, id: int) -> Spot:
        """Return what to call a row, and where it stands."""
        node = self.node(id)
        owner = self.names.get(self.session.tracer.grad_owners.get(id, -1))
        label = f"{owner}.grad" if owner and self.graph.ops[id] is None else node.label
        text = self.session.source.line_text(node.line).strip()
        return Spot(id, label, node.line, node.source, cropped(text, SNIPPET_LENGTH), self.turn(id))

    def turn(self, id: int) -> int | None:
        """Return which turn of a loop made a row, None where none did."""
        loops = self.inspection.loops
        place = bisect_right(loops, id, key=lambda loop: loop.turns[0]) - 1
        if place < 0 or id >= loops[place].turns[-1]:
            return None
        return bisect_right(loops[place].turns, id)

    @cached_property
    def parents(self) -> dict[int, tuple[int, ...]]:
        """What each row is made of; a leaf that took its value over, of what had it."""
        return {id: self._parents(id) for id in self.ids}

    def _parents(self, id: int) -> tuple[int, ...]:
        if self.graph.ops[id] is not None:
            return operand_ids(self.graph, id)
        source = self.graph.notes.sources.get(id)
        return (source,) if source is not None else self._updated_by(id)

    def _updated_by(self, id: int) -> tuple[int, ...]:
        """Return the row that computed what a parameter was updated to in place."""
        graph, before = self.graph, id - 1
        if before < 0 or not graph.requires_grad[id] or graph.ops[before] is None:
            return ()
        spans, metas = graph.notes.spans, graph.metas
        fits = spans[before] == spans[id] and metas[before].shape == metas[id].shape
        if fits and np.array_equal(graph.value(before), graph.value(id), equal_nan=True):
            return (before,)
        return ()

    @cached_property
    def children(self) -> dict[int, list[int]]:
        """What each row leads to."""
        found: dict[int, list[int]] = {id: [] for id in self.ids}
        for id, parents in self.parents.items():
            for i in parents:
                if i in found:
                    found[i].append(id)
        return found

    @cached_property
    def coarseness(self) -> dict[int, float]:
        """The precision of the coarsest floating numbers that led to each row."""
        found: dict[int, float] = {}
        known: dict[Any, float] = {}
        for id in self.ids:
            dtype = self.graph.metas[id].dtype
            if dtype not in known:
                known[dtype] = precision(dtype)
            most = known[dtype]
            for i in self.parents[id]:
                if (before := found.get(i, 0.0)) > most:
                    most = before
            found[id] = most
        return found

    def value(self, id: int) -> Array:
        """Return a row's value."""
        found: Array = self.graph.value(id)
        return found

    def is_gradient(self, id: int) -> bool:
        """Say whether a row is a leaf that holds a `.grad` which the file has read."""
        return self.graph.ops[id] is None and id in self.session.tracer.grad_owners

    def pass_before(self, id: int) -> int | None:
        """Return the number of the pass that made a `.grad`, or was the last before it was read.

        A pass that adds to a `.grad` makes rows for all of them before it is counted.
        """
        while id + 1 < len(self.graph) and self.is_gradient(id + 1):
            id += 1
        passes = [k for k, start in enumerate(self.session.passes) if start.at <= id + 1]
        return passes[-1] if passes else None

    def brought(self, id: int) -> bool:
        """Say whether a `.grad` that the file reads is what the pass before brought, and no sum."""
        name = self.names.get(self.session.tracer.grad_owners[id])
        flow = self.flow(self.pass_before(id))
        owners = [i for i in flow if self.graph.ops[i] is None and self.names.get(i) == name]
        return bool(owners) and np.allclose(flow[max(owners)], self.value(id), equal_nan=True)

    @property
    def last_pass(self) -> int | None:
        """The number of the last backward pass."""
        return len(self.session.passes) - 1 if self.session.passes else None

    def flow(self, which: int | None) -> Mapping[int, Array]:
        """Return what a pass carried back to each row, {} where that cannot be told."""
        if which is None:
            return {}
        if which not in self._flows:
            self._flows[which] = self.pulled(self.graph, which)
        return self._flows[which]

    def pulled(self, graph: Graph, which: int) -> Mapping[int, Array]:
        """Return what a pass carries back on a tape of the same rows."""
        start = self.session.passes[which]
        if 2 * graph.bytes > graph.limits.memory:  # gradients take as much as values do
            return {}
        order = reachable(graph, (start.root,))
        if start.inputs:
            order = towards(graph, order, start.inputs)
        if saw_uncounted(graph, order, start.at):
            return {}
        meta, steps = graph.metas[start.root], graph.steps
        given = np.ones(meta.shape) if start.cotangent is None else start.cotangent
        wanted = [i for i in order if not graph.is_tuple(i)]
        try:
            return pull_values(
                graph, {start.root: np.asarray(given, meta.dtype)}, order, wanted, graph.value
            )
        except GradcliError:  # beside the run there is no room for it: there is nothing to tell
            return {}
        finally:
            graph.steps = steps
