"""How kinds of findings are made of what was found: sightings, and rewritings of them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.findings import Edit, Find, Rewrite, Sighting
from gradcli.diagnose.silent import edits
from gradcli.diagnose.silent.cut import NOT_IMPLEMENTED, Cut, cut_off, read_at, severed
from gradcli.diagnose.silent.judges import listed
from gradcli.diagnose.silent.result import name_of, result_row
from gradcli.diagnose.silent.zero import Stopped, stopped
from gradcli.diagnose.subject import Subject


def zero(name: str) -> Find:
    """Return what finds where gradients are made 0 in a way."""

    def find(subject: Subject) -> Iterator[Sighting]:
        for one in stopped(subject):
            if one.name == name:
                labels = [name_of(subject, i) for i in one.silences]
                yield Sighting(
                    f"{one.words}; {_gradient(subject, one)} is {_size(subject, one)}.",
                    row=one.row,
                    key=("silent", one.silences),
                    spoils=tuple(
                        f"{label}.grad" if subject.graph.requires_grad[i] else label
                        for i, label in zip(one.silences, labels, strict=True)
                    ),
                )

    return find


def _gradient(subject: Subject, one: Stopped) -> str:
    """Return what is 0: the gradient of parameters, or what a call of `grad(f)` gives."""
    labels = listed([name_of(subject, i) for i in one.silences])
    named = all(subject.graph.requires_grad[i] for i in one.silences)
    return f"the gradient of {labels}" if named else f"the gradient that {labels} gives"


def _size(subject: Subject, one: Stopped) -> str:
    """Return how large the gradients are that a row has let through: `0`, or next to that."""
    grads = [g for i in one.silences if (g := subject.graph.grad(i)) is not None]
    largest = max((float(np.abs(g).max(initial=0.0)) for g in grads), default=0.0)
    return f"{largest:.2g} at most" if largest else "0"


def cut(name: str) -> Find:
    """Return what finds where ways back to parameters are cut in a way."""

    def find(subject: Subject) -> Iterator[Sighting]:
        for one in cut_off(subject):
            if one.name == name:
                labels = [name_of(subject, i) for i in one.silences]
                top = result_row(subject)
                result = "The result" if top is None else f"`{name_of(subject, top)}`"
                yield Sighting(
                    f"{one.words}. {result} depends on {listed(labels)}, and no gradient comes "
                    f"back.{_silenced(result) if severed(subject) else ''}",
                    row=one.row,
                    span=one.span,
                    severity=one.severity,
                    key=("silent", one.silences),
                    spoils=tuple(f"{label}.grad" for label in labels),
                    evidence=one,
                )

    return find


def _silenced(result: str) -> str:
    """Say what a result that requires a gradient by itself is good for."""
    return (
        f" That {result} is made to require a gradient silences the message of backward(), and "
        "brings none to what it was computed from."
    )


def underivable(subject: Subject) -> Iterator[Sighting]:
    """Yield the operation without a derivative: PyTorch refuses it, or passes by in silence."""
    fault, graph = subject.fault, subject.graph
    told = None if fault is None else NOT_IMPLEMENTED.search(fault.message)
    if fault is not None and fault.span is not None and told is not None:
        rows = [i for i in range(len(graph)) if graph.label(i) == told[1]]
        span = subject.span(rows[-1]) if rows else fault.span
        yield Sighting(
            f"`{subject.source.snippet(span)}` is given something that requires a gradient, and "
            f"{told[1]}() has no derivative: no gradient comes back through it.",
            span=span,
            moment=(0, len(subject.graph)),
            key=("silent", span),
        )
    yield from cut("no-derivative")(subject)


def opened(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield files without what cuts: at its place, and at all places together."""
    found = sighting.evidence
    assert isinstance(found, Cut), "it is the evidence of a cut"
    ways = [list(_at(subject, row)) for row in (found.row, *found.others)]
    stacks = list(edits.stacked(subject, edits.readings(subject)))
    if stacks and found.name == "copied-values":
        yield Rewrite(tuple(stacks), "a stack of tensors has their history")
    for edit in ways[0]:
        yield Rewrite((edit,), "what was cut off is part of the graph")
    cut = [edit for way in ways for edit in way[-1:]]
    if cut:
        further = [
            r
            for r in edits.readings(subject)
            if not any(r.span.start < c.span.end and c.span.start < r.span.end for c in cut)
        ]
        every = tuple(dict.fromkeys([*cut, *_apart(further)]))
        yield Rewrite(every, "it stays a tensor, which has its history")
    if found.others and all(ways):
        yield Rewrite(tuple(dict.fromkeys(way[0] for way in ways)), "all of it is in the graph")


def _at(subject: Subject, row: int) -> Iterator[Edit]:
    statement = edits.statement_at(subject, subject.span(row))
    if statement is not None and subject.written(statement.span).endswith(".detach_()"):
        yield Edit(edits.lines_of(subject, statement), "")
    yield from edits.taken_off(subject, subject.span(row))
    for span in (subject.span(row), subject.graph.notes.called_at(row)):
        if span is not None:
            yield from edits.recorded(subject, span)


def kept_tensors(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield files in which a tensor stays one where it was read as a number."""
    assert sighting.row is not None, "a number was read of a row"
    why = "what stays a tensor has its history"
    every = edits.readings(subject)
    for edit in read_at(subject, sighting.row):
        yield Rewrite((edit,), why)
    stacks = list(edits.stacked(subject, every))
    if stacks:
        yield Rewrite(tuple(stacks), why)
    if len(every) > 1:
        yield Rewrite(tuple(_apart(every)), why)


def _apart(every: list[Edit]) -> list[Edit]:
    """Return those edits that lie in no other."""
    return [a for a in every if not any(b != a and b.span.start <= a.span.start
            and a.span.end <= b.span.end for b in every)]  # fmt: skip
