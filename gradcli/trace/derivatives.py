"""Gradients as values of a file: `grad`, `jacobian`, `hessian`, `vjp`, `jvp`, `backward`."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli import autodiff
from gradcli.errors import ArgumentFault, AutogradFault, ShapeFault
from gradcli.execute import compute
from gradcli.graph import Node
from gradcli.ops.meta import shown
from gradcli.ops.shapes import zeros_like
from gradcli.trace.values import Function, UserFunction, as_node, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]

SIGNATURE = (
    "the signature is `grad(outputs, inputs, grad_outputs=None, retain_graph=None, "
    "create_graph=True, allow_unused=False)`"
)


def _one(value: Any) -> tuple[Any, ...]:
    return tuple(value) if isinstance(value, tuple | list) else (value,)


def _checked(value: Any, what: str) -> Node:
    if not isinstance(value, Node):
        raise ArgumentFault(f"{what} must be a tensor, not {described(value)}")
    return value


def gradient(
    outputs: Any,
    inputs: Any,
    grad_outputs: Any = None,
    *,
    create_graph: bool = True,
    retain_graph: bool | None = None,
    allow_unused: bool = False,
    materialize: bool = False,
) -> tuple[Node | None, ...]:
    """Return the gradients of the sum of outputs with respect to inputs, as nodes.

    Raises: AutogradFault, in PyTorch's words, where there is none.
    """
    roots = [_checked(y, "what is differentiated") for y in _one(outputs)]
    wanted = [_checked(x, "what it is differentiated by") for x in _one(inputs)]
    if not roots:
        raise ArgumentFault("grad requires non-empty outputs.")
    for x in wanted:
        if not x.requires_grad:
            raise AutogradFault(
                "One of the differentiated Tensors does not require grad",
                hint="make it a parameter: tensor(..., requires_grad=True) or param(...)",
            )
    starts: dict[int, Any] = {}
    given = _one(grad_outputs) if grad_outputs is not None else (None,) * len(roots)
    graph = roots[0].graph
    with graph.settings("gradient", create_graph):
        if len(given) != len(roots):
            raise AutogradFault(f"got {len(roots)} tensors and {len(given)} gradients")
        for y, cotangent in zip(roots, given, strict=True):
            start = autodiff.seed(y, None if cotangent is None else as_node(graph, cotangent))
            node = start if isinstance(start, Node) else graph.leaf(start)
            starts[y.id] = starts[y.id] + node if y.id in starts else node
        ids = [x.id for x in wanted]
        order = autodiff.towards(graph, autodiff.reachable(graph, starts), ids)
        compute(graph, starts)
        autodiff.free_saved(
            graph, order, retain_graph=create_graph if retain_graph is None else retain_graph
        )
        found = autodiff.gradients(graph, starts, ids)
        return tuple(_used(x, g, i, allow_unused, materialize) for i, (x, g) in
                     enumerate(zip(wanted, found, strict=True)))  # fmt: skip


def _used(x: Node, g: Node | None, position: int, allow_unused: bool, materialize: bool) -> Any:
    if g is not None:
        return g
    if materialize:
        return zeros_like(x)
    if not allow_unused:
        name = x.graph.names.get(x.id)
        raise AutogradFault(
            f"The differentiated Tensor at index {position} appears to not have been used in "
            "the graph. Set allow_unused=True if this is the desired behavior.",
            hint=f"no path leads from `{name}` to what is differentiated" if name else None,
        )
    return None


def _grad(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`grad(y, x)`: one node for one input, a tuple for a tuple. `jax.grad(f)` is a function."""
    if args and not isinstance(args[0], Node | tuple | list):
        return _transformed(tracer, args, keywords)
    outputs, inputs, options = _options(args, keywords)
    options.setdefault("create_graph", True)
    found = gradient(outputs, inputs, **options)
    return found if isinstance(inputs, tuple | list) else found[0]


