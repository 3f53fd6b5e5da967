"""`torch.autograd.Function`: operations whose derivative the file itself defines.

A call of `apply` is one row of the graph. Its value is what the file's `forward` gives, its
derivative what the file's `backward` does: that is what `check` compares with differences.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, AutogradFault
from gradcli.graph import Node
from gradcli.rule.dtypes import Array, is_differentiable
from gradcli.rule.meta import Meta
from gradcli.rule.rule import Body, Derivative, Primitive
from gradcli.rule.signature import Signature
from gradcli.trace.classes import (
    MISSING,
    OBJECT,
    ClassMethod,
    Instance,
    Native,
    Property,
    UserClass,
    get_attribute,
)
from gradcli.trace.storage import Tensor
from gradcli.trace.values import Function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]
CHANGED = (
    "one of the variables needed for gradient computation has been modified by an inplace "
    "operation: it was saved for the backward of {name}"
)


@dataclass(eq=False)
class Saved:
    """What `ctx.save_for_backward` keeps: tensors, and how often each was changed by then."""

    tensors: list[Any] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)


class Context(Instance):
    """`ctx`: what `forward` leaves for `backward`."""

    __slots__ = ("materialize", "needs", "saved", "whole")

    def __init__(self, tracer: Tracer, cls: UserClass, needs: tuple[bool, ...]) -> None:
        super().__init__(tracer, CONTEXT)
        self.whole = cls  # the class of the file
        self.saved = Saved()
        self.needs = needs
        self.materialize = True


# ---- what a context has --------------------------------------------------------------------


def _save(tracer: Tracer, ctx: Context, args: Args, keywords: Keywords) -> None:
    for x in args:
        if x is not None and not isinstance(x, Node):
            raise ArgumentFault(
                f"save_for_backward can only save variables, but argument is of type "
                f"{type(x).__name__}",
                hint="other values are kept as attributes: ctx.n = n",
            )
    ctx.saved = Saved(list(args), [_count(x) for x in args])


def _count(x: Any) -> int:
    return x.storage.version.count if isinstance(x, Tensor) and x.storage is not None else 0


def _saved(tracer: Tracer, ctx: Context) -> tuple[Any, ...]:
    for x, count in zip(ctx.saved.tensors, ctx.saved.counts, strict=True):
        if _count(x) != count:
            raise AutogradFault(CHANGED.format(name=ctx.whole.name))
    return tuple(ctx.saved.tensors)


def _unmarked(name: str, why: str) -> Native:
    def run(tracer: Tracer, ctx: Context, args: Args, keywords: Keywords) -> None:
        raise ArgumentFault(f"ctx.{name}() is not here", hint=why)

    return Native(name, run)


def _plain(tracer: Tracer, ctx: Context, args: Args, keywords: Keywords) -> None:
    ctx.attributes["_plain"] = args


def _materialize(tracer: Tracer, ctx: Context, args: Args, keywords: Keywords) -> None:
    ctx.materialize = tracer.truth(args[0])


CONTEXT = UserClass(
    "FunctionCtx",
    (OBJECT,),
    {
        "save_for_backward": Native("save_for_backward", _save),
        "save_for_forward": Native("save_for_forward", lambda *_: None),
        "mark_non_differentiable": Native("mark_non_differentiable", _plain),
        "set_materialize_grads": Native("set_materialize_grads", _materialize),
        "mark_dirty": _unmarked("mark_dirty", "return a new tensor instead of changing an input"),
        "saved_tensors": Property(
            Function("saved_tensors", lambda tracer, args, keywords: _saved(tracer, args[0]))
        ),
        "saved_variables": Property(
            Function("saved_variables", lambda tracer, args, keywords: _saved(tracer, args[0]))
        ),
        "needs_input_grad": Property(
            Function("needs_input_grad", lambda tracer, args, keywords: args[0].needs)
        ),
    },
    is_built_in=True,
)


# ---- calls ---------------------------------------------------------------------------------


@dataclass(eq=False)
class Call:
    """One call of `apply`: the class, its arguments, and what its `forward` has left.

    `slots` are the places of tensors among the arguments; `several` whether it returns a tuple.
    """

    tracer: Tracer
    cls: UserClass
    args: Args
    slots: tuple[int, ...]
    ctx: Context
    outputs: tuple[Any, ...]
    several: bool
    last: tuple[Any, Any] = (None, None)  # a cotangent, and the gradients for it

    @property
    def name(self) -> str:
        """The class of its rows' grad_fn."""
        return f"{self.cls.name}Backward"

    def value(self, *arrays: Array) -> Any:
        """Return what `forward` gives for other inputs."""
        with self.tracer.graph.scratch():
            call = self._again(arrays)
            found = [x.value if isinstance(x, Node) else x for x in call.outputs]
        return tuple(found) if self.several else found[0]

    def _again(self, arrays: Args) -> Call:
        """Return the call of the same arguments with other inputs, on the scratch tape."""
        graph, args = self.tracer.graph, list(self.args)
        for slot, array in zip(self.slots, arrays, strict=True):
            args[slot] = graph.leaf(np.asarray(array))
        return forwarded(self.tracer, self.cls, tuple(args), self.ctx.needs)

    def gradients(self, g: Any, operands: Args) -> list[Any]:
        """Return the gradients of the inputs for a cotangent: arrays for arrays, nodes for nodes.

        Raises: AutogradFault, in PyTorch's words, where `backward` returns what does not fit.
        """
        if self.last[0] is g:
            return self.last[1]  # type: ignore[no-any-return]
        parts = list(g) if self.several else [g]
        if any(isinstance(x, Node) for x in parts):
            found = self._backward(parts)
        else:
            graph = self.tracer.graph
            with graph.scratch(), graph.settings("gradient", False):
                call = self if self._is_here(operands) else self._again(operands)
                nodes = [None if x is None else graph.leaf(np.asarray(x)) for x in parts]
                found = [x if x is None else x.value for x in call._backward(nodes)]
        self.last = g, found
        return found

    def _is_here(self, operands: Args) -> bool:
        """Say whether operands are those of the run itself."""
        return all(
            x is self.args[slot].value or np.array_equal(x, self.args[slot].value)
            for slot, x in zip(self.slots, operands, strict=True)
        )

    def _backward(self, cotangents: list[Any]) -> list[Any]:
        tracer = self.tracer
        if self.ctx.materialize:
            cotangents = [
                tracer.graph.leaf(np.zeros(y.shape, y.dtype)) if g is None and _is_tensor(y) else g
                for g, y in zip(cotangents, self.outputs, strict=True)
            ]
        method = _method(tracer, self.cls, "backward")
        found = tracer.call(method, (self.ctx, *cotangents), {})
        given = found if isinstance(found, tuple | list) else (found,)
        if len(given) != len(self.args):
            extra = given[len(self.args) :]
            if len(given) < len(self.args) or any(x is not None for x in extra):
                raise AutogradFault(
                    f"function {self.name} returned an incorrect number of gradients (expected "
                    f"{len(self.args)}, got {len(given)})",
                    hint="one for each argument of forward after ctx; None for what has no "
                    "gradient",
                )
        return [self._fitting(slot, given[slot]) for slot in self.slots]

    def _fitting(self, slot: int, gradient: Any) -> Any:
        """Return a gradient in the shape of its input; what broadcasting repeats is summed."""
        x = self.args[slot]
        if gradient is None:
            return None
        if not isinstance(gradient, Node):
            raise AutogradFault(
                f"function {self.name} returned a gradient different than a Tensor at position "
                f"{slot}, but the corresponding forward input was a Tensor"
            )
        if gradient.shape != x.shape:
            from gradcli.ops.shape.shapes import sum_to

            if np.broadcast_shapes(gradient.shape, x.shape) != gradient.shape:
                raise _invalid(self.name, slot, gradient, x)
            return sum_to(gradient, x.shape)
        return gradient


