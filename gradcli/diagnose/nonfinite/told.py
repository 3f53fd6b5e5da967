"""Numbers of a beginning in words."""

from __future__ import annotations

import numpy as np

from gradcli.diagnose.findings import Index
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.subject import Subject
from gradcli.rule.rule import Elementwise

FEW = 6  # elements of an operand that are written out


def number(value: complex) -> str:
    """Return a number in a few digits."""
    return f"{value:.6g}" if isinstance(value, complex) and value.imag else f"{value.real:.6g}"


def at(index: Index) -> str:
    """Return ` at [1, 2]`, "" for a scalar."""
    return f" at [{', '.join(map(str, index))}]" if index else ""


def element(subject: Subject, event: Event, slot: int) -> complex | None:
    """Return the element of an operand that an element of the result was computed from.

    None where the operation does not go element by element. A Python number is returned as it is.
    """
    graph = subject.graph
    i = graph.inputs[event.row][slot]
    if i < 0:
        found = graph.scalars[~i]
        return complex(found) if isinstance(found, int | float | complex) else None
    op = graph.ops[event.row]
    value = np.asarray(graph.value(i))
    shape = graph.metas[event.row].shape
    if not value.ndim:
        return complex(value)
    if op is None or not isinstance(op.derivative, Elementwise):
        return None
    if event.inner is None:
        return None
    return complex(np.broadcast_to(value, shape)[event.inner])


def operands(subject: Subject, event: Event) -> str:
    """Return what an operation was given, in words: `, where `x` is 0`; "" where it is much."""
    graph, parts = subject.graph, []
    for slot, i in enumerate(graph.inputs[event.row]):
        if i < 0:
            continue
        found = element(subject, event, slot)
        if found is not None:
            parts.append(f"`{subject.label(i)}` is {number(found)}")
        elif (value := np.asarray(graph.value(i))).size <= FEW:
            parts.append(f"`{subject.label(i)}` is {np.array2string(value, precision=6)}")
    return f", where {' and '.join(parts)}" if parts else ""