def _autograd_grad(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`torch.autograd.grad`: always a tuple, and no graph unless it is asked for."""
    outputs, inputs, options = _options(args, keywords)
    options.setdefault("create_graph", False)
    return gradient(outputs, inputs, **options)


def _options(args: Args, keywords: Keywords) -> tuple[Any, Any, dict[str, Any]]:
    names = ("outputs", "inputs", "grad_outputs", "retain_graph", "create_graph")
    given = dict(zip(names, args, strict=False)) | keywords
    known = {*names, "allow_unused", "materialize_grads", "only_inputs", "is_grads_batched"}
    for word in given:
        if word not in known:
            near = "".join(f"did you mean `{n}`? " for n in get_close_matches(word, known, 1))
            raise ArgumentFault(
                f"grad() got an unexpected keyword argument '{word}'", hint=near + SIGNATURE
            )
    if len(args) > len(names):
        raise ArgumentFault(
            f"grad() takes {len(names)} positional arguments but {len(args)} were given",
            hint=SIGNATURE,
        )
    if "outputs" not in given or "inputs" not in given:
        raise ArgumentFault("grad() needs outputs and inputs", hint="write grad(loss, w)")
    options: dict[str, Any] = {
        k: given[k]
        for k in ("grad_outputs", "retain_graph", "create_graph", "allow_unused")
        if k in given
    }
    options["materialize"] = bool(given.get("materialize_grads", False))
    if options["materialize"] and given.get("allow_unused") is False:
        raise ArgumentFault(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    return given["outputs"], given["inputs"], options


# ---- transformations of functions: torch.func, torch.autograd.functional, JAX ----------------


class _Call:
    """A call of a function with parameters of its own, which are plain tensors again after it."""

    def __init__(self, tracer: Tracer, f: Any, args: Args, positions: Iterable[int]) -> None:
        self.tracer, self.graph = tracer, tracer.graph
        self.args = list(args)
        self.fresh: list[int] = []
        chosen = [self._parameter(i) for i in positions]
        self.inputs: tuple[Node, ...] = tuple(chosen)
        self.y: Any = tracer.call(f, tuple(self.args), {})

    def _parameter(self, i: int) -> Node:
        if not -len(self.args) <= i < len(self.args):
            raise ArgumentFault(
                f"argnums {i} is out of range: {len(self.args)} arguments are given"
            )
        x = as_node(self.graph, self.args[i])
        if not x.requires_grad:
            values = x.value if x.dtype.kind in "fc" else x.value.astype(self.graph.default_dtype)
            x = self.graph.leaf(values, True)
            self.fresh.append(x.id)
        self.args[i] = x
        return x

    @property
    def result(self) -> Node:
        return _checked(self.y, "the function's result")

    def done(self, found: Any) -> Any:
        """Return what was found, no longer depending on this call's own parameters."""
        self.graph.release(self.fresh)
        return found


def _transform(with_value: str | None) -> Any:
    """`grad(f)`: the function whose value is the gradient of `f`.

    `with_value` is "first" for JAX's value_and_grad, "last" for torch.func.grad_and_value.
    """

    def transform(tracer: Tracer, args: Args, keywords: Keywords) -> Function:
        f, argnums = (
            _function(args, "grad"), keywords.get("argnums", args[1] if len(args) > 1 else 0)
        )  # fmt: skip
        if not all(isinstance(n, int) for n in _one(argnums)):
            raise ArgumentFault(f"argnums must be integers, not {described(argnums)}")

        def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
            call = _Call(tracer, f, args, _one(argnums))
            found = gradient(call.result, call.inputs, materialize=True)
            g = found if isinstance(argnums, tuple | list) else found[0]
            pair = (call.y, g) if with_value == "first" else (g, call.y)
            return call.done(pair if with_value else g)

        return Function("grad", run)

    return transform


_transformed = _transform(None)


def _function(args: Args, name: str) -> Any:
    """Return the function that a transformation is of."""
    if not args or not isinstance(args[0], Function | UserFunction):
        given = described(args[0]) if args else "nothing"
        raise ArgumentFault(
            f"{name}() cannot differentiate {given}",
            hint="it takes a function (`def` or `lambda`), or what it is differentiated by too",
        )
    return args[0]


def _two(args: Args, name: str, more: str = "") -> tuple[Any, Any]:
    """Return the first two arguments: what is differentiated, and by what."""
    if len(args) < 2 or len(args) > 2 + bool(more):
        raise ArgumentFault(
            f"{name}() does not take {len(args)} argument{'' if len(args) == 1 else 's'}",
            hint=f"write {name}(y, x{more}) of tensors, or {name}(f, inputs{more}) of a function",
        )
    return args[0], args[1]


def _matrix(order: int) -> Any:
    """`jacobian(y, x)` of tensors, `jacobian(f, inputs)`, or `jacrev(f)`: a function."""
    name = "jacobian" if order == 1 else "hessian"

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if args and isinstance(args[0], Node):
            return _matrices(tracer, *_two(args, name), order)
        f = _function(args, name)
        if len(args) > 1 and not isinstance(args[1], int):
            return _of_function(tracer, f, args[1], order)
        return Function(name, lambda tr, a, k: _of_function(tr, f, _point(a, name), order))

    return run


def _point(args: Args, name: str) -> Any:
    if len(args) != 1:
        raise ArgumentFault(f"a {name} is taken at one argument ({len(args)} given)")
    return args[0]


def _of_function(tracer: Tracer, f: Any, inputs: Any, order: int) -> Any:
    args = _one(inputs)
    call = _Call(tracer, f, args, range(len(args)))
    several = isinstance(inputs, tuple | list)
    return call.done(
        _matrices(tracer, call.result, call.inputs if several else call.inputs[0], order)
    )


def _matrices(tracer: Tracer, y: Node, x: Any, order: int) -> Any:
    with tracer.graph.settings("gradient", True):
        if order == 1:
            found = [autodiff.jacobian(y, _checked(v, "an input")) for v in _one(x)]
            return tuple(found) if isinstance(x, tuple | list) else found[0]
        rows = []
        for g in gradient(y, _one(x), materialize=True):
            assert g is not None, "unused inputs have gradients of zero"
            rows.append(tuple(autodiff.jacobian(g, v) for v in _one(x)))
        return tuple(rows) if isinstance(x, tuple | list) else rows[0][0]


def _vector(args: Args, keywords: Keywords) -> Any:
    return keywords.get("v", args[2] if len(args) > 2 else None)


def _vjp(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`vjp(y, x, v)` on tensors; `vjp(f, inputs, v)` gives the value and the product."""
    v, inputs = _vector(args, keywords), _two(args, "vjp", ", v")[1]
    if isinstance(args[0], Node):
        found = gradient(args[0], _one(inputs), v, materialize=True)
        return found if isinstance(inputs, tuple | list) else found[0]
    call = _Call(tracer, _function(args, "vjp"), _one(inputs), range(len(_one(inputs))))
    found = gradient(call.result, call.inputs, v, materialize=True)
    return call.done((call.y, found if isinstance(inputs, tuple | list) else found[0]))


def _pullback(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`torch.func.vjp(f, *inputs)`, `jax.vjp(f, *inputs)`: the value, and a function of `v`."""
    f, inputs = _function(args, "vjp"), args[1:]

    def called() -> _Call:
        return _Call(tracer, f, inputs, range(len(inputs)))

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        call = called()
        v = _point(args, "vjp")
        return call.done(gradient(call.result, call.inputs, v, materialize=True))

    call = called()
    return call.done((call.y, Function("vjp", run)))


def _jvp(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`jvp(y, x, v)` on tensors; `jvp(f, inputs, v)` gives the value and the product."""
    v, inputs = _vector(args, keywords), _one(_two(args, "jvp", ", v")[1])
    if isinstance(args[0], Node):
        return _pushed(tracer, args[0], inputs, v)
    call = _Call(tracer, _function(args, "jvp"), inputs, range(len(inputs)))
    return call.done((call.y, _pushed(tracer, call.result, call.inputs, v)))


def _pushed(tracer: Tracer, y: Node, inputs: tuple[Any, ...], v: Any) -> Any:
    graph = tracer.graph
    if not inputs:
        raise ArgumentFault("jvp() needs inputs", hint="write jvp(y, x, v)")
    with graph.settings("gradient", True):
        directions = (None,) * len(inputs) if v is None else _one(v)
        if len(directions) != len(inputs):
            raise AutogradFault(f"got {len(inputs)} inputs and {len(directions)} vectors")
        tangents = {
            _checked(x, "an input").id: x.constant(np.ones(x.shape, x.dtype))
            if d is None else as_node(graph, d)
            for x, d in zip(inputs, directions, strict=True)
        }  # fmt: skip
        for x, direction in zip(inputs, tangents.values(), strict=False):
            if direction.shape != x.shape:
                raise ShapeFault(
                    f"v has invalid size: should be {shown(x.shape)} but got "
                    f"{shown(direction.shape)}."
                )
        found = autodiff.tangent(graph, [y.id], tangents)[0]
        return zeros_like(y) if found is None else found


def _hessian_product(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`hvp(f, x, v)` and `vhp(f, x, v)`: the value, and the Hessian times a vector."""
    inputs = _two(args, "hvp", ", v")[1]
    call = _Call(tracer, _function(args, "hvp"), _one(inputs), range(len(_one(inputs))))
    slopes = gradient(call.result, call.inputs, materialize=True)
    found = gradient(slopes, call.inputs, _vector(args, keywords), materialize=True)
    return call.done((call.y, found if isinstance(inputs, tuple | list) else found[0]))


FUNCTIONS: dict[str, Any] = {
    "grad": _grad,
    "func.grad": _grad,
    "autograd.grad": _autograd_grad,
    "value_and_grad": _transform("first"),
    "func.grad_and_value": _transform("last"),
    "jacobian": _matrix(1),
    "hessian": _matrix(2),
    "jacrev": _matrix(1),
    "jacfwd": _matrix(1),
    "vjp": _vjp,
    "jvp": _jvp,
    "func.vjp": _pullback,
    "jax.vjp": _pullback,
    "hvp": _hessian_product,
    "vhp": _hessian_product,
}
