"""Loops of training that go wrong: names that are no leaf any more, and `.grad` that is not reset.

Parameters that nothing updates are found here too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Sighting
from gradcli.diagnose.silent.cut import MEANT, asked_for
from gradcli.diagnose.silent.edits import statement_at
from gradcli.diagnose.silent.judges import listed
from gradcli.diagnose.silent.leaves import read_of_results
from gradcli.diagnose.silent.result import calls, name_of, result_row
from gradcli.diagnose.subject import Subject
from gradcli.errors import Span
from gradcli.rule.dtypes import Array
from gradcli.syntax.tree import Call

ON_A_LEAF = "a leaf Variable that requires grad"


# ---- updates -------------------------------------------------------------------------------


def versions(subject: Subject) -> dict[int, list[int]]:
    """Return the rows that each parameter has had, in their order, by the one it has now."""
    graph = subject.graph
    found: dict[int, list[int]] = {}
    for old in graph.autograd.successors:
        found.setdefault(graph.current(old), []).append(old)
    return {now: [*sorted(rows), now] for now, rows in found.items()}


class Rebound(NamedTuple):
    """A result that took a parameter's place: the parameter, and its name."""

    row: int
    parameter: int
    name: str


def rebound(subject: Subject) -> list[Rebound]:
    """Return the results of a step from a parameter along its `.grad`, which stand in its place.

    They are computed outside of no_grad(), and the file goes on with them: it asks for their
    `.grad`, or a further backward pass goes through them.
    """
    return subject.listed(_rebound)


def _rebound(subject: Subject) -> Iterator[Rebound]:
    graph, owners = subject.graph, subject.session.tracer.grad_owners
    passed = {i for flow in subject.flows for i in flow.order} if owners else set()
    asked, done = read_of_results(subject), set[int]()
    fault = subject.fault
    ended = statement_at(subject, fault.span) if fault is not None and fault.span else None
    failed = ended is not None and re.search(r"\.grad|backward", subject.written(ended.span))
    for row in sorted(set(graph.notes.names) | asked.keys() | _unnamed(subject)) if owners else ():
        own, goes_on = graph.notes.names.get(row), row in passed or row in asked or failed
        for parameter in _stepped(subject, row) if goes_on else ():
            name = graph.notes.names.get(parameter, "")
            takes = own == name or (own is None and graph.requires_grad[row])
            if takes and parameter not in done and _along(subject, row, parameter):
                done.add(parameter)
                yield Rebound(_copied(subject, row), parameter, own or name)


def _copied(subject: Subject, row: int) -> int:
    """Return the new tensor that is made of a row's values alone, as by `tensor(…)`; or the row."""
    inner, graph = subject.span(row), subject.graph
    for i in range(row + 1, len(graph)):
        span = subject.span(i)
        if graph.ops[i] is None and span.start < inner.start and inner.end < span.end:
            return i
    return row


def _stepped(subject: Subject, row: int) -> list[int]:
    """Return the parameters that a result is made of, or of the values of which."""
    graph, found = subject.graph, []
    for i in graph.inputs[row]:
        while i >= 0 and graph.label(i) == "detach":
            i = graph.inputs[i][0]
        if i >= 0 and graph.ops[i] is None and graph.requires_grad[i]:
            found.append(i)
    return found


def _unnamed(subject: Subject) -> set[int]:
    """Return the rows without names that are of a parameter's `.grad`'s shape, and after it."""
    graph, owners = subject.graph, subject.session.tracer.grad_owners
    first = min(owners, default=len(graph))
    return {i for i in range(first, len(graph)) if i not in graph.notes.names
            and graph.label(i) in ("sub", "add", "addcmul", "addcdiv")}  # fmt: skip


def _along(subject: Subject, row: int, parameter: int) -> bool:
    """Say whether a row is a step from a parameter that its own `.grad` is in."""
    graph, owners = subject.graph, subject.session.tracer.grad_owners
    if graph.metas[row].shape != graph.metas[parameter].shape:
        return False
    pending, seen = [row], {row}
    while pending:
        for i in graph.inputs[pending.pop()]:
            if i in owners and graph.current(owners[i]) == graph.current(parameter):
                return True
            if i > parameter and i not in seen:
                seen.add(i)
                pending.append(i)
    return False


