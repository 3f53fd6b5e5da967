"""Functions of functions: `grad(f)`, `vmap(f)`, …, as torch.func, JAX and HIPS have them."""

from __future__ import annotations

from collections.abc import Iterable
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli import autodiff
from gradcli.errors import ArgumentFault, AutogradFault, ShapeFault
from gradcli.execute import is_computed
from gradcli.graph import Node
from gradcli.ops.shape.shapes import clone, to_copy, zeros_like
from gradcli.rule.meta import shown
from gradcli.rule.signature import Signature
from gradcli.trace.classes import CALLABLE
from gradcli.trace.derivatives import Args, Keywords, checked, gradient, one, options
from gradcli.trace.nests import filled, flat, of_arrays, paths
from gradcli.trace.values import (
    Differentiated,
    Function,
    Results,
    UserFunction,
    described,
    is_numeric_list,
)

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

# what the libraries call the function and the positions of what it is differentiated by
WORDS = {"func": "f", "fun": "f", "argnum": "argnums", "in_dims": "in_axes", "out_dims": "out_axes"}


def _bound(text: str, args: Args, keywords: Keywords) -> dict[str, Any]:
    return Signature(text).bind(args, {WORDS.get(k, k): x for k, x in keywords.items()})


def _positions(argnums: Any) -> tuple[int, ...]:
    positions = one(argnums)
    if not all(type(n) is int for n in positions):
        raise ArgumentFault(f"argnums must be integers, not {described(argnums)}")
    return positions


def _function(f: Any, name: str) -> Any:
    """Return the function that a transformation is of."""
    if not isinstance(f, (Function, UserFunction, *CALLABLE)):
        raise ArgumentFault(
            f"{name}() cannot differentiate {described(f)}",
            hint="it takes a function (`def` or `lambda`), or what it is differentiated by too",
        )
    return f


class _Call:
    """A call of a function with parameters of its own, which are plain tensors again after it."""

    def __init__(
        self,
        tracer: Tracer,
        f: Any,
        args: Args,
        positions: Iterable[int],
        keywords: Keywords | None = None,
        has_aux: bool = False,
    ) -> None:
        self.tracer, self.graph = tracer, tracer.graph
        self.f, self.args = f, list(args)
        self.fresh: dict[int, str] = {}
        self.nests = [self._parameters(i) for i in positions]
        self.inputs: tuple[Node, ...] = tuple(flat(self.nests))
        self.y: Any = tracer.call(f, tuple(self.args), keywords or {})
        self.aux: tuple[Any, ...] = ()
        if has_aux:
            if not isinstance(self.y, tuple | Results) or len(self.y) != 2:
                raise ArgumentFault(
                    "with has_aux=True the function returns a pair: the result, and what is with it"
                )
            self.y, *aux = self.y
            self.aux = tuple(aux)

    def _parameters(self, i: int) -> Any:
        if not -len(self.args) <= i < len(self.args):
            raise ArgumentFault(
                f"argnums {i} is out of range: {len(self.args)} arguments are given"
            )
        given, named = self.args[i], self._named(i)
        alone = self.tracer.library is None and is_numeric_list(given)
        given = self.tracer.tensor(given) if alone else of_arrays(self.tracer, given)
        own = [self._parameter(x, f"{named}{path}" if named else "") for path, x in paths(given)]
        self.args[i] = filled(given, iter(own))
        return self.args[i]

    def _named(self, i: int) -> str:
        """Return the name that f has for an argument, "" where it has none."""
        parameters = getattr(self.f, "parameters", ())
        at = i % len(self.args)
        given = parameters[at] if at < len(parameters) else None
        return "" if given is None or given.kind else str(given.name)

    def _parameter(self, x: Node, name: str) -> Node:
        if not x.requires_grad:
            x = self._fresh(x)
            self.fresh[x.id] = name
        return x

    def _fresh(self, x: Node) -> Node:
        """Return a parameter of the same values, which are not computed for that."""
        graph, differentiable = self.graph, x.dtype.kind in "fc"
        if graph.ops[x.id] is not None and not is_computed(graph, x.id):
            copy: Node = clone(x) if differentiable else to_copy(x, dtype=graph.default_dtype)
            graph.requires_grad[copy.id] = True
            return copy
        return graph.leaf(x.value if differentiable else x.value.astype(graph.default_dtype), True)

    @property
    def result(self) -> Node:
        return checked(self.y, "the function's result")

    @property
    def value(self) -> Any:
        """The result, and what the function gives beside it, if anything."""
        return (self.y, *self.aux) if self.aux else self.y

    @property
    def outputs(self) -> list[Node]:
        """The arrays of the result, which may be a nest of them."""
        return flat(self.y) or [self.result]

    def nested(self, found: Iterable[Any], single: bool = False) -> Any:
        """Return what was found for each array that f was differentiated by, in their nests.

        It is a tuple, of an item for each argument, or what belongs to the `single` one.
        """
        rest, sort = iter(found), "jax" in self.tracer.libraries
        nests = tuple([filled(nest, rest, sort) for nest in self.nests])
        return nests[0] if single else nests

    def done(self, found: Any) -> Any:
        """Return what was found, no longer depending on this call's own parameters."""
        graph, y = self.graph, self.y
        moved = graph.release(self.fresh)
        if self.fresh and isinstance(y, Node) and y.id in moved and prod(y.shape) == 1:
            self.tracer.differentiated = Differentiated(y.id, self.fresh, moved)
        return found


