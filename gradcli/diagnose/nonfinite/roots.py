"""Roots that are taken of an error or a variance that is 0: gradients are inf or nan."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.nonfinite import pieces
from gradcli.diagnose.nonfinite.divisions import inside
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.measures import (
    Measure,
    exponent,
    measure,
    named,
    unshaped,
)
from gradcli.diagnose.nonfinite.told import at, number
from gradcli.diagnose.subject import Subject


def rooted(subject: Subject, event: Event) -> Measure | None:
    """Return what an operation takes the root of, where its derivative is not finite at 0."""
    graph = subject.graph
    if event.edge is None or event.edge.slot != 0:
        return None
    power = exponent(graph, event.row)
    if power is None or not 0 < power < 1 or not (subject.value(event.at) == 0).any():
        return None
    found = measure(graph, event.row)
    if found is None or found.kind != "norm" or named(graph, found.row) != "mean":
        return found
    is_difference = named(graph, unshaped(graph, found.of)) == "sub"
    return found._replace(kind="error") if is_difference else found


def _more(event: Event) -> str:
    return f" and at {event.count - 1:,} more" if event.count > 1 else ""


def error_root(subject: Subject, event: Event) -> str:
    """Say of a root of a squared error that the error is 0."""
    found = rooted(subject, event)
    if found is None or found.kind != "error":
        return ""
    return (
        f"`{subject.label(event.row)}` is the root of an error that is exactly 0 "
        f"(`{subject.label(event.at)}`): the gradient becomes {number(event.value)}, and nan "
        f"where it meets the error's own, 0."
    )


def spread_root(subject: Subject, event: Event) -> str:
    """Say of the root of a variance that the variance is 0."""
    found = rooted(subject, event)
    if found is None or found.kind != "spread":
        return ""
    return (
        f"`{subject.label(event.row)}` is the root of a variance that is 0{at(event.index)}"
        f"{_more(event)}: all elements of `{subject.label(found.of)}` there are the same. The "
        f"root's derivative is infinite, that of the variance 0, and together they are nan."
    )


def rewrites(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the library's deviation, which takes 0 there, or eps below the root."""
    event = sighting.evidence
    assert isinstance(event, Event), "it is a beginning"
    written, found = pieces.piece(subject, event.row), rooted(subject, event)
    if written is None or found is None:
        return
    graph = subject.graph
    under = pieces.piece(subject, event.at)
    if under is not None and found.row == event.at and named(graph, found.row) == "var":
        new = subject.written(written.operands[0].span)
        span = under.name_span
        if span is not None:
            begin = under.span.start
            text = subject.written(under.span)
            k = span.start - begin
            new = text[:k] + "std" + text[k + 3 :]
            yield Rewrite((Edit(written.span, new),), "std takes 0 for its derivative there")
    yield from inside(subject, found, event)
