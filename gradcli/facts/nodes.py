"""The facts of nodes, each computed when it is read: a node that nobody shows has none."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields
from functools import cache, cached_property, partial
from typing import TYPE_CHECKING, Any

from gradcli.errors import Span, cropped
from gradcli.facts.asked import Asked
from gradcli.facts.flowed import Flowed
from gradcli.facts.labels import NAME_WIDTH, Labels, operand_ids
from gradcli.graph import Graph
from gradcli.inspection import EDGE, Array, FrameFacts, Kind, NodeFacts, Summary
from gradcli.session import Session

if TYPE_CHECKING:
    from gradcli.execute.shown import Statistics


def nodes(session: Session, ids: Sequence[int]) -> Sequence[NodeFacts]:
    """Return the facts of some of a run's nodes, made when they are asked for."""
    run = _Run(session, ids)
    return Asked(lambda: ids, partial(_Node, run))


def shown(graph: Graph, results: Iterable[int]) -> Sequence[int]:
    """Return the nodes of the file's own lines, its results, and all that they depend on."""
    found = bytearray(len(graph))
    origins, inputs = graph.notes.origins, graph.inputs
    # what the code of an operation gives a name to is known by it in there alone
    names = graph.notes.names.keys() - graph.notes.coded
    for id in results:
        found[id] = True
    for id in reversed(range(len(graph))):  # operands have smaller ids
        if found[id] or origins[id] == "file" or id in names:
            found[id] = True
            for i in inputs[id]:
                if i >= 0:
                    found[i] = True
    for id in (*graph.widths, *graph.reserved):
        found[id] = False
    return array("q", (id for id, is_shown in enumerate(found) if is_shown))


class _Run:
    """What the facts of every node are read from."""

    def __init__(self, session: Session, ids: Iterable[int]) -> None:
        self.ids = ids
        self.graph, self.root = session.graph, session.root
        # the nodes that stand in one place share its line and its text
        self.line_of: Callable[[Span], int] = cache(session.source.line_of)
        self.snippet: Callable[[Span], str] = cache(session.source.snippet)
        self.dtype_name: Callable[[Any], str] = cache(lambda dtype: dtype.name)
        self.labels = Labels(self.graph, ids, self.line_of, self.snippet)
        self.flowed = Flowed(session)

    @cached_property
    def statistics(self) -> dict[int, Statistics]:
        """Facts about all real tensors that were not stored, found in one pass."""
        if not self.graph.passed:
            return {}
        from gradcli.execute.shown import statistics, unstored

        metas = self.graph.metas
        left = (i for i in unstored(self.graph, self.ids) if i not in self.graph.noted)
        return statistics(self.graph, (i for i in left if metas[i].dtype.kind != "c"))


class _Node(NodeFacts):
    """A node of a run; what is not read is not computed."""

    __slots__ = ("_run",)
    _run: _Run

    def __init__(self, run: _Run, id: int) -> None:
        _put_id(self, id)
        _put_run(self, run)

    @property
    def name(self) -> str | None:
        name = self._run.graph.notes.title(self.id)
        return None if name is None else cropped(name, NAME_WIDTH)

    @property
    def label(self) -> str:
        return self._run.labels[self.id]

    @property
    def source(self) -> str:
        return self._run.snippet(self._run.graph.notes.spans[self.id])

    @property
    def line(self) -> int:
        return self._run.line_of(self._run.graph.notes.spans[self.id])

    @property
    def op(self) -> str:
        return self._run.graph.label(self.id)

    @property
    def inputs(self) -> tuple[int, ...]:
        return operand_ids(self._run.graph, self.id)

    @property
    def shape(self) -> tuple[int, ...]:
        return self._run.graph.metas[self.id].shape

    @property
    def dtype(self) -> str:
        return self._run.dtype_name(self._run.graph.metas[self.id].dtype)

    @property
    def requires_grad(self) -> bool:
        return self._run.graph.requires_grad[self.id]

    @property
    def is_leaf(self) -> bool:
        return self._run.graph.is_leaf(self.id)

    @property
    def retains_grad(self) -> bool:
        return self.id in self._run.graph.autograd.retained

    @property
    def grad_fn(self) -> str | None:
        return self._run.graph.grad_fn(self.id)

    @property
    def kind(self) -> Kind:
        if self.id == self._run.root:
            return "root"
        if self.is_leaf:
            return "parameter" if self.requires_grad else "data"
        return "intermediate"

    @property
    def value(self) -> Array | None:
        value: Array | None = self._run.graph.value(self.id)
        return value

    @property
    def summary(self) -> Summary | None:
        graph = self._run.graph
        found = graph.noted.get(self.id) or self._run.statistics.get(self.id)
        if found is None:
            return super().summary
        from gradcli.execute.shown import edges

        ends = edges(graph, self.id, EDGE)
        return Summary(
            self.shape, graph.metas[self.id].dtype, ends.flat[:EDGE], ends.flat[-1:], *found
        )

    @property
    def grad(self) -> Array | None:
        return self._run.graph.grad(self.id)

    @property
    def derived(self) -> bool:
        return self._run.graph.notes.origins[self.id] in ("gradient", "inside")

    @property
    def operands(self) -> tuple[str, ...]:
        return self._run.graph.operand_names(self._run.graph.producer(self.id))

    @property
    def call_line(self) -> int | None:
        span = self._run.graph.notes.called_at(self.id)
        line = None if span is None else self._run.line_of(span)
        return None if line == self.line else line  # a module's nodes stand where it is called

    @property
    def frames(self) -> tuple[FrameFacts, ...]:
        found, call = list[FrameFacts](), self._run.graph.notes.calls.get(self.id)
        while call is not None:
            line = self._run.line_of(call.span)
            found.append(FrameFacts(call.number, call.name, line, call.module))
            call = call.outer
        return tuple(reversed(found))

    @property
    def aliases(self) -> tuple[str, ...]:
        return tuple(cropped(x, NAME_WIDTH) for x in self._run.graph.notes.aliases.get(self.id, ()))

    @property
    def gradient(self) -> Array | None:
        return self._run.flowed.at(self.id)

    @property
    def view(self) -> bool:
        op = self._run.graph.ops[self._run.graph.producer(self.id)]
        return op is not None and bool(op.view)

    @property
    def taken_from(self) -> int | None:
        return self._run.graph.notes.sources.get(self.id)

    def __reduce__(self) -> tuple[Any, ...]:
        """Copy and pickle the facts, and nothing of the run."""
        return NodeFacts, tuple(getattr(self, field.name) for field in fields(NodeFacts))


# the dataclass is frozen: these are the ways past it
_put_id = NodeFacts.__dict__["id"].__set__
_put_run = _Node.__dict__["_run"].__set__
