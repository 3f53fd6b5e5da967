"""One run of a file from text to facts: parse, trace, backward, and the Inspection of it all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.errors import AutogradFault, GradcliError, InputFault, Source
from gradcli.execute import compute
from gradcli.graph import OUTPUT, Graph, Node
from gradcli.inspection import Array, Claim, FunctionFacts, Inspection, Kind, NodeFacts, Notice
from gradcli.rule.dtypes import is_floating
from gradcli.syntax import parse
from gradcli.syntax.words import spelled
from gradcli.trace import Options, Tracer
from gradcli.trace.claims import ClaimRecord
from gradcli.trace.values import to_array

LABEL_WIDTH = 60  # characters of a label within another


@dataclass(frozen=True)
class Request:
    """What to differentiate: the root by name, its cotangent, and whether to run backward."""

    of: str | None = None
    grad_output: Array | None = None
    backward: bool = True


@dataclass(frozen=True)
class Session:
    """A file that has been run. `root` is the id of the node that backward starts from."""

    source: Source
    tracer: Tracer
    root: int | None
    ran_backward: bool

    @property
    def graph(self) -> Graph:
        """The graph of the run."""
        return self.tracer.graph


def run(source: Source, options: Options | None = None, request: Request | None = None) -> Session:
    """Run a file, and the backward pass unless the file runs its own.

    Raises: a GradcliError that knows its place.
    """
    options, request = options or Options(), request or Request()
    tracer = Tracer(parse(source), options)
    tracer.run()
    _check_names(tracer)
    root = _root(tracer, request)
    if root is None and request.backward:
        _say_why(tracer)
    ran = bool(tracer.roots)
    if root is not None and request.backward and (not ran or request.of):
        graph = tracer.graph
        graph.span = graph.spans[root]
        graph.freed.clear()  # what the file's own passes used is still here
        if options.retain_all:
            tracer.retain_all(Node(graph, root))
        with tracer.placed():
            autodiff.backward(graph, root, request.grad_output)
        ran = True
    return Session(source, tracer, root, ran)


def _check_names(tracer: Tracer) -> None:
    """Refuse bindings and --wrt names that the file does not have."""
    for name in (*tracer.options.bindings, *tracer.options.wrt):
        binding = tracer.options.bindings.get(name)
        if name in tracer.scope or (binding is not None and binding.optional):
            continue
        known = [n for n, value in tracer.scope.items() if isinstance(value, Node)]
        raise InputFault(
            f"{tracer.source.name} has no name `{name}`",
            hint=f"its tensors are {', '.join(f'`{n}`' for n in known[:20])}" if known else None,
        )


def _root(tracer: Tracer, request: Request) -> int | None:
    """Choose what to differentiate: what is asked for, what the file did, or its last scalar."""
    if request.of is not None:
        return named(tracer, request.of)
    if tracer.roots:
        return tracer.roots[-1]
    shape = None if request.grad_output is None else request.grad_output.shape
    for node in reversed(tracer.results):
        if not node.requires_grad or tracer.graph.ops[node.id] is None:
            continue
        if shape is None and np.prod(node.shape) == 1 and is_floating(node.dtype):
            return node.id
        if shape is not None and node.shape == shape:
            return node.id
    return None


def _say_why(tracer: Tracer) -> None:
    """Warn that nothing was differentiated, where something could have been."""
    graph = tracer.graph
    for node in reversed(tracer.results):
        if node.requires_grad and graph.ops[node.id] is not None:
            graph.span = graph.spans[node.id]
            graph.warn(
                f"backward did not run: {list(node.shape)} is no scalar. Reduce it with .sum() or "
                ".mean(), choose another node with --of NODE, or give its cotangent with "
                "--grad-output VALUE"
            )
            return


def named(tracer: Tracer, name: str) -> int:
    """Return the row of a tensor that can be differentiated, by its name in the file.

    Raises: AutogradFault where it does not require grad, InputFault where there is none.
    """
    value = tracer.scope.get(spelled(name))
    if isinstance(value, Node):
        if not value.requires_grad:
            raise AutogradFault(
                f"`{name}` does not require grad: no parameter leads to it",
                tracer.graph.spans[value.id],
                "make a leaf that it depends on a parameter: requires_grad=True, or -p NAME=…",
                tracer.source,
            )
        return value.id
    known = [n for n, v in tracer.scope.items() if isinstance(v, Node) and v.requires_grad]
    raise InputFault(
        f"{tracer.source.name} has no tensor `{name}`",
        hint=f"there are {', '.join(f'`{n}`' for n in known[:20])}" if known else None,
    )


# ---- facts ---------------------------------------------------------------------------------


def inspect(session: Session) -> Inspection:
    """Return all that is known of a run, as plain facts."""
    graph, tracer = session.graph, session.tracer
    roots = [] if session.root is None else [session.root]
    shown = _shown(graph, [*roots, *(node.id for node in tracer.results)])
    with tracer.placed():
        compute(graph, shown)
    labels = _labels(graph, session.source, shown)
    return Inspection(
        file=session.source.name,
        root=session.root,
        ran_backward=session.ran_backward,
        nodes=tuple(_facts(session, id, labels[id]) for id in shown),
        functions=_functions(graph, session.root),
        claims=tuple(_claim(session.source, c) for c in tracer.claims),
        notices=tuple(Notice(session.source.line_of(s), m) for s, m in graph.warnings),
        printed=tracer.printed,
    )


def _shown(graph: Graph, results: list[int]) -> list[int]:
    """Return the nodes of the file's own lines, its results, and all that they depend on."""
    wanted = results + [
        i for i in range(len(graph)) if graph.origins[i] == "file" or i in graph.names
    ]
    found: set[int] = set()
    while wanted:
        id = wanted.pop()
        if id not in found:
            found.add(id)
            wanted.extend(i for i in graph.inputs[id] if i >= 0)
    return sorted(i for i in found if not graph.is_tuple(i))


