"""A run as a diagnosis looks at it: its values, its backward passes, and the text that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gradcli import autodiff
from gradcli.autodiff.reverse import fit
from gradcli.autodiff.saved import in_memory
from gradcli.errors import GradcliError, Source, Span
from gradcli.execute import compute
from gradcli.facts.labels import Labels
from gradcli.graph import OUTPUT, Graph, Node
from gradcli.roots import Root
from gradcli.rule.dtypes import Array, wide
from gradcli.rule.rule import Primitive
from gradcli.session import Request, Session, Start, finished, passes_of
from gradcli.syntax import parse
from gradcli.syntax.tree import Expression, Statement, nodes_of
from gradcli.trace import Options, Tracer
from gradcli.trace.values import Namespace
from gradcli.verify.target import every_parameter

LIBRARIES = "torch", "jax.numpy", "numpy", "autograd.numpy"
MOST_PASSES = 3  # backward passes of a run that are gone through: the first ones and the last one

Found = TypeVar("Found")


class Edge(NamedTuple):
    """A use of a row by another: the row that uses it, its operation, which operand, its row."""

    row: int
    op: Primitive
    slot: int
    operand: int


class Flow:
    """One backward pass: `order` are its rows as the engine visits them.

    `cotangents` are the gradients that arrive at rows: arrays, or for an operation of several
    results a list of them and None.
    """

    def __init__(self, graph: Graph, start: Start) -> None:
        self.graph, self.start = graph, start
        reached = autodiff.reachable(graph, (start.root,))
        self.order = autodiff.towards(graph, reached, start.inputs) if start.inputs else reached
        self.inside = frozenset(self.order)
        self.read = in_memory(graph, self.order)
        compute(graph, self.order)
        seed = autodiff.seed(Node(graph, start.root), start.cotangent)
        seed = np.asarray(seed, graph.metas[start.root].dtype)
        with np.errstate(all="ignore"):
            self.cotangents = autodiff.pull(graph, {start.root: seed}, self.order, self.read)

    def edges(self, row: int) -> Iterator[Edge]:
        """Yield the uses that a row makes of others through which a gradient flows."""
        op = self.graph.ops[row]
        if op is None or op is OUTPUT or op.derivative is None or row not in self.cotangents:
            return
        for slot, i in enumerate(self.graph.inputs[row]):
            if i in self.inside and op.derivative.body(slot) is not None:
                yield Edge(row, op, slot, i)

    def part(self, edge: Edge, g: Any = None, *, whole: bool = False) -> Array:
        """Return what a row passes on to one of its operands, of what arrives or of `g`.

        It has the operand's shape; `whole`: the one before broadcasting is undone.
        """
        graph, (row, op, slot, operand) = self.graph, edge
        assert op.derivative is not None, "an edge is differentiable"
        operands = tuple(
            wide(self.read(i)) if i >= 0 else graph.scalars[~i] for i in graph.inputs[row]
        )
        g = self.cotangents[row] if g is None else g
        with np.errstate(all="ignore"):
            part = op.derivative.vjp(slot, wide(g), wide(self.read(row)), operands,
                                     graph.attrs[row])  # fmt: skip
            return np.asarray(
                part if whole else fit(part, graph, operand, op.derivative.broadcasts)
            )


@dataclass(frozen=True)
class Subject:
    """A run, or as much of it as there was before a `fault` ended it."""

    session: Session
    request: Request
    fault: GradcliError | None = None

    @property
    def graph(self) -> Graph:
        """The tape."""
        return self.session.graph

    @property
    def source(self) -> Source:
        """The file."""
        return self.session.source

    @property
    def root(self) -> int | None:
        """The row that is differentiated."""
        return self.session.root

    @cached_property
    def parameters(self) -> tuple[int, ...]:
        """The parameters, those that the file has updated as they are in the end."""
        graph = self.graph
        return tuple(dict.fromkeys(graph.current(i) for i in every_parameter(self.session)))

    def once(self, find: Callable[[Subject], Found]) -> Found:
        """Return what a function finds of the run; it looks once, whoever asks."""
        if find not in self._once:
            self._once[find] = find(self)
        found: Found = self._once[find]
        return found

    @cached_property
    def _once(self) -> dict[Any, Any]:
        return {}

    @cached_property
    def flows(self) -> tuple[Flow, ...]:
        """The backward passes: the first ones and the last one of many."""
        passes = self.session.passes
        if len(passes) > MOST_PASSES:
            passes = (*passes[: MOST_PASSES - 1], passes[-1])
        return tuple(Flow(self.graph, start) for start in passes)

    @cached_property
    def _labels(self) -> Labels:
        graph, source = self.graph, self.source
        rows = [i for i in range(len(graph)) if not graph.is_tuple(i) and i not in graph.reserved]
        return Labels(graph, rows, source.line_of, source.snippet)

    def label(self, row: int) -> str:
        """Return what a row is called: its name in the file, or its text."""
        return self._labels[row]

    def span(self, row: int) -> Span:
        """Return the piece of the file that made a row."""
        return self.graph.notes.spans[row]

    def line(self, row: int) -> int:
        """Return the line of a row, counted from 1."""
        return self.source.line_of(self.span(row))

    def text(self, row: int) -> str:
        """Return the text that made a row, on one line."""
        return self.source.snippet(self.span(row))

    def value(self, row: int) -> Array:
        """Return the value of a row."""
        return np.asarray(self.graph.value(row))

    @cached_property
    def behind_root(self) -> frozenset[int]:
        """The rows that the root's value depends on, the root among them."""
        graph, found = self.graph, set[int]()
        pending = [] if self.root is None else [self.root]
        while pending:
            row = pending.pop()
            if row not in found:
                found.add(row)
                pending.extend(i for i in graph.inputs[row] if i >= 0)
        return frozenset(found)

    # ---- the text ------------------------------------------------------------------------

    @property
    def statements(self) -> Sequence[Statement]:
        """The statements of the file."""
        return self.session.tracer.program.statements

    @cached_property
    def _expressions(self) -> dict[Span, Expression]:
        found: dict[Span, Expression] = {}
        for node in nodes_of(self.statements):
            found.setdefault(node.span, node)  # what is around it comes first
        return found

    def expression(self, span: Span) -> Expression | None:
        """Return the outermost expression or statement that a piece of the file is."""
        return self._expressions.get(span)

    def function(self, name: str) -> str:
        """Return how the file calls a function: `torch.where` where it has imported torch."""
        scope = self.session.tracer.scope
        for library in LIBRARIES:
            for own, value in scope.items():
                if isinstance(value, Namespace) and value.path == library:
                    return f"{own}.{name}"
        return name

    def written(self, span: Span) -> str:
        """Return the text of a piece of the file as it stands."""
        return self.source.text[span.start : span.end]


def examined(source: Source, options: Options, request: Request) -> Subject:
    """Run a file as far as it goes.

    Raises: GradcliError where it cannot be read, so that there is nothing to look at.
    """
    tracer = Tracer(parse(source), options)
    try:
        tracer.run()
        return Subject(finished(tracer, request), request)
    except GradcliError as fault:
        if not len(tracer.graph):
            raise
        session = Session(source, tracer, Root(None), bool(passes_of(tracer)), passes_of(tracer))
        return Subject(session, request, fault)
