"""Generators of a file: bodies that are left at a `yield`, and gone on with where they were."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from typing import TYPE_CHECKING, Any

from gradcli.errors import GradcliError, LimitFault
from gradcli.graph import Frame
from gradcli.trace.exceptions import EXCEPTIONS, raised
from gradcli.trace.faults import is_a, outside
from gradcli.trace.sentences import fault
from gradcli.trace.values import Jump, Return, Scope

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from gradcli.trace.interpreter import Tracer

Flow = Callable[[], Iterator[Any]]  # runs a body; it stops at each `yield`
MAX_WITHIN = 200  # generators that ask each other for an item: each takes its place on the C stack


class Generator:
    """A generator: while it runs, the names are its own, and so is what it is handling.

    `mode` is a context that it runs in: a decorator such as `no_grad()` is entered with each item.
    """

    def __init__(
        self, tracer: Tracer, name: str, scope: Scope, flow: Iterator[Any], call: Frame | None
    ) -> None:
        self.tracer, self.name, self.scope, self.call = tracer, name, scope, call
        self.items: Any = _body(flow)  # it does not know this object, which ends with its last use
        self.running = self.started = False
        self.handling: list[Any] = []
        self.tries: list[Any] = []
        self.eager = 0  # blocks that may catch an error, in which it was left
        self.mode: Callable[[], AbstractContextManager[None]] = nullcontext

    def __iter__(self) -> Generator:
        return self

    def __repr__(self) -> str:
        return f"<generator object {self.name}>"

    def __next__(self) -> Any:
        return self._resume(self.items.__next__)

    def __del__(self) -> None:
        if self.started and self.items.gi_frame is not None and self.tracer.running:
            with suppress(GradcliError):  # as Python does, which only prints it
                self.close()

    def send(self, value: Any) -> Any:
        """Let the `yield` at which it was left have a value; return the next item."""
        if not self.started and value is not None:
            raise fault(TypeError("can't send non-None value to a just-started generator"))
        return self._resume(lambda: self.items.send(value))

    def throw(self, error: BaseException) -> Any:
        """Raise an error at the `yield` at which it was left; return the next item."""
        return self._resume(lambda: self.items.throw(error))

    def close(self) -> None:
        """End it where it was left.

        Raises: ArgumentFault, with Python's sentence, where it yields another item instead.
        """
        try:
            self.throw(raised(self.tracer, EXCEPTIONS["GeneratorExit"]))
        except StopIteration:
            return
        except GradcliError as error:
            if is_a(error, "GeneratorExit"):
                return
            raise
        raise fault(RuntimeError("generator ignored GeneratorExit"))

    def _resume(self, step: Callable[[], Any]) -> Any:
        tracer, graph = self.tracer, self.tracer.graph
        if self.running:
            raise fault(ValueError("generator already executing"))
        if tracer.depth >= MAX_WITHIN:
            raise LimitFault(f"calls and generators within each other more than {MAX_WITHIN} deep")
        scope, call, handling, tries = tracer.scope, graph.call, tracer.handling, tracer.tries
        home, graph.home = graph.home, graph.place  # where the prelude's code stands
        eager = graph.eager
        self.running = self.started = True
        tracer.depth += 1
        tracer.loops += 1  # a loop in it is part of the loop that asks for its items
        tracer.scope, graph.call = self.scope, self.call
        tracer.handling, tracer.tries = [*handling, *self.handling], [*tries, *self.tries]
        graph.eager += self.eager
        tracer.active.append(self.items)
        try:
            with self.mode():
                return step()
        finally:
            self.running = False
            self.handling = tracer.handling[len(handling) :]
            self.tries = tracer.tries[len(tries) :]
            tracer.scope, graph.call, graph.home = scope, call, home
            tracer.handling, tracer.tries = handling, tries
            self.eager, graph.eager = graph.eager - eager, eager
            tracer.active.pop()
            tracer.loops -= 1
            tracer.depth -= 1


def _body(flow: Iterator[Any]) -> Iterator[Any]:
    try:
        yield from flow
    except Return as result:
        return result.value  # type: ignore[no-any-return]  # Python's StopIteration has it
    except Jump as jump:
        raise outside(jump) from None
    except GradcliError as error:
        if is_a(error, "StopIteration"):
            error = fault(RuntimeError("generator raised StopIteration"), error.span)
        raise error from None
