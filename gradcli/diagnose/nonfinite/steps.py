"""The numbers of a beginning: what its operation was given, and what arrives and is passed on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from gradcli.diagnose.findings import Index
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.forms import Form, Operand, bare, form
from gradcli.diagnose.nonfinite.told import at, number
from gradcli.diagnose.subject import Edge, Flow, Subject
from gradcli.rule.dtypes import Array


@dataclass(frozen=True)
class Step:
    """A beginning, and what its row is."""

    subject: Subject
    event: Event
    form: Form

    @property
    def name(self) -> str:
        """What the operation does."""
        return self.form.name

    @property
    def place(self) -> str:
        """Return ` at [1, 2]`, and in which turn of a loop."""
        index = self.event.index if self.event.inner is None else self.event.inner
        more = self.event.turns - 1
        first = turn(self.subject, self.event.row)
        return f"{at(index)}{first}{f' and in {more:,} more' if first and more else ''}"

    @property
    def text(self) -> str:
        """The text of the operation."""
        return self.subject.text(self.event.row)

    def label(self, operand: Operand) -> str:
        """Return what an operand is called."""
        if operand.row is None:
            return number(complex(operand.number or 0))
        label, row = self.subject.label(operand.row), operand.row
        if self.subject.graph.ops[row] is None and label == self.subject.text(row):
            inside = bare(operand.text)  # jax.grad(f)(0.0) has no name for what f calls x
            label = label if inside is None else self.subject.written(inside.span)
        return f"`{label}`"

    def value(self, k: int) -> complex | None:
        """Return the element of an operand that goes in where it begins, None where many do."""
        if k >= len(self.form.operands):
            return None
        return element_of(self.subject, self.form.operands[k], self.event)

    def real(self, k: int) -> float | None:
        """Return that of a real operand."""
        found = self.value(k)
        return None if found is None or found.imag else found.real

    @cached_property
    def arriving(self) -> complex | None:
        """The gradient that arrives at the element, in the first pass that goes through it."""
        index = self.event.inner
        for flow in self.flows:
            g = flow.cotangents.get(self.event.row)
            if isinstance(g, np.ndarray | np.generic | float) and index is not None:
                return complex(np.broadcast_to(g, self.shape)[index])
        return None

    @property
    def flows(self) -> tuple[Flow, ...]:
        """The pass in which it begins, or all of them."""
        if self.event.flow is not None:
            return (self.event.flow,)
        return (*self.subject.flows, *(one.flow for one in self.subject.derived))

    @property
    def shape(self) -> Index:
        """The shape of the operation's result."""
        return self.subject.graph.metas[self.event.row].shape

    @cached_property
    def local(self) -> complex | None:
        """The derivative of the element by its operand, through which a gradient goes."""
        if self.event.inner is None:
            return None
        for flow in self.flows:
            edges = (
                list(flow.edges(self.event.row)) if self.event.edge is None else [self.event.edge]
            )
            for edge in edges:
                return complex(derivative(self.subject, flow, edge)[self.event.inner])
        return None


def step(subject: Subject, event: Event) -> Step | None:
    """Return the numbers of a beginning, None of one that no operation makes."""
    if event.given and not event.is_nan:
        return None
    it = form(subject, event.row)
    return None if it is None else Step(subject, event, it)


def derivative(subject: Subject, flow: Flow, edge: Edge) -> Array:
    """Return the derivatives of a row by an operand, element by element."""
    meta = subject.graph.metas[edge.row]
    return np.broadcast_to(flow.part(edge, np.ones(meta.shape, meta.dtype), whole=True), meta.shape)


def element_of(subject: Subject, operand: Operand, event: Event) -> complex | None:
    """Return the element of an operand that an element of the result is computed from."""
    if operand.row is None:
        return None if operand.number is None else complex(operand.number)
    if event.inner is None:
        return None
    value: Any = subject.value(operand.row)
    shape = subject.graph.metas[event.row].shape
    return complex(np.broadcast_to(value, shape)[event.inner])


def turn(subject: Subject, row: int) -> str:
    """Return ` in turn 37`, "" for a row that no loop has made."""
    for loop in subject.graph.notes.loops:
        turns = loop.turns
        if len(turns) > 2 and turns[0] <= row < turns[-1]:
            return f" in turn {int(np.searchsorted(np.asarray(turns), row, 'right')):,}"
    return ""


__all__ = ["Step", "derivative", "element_of", "step", "turn"]
