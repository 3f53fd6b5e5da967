"""What is known of a run: the Inspection of it all, node by node."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from gradcli import autodiff
from gradcli.errors import GradcliError, Source, Span, cropped
from gradcli.execute import compute
from gradcli.graph import OUTPUT, Graph
from gradcli.inspection import (
    Array,
    Claim,
    FunctionFacts,
    Inspection,
    Kind,
    NodeFacts,
    Notice,
    ValueFacts,
)
from gradcli.session import TEXT_LENGTH, Session
from gradcli.trace import Tracer
from gradcli.trace.claims import ClaimRecord
from gradcli.trace.sentences import class_name
from gradcli.trace.text import text
from gradcli.trace.values import to_array

LABEL_WIDTH = 60  # characters of a label within another: they would double with each node
NAME_WIDTH = 200  # characters of a name
ALIASES = 20  # further names of a node that are in its label
OPERANDS = 20  # operands of a node that are in its label


def inspect(session: Session) -> Inspection:
    """Return all that is known of a run, as plain facts."""
    graph, tracer = session.graph, session.tracer
    roots = [] if session.root is None else [session.root]
    shown = _shown(graph, [*roots, *(node.id for node in tracer.results)])
    with tracer.placed():
        compute(graph, shown)
    snippets = cache(session.source.snippet)  # the nodes that stand in one place share its text
    labels = _labels(graph, session.source, shown, snippets)
    return Inspection(
        file=session.source.name,
        root=session.root,
        ran_backward=session.ran_backward,
        nodes=tuple(_facts(session, id, labels[id], snippets) for id in shown),
        functions=_functions(graph, session.root),
        claims=tuple(_claim(session.source, c) for c in tracer.claims),
        notices=tuple(Notice(session.source.line_of(s), m) for s, m in graph.notes.warnings),
        printed=tracer.printed,
        values=tuple(_values(tracer)),
        why=session.choice.why,
        sum=session.choice.sum,
        elsewhere=session.choice.elsewhere,
    )


def _values(tracer: Tracer) -> Iterator[ValueFacts]:
    """Yield what the file's names are bound to in the end that is no tensor and no function."""
    named = [(span, n, tracer.scope[n]) for n, span in tracer.places.items() if n in tracer.scope]
    stated = [(s, None, value) for s, value in tracer.stated.items() if value is not None]
    for span, name, value in sorted([*named, *stated], key=lambda row: row[0]):
        if type(value) not in PYTHONS or tracer.lists.stands_for_a_leaf(value):
            continue
        try:
            shown, data = text(tracer, value, quoted=True, limit=TEXT_LENGTH), _data(value)
        except GradcliError as error:  # too long, or too deep
            shown, data = error.message, None
        label = name or tracer.source.snippet(span)
        line = tracer.source.line_of(span)
        yield ValueFacts(name, label, line, class_name(value), shown, data)


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


def _shown(graph: Graph, results: list[int]) -> list[int]:
    """Return the nodes of the file's own lines, its results, and all that they depend on."""
    wanted = results + [
        i for i in range(len(graph)) if graph.notes.origins[i] == "file" or i in graph.notes.names
    ]
    found: set[int] = set()
    while wanted:
        id = wanted.pop()
        if id not in found:
            found.add(id)
            wanted.extend(i for i in graph.inputs[id] if i >= 0)
    return sorted(i for i in found if not graph.is_tuple(i) and i not in graph.reserved)


