"""Gradients as values of a file: `grad`, `jacobian`, `hessian`, `vjp`, `jvp`, `backward`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gradcli import autodiff
from gradcli.errors import ArgumentFault, AutogradFault
from gradcli.graph import Node
from gradcli.ops.shapes import zeros_like
from gradcli.trace.values import Function, as_node, described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]


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
    allow_unused: bool = False,
    materialize: bool = False,
) -> tuple[Node | None, ...]:
    """Return the gradients of the sum of outputs with respect to inputs, as nodes.

    Raises: AutogradFault, in PyTorch's words, where there is none.
    """
    roots = [_checked(y, "what is differentiated") for y in _one(outputs)]
    wanted = [_checked(x, "what it is differentiated by") for x in _one(inputs)]
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
        for y, cotangent in zip(roots, given, strict=True):
            start = autodiff.seed(y, None if cotangent is None else as_node(graph, cotangent))
            node = start if isinstance(start, Node) else graph.leaf(start)
            starts[y.id] = starts[y.id] + node if y.id in starts else node
        found = autodiff.gradients(graph, starts, [x.id for x in wanted])
        return tuple(_used(x, g, i, allow_unused, materialize) for i, (x, g) in
                     enumerate(zip(wanted, found, strict=True)))  # fmt: skip


def _used(x: Node, g: Node | None, position: int, allow_unused: bool, materialize: bool) -> Any:
    if g is not None:
        return g
    if materialize:
        return zeros_like(x)
    if not allow_unused:
        raise AutogradFault(
            f"The differentiated Tensor at index {position} appears to not have been used in "
            "the graph. Set allow_unused=True if this is the desired behavior."
        )
    return None


def _grad(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`grad(y, x)`: one node for one input, a tuple for a tuple. `jax.grad(f)` is a function."""
    if args and not isinstance(args[0], Node | tuple | list):
        return _transformed(tracer, *args, **keywords)
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
            raise ArgumentFault(f"grad() got an unexpected keyword argument '{word}'")
    if "outputs" not in given or "inputs" not in given:
        raise ArgumentFault("grad() needs outputs and inputs", hint="write grad(loss, w)")
    options: dict[str, Any] = {
        k: given[k] for k in ("grad_outputs", "create_graph", "allow_unused") if k in given
    }
    options["materialize"] = bool(given.get("materialize_grads", False))
    return given["outputs"], given["inputs"], options