# ---- gradients -----------------------------------------------------------------------------


def _slopes(y: Any, inputs: tuple[Node, ...], v: Any = None) -> tuple[Node | None, ...]:
    """Return gradients, which are 0 by all that the result does not depend on."""
    vectors = one(v) if v is not None else (None,) * len(one(y))
    pairs = [(x, c) for x, c in zip(one(y), vectors, strict=True) if x.requires_grad]
    if not pairs:
        return tuple(zeros_like(x) for x in inputs)
    outputs, cotangents = zip(*pairs, strict=True)
    return gradient(outputs, inputs, None if v is None else cotangents, materialize=True)


def _transform(name: str, pack: Any, *, ones: bool = False, aux: bool = False) -> Any:
    """Make `grad(f)`: the function whose value is the gradient of `f`, and `pack` of it.

    `ones` differentiates the sum of all elements of the result; `aux` is the default of has_aux.
    """
    text = f"{name}(f: any, argnums: any = 0, has_aux: bool = {aux})"

    def transform(tracer: Tracer, args: Args, keywords: Keywords) -> Function:
        f, argnums, has_aux = _bound(text, args, keywords).values()
        _function(f, name)
        positions = _positions(argnums)

        def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
            call = _Call(tracer, f, args, positions, keywords, has_aux)
            y = call.result
            start = y.constant(np.ones(y.shape, y.dtype)) if ones else None
            found = _slopes(y, call.inputs, start)
            g = call.nested(found, single=not isinstance(argnums, tuple | list))
            return call.done(pack(call, g))

        return Function(name, run)

    return transform


_grad_of = _transform("grad", lambda call, g: (g, *call.aux) if call.aux else g)


