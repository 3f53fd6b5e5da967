"""Tensors that were to have a `.grad` and have none: no parameter, no floats, no leaf."""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.findings import Edit, Rewrite, Sighting
from gradcli.diagnose.silent import edits
from gradcli.diagnose.silent.judges import listed
from gradcli.diagnose.silent.result import name_of, result_row, row_at, row_named
from gradcli.diagnose.silent.steps import blocks, in_place
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.trial import Comparison
from gradcli.errors import Span
from gradcli.syntax.tree import (
    Assign,
    Attribute,
    Augmented,
    Call,
    Constant,
    Expression,
    Name,
    nodes_of,
)

NO_LEAF = "The .grad attribute of a Tensor that is not a leaf"
NO_FLOATS = re.compile(r"[Oo]nly Tensors of floating point.* can require gradients|"
                       r"only Tensors of floating point")  # fmt: skip
TRAINED = re.compile(r"(w|b|theta|weights?|bias|params?|coef\w*)\d*", re.IGNORECASE)
ASKED = re.compile(r"(,\s*)?requires_grad\s*=\s*True|\.requires_grad_\(\s*(True)?\s*\)")


# ---- plain tensors -------------------------------------------------------------------------


def plain(subject: Subject) -> Iterator[Sighting]:
    """Yield the plain tensors whose gradient a file wanted, where that has ended it."""
    if (fault := subject.fault) is None or fault.span is None:
        return
    graph, scope = subject.graph, subject.session.tracer.scope
    wanted = [node for node in nodes_of(subject.statements) if isinstance(node, Attribute)
              and node.name == "grad" and isinstance(node.value, Name)]  # fmt: skip
    if subject.parameters:
        wanted = [n for n in wanted if fault.span.start <= n.span.start < fault.span.end]
    elif result_row(subject) is None:
        return
    names = {n.value.id for n in wanted if isinstance(n.value, Name)}
    if not subject.parameters and not names:
        names = {name for name in scope if TRAINED.fullmatch(name)}
    found = []
    for name in names:
        row = row_named(subject, name)
        if row is not None and graph.ops[row] is None and _could(subject, row):
            found.append(row)
    for row in sorted(found)[:1]:
        labels = [name_of(subject, i) for i in sorted(found)]
        yield Sighting(
            f"{listed(labels)} {'requires' if len(found) == 1 else 'require'} no gradient "
            "(requires_grad=True makes a parameter): nothing is recorded of what is computed from "
            f"{'it' if len(found) == 1 else 'them'}, and `.grad` stays None.",
            row=row,
            key=("silent", tuple(found)),
            spoils=tuple(f"{label}.grad" for label in labels),
            evidence=tuple(sorted(found)),
        )


def _could(subject: Subject, row: int) -> bool:
    graph = subject.graph
    known = graph.notes.origins[row] == "file" and row not in graph.notes.sources
    return known and not graph.requires_grad[row] and graph.metas[row].dtype.kind in "fciu"


