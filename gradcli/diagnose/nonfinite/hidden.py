"""Nan that something hides, on the way to the result or back; and results of nan that train on."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.findings import Sighting
from gradcli.diagnose.nonfinite.events import Event, Events
from gradcli.diagnose.nonfinite.told import at, number
from gradcli.diagnose.subject import Subject
from gradcli.graph import OUTPUT
from gradcli.rule.dtypes import is_differentiable

HOW = {
    "nan_to_num": "replaces it", "where": "takes the other value", "masked_fill": "covers it",
    "nansum": "leaves it out", "nanmean": "leaves it out", "nanmedian": "leaves it out",
    "fmax": "takes the other operand", "fmin": "takes the other operand", "index": "picks others",
    "gather": "picks others", "select": "picks others", "slice": "picks others",
    "topk": "picks others", "masked_select": "picks others", "amax": "takes another",
}  # fmt: skip


def value(subject: Subject, event: Event) -> str:
    """Say that a value is nan which reaches no result; `sentence` says why it does not."""
    if event.stage == 1 or event.spoils or not event.is_nan:
        return ""
    return f"`{subject.label(event.at)}` is nan{at(event.index)}."


def sentence(subject: Subject, events: Events, event: Event) -> str:
    """Return in a sentence what hides a beginning that spoils nothing, "" where it is not seen."""
    if event.stage == 1:
        return _stopped(subject, event)
    row = _hides(subject, events, event)
    if row is None:
        return ""
    return f" But {_how(subject, row)}: neither the result nor a gradient has it."


def _hides(subject: Subject, events: Events, event: Event) -> int | None:
    """Return the first row that is made of what a beginning spoils and is finite."""
    graph = subject.graph
    for row in subject.rows:
        if row in events.bad or graph.ops[row] is None:
            continue
        if any(event in events.values.get(i, ()) for i in graph.inputs[graph.producer(row)]):
            return row
    return None


def _how(subject: Subject, row: int) -> str:
    graph, text = subject.graph, subject.text(row)
    op = graph.ops[graph.producer(row)]
    assert op is not None, "it is made of others"
    name = op.label.rpartition(".")[2]
    if not is_differentiable(graph.metas[row].dtype):
        return f"`{text}` compares it: each comparison with nan is false but `!=`"
    return f"`{text}` {HOW.get(name, 'does not pass it on')}"


def _stopped(subject: Subject, event: Event) -> str:
    row = _stops(event)
    stops = (
        ""
        if row is None
        else (f" `{subject.text(row)}` (line {subject.line(row)}) passes none of it on:")
    )
    return f"{stops} what arrives at parameters is finite."


def _stops(event: Event) -> int | None:
    """Return the first row on the way back that is given nan and passes on what is finite."""
    flow, at_row = event.flow, event.at
    assert flow is not None, "it is of a backward pass"
    bad = {at_row}
    for row in flow.order:
        if row > at_row or row not in bad or flow.graph.ops[row] in (None, OUTPUT):
            continue
        edges = list(flow.edges(row))
        if edges and all(np.isfinite(flow.part(e)).all() for e in edges):
            return row
        bad |= {e.operand for e in edges}
    return None


def trains_on(subject: Subject) -> Iterator[Sighting]:
    """Yield where a result is nan or infinite, and every gradient of it finite."""
    root, graph = subject.root, subject.graph
    if root is None or subject.fault is not None or np.isfinite(subject.value(root)).all():
        return
    grads = [g for i in subject.parameters if (g := graph.grad(i)) is not None]
    moving = [g for g in grads if np.any(g)]
    if not moving or not all(np.isfinite(g).all() for g in grads):
        return
    found = complex(subject.value(root)[~np.isfinite(subject.value(root))].flat[0])
    names = " and ".join(
        f"`{subject.label(i)}.grad`" for i in subject.parameters if graph.grad(i) is not None
    )
    yield Sighting(
        f"`{subject.label(root)}` is {number(found)}, but {names} "
        f"{'is' if len(grads) == 1 else 'are'} finite: an optimiser would go on, and nothing would "
        "show but the loss.",
        row=root, moment=(1, len(graph)),
    )  # fmt: skip
