"""Divisions by a norm, a spread, a sum or a count that is 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcli.diagnose.findings import Edit, Index, Rewrite, Sighting
from gradcli.diagnose.nonfinite import pieces
from gradcli.diagnose.nonfinite.elsewhere import library, smooth
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.measures import (
    Measure,
    exponent,
    measure,
    named,
    operands,
    reduced,
    unshaped,
    zeros,
)
from gradcli.diagnose.nonfinite.quotients import has_limit
from gradcli.diagnose.nonfinite.told import at, number
from gradcli.diagnose.subject import Subject
from gradcli.rule.dtypes import is_differentiable
from gradcli.syntax.tree import Expression

TINY = "1e-12"
UNDERFLOWING = {"exp", "exp2", "pow", "prod", "mul"}  # 0 for what is not
EPSILONS = "1e-12", "1e-24", "1e-8"
WITH_EPS = {  # functions that divide by a measure of their own, and add eps
    "native_layer_norm": ("spread", "1e-5"),
    "native_group_norm": ("spread", "1e-5"),
    "native_batch_norm": ("spread", "1e-5"),
    "rms_norm": ("norm", "1e-6"),
}


def denominator(subject: Subject, event: Event) -> int | None:
    """Return the row that an operation divides by, None where it does not divide."""
    graph, row = subject.graph, event.row
    name, inputs = named(graph, row), graph.inputs[row]
    if name == "div" and len(inputs) > 1:
        return inputs[1] if inputs[1] >= 0 else None
    power = exponent(graph, row)
    if power is not None and power < 0:
        return inputs[0]
    return None


def measured(subject: Subject, event: Event) -> Measure | None:
    """Return the measure that is 0 where an operation divides by it."""
    if event.stage == 1 or (row := denominator(subject, event)) is None:
        return None
    if np.all(subject.value(row)):
        return None
    graph = subject.graph
    found = measure(graph, row)
    if found is None or np.all(subject.value(found.row)) or _is_underflow(subject, found):
        return None
    return found


def _is_underflow(subject: Subject, found: Measure) -> bool:
    """Say whether a measure is 0 though nothing that it measures is: it was too small."""
    if found.kind in ("norm", "largest"):
        return bool(np.all(subject.value(found.of)))
    factors = operands(subject.graph, found.of)
    return named(subject.graph, found.of) in UNDERFLOWING and not any(
        np.any(subject.value(i) == 0) for i in factors
    )


def divides_by(*kinds: str) -> Callable[[Subject, Event], str]:
    """Return what has words for a division by a measure of some kinds that is 0."""

    def match(subject: Subject, event: Event) -> str:
        found = measured(subject, event)
        if found is None or found.kind not in kinds:
            return _composite(subject, event, kinds)
        if has_limit(subject, event):  # which another kind tells of
            return ""
        row = denominator(subject, event)
        assert row is not None, "it divides"
        where = _at_row(subject, row, event.index)
        it = "it is" if _is_whole(subject, row, found) else "a part of it is"
        return (
            f"`{subject.label(row)}` is 0{where}: {it} {_why(subject, found)}. "
            f"{_quotient(subject, event)}"
        )

    return match


def _is_whole(subject: Subject, row: int, found: Measure) -> bool:
    """Say whether a divisor is the measure itself, its root or another shape of it."""
    graph = subject.graph
    row = unshaped(graph, row)
    if exponent(graph, row) in (0.5, 1 / 3):
        row = unshaped(graph, operands(graph, row)[0])
    return row in (found.row, found.root) or graph.producer(row) == found.row


def _at_row(subject: Subject, row: int, index: Index) -> str:
    """Return at which element a row is 0, where it has been spread over a result."""
    shape = subject.graph.metas[row].shape
    if len(shape) <= len(index):
        part = index[len(index) - len(shape) :]
        return at(tuple(0 if n == 1 else k for k, n in zip(part, shape, strict=True)))
    return ""


def _quotient(subject: Subject, event: Event) -> str:
    value = "nan" if event.is_nan else number(event.value)
    count = f", and {event.count - 1:,} more" if event.count > 1 else ""
    left = "0 / 0" if event.is_nan else "a number / 0"
    return f"`{subject.label(event.at)}` is {left} = {value}{at(event.index)}{count}."


def _why(subject: Subject, found: Measure) -> str:
    """Return in words why a measure is 0."""
    of, graph = subject.label(found.of), subject.graph
    where = zeros(subject, found.row)
    if found.kind in ("norm", "largest"):
        return f"the {_noun(found)} of `{of}`, whose elements there are all 0"
    if found.kind == "error":
        return f"the error of `{of}`, which is exact"
    if found.kind == "range":
        return f"the range of `{of}`, whose elements there are all the same"
    if found.kind == "spread":
        column = _column(subject, found, where[0]) if where else ""
        return f"the spread of {column}`{of}`, {_constant(subject, found, where[0])}"
    if is_differentiable(graph.metas[found.of].dtype):
        has_parts = "dim" in graph.attrs[found.row] and where
        parts = reduced(subject, found.row, where[0]) if has_parts else subject.value(found.of)
        zero = not np.any(parts)
        rest = "are all 0" if zero else "add up to 0"
        return f"the sum of `{of}`, whose elements there {rest}"
    return f"the count of `{of}`, which selects nothing there"


def _column(subject: Subject, found: Measure, index: Index) -> str:
    """Return `column 1 of ` for a measure of each column of a matrix, "" for others."""
    graph = subject.graph
    dims = graph.attrs[found.row].get("dim")
    if len(graph.metas[found.of].shape) != 2 or dims is None or not index:
        return ""
    first = (dims if isinstance(dims, int) else dims[0]) % 2
    return f"{('column', 'row')[first]} {index[-1] if first == 0 else index[0]} of "


def _noun(found: Measure) -> str:
    return "largest element" if found.kind == "largest" else "norm"


def _constant(subject: Subject, found: Measure, index: Index) -> str:
    graph = subject.graph
    if named(graph, found.row) in ("std", "var"):
        values = reduced(subject, found.row, index)
        if values.size and np.all(values == values.flat[0]):
            return f"whose {values.size} elements there are all {number(complex(values.flat[0]))}"
    return "whose elements there are all the same"


def _composite(subject: Subject, event: Event, kinds: tuple[str, ...]) -> str:
    """Return words for a layer that has been given eps=0."""
    graph, name = subject.graph, named(subject.graph, event.row)
    kind, _ = WITH_EPS.get(name, ("", ""))
    if event.stage == 1 or kind not in kinds or graph.attrs[event.row].get("eps"):
        return ""
    of = subject.label(operands(graph, event.row)[0])
    what = "spread" if kind == "spread" else "norm"
    return (
        f"`{subject.text(event.row)}` divides by a {what} of `{of}` that is 0, and its eps is 0: "
        f"0 / 0 is nan{at(event.index)}."
    )


# ---- what to write instead -----------------------------------------------------------------


def rewrites(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the library's function, a bound, eps inside the root, and another divisor for 0."""
    event = sighting.evidence
    assert isinstance(event, Event), "it is seen in the forward pass"
    written = pieces.piece(subject, event.row)
    if written is None:
        return
    if "eps" in written.keywords:
        standard = WITH_EPS.get(named(subject.graph, event.row), ("", TINY))[1]
        for eps in (standard, TINY):
            yield Rewrite((pieces.with_keyword(written, "eps", eps),),
                          "eps keeps the divisor from 0")  # fmt: skip
        return
    found = measured(subject, event)
    if found is None:
        return
    divisor = None
    if written.name in ("/", "div", "true_divide", "divide"):
        divisor = written.operand(1, "other")
    elif written.name in ("reciprocal", "rsqrt", "**", "pow"):
        divisor = written.operand(0)
    if written.name in ("/", "div") and found.kind == "norm":
        yield from _normalised(subject, event, found, written.operands[0], written)
    if library(subject):
        yield from smooth(subject, found.row)
    if divisor is None:
        yield from inside(subject, found, event)
        return
    yield from _bounded(subject, found, divisor)
    if found.kind in ("count", "total"):
        yield from _replaced(subject, divisor)
    yield from inside(subject, found, event)
    yield from _replaced(subject, divisor)


