"""What a file computes, whether or not it can be differentiated."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.diagnose.subject import Subject
from gradcli.errors import Span
from gradcli.graph import Node
from gradcli.rule.dtypes import Array
from gradcli.rule.rule import number
from gradcli.syntax.tree import Assign, Attribute, Call, Name, nodes_of
from gradcli.trace.storage import Tensor


def result_row(subject: Subject) -> int | None:
    """Return the row that is differentiated, or was to be: what a failed `backward()` ran from.

    It is the last scalar of the file where nothing is.
    """
    passes = subject.session.passes
    if subject.fault is not None and (row := _of_failed_pass(subject)) is not None:
        return row
    if subject.root is not None:
        return subject.root
    if passes:
        return passes[-1].root
    if subject.fault is not None:
        return None
    graph = subject.graph
    made = [node.id for node in subject.session.tracer.results]
    scalars = [i for i in made if graph.ops[i] is not None and graph.metas[i].dtype.kind in "fc"
               and not graph.metas[i].shape]  # fmt: skip
    return scalars[-1] if scalars else None


def name_of(subject: Subject, row: int) -> str:
    """Return a row's name in the file, or its text, whatever its turn of a loop is."""
    return subject.graph.notes.names.get(row) or subject.label(row)


def calls(subject: Subject, name: str) -> Iterator[Call]:
    """Yield the calls of a method in the file, in its order."""
    found = [
        node
        for node in nodes_of(subject.statements)
        if isinstance(node, Call)
        and isinstance(node.function, Attribute)
        and node.function.name == name
    ]
    yield from sorted(found, key=lambda call: call.span)


def row_named(subject: Subject, name: str) -> int | None:
    """Return the row of a tensor that has a name in the end, None where it has no row of its own.

    It is not read: a view of what was changed cannot be, and a new row would be made of others.
    """
    value = subject.session.tracer.scope.get(name)
    if not isinstance(value, Node):
        return None
    shared = value.storage if isinstance(value, Tensor) and not value.steps else None
    row = value.row if shared is None else shared.row
    return subject.graph.current(row) if row >= 0 else None


def row_at(subject: Subject, name: str | None, span: Span) -> int | None:
    """Return the last row of a name, or of a piece of the file; None where there is none."""
    graph = subject.graph
    if name is not None and (found := row_named(subject, name)) is not None:
        return found
    for row in range(len(graph) - 1, -1, -1):
        known = graph.notes.names.get(row) == name if name is not None else False
        if known or (name is None and graph.notes.spans[row] == span):
            return row
    return None


def _of_failed_pass(subject: Subject) -> int | None:
    fault = subject.fault
    assert fault is not None, "it is asked for where there is one"
    for call in calls(subject, "backward"):
        if fault.span == call.span and isinstance(call.function, Attribute):
            of = call.function.value
            return row_at(subject, of.id if isinstance(of, Name) else None, of.span)
    return None


def result_value(subject: Subject) -> Array | None:
    """Return what the file computes: the value of the result's row, or the last number."""
    row = result_row(subject)
    if row is not None:
        return subject.value(row)
    scope = subject.session.tracer.scope
    for statement in reversed(subject.statements):
        if isinstance(statement, Assign):
            for target in statement.targets:
                value = scope.get(target.id) if isinstance(target, Name) else None
                if isinstance(value, int | float) and number(value):
                    return np.asarray(float(value))
    return None
