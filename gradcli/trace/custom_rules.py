"""`jax.custom_vjp`, `jax.custom_jvp` and autograd's `primitive`: functions with rules of their own.

Arguments and results may be nested lists, tuples and dictionaries of arrays.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli import autodiff
from gradcli.errors import ArgumentFault, AutogradFault, Span
from gradcli.graph import Node
from gradcli.rule.dtypes import is_differentiable
from gradcli.rule.rule import number
from gradcli.trace import own
from gradcli.trace.classes import OBJECT, Instance, Native, UserClass
from gradcli.trace.nests import filled, flat, matched
from gradcli.trace.values import Function, UserFunction, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]


class Ruled(Instance):
    """A function with rules: `rules` are those that the file has given it so far.

    `kept_out` are the positions of arguments that it is not differentiated by.
    """

    __slots__ = ("busy", "function", "kept_out", "rules")

    def __init__(self, tracer: Tracer, cls: UserClass, function: Any, kept_out: Args = ()) -> None:
        super().__init__(tracer, cls)
        self.function, self.kept_out = function, kept_out
        self.rules: Any = {"vjp": {}, "jvp": {}} if cls is PRIMITIVE else None
        self.busy = False  # its own code is calling it

    @property
    def name(self) -> str:
        return str(getattr(self.function, "name", "function"))


@dataclass(eq=False, kw_only=True)
class RuledCall(own.Call):
    """One call: its arguments, what it gave, and what its forward rule has left."""

    ruled: Ruled
    args: Args
    keywords: Keywords
    output: Any = None
    left: Any = None

    @property
    def grad_fn(self) -> str:  # type: ignore[override]
        return f"{self.name}Backward"

    def again(self, operands: tuple[Node, ...]) -> RuledCall:
        args = filled(_moving(self.ruled, self.args), iter(operands))
        call = self.run(_whole(self.ruled, self.args, args), self.keywords)
        call.results = tuple(_outputs(call.output))
        return call

    def run(self, args: Args, keywords: Keywords) -> RuledCall:
        """Return the call of the same function with other arguments."""
        raise NotImplementedError

    def called(self, rule: Any, args: Args) -> Any:
        """Call one of the rules; where that calls the function, it is computed as it stands."""
        ruled, before = self.ruled, self.ruled.busy
        ruled.busy = True
        try:
            return self.tracer.call(rule, args, {})
        finally:
            ruled.busy = before

    def place_of(self, rule: Any) -> Span | None:
        """Return where a rule stands in the file."""
        named = isinstance(rule, UserFunction) and rule.parameters
        return rule.parameters[0].span if named else None

    @property
    def fixed(self) -> Args:
        """The arguments that it is not differentiated by."""
        return tuple(self.args[i] for i in self.ruled.kept_out)


class Vjp(RuledCall):
    """A call of what `jax.custom_vjp` made."""

    @property
    def words(self) -> tuple[str, str]:  # type: ignore[override]
        return f"the backward rule of `{self.name}`", f"`{self.name}`"

    def stated(self) -> Span | None:
        return self.place_of(self.ruled.rules[1])

    def run(self, args: Args, keywords: Keywords) -> Vjp:
        call = Vjp(self.tracer, self.name, own.operands_of(flat(_moving(self.ruled, args))),
                   ruled=self.ruled, args=args, keywords=keywords)  # fmt: skip
        # what is left for the way back is differentiated itself, as in JAX
        with own.inside(self.tracer, self.tracer.graph.grad_enabled):
            found = call.called(self.ruled.rules[0], args)
        if not isinstance(found, tuple) or len(found) != 2:
            raise ArgumentFault(
                f"Custom VJP fwd rule of `{self.name}` must produce a pair (a tuple of length two) "
                "where the first element represents the primal output and the second element "
                f"represents residuals, but it gave {described(found)}"
            )
        call.output, call.left = found
        return call

    def back(self, cotangents: list[Node | None]) -> list[Node | None]:
        given = _cotangents(self, cotangents)
        with own.inside(self.tracer, self.tracer.graph.grad_enabled):
            found = self.called(self.ruled.rules[1], (*self.fixed, self.left, given))
        args = _moving(self.ruled, self.args)
        if not isinstance(found, tuple | list) or len(found) != len(args):
            raise ArgumentFault(
                f"Custom VJP bwd rule of `{self.name}` must produce a tuple of {len(args)} "
                f"cotangents, one for each argument that is differentiated by, and gave "
                f"{described(found)}"
            )
        return list(matched(self.name, args, tuple(found)))

    def ahead(self, tangents: list[Node | None]) -> list[Node | None]:  # noqa: ARG002
        raise AutogradFault(
            "can't apply forward-mode autodiff (jvp) to a custom_vjp function.",
            hint="jax.custom_jvp has a rule for both modes",
        )


class Jvp(RuledCall):
    """A call of what `jax.custom_jvp` made: the way back is the transpose of its rule."""

    @property
    def words(self) -> tuple[str, str]:  # type: ignore[override]
        return f"the rule of `{self.name}`", f"`{self.name}`"

    def stated(self) -> Span | None:
        rules = self.ruled.rules
        return self.place_of(rules if not isinstance(rules, tuple) else rules[0])

    def run(self, args: Args, keywords: Keywords) -> Jvp:
        call = Jvp(self.tracer, self.name, own.operands_of(flat(_moving(self.ruled, args))),
                   ruled=self.ruled, args=args, keywords=keywords)  # fmt: skip
        with own.inside(self.tracer):
            call.output = call.called(self.ruled.function, args)
        return call

    def back(self, cotangents: list[Node | None]) -> list[Node | None]:
        graph = self.tracer.graph
        with own.inside(self.tracer, True):
            moves = [graph.leaf(np.zeros(x.shape, x.dtype), True) if is_differentiable(x.dtype)
                     else None for x in self.operands]  # fmt: skip
            ends = self.ahead(list(moves))
            roots = {
                y.id: g
                for y, g in zip(ends, cotangents, strict=True)
                if y is not None and g is not None and y.requires_grad
            }
            wanted = [x.id for x in moves if x is not None]
            if not roots:
                return [None for _ in moves]
            found = iter(autodiff.gradients(graph, roots, wanted))
            return [None if x is None else next(found) for x in moves]

    def ahead(self, tangents: list[Node | None]) -> list[Node | None]:
        given = [x.zeros_like() if t is None else t
                 for t, x in zip(tangents, self.operands, strict=True)]  # fmt: skip
        args = _moving(self.ruled, self.args)
        moves = filled(args, iter(given))
        graph = self.tracer.graph
        with own.inside(self.tracer, graph.grad_enabled):
            if isinstance(self.ruled.rules, tuple):
                return [self._summed(args, moves)]
            found = self.called(self.ruled.rules, (*self.fixed, args, moves))
        if not isinstance(found, tuple | list) or len(found) != 2:
            raise ArgumentFault(
                f"Custom JVP rule of `{self.name}` must produce a pair of the result and its "
                f"tangent, and gave {described(found)}"
            )
        return list(matched(self.name, (self.output,), (found[1],)))

    def _summed(self, args: Args, moves: Args) -> Node | None:
        """Return the tangent of `defjvps`: a sum over the arguments."""
        total = None
        for rule, t in zip(self.ruled.rules, moves, strict=False):
            if rule is not None:
                part = self.called(rule, (t, self.output, *args))
                total = part if total is None else total + part
        return total


class Pulled(RuledCall):
    """A call of autograd's `primitive`: `rules` has a rule by argument, and how they are called."""

    @property
    def words(self) -> tuple[str, str]:  # type: ignore[override]
        return f"the rule of `{self.name}`", f"`{self.name}`"

    def stated(self) -> Span | None:
        return next((self.place_of(r) for r in self.ruled.rules["vjp"].values()), None)

    def run(self, args: Args, keywords: Keywords) -> Pulled:
        call = Pulled(self.tracer, self.name, own.operands_of(flat(args)),
                      ruled=self.ruled, args=args, keywords=keywords)  # fmt: skip
        with own.inside(self.tracer):
            call.output = self.tracer.call(self.ruled.function, args, keywords)
        return call

    def back(self, cotangents: list[Node | None]) -> list[Node | None]:
        rules, tracer = self.ruled.rules["vjp"], self.tracer
        found: list[Node | None] = []
        answer, given = self.results[0], _cotangents(self, cotangents)
        for i, x in enumerate(self.args):
            if not isinstance(x, Node):
                continue
            if answer.requires_grad and not x.requires_grad:  # in the run itself nobody asks for it
                found.append(None)
                continue
            if i not in rules:
                raise _undefined("VJP", self.name, i)
            with own.inside(tracer, tracer.graph.grad_enabled):
                make = rules[i] and tracer.call(rules[i], (answer, *self.args), self.keywords)
                found.append(None if make is None else tracer.call(make, (given,), {}))
        return found

    def ahead(self, tangents: list[Node | None]) -> list[Node | None]:
        rules, given, total = self.ruled.rules["jvp"], iter(tangents), None
        for i, x in enumerate(self.args):
            t = next(given) if isinstance(x, Node) else None
            if t is None:
                continue
            if i not in rules:
                raise _undefined("JVP", self.name, i)
            with own.inside(self.tracer, self.tracer.graph.grad_enabled):
                part = self.tracer.call(rules[i], (t, self.results[0], *self.args), self.keywords)
            total = part if total is None else total + part
        return [total]


