"""Passes that are not run, gradients that are reset too early, and ones that have no history."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.silent import edits
from gradcli.diagnose.silent.cut import values_behind
from gradcli.diagnose.silent.judges import flows, listed
from gradcli.diagnose.silent.leaves import called
from gradcli.diagnose.silent.repairs import trains
from gradcli.diagnose.silent.result import calls, name_of, result_row, result_value, row_named
from gradcli.diagnose.silent.training import rebound, versions
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.trial import Comparison, close
from gradcli.errors import Span
from gradcli.syntax.tree import Assign, Attribute, Call, Name, nodes_of

RESET = re.compile(r"\.grad(\.zero_\(\)|\s*=\s*None)$")


# ---- no pass -------------------------------------------------------------------------------


def no_pass(subject: Subject) -> Iterator[Sighting]:
    """Yield the place where a `.grad` is used before any pass has put something there."""
    fault = subject.fault
    statement = edits.statement_at(subject, fault.span) if fault and fault.span else None
    if statement is None or subject.session.passes or rebound(subject):
        return
    if fault is None or "None" not in fault.message:
        return
    names = [n.value.id for n in nodes_of([statement]) if isinstance(n, Attribute)
             and n.name == "grad" and isinstance(n.value, Name)]  # fmt: skip
    if not any(row_named(subject, name) in subject.parameters for name in names):
        return
    top = _last_scalar(subject)
    where = "" if top is None else f" `{name_of(subject, top)}.backward()` was not called."
    yield Sighting(
        f"`{names[0]}.grad` is used here, and no backward pass has run: it is None.{where}",
        span=statement.span,
        moment=(0, len(subject.graph)),
        key=("silent", statement.span),
        spoils=(f"{names[0]}.grad",),
        evidence=(statement, top),
    )


def _last_scalar(subject: Subject) -> int | None:
    graph = subject.graph
    named = [i for i in graph.notes.names if graph.requires_grad[i] and graph.ops[i] is not None
             and not graph.metas[i].shape]  # fmt: skip
    return max(named, default=None)


def with_pass(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield the file with the pass after the result."""
    reset, top = sighting.evidence
    text = subject.written(reset.span)
    if text.endswith(".grad.zero_()") and any(calls(subject, "backward")):
        edit = Edit(reset.span, text.replace(".zero_()", " = None"))
        yield Rewrite((edit,), "None may be reset before there is anything")
    statement = None if top is None else edits.statement_at(subject, subject.span(top))
    if isinstance(statement, Assign):
        text = f"{subject.graph.notes.names[top]}.backward()"
        edit = edits.line_after(subject, statement, text)
        yield Rewrite((edit,), "backward() fills `.grad`")


# ---- reset before the step -----------------------------------------------------------------


def too_early(subject: Subject) -> Iterator[Sighting]:
    """Yield the resets that leave nothing for the update after them."""
    found = [s for s in nodes_of(subject.statements)
             if isinstance(s, edits.SIMPLE) and RESET.search(subject.written(s.span))]  # fmt: skip
    if not found or not subject.session.passes:
        return
    graph, still = subject.graph, []
    for now, rows in versions(subject).items():
        first = subject.value(rows[0])
        moved = any(not np.array_equal(first, subject.value(i), equal_nan=True) for i in rows)
        flow = subject.flows[-1]
        used = [i for i in rows if i in flow.inside]
        if not moved and any(np.any(flow.cotangents.get(i, 0)) for i in used):
            still.append(now)
    names = [name_of(subject, i) for i in still]
    if not names and (name := _none_at_update(subject)):
        names = [name]
    if names:
        statement = found[-1]
        yield Sighting(
            f"`{subject.written(statement.span)}` stands between backward() and the update: that "
            f"of {listed(names)} has no gradient to go along"
            f"{' and changes nothing' if still else ''}.",
            span=statement.span,
            moment=(0, min((i for i in still), default=len(graph))),
            key=("silent", "reset"),
            spoils=tuple(f"{name}.grad" for name in names),
            evidence=tuple(names),
        )


