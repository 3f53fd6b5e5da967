"""Gradients that are 0 everywhere: the operations that have made them so.

A gradient of 0 is followed from a parameter towards the root, through rows whose gradients are 0
too, up to the operations that are given one which is not, and pass on 0: these have stopped it.
Where parts that are not 0 cancel, none has.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from gradcli import autodiff
from gradcli.diagnose.silent.stops import stop_of
from gradcli.diagnose.subject import Edge, Flow, Subject
from gradcli.graph import OUTPUT, Graph, Step
from gradcli.session import Start

TINY = 1e-12  # of the root, what a parameter of its own size may change: the gradient counts as 0
SATURATES = ("sigmoid", "tanh", "softmax", "erf", "erfc", "exp", "silu", "gelu", "elu", "softplus",
             "celu", "selu", "div", "reciprocal")  # fmt: skip


class Stopped(NamedTuple):
    """An operation that lets no gradient through: which kind of finding it is, the row, in words.

    `silences` are the parameters that get the gradient 0.
    """

    name: str
    row: int
    words: str
    silences: tuple[int, ...]


def stopped(subject: Subject) -> Sequence[Stopped]:
    """Return what has made gradients 0, looked for once."""
    return subject.listed(_stopped)


def _stopped(subject: Subject) -> Iterator[Stopped]:
    graph, done = subject.graph, set[int]()
    gathered: dict[tuple[str, int], tuple[str, list[int]]] = {}
    for flow in reversed(subject.flows or _asked(subject)):
        if not np.isfinite(subject.value(flow.start.root)).all():
            continue  # that comes first
        back, wanted = _Back(subject, flow), set(flow.start.inputs)
        for leaf in sorted(flow.inside):
            now = graph.current(leaf)
            plain = graph.ops[leaf] is None and (graph.requires_grad[leaf] or leaf in wanted)
            if not plain or now in done or graph.notes.origins[leaf] != "file":
                continue
            done.add(now)
            grad = graph.grad(now)
            if grad is not None and back.counts(now, grad):
                continue
            flowed = flow.cotangents.get(leaf)
            if back.counts(leaf, flowed) or (found := back.stop(leaf, _is_zero(flowed))) is None:
                continue
            name, row, words = found
            gathered.setdefault((name, row), (words, []))[1].append(now)
    for (name, row), (words, leaves) in gathered.items():
        yield Stopped(name, row, words, tuple(leaves))


def _is_zero(gradient: Any) -> bool:
    parts = gradient if isinstance(gradient, list) else [gradient]
    return not any(g is not None and np.any(g) for g in parts)


class _Asked(Flow):
    """A differentiation that the file itself has asked for, as with `grad(y, x)`."""

    def __init__(self, graph: Graph, step: Step) -> None:
        ((root, cotangent),) = step.given.items()
        self.graph, self.order = graph, list(step.rows)
        self.start = Start(root, np.asarray(graph.value(cotangent)), step.first, step.wanted)
        self.inside = frozenset(step.rows)
        self.read = graph.value
        with np.errstate(all="ignore"):
            self.cotangents = autodiff.pull(
                graph, {root: self.start.cotangent}, step.rows, self.read
            )


def _asked(subject: Subject) -> tuple[Flow, ...]:
    """Return the last differentiation that the file itself has asked for."""
    for step in reversed(subject.graph.autograd.steps):
        if step.mode == "reverse" and len(step.given) == 1 and not step.batched:
            return (_Asked(subject.graph, step),)
    return ()


class _Back:
    """The way back of one pass."""

    def __init__(self, subject: Subject, flow: Flow) -> None:
        self.subject, self.flow = subject, flow
        root = np.abs(subject.value(flow.start.root))
        self.scale = float(root.max(initial=0.0)) if root.dtype.kind == "f" else 0.0

    @cached_property
    def uses(self) -> dict[int, list[Edge]]:
        """The uses of every row through which a gradient flows."""
        graph, found = self.subject.graph, dict[int, list[Edge]]()
        for row in self.flow.order:
            if graph.ops[row] is OUTPUT:
                whole = graph.inputs[row][0]
                found.setdefault(whole, []).append(Edge(row, OUTPUT, 0, whole))
            for edge in self.flow.edges(row):
                found.setdefault(edge.operand, []).append(edge)
        return found

    def counts(self, row: int, gradient: Any, exact: bool = False) -> bool:
        """Say whether a gradient of a row is more than nothing: than 0, where it is `exact`."""
        if exact:
            return not _is_zero(gradient)
        parts = gradient if isinstance(gradient, list) else [gradient]
        largest = max(
            (float(np.abs(g).max(initial=0.0)) for g in parts if g is not None), default=0
        )
        if not np.isfinite(largest) or self.subject.graph.is_tuple(row):
            return largest != 0
        size = max(float(np.abs(self.subject.value(row)).max(initial=0.0)), 1.0)
        return largest * size > TINY * self.scale if np.isfinite(size) else largest != 0

    def stop(self, leaf: int, exact: bool) -> tuple[str, int, str] | None:
        """Return what keeps a gradient from a leaf: the kind of finding, the row, and words.

        None where that is no fault: at a minimum, or where parts of it cancel.
        """
        edges = self.stopping(leaf, exact)
        if not edges:
            return None
        found = []
        for edge in edges:
            passed = self.flow.part(edge)
            if passed.any() and edge.op.label not in SATURATES:
                return None  # small, not lost
            stop = stop_of(self.subject, self.flow, edge, leaf)
            if stop is None:
                return None
            found.append(stop)
        return min(found, key=lambda stop: stop[1])

    def stopping(self, leaf: int, exact: bool) -> list[Edge]:
        """Return the uses at which a gradient that counts becomes one that does not."""
        found, seen, pending = [], {leaf}, [leaf]
        while pending:
            for edge in self.uses.get(pending.pop(), ()):
                arriving = self.flow.cotangents.get(edge.row)
                if self.counts(edge.row, arriving, exact):
                    if edge.op is OUTPUT:
                        return []
                    if self.counts(edge.operand, self.flow.part(edge), exact):
                        return []  # parts that count cancel
                    found.append(edge)
                elif edge.row not in seen:
                    seen.add(edge.row)
                    pending.append(edge.row)
        return found
