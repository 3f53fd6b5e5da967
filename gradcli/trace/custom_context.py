"""`ctx`: what the `forward` of a `torch.autograd.Function` leaves for its `backward`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.trace.classes import OBJECT, Instance, Native, Property, UserClass
from gradcli.trace.sentences import class_name
from gradcli.trace.values import Function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]


class Context(Instance):
    """What a call has saved, and what it says of its inputs and outputs.

    `saved_rows` are the rows of what is saved, as it was then: autograd sees when one is changed.
    """

    __slots__ = ("ahead", "dirty", "materialize", "needs", "plain", "saved", "saved_rows")

    def __init__(self, tracer: Tracer, cls: UserClass, needs: tuple[bool, ...]) -> None:
        super().__init__(tracer, cls)
        self.needs = needs
        self.materialize = True
        self.saved: Args = ()
        self.saved_rows: tuple[int, ...] = ()
        self.ahead: Args = ()  # saved for forward mode
        self.plain: Args = ()
        self.dirty: Args = ()

    def save(self, tensors: Args) -> None:
        """Keep tensors for the way back."""
        self.saved = tensors
        self.saved_rows = tuple(x.id for x in tensors if x is not None)

    def replace(self, finals: dict[int, Node]) -> None:
        """Let results stand for the outputs of `forward` that were saved."""
        self.save(tuple(finals.get(id(x), x) for x in self.saved))
        self.ahead = tuple(finals.get(id(x), x) for x in self.ahead)

    def forward(self) -> Context:
        """Return the same for `jvp`, which sees what was saved for it."""
        found = Context(self.tracer, self.cls, self.needs)
        found.attributes = self.attributes
        found.materialize = self.materialize
        found.save(self.ahead or self.saved)
        return found


def _tensors(name: str, args: Args) -> Args:
    for i, x in enumerate(args):
        if x is not None and not isinstance(x, Node):
            error = ArgumentFault(
                f"{name} can only save variables, but argument {i} is of type {class_name(x)}",
                hint="other values are kept as attributes: ctx.n = n",
            )
            error.python = "TypeError"
            raise error
    return args


def _save(tracer: Tracer, ctx: Context, args: Args, keywords: Keywords) -> None:
    ctx.save(_tensors("save_for_backward", args))


def _save_ahead(tracer: Tracer, ctx: Context, args: Args, keywords: Keywords) -> None:
    ctx.ahead = _tensors("save_for_forward", args)


def _mark_plain(tracer: Tracer, ctx: Context, args: Args, keywords: Keywords) -> None:
    ctx.plain = args


def _mark_dirty(tracer: Tracer, ctx: Context, args: Args, keywords: Keywords) -> None:
    ctx.dirty = args


def _materialize(tracer: Tracer, ctx: Context, args: Args, keywords: Keywords) -> None:
    (value,) = (*args, *keywords.values())
    ctx.materialize = tracer.truth(value)


def _property(name: str, read: Any) -> Property:
    return Property(Function(name, lambda tracer, args, keywords: read(args[0])))


CONTEXT = UserClass(
    "FunctionCtx",
    (OBJECT,),
    {
        "save_for_backward": Native("save_for_backward", _save),
        "save_for_forward": Native("save_for_forward", _save_ahead),
        "mark_non_differentiable": Native("mark_non_differentiable", _mark_plain),
        "mark_dirty": Native("mark_dirty", _mark_dirty),
        "set_materialize_grads": Native("set_materialize_grads", _materialize),
        "saved_tensors": _property("saved_tensors", lambda ctx: ctx.saved),
        "saved_variables": _property("saved_variables", lambda ctx: ctx.saved),
        "needs_input_grad": _property("needs_input_grad", lambda ctx: ctx.needs),
    },
    is_built_in=True,
)


def context_class(cls: UserClass) -> UserClass:
    """Return the class that the `ctx` of a class of the file has, as PyTorch calls it."""
    return UserClass(f"{cls.name}Backward", (CONTEXT,), {})


FACTS: dict[str, Any] = {"torch.autograd.function.FunctionCtx": CONTEXT}
