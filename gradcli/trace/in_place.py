"""Changes in place: methods and functions with an underscore, `out=`, `inplace=True`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault, AutogradFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.ops.shape.shapes import detach
from gradcli.rule.meta import shown
from gradcli.trace.overlap import check_apart
from gradcli.trace.storage import Tensor
from gradcli.trace.values import Function, Results, described, parts

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

Args = tuple[Any, ...]
Keywords = dict[str, Any]

# PyTorch's methods that change a tensor in place and have a row, under their names without `_`
_METHODS = """
    abs absolute acos acosh add addbmm addcdiv addcmul addmm addmv addr arccos arccosh arcsin
    arcsinh arctan2 arctan arctanh asin asinh atan2 atan atanh baddbmm bitwise_and
    bitwise_left_shift bitwise_not bitwise_or bitwise_right_shift bitwise_xor ceil clamp clamp_max
    clamp_min clip conj_physical copysign cos cosh cumprod cumsum deg2rad digamma div divide eq
    erf erfc erfinv exp2 exp expm1 fix float_power floor floor_divide fmod frac gcd ge greater
    greater_equal gt heaviside hypot i0 igamma igammac index_add index_copy index_fill index_put
    index_reduce lcm ldexp le lerp less less_equal lgamma log10 log1p log2 log logical_and
    logical_not logical_or logical_xor logit lt masked_fill masked_scatter mul multiply mvlgamma
    nan_to_num ne neg negative nextafter not_equal polygamma pow put rad2deg reciprocal relu
    remainder renorm round rsqrt scatter scatter_add scatter_reduce sgn sigmoid sign sin sinc sinh
    sqrt square sub subtract tan tanh tril triu true_divide trunc xlogy
"""
METHODS = frozenset(_METHODS.split())
# what torch and torch.nn.functional have as functions too
_FUNCTIONS = """
    abs_ acos_ acosh_ addmv_ arccos_ arccosh_ arcsin_ arcsinh_ arctan_ arctanh_ asin_ asinh_ atan_
    atanh_ ceil_ celu_ clamp_ clamp_max_ clamp_min_ clip_ conj_physical_ cos_ cosh_ deg2rad_
    detach_ elu_ erf_ erfc_ exp2_ exp_ expm1_ fill_ fix_ floor_ frac_ gcd_ hardtanh_ i0_
    index_put_ lcm_ ldexp_ leaky_relu_ log10_ log1p_ log2_ log_ logit_ nan_to_num_ neg_ negative_
    rad2deg_ reciprocal_ relu_ round_ rrelu_ rsqrt_ selu_ sigmoid_ sin_ sinc_ sinh_ sqrt_ square_
    tan_ tanh_ threshold_ trunc_ xlogy_ zero_
"""
FUNCTIONS = frozenset(_FUNCTIONS.split())
# functions that take inplace=True
_WITH_KEYWORD = """
    relu relu6 elu selu celu leaky_relu hardtanh hardswish hardsigmoid silu mish threshold
"""
WITH_KEYWORD = frozenset(_WITH_KEYWORD.split())


def change(tracer: Tracer, x: Any, compute: Callable[[], Any], others: Args = ()) -> Tensor:
    """Change a tensor in place to what an operation makes of it and of other operands.

    Raises: AutogradFault, ShapeFault and DtypeFault, in PyTorch's words, where it cannot be.
    """
    if not isinstance(x, Tensor):
        raise ArgumentFault(f"{described(x)} cannot be changed in place", hint="tensors can")
    x.check_writable(tracer.graph.grad_enabled and _requires(others))
    for other in others:
        check_apart(x, other)
    value = compute()
    if value.storage is not None and value.storage is x.storage and not value.is_same(x):
        x.become(value)  # a view of it, as `t_` makes: no element changes
        return x
    value = x.fitting(value)
    tracer.graph.autograd.in_place.add(tracer.graph.producer(value.id))
    return x.write(value, fresh=True)


def _requires(values: Args) -> bool:
    """Say whether a tensor that requires a gradient is among some values, or in a list of them."""
    return any(isinstance(x, Tensor) and x.base_requires_grad for x in parts(values))


def method(name: str, run: Callable[..., Any]) -> Function:
    """Return a function of a tensor as one that changes the tensor."""

    def in_place(tracer: Tracer, args: Args, keywords: Keywords) -> Tensor:
        x = args[0] if args else keywords.get("input")
        if x is None:
            raise ArgumentFault(f"{name}() needs a tensor, which it changes")
        others = (*args[1:], *(v for word, v in keywords.items() if word != "input"))
        return change(tracer, x, lambda: run(tracer, args, keywords), others)

    return Function(name, in_place)


def into(tracer: Tracer, name: str, out: Any, run: Callable[[], Any], others: Args) -> Any:
    """Carry out a call with `out=`: the result is written into a tensor, or several.

    Raises: AutogradFault, in PyTorch's words, where a gradient is required of any.
    """
    outs = tuple(out) if isinstance(out, tuple | list) else (out,)
    for x in outs:
        if not isinstance(x, Tensor):
            raise ArgumentFault(f"{name}(): argument 'out' must be a Tensor, not {described(x)}")
    graph = tracer.graph
    if graph.grad_enabled and _requires((*others, *outs)):
        raise AutogradFault(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the arguments requires grad.",
            hint="leave `out=` away, or write inside `with no_grad():`",
        )
    with graph.settings(graph.origin, False):
        found = run()
        results = tuple(found) if isinstance(found, Results | tuple) else (found,)
        if len(results) != len(outs):
            raise ArgumentFault(f"{name}() has {len(results)} results, and {len(outs)} to put in")
        for x, result in zip(outs, results, strict=True):
            _put(name, x, result)
    return out


def _put(name: str, x: Tensor, result: Any) -> None:
    if not isinstance(result, Tensor):
        raise ArgumentFault(f"{name}(): the result is {described(result)}, which has no `out`")
    if result.shape == x.shape:
        x.check_writable()
        x.write(x.fitting(result))
    elif 0 in x.shape:
        x.become(result)
    else:
        raise ArgumentFault(
            f"{name}(): `out` has shape {shown(x.shape)}, the result {shown(result.shape)}",
            hint="PyTorch would resize it, with a warning; make it of the result's shape",
        )


def detach_(tracer: Tracer, x: Any) -> Tensor:
    """Cut a tensor from its history, in place."""
    if not isinstance(x, Tensor):
        raise ArgumentFault(f"{described(x)} cannot be changed in place", hint="tensors can")
    if x.steps:
        raise AutogradFault(
            "Can't detach views in-place. Use detach() instead. If you are using DistributedData"
            "Parallel (DDP) for training, and gradient_as_bucket_view is set as True, gradients "
            "are views of DDP buckets, and hence detach_() cannot be called on these gradients. To "
            "fix this error, please refer to the Optimizer.zero_grad() function in "
            "torch/optim/optimizer.py as a solution.",
        )
    x.cut(detach(Node(x.graph, x.id)))
    return x


def named(name: str, row: Callable[[str], Function]) -> Function | None:
    """Return the method of a tensor with this name that changes it in place, None if none does.

    `row` gives the function of a row of the table.
    """
    if name in ROWS:  # rows in place have their own grad_fn: `t_`, `fill_`, `copy_`
        return method(name, row(name).run)
    return method(name, row(name[:-1]).run) if name[:-1] in METHODS else None
