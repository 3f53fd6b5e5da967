"""A run as a diagnosis looks at it: its values, its backward passes, and the text that made it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from gradcli import autodiff
from gradcli.autodiff.reverse import fit
from gradcli.autodiff.saved import in_memory, saw_uncounted
from gradcli.errors import AutogradFault, GradcliError, InputFault, Source, Span
from gradcli.execute import compute
from gradcli.facts.labels import Labels
from gradcli.graph import OUTPUT, Graph, Node, Step
from gradcli.roots import Root
from gradcli.rule.dtypes import Array, wide
from gradcli.rule.rule import Primitive
from gradcli.session import Request, Session, Start, finished, passes_of
from gradcli.syntax import parse
from gradcli.syntax.tree import Expression, Statement, nodes_of
from gradcli.trace import Options, Tracer
from gradcli.trace.values import Namespace
from gradcli.verify.target import every_parameter, seen_by

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

    def __init__(self, graph: Graph, start: Start, order: Sequence[int] = ()) -> None:
        self.graph, self.start = graph, start
        reached = order or autodiff.reachable(graph, (start.root,))
        through = start.inputs and not order
        self.order = autodiff.towards(graph, reached, start.inputs) if through else reached
        self.inside = frozenset(self.order)
        # what `.data` has changed since is not what this pass has seen
        saw = saw_uncounted(graph, self.order, start.at)
        self.read = in_memory(graph, self.order) if saw else graph.value
        compute(graph, self.order)
        seed = start.cotangent
        if not order:  # what has been a root once may require no gradient any more
            seed = autodiff.seed(Node(graph, start.root), seed)
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
class Derived:
    """A backward pass that is on the tape, of one of its roots."""

    graph: Graph
    step: Step
    root: int

    @cached_property
    def gradients(self) -> tuple[int, ...]:
        """The rows of its gradients."""
        return tuple(i for i in self.step.found if i is not None)

    @cached_property
    def rows(self) -> range:
        """The rows that it has made."""
        return range(self.step.first, max(self.gradients) + 1)

    @cached_property
    def flow(self) -> Flow:
        """The pass, gone through once more."""
        cotangent = np.asarray(self.graph.value(self.step.given[self.root]))
        start = Start(self.root, cotangent, self.step.first, self.step.wanted)
        return Flow(self.graph, start, self.step.rows)


@dataclass(frozen=True)
class Subject:
    """A run, or as much of it as there was before a `fault` ended it."""

    session: Session
    request: Request
    fault: GradcliError | None = None

    def __post_init__(self) -> None:
        self.session.tracer.probed = True

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
        graph, every = self.graph, every_parameter(self.session)
        seen = every if self.root is None else seen_by(graph, every, [self.root])
        return tuple(dict.fromkeys(graph.current(i) for i in seen))

    def once(self, find: Callable[[Subject], Found]) -> Found:
        """Return what a function finds of the run; it looks once, whoever asks."""
        if find not in self._once:
            self._once[find] = find(self)
        found: Found = self._once[find]
        return found

    def listed(self, find: Callable[[Subject], Iterator[Found]]) -> list[Found]:
        """Return all that a function finds of the run; it looks once, whoever asks."""
        if find not in self._once:
            self._once[find] = list(find(self))
        found: list[Found] = self._once[find]
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
        with self.session.tracer.placed():
            return tuple(flow for start in passes if (flow := self._redone(start)) is not None)

    def _redone(self, start: Start) -> Flow | None:
        """Return a pass, None where `.data = …` has brought another shape than it saw."""
        try:
            return Flow(self.graph, start)
        except AutogradFault:
            return None

    @cached_property
    def derived(self) -> tuple[Derived, ...]:
        """The passes whose gradients are on the tape, as those of jax.grad are."""
        return tuple(
            Derived(self.graph, step, root)
            for step in self.graph.autograd.steps
            if step.mode == "reverse"
            and not step.batched
            and any(i is not None for i in step.found)
            for root in step.given
        )

    @cached_property
    def _labels(self) -> Labels:
        graph, source = self.graph, self.source
        rows = [i for i in range(len(graph)) if not graph.is_tuple(i) and i not in graph.reserved]
        return Labels(graph, rows, source.line_of, source.snippet)

    @cached_property
    def rows(self) -> Sequence[int]:
        """The rows of tensors, in the order in which they were made, those of claims left out.

        A record's data are among them where rows are computed from them. Of a run that has ended
        with an error, those that have values.
        """
        graph, origins = self.graph, self.graph.notes.origins
        used = {j for i in range(len(graph)) if origins[i] != "claim" for j in graph.inputs[i]}
        rows = [
            i
            for i in range(len(graph))
            if not graph.is_tuple(i)
            and i not in graph.reserved
            and (origins[i] != "claim" or (i in used and graph.ops[i] is None))
        ]
        if self.fault is None:
            with self.session.tracer.placed():
                compute(graph, rows)
            return rows
        without = set[int]()
        for i in rows:
            try:
                graph.value(i)
            except GradcliError:
                without.add(i)
        return [i for i in rows if i not in without]

    def label(self, row: int) -> str:
        """Return what a row is called: its name in the file, or its text."""
        return self._labels[self._given.get(row, row)]

    def root_text(self, root: int) -> str:
        """Return what a root is called, without other names that it may have."""
        return self.graph.notes.title(root) or self.text(root)

    @cached_property
    def _given(self) -> dict[int, int]:
        """What jax.grad and its like differentiate by, and the rows of which that has the value."""
        graph, first = self.graph, dict[int, int]()
        leaves = {i for one in self.derived for i in one.step.wanted if graph.ops[i] is None}
        for row in range(max(leaves, default=-1) + 1):
            if graph.ops[row] is None and graph.metas[row].shape and row not in graph.reserved:
                first.setdefault(id(graph.value(row)), row)
        return {leaf: first.get(id(graph.value(leaf)), leaf) for leaf in leaves}

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

    Raises: GradcliError where it cannot be read; InputFault where what is asked of it is wrong.
    """
    tracer, ran = Tracer(parse(source), options), False
    try:
        tracer.run()
        ran = True
        return Subject(finished(tracer, replace(request, of_calls=False)), request)
    except GradcliError as fault:
        if ran and isinstance(fault, InputFault):
            raise
        session = Session(source, tracer, Root(None), bool(passes_of(tracer)), passes_of(tracer))
        return Subject(session, request, fault)
