"""One run of a file: parse, trace, backward."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from gradcli import autodiff
from gradcli.errors import AutogradFault, InputFault, Source
from gradcli.graph import Graph, Node
from gradcli.inspection import Array
from gradcli.roots import Root, chosen
from gradcli.roots.choice import TRANSFORMED
from gradcli.roots.sums import name_of
from gradcli.rule.dtypes import DType
from gradcli.rule.meta import Shape
from gradcli.rule.rule import number
from gradcli.syntax import parse
from gradcli.trace import Options, Tracer
from gradcli.trace.values import is_numeric_list

TEXT_LENGTH = 1_000_000  # characters of a number, a list or a text among the facts
_NAMED = 5  # results that an error names


@dataclass(frozen=True)
class Request:
    """What to differentiate: the root by name, its cotangent, and whether to run backward.

    `of_calls` says whether what `grad(f)` was last called for is differentiated where a file has
    nothing else.
    """

    of: str | None = None
    grad_output: Array | None = None
    backward: bool = True
    of_calls: bool = True


class Start(NamedTuple):
    """What a pass began with: a row, its cotangent (None: 1), the rows that it was to reach.

    `at` is how many rows the tape had then.
    """

    root: int
    cotangent: Array | None
    at: int
    inputs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Session:
    """A file that has been run: what it differentiates, and whether gradients were computed.

    `passes` are the backward passes whose gradients the run holds, the file's own or gradcli's.
    """

    source: Source
    tracer: Tracer
    choice: Root
    ran_backward: bool
    passes: tuple[Start, ...] = ()

    @property
    def root(self) -> int | None:
        """The id of the node that backward starts from."""
        return self.choice.id

    @property
    def graph(self) -> Graph:
        """The graph of the run."""
        return self.tracer.graph


def run(
    source: Source,
    options: Options | None = None,
    request: Request | None = None,
    begun: Callable[[Graph], object] = id,
) -> Session:
    """Run a file, and the backward pass unless the file runs its own.

    `begun` is given the tape before anything is on it: who shows how far a run is looks there.

    Raises: a GradcliError that knows its place.
    """
    tracer = Tracer(parse(source), options or Options())
    begun(tracer.graph)
    tracer.run()
    return finished(tracer, request or Request())


def finished(tracer: Tracer, request: Request) -> Session:
    """Return the session of a file that has been run: with its root, and the backward pass.

    Raises: a GradcliError that knows its place.
    """
    options = tracer.options
    _check_names(tracer)
    if request.of is None:
        shape = None if request.grad_output is None else request.grad_output.shape
        choice = chosen(tracer, shape, of_calls=request.of_calls)
        if shape is not None:
            _check_cotangent(tracer, shape, choice.id)
    else:
        choice = Root(named(tracer, request.of))
    root = choice.id
    if root is None and request.backward:
        _say_why(tracer)
    graph, passes = tracer.graph, passes_of(tracer)
    ran = bool(passes)
    if root is not None and request.backward and (not ran or request.of):
        cotangent = request.grad_output
        if cotangent is not None and options.default_dtype is None:
            cotangent = _as_the_root(cotangent, graph.metas[root].dtype)
        if request.of:  # what is shown is of this node alone, whatever the file's passes have left
            graph.forget_grads()
        graph.span = graph.notes.spans[root]
        graph.autograd.freed.clear()  # what the file's own passes used is still here
        if options.retain_all:
            tracer.retain_all(Node(graph, root))
        try:
            with tracer.placed():
                autodiff.backward(graph, root, cotangent)
        except AutogradFault:  # a loop that steps in place has overwritten what it needs
            if request.of or not _is_taken(graph, root):
                raise
            graph.forget_grads()
            return Session(tracer.source, tracer, choice, False)
        ran, passes = True, (Start(root, cotangent, len(graph)),)
    return Session(tracer.source, tracer, choice, ran, passes)


def as_written(session: Session) -> Session:
    """Return a run in which nothing is differentiated once more of what `grad(f)` was called for.

    Raises: a GradcliError that knows its place.
    """
    if session.choice.why != TRANSFORMED:
        return session
    return run(session.source, session.tracer.options, Request(of_calls=False))


def _is_taken(graph: Graph, root: int) -> bool:
    """Say whether the file has taken gradients of a row itself, by `autograd.grad`."""
    return any(root in step.given for step in graph.autograd.steps)


def _as_the_root(cotangent: Array, dtype: DType) -> Array:
    """Return a cotangent of floats in the root's dtype: it was read before the file was."""
    return cotangent.astype(dtype) if cotangent.dtype.kind == dtype.kind else cotangent


def passes_of(tracer: Tracer) -> tuple[Start, ...]:
    """Return the backward passes that a file itself has run."""
    return tuple(
        Start(made.root, made.cotangent, made.at, made.inputs) for made in tracer.passes.made
    )


