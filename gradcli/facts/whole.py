"""What is known of a run: the Inspection of it all, node by node."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from gradcli import autodiff
from gradcli.errors import GradcliError, Source, Span
from gradcli.execute import ensure
from gradcli.facts.asked import Asked
from gradcli.facts.nodes import nodes, shown
from gradcli.graph import OUTPUT, Graph
from gradcli.inspection import (
    Array,
    Claim,
    FunctionFacts,
    Inspection,
    LoopFacts,
    NodeFacts,
    Notice,
    PassedOver,
    RecordFacts,
    ValueFacts,
)
from gradcli.session import TEXT_LENGTH, Session
from gradcli.trace import Tracer
from gradcli.trace.claims import ClaimRecord
from gradcli.trace.sentences import class_name
from gradcli.trace.text import text
from gradcli.trace.values import to_array


def inspect(session: Session) -> Inspection:
    """Return all that is known of a run; the facts of nodes are computed when they are read.

    Raises: a GradcliError with its place, where a value that can be shown cannot be computed.
    """
    graph, tracer, root = session.graph, session.tracer, session.root
    ids = shown(graph, [*([] if root is None else [root]), *(node.id for node in tracer.results)])
    with tracer.placed():
        ensure(graph, ids)
    facts = nodes(session, ids)
    return Inspection(
        file=session.source.name,
        root=root,
        ran_backward=session.ran_backward,
        nodes=facts,
        functions=Asked(partial(_order, graph, root), partial(_function, graph)),
        claims=tuple(_claim(session.source, c) for c in tracer.claims),
        notices=tuple(Notice(session.source.line_of(s), m) for s, m in graph.notes.warnings),
        passed_over=tuple(
            PassedOver(line, what) for line, (_, what) in sorted(tracer.skipped.items())
        ),
        printed=tracer.printed,
        values=Asked(partial(_stated, tracer), partial(_value, tracer)),
        why=session.choice.why,
        sum=session.choice.sum,
        elsewhere=session.choice.elsewhere,
        loops=tuple(
            LoopFacts(session.source.line_of(loop.span), loop.turns) for loop in graph.notes.loops
        ),
        record=None if tracer.record is None else _replayed(session, facts),
        modules=any(frame.module for frame in {*graph.notes.calls.values()}),
    )


def _replayed(session: Session, facts: Sequence[NodeFacts]) -> RecordFacts | None:
    from gradcli.facts.replayed import replayed

    return replayed(session, {node.id: node for node in facts})


class _Stated(NamedTuple):
    """A value of Python's: where it was bound last, the name where there is one."""

    span: Span
    name: str | None
    value: Any


def _stated(tracer: Tracer) -> Sequence[_Stated]:
    """Return what the file's names are bound to in the end that is no tensor and no function."""
    places, scope = tracer.places.items(), tracer.scope
    named = [_Stated(span, name, scope[name]) for name, span in places if name in scope]
    stated = [_Stated(s, None, value) for s, value in tracer.stated.items() if value is not None]
    return [
        row
        for row in sorted([*named, *stated], key=lambda row: row.span)
        if type(row.value) in PYTHONS and not tracer.lists.stands_for_a_leaf(row.value)
    ]


def _value(tracer: Tracer, stated: _Stated) -> ValueFacts:
    span, name, value = stated
    try:
        shown, data = text(tracer, value, quoted=True, limit=TEXT_LENGTH), _data(value)
    except GradcliError as error:  # too long, or too deep
        shown, data = error.message, None
    label = name or tracer.source.snippet(span)
    line = tracer.source.line_of(span)
    return ValueFacts(name, label, line, class_name(value), shown, data)


PYTHONS = (int, float, complex, bool, str, list, tuple, dict, set, range, type(None))


def _data(value: Any, around: tuple[int, ...] = ()) -> Any:
    """Return numbers, texts and lists of them as they are, None for all else.

    `around` are the ids of the lists that this one is in: it may be one of them.
    """
    if not isinstance(value, list | tuple):
        return value if isinstance(value, int | float | complex | str) else None
    if id(value) in around:
        return None
    found = []
    for item in value:
        data = _data(item, (*around, id(value)))
        if data is None:
            return None
        found.append(data)
    return found


def _order(graph: Graph, root: int | None) -> Sequence[int]:
    """Return the rows of the root's backward graph in the order in which backward visits them."""
    if root is None:
        return ()
    order = [i for i in autodiff.reachable(graph, (root,)) if graph.ops[i] is not OUTPUT]
    uses: dict[int, int] = {}
    for id in order:
        for i in graph.edges(id):
            if i is not None:
                uses[i] = uses.get(i, 0) + 1
    visited: list[int] = []
    for id in order:
        if graph.ops[id] is None:
            continue  # a leaf is visited as soon as its last use was
        visited.append(id)
        for i in graph.edges(id):
            if i is not None:
                uses[i] -= 1
                if not uses[i] and graph.ops[i] is None:
                    visited.append(i)
    return visited or order


def _function(graph: Graph, id: int) -> FunctionFacts:
    if graph.ops[id] is None:
        return FunctionFacts(id, "AccumulateGrad", id, ())
    node = id + 1 if graph.is_tuple(id) else id
    return FunctionFacts(id, graph.function_name(id), node, graph.edges(id))


def _claim(source: Source, record: ClaimRecord) -> Claim:
    sides = [_side(side) for side in (record.left, record.right)]
    return Claim(
        source.line_of(record.span),
        record.source,
        record.holds,
        record.message,
        record.relation,
        sides[0],
        sides[1],
    )


def _side(side: tuple[str, Any] | None) -> tuple[str, Array] | None:
    if side is None:
        return None
    try:
        return side[0], to_array(side[1])
    except GradcliError:  # a side that is no tensor: None, a string
        return None