def required(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield the file with parameters where it has plain tensors."""
    found = []
    for row in sighting.evidence or ():
        node = edits.expression_at(subject, subject.span(row))
        if not isinstance(node, Call):
            return
        text = subject.written(node.span)
        if "requires_grad=False" in text:
            text = text.replace("requires_grad=False", "requires_grad=True")
        else:
            text = f"{text[:-1].rstrip().rstrip(',')}, requires_grad=True)"
        if subject.graph.metas[row].dtype.kind in "iu":
            data = [e for e in floats(subject, node) if node.span.start <= e.span.start]
            shift = Span(node.span.start, node.span.end)
            text = edits.applied(subject, shift, data)[:-1] + ", requires_grad=True)"
        found.append(Edit(node.span, text))
    why = "what is computed from a parameter is recorded"
    yield Rewrite(tuple(found), why)
    names = {name_of(subject, row) for row in sighting.evidence or ()}
    updates = sorted((s for s in nodes_of(subject.statements) if isinstance(s, Assign | Augmented)
                      and any(f"{name}.grad" in subject.written(s.span) for name in names)),
                     key=lambda s: s.span)  # fmt: skip
    steps = [step for s in updates if (step := in_place(subject, s)) is not None]
    if updates and len(steps) == len(updates):
        for clear in (False, True):
            yield Rewrite((*found, *blocks(subject, updates, steps, clear=clear)), why)


# ---- integers ------------------------------------------------------------------------------


def integers(subject: Subject) -> Iterator[Sighting]:
    """Yield where integers were to require a gradient."""
    fault = subject.fault
    if fault is None or fault.span is None or not NO_FLOATS.search(fault.message):
        return
    yield Sighting(
        f"`{subject.source.snippet(fault.span)}` holds integers, which have no derivative: "
        "only floating point and complex tensors can require a gradient.",
        span=fault.span,
        moment=(0, len(subject.graph)),
        key=("silent", fault.span),
    )


def with_floats(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield the file with 1.0 where it has 1."""
    assert sighting.span is not None, "it is where the error is"
    node = edits.expression_at(subject, sighting.span)
    if not isinstance(node, Call):
        return
    if isinstance(node.function, Attribute) and node.function.name == "requires_grad_":
        of = node.function.value
        row = row_at(subject, of.id if isinstance(of, Name) else None, of.span)
        made = None if row is None else edits.expression_at(subject, subject.span(row))
        node = made if isinstance(made, Call) else node
    if found := tuple(floats(subject, node)):
        yield Rewrite(found, "floats have a gradient")
    for keyword in node.keywords:
        if keyword.name == "dtype":
            dtype = Edit(keyword.value.span, subject.function("float64"))
            yield Rewrite((dtype,), "floats have a gradient")


def floats(subject: Subject, call: Call) -> Iterator[Edit]:
    """Yield what writes the integers among the arguments of a call as floats."""
    for node in nodes_of(call.arguments[:1] if len(call.arguments) == 1 else call.arguments):
        if isinstance(node, Constant) and type(node.value) is int:
            yield Edit(node.span, f"{subject.written(node.span)}.0")


# ---- results whose .grad is read -----------------------------------------------------------


def read_of_results(subject: Subject) -> dict[int, Span]:
    """Return the results whose `.grad` the file has read, which PyTorch does not keep."""
    found: dict[int, Span] = {}
    for span, message in subject.graph.notes.warnings:
        if not message.startswith(NO_LEAF):
            continue
        node = edits.expression_at(subject, span)
        if isinstance(node, Attribute):
            of = node.value
            row = row_at(subject, of.id if isinstance(of, Name) else None, of.span)
            if row is not None and subject.graph.ops[row] is not None:
                found.setdefault(row, span)
    return found


def no_leaf(subject: Subject) -> Iterator[Sighting]:
    """Yield the parameters that were changed as they were made: `ones(3, requires_grad=True)/9`."""
    for row in read_of_results(subject):
        if (leaf := _unnamed(subject, row)) is not None:
            label = name_of(subject, row)
            yield Sighting(
                f"`{label}` is computed from the parameter `{subject.text(leaf)}`, which has no "
                f"name, and so is no leaf: backward() puts the gradient there, and `{label}.grad` "
                "stays None.",
                row=row,
                key=("no leaf", row),
                spoils=(f"{label}.grad",),
                evidence=leaf,
            )


def _unnamed(subject: Subject, row: int) -> int | None:
    """Return the parameter within the expression that made a row, where it has no name."""
    graph, span, pending = subject.graph, subject.span(row), [row]
    while pending:
        i = pending.pop()
        if graph.ops[i] is None and graph.requires_grad[i] and i not in graph.notes.names:
            own = subject.span(i)
            return i if span.start <= own.start and own.end <= span.end else None
        pending += [k for k in graph.inputs[i] if k >= 0 and graph.requires_grad[k]]
    return None


def as_leaf(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield the file with the result as the parameter."""
    assert sighting.row is not None, "it is a row"
    span, why = subject.span(sighting.row), "the result itself is the parameter"
    made, text = (
        edits.expression_at(subject, subject.span(sighting.evidence)),
        subject.written(span),
    )
    if called(made) in ("Parameter", "param") and isinstance(made, Call) and made.arguments:
        inside = Edit(made.span, edits.primary(subject, made.arguments[0]))
        function = subject.written(made.function.span)
        yield Rewrite((Edit(span, f"{function}({edits.applied(subject, span, [inside])})"),), why)
        return
    text = ASKED.sub("", text)
    text = text if isinstance(edits.expression_at(subject, span), edits.PRIMARY) else f"({text})"
    yield Rewrite((Edit(span, f"{text}.requires_grad_()"),), why)


def of_result(subject: Subject) -> Iterator[Sighting]:
    """Yield the results whose `.grad` was read and is None."""
    for row, span in read_of_results(subject).items():
        label = name_of(subject, row)
        yield Sighting(
            f"`{label}` is a result ({subject.graph.grad_fn(row)}), no leaf: backward() lets its "
            f"gradient flow on and does not keep it, so `{subject.source.snippet(span)}` is None.",
            row=row,
            span=span,
            key=("no leaf", row),
            spoils=(f"{label}.grad",),
        )


def retained(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield the file with `retain_grad()` after the line that makes the result."""
    assert sighting.row is not None, "it is a row"
    name = subject.graph.notes.names.get(sighting.row)
    statement = edits.statement_at(subject, subject.span(sighting.row))
    if name is not None and isinstance(statement, Assign):
        edit = edits.line_after(subject, statement, f"{name}.retain_grad()")
        yield Rewrite((edit,), "backward() keeps it")


def keeps(comparison: Comparison) -> str:
    """Judge a file that retains a gradient: it is there, and is the one that flows."""
    before, after = comparison.before, comparison.after
    kept = [i for i in after.graph.autograd.retained if after.graph.grad(i) is not None]
    if len(read_of_results(after)) >= len(read_of_results(before)) or not kept:
        return ""
    flow = after.flows[-1]
    for row in kept:
        grad, flowed = after.graph.grad(row), flow.cotangents.get(row)
        if grad is None or flowed is None or not np.allclose(grad, flowed, 1e-6, 0):
            return ""
    names = listed([after.label(i) for i in kept])
    good = comparison.differentiates()
    return f"{names} keeps the gradient that flows through it" if good else ""


def called(node: Expression | None) -> str:
    """Return the name of the function that an expression calls, "" for others."""
    if not isinstance(node, Call):
        return ""
    function = node.function
    return function.name if isinstance(function, Attribute) else getattr(function, "id", "")
