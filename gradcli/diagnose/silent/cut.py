"""Parameters that a result depends on, and that get no gradient: every way back to them is cut."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Edit, Severity
from gradcli.diagnose.silent.edits import readings, recorded
from gradcli.diagnose.silent.result import result_row, result_value
from gradcli.diagnose.subject import Subject, examined
from gradcli.errors import GradcliError, Span
from gradcli.explain.cuts import made_from, reason
from gradcli.syntax.tree import Conditional, If, nodes_of
from gradcli.trace import Binding

# a word of a name, as in `w_target` and `emaWeight`, and not letters of one, as in `threshold`
WORD = r"(?:^|[_\d]|(?<=[a-z])(?=[A-Z]))(?i:{})"
MEANT = re.compile(WORD.format(
    r"target|teacher|fro?zen|freez|pretrain|anchor|prior|baseline|slow|const|fixed|backbone|"
    r"feature|reference|detach|stop|(ema|old|ref|avg|prev|previous)(?![a-z])"
))  # fmt: skip
COUNTS = re.compile(
    WORD.format(r"acc(?![a-z])|accuracy|correct|score|metric|hits?|pred|rate|count")
)
INDICES = ("argmax", "argmin", "argsort", "sort", "topk", "max", "min", "nonzero", "searchsorted",
           "bucketize", "kthvalue", "median", "mode", "multinomial", "argwhere")  # fmt: skip
NOT_IMPLEMENTED = re.compile(r"derivative for aten::(\w+) is not implemented")
BRANCH = "through-branch"
MOVE = 1e-3  # relative: how far a parameter is moved to see whether the result moves


class Cut(NamedTuple):
    """A row at which ways back end: which kind of finding it is, how it ends them, in words.

    `span` is its place, if it is not the row's. `silences` are the parameters that get no gradient
    at all, `others` further rows at which their ways end; `severity` is lower where that may be
    meant.
    """

    name: str
    row: int
    span: Span | None
    words: str
    silences: tuple[int, ...]
    others: tuple[int, ...]
    severity: Severity


def cut_off(subject: Subject) -> Sequence[Cut]:
    """Return what cuts parameters off, looked for once."""
    return subject.listed(_cuts)


def without(subject: Subject) -> list[int]:
    """Return the parameters to which no backward pass of the run comes, nor a `grad()`.

    A loop may make a new leaf in each turn: one that has the name of one that is reached counts.
    """
    graph, passes = subject.graph, subject.session.tracer.passes.made
    if any(made.inputs for made in passes):
        return []  # the file has said which ones it wants
    found = reached(subject)
    names = {graph.notes.names[i] for i in found if i in graph.notes.names}
    return [i for i in subject.parameters
            if i not in found and graph.notes.names.get(i) not in names]  # fmt: skip


def reached(subject: Subject) -> set[int]:
    """Return the parameters, as they are now, to which a backward pass or a `grad()` comes."""
    graph, passes = subject.graph, subject.session.tracer.passes.made
    found = {graph.current(i) for made in passes for i in made.reached} | asked_for(subject)
    return found | {i for i in subject.parameters if graph.grad(i) is not None}


def asked_for(subject: Subject) -> set[int]:
    """Return the tensors by which the file itself has differentiated, as with `grad(y, x)`."""
    return {i for step in subject.graph.autograd.steps for i in step.wanted}


def _is_measured(subject: Subject, top: int | None) -> bool:
    """Say whether a file without a backward pass only measures: under no_grad(), by counting."""
    graph = subject.graph
    if top is None or graph.requires_grad[top] or subject.fault or subject.session.passes:
        return False
    if any(True for _ in recorded(subject, subject.span(top))):
        return True
    counts = any(graph.metas[i].dtype.kind in "bi" for i in values_behind(subject, top))
    return counts and bool(COUNTS.search(graph.notes.names.get(top, "")))


def _cuts(subject: Subject) -> Iterator[Cut]:
    top = result_row(subject)
    if _is_measured(subject, top):
        return
    silent = without(subject)
    alive = [i for i in subject.parameters if i not in silent and i != top]
    behind = set() if top is None else values_behind(subject, top)
    # a place of a loop has a row for each turn
    gathered: dict[tuple[str, Span], tuple[int, list[int], set[int]]] = {}
    for leaf in silent:
        moved = _moved(subject, leaf)
        ends = _ends(subject, leaf, moved & behind)
        if ends:
            place = _end(subject, leaf, ends, moved, alive)
        else:
            place = None if leaf in behind else _number(subject, leaf, moved)
        if place is not None:
            name, row = place
            _, leaves, rows = gathered.setdefault((name, subject.span(row)), (row, [], set()))
            leaves.append(leaf)
            rows.update(ends)
    for (name, _), (row, leaves, rows) in gathered.items():
        words, span = _told(subject, name, row)
        sure = not alive or name == "read-as-number"
        severity = Severity.ERROR if sure else Severity.WARNING
        yield Cut(name, row, span, words, tuple(leaves), tuple(sorted(rows - {row})), severity)


def _end(
    subject: Subject, leaf: int, ends: list[int], moved: set[int], alive: Sequence[int]
) -> tuple[str, int] | None:
    """Return the row of several that has the word, and its kind; None where the cut is meant."""
    graph = subject.graph
    if graph.notes.origins[ends[0]] == "gradient":
        return None  # `no-create-graph` has the word
    if _meant(subject, leaf, ends[0], moved, alive):
        return None
    first = min(ends, key=lambda i: (graph.metas[i].dtype.kind == "b", i))
    return _kind(subject, first), first


def values_behind(subject: Subject, top: int) -> set[int]:
    """Return what a row's value depends on, over values that were taken over too."""
    found, pending = {top}, [top]
    while pending:
        more = [i for i in _made_from(subject, pending.pop()) if i not in found]
        found.update(more)
        pending.extend(more)
    return found