def _check_names(tracer: Tracer) -> None:
    """Refuse bindings and --wrt names that the file does not have."""
    for name in (*tracer.options.bindings, *tracer.options.wrt):
        binding = tracer.options.bindings.get(name)
        if tracer.name_of(name) in tracer.scope or (binding is not None and binding.optional):
            continue
        if binding is None and name in tracer.graph.notes.names.values():  # `net.fc1.weight`
            continue
        known = [n for n, value in tracer.scope.items() if isinstance(value, Node)]
        raise InputFault(
            f"{tracer.source.name} has no name `{name}`",
            hint=f"its tensors are {', '.join(f'`{n}`' for n in known[:20])}" if known else None,
        )


def _check_cotangent(tracer: Tracer, shape: Shape, root: int | None) -> None:
    """Refuse a cotangent that nothing would be differentiated with."""
    graph = tracer.graph
    if tracer.passes.made:
        raise InputFault(
            f"--grad-output: {tracer.source.name} runs backward() itself, with its own cotangent",
            hint="say with --of NODE what to differentiate instead",
        )
    if root is not None and graph.metas[root].shape == shape:
        return
    results = [n.id for n in tracer.results if n.requires_grad and graph.ops[n.id] is not None]
    if not results:
        raise InputFault(f"--grad-output: {tracer.source.name} has no result that requires grad")
    shapes = [
        f"`{name_of(graph, tracer.source, i)}` has {list(graph.metas[i].shape)}"
        for i in reversed(results)
    ]
    shapes = list(dict.fromkeys(shapes))
    more = f" and {len(shapes) - _NAMED:,} more" if len(shapes) > _NAMED else ""
    raise InputFault(
        f"--grad-output is of shape {list(shape)}, and no result to differentiate is: "
        f"{', '.join(shapes[:_NAMED])}{more}",
        hint="give it the shape of one, and say of which with --of NODE",
    )


def _say_why(tracer: Tracer) -> None:
    """Warn that nothing was differentiated, where something could have been."""
    graph = tracer.graph
    for node in reversed(tracer.results):
        if node.requires_grad and graph.ops[node.id] is not None:
            graph.span = graph.notes.spans[node.id]
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
    value = tracer.scope.get(tracer.name_of(name))
    if value is None and "." in name:  # a parameter of a module, by its path
        rows = [id for id, path in tracer.graph.notes.names.items() if path == name]
        value = Node(tracer.graph, rows[-1]) if rows else None
    if is_numeric_list(value):
        value = tracer.tensor(value)
    if isinstance(value, Node):
        if not value.requires_grad:
            raise AutogradFault(
                f"`{name}` does not require grad: no parameter leads to it",
                tracer.graph.notes.spans[value.id],
                "create one of its leaves with requires_grad=True, or with -p NAME=…",
                tracer.source,
            )
        return value.id
    known = [n for n, v in tracer.scope.items() if isinstance(v, Node) and v.requires_grad]
    if number(value):
        raise InputFault(
            f"`{name}` of {tracer.source.name} is a number, and no tensor",
            hint=f"-p {name}={value} makes it a parameter",
        )
    raise InputFault(
        f"{tracer.source.name} has no tensor `{name}`",
        hint=f"there are {', '.join(f'`{n}`' for n in known[:20])}" if known else None,
    )


def as_passed(session: Session, roots: Sequence[int]) -> Graph:
    """Return the tape as it was when the file took the gradients of some roots.

    What `.data` has changed since, as an update does, is not what the gradients are of.
    """
    graph, changes = session.graph, session.graph.autograd.changes
    uncounted = graph.autograd.uncounted
    if not uncounted:
        return graph
    times = {root: s.first for s in graph.autograd.steps for root in s.given if s.mode == "reverse"}
    times |= {call.root: call.at for call in session.tracer.passes.made}
    seen = set[int]()
    for root in roots:
        behind = set(autodiff.behind(graph, [root], 0))
        summed = graph.notes.origins[root] == "claim"  # a sum of what several passes ran from
        parts = [i for i in times if i in behind] if summed else [root]
        for part in parts:
            at = times.get(part, len(graph))
            for i in uncounted.intersection(autodiff.behind(graph, [part], 0)):
                while i in uncounted and changes[i].row < at:
                    seen.add(i)
                    i = changes[i].row
    tape = graph.copy()
    tape.autograd.uncounted = seen
    return tape


def idle_models(graph: Graph, parameters: Iterable[int], seen: Collection[int]) -> set[int]:
    """Return the parameters of models none of whose parameters is seen: teachers, twins, averages.

    A model is what the first part of a path names, as `net` of `net.fc1.weight`.
    """
    models: dict[str, list[int]] = {}
    for i in parameters:
        model, dot, _ = graph.notes.names.get(i, "").partition(".")
        if dot:
            models.setdefault(model, []).append(i)
    idle = [rows for rows in models.values() if not any(i in seen for i in rows)]
    return {i for rows in idle for i in rows}


def leaves(graph: Graph, ids: Iterable[int]) -> list[int]:
    """Return those of some nodes that are parameters: leaves that require a gradient."""
    return [i for i in ids if graph.ops[i] is None and graph.requires_grad[i]]