def _invalid(name: str, slot: int, gradient: Node, x: Node) -> AutogradFault:
    return AutogradFault(
        f"Function {name} returned an invalid gradient at index {slot} - got "
        f"{list(gradient.shape)} but expected shape compatible with {list(x.shape)}"
    )


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Node)


class UserRule(Derivative):
    """The derivative of a row is the `backward` of a class of the file."""

    call: Call

    def body(self, slot: int) -> Body | None:
        """Return something for an argument that has a gradient."""
        call = self.call
        return call.gradients if is_differentiable(call.args[call.slots[slot]].dtype) else None

    def vjp(
        self,
        slot: int,
        g: Any,
        y: Any,  # noqa: ARG002 -- as all rules
        operands: Args,
        attrs: dict[str, Any],  # noqa: ARG002
    ) -> Any:
        """Return the cotangent of one input, zeros where `backward` gives None."""
        found = self.call.gradients(g, operands)[slot]
        if found is not None:
            return found
        x = operands[slot]
        return x.zeros_like() if isinstance(x, Node) else np.zeros(np.shape(x), x.dtype)


def _method(tracer: Tracer, cls: UserClass, name: str) -> Any:
    found = get_attribute(tracer, cls, name)
    if found is MISSING:
        raise AutogradFault(
            f"You must implement {'the forward' if name == 'forward' else 'either the backward'} "
            f"{'function' if name == 'forward' else 'or vjp method'} for custom autograd.Function"
        )
    return found


