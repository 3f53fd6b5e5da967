"""Where nan and infinity begin, in the order in which it happens, and what each beginning spoils.

A value begins to be nan or infinite at a row whose operands are finite, or make nan of infinities
(`inf - inf`, `0 * inf`); a gradient at a use of a row that makes it so from a finite one. What
follows from a beginning is no beginning: it is counted to it, row by row, on both ways.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

import numpy as np

from gradcli.diagnose.findings import Index
from gradcli.diagnose.nonfinite.forms import alike
from gradcli.diagnose.subject import Edge, Flow, Subject
from gradcli.graph import OUTPUT, Graph
from gradcli.rule.dtypes import Array, is_differentiable
from gradcli.rule.rule import Elementwise

MOST = 64  # beginnings that are told apart; further ones are counted to none


@dataclass(eq=False)
class Event:
    """A beginning.

    `row` is the operation, `at` the row whose value (in the forward pass) or gradient (in the
    backward pass, through the `edge` of a `flow`) is not finite, `index` the first such element,
    `value` what it is and `count` how many begin here. `given` marks an infinity or nan that the
    file has written down or read. `then` are the rows that make nan of what began as infinity,
    `zeros` those that make 0 of it. `spoils` are targets that it reaches: the root's row, and
    parameters whose gradient it reaches. `inner` is the element of the operation's result that it
    begins with, None where an operation does not go element by element. `moment` is its place in
    time: see `Sighting`. What begins in several turns of a loop is one beginning, of the first of
    them; `turns` counts them.
    """

    position: int
    row: int
    at: int
    index: Index
    value: complex
    count: int
    given: bool = False
    flow: Flow | None = None
    edge: Edge | None = None
    inner: Index | None = None
    moment: tuple[int, int] = (0, 0)
    turns: int = 1
    then: list[int] = field(default_factory=list)
    zeros: list[int] = field(default_factory=list)
    root: bool = False
    grads: list[int] = field(default_factory=list)

    @property
    def stage(self) -> int:
        """0 in the forward pass, 1 in the backward pass."""
        return 0 if self.edge is None else 1

    @property
    def spoils(self) -> bool:
        """Whether it reaches the root or the gradient of a parameter."""
        return self.root or bool(self.grads)

    @property
    def is_nan(self) -> bool:
        """Whether it begins as nan."""
        return bool(np.isnan(self.value))


Causes = dict[int, list[Event]]


class Events:
    """The beginnings of a run, in true order: `found`; those of gradients after those of values."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.graph = subject, subject.graph
        self.found: list[Event] = []
        self.values: Causes = {}  # the beginnings that a row's value has its nan and inf from
        self.bad: dict[int, Any] = {}  # which elements of a row's value are not finite
        self.sunk: Causes = {}  # the infinities that zeros in a row's value were made of
        self.places: dict[Hashable, Event] = {}  # beginnings, by what was computed where
        self.passed: dict[tuple[int, int], Causes] = {}  # what a pass has its gradients from
        self._forward()
        self._mark_values()
        for flow in subject.flows:
            self._backward(flow)

    # ---- values --------------------------------------------------------------------------

    def _forward(self) -> None:
        graph = self.graph
        for row in self.subject.rows:
            if is_differentiable(graph.metas[row].dtype) and (bad := _bad(graph, row)) is not None:
                self.bad[row] = bad
                self.values[row] = self._begin(row, bad)
            if (sunk := self._zeros(row)) is not None:
                self.sunk[row] = sunk

    def _zeros(self, row: int) -> list[Event] | None:
        """Return the infinities that have made zeros of a value, as of 1/(1 + inf).

        What takes the logarithm of such a 0, or divides by it, begins nothing.
        """
        graph, found = self.graph, list[Event]()
        for i in _operands(graph, row):
            found += [e for e in self.sunk.get(i, ()) if np.any(np.asarray(graph.value(row)) == 0)]
            if (theirs := self.bad.get(i)) is not None:
                lost = self._fed(theirs, row) & (np.asarray(graph.value(row)) == 0)
                mine = [e for e in self.values[i] if not e.given] if lost.any() else []
                for e in mine:
                    e.zeros.append(row)
                found += mine
        return list(dict.fromkeys(found)) or None

    def _begin(self, row: int, bad: Any) -> list[Event]:
        """Return the beginnings that a value has its bad elements from, a new one among them."""
        graph, value = self.graph, np.asarray(self.graph.value(row))
        if graph.ops[row] is None and (before := self._before(row)):
            return before
        causes: list[Event] = []
        new = np.array(bad, copy=True)
        made = np.isnan(value)  # nan that no operand brings
        for i in _operands(graph, row):
            if (theirs := self.bad.get(i)) is None:
                continue
            fed = self._fed(theirs, row)
            if np.any(fed & bad):
                causes += [e for e in self.values[i] if e not in causes]
            new &= ~fed
            made &= ~self._fed(np.isnan(np.asarray(graph.value(i))), row)
        if (derived := self._derived(row)) is not None:
            return list(dict.fromkeys([*causes, *derived]))
        given = graph.ops[row] is None or _is_given(graph, row)
        if causes and made.any() and not new.any():
            if not all(e.given for e in causes):
                for e in causes:
                    e.then.append(row)
            else:  # an infinity was meant, what became of it was not
                new, causes = made, []
        if not new.any() or len(self.found) == MOST:
            return causes
        if sunk := [e for i in _operands(graph, row) for e in self.sunk.get(i, ())]:
            return list(dict.fromkeys([*causes, *sunk]))
        place = graph.ops[row], graph.notes.spans[row], graph.notes.called_at(row)
        if graph.ops[row] is not None and (again := self._again(place, row)) is not None:
            again.turns += graph.notes.spans[again.row] == graph.notes.spans[row]
            return [*causes, again]
        index = tuple(int(k) for k in np.argwhere(new)[0])
        count = int(np.count_nonzero(new))
        inner = index if _by_element(graph, row) else None
        begun = Event(row, graph.producer(row), row, index, complex(value[index]), count, given,
                      inner=inner, moment=(0, row))  # fmt: skip
        self.found.append(begun)
        self.places[place] = begun
        return [*causes, begun]

    def _again(self, place: Hashable, row: int) -> Event | None:
        """Return a beginning at the same place, or of the same numbers, computed once more."""
        if (found := self.places.get(place)) is not None:
            return found
        values = (e for e in self.found if e.edge is None)
        return next((e for e in values if alike(self.subject, e.row, row)), None)

    def _before(self, row: int) -> list[Event]:
        """Return what a leaf has its bad elements from that a run itself has made.

        That is a parameter after its update, a copy of a value, or a gradient that was read.
        """
        graph = self.graph
        if (source := graph.notes.sources.get(row)) is not None:
            return self.values.get(source, [])
        if graph.notes.origins[row] != "gradient":
            # data of one file are leaves of one line, of which none has come from another
            updated = row and graph.ops[row - 1] is not None
            updated = updated and graph.notes.spans[row] == graph.notes.spans[row - 1]
            return self.values.get(row - 1, []) if updated else []
        passes = self.subject.session.passes
        number = bisect_left(passes, row, key=lambda start: start.root) - 1
        if number < 0:
            return []
        start = passes[number]
        if (causes := self.values.get(start.root)) is None:
            flow = next((f for f in self.subject.flows if f.start is start), None)
            leaves = self._backward(flow or Flow(graph, start))
            causes = [e for i, found in leaves.items() if graph.ops[i] is None for e in found]
        return list(dict.fromkeys(causes))

    def _derived(self, row: int) -> list[Event] | None:
        """Return what a gradient on the tape has its bad elements from; None where it is not known.

        It has them from the pass that made it, not from the operations that its rules are made of.
        """
        graph = self.graph
        if graph.notes.origins[row] != "gradient" or graph.ops[row] is None:
            return None
        around = [x for x in self.subject.derived if row in x.rows]
        innermost = [x for x in around if x.rows == around[-1].rows]
        causes: list[Event] = []
        for one in innermost:
            if all(_is_finite(graph.value(i)) for i in one.gradients):
                return []  # a rule has nan in it, and covers it
            found = self._backward(one.flow)
            causes += [e for i in one.step.wanted for e in found.get(i, ())]
        return list(dict.fromkeys(causes)) or None

    def _fed(self, bad: Any, row: int) -> Array:
        """Return to which elements of a result an operand's bad ones may have come."""
        shape = self.graph.metas[row].shape
        if _by_element(self.graph, row):
            return np.broadcast_to(np.asarray(bad), shape)
        return np.full(shape, bool(np.any(bad)))

    def _mark_values(self) -> None:
        """Say which beginnings reach the root's value."""
        root, graph = self.subject.root, self.graph
        gradients = {i for step in graph.autograd.steps for i in step.found if i is not None}
        results = [node.id for node in self.subject.session.tracer.results]
        for row in {*results, *gradients} if root is None else [root]:
            for e in self.values.get(row, ()):
                if row in gradients:
                    e.grads.append(row)
                else:
                    e.root = True

    # ---- gradients -----------------------------------------------------------------------

    def _backward(self, flow: Flow) -> Causes:
        """Return by row the beginnings that the gradients of a pass have come from."""
        begun = flow.start.at, flow.start.root
        if begun in self.passed:
            return self.passed[begun]
        causes: Causes = {}
        self.passed[begun] = causes
        if all(_is_finite(g) for g in flow.cotangents.values()):
            return causes
        last = any(flow.start is x for x in self.subject.session.passes[-1:])
        for position, row in enumerate(flow.order):
            moment = (1, position) if last else (0, flow.start.at)
            arrived = self._arrived(row, causes)
            op = self.graph.ops[row]
            if op is OUTPUT:
                causes.setdefault(self.graph.inputs[row][0], []).extend(arrived)
                continue
            for edge in flow.edges(row):
                if _is_finite(flow.cotangents.get(edge.operand)):
                    continue
                self._use(flow, edge, arrived, causes, moment)
        for leaf in self.subject.parameters:
            grad = self.graph.grad(leaf)
            if grad is None or _is_finite(grad):
                continue
            for old in self._rows_of(leaf, flow):
                for e in causes.get(old, ()):
                    if leaf not in e.grads:
                        e.grads.append(leaf)
        return causes

    def _rows_of(self, leaf: int, flow: Flow) -> list[int]:
        """Return the rows of a pass that a parameter has been: updates make another row of it."""
        graph = self.graph
        return [i for i in flow.order if graph.ops[i] is None and graph.current(i) == leaf]

    def _arrived(self, row: int, causes: Causes) -> list[Event]:
        graph = self.graph
        rows = range(row, row + 1 + graph.widths.get(row, 0))
        return list(dict.fromkeys(e for i in rows for e in causes.get(i, ())))

    def _use(
        self, flow: Flow, edge: Edge, arrived: list[Event], causes: Causes, moment: tuple[int, int]
    ) -> None:
        """Count what a use passes on to a beginning: an earlier one, or one of its own."""
        part = flow.part(edge)
        bad = ~np.isfinite(part)
        if not bad.any():
            return
        behind = list(arrived) or self._taken_at(edge, part)
        if arrived and np.isnan(part).any() and not _has_nan(flow.cotangents[edge.row]):
            for e in behind:
                e.then.append(edge.row)
        inner = self._own(flow, edge)
        place = (
            edge.op,
            self.graph.notes.spans[edge.row],
            self.graph.notes.called_at(edge.row),
            flow,
        )
        again = self.places.get(place)
        if again is not None and inner is not None and again not in behind:
            self._once_more(again, edge, inner, part)
            behind.append(again)
        elif again is None and (not behind or inner is not None) and len(self.found) < MOST:
            index = inner
            if inner is None or bad.shape != self.graph.metas[edge.row].shape:
                index = tuple(int(k) for k in np.argwhere(bad)[0])
            assert index is not None, "an element is named"
            begun = Event(moment[1], edge.row, edge.operand, index, complex(part[index]),
                          int(np.count_nonzero(bad)), flow=flow, edge=edge, inner=inner,
                          moment=moment)  # fmt: skip
            self.found.append(begun)
            self.places[place] = begun
            behind.append(begun)
        mine = causes.setdefault(edge.operand, [])
        mine += [e for e in behind if e not in mine]

    def _once_more(self, again: Event, edge: Edge, inner: Index, part: Any) -> None:
        """Count the same in an earlier turn: backward goes from the last one to the first."""
        if edge.row == again.row:  # by another operand
            return
        again.turns += 1
        if part.shape == self.graph.metas[edge.row].shape:
            again.row, again.at, again.edge = edge.row, edge.operand, edge
            again.index, again.inner, again.value = inner, inner, complex(part[inner])

    def _taken_at(self, edge: Edge, part: Any) -> list[Event]:
        """Return the beginnings of values that a derivative is taken at."""
        found: list[Event] = []
        for i in (*_operands(self.graph, edge.row), edge.row):
            found += [e for e in self.values.get(i, ()) if e not in found]
        if np.isnan(part).any():  # an infinity was meant, what becomes of it is not
            return [e for e in found if e.is_nan or not e.given]
        return found

    def _own(self, flow: Flow, edge: Edge) -> Index | None:
        """Return the first element of a result whose derivative alone is to blame.

        None where all have come from before, and where an operation goes not element by element.
        """
        g = flow.cotangents[edge.row]
        if not _by_element(self.graph, edge.row) or isinstance(g, list | tuple):
            return None
        made = ~np.isfinite(flow.part(edge, whole=True)) & np.isfinite(g)
        for i in (*_operands(self.graph, edge.row), edge.row):
            if i in self.values:
                made = made & ~np.broadcast_to(self.bad[i], made.shape)
        return tuple(int(k) for k in np.argwhere(made)[0]) if np.any(made) else None