def _grad(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`grad(y, x)`: one node for one input, a tuple for a tuple. `jax.grad(f)` is a function."""
    f = args[0] if args else next((keywords[k] for k in ("f", *WORDS) if k in keywords), None)
    if f is not None and not isinstance(f, Node | tuple | list):
        return _grad_of(tracer, args, keywords)
    outputs, inputs, given = options(args, keywords)
    given.setdefault("create_graph", True)
    found = gradient(outputs, inputs, **given)
    return found if isinstance(inputs, tuple | list) else found[0]


def _autograd_grad(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`torch.autograd.grad`: always a tuple, and no graph unless it is asked for."""
    outputs, inputs, given = options(args, keywords)
    given.setdefault("create_graph", False)
    return gradient(outputs, inputs, **given)


# ---- Jacobians and Hessians ----------------------------------------------------------------

# what torch.autograd.functional takes too: how a result is computed, and no part of it
_MEANS = "create_graph: bool = False, strict: bool = False, vectorize: bool = False"
_STRATEGY = ", strategy: str = 'reverse-mode', outer_jacobian_strategy: str = 'reverse-mode'"


def _matrix(order: int) -> Any:
    """`jacobian(y, x)` of tensors, `jacobian(f, inputs)`, or `jacrev(f)`: a function."""
    name = "jacobian" if order == 1 else "hessian"
    of_function = f"{name}(f: any, inputs: any, {_MEANS}{_STRATEGY})"
    transform = f"{name}(f: any, argnums: any = 0, has_aux: bool = False)"

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if args and isinstance(args[0], Node):
            if len(args) != 2 or keywords:
                raise _two(name, args)
            return _matrices(tracer, args[0], args[1], order)
        if (len(args) > 1 and not _are_positions(args[1])) or "inputs" in keywords:
            given = _bound(of_function, args, keywords)
            if given["strict"]:
                raise ArgumentFault(f"{name}() cannot be strict", hint="leave strict=True out")
            inputs = given["inputs"]
            call = _Call(tracer, _function(given["f"], name), one(inputs), range(len(one(inputs))))
            x = call.inputs if isinstance(inputs, tuple | list) else call.inputs[0]
            return call.done(_matrices(tracer, call.result, x, order))
        f, argnums, has_aux = _bound(transform, args, keywords).values()
        _function(f, name)
        positions = _positions(argnums)

        def at(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
            call = _Call(tracer, f, args, positions, keywords, has_aux)
            single = not isinstance(argnums, tuple | list)
            parts = [_matrices(tracer, y, call.inputs, order) for y in call.outputs]
            if order == 2:
                parts = [[call.nested(row, single) for row in rows] for rows in parts]
            nests = [call.nested(part, single) for part in parts]
            found = filled(call.y, iter(nests), "jax" in tracer.libraries)
            return call.done((found, *call.aux) if call.aux else found)

        return Function(name, at)

    return run


def _are_positions(value: Any) -> bool:
    return all(type(n) is int for n in one(value))


def _matrices(tracer: Tracer, y: Node, x: Any, order: int) -> Any:
    from gradcli.autodiff.matrices import hessian, jacobian

    with tracer.graph.settings("gradient", True):
        if order == 1:
            found = [jacobian(y, checked(v, "an input")) for v in one(x)]
            return tuple(found) if isinstance(x, tuple | list) else found[0]
        slopes = gradient(y, one(x), materialize=True)
        blocks = hessian([checked(g, "a gradient") for g in slopes], one(x))
        return blocks if isinstance(x, tuple | list) else blocks[0][0]


# ---- products ------------------------------------------------------------------------------


def _two(name: str, args: Args, more: str = "") -> ArgumentFault:
    return ArgumentFault(
        f"{name}() does not take {len(args)} argument{'' if len(args) == 1 else 's'}",
        hint=f"write {name}(y, x{more}) of tensors, or {name}(f, inputs{more}) of a function",
    )


def _product(name: str, args: Args, keywords: Keywords) -> tuple[Any, Any, Any]:
    """Return what a product is of, by what, and the vector.

    Raises: ArgumentFault where an argument is missing or unknown.
    """
    if (len(args) < 2 and "inputs" not in keywords) or len(args) > 3:
        raise _two(name, args, ", v")
    text = f"{name}(f: any, inputs: any, v: any = None, create_graph: bool = False, "
    given = _bound(text + "strict: bool = False)", args, keywords)
    if given["strict"]:
        raise ArgumentFault(f"{name}() cannot be strict", hint="leave strict=True out")
    return given["f"], given["inputs"], given["v"]


def _like(found: Any, inputs: Any) -> Any:
    return found if isinstance(inputs, tuple | list) else found[0]


def _vjp(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`vjp(y, x, v)` on tensors; `vjp(f, inputs, v)` gives the value and the product."""
    f, inputs, v = _product("vjp", args, keywords)
    if isinstance(f, Node):
        return _like(gradient(f, one(inputs), v, materialize=True), inputs)
    call = _Call(tracer, _function(f, "vjp"), one(inputs), range(len(one(inputs))))
    found = _slopes(call.result, call.inputs, v)
    return call.done((call.y, _like(found, inputs)))


def _pullback(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`torch.func.vjp(f, *inputs)`, `jax.vjp(f, *inputs)`: the value, and a function of `v`."""
    has_aux = _bound("vjp(has_aux: bool = False)", (), keywords)["has_aux"]
    f, inputs = _function(args[0] if args else None, "vjp"), args[1:]

    def called(tracer: Tracer) -> _Call:
        return _Call(tracer, f, inputs, range(len(inputs)), None, has_aux)

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        v = _bound("vjp(v: any)", args, keywords)["v"]
        call = called(tracer)
        return call.done(call.nested(_slopes(call.outputs, call.inputs, _alike(call, call.y, v))))

    call = called(tracer)
    return call.done((call.y, Function("vjp", run), *call.aux))


def _jvp(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`jvp(y, x, v)` on tensors; `jvp(f, inputs, v)` gives the value and the product."""
    f, inputs, v = _product("jvp", args, keywords)
    if isinstance(f, Node):
        return _pushed(tracer, f, one(inputs), v)
    call = _Call(tracer, _function(f, "jvp"), one(inputs), range(len(one(inputs))))
    return call.done((call.y, _pushed(tracer, call.result, call.inputs, v)))


def _pushforward(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`torch.func.jvp(f, primals, tangents)`, `jax.jvp`: the value, the tangent, and has_aux's."""
    text = "jvp(f: any, primals: any, tangents: any, strict: bool = False, has_aux: bool = False)"
    f, primals, tangents, _, has_aux = _bound(text, args, keywords).values()
    for x, what in ((primals, "primals"), (tangents, "tangents")):
        if not isinstance(x, tuple | list):
            raise ArgumentFault(f"jvp() takes a tuple of {what}, not {described(x)}")
    call = _Call(tracer, _function(f, "jvp"), tuple(primals), range(len(primals)), None, has_aux)
    directions = _alike(call, call.nests, tuple(tangents))
    pushed = _all_pushed(tracer, call.outputs, call.inputs, directions)
    return call.done((call.y, filled(call.y, iter(pushed)), *call.aux))


def _alike(call: _Call, nest: Any, vectors: Any) -> tuple[Any, ...]:
    """Return the vectors for the arrays of a nest, in their order.

    Raises: ArgumentFault where they are in another structure.
    """
    if isinstance(nest, Node):
        return (call.tracer.tensor(vectors),)
    if nest is None and vectors is None:
        return ()
    if isinstance(nest, dict):
        if isinstance(vectors, dict) and vectors.keys() == nest.keys():
            return tuple([v for k in nest for v in _alike(call, nest[k], vectors[k])])
    elif isinstance(vectors, list | tuple) and len(vectors) == len(nest):
        pairs = zip(nest, vectors, strict=True)
        return tuple([v for x, given in pairs for v in _alike(call, x, given)])
    raise ArgumentFault(
        f"{described(vectors)} has not the structure of what it belongs to",
        hint="a vector for each array, in the same lists, tuples and dictionaries",
    )


def _pushed(tracer: Tracer, y: Node, inputs: tuple[Any, ...], v: Any) -> Any:
    return _all_pushed(tracer, [y], inputs, v)[0]


def _all_pushed(tracer: Tracer, outputs: list[Node], inputs: tuple[Any, ...], v: Any) -> list[Any]:
    graph = tracer.graph
    if not inputs:
        raise ArgumentFault("jvp() needs inputs", hint="write jvp(y, x, v)")
    with graph.settings("gradient", True):
        directions = (None,) * len(inputs) if v is None else one(v)
        if len(directions) != len(inputs):
            raise AutogradFault(f"got {len(inputs)} inputs and {len(directions)} vectors")
        tangents = {
            checked(x, "an input").id: x.constant(np.ones(x.shape, x.dtype))
            if d is None else tracer.tensor(d)
            for x, d in zip(inputs, directions, strict=True)
        }  # fmt: skip
        for x, direction in zip(inputs, tangents.values(), strict=False):
            if direction.shape != x.shape:
                raise ShapeFault(
                    f"v has invalid size: should be {shown(x.shape)} but got "
                    f"{shown(direction.shape)}."
                )
        found = autodiff.tangent(graph, [y.id for y in outputs], tangents)
        return [zeros_like(y) if g is None else g for y, g in zip(outputs, found, strict=True)]


def _second(tracer: Tracer, call: _Call, v: Any) -> tuple[Node | None, ...]:
    slopes = gradient(call.result, call.inputs, materialize=True)
    return gradient(slopes, call.inputs, v, materialize=True)


def _hessian_product(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`hvp(f, x, v)` and `vhp(f, x, v)`: the value, and the Hessian times a vector."""
    f, inputs, v = _product("hvp", args, keywords)
    call = _Call(tracer, _function(f, "hvp"), one(inputs), range(len(one(inputs))))
    return call.done((call.y, _like(_second(tracer, call, v), inputs)))


def _hips_product(kind: str) -> Any:
    """Make HIPS autograd's make_vjp, make_jvp or hessian_vector_product, by one argument."""

    def transform(tracer: Tracer, args: Args, keywords: Keywords) -> Function:
        f, argnums = _bound(f"{kind}(f: any, argnums: int = 0)", args, keywords).values()
        _function(f, kind)

        def hessian_times(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
            if len(args) < 2:
                raise ArgumentFault(f"{kind}(f) takes the arguments of f, and a vector")
            call = _Call(tracer, f, args[:-1], (argnums,), keywords)
            return call.done(_second(tracer, call, args[-1])[0])

        def at(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
            def product(tracer: Tracer, vector: Args, _: Keywords) -> Any:
                v = _bound(f"{kind}(v: any)", vector, {})["v"]
                call = _Call(tracer, f, args, (argnums,), keywords)
                if kind == "make_jvp":
                    return call.done((call.y, _pushed(tracer, call.result, call.inputs, (v,))))
                return call.done(_slopes(call.result, call.inputs, v)[0])

            if kind == "make_jvp":
                return Function(kind, product)
            call = _Call(tracer, f, args, (argnums,), keywords)
            return call.done((Function(kind, product), call.y))

        return Function(kind, at if kind.startswith("make_") else hessian_times)

    return transform


# ---- many calls at once --------------------------------------------------------------------


def _vmap(tracer: Tracer, args: Args, keywords: Keywords) -> Function:
    """`vmap(f)`: `f` of every slice of its arguments, the results stacked."""
    f, in_axes, out_axes = _bound(
        "vmap(f: any, in_axes: any = 0, out_axes: any = 0)", args, keywords
    ).values()
    _function(f, "vmap")

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        from gradcli.trace.vmap import mapped

        return mapped(tracer, f, args, keywords, in_axes, out_axes)

    return Function("vmap", run)


def _itself(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`jax.jit(f)`: how a function is compiled changes nothing here."""
    return _function(args[0] if args else None, "jit")


FUNCTIONS: dict[str, Any] = {
    "grad": _grad,
    "func.grad": _grad_of,
    "hips.grad": _grad_of,
    "autograd.grad": _autograd_grad,
    "value_and_grad": _transform("value_and_grad", lambda call, g: (call.value, g)),
    "func.grad_and_value": _transform("grad_and_value", lambda call, g: (g, call.value)),
    "hips.elementwise_grad": _transform("elementwise_grad", lambda call, g: g, ones=True),
    "hips.grad_and_aux": _transform("grad_and_aux", lambda call, g: (g, *call.aux), aux=True),
    "jacobian": _matrix(1),
    "hessian": _matrix(2),
    "jacrev": _matrix(1),
    "jacfwd": _matrix(1),
    "vjp": _vjp,
    "jvp": _jvp,
    "func.vjp": _pullback,
    "jax.vjp": _pullback,
    "func.jvp": _pushforward,
    "jax.jvp": _pushforward,
    "hvp": _hessian_product,
    "vhp": _hessian_product,
    **{f"hips.{name}": _hips_product(name)
       for name in ("make_vjp", "make_jvp", "hessian_vector_product")},
    "vmap": _vmap,
    "jax.jit": _itself,
}  # fmt: skip