def _moved(subject: Subject, leaf: int) -> set[int]:
    """Return the rows whose values depend on a parameter's."""
    graph, found = subject.graph, {leaf}
    for row in range(leaf + 1, len(graph)):
        if any(i in found for i in _made_from(subject, row)):
            found.add(row)
    return found


def _made_from(subject: Subject, row: int) -> list[int]:
    """Return what a row's value is made of, and that of a result which was made a parameter."""
    found = made_from(subject.graph, row)
    return [*found, *severed(subject)] if row == subject.root else found


def severed(subject: Subject) -> list[int]:
    """Return what the root was made of, if it is a parameter by `loss.requires_grad = True`."""
    root, notes = subject.root, subject.graph.notes
    return [] if root is None else [i for i in notes.severed.get(root, ()) if i >= 0]


def _ends(subject: Subject, leaf: int, between: set[int]) -> list[int]:
    """Return the rows between a parameter and the result at which the ways back end."""
    graph, carrying, found = subject.graph, {leaf}, []
    for row in sorted(between - {leaf}):
        if any(i in carrying for i in _made_from(subject, row)):
            if graph.requires_grad[row]:
                carrying.add(row)
            elif not graph.is_tuple(row):
                found.append(row)
            else:
                found += [i for i in range(row + 1, row + 1 + graph.widths[row]) if i in between]
    return found


def _kind(subject: Subject, row: int) -> str:
    graph = subject.graph
    op, dtype = graph.ops[graph.producer(row)], graph.metas[row].dtype
    if op is None or graph.ops[row] is None:
        return "copied-values"
    if op.view == "detached":
        return "detached"
    if dtype.kind == "b":
        return "through-comparison"
    if dtype.kind in "iu":
        return "through-indices" if op.label in INDICES else "through-integers"
    return "no-derivative" if op.derivative is None else "under-no-grad"


def _told(subject: Subject, name: str, row: int) -> tuple[str, Span | None]:
    """Return in words how a way ends, and where that is if it is not where the row was made."""
    graph = subject.graph
    if name == BRANCH and (span := branch(subject)) is not None:
        test = subject.source.snippet(span)
        return f"`{test}` decides which branch is taken, and has no derivative", span
    if name == "read-as-number":
        text = graph.notes.names.get(row) or subject.text(row)
        span = next((edit.span for edit in read_at(subject, row)), None)
        return f"`{text}` is read as a Python number, which has no history", span
    return f"`{subject.text(row)}` {reason(graph, row)}", None


