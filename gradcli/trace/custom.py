"""`torch.autograd.Function`: classes of the file whose `backward` is a derivative."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli.errors import ArgumentFault, AutogradFault, Span
from gradcli.graph import Node
from gradcli.rule.dtypes import is_differentiable
from gradcli.trace import own
from gradcli.trace.classes import (
    MISSING,
    OBJECT,
    ClassMethod,
    Native,
    StaticMethod,
    UserClass,
    get_attribute,
)
from gradcli.trace.custom_context import FACTS, Context, context_class
from gradcli.trace.sentences import class_name
from gradcli.trace.storage import Tensor
from gradcli.trace.values import Function, UserFunction

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]
LEGACY = (
    "Legacy autograd function with non-static forward method is deprecated. Please use new-style "
    "autograd function with static forward method. (Example: "
    "https://pytorch.org/docs/stable/autograd.html#torch.autograd.Function)"
)
IN_PLACE_LEAF = "a leaf Variable that requires grad has been used in an in-place operation."


@dataclass(eq=False, kw_only=True)
class FunctionCall(own.Call):
    """One call of `apply`: the class, its arguments, and what its `forward` has left.

    `outputs` are all that it returned; those at `places` are the row's results.
    """

    cls: UserClass
    args: Args
    ctx: Context
    outputs: Args = ()
    is_tuple: bool = False
    places: tuple[int, ...] = ()

    @property
    def grad_fn(self) -> str:  # type: ignore[override]
        return f"{self.name}Backward"

    @property
    def words(self) -> tuple[str, str]:  # type: ignore[override]
        return f"`{self.name}.backward`", f"`{self.name}.forward`"

    def stated(self) -> Span | None:
        method = get_attribute(self.tracer, self.cls, "backward")
        named = isinstance(method, UserFunction) and method.parameters
        return method.parameters[0].span if named else None

    def again(self, operands: tuple[Node, ...]) -> FunctionCall:
        fresh = iter(operands)
        args = tuple(next(fresh) if isinstance(x, Node) else x for x in self.args)
        call = forwarded(self.tracer, self.cls, args, self.ctx.needs)
        call.places = self.places
        call.results = tuple(call.outputs[i] for i in self.places)
        return call

    def kept(self) -> set[int] | None:
        return set(self.ctx.saved_rows)

    def back(self, cotangents: list[Node | None]) -> list[Node | None]:
        tracer, given = self.tracer, dict(zip(self.places, cotangents, strict=True))
        method = get_attribute(tracer, self.cls, "backward")
        if method is MISSING:
            method = get_attribute(tracer, self.cls, "vjp")
        if method is MISSING:
            raise _missing(
                "either the backward or vjp method for your custom autograd.Function to use it "
                "with backward mode AD."
            )
        parts = [self._cotangent(given.get(i), y) for i, y in enumerate(self.outputs)]
        with own.inside(tracer, tracer.graph.grad_enabled):
            found = tracer.call(method, (self.ctx, *parts), {})
        return self._gradients(found if isinstance(found, tuple) else (found,))

    def _cotangent(self, g: Node | None, y: Any) -> Node | None:
        """Return what `backward` gets for an output: zeros where nothing has arrived."""
        if g is None and self.ctx.materialize and isinstance(y, Node):
            return self.tracer.graph.leaf(np.zeros(y.shape, y.dtype))
        return g

    def _gradients(self, given: Args) -> list[Node | None]:
        """Check what `backward` returned as PyTorch does; return what goes to the operands."""
        count = len(self.args)
        if len(given) < count or any(x is not None for x in given[count:]):
            raise AutogradFault(
                f"function {self.grad_fn} returned an incorrect number of gradients (expected "
                f"{count}, got {len(given)})",
                hint="a tuple with one for each argument of forward after ctx; None for what has "
                "no gradient",
            )
        found: list[Node | None] = []
        for i, (x, g) in enumerate(zip(self.args, given, strict=False)):
            if g is not None and not isinstance(g, Node):
                raise AutogradFault(f"expected Variable or None (got {class_name(g)})")
            if isinstance(x, Node):
                found.append(self._fitting(i, x, g))
            elif g is not None:
                raise AutogradFault(
                    f"function {self.grad_fn} returned a gradient different than None at position "
                    f"{i + 1}, but the corresponding forward input was not a Variable"
                )
        return found

    def _fitting(self, i: int, x: Node, g: Node | None) -> Node | None:
        """Return a gradient if it has the shape of its input, or one that is summed to that."""
        if g is None or g.shape == x.shape:
            return g
        ahead = len(g.shape) - len(x.shape)
        if ahead < 0 or any(n not in (1, m) for n, m in zip(x.shape, g.shape[ahead:], strict=True)):
            raise AutogradFault(
                f"Function {self.grad_fn} returned an invalid gradient at index {i} - got "
                f"{list(g.shape)} but expected shape compatible with {list(x.shape)}"
            )
        return g

    def ahead(self, tangents: list[Node | None]) -> list[Node | None]:
        tracer = self.tracer
        method = get_attribute(tracer, self.cls, "jvp")
        if method is MISSING:
            raise _missing(
                "the jvp function for custom autograd.Function to use it with forward mode AD."
            )
        fresh = iter(tangents)
        given = tuple(next(fresh) if isinstance(x, Node) else None for x in self.args)
        ctx = self.ctx.forward()
        if ctx.materialize:
            given = tuple(
                x.zeros_like() if t is None and isinstance(x, Node) and is_differentiable(x.dtype)
                else t
                for t, x in zip(given, self.args, strict=True)
            )  # fmt: skip
        with own.inside(tracer, tracer.graph.grad_enabled):
            found = tracer.call(method, (ctx, *given), {})
        parts = found if isinstance(found, tuple) else (found,)
        if len(parts) != len(self.outputs):
            raise AutogradFault(
                f"{self.name}.jvp returned {len(parts)} tangents for {len(self.outputs)} outputs"
            )
        for i in self.places:
            if parts[i] is not None and not isinstance(parts[i], Node):
                raise AutogradFault(f"expected Variable or None (got {class_name(parts[i])})")
            if parts[i] is not None and parts[i].shape != self.outputs[i].shape:
                raise AutogradFault(
                    f"{self.name}.jvp returned a tangent of shape {list(parts[i].shape)} for an "
                    f"output of shape {list(self.outputs[i].shape)}"
                )
        return [parts[i] for i in self.places]


def _missing(what: str) -> AutogradFault:
    error = AutogradFault(f"You must implement {what}")
    error.python = "NotImplementedError"
    return error


def forwarded(tracer: Tracer, cls: UserClass, args: Args, needs: tuple[bool, ...]) -> FunctionCall:
    """Run the `forward` of a class with gradients off, and return what came of it.

    Raises: AutogradFault, in PyTorch's words, where the class has no `forward`.
    """
    ctx = Context(tracer, context_class(cls), needs)
    method = get_attribute(tracer, cls, "forward")
    if method is MISSING:
        raise _missing("the forward function for custom autograd.Function.")
    prepare = get_attribute(tracer, cls, "setup_context")
    call = FunctionCall(tracer, cls.name, own.operands_of(args), cls=cls, args=args, ctx=ctx)
    if prepare is MISSING:
        found = tracer.call(method, (ctx, *args), {})
    else:
        found = tracer.call(method, args, {})
        tracer.call(prepare, (ctx, args, found), {})
    call.is_tuple = isinstance(found, tuple)
    call.outputs = tuple(found) if call.is_tuple else (found,)
    return call


def apply(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`MyFunction.apply(x, …)`: one row, whose derivative is the class's `backward`.

    Raises: AutogradFault and ArgumentFault, in PyTorch's words.
    """
    cls, *rest = args
    graph = tracer.graph
    inputs = _bound(tracer, cls, tuple(rest), keywords)
    needs = tuple(isinstance(x, Node) and x.requires_grad for x in inputs)
    if not (graph.grad_enabled and any(needs)):
        with graph.settings(graph.origin, False):
            call = forwarded(tracer, cls, inputs, needs)
        return call.outputs if call.is_tuple else call.outputs[0]
    with own.inside(tracer):
        call = forwarded(tracer, cls, inputs, needs)
    for x in call.ctx.plain:  # without a gradient it is a constant, as what no_grad recorded
        graph.notes.coded.discard(x.id)
    plain = {id(x) for x in call.ctx.plain}
    call.places = tuple(
        i
        for i, x in enumerate(call.outputs)
        if isinstance(x, Node) and id(x) not in plain and is_differentiable(x.dtype)
    )
    if call.places:
        dirty = [_dirty(call, x) for x in call.ctx.dirty]
        made = own.recorded(call, [call.outputs[i] for i in call.places])
        _placed(call, dict(zip(call.places, made, strict=True)), dirty)
    return call.outputs if call.is_tuple else call.outputs[0]


