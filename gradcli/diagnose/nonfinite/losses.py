"""Losses that have no finite value: CTC without an alignment; complex functions at 0."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.findings import Rewrite, Sighting
from gradcli.diagnose.nonfinite import pieces
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.measures import exponent, named, operands
from gradcli.diagnose.nonfinite.told import at, number
from gradcli.diagnose.subject import Subject
from gradcli.rule.dtypes import Array

SINGULAR = {"sqrt", "log", "rsqrt", "reciprocal", "pow", "log2", "log10", "acos", "acosh", "atanh"}


def no_alignment(subject: Subject, event: Event) -> str:
    """Say which sequence is too short for its target."""
    graph, row = subject.graph, event.row
    if named(graph, row) != "ctc_loss" or event.stage == 1:
        return ""
    _, target, times, lengths = (subject.value(i) for i in operands(graph, row)[:4])
    k = event.index[0] if event.index else 0
    time, length = (int(x.reshape(-1)[min(k, x.size - 1)]) for x in (times, lengths))
    labels = _labels(target, lengths, k, length)
    repeats = int((labels[1:] == labels[:-1]).sum())
    needed = length + repeats
    if time >= needed:
        return ""
    between = (
        f" and a blank between {repeats} pair{'s' * (repeats > 1)} of equal ones" if repeats else ""
    )
    return (
        f"Sequence {k} has {time} time step{'s' * (time != 1)}, but its target of {length} labels "
        f"needs {needed}: one for each{between}. No alignment exists: its probability is 0 and "
        "the loss inf."
    )


def _labels(target: Array, lengths: Array, k: int, length: int) -> Array:
    """Return the labels of one sequence: a row, or a piece where all stand in one line."""
    if target.ndim == 2:
        return np.asarray(target[k, :length])
    begin = int(lengths.reshape(-1)[:k].sum())
    return np.asarray(target[begin : begin + length])


def without_infinity(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose zero_infinity=True."""
    event = sighting.evidence
    assert isinstance(event, Event), "it is a beginning"
    written = pieces.piece(subject, event.row)
    if written is not None and written.name in ("ctc_loss", "CTCLoss"):
        edit = pieces.with_keyword(written, "zero_infinity", "True")
        yield Rewrite((edit,), "a sequence without an alignment counts 0")


def complex_zero(subject: Subject, event: Event) -> str:
    """Say of a function of a complex number that is taken at 0, where it is singular."""
    graph, name = subject.graph, named(subject.graph, event.row)
    theirs = operands(graph, event.row)
    if name not in SINGULAR or not theirs or graph.metas[theirs[0]].dtype.kind != "c":
        return ""
    if np.all(subject.value(theirs[0])):
        return ""
    power = exponent(graph, event.row)
    if power is not None and power >= 1:
        return ""
    what = "the value" if event.stage == 0 else "the derivative"
    return (
        f"`{subject.label(theirs[0])}` is 0{at(event.index)}, the branch point of {name}: {what} "
        f"there is {number(event.value)}."
    )


def off_zero(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose a small number in the place of 0."""
    event = sighting.evidence
    assert isinstance(event, Event), "it is a beginning"
    written = pieces.piece(subject, event.row)
    if written is None or not written.operands:
        return
    operand = written.operands[0]
    text = pieces.text(subject, operand)
    is_inner = operand.span.start == written.span.start
    for small in ("1e-24", "1e-12"):
        new = f"{text} + {small}"
        yield Rewrite((pieces.replaced(operand, f"({new})" if is_inner else new),),
                      "keeps away from the branch point")  # fmt: skip
