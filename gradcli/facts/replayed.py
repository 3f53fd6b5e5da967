"""A replay held to its record: row by row, what the program's own run has given, and what this."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import inf

import numpy as np

from gradcli.execute import is_large
from gradcli.graph import Node
from gradcli.inspection import Array, Difference, NodeFacts, RecordedRow, RecordFacts
from gradcli.recording import Record, Recorded, distance, rounding
from gradcli.session import Session, passes_of


def replayed(session: Session, nodes: Mapping[int, NodeFacts]) -> RecordFacts | None:
    """Return how a run differs from the record that its file replays, None where it replays none.

    Gradients are compared where the run has those of the file's own backward passes.
    """
    record = session.tracer.record
    return None if record is None else _Held(session, record, nodes).facts()


class _Held:
    def __init__(self, session: Session, record: Record, nodes: Mapping[int, NodeFacts]) -> None:
        self.session, self.record, self.nodes = session, record, nodes
        self.ids = _named(session)
        began = [(start.root, start.at) for start in passes_of(session.tracer)]
        self.own = bool(began) and began == [(start.root, start.at) for start in session.passes]
        # nothing is said where several passes reached a row, or intermediates are not stored
        self.flows = len(session.passes) == 1 and not is_large(session.graph)
        gradients = [*record.grads.values(), *record.cotangents.values()]
        self.largest = max(map(_largest, gradients), default=0.0)
        self.gaps: dict[str, float] = {}
        self.compared: dict[str, int] = {}

    def facts(self) -> RecordFacts:
        """Compare everything that the record has."""
        record, rows, absent = self.record, dict[int, RecordedRow](), list[str]()
        told = (record.rows, record.grads, record.cotangents, record.values)
        for name in dict.fromkeys(name for table in told for name in table):
            id = self.ids.get(name)
            if id is None or id not in self.nodes:
                absent.append(name)
                continue
            known = record.rows.get(name, Recorded())
            found = tuple(self._differences(name, known, id))
            rows[id] = RecordedRow(known.place, known.source, known.module, found)
        lines = {self.nodes[id].line: row for id, row in sorted(rows.items())}
        return RecordFacts(
            record.file,
            record.torch,
            rows,
            lines,
            tuple(absent),
            self.own,
            self.compared,
            self.gaps,
        )

    def _differences(self, name: str, known: Recorded, id: int) -> Iterator[Difference]:
        node, record = self.nodes[id], self.record
        if known.grad_fn:
            self.compared["grad_fn"] = self.compared.get("grad_fn", 0) + 1
            if known.grad_fn != node.grad_fn:
                words = f"grad_fn is {known.grad_fn} in the record, {node.grad_fn} here"
                yield Difference("grad_fn", inf, words)
        if name in record.values:
            yield from self._gap("value", node.value, record.values[name], 0.0)
        if not self.own:
            return
        if name in record.grads:
            yield from self._gap("gradient", node.grad, record.grads[name], self.largest)
        if name in record.cotangents and (self.flows or node.gradient is not None):
            yield from self._gap("gradient", node.gradient, record.cotangents[name], self.largest)

    def _gap(
        self, kind: str, found: Array | None, expected: Array, largest: float
    ) -> Iterator[Difference]:
        """Compare two arrays; `largest` is the largest element of all that they are among.

        What is below its last digit is what large terms leave that cancel.
        """
        self.compared[kind] = self.compared.get(kind, 0) + 1
        digits = rounding(expected.dtype)
        tolerance = digits if self.record.tolerance is None else self.record.tolerance
        if found is None:
            yield Difference(kind, inf, f"{kind} is in the record, and none here")
            return
        floor = largest * digits**1.5 / tolerance if tolerance else 0.0
        gap = distance(np.asarray(found), expected, floor)
        if gap <= tolerance:
            self.gaps[kind] = max(self.gaps.get(kind, 0.0), gap)
        else:
            yield _difference(kind, np.asarray(found), expected, gap)


def _difference(kind: str, found: Array, expected: Array, gap: float) -> Difference:
    """Return how two arrays differ."""
    if found.shape != expected.shape:
        shapes = f"{list(expected.shape)} in the record, {list(found.shape)} here"
        return Difference(kind, gap, f"{kind} is of shape {shapes}")
    for name, test in (("nan", np.isnan), ("inf", np.isinf)):
        there, here = int(test(expected).sum()), int(test(found).sum())
        if there and not here:
            return Difference(
                kind, gap, f"{kind} has {there:,} {name} in the record, none here", nonfinite=True
            )
        if here and not there:
            return Difference(
                kind, gap, f"{kind} has {here:,} {name} here, none in the record", nonfinite=True
            )
    if gap == inf:
        words = f"{kind} is nan or infinite in other places than in the record"
        return Difference(kind, gap, words, nonfinite=True)
    return Difference(kind, gap, f"{kind} differs by {gap:.2g} of its largest element")


def program_place(session: Session, line: int) -> str:
    """Return where the recorded program has what a line of its replay does, with its text there.

    "" where the file replays no record, or that is not known.
    """
    record = session.tracer.record
    if record is None:
        return ""
    spans, line_of = session.graph.notes.spans, session.source.line_of
    ids = _named(session)
    rows = (row for name, row in (*record.rows.items(), *record.leaves.items())
            if row.place and name in ids and line_of(spans[ids[name]]) == line)  # fmt: skip
    row = next(rows, None)
    return "" if row is None else f"{row.place} `{row.source}`" if row.source else row.place


def _largest(array: Array) -> float:
    finite = np.abs(array[np.isfinite(array)]) if array.dtype.kind in "fc" else array[:0]
    return float(finite.max(initial=0.0))


def _named(session: Session) -> dict[str, int]:
    """Return the rows by their names: those of the end of the file, and people's own."""
    notes = session.graph.notes
    found = {title: id for id, title in sorted(notes.titles.items())}
    found |= {name: id for id, name in sorted(notes.names.items())}
    scope = {n: x for n, x in session.tracer.scope.items() if isinstance(x, Node)}
    return found | {n: x.id for n, x in scope.items() if getattr(x, "is_readable", True)}