def _transformed(tracer: Tracer, f: Any, argnums: Any = 0, **_: Any) -> Function:
    """`grad(f)`: the function whose value is the gradient of `f`, as in JAX and torch.func."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        positions = _one(argnums)
        fresh = _fresh(tracer, args, positions)
        y = _checked(tracer.call(f, tuple(fresh), keywords), "the function's result")
        found = gradient(y, tuple(fresh[i] for i in positions), materialize=True)
        return found if isinstance(argnums, tuple | list) else found[0]

    return Function("grad", run)


def _value_and_grad(tracer: Tracer, args: Args, keywords: Keywords) -> Function:
    f, argnums = args[0], keywords.get("argnums", args[1] if len(args) > 1 else 0)

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        positions = _one(argnums)
        fresh = _fresh(tracer, args, positions)
        y = _checked(tracer.call(f, tuple(fresh), keywords), "the function's result")
        found = gradient(y, tuple(fresh[i] for i in positions), materialize=True)
        return y, found if isinstance(argnums, tuple | list) else found[0]

    return Function("value_and_grad", run)


def _fresh(tracer: Tracer, args: Args, positions: tuple[int, ...]) -> list[Any]:
    """Give a function arguments that it can be differentiated by."""
    fresh = list(args)
    for i in positions:
        if not -len(fresh) <= i < len(fresh):
            raise ArgumentFault(f"argnums {i} is out of range: {len(fresh)} arguments are given")
        x = fresh[i]
        if not isinstance(x, Node):
            x = tracer.graph.leaf(np.asarray(to_float(tracer, x)), True)
        elif not x.requires_grad:
            x = tracer.graph.leaf(x.value, True)
        fresh[i] = x
    return fresh


def to_float(tracer: Tracer, value: Any) -> Any:
    """Return a number or list as an array that can require a gradient."""
    node = as_node(tracer.graph, value)
    array = node.value
    return array if array.dtype.kind in "fc" else array.astype(tracer.graph.default_dtype)


def _evaluated(tracer: Tracer, f: Any, inputs: Any) -> tuple[Node, list[Node]]:
    """Return f(inputs) and the inputs as parameters, for torch.autograd.functional."""
    args = _one(inputs)
    fresh = _fresh(tracer, args, tuple(range(len(args))))
    return _checked(tracer.call(f, tuple(fresh), {}), "the function's result"), fresh


def _matrix(order: int) -> Any:
    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        if not args:
            raise ArgumentFault("needs what is differentiated", hint="jacobian(y, x)")
        y, rest = args[0], args[1:]
        if isinstance(y, Node):
            if len(rest) != 1:
                raise ArgumentFault("needs two arguments", hint="jacobian(y, x), hessian(y, x)")
            return _matrices(tracer, y, rest[0], order)
        if len(rest) == 1 and _is_inputs(rest[0]):
            return _functional(tracer, y, rest[0], order)
        return Function("jacobian", lambda tr, a, k: _functional(tr, y, a[0], order))

    return run


def _is_inputs(value: Any) -> bool:
    return isinstance(value, Node | tuple | list | float) and not isinstance(value, bool)


def _functional(tracer: Tracer, f: Any, inputs: Any, order: int) -> Any:
    y, fresh = _evaluated(tracer, f, inputs)
    several = isinstance(inputs, tuple | list)
    return _matrices(tracer, y, tuple(fresh) if several else fresh[0], order)


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


def _vjp(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`vjp(y, x, v)` on tensors; `vjp(f, inputs, v)` gives the value and the product."""
    v = keywords.get("v", args[2] if len(args) > 2 else None)
    if isinstance(args[0], Node):
        found = gradient(args[0], _one(args[1]), v, materialize=True)
        return found if isinstance(args[1], tuple | list) else found[0]
    y, fresh = _evaluated(tracer, args[0], args[1])
    found = gradient(y, tuple(fresh), v, materialize=True)
    return y, found if isinstance(args[1], tuple | list) else found[0]


def _jvp(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
    """`jvp(y, x, v)` on tensors; `jvp(f, inputs, v)` gives the value and the product."""
    v = keywords.get("v", args[2] if len(args) > 2 else None)
    if isinstance(args[0], Node):
        return _pushed(tracer, args[0], _one(args[1]), v)
    y, fresh = _evaluated(tracer, args[0], args[1])
    return y, _pushed(tracer, y, tuple(fresh), v)


def _pushed(tracer: Tracer, y: Node, inputs: tuple[Any, ...], v: Any) -> Any:
    graph = tracer.graph
    with graph.settings("gradient", True):
        directions = (None,) * len(inputs) if v is None else _one(v)
        tangents = {
            _checked(x, "an input").id: x.constant(np.ones(x.shape, x.dtype))
            if d is None else as_node(graph, d)
            for x, d in zip(inputs, directions, strict=True)
        }  # fmt: skip
        found = autodiff.tangent(graph, [y.id], tangents)[0]
        return zeros_like(y) if found is None else found


def _product(which: str) -> Any:
    """`vhp(f, x, v)` and `hvp(f, x, v)`: the value and the Hessian times a vector."""

    def run(tracer: Tracer, args: Args, keywords: Keywords) -> Any:
        v = keywords.get("v", args[2] if len(args) > 2 else None)
        y, fresh = _evaluated(tracer, args[0], args[1])
        slopes = gradient(y, tuple(fresh), materialize=True)
        found = gradient(slopes, tuple(fresh), v, materialize=True)
        return y, found if isinstance(args[1], tuple | list) else found[0]

    return run


FUNCTIONS: dict[str, Any] = {
    "grad": _grad,
    "func.grad": _grad,
    "autograd.grad": _autograd_grad,
    "value_and_grad": _value_and_grad,
    "func.grad_and_value": _value_and_grad,
    "jacobian": _matrix(1),
    "hessian": _matrix(2),
    "jacrev": _matrix(1),
    "jacfwd": _matrix(1),
    "vjp": _vjp,
    "jvp": _jvp,
    "hvp": _product("hvp"),
    "vhp": _product("vhp"),
}