def no_leaf_any_more(subject: Subject) -> Iterator[Sighting]:
    """Yield the first step of a loop that puts a result in a parameter's place."""
    found = [one for one in rebound(subject) if subject.graph.requires_grad[one.row]]
    if not found:
        return
    names = [one.name or name_of(subject, one.parameter) for one in found]
    text, several = subject.text(found[0].row), len(found) > 1
    yield Sighting(
        f"{listed(names)} {'were leaves' if several else 'was a leaf'}. `{text}` is computed "
        f"outside of no_grad(), so that it has a history and is none: from here on `{names[0]}"
        f".grad` is None, and what backward() finds goes to the first `{names[0]}`.",
        row=found[0].row,
        key=("no leaf", found[0].row),
        spoils=tuple(f"{name}.grad" for name in names),
        evidence=tuple(one.row for one in found),
    )


def no_parameter_any_more(subject: Subject) -> Iterator[Sighting]:
    """Yield the first step of a loop that puts a plain tensor in a parameter's place."""
    found = [one for one in rebound(subject) if not subject.graph.requires_grad[one.row]]
    if not found:
        return
    names, text = [one.name for one in found], subject.text(found[0].row)
    yield Sighting(
        f"{listed(names)} {'were parameters' if len(found) > 1 else 'was a parameter'}. `{text}` "
        "is a new tensor, of which nothing is recorded: it requires no gradient, and what is "
        f"computed from `{names[0]}` from here on leads none back.",
        row=found[0].row,
        key=("no leaf", found[0].row),
        spoils=tuple(f"{name}.grad" for name in names),
        evidence=tuple(one.row for one in found),
    )


def leaf_in_place(subject: Subject) -> Iterator[Sighting]:
    """Yield the update in place of a parameter that is recorded, which ends the run."""
    fault = subject.fault
    if fault is not None and fault.span is not None and ON_A_LEAF in fault.message:
        yield Sighting(
            f"`{subject.source.snippet(fault.span)}` changes a parameter in place where operations "
            "are recorded: the graph would no longer begin at the parameter.",
            span=fault.span,
            moment=(0, len(subject.graph)),
            key=("no leaf", fault.span),
        )


# ---- gradients that add up -----------------------------------------------------------------


class Grown(NamedTuple):
    """A parameter whose `.grad` has passes in it from before an update, and how many."""

    parameter: int
    passes: int
    total: Array
    alone: Array | None


def grown(subject: Subject) -> list[Grown]:
    """Return the parameters that were moved along gradients which earlier passes had left."""
    graph, passes = subject.graph, subject.session.tracer.passes
    moved, found = versions(subject), []
    for leaf, gathered in passes.gathered.items():
        now = graph.current(leaf)
        rows = moved.get(now, [])[1:]
        if len(gathered) < 2 or not rows:
            continue
        first, last = passes.made[gathered[0]].at, passes.made[gathered[-1]].at
        between = any(first <= row < last for row in rows)
        if between and rows[-1] >= last and (total := graph.grad(now)) is not None:
            found.append(Grown(now, len(gathered), np.asarray(total), _last(subject, now)))
    return found


def _last(subject: Subject, now: int) -> Array | None:
    """Return what the last pass alone has found for a parameter."""
    flow = subject.flows[-1]
    for row in flow.inside:
        if subject.graph.ops[row] is None and subject.graph.current(row) == now:
            found = flow.cotangents.get(row)
            return None if found is None else np.asarray(found)
    return None


def adds_up(subject: Subject) -> Iterator[Sighting]:
    """Yield the parameters whose gradients are not reset between updates."""
    found = [one for one in grown(subject) if one.alone is not None]
    if not found or (span := _backward(subject)) is None:
        return
    one = found[0]
    assert one.alone is not None, "others are left out"
    index = tuple(int(k) for k in np.unravel_index(np.abs(one.total).argmax(), one.total.shape))
    labels = [name_of(subject, x.parameter) for x in found]
    at = f"[{', '.join(map(str, index))}]" if index else ""
    yield Sighting(
        f"backward() adds to `.grad`, and nothing resets it after an update: {listed(labels)} "
        f"move{'s' * (len(labels) == 1)} along the sum of {one.passes} passes. In the end "
        f"`{labels[0]}.grad{at}` is {one.total[index]:.6g}, where the last pass alone gives "
        f"{one.alone[index]:.6g}.",
        row=found[0].parameter,
        span=span,
        key=("adds up",),
        spoils=tuple(f"{label}.grad" for label in labels),
        evidence=tuple(x.parameter for x in found),
    )


def _backward(subject: Subject) -> Span | None:
    """Return the place of the call of backward() of the last pass."""
    found = list(calls(subject, "backward"))
    name = subject.graph.notes.names.get(subject.session.tracer.passes.made[-1].root)
    own = [call for call in found if name is not None and name in subject.written(call.span)]
    return (own or found)[-1].span if found else None


