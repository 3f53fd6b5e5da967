"""Activation functions of `torch.nn.functional`."""

from __future__ import annotations

from math import inf, pi, sqrt
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.pointwise.elementwise import (
    abs_,
    exp,
    ge,
    gt,
    le,
    logical_and,
    logical_or,
    lt,
    sigmoid,
    tanh,
    threshold_backward,
    where,
)
from gradcli.ops.pointwise.special import erf
from gradcli.ops.shape.indexing import slice_
from gradcli.ops.shape.shapes import cat, reshape
from gradcli.rule.costs import fold
from gradcli.rule.dtypes import SCALAR_NAMES, is_differentiable
from gradcli.rule.meta import Meta, of_operand
from gradcli.rule.rows import composite, elementwise, inexact, primitive, pullback
from gradcli.rule.rule import Derivative, concrete

SELU_ALPHA = 1.6732632423543772848170429916717
SELU_SCALE = 1.0507009873554804934193349852946
GELU_SCALE, GELU_CUBE = sqrt(2 / pi), 0.044715

# ---- forward functions and pieces of rules -------------------------------------------------


def _softplus(a: Any, beta: float, threshold: float) -> Any:
    scaled = a * beta
    return np.where(scaled > threshold, a, np.log1p(np.exp(np.minimum(scaled, threshold))) / beta)


def _elu(a: Any, alpha: float, scale: float, input_scale: float) -> Any:
    return np.where(a > 0, a * scale, alpha * scale * np.expm1(np.minimum(a, 0) * input_scale))


def _elu_slope(g: Any, a: Any, alpha: float, scale: float, input_scale: float) -> Any:
    below = where(le(a, 0), a, 0.0)  # exp of it never overflows
    return g * where(le(a, 0), alpha * scale * input_scale * exp(below * input_scale), scale)