def branch(subject: Subject) -> Span | None:
    """Return the place of the first condition of the file, None where it has none."""
    found = [n.test.span for n in nodes_of(subject.statements) if isinstance(n, If | Conditional)]
    return min(found, default=None)


def read_at(subject: Subject, row: int) -> list[Edit]:
    """Return what takes off the readings of a row as a number, each at its place."""
    name, own = subject.graph.notes.names.get(row), subject.text(row)
    return [edit for edit in readings(subject)
            if edit.text.strip("()") in (name, own.strip("()"))]  # fmt: skip


def _meant(
    subject: Subject, leaf: int, end: int, moved: set[int], alive: Sequence[int]
) -> bool:  # fmt: skip
    """Say whether a cut is meant: that of a target, which is computed as what is trained is.

    It has another name for it, or goes through the same operations as a trained parameter of the
    same shape does.
    """
    graph = subject.graph
    if not alive:
        return False
    names = [graph.notes.names.get(i, "") for i in moved if i <= end or end in graph.inputs[i]]
    if any(MEANT.search(name) for name in names):
        return True
    between = moved & values_behind(subject, end) - {leaf, end}
    way = [graph.label(i) for i in sorted(between)]
    for other in alive:
        alike = graph.metas[other].shape == graph.metas[leaf].shape and way
        if not alike or _beside(subject, other) != _beside(subject, leaf):
            continue
        twin = [graph.label(i) for i in sorted(_moved(subject, other) - {other})]
        if twin[: len(way)] == way:
            return True
    return False


def _beside(subject: Subject, leaf: int) -> set[int]:
    """Return what a parameter is first combined with."""
    inputs = subject.graph.inputs
    first = next((row for row in inputs[leaf + 1 :] if leaf in row), ())
    return {i for i in first if i != leaf}


def _number(subject: Subject, leaf: int, moved: set[int]) -> tuple[str, int] | None:
    """Return the row that was read as a number, where the result moves with a parameter.

    The file is run with the parameter elsewhere: nothing else would know. One that has no name of
    its own cannot be moved; then it counts that backward() was refused and numbers were read.
    """
    graph, name = subject.graph, subject.graph.notes.names.get(leaf)
    value = subject.value(leaf)
    if value.dtype.kind != "f" or (before := result_value(subject)) is None:
        return None
    read = [i for i in dict.fromkeys(graph.notes.numbers) if i in moved]
    if name is None or any(n == name and i != leaf for i, n in graph.notes.names.items()):
        refused = subject.fault is not None and not subject.session.passes
        return _read(subject, leaf, read[0]) if refused and read else None
    if not read and not readings(subject) and branch(subject) is None:
        return None
    options = subject.session.tracer.options
    size = np.maximum(np.abs(value), 1)
    for elsewhere in (value + MOVE * size, -value, np.flip(value), value + 2 * size):
        binding = Binding(np.asarray(elsewhere, value.dtype), parameter=True)
        bindings = {**options.bindings, name: binding}
        try:
            again = examined(subject.source, replace(options, bindings=bindings), subject.request)
        except GradcliError:
            continue
        after = result_value(again)
        if after is not None and not np.array_equal(after, before, equal_nan=True):
            return _read(subject, leaf, read[0] if read else _copy(subject, again, leaf))
    return None


def _read(subject: Subject, leaf: int, row: int) -> tuple[str, int]:
    """Return the kind of a row that was read, or made of what was, and the row."""
    graph = subject.graph
    if row == leaf and branch(subject) is not None and not read_at(subject, leaf):
        return BRANCH, row
    if (row != leaf and graph.ops[row] is None) or graph.metas[row].dtype.kind in "iub":
        return _kind(subject, row), row
    return "read-as-number", row


def _copy(subject: Subject, again: Subject, leaf: int) -> int:
    """Return the first tensor made of numbers that differ in another run, the leaf if none is."""
    graph, anew = subject.graph, again.graph
    values = {again.span(i): again.value(i) for i in range(len(anew)) if anew.ops[i] is None}
    for row in range(leaf + 1, len(graph)):
        value = values.get(subject.span(row)) if graph.ops[row] is None else None
        if value is not None and not np.array_equal(subject.value(row), value, equal_nan=True):
            return row
    return leaf
