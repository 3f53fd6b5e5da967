"""Rows in which nothing is left: softmax of a row that is all -inf, means of no elements."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.findings import Edit, Index, Rewrite, Sighting
from gradcli.diagnose.nonfinite import pieces
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.measures import named, operands, reduced, unshaped
from gradcli.diagnose.nonfinite.told import at
from gradcli.diagnose.subject import Subject
from gradcli.errors import Span
from gradcli.syntax.tree import nodes_of

SOFTMAX = {"softmax", "log_softmax", "softmin"}
ROWS = {*SOFTMAX, "logsumexp", "logaddexp"}
MEANS = {"mean", "nanmean", "std", "var", "std_mean", "var_mean", "median", "nanmedian",
         "quantile", "nanquantile", "mse_loss", "huber_loss", "smooth_l1_loss",
         "binary_cross_entropy", "kl_div", "nll_loss",
         "binary_cross_entropy_with_logits", "soft_margin_loss"}  # fmt: skip
MINUS_INFINITY = re.compile(
    r"""-\s*(?:\w+\.)*inf|float\(\s*['"]-inf(?:inity)?['"]\s*\)|-\s*float\(\s*['"]inf['"]\s*\)"""
)
PLACES = {4: ("batch", "head", "query"), 3: ("batch", "query"), 2: ("row",)}


# ---- rows that are all -inf ----------------------------------------------------------------


def fully_masked(subject: Subject, event: Event) -> str:
    """Say which row of a softmax or logsumexp is all -inf."""
    graph, row = subject.graph, event.row
    if event.given:  # then all that is wrong is the derivative
        row = _taken_of(subject, event) or row
    name = named(graph, row)
    if name == "sub" and event.stage == 0:
        return _by_hand(subject, event)
    if name not in ROWS or (name in SOFTMAX) != (event.stage == 0 and not event.given):
        return ""
    of = operands(graph, row)[0]
    values = subject.value(of)
    where = _empty_rows(values, graph.attrs[row].get("dim"))
    if not where:
        return ""
    more = f", and of {len(where) - 1:,} more rows" if len(where) > 1 else ""
    what = (
        "softmax shares 1 among them and comes to 0 / 0"
        if name in SOFTMAX
        else f"{name} is -inf, and its derivative is -inf - (-inf)"
    )
    return (
        f"All elements of {_place(where[0], values.ndim)} of `{subject.label(of)}` are "
        f"-inf{more}: {what}.{_put_by(subject, of)}"
    )


def _taken_of(subject: Subject, event: Event) -> int | None:
    """Return the logsumexp that is taken of a row that the file itself has made -inf."""
    graph = subject.graph
    for row in subject.rows:
        if row > event.row and graph.requires_grad[row] and named(graph, row) in ROWS - SOFTMAX:
            values = subject.value(operands(graph, row)[0])
            if _empty_rows(values, graph.attrs[row].get("dim")):
                return row
    return None


def _by_hand(subject: Subject, event: Event) -> str:
    """Return words for `s - max(s)` of a row that is all -inf."""
    graph = subject.graph
    theirs = operands(graph, event.row)
    if len(theirs) != 2 or named(graph, unshaped(graph, theirs[1])) not in ("amax", "max"):
        return ""
    a, b = (subject.value(i) for i in theirs)
    if a.ndim == 0 or not np.any(np.isneginf(a) & np.isneginf(b)):
        return ""
    return (
        f"All elements of {_place(event.index[:-1], a.ndim)} of `{subject.label(theirs[0])}` are "
        f"-inf, and so is their maximum: -inf - (-inf) is nan.{_put_by(subject, theirs[0])}"
    )


def _empty_rows(values: np.ndarray, dim: object) -> list[Index]:
    """Return the rows along a dimension whose elements are all -inf."""
    if not values.ndim:
        return [()] if np.isneginf(values) else []
    if isinstance(dim, int):
        axes: tuple[int, ...] | None = (dim % values.ndim,)
    else:
        axes = tuple(int(d) % values.ndim for d in dim) if isinstance(dim, tuple | list) else None
    found = np.all(np.isneginf(values), axis=axes)
    return [tuple(map(int, k)) for k in np.argwhere(found)] if values.size else []


def _place(index: Index, rank: int) -> str:
    """Return a row in words: `batch 0, head 1, query 2`."""
    names = PLACES.get(rank, ())
    if not index:
        return "the row"
    if len(names) != len(index):
        return f"row [{', '.join(map(str, index))}]"
    return ", ".join(f"{name} {k}" for name, k in zip(names, index, strict=True))


def _put_by(subject: Subject, row: int) -> str:
    """Say which operation has put the -inf into a row, "" where it is the row's own."""
    graph, first = subject.graph, row
    while (
        found := next((i for i in operands(graph, row) if _has_minus(subject, i)), None)
    ) is not None:
        row = found
    if graph.ops[row] is None and row not in graph.notes.names:
        return ""
    if row == first and graph.ops[row] is None:
        return ""
    return f" The -inf is put there by `{subject.text(row)}` (line {subject.line(row)})."


def _has_minus(subject: Subject, row: int) -> bool:
    value = subject.value(row)
    return value.dtype.kind == "f" and value.ndim > 0 and bool(np.isneginf(value).any())


def unmask(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose 0 for the rows without elements, or a large negative number in the place of -inf."""
    event = sighting.evidence
    assert isinstance(event, Event), "it is a beginning"
    written = pieces.piece(subject, event.row)
    if named(subject.graph, event.row) == "softmax" and written is not None:
        whole = subject.written(written.span)
        called = subject.function("nan_to_num")
        yield Rewrite((Edit(written.span, f"{called}({whole})"),),
                      "a row that nothing is left of is 0")  # fmt: skip
    found = [n.span for n in nodes_of(subject.statements)
             if MINUS_INFINITY.fullmatch(subject.written(n.span))]  # fmt: skip
    spans = [s for s in dict.fromkeys(found) if not any(_within(s, o) for o in found)]
    for number in "-1e30", "-1e9", "-1e4":
        edits = tuple(Edit(span, number) for span in spans)
        if edits:
            yield Rewrite(
                edits, "shares 1 evenly where all is masked, and 0 to what is masked elsewhere"
            )


def _within(a: Span, b: Span) -> bool:
    return a != b and b.start <= a.start and a.end <= b.end


# ---- means of no elements ------------------------------------------------------------------


def nothing_to_average(subject: Subject, event: Event) -> str:
    """Say of which reduction no element is left."""
    graph, row, name = subject.graph, event.row, named(subject.graph, event.row)
    written = pieces.piece(subject, row)
    if event.stage == 1 or graph.ops[row] is None or written is None or not written.operands:
        return ""
    of = operands(graph, row)[0]
    if written.name.endswith("_loss") or written.name.startswith("nan"):  # made of several rows
        label, name = pieces.text(subject, written.operands[0]), written.name
    elif name not in MEANS:
        return ""
    else:
        label = subject.label(of)
    if named(graph, row) == "nll_loss":
        return _ignored(subject, event)
    if name.startswith("nan"):
        return f"`{label}` has no element that is a number{at(event.index)}: {name} is 0 / 0."
    if 0 not in graph.metas[of].shape:
        return ""
    shape = list(graph.metas[of].shape)
    return f"`{label}` has no elements (shape {shape}): the {_noun(name)} of none is 0 / 0 = nan."


def _noun(name: str) -> str:
    return {"std": "standard deviation", "var": "variance"}.get(name, name.replace("_", " "))


def _ignored(subject: Subject, event: Event) -> str:
    graph = subject.graph
    ignored = graph.attrs[event.row].get("ignore_index", -100)
    target = operands(graph, event.row)[1]
    values = subject.value(target)
    if not np.all(values == ignored):
        return ""
    return (
        f"All {values.size} targets in `{subject.label(target)}` are {ignored}, which is ignored: "
        f"`{subject.label(event.at)}` is the mean of no losses, 0 / 0 = nan."
    )


def average(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the sum, divided by how many there are or by 1."""
    event = sighting.evidence
    assert isinstance(event, Event), "it is a beginning"
    graph, written = subject.graph, pieces.piece(subject, event.row)
    if written is None or not written.operands:
        return
    name = named(graph, event.row)
    if name == "nll_loss" and (target := written.operand(1, "target")) is not None:
        text = pieces.factor(subject, target)
        ignored = graph.attrs[event.row].get("ignore_index", -100)
        last = Edit(written.span, subject.written(written.span)[:-1] + ', reduction="sum")'
                    f" / ({text} != {ignored}).sum().clamp(min=1)")  # fmt: skip
        yield Rewrite((last,), "divides the sum by 1 at least")
    elif written.name.endswith("_loss") and "reduction" not in written.keywords:
        of = pieces.factor(subject, written.operands[0])
        last = Edit(written.span, subject.written(written.span)[:-1] + ', reduction="sum")'
                    f" / max({of}.numel(), 1)")  # fmt: skip
        yield Rewrite((last,), "divides the sum by 1 at least")
    elif name in ("mean", "nanmean") and graph.attrs[event.row].get("dim") in (None, ()):
        of = pieces.factor(subject, written.operands[0])
        if not pieces.is_numpy(subject):
            yield Rewrite((Edit(written.span, f"{of}.sum() / max({of}.numel(), 1)"),),
                          "divides the sum by 1 at least")  # fmt: skip
        called = subject.function("sum")
        yield Rewrite((Edit(written.span, f"{called}({of}) / max({of}.size, 1)"),),
                      "divides the sum by 1 at least")  # fmt: skip


def lone(subject: Subject, event: Event) -> str:
    """Say of which single element a standard deviation or variance is taken."""
    graph, name = subject.graph, named(subject.graph, event.row)
    if event.stage == 1 or name not in ("std", "var", "std_mean", "var_mean"):
        return ""
    correction = graph.attrs[event.row].get("correction", 1)
    at_row = event.index if name in ("std", "var") else ()
    values = reduced(subject, event.row, at_row) if name in ("std", "var") else None
    of = operands(graph, event.row)[0]
    count = values.size if values is not None else 1
    if not count or correction is None or count - correction > 0:
        return ""
    return (
        f"`{subject.text(event.row)}` is taken of {count} element{'s' * (count > 1)} of "
        f"`{subject.label(of)}`{at(at_row)}: it divides by {count} - {correction:g} = "
        f"{count - correction:g}."
    )