def _normalised(
    subject: Subject, event: Event, found: Measure, left: Expression, whole: pieces.Piece
) -> Iterator[Rewrite]:
    """Propose F.normalize for `x / norm(x)`."""
    graph = subject.graph
    same = unshaped(graph, subject.graph.inputs[event.row][0]) == unshaped(graph, found.of)
    if not same or pieces.is_numpy(subject):
        return
    dims, rank = graph.attrs[found.row].get("dim"), len(graph.metas[found.of].shape)
    if dims is None and rank != 1:
        return
    dim = (0,) if dims is None else tuple(dims) if isinstance(dims, tuple | list) else (dims,)
    if len(dim) != 1:
        return
    order = graph.attrs[found.row].get("ord", 2)
    power = "" if order == 2 or named(graph, found.row) == "sum" else f", p={order}"
    called = pieces.functional(subject, "normalize")
    new = f"{called}({pieces.text(subject, left)}{power}, dim={dim[0]})"
    yield Rewrite((Edit(whole.span, new),), "divides by the norm, or by 1e-12 where that is less")


def _bounded(subject: Subject, found: Measure, divisor: Expression) -> Iterator[Rewrite]:
    """Propose a least divisor: 1 of what is counted, else a small one."""
    graph = subject.graph
    least = "1" if found.kind == "count" and graph.metas[found.of].dtype.kind in "biu" else TINY
    if named(graph, found.row) == "count_nonzero":
        least = "1"
    if found.kind == "count" and least != "1" and _is_mask(subject, found.of):
        least = "1.0"
    why = f"divides by {least.removesuffix('.0')} at least"
    yield Rewrite((pieces.at_least(subject, divisor, least),), why)


def _is_mask(subject: Subject, row: int) -> bool:
    value = subject.value(row)
    return bool(np.all((value == 0) | (value == 1)))


def inside(subject: Subject, found: Measure, event: Event) -> Iterator[Rewrite]:
    """Propose eps below the root that the file takes itself."""
    graph = subject.graph
    row = found.root
    if row is None and exponent(graph, event.row) in (-0.5, 0.5):
        row = event.row
    if row is None or (written := pieces.piece(subject, row)) is None or not written.operands:
        return
    below = written.operands[0]
    if written.name not in ("sqrt", "rsqrt", "**", "pow"):
        return
    text = pieces.text(subject, below)
    bracketed = text != subject.written(below.span)
    is_method = below.span.start == written.span.start
    for eps in EPSILONS:
        new = f"{text} + {eps}"
        new = f"({new})" if bracketed or is_method or written.name == "**" else new
        yield Rewrite((pieces.replaced(below, new),), "never takes the root of 0")


def _replaced(subject: Subject, divisor: Expression) -> Iterator[Rewrite]:
    """Propose 1 in the place of a divisor that is 0."""
    text = pieces.text(subject, divisor)
    called = subject.function("where")
    condition = f"{pieces.factor(subject, divisor)} == 0"
    new = f"{called}({condition}, 1.0, {text})"
    yield Rewrite((pieces.replaced(divisor, new),), "divides by 1 where the divisor is 0")
