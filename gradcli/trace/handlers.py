"""`try`, `raise`, `with`: what is done with errors, and on the way out of a block.

A body is a flow: it may be left at a `yield` in it. What can leave a block for good is in
`LEAVING`; an error that a file cannot catch ends the run, and nothing more is run on its way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from gradcli.errors import ArgumentFault, GradcliError, NameFault
from gradcli.syntax import tree
from gradcli.trace import exceptions
from gradcli.trace.classes import Instance
from gradcli.trace.code import Code
from gradcli.trace.contexts import Managed, context_of
from gradcli.trace.exceptions import EXCEPTIONS, object_of
from gradcli.trace.faults import can_be_caught
from gradcli.trace.suspended import Flow
from gradcli.trace.targets import Bind, binding, scope_for
from gradcli.trace.values import Jump, Return

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Blocks = Callable[[tuple[tree.Statement, ...]], Flow]
LEAVING = (GradcliError, Return, Jump)
STEPS = 5  # what an error on its way through a `try` takes of a run
STEPS_OF_NAMES = 100  # one that has looked for a name that is near


class Handler(NamedTuple):
    """An `except`: what it catches, where that has a kind, and what binds and takes off a name."""

    kind: Code | None
    bind: Bind | None
    unbind: Callable[[], None]
    body: Flow


class Attempt:
    """A `try` that is being run, by which an `assert` in it finds out whether it is caught."""

    def __init__(self, tracer: Tracer, handlers: list[Handler]) -> None:
        self.handlers, self.scope = handlers, tracer.scope

    def catches_claims(self, tracer: Tracer) -> bool:
        """Say whether a false claim would be caught."""
        before, tracer.scope = tracer.scope, self.scope
        try:
            return _chosen(tracer, self.handlers, EXCEPTIONS["AssertionError"]) is not None
        except GradcliError:  # a kind that is none: that is said when something is raised
            return False
        finally:
            tracer.scope = before


def attempted(tracer: Tracer, s: tree.Try, block: Blocks) -> Flow:
    """Return what runs a `try`."""
    body, otherwise = block(s.body), block(s.otherwise)
    handlers = [_handler(tracer, h, block) for h in s.handlers]

    def run() -> Iterator[Any]:
        attempt = Attempt(tracer, handlers)
        tracer.tries.append(attempt)
        tracer.graph.eager += 1  # an error that only a value shows is one of that statement
        try:
            yield from body()
        except GradcliError as error:
            _ended(tracer, attempt)
            handler = _handler_of(tracer, error, handlers)
            if handler is None:
                raise
            caught = error.with_traceback(None)  # whose frames would keep what they have, and it
        except (Return, Jump):
            _ended(tracer, attempt)
            raise
        else:
            _ended(tracer, attempt)
            yield from otherwise()
            return
        yield from _handled(tracer, handler, caught)

    return _finally(tracer, run, block(s.final)) if s.final else run


def _ended(tracer: Tracer, attempt: Attempt) -> None:
    _taken(tracer.tries, attempt)
    tracer.graph.eager -= 1


def _taken(stack: list[Any], item: Any) -> None:
    """Take an item off, where it is the last."""
    if stack and stack[-1] is item:
        stack.pop()


def _handler(tracer: Tracer, h: tree.Handler, block: Blocks) -> Handler:
    kind = None if h.kind is None else _kind(tracer, h.kind)
    if h.name is None:
        return Handler(kind, None, lambda: None, block(h.body))
    name, scope_of = h.name.id, scope_for(tracer, h.name.id)

    def unbind() -> None:
        if scope_of().pop(name, None) is not None:
            tracer.deleted.add(name)

    return Handler(kind, binding(tracer, h.name), unbind, block(h.body))


def _kind(tracer: Tracer, e: tree.Expression) -> Code:
    kind_of = tracer.code(e)

    def kind() -> Any:
        found = kind_of()
        tracer.graph.span = e.span
        return found

    return kind


def _handler_of(tracer: Tracer, error: GradcliError, handlers: list[Handler]) -> Handler | None:
    """Return the handler that catches an error, which knows its place from here on."""
    if not can_be_caught(error):
        return None
    tracer.graph.spend(STEPS_OF_NAMES if isinstance(error, NameFault) else STEPS)
    error.at(None, tracer.graph.span)
    value = object_of(tracer, error)
    tracer.handling.append(error)
    try:
        return _chosen(tracer, handlers, value.cls)
    finally:
        _taken(tracer.handling, error)


def _chosen(tracer: Tracer, handlers: list[Handler], cls: Any) -> Handler | None:
    for handler in handlers:
        if handler.kind is None or exceptions.catches(tracer, handler.kind(), cls):
            return handler
    return None


def _handled(tracer: Tracer, handler: Handler, error: GradcliError) -> Iterator[Any]:
    """Run the block of an `except`; the name of what it has caught is known in it alone."""
    if handler.bind is not None:
        handler.bind(object_of(tracer, error))
    tracer.handling.append(error)
    try:
        yield from handler.body()
    except LEAVING:
        _taken(tracer.handling, error)
        handler.unbind()
        raise
    _taken(tracer.handling, error)
    handler.unbind()


def _finally(tracer: Tracer, flow: Flow, final: Flow) -> Flow:
    def run() -> Iterator[Any]:
        try:
            yield from flow()
        except LEAVING as leaving:
            if isinstance(leaving, GradcliError):
                if not can_be_caught(leaving):
                    raise
                tracer.graph.spend(STEPS)
                leaving.with_traceback(None).at(None, tracer.graph.span)
                tracer.handling.append(leaving)
            try:
                yield from final()
            except LEAVING:
                _taken(tracer.handling, leaving)
                raise
            _taken(tracer.handling, leaving)
            raise
        yield from final()

    return run


def raising(tracer: Tracer, s: tree.Raise) -> Code:
    """Return what raises an exception, or the one that is being handled again."""
    if s.value is None:
        return lambda: _again(tracer)
    value_of, graph, span = tracer.code(s.value), tracer.graph, s.span
    cause_of = None if s.cause is None else tracer.code(s.cause)

    def run() -> None:
        value = value_of()
        cause = None if cause_of is None else cause_of()
        graph.span = span
        error = exceptions.raised(tracer, value, cause)
        if tracer.handling:
            before = object_of(tracer, tracer.handling[-1])
            if before is not error.value:
                error.value.attributes["__context__"] = before
        raise error

    return run


def _again(tracer: Tracer) -> None:
    if not tracer.handling:
        raise ArgumentFault("No active exception to reraise")
    raise tracer.handling[-1]


def managed(tracer: Tracer, contexts: tuple[tree.Context, ...], body: Flow) -> Flow:
    """Return what runs the body of a `with` in contexts, the last of which is the innermost."""
    if not contexts:
        return body
    first, inner = contexts[0], managed(tracer, contexts[1:], body)
    evaluate, graph, span = tracer.code(first.value), tracer.graph, first.value.span
    bind = None if first.target is None else binding(tracer, first.target, named=True)

    def run() -> Iterator[Any]:
        value = evaluate()
        graph.span = span
        context = context_of(tracer, value, first.value)
        may_catch = isinstance(value, Instance | Managed)
        entered = context.enter()
        graph.eager += may_catch
        try:
            if bind is not None:
                bind(entered)
            yield from inner()
        except GradcliError as error:
            graph.eager -= may_catch
            if not can_be_caught(error):
                raise
            error.at(None, graph.span)
            tracer.handling.append(error)
            swallowed = context.leave(error)
            _taken(tracer.handling, error)
            if not swallowed:
                raise
        except LEAVING:
            graph.eager -= may_catch
            context.leave(None)
            raise
        else:
            graph.eager -= may_catch
            context.leave(None)

    return run