def _undefined(what: str, name: str, argument: int) -> AutogradFault:
    error = AutogradFault(f"{what} of {name} wrt argnum {argument} not defined")
    error.python = "NotImplementedError"
    return error


# ---- arguments and results -----------------------------------------------------------------


def _moving(ruled: Ruled, args: Args) -> Args:
    """Return the arguments that a function is differentiated by."""
    return tuple(x for i, x in enumerate(args) if i not in ruled.kept_out)


def _whole(ruled: Ruled, args: Args, moving: Args) -> Args:
    """Return all arguments, where some have changed."""
    fresh = iter(moving)
    return tuple(x if i in ruled.kept_out else next(fresh) for i, x in enumerate(args))


def _outputs(output: Any) -> list[Node]:
    return [y for y in flat(output) if is_differentiable(y.dtype)]


def _cotangents(call: RuledCall, given: list[Node | None]) -> Any:
    """Return cotangents in the nest of the result, zeros where nothing has arrived."""
    known, graph = iter(given), call.tracer.graph

    def of(y: Node) -> Node:
        g = next(known) if is_differentiable(y.dtype) else None
        return graph.leaf(np.zeros(y.shape, y.dtype)) if g is None else g

    with own.inside(call.tracer, graph.grad_enabled):
        return filled(call.output, iter([of(y) for y in flat(call.output)]))