def _by_element(graph: Graph, row: int) -> bool:
    """Say whether each element of a row's value is computed from one of each operand."""
    op = graph.ops[graph.producer(row)]
    return op is not None and isinstance(op.derivative, Elementwise)


def _is_given(graph: Graph, row: int) -> bool:
    """Say whether a row has a number that is not finite among its operands or attributes."""
    producer = graph.producer(row)
    numbers = [graph.scalars[~i] for i in graph.inputs[producer] if i < 0]
    numbers += list(graph.attrs[producer].values())
    return any(isinstance(x, float) and not isfinite(x) for x in numbers)


def _operands(graph: Graph, row: int) -> Iterator[int]:
    for i in graph.inputs[graph.producer(row)]:
        if i >= 0 and is_differentiable(graph.metas[i].dtype):
            yield i


def _bad(graph: Graph, row: int) -> Any:
    """Return which elements of a row are not finite, None where all are."""
    bad = ~np.isfinite(graph.value(row))
    return bad if bad.any() else None


def _is_finite(g: Any) -> bool:
    parts = g if isinstance(g, list | tuple) else [g]
    return all(x is None or bool(np.isfinite(x).all()) for x in parts)


def _has_nan(g: Any) -> bool:
    parts = g if isinstance(g, list | tuple) else [g]
    return any(x is not None and bool(np.isnan(x).any()) for x in parts)