def forwarded(tracer: Tracer, cls: UserClass, args: Args, needs: tuple[bool, ...]) -> Call:
    """Run the `forward` of a class with gradients off, and return what came of it.

    Raises: AutogradFault, in PyTorch's words, where the class has no static `forward`.
    """
    graph = tracer.graph
    ctx = Context(tracer, cls, needs)
    prepare = get_attribute(tracer, cls, "setup_context")
    with graph.settings(graph.origin, False):
        method = _method(tracer, cls, "forward")
        if prepare is MISSING:
            found = tracer.call(method, (ctx, *args), {})
        else:
            found = tracer.call(method, args, {})
            tracer.call(prepare, (ctx, args, found), {})
    several = isinstance(found, tuple)
    outputs = tuple(found) if several else (found,)
    if not any(isinstance(x, Node) for x in outputs):
        raise AutogradFault(
            f"{cls.name}.forward: expected Variable (got {type(found).__name__}) for return value 0"
        )
    slots = tuple(i for i, x in enumerate(args) if isinstance(x, Node))
    return Call(tracer, cls, args, slots, ctx, outputs, several)


def apply(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`MyFunction.apply(x, …)`: one row, whose derivative is the class's `backward`.

    Raises: AutogradFault and ArgumentFault, in PyTorch's words.
    """
    cls, *rest = args
    if keywords:
        raise ArgumentFault("apply() takes no keyword arguments")
    graph = tracer.graph
    inputs, place = tuple(rest), graph.span
    wanted = tuple(isinstance(x, Node) and graph.grad_enabled and x.requires_grad for x in inputs)
    call = forwarded(tracer, cls, inputs, wanted)
    if not any(wanted):
        return tuple(call.outputs) if call.several else call.outputs[0]
    graph.span = place
    plain = {id(x) for x in call.ctx.attributes.pop("_plain", ())}
    made = _recorded(call)
    results = [
        x if id(x) in plain or not isinstance(x, Node) else y
        for x, y in zip(call.outputs, made, strict=True)
    ]
    finals = {id(x): y for x, y in zip(call.outputs, results, strict=True)}
    saved = call.ctx.saved
    saved.tensors = [finals.get(id(x), x) for x in saved.tensors]
    saved.counts = [_count(x) for x in saved.tensors]
    call.outputs = tuple(results)
    return tuple(results) if call.several else results[0]


def _recorded(call: Call) -> list[Any]:
    """Append the row of a call, with the value that it has."""
    graph = call.tracer.graph
    values = [x.value if isinstance(x, Node) else np.asarray(0.0) for x in call.outputs]
    metas = tuple(Meta(x.shape, x.dtype) for x in values)
    row = row_of(call, metas)
    operands = tuple(call.args[slot] for slot in call.slots)
    eager, graph.eager = graph.eager, 0  # the value is there: forward is not run again
    result = graph.record(row, operands, {})
    graph.eager = eager
    if not call.several:
        graph.put(result.id, values[0])
        return [result]
    graph.put(graph.producer(result[0].id), tuple(values))
    return list(result)


def row_of(call: Call, metas: tuple[Meta, ...]) -> Primitive:
    """Return the operation of a call, which no other call has."""
    names = ", ".join(f"input{i}" for i in range(len(call.slots)))
    rule = UserRule((None,) * len(call.slots))
    object.__setattr__(rule, "call", call)
    meta: Callable[..., Any] = lambda *_, **__: metas if call.several else metas[0]  # noqa: E731
    return Primitive(
        Signature(f"{call.cls.name}({names})"),
        f"The class `{call.cls.name}` of the file.",
        (), "", (), (), "", "", "", "",
        grad_fn=call.name,
        forward=call.value,
        meta=meta,
        derivative=rule,
        outputs=("*",) if call.several else (),
    )  # fmt: skip


FUNCTION = UserClass(
    "Function",
    (OBJECT,),
    {"apply": ClassMethod(Function("apply", apply))},
    is_built_in=True,
)


def once_differentiable(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`@once_differentiable`: the backward is not differentiated itself."""
    (function,) = args

    def run(tracer: Tracer, given: Args, words: Keywords) -> Any:
        if tracer.graph.grad_enabled and any(
            isinstance(x, Node) and x.requires_grad for x in given[1:]
        ):
            raise AutogradFault(
                "trying to differentiate twice a function that was marked with @once_differentiable"
            )
        with tracer.graph.settings(tracer.graph.origin, False):
            return tracer.call(function, given, words)

    return Function("backward", run)


MEMBERS: dict[str, Any] = {
    "torch.autograd.Function": FUNCTION,
    "torch.autograd.function.Function": FUNCTION,
    "torch.autograd.function.once_differentiable": Function(
        "once_differentiable", once_differentiable
    ),
}