# ---- parameters that are left out ----------------------------------------------------------


def left_out(subject: Subject) -> Iterator[Sighting]:
    """Yield the parameters that a loop gives gradients and never moves, while it moves others."""
    passes, moved = subject.session.tracer.passes, _moved(subject)
    if not moved or subject.fault is not None:
        return
    steps, asked = max(len(rows) for rows in moved.values()), asked_for(subject)
    for i in subject.parameters:
        name = name_of(subject, i)
        count = sum(i in made.reached for made in passes.made) * (i not in asked)
        if i in moved or MEANT.search(name) or count < 2 or steps < 2:
            continue
        if any(made.inputs for made in passes.made) or not _gets(subject, i):
            continue
        others = [name_of(subject, now) for now in moved]
        yield Sighting(
            f"`{name}` gets a gradient in each of {count} passes and is never updated; "
            f"{listed(others)} {'is' if len(others) == 1 else 'are'}, {steps} times.",
            row=i,
            key=("left out", i),
            spoils=(name,),
            evidence=tuple(moved),
        )


def _moved(subject: Subject) -> dict[int, list[int]]:
    """Return what updates have made of parameters after the first pass: not what began them."""
    made = subject.session.tracer.passes.made
    first = made[0].at if made else 0
    found = {now: [i for i in rows if i > first] for now, rows in versions(subject).items()}
    return {now: rows for now, rows in found.items() if rows}


def _gets(subject: Subject, leaf: int) -> bool:
    found = [flow.cotangents.get(leaf) for flow in subject.flows if leaf in flow.inside]
    return any(g is not None and np.any(g) for g in found)


# ---- graphs that are used again ------------------------------------------------------------


def second_time(subject: Subject) -> Iterator[Sighting]:
    """Yield what a second pass goes through again, where that ends the run."""
    fault = subject.fault
    if fault is None or not fault.message.startswith(
        "Trying to backward through the graph a second"
    ):
        return
    graph, failed = subject.graph, result_row(subject)
    if failed is None:
        return
    shared = sorted(i for i in _reached(subject, failed)
                    if i < len(graph.autograd.freed) and graph.autograd.freed[i]
                    and graph.ops[i] is not None)  # fmt: skip
    if not shared:
        return
    row, top = shared[-1], name_of(subject, failed)
    words = (
        f"backward() runs from `{top}` a second time: its graph was freed by the first pass."
        if row == failed
        else f"`{subject.text(row)}` (line {subject.line(row)}) was computed before the first "
        f"pass, which has gone through it and freed it; the pass from `{top}` of line "
        f"{subject.line(failed)} goes through it again."
    )
    yield Sighting(words, row=row, moment=(0, len(graph)), key=("again",),
                   evidence=tuple(shared))  # fmt: skip


def _reached(subject: Subject, root: int) -> set[int]:
    graph, found, pending = subject.graph, {root}, [root]
    while pending:
        more = [i for i in graph.inputs[pending.pop()]
                if i >= 0 and graph.requires_grad[i] and i not in found]  # fmt: skip
        found.update(more)
        pending.extend(more)
    return found


def stale(subject: Subject) -> Iterator[Sighting]:
    """Yield what a pass goes through that was computed with a parameter as it was long before."""
    graph, moved = subject.graph, versions(subject)
    if len(subject.session.tracer.passes.made) < 2 or not moved:
        return
    flow = subject.flows[-1]
    at = subject.session.tracer.passes.made[-1].at
    for now, rows in moved.items():
        old = [i for i in rows if i in flow.inside]
        used = min((i for i in flow.order if old and old[0] in graph.inputs[i]), default=at)
        later = [i for i in rows if used < i < at]
        if not later:
            continue
        label = name_of(subject, now)
        yield Sighting(
            f"the last pass goes through `{subject.text(used)}` as it was computed before "
            f"`{label}` was updated{_apart(subject, old[0], later[-1])}: its gradient is that of "
            "the old values.",
            row=used,
            key=("again",),
            spoils=(f"{label}.grad",),
            evidence=tuple(
                i for i in sorted(flow.order) if i < later[0] and graph.ops[i] is not None
            ),
        )
        return


def _apart(subject: Subject, old: int, new: int) -> str:
    a, b = subject.value(old), subject.value(new)
    return f" (it was {a:.4g}, and is {b:.4g})" if a.size == 1 and not a.shape else ""


def retaining(subject: Subject) -> list[Call]:
    """Return the calls of backward() that keep the graph."""
    pattern = re.compile(r"retain_graph\s*=\s*True")
    return [c for c in calls(subject, "backward") if pattern.search(subject.written(c.span))]