def _none_at_update(subject: Subject) -> str:
    """Return the parameter whose `.grad` is None at the update that has ended a run."""
    fault, graph = subject.fault, subject.graph
    statement = edits.statement_at(subject, fault.span) if fault and fault.span else None
    if statement is None or RESET.search(subject.written(statement.span)) or rebound(subject):
        return ""
    reached = {graph.current(i) for made in subject.session.tracer.passes.made
               for i in made.reached}  # fmt: skip
    for i in reached:
        name = graph.notes.names.get(i, "")
        if name and graph.grad(i) is None and f"{name}.grad" in subject.written(statement.span):
            return name
    return ""


def after_update(subject: Subject, _: Sighting) -> Iterator[Rewrite]:
    """Yield the file with its resets after the updates."""
    moved, gone = list[Edit](), list[Edit]()
    statements = sorted((s for s in nodes_of(subject.statements)
                         if isinstance(s, edits.SIMPLE)), key=lambda s: s.span)  # fmt: skip
    for k, statement in enumerate(statements):
        text = subject.written(statement.span)
        if not RESET.search(text):
            continue
        grad = text[: RESET.search(text).start()] + ".grad"  # type: ignore[union-attr]
        update = next((s for s in statements[k + 1 :] if grad in subject.written(s.span)), None)
        if update is not None:
            moved.append(edits.line_after(subject, update, text))
            gone.append(Edit(edits.lines_of(subject, statement), ""))
    if moved:
        yield Rewrite((*moved, *gone), "the update comes first")


# ---- gradients without a history -----------------------------------------------------------


def unrecorded(subject: Subject) -> Iterator[Sighting]:
    """Yield the gradients that a result is made of, and that have no history."""
    graph, top = subject.graph, result_row(subject)
    if top is None:
        return
    behind = values_behind(subject, top)
    for step in graph.autograd.steps:
        made = [(i, x) for i, x in zip(step.found, step.wanted, strict=True) if i is not None]
        made = [(i, x) for i, x in made if i in behind and not graph.requires_grad[i]]
        if not made or not any(graph.requires_grad[i] for i in step.given):
            continue
        if any(_is_step(subject, g, x, behind) for g, x in made):
            continue
        row = made[0][0]
        yield Sighting(
            f"`{name_of(subject, top)}` is made of `{name_of(subject, row)}`, the gradient that "
            f"`{subject.text(row)}` gives: without create_graph=True it has no history, and what "
            "is computed from it leads no gradient back.",
            row=row,
            key=("again",),
            spoils=(f"{name_of(subject, top)}",),
        )
        return


def _is_step(subject: Subject, gradient: int, by: int, behind: set[int]) -> bool:
    """Say whether a gradient is used for a step from what it is of: that takes it as a number."""
    graph, moved = subject.graph, {gradient}
    for row in range(gradient + 1, len(graph)):
        if any(i in moved for i in graph.inputs[row]):
            if graph.label(row) in ("sub", "add") and by in _values(subject, row):
                return True
            if row in behind:
                moved.add(row)
    return False


def _values(subject: Subject, row: int) -> set[int]:
    """Return what a row is made of, and what that was detached from."""
    graph, found = subject.graph, set(subject.graph.inputs[row])
    return found | {k for i in found if i >= 0 and graph.label(i) == "detach"
                    for k in graph.inputs[i]}  # fmt: skip


def with_history(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield the file with create_graph=True."""
    assert sighting.row is not None, "it is a row"
    found = [n for n in nodes_of(subject.statements) if called(n) == "grad" and isinstance(n, Call)
             and n.span == subject.span(sighting.row)]  # fmt: skip
    for call in found:
        text = re.sub(r",\s*(retain_graph|create_graph)\s*=\s*\w+", "", subject.written(call.span))
        edit = Edit(Span(*call.span), f"{text[:-1]}, create_graph=True)")
        yield Rewrite((edit,), "the gradient is part of the graph")


def has_history(comparison: Comparison) -> str:
    """Judge a file in which a gradient is to be differentiated: the value stays, as it is right."""
    before, after = result_value(comparison.before), result_value(comparison.after)
    if before is None or after is None or not close(before, after):
        return ""
    if any(unrecorded(comparison.after)) or not comparison.outcomes[1].fine:
        return ""
    if not comparison.differentiates():
        return ""
    return "the value is the same, and the gradients agree with differences of all of it"


def moves(comparison: Comparison) -> str:
    """Judge a loop whose update is to move something."""
    left = [s.evidence for s in too_early(comparison.after)]
    return "" if left else trains(comparison) or flows(comparison)