def _labels(graph: Graph, source: Source, shown: list[int]) -> dict[int, str]:
    """Name every node: by its name, with its line where several share it, or by its text.

    Where a line runs several times, as in a loop, the times are counted: `loss:8#2`.
    """
    count: dict[str, int] = {}
    lines: dict[tuple[str, int], int] = {}  # how often a line has bound a name
    turns: dict[int, int] = {}
    steps: set[int] = set()  # of operations that take several: used by their own expression
    for id in shown:
        name = graph.names.get(id)
        if name is not None:
            count[name] = count.get(name, 0) + 1
            place = name, source.line_of(graph.spans[id])
            turns[id] = lines[place] = lines.get(place, 0) + 1
        steps.update(i for i in _inputs(graph, id) if graph.spans[i] == graph.spans[id])
    labels: dict[int, str] = {}
    for id in shown:
        name, span = graph.names.get(id), graph.spans[id]
        if name is not None:
            line = source.line_of(span)
            turn = f"#{turns[id]}" if lines[name, line] > 1 else ""
            labels[id] = name if count[name] == 1 else f"{name}:{line}{turn}"
        elif id not in steps or graph.ops[id] is None:
            labels[id] = source.snippet(span)
        else:
            inputs = (_short(labels.get(i, "…")) for i in _inputs(graph, id))
            labels[id] = f"{graph.label(id)}({', '.join(inputs)})"
    return labels


def _short(label: str) -> str:
    """Return a label within a label: they would nest as deep as the graph, and double each time."""
    return label if len(label) <= LABEL_WIDTH else label[: LABEL_WIDTH - 1] + "…"


def _inputs(graph: Graph, id: int) -> tuple[int, ...]:
    return tuple(i for i in graph.inputs[graph.producer(id)] if i >= 0)


def _facts(session: Session, id: int, label: str) -> NodeFacts:
    graph, source = session.graph, session.source
    span, meta = graph.spans[id], graph.metas[id]
    return NodeFacts(
        id=id,
        name=graph.names.get(id),
        label=label,
        source=source.snippet(span),
        line=source.line_of(span),
        op=graph.label(id),
        inputs=_inputs(graph, id),
        shape=meta.shape,
        dtype=meta.dtype.name,
        requires_grad=graph.requires_grad[id],
        is_leaf=graph.is_leaf(id),
        retains_grad=id in graph.retained,
        grad_fn=graph.grad_fn(id),
        kind=_kind(graph, id, session.root),
        value=graph.values[id],
        grad=graph.grads.get(id),
        derived=graph.origins[id] == "gradient",
        operands=graph.operand_names(graph.producer(id)),
        call_line=source.line_of(graph.calls[id]) if id in graph.calls else None,
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
    op = graph.ops[id]
    if op is None:
        return FunctionFacts(id, "AccumulateGrad", id, ())
    name = op.grad_fn_name(graph.operands(id), graph.attrs[id])
    return FunctionFacts(id, name, id + 1 if graph.is_tuple(id) else id, next)


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


def leaves(graph: Graph, ids: Iterable[int]) -> list[int]:
    """Return those of some nodes that are parameters: leaves that require a gradient."""
    return [i for i in ids if graph.ops[i] is None and graph.requires_grad[i]]
