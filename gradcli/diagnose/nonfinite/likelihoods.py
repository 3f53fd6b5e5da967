"""Likelihoods: probabilities that are rounded to 0, and scales that are 0."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.nonfinite import pieces
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.measures import exponent, named, operands, unshaped
from gradcli.diagnose.nonfinite.told import at, number
from gradcli.diagnose.subject import Subject
from gradcli.graph import Graph
from gradcli.syntax.tree import Expression, Name, nodes_of

LOGARITHMS = {"log", "log2", "log10"}
FORTH = 4  # operations that are gone on through, to where a logarithm is multiplied


# ---- probabilities that are picked ---------------------------------------------------------


def of_softmax(subject: Subject, event: Event) -> str:
    """Say of a logarithm of what is picked from a softmax that the probability is 0."""
    graph = subject.graph
    if event.stage == 1 or named(graph, event.row) not in LOGARITHMS:
        return ""
    of = operands(graph, event.row)[0]
    source = unshaped(graph, of)
    if source == of or named(graph, source) != "softmax" or np.all(subject.value(of)):
        return ""
    logits = operands(subject.graph, source)[0]
    values = subject.value(logits)
    apart = float(np.ptp(values[np.isfinite(values)])) if np.isfinite(values).any() else 0.0
    return (
        f"`{subject.label(of)}` is a probability that softmax rounds to 0{at(event.index)}: the "
        f"logits in `{subject.label(logits)}` lie up to {apart:.6g} apart, and log(0) is -inf."
    )


def as_log_softmax(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose log_softmax in the place of the logarithm and the softmax."""
    event = sighting.evidence
    assert isinstance(event, Event), "it is a beginning"
    graph, written = subject.graph, pieces.piece(subject, event.row)
    of = operands(graph, event.row)[0]
    source = unshaped(graph, of)
    inner = pieces.piece(subject, source)
    if written is None or inner is None or inner.name_span is None or inner.name != "softmax":
        return
    text, begin = subject.written(inner.span), inner.span.start
    new = (
        text[: inner.name_span.start - begin] + "log_softmax" + text[inner.name_span.end - begin :]
    )
    whole = respelled(subject, written.operands[0], of, source, new)
    if whole:
        yield Rewrite((Edit(written.span, whole),), "never takes the logarithm of a rounded 0")


def respelled(subject: Subject, node: Expression, row: int, target: int, new: str) -> str:
    """Return an expression's text with another one for what made a row, "" where it is not seen.

    Names on the way are replaced by what the file has given them.
    """
    graph = subject.graph
    for _ in range(FORTH):
        node = pieces.inner(node)
        for part in nodes_of([node]):
            is_name = isinstance(part, Name) and part.id == graph.notes.names.get(target)
            if is_name or part.span == subject.span(target):
                text, begin = subject.written(node.span), node.span.start
                return text[: part.span.start - begin] + new + text[part.span.end - begin :]
        if not isinstance(node, Name) or (found := subject.expression(subject.span(row))) is None:
            return ""
        node = found
    return ""


# ---- scales of 0 ---------------------------------------------------------------------------


def zero_scale(subject: Subject, event: Event) -> str:
    """Say of a scale that is both divided by and taken the logarithm of that it is 0."""
    graph, name = subject.graph, named(subject.graph, event.row)
    if event.stage == 1 or name not in LOGARITHMS | {"div"}:
        return ""
    theirs = operands(graph, event.row)
    scale = _scale(subject, theirs[-1])
    if np.all(subject.value(scale)) or not {"div", "log"} <= _uses(subject, scale):
        return ""
    what = (
        "its logarithm is -inf"
        if name != "div"
        else (f"`{subject.text(event.row)}` is {number(event.value)}")
    )
    return (
        f"`{subject.label(scale)}` is the scale of a distribution, by which the deviation is "
        f"divided and whose logarithm is taken, and is 0{at(event.index)}: {what}."
    )


def _scale(subject: Subject, row: int) -> int:
    """Return what a scale was made of: of `s**2` it is `s`."""
    graph = subject.graph
    for _ in range(FORTH):
        before = row
        row = unshaped(graph, row)
        if exponent(graph, row) == 2 or (
            named(graph, row) == "mul" and len(operands(graph, row)) == 1
        ):
            row = operands(graph, row)[0]
        if row == before:
            break
    return row


def _uses(subject: Subject, scale: int) -> set[str]:
    """Return whether a scale is divided by, and whether its logarithm is taken."""
    graph, found = subject.graph, set[str]()
    rows = [
        r
        for r in range(scale + 1, min(len(graph), scale + 256))
        if graph.ops[r] is not None and graph.notes.origins[r] != "gradient"
    ]
    for row in rows:
        theirs = operands(graph, row)
        if not theirs or _scale(subject, theirs[-1]) != scale:
            continue
        name = named(graph, row)
        if name == "div" and len(theirs) == 2 and not _depends(graph, theirs[0], scale):
            found.add("div")
        if name in LOGARITHMS:
            found.add("log")
    return found


def _depends(graph: Graph, row: int, on: int) -> bool:
    """Say whether a row is made of another: no deviation is made of its scale."""
    pending, seen = [row], set[int]()
    while pending:
        i = pending.pop()
        if i == on:
            return True
        if i > on and i not in seen:
            seen.add(i)
            pending.extend(operands(graph, i))
    return False


def bounded(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose a least scale where it is divided by or its logarithm is taken."""
    event = sighting.evidence
    assert isinstance(event, Event), "it is a beginning"
    written = pieces.piece(subject, event.row)
    if written is None or not written.operands:
        return
    operand = written.operands[-1]
    for least in ("1e-6", "1e-12", "1e-3"):
        yield Rewrite((pieces.at_least(subject, operand, least),),
                      f"keeps the scale at {least} at least")  # fmt: skip
