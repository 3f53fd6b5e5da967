"""What `with` takes: modes of gradients, and objects that have `__enter__` and `__exit__`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from gradcli.errors import ArgumentFault, GradcliError
from gradcli.syntax import tree
from gradcli.trace.classes import Instance, special
from gradcli.trace.exceptions import object_of
from gradcli.trace.gradmode import MODES, Entered, GradMode
from gradcli.trace.replay import Module
from gradcli.trace.sentences import fault
from gradcli.trace.values import Skipped, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


class Context(Protocol):
    """A context: what is done before a block and after it."""

    def enter(self) -> Any:
        """Begin; return what `as` binds."""

    def leave(self, error: GradcliError | None) -> bool:
        """End, with the error that has ended the block; return whether that is dealt with."""


class Managed:
    """A value that is built in and can be a context: `context` makes one of it."""

    def context(self, tracer: Tracer) -> Context:
        """Return the context that it is for one block."""
        raise NotImplementedError


class _Mode:
    def __init__(self, tracer: Tracer, mode: GradMode) -> None:
        self.entered = Entered(tracer.graph, mode, mode.before)

    def enter(self) -> None:
        self.entered.__enter__()

    def leave(self, error: GradcliError | None) -> bool:
        self.entered.__exit__(error)
        return False


class _Block:
    """The context of a module of a model: what is made in it is the module's."""

    def __init__(self, tracer: Tracer, module: Module) -> None:
        self.inside = module.entered(tracer.graph)

    def enter(self) -> None:
        self.inside.__enter__()

    def leave(self, error: GradcliError | None) -> bool:
        self.inside.__exit__(error)
        return False


class _Nothing:
    """The context of what is passed over."""

    def __init__(self, value: Skipped) -> None:
        self.value = value

    def enter(self) -> Skipped:
        return self.value

    def leave(self, error: GradcliError | None) -> bool:  # noqa: ARG002 -- as all contexts
        return False


class _Object:
    """The context of an object of the file."""

    def __init__(self, tracer: Tracer, owner: Instance) -> None:
        self.tracer = tracer
        methods = {name: special(tracer, owner, name) for name in ("__enter__", "__exit__")}
        for name, method in methods.items():
            if method is None:
                missed = " (missed __exit__ method)" if name == "__exit__" else ""
                said = f"'{owner.cls.name}' object does not support the context manager protocol"
                raise fault(TypeError(said + missed))
        self.methods: Any = methods

    def enter(self) -> Any:
        return self.methods["__enter__"]()

    def leave(self, error: GradcliError | None) -> bool:
        if error is None:
            self.methods["__exit__"](None, None, None)
            return False
        value = object_of(self.tracer, error)
        return self.tracer.truth(self.methods["__exit__"](value.cls, value, None))


def context_of(tracer: Tracer, value: Any, expression: tree.Expression) -> Context:
    """Return the context that a value is.

    Raises: ArgumentFault where it is none.
    """
    if isinstance(value, GradMode):
        return _Mode(tracer, value)
    if isinstance(value, Instance):
        return _Object(tracer, value)
    if isinstance(value, Module):
        return _Block(tracer, value)
    if isinstance(value, Skipped):
        return _Nothing(value)
    if isinstance(value, Managed):
        return value.context(tracer)
    name = getattr(value, "name", "")
    raise ArgumentFault(
        f"{described(value)} is no context for `with`", expression.span,
        f"write `with torch.{name}():`" if name in MODES
        else "there are no_grad(), enable_grad(), set_grad_enabled(…), inference_mode(), "
        "module(…) and objects with __enter__ and __exit__",
    )  # fmt: skip