def _bound(tracer: Tracer, cls: UserClass, args: Args, keywords: Keywords) -> Args:
    """Return the arguments of `forward` in their order, where some are given by name."""
    method = get_attribute(tracer, cls, "forward")
    prepared = get_attribute(tracer, cls, "setup_context") is not MISSING
    if not (keywords or prepared) or not isinstance(method, UserFunction):
        return args
    first: Args = () if prepared else (None,)
    values = tracer.arguments(method, (*first, *args), keywords)
    if any(p.kind in ("*", "**", "keyword") for p in method.parameters):
        if not keywords:
            return args
        raise ArgumentFault(f"{cls.name}.apply(): give the arguments by position")
    return tuple(values[p.name] for p in method.parameters)[len(first) :]


def _dirty(call: FunctionCall, x: Any) -> Tensor:
    """Return an input that `forward` says to have changed in place.

    Raises: AutogradFault, in PyTorch's words, where it must not be.
    """
    place = next((i for i, y in enumerate(call.args) if y is x), None)
    if place is None or not isinstance(x, Tensor):
        raise AutogradFault("mark_dirty only accepts input tensors")
    before = call.operands[sum(isinstance(y, Node) for y in call.args[:place])]
    if before.requires_grad and x.graph.is_leaf(before.id):
        raise AutogradFault(IN_PLACE_LEAF)
    if x.steps:
        raise ArgumentFault(
            f"{call.name}: an input that is a view cannot be marked dirty here",
            hint="give it a tensor of its own: x.clone()",
        )
    if not any(x is y for y in call.outputs):
        raise AutogradFault(
            "Some elements marked as dirty during the forward method were not returned as output. "
            "The inputs that are modified inplace must all be outputs of the Function."
        )
    return x