def _gelu(a: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * a * (1 + np.tanh(GELU_SCALE * (a + GELU_CUBE * a**3)))
    if approximate != "none":
        raise ArgumentFault("approximate argument must be either none or tanh.")
    return 0.5 * a * (1 + erf.forward(a / sqrt(2)))


def _gelu_slope(g: Any, a: Any, approximate: str) -> Any:
    if approximate == "none":
        return g * (0.5 * (1 + erf(a / sqrt(2))) + a * exp(-0.5 * a**2) / sqrt(2 * pi))
    t = tanh(GELU_SCALE * (a + GELU_CUBE * a**3))
    slope = GELU_SCALE * (1 + 3 * GELU_CUBE * a**2)
    return g * (0.5 * (1 + t) + 0.5 * a * (1 - t * t) * slope)


def _silu_rule(g: Any, y: Any, a: Any) -> Any:
    s = sigmoid(a)
    return g * s * (1 + a * (1 - s))


def _mish_rule(g: Any, y: Any, a: Any) -> Any:
    t = tanh(softplus(a))
    return g * (t + a * sigmoid(a) * (1 - t * t))


def _within(a: Any, low: float, high: float) -> Any:
    return logical_and(ge(a, low), le(a, high))


# ---- glu -----------------------------------------------------------------------------------


def _glu_meta(a: Any, dim: int) -> Meta:
    if not a.shape:
        raise ShapeFault("glu does not support 0-dimensional tensors")
    if not is_differentiable(a.dtype):
        raise DtypeFault(
            f"\"glu_cpu\" not implemented for '{SCALAR_NAMES[a.dtype.name]}'",
            hint="it takes floats: write `1.0` for `1`, or .double()",
        )
    if a.shape[dim] % 2:
        raise ShapeFault(
            f"Halving dimension must be even, but dimension {dim} is size {a.shape[dim]}"
        )
    return Meta((*a.shape[:dim], a.shape[dim] // 2, *a.shape[dim + 1 :]), a.dtype)


def _halves(a: Any, dim: int) -> tuple[Any, Any]:
    size = a.shape[dim]
    first = slice_(a, dim=dim, start=0, end=size // 2, step=1)
    return first, slice_(a, dim=dim, start=size // 2, end=size, step=1)


def _glu(a: Any, dim: int) -> Any:
    first, second = np.split(a, 2, dim)
    return first * sigmoid.forward(second)


def _glu_slope(g: Any, a: Any, dim: int) -> Any:
    first, second = _halves(a, dim)
    s = sigmoid(second)
    return cat(g * s, g * first * s * (1 - s), dim=dim)


def _glu_tangent(ts: Any, y: Any, a: Any, dim: int) -> Any:
    first, second = _halves(a, dim)
    t_first, t_second = _halves(ts[0], dim)
    s = sigmoid(second)
    return t_first * s + t_second * (first * s * (1 - s))


def _hardtanh(a: Any, min_val: float, max_val: float) -> Any:
    if min_val > max_val:
        raise ArgumentFault("min_val cannot be greater than max_val")
    return np.clip(a, min_val, max_val)


def _softshrink(a: Any, lambd: float) -> Any:
    if not lambd >= 0:
        raise ArgumentFault(f"lambda must be greater or equal to 0, but found to be {lambd:g}.")
    return np.where(a > lambd, a - lambd, np.where(a < -lambd, a + lambd, a * 0))


def _celu(a: Any, alpha: float) -> Any:
    if alpha == 0:
        raise ArgumentFault("ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu(a, alpha, 1.0, 1 / alpha)


# ---- gradients that are one node -----------------------------------------------------------
# fmt: off

leaky_relu_backward = pullback("_leaky_relu_backward(grad, input, negative_slope: number)",
    "LeakyReluBackwardBackward0",
    lambda g, a, negative_slope: where(gt(a, 0), g, g * negative_slope))
prelu_backward = pullback("_prelu_kernel_backward.input(grad, input, weight)",
    "PreluKernelBackwardBackward0", lambda g, a, w: where(gt(a, 0), g, g * w))
prelu_weight_backward = pullback("_prelu_kernel_backward.weight(grad, input, weight)",
    "PreluKernelBackwardBackward0", lambda g, a, w: where(gt(a, 0), 0.0, g * a))
rrelu_fixed_backward = pullback("_rrelu_with_noise_backward.fixed(grad, input, slope: number)",
    "RreluWithNoiseBackwardBackward0", lambda g, a, slope: where(gt(a, 0), g, g * slope))
rrelu_backward = pullback("_rrelu_with_noise_backward(grad, input, noise)",
    "RreluWithNoiseBackwardBackward0", lambda g, a, noise: where(gt(a, 0), g, g * noise),
    fixed="noise")
elu_backward = pullback(
    "_elu_backward(grad, input, alpha: number, scale: number, input_scale: number)",
    "EluBackwardBackward0", _elu_slope)
hardtanh_backward = pullback("_hardtanh_backward(grad, input, min_val: number, max_val: number)",
    "HardtanhBackwardBackward0",
    lambda g, a, min_val, max_val: where(logical_or(le(a, min_val), ge(a, max_val)), 0.0, g))
hardsigmoid_backward = pullback("_hardsigmoid_backward(grad, input)", "NotImplemented",
    lambda g, a: where(logical_and(gt(a, -3), lt(a, 3)), g / 6, 0.0))
hardswish_backward = pullback("_hardswish_backward(grad, input)", "HardswishBackwardBackward0",
    lambda g, a: where(le(a, -3), 0.0, where(lt(a, 3), g * (a / 3 + 0.5), g)))
hardshrink_backward = pullback("_hardshrink_backward(grad, input, lambd: number)",
    "HardshrinkBackwardBackward0", lambda g, a, lambd: where(_within(a, -lambd, lambd), 0.0, g))
softshrink_backward = pullback("_softshrink_backward(grad, input, lambd: number)",
    "SoftshrinkBackwardBackward0", lambda g, a, lambd: where(_within(a, -lambd, lambd), 0.0, g))
softplus_backward = pullback("_softplus_backward(grad, input, beta: number, threshold: number)",
    "SoftplusBackwardBackward0",
    lambda g, a, beta, threshold: where(gt(a * beta, threshold), g, g * sigmoid(a * beta)))
gelu_backward = pullback("_gelu_backward(grad, input, approximate: str)", "GeluBackwardBackward0",
    _gelu_slope)
glu_backward = pullback("_glu_backward(grad, input, dim: int)", "GluBackwardBackward0",
    _glu_slope, meta=of_operand)
# fmt: on
# fmt: off

# ---- the rows ------------------------------------------------------------------------------

# rectifiers
threshold = elementwise("threshold(input, threshold: real, value: number)", "ThresholdBackward0",
    lambda a, threshold, value: np.where(a <= threshold, value, a),
    lambda g, y, a, threshold, value: threshold_backward(g, a, threshold=threshold),
    in_place="ThresholdBackward1",
    refuses="bool complex", doc="a above the threshold, else a value", kink="0 at the threshold",
    examples="F.threshold(v, 0.1, 0.5)")
leaky_relu = inexact("leaky_relu(input, negative_slope: number = 0.01)", "LeakyReluBackward0",
    lambda a, negative_slope: np.where(a > 0, a, a * negative_slope),
    lambda g, y, a, negative_slope: leaky_relu_backward(g, a, negative_slope=negative_slope),
    in_place="LeakyReluBackward1",
    refuses="complex", doc="a, or a·slope below 0", kink="the slope at 0")
prelu_kernel = inexact("_prelu_kernel(input, weight)", "PreluKernelBackward0",
    lambda a, w: np.where(a > 0, a, a * w),
    lambda g, y, a, w: prelu_backward(g, a, w),
    lambda g, y, a, w: prelu_weight_backward(g, a, w), doc="a, or a·w below 0", kink="w at 0")
rrelu_fixed = inexact("_rrelu(input, slope: number)", "RreluWithNoiseBackward0",
    lambda a, slope: np.where(a > 0, a, a * slope),
    lambda g, y, a, slope: rrelu_fixed_backward(g, a, slope=slope),
    in_place="RreluWithNoiseBackward1", doc="a, or a·slope below 0",
    examples="F.rrelu(v)")
rrelu_noise = inexact("_rrelu.noise(input, noise)", "RreluWithNoiseBackward0",
    lambda a, noise: np.where(a > 0, a, a * noise),
    lambda g, y, a, noise: rrelu_backward(g, a, noise), None, doc="a, or a·noise below 0",
    examples="F.rrelu(v, training=True)")
elu = inexact(
    "elu(input, alpha: number = 1.0, scale: real = 1.0, input_scale: number = 1.0)",
    "EluBackward0", _elu, lambda g, y, a, **scales: elu_backward(g, a, **scales),
    in_place="EluBackward1",
    refuses="complex", doc="a, or α·(exp(a) - 1) below 0", kink="α at 0")
celu = inexact("celu(input, alpha: number = 1.0)", "CeluBackward0",
    _celu,
    lambda g, y, a, alpha: elu_backward(g, a, alpha=alpha, scale=1.0, input_scale=1 / alpha),
    in_place="CeluBackward1",
    refuses="complex", doc="a, or α·(exp(a/α) - 1) below 0")

# pieces of lines
hardtanh = elementwise("hardtanh(input, min_val: real = -1.0, max_val: real = 1.0)",
    "HardtanhBackward0",
    _hardtanh,
    lambda g, y, a, **ends: hardtanh_backward(g, a, **ends),
    refuses="bool complex",
    doc="a kept between two numbers", aliases="hard_tanh", kink="0 at either end")
hardsigmoid = inexact("hardsigmoid(input)", "HardsigmoidBackward0",
    lambda a: np.clip(a + 3, 0, 6) / 6,
    lambda g, y, a: hardsigmoid_backward(g, a),
    refuses="complex",
    doc="a/6 + 1/2 kept between 0 and 1", aliases="hard_sigmoid", kink="0 at -3 and 3")
hardswish = inexact("hardswish(input)", "HardswishBackward0",
    lambda a: a * np.clip(a + 3, 0, 6) / 6,
    lambda g, y, a: hardswish_backward(g, a),
    refuses="complex",
    doc="a·hardsigmoid(a)", aliases="hard_swish hard_silu", kink="0 at -3, 1 at 3")
hardshrink = inexact("hardshrink(input, lambd: real = 0.5)", "HardshrinkBackward0",
    lambda a, lambd: np.where(np.abs(a) <= lambd, 0, a),
    lambda g, y, a, lambd: hardshrink_backward(g, a, lambd=lambd),
    refuses="complex",
    doc="a, 0 within λ of 0", kink="0 at either end", examples="F.hardshrink(v, 0.2)")
softshrink = inexact("softshrink(input, lambd: real = 0.5)", "SoftshrinkBackward0",
    _softshrink,
    lambda g, y, a, lambd: softshrink_backward(g, a, lambd=lambd),
    refuses="complex",
    memory=fold(4),
    doc="a moved towards 0 by λ", kink="0 at either end", examples="F.softshrink(v, 0.2)")

# smooth ones
softplus = inexact(
    "softplus(input, beta: real = 1.0, threshold: real = 20.0)", "SoftplusBackward0", _softplus,
    lambda g, y, a, beta, threshold: softplus_backward(g, a, beta=beta, threshold=threshold),
    refuses="complex", doc="log(1 + exp(β·a)) / β", kink="linear above the threshold")
gelu = inexact("gelu(input, approximate: str = 'none')", "GeluBackward0", _gelu,
    lambda g, y, a, approximate: gelu_backward(g, a, approximate=approximate),
    refuses="complex", doc="a times the normal distribution function of a",
    examples="F.gelu(v); F.gelu(v, approximate='tanh')")
silu = inexact("silu(input)", "SiluBackward0", lambda a: a * sigmoid.forward(a), _silu_rule,
    doc="a·sigmoid(a)", aliases="swish")
mish = inexact("mish(input)", "MishBackward0",
    lambda a: a * np.tanh(_softplus(a, 1.0, 20.0)), _mish_rule,
    refuses="complex", doc="a·tanh(softplus(a))")
glu = primitive(Derivative, "glu(input, dim: dim = -1)", "GluBackward0", _glu, _glu_meta,
    lambda g, y, a, dim: glu_backward(g, a, dim=dim), tangent=_glu_tangent,
    refuses="complex", doc="First half times the sigmoid of the second",
    examples="F.glu(T.reshape(3, 6)); F.glu(T, 0)")

# fmt: on


def _prelu(a: Any, weight: Any) -> Any:
    channels = a.shape[1] if len(a.shape) > 1 else 1
    count = int(np.prod(weight.shape))
    if len(weight.shape) > 1:
        raise ShapeFault("prelu: Expected `weight` to be a scalar or 1D tensor, but got: ndim = "
                         f"{len(weight.shape)}")  # fmt: skip
    if count not in (1, channels):
        raise ShapeFault(
            "Mismatch of parameter numbers and input channel size. "
            f"Found parameter numbers = {count} and channel size = {channels}."
        )
    rank = len(a.shape)
    return prelu_kernel(a, reshape(weight, (1, count, *[1] * (rank - 2))[:rank]))


def _random(generator: Any, name: str) -> Any:
    if not callable(getattr(generator, "bernoulli", None)):
        raise ArgumentFault(f"{name}() in training draws random numbers and needs a generator")
    return generator


def _rrelu(a: Any, lower: float, upper: float, training: bool, generator: Any) -> Any:
    rrelu.check_dtypes({"input": a})  # the tracer, which has the generator, comes past `call`
    for name, bound in (("lower", lower), ("upper", upper)):
        if isinstance(bound, complex):
            raise ArgumentFault("value cannot be converted to type double without overflow")
        if not abs(bound) < inf:
            raise ArgumentFault(f"rrelu: {name} bound must be finite, got {bound:g}")
    if lower > upper:
        raise ArgumentFault("Lower bound should be less than or equal to the upper bound")
    if not training:
        return rrelu_fixed(a, slope=(lower + upper) / 2)
    return rrelu_noise(a, _random(generator, "rrelu").slopes(concrete(a), lower, upper))


def _dropout(a: Any, p: float, training: bool, generator: Any) -> Any:
    if not 0 <= p <= 1:
        raise ArgumentFault(f"dropout probability has to be between 0 and 1, but got {p}")
    if not training or p == 0:
        return a
    kept = _random(generator, "dropout").bernoulli(np.full(a.shape, 1 - p))
    return a * np.asarray(kept / (1 - p) if p < 1 else kept).astype(a.dtype)


# fmt: off
relu6 = composite("relu6(input)", lambda a: hardtanh(a, min_val=0.0, max_val=6.0),
    refuses="bool complex",
    doc="a kept between 0 and 6", kink="0 at 0 and 6", examples="F.relu6(v)")
selu = composite("selu(input)", lambda a: elu(a, alpha=SELU_ALPHA, scale=SELU_SCALE),
    refuses="complex",
    doc="λ·a, or λ·α·(exp(a) - 1) below 0", kink="λ·α at 0", examples="F.selu(v)")
softsign = composite("softsign(input)", lambda a: a / (abs_(a) + 1),
    refuses="bool", doc="a / (1 + |a|)",
    aliases="soft_sign", examples="F.softsign(v)")
tanhshrink = composite("tanhshrink(input)", lambda a: a - tanh(a),
    refuses="bool", doc="a - tanh(a)",
    examples="F.tanhshrink(v)")
prelu = composite("prelu(input, weight)", _prelu,
    refuses="input weight: complex", alike="input weight",
    doc="a, or a·w below 0, a weight per channel",
    kink="w at 0", examples="F.prelu(M, v)")
rrelu = composite(
    "rrelu(input, lower: real = 0.125, upper: real = 0.3333333333333333, "
    "training: bool = False, generator: any = None)", _rrelu,
    refuses="complex",
    doc="a, or a·slope below 0, the slope random in training", examples="F.rrelu(v)")
dropout = composite(
    "dropout(input, p: real = 0.5, training: bool = True, generator: any = None)", _dropout,
    doc="Each element 0 with probability p, the others divided by 1 - p",
    examples="F.dropout(v, 0.5, training=False)")
# fmt: on