# ---- what a file calls ---------------------------------------------------------------------


def _call(tracer: Tracer, ruled: Ruled, args: Args, keywords: Keywords) -> Any:
    """Call a function with rules: one row, where a gradient can flow to its arguments."""
    graph = tracer.graph
    if keywords and isinstance(ruled.function, UserFunction) and ruled.cls is not PRIMITIVE:
        values = tracer.arguments(ruled.function, args, keywords)
        args, keywords = tuple(values[p.name] for p in ruled.function.parameters), {}
    if ruled.cls is not PRIMITIVE:  # JAX makes arrays of numbers
        args = tuple(tracer.tensor(x) if number(x) and i not in ruled.kept_out else x
                     for i, x in enumerate(args))  # fmt: skip
    moving = graph.grad_enabled and any(x.requires_grad for x in flat(_moving(ruled, args)))
    if not moving or ruled.busy:
        return tracer.call(ruled.function, args, keywords)
    if ruled.rules is None:
        rule = "VJP" if ruled.cls is VJP else "JVP"
        raise AutogradFault(
            f"No {rule} defined for custom_{rule.lower()} function {ruled.name} using "
            f"def{rule.lower()}."
        )
    span = graph.span
    call = CALLS[ruled.cls.name](tracer, ruled.name, ruled=ruled, args=(), keywords={},
                                 operands=()).run(args, keywords)  # fmt: skip
    graph.span = span
    outputs = _outputs(call.output)
    if not outputs:
        return call.output
    made = dict(zip(map(id, outputs), own.recorded(call, outputs), strict=True))
    call.output, call.left = (
        filled(x, iter([made.get(id(y), y) for y in flat(x)])) for x in (call.output, call.left)
    )
    return call.output