def _labels(
    graph: Graph, source: Source, shown: list[int], snippets: Callable[[Span], str]
) -> dict[int, str]:
    """Name every node: by its names, with its line where several share one, or by its text.

    Where a line runs several times, as in a loop, the times are counted: `loss:8#2`.
    """
    count: dict[str, int] = {}
    lines: dict[tuple[str, int], int] = {}  # how often a line has bound a name
    turns: dict[int, int] = {}
    steps: set[int] = set()  # of operations that take several: used by their own expression
    for id in shown:
        name = graph.notes.names.get(id)
        if name is not None:
            count[name] = count.get(name, 0) + 1
            place = name, source.line_of(graph.notes.spans[id])
            turns[id] = lines[place] = lines.get(place, 0) + 1
        for alias in graph.notes.aliases.get(id, ()):
            count[alias] = count.get(alias, 0) + 1
        steps.update(i for i in _inputs(graph, id) if graph.notes.spans[i] == graph.notes.spans[id])
    labels: dict[int, str] = {}
    for id in shown:
        name, span = graph.notes.names.get(id), graph.notes.spans[id]
        if name is not None:
            line = source.line_of(span)
            turn = f"#{turns[id]}" if lines[name, line] > 1 else ""
            short = cropped(name, NAME_WIDTH)
            label = short if count[name] == 1 else f"{short}:{line}{turn}"
            aliases = graph.notes.aliases.get(id, ())[:ALIASES]
            labels[id] = ", ".join([label, *(cropped(alias, NAME_WIDTH) for alias in aliases)])
        elif id not in steps or graph.ops[id] is None:
            labels[id] = snippets(span)
        else:
            inputs = _inputs(graph, id)
            within = [cropped(labels.get(i, "…"), LABEL_WIDTH) for i in inputs[:OPERANDS]]
            within += ["…"] * (len(inputs) > OPERANDS)
            labels[id] = f"{graph.label(id)}({', '.join(within)})"
    return labels


def _inputs(graph: Graph, id: int) -> tuple[int, ...]:
    return tuple(i for i in graph.inputs[graph.producer(id)] if i >= 0)


def _facts(session: Session, id: int, label: str, snippets: Callable[[Span], str]) -> NodeFacts:
    graph, source = session.graph, session.source
    span, meta = graph.notes.spans[id], graph.metas[id]
    name = graph.notes.names.get(id)
    return NodeFacts(
        id=id,
        name=None if name is None else cropped(name, NAME_WIDTH),
        label=label,
        source=snippets(span),
        line=source.line_of(span),
        op=graph.label(id),
        inputs=_inputs(graph, id),
        shape=meta.shape,
        dtype=meta.dtype.name,
        requires_grad=graph.requires_grad[id],
        is_leaf=graph.is_leaf(id),
        retains_grad=id in graph.autograd.retained,
        grad_fn=graph.grad_fn(id),
        kind=_kind(graph, id, session.root),
        value=graph.values[id],
        grad=graph.grad(id),
        derived=graph.notes.origins[id] == "gradient",
        operands=graph.operand_names(graph.producer(id)),
        call_line=source.line_of(graph.notes.calls[id]) if id in graph.notes.calls else None,
        aliases=tuple(cropped(x, NAME_WIDTH) for x in graph.notes.aliases.get(id, ())),
    )


def _kind(graph: Graph, id: int, root: int | None) -> Kind:
    if id == root:
        return "root"
    if graph.is_leaf(id):
        return "parameter" if graph.requires_grad[id] else "data"
    return "intermediate"


def _functions(graph: Graph, root: int | None) -> tuple[FunctionFacts, ...]:
    """Return the backward graph of the root, in the order in which backward visits it."""
    if root is None:
        return ()
    order = [i for i in autodiff.reachable(graph, (root,)) if graph.ops[i] is not OUTPUT]
    edges = {id: graph.edges(id) for id in order}
    uses: dict[int, int] = {}
    for targets in edges.values():
        for i in targets:
            if i is not None:
                uses[i] = uses.get(i, 0) + 1
    visited: list[int] = []
    for id in order:
        if graph.ops[id] is None:
            continue  # a leaf is visited as soon as its last use was
        visited.append(id)
        for i in edges[id]:
            if i is not None:
                uses[i] -= 1
                if not uses[i] and graph.ops[i] is None:
                    visited.append(i)
    return tuple(_function(graph, id, edges[id]) for id in visited or order)


def _function(graph: Graph, id: int, next: tuple[int | None, ...]) -> FunctionFacts:
    if graph.ops[id] is None:
        return FunctionFacts(id, "AccumulateGrad", id, ())
    return FunctionFacts(id, graph.function_name(id), id + 1 if graph.is_tuple(id) else id, next)


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