def _placed(call: FunctionCall, made: dict[int, Node], dirty: list[Tensor]) -> None:
    """Put the row's results in the place of what `forward` gave, also where that was saved."""
    finals = {id(call.outputs[i]): y for i, y in made.items()}
    for x in dirty:
        storage = x.held()
        storage.hold(finals[id(x)].id)
        x.row, x.seen = storage.row, storage.memory.clock
        finals[id(x)] = x
    own_inputs = {id(x) for x in call.args}
    call.ctx.replace({k: y for k, y in finals.items() if k not in own_inputs})
    call.outputs = tuple(
        finals.get(id(x), x) if i in call.places else x for i, x in enumerate(call.outputs)
    )


def _legacy(tracer: Tracer, owner: Any, args: Args, keywords: Keywords) -> Any:
    raise AutogradFault(LEGACY, hint=f"{owner.cls.name}.apply(…), and @staticmethod before forward")


FUNCTION = UserClass(
    "Function",
    (OBJECT,),
    {"apply": ClassMethod(Function("apply", apply)), "__call__": Native("__call__", _legacy)},
    is_built_in=True,
)


def once_differentiable(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`@once_differentiable`: what the backward gives can not be differentiated itself."""
    (function,) = args
    if isinstance(function, StaticMethod):
        function = function.function

    def run(tracer: Tracer, given: Args, words: Keywords) -> Any:
        graph = tracer.graph
        needed = graph.grad_enabled and any(
            isinstance(x, Node) and x.requires_grad for x in given[1:]
        )
        with graph.settings(graph.origin, False):
            found = tracer.call(function, given, words)
        if not needed:
            return found
        if isinstance(found, tuple):
            return tuple(_undifferentiable(tracer, x) for x in found)
        return _undifferentiable(tracer, found)

    return Function("backward", run)


class _Refusing(own.Call):
    """What a once differentiable backward gave: it has no derivative."""

    grad_fn = "torch::autograd::Error"

    def back(self, cotangents: list[Node | None]) -> list[Node | None]:  # noqa: ARG002
        raise AutogradFault(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )

    def ahead(self, tangents: list[Node | None]) -> list[Node | None]:
        return self.back(tangents)


def _undifferentiable(tracer: Tracer, x: Any) -> Any:
    if not isinstance(x, Node) or not is_differentiable(x.dtype):
        return x
    call = _Refusing(tracer, "backward", (tracer.graph.leaf(x.value, True),))
    return own.recorded(call, [x])[0]


MEMBERS: dict[str, Any] = {
    "torch.autograd.Function": FUNCTION,
    "torch.autograd.function.Function": FUNCTION,
    "torch.autograd.function.once_differentiable": Function(
        "once_differentiable", once_differentiable
    ),
    **FACTS,
}