CALLS: dict[str, type[RuledCall]] = {"custom_vjp": Vjp, "custom_jvp": Jvp, "primitive": Pulled}


def _new(tracer: Tracer, cls: UserClass, args: Args, keywords: Keywords) -> Ruled:
    function, *rest = (*args, *(keywords[k] for k in ("fun", "f_raw") if k in keywords))
    unknown = set(keywords) - {"fun", "f_raw", "nondiff_argnums"}
    if unknown or len(rest) > 1:
        raise ArgumentFault(f"{cls.name}() takes a function and nondiff_argnums here")
    kept_out = keywords.get("nondiff_argnums", rest[0] if rest else ())
    return Ruled(tracer, cls, function, tuple(kept_out))


def _def_vjp(tracer: Tracer, ruled: Ruled, args: Args, keywords: Keywords) -> None:
    given = dict(zip(("fwd", "bwd"), args, strict=False)) | keywords
    if set(given) != {"fwd", "bwd"}:
        raise ArgumentFault("defvjp() takes fwd and bwd here")
    ruled.rules = given["fwd"], given["bwd"]


def _def_jvp(tracer: Tracer, ruled: Ruled, args: Args, keywords: Keywords) -> Any:
    (ruled.rules,) = (*args, *keywords.values())
    return ruled.rules


def _def_jvps(tracer: Tracer, ruled: Ruled, args: Args, keywords: Keywords) -> None:
    ruled.rules = args


def _own_class(name: str, methods: dict[str, Any]) -> UserClass:
    found = {"__new__": Native("__new__", _new), "__init__": Native("__init__", lambda *_: None),
             "__call__": Native("__call__", _call)}  # fmt: skip
    return UserClass(name, (OBJECT,), found | {k: Native(k, run) for k, run in methods.items()},
                     is_built_in=True)  # fmt: skip


VJP = _own_class("custom_vjp", {"defvjp": _def_vjp})
JVP = _own_class("custom_jvp", {"defjvp": _def_jvp, "defjvps": _def_jvps})
PRIMITIVE = _own_class("primitive", {})


def _define(kind: str) -> Function:
    """Return autograd's `defvjp` or `defjvp`."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> None:
        ruled, *rules = args
        if not isinstance(ruled, Ruled) or ruled.cls is not PRIMITIVE:
            raise ArgumentFault(f"def{kind}() is for a function that is made with @primitive")
        numbers = keywords.get("argnums", range(len(rules)))
        ruled.rules[kind].update(zip(numbers, rules, strict=True))

    return Function(f"def{kind}", run)


MEMBERS: dict[str, Any] = {
    "jax.custom_vjp": VJP,
    "jax.custom_jvp": JVP,
    **{
        f"{module}.{name}": value
        for module in ("autograd.extend", "autograd.core")
        for name, value in (
            ("primitive", PRIMITIVE), ("defvjp", _define("vjp")), ("defjvp", _define("jvp")),
        )
    },
}  # fmt: skip
