"""Operations on each element alone. A body is linear in `g`, and is PyTorch's formula."""

from __future__ import annotations

from math import copysign
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, AutogradFault, DtypeFault
from gradcli.ops.pointwise.fused import plus_product
from gradcli.ops.shape.shapes import conj, zeros_like
from gradcli.rule.costs import fold
from gradcli.rule.dtypes import FLOAT32, FLOAT64, promote
from gradcli.rule.meta import Meta, broadcast
from gradcli.rule.rows import composite, elementwise, floating, inexact, primitive, pullback
from gradcli.rule.rule import ABOVE_ONE, POSITIVE, REAL, UNIT, Derivative, Elementwise, number

LN2, LN10 = float(np.log(2)), float(np.log(10))
BITS = {FLOAT32: np.int32, FLOAT64: np.int64}  # as wide
MANY = 1 << 12  # elements from which branches take longer than products

# ---- forward functions that numpy does not have as one call --------------------------------


def _sigmoid(a: Any) -> Any:
    if a.dtype.kind == "c":
        return 1 / (1 + np.exp(-a))
    e = np.exp(-np.abs(a))  # never overflows
    return np.where(np.signbit(a), e, 1) / (1 + e)


def _unless(loses: Any, g: Any, a: Any, b: Any) -> Any:
    """Return the cotangent of a maximum's operand: both have it where one is nan."""
    return masked_fill_number(where(eq(a, b), g / 2, g), loses, value=0)


def _sign(a: Any) -> Any:
    if a.dtype.kind == "f":
        return np.where(np.isnan(a), 0, np.sign(a))
    return a if a.dtype.kind == "b" else np.sign(a)


def _power_of_int(a: Any, b: Any) -> Any:
    if a.dtype.kind in "iu" and np.any(np.asarray(b) < 0):
        safe = np.where(np.asarray(b) < 0, 0, b)
        exact = np.where(np.abs(a) == 1, a ** (np.abs(np.asarray(b)) % 2), 0)
        return np.where(np.asarray(b) < 0, exact, a**safe)
    return np.power(a, b)


def _power_of_number(a: Any, b: Any) -> Any:
    """Return a to a power that is a number: as products where PyTorch, too, multiplies.

    NumPy takes sixty times as long for whole powers of negative numbers as for those of positive
    ones, which differ from them in the sign alone.
    """
    if a.dtype not in (FLOAT32, FLOAT64) or isinstance(b, complex):
        return _power_of_int(a, b)
    if b == 1:
        return np.positive(a)
    if b == 3:
        return a * a * a
    if b == -2:
        return 1 / (a * a)
    if b % 1 or b in (2, -1):  # these are quick
        return np.power(a, b)
    found = np.power(np.abs(a), b)
    return np.copysign(found, a) if b % 2 else found


def _where_meta(condition: Any, a: Any, b: Any) -> Meta:
    shape = condition.shape
    for x in (a, b):
        shape = broadcast(shape, getattr(x, "shape", ()))
    return Meta(shape, promote((a, b), condition.default_dtype))


def _where(condition: Any, a: Any, b: Any) -> Any:
    """Choose elements as `np.where` does; beside a 0 without branches, which masks mispredict."""
    if _is_zero(b):
        kept, x = condition, a
    elif _is_zero(a):
        kept, x = np.logical_not(condition), b
    else:
        return np.where(condition, a, b)
    bits = BITS.get(getattr(x, "dtype", None))
    if bits is None or x.size < MANY or x.shape != kept.shape or kept.dtype != np.bool_:
        return np.where(condition, a, b)
    return (x.view(bits) * kept).view(x.dtype)


def _is_zero(x: Any) -> bool:
    return type(x) in (int, float) and x == 0 and copysign(1, x) > 0


def masked_meta(name: str) -> Any:
    """Return the shape rule of an operation on what a mask says."""

    def meta(a: Any, mask: Any, *_: Any, **__: Any) -> Meta:
        if mask.dtype.kind != "b":
            raise DtypeFault(f"{name} only supports boolean masks, but got mask with dtype "
                             f"{mask.dtype.name}")  # fmt: skip
        return Meta(broadcast(a.shape, mask.shape), a.dtype)

    return meta


def _like(a: Any) -> Meta:
    return Meta(a.shape, a.dtype, a.strides)


def _sgn_rule(g: Any, y: Any, a: Any) -> Any:
    """Turn across a: the same for cotangents and tangents, for a / |a| is not holomorphic."""
    if a.dtype.kind != "c":
        return zeros_like(g)
    size = abs_(a)
    part = g / where(eq(size, 0), 1.0, size)
    return where(eq(size, 0), 0.0, (part - conj(part) * y**2) / 2)


def _clamp(a: Any, low: Any, high: Any) -> Any:
    if low is not None:
        a = np.maximum(a, low)
    return a if high is None else np.minimum(a, high)


def _inside(a: Any, low: Any, high: Any) -> Any:
    """Where clamp passes its input on, ends included."""
    if low is None:
        return le(a, high)
    return ge(a, low) if high is None else logical_and(ge(a, low), le(a, high))


class Undefined:
    """The rule of an argument by which PyTorch, too, cannot differentiate."""

    def __init__(self, what: str) -> None:
        self.what = what

    def __call__(self, *_: Any, **__: Any) -> Any:
        raise AutogradFault(
            f"derivative for aten::{self.what} is not implemented",
            hint="detach() what the gradient is not meant to flow through",
        )


def _floor_divide(a: Any, b: Any) -> Any:
    if np.result_type(a, b).kind in "iub" and np.any(np.equal(b, 0)):
        raise ArgumentFault("ZeroDivisionError", hint="an integer is divided by zero")
    return np.floor_divide(a, b)


_ROUND = {"floor": _floor_divide, "trunc": lambda a, b: np.trunc(a / b)}


# ---- the rows ------------------------------------------------------------------------------

# fmt: off

# arithmetic
add = elementwise("add(input, other, alpha: number = 1)", "AddBackward0",
    lambda a, b, alpha: np.add(a, b) if alpha == 1 else plus_product(a, b, alpha),
    lambda g, y, a, b, alpha: g,
    lambda g, y, a, b, alpha: g if alpha == 1 else g * alpha, doc="a + b")
sub = elementwise("sub(input, other, alpha: number = 1)", "SubBackward0",
    lambda a, b, alpha: np.subtract(a, b) if alpha == 1 else plus_product(a, b, -alpha),
    lambda g, y, a, b, alpha: g,
    lambda g, y, a, b, alpha: -g if alpha == 1 else g * -alpha,
    result="difference", doc="a - b", aliases="subtract")
rsub_number = elementwise("rsub.Scalar(input, other: scalar, alpha: number = 1)", "RsubBackward1",
    lambda a, other, alpha: other - alpha * a,
    lambda g, y, a, other, alpha: -g if alpha == 1 else g * -alpha,
    result="difference", doc="b - a")
rsub_tensor = elementwise("rsub.Tensor(input, other, alpha: number = 1)", "RsubBackward0",
    lambda a, b, alpha: b - alpha * a,
    lambda g, y, a, b, alpha: -g if alpha == 1 else g * -alpha,
    lambda g, y, a, b, alpha: g, result="difference", doc="b - a")
mul = elementwise("mul(input, other)", "MulBackward0", np.multiply,
    lambda g, y, a, b: g * b,
    lambda g, y, a, b: g * a, doc="a · b", aliases="multiply")
div_tensor = floating("div.Tensor(input, other)", "DivBackward0", np.divide,
    lambda g, y, a, b: g / b,
    lambda g, y, a, b: -g * ((a / b) / b), doc="a / b")
neg = elementwise("neg(input)", "NegBackward0", np.negative,
    lambda g, y, a: -g, doc="-a", aliases="negative")
reciprocal = floating("reciprocal(input)", "ReciprocalBackward0", np.reciprocal,
    lambda g, y, a: -g * (y * y), doc="1 / a", domain=(POSITIVE,))

# powers and roots
pow_number = elementwise("pow.Tensor_Scalar(input, exponent: scalar)", "PowBackward0",
    lambda a, exponent: _power_of_number(a, exponent),
    lambda g, y, a, exponent:
        zeros_like(a) * g if exponent == 0 else g * (exponent * a ** (exponent - 1)),
    wraps=False, saves="input", doc="a to a power that is a number", domain=(POSITIVE,),
    examples="v ** 2; v ** 3.0; (v*v+1) ** -0.5; v ** 0")
pow_tensor = elementwise("pow.Tensor_Tensor(input, exponent)", "PowBackward1",
    _power_of_int,
    lambda g, y, a, b: where(eq(b, 0), 0.0, g * (b * a ** (b - 1))),
    lambda g, y, a, b: g * where(logical_and(eq(a, 0), ge(b, 0)), 0.0, y * log(a)),
    doc="a to the power of b", domain=(POSITIVE, REAL))
pow_base = elementwise("pow.Scalar(exponent, base: scalar)", "PowBackward2",
    lambda b, base: _power_of_int(np.asarray(base), b) if b.dtype.kind in "iu" else base**b,
    lambda g, y, b, base:
        g * where(ge(b, 0), 0.0, y * float("-inf")) if base == 0 else g * (y * _log_of(base)),
    saves="exponent result",
    doc="A number to the power of b", examples="2 ** v")
sqrt = floating("sqrt(input)", "SqrtBackward0", np.sqrt,
    lambda g, y, a: g / (2 * y), doc="Square root", domain=(POSITIVE,), kink="infinite at 0")
rsqrt = floating("rsqrt(input)", "RsqrtBackward0", lambda a: 1 / np.sqrt(a),
    lambda g, y, a: -0.5 * g * y ** 3, doc="1 / square root", domain=(POSITIVE,))

# exponentials and logarithms
exp = floating("exp(input)", "ExpBackward0", np.exp,
    lambda g, y, a: g * y, doc="e to the power of a")
expm1 = floating("expm1(input)", "Expm1Backward0", np.expm1,
    lambda g, y, a: g * (y + 1), doc="exp(a) - 1, exact near 0")
log = floating("log(input)", "LogBackward0", np.log,
    lambda g, y, a: g / a, doc="Natural logarithm", domain=(POSITIVE,))
log2 = floating("log2(input)", "Log2Backward0", np.log2,
    lambda g, y, a: g / (a * LN2), doc="Logarithm to base 2", domain=(POSITIVE,))
log10 = floating("log10(input)", "Log10Backward0", np.log10,
    lambda g, y, a: g / (a * LN10), doc="Logarithm to base 10", domain=(POSITIVE,))
log1p = floating("log1p(input)", "Log1PBackward0", np.log1p,
    lambda g, y, a: g / (a + 1), doc="log(1 + a), exact near 0", domain=((-1.0, float("inf")),))

# trigonometric and hyperbolic
sin = floating("sin(input)",   "SinBackward0",   np.sin,     lambda g, y, a: g * cos(a), doc="Sine")
cos = floating("cos(input)", "CosBackward0", np.cos,
    lambda g, y, a: g * -sin(a), doc="Cosine")
tan = floating("tan(input)", "TanBackward0", np.tan,
    lambda g, y, a: g * (1 + y ** 2), doc="Tangent", domain=((-1.4, 1.4),))
asin = floating("asin(input)", "AsinBackward0", np.arcsin,
    lambda g, y, a: g * rsqrt(1 - a * a), doc="Inverse sine", domain=(UNIT,), aliases="arcsin")
acos = floating("acos(input)", "AcosBackward0", np.arccos,
    lambda g, y, a: g * -rsqrt(1 - a * a), doc="Inverse cosine", domain=(UNIT,), aliases="arccos")
atan = floating("atan(input)", "AtanBackward0", np.arctan,
    lambda g, y, a: g / (a * a + 1), doc="Inverse tangent", aliases="arctan")
sinh = floating("sinh(input)", "SinhBackward0", np.sinh,
    lambda g, y, a: g * cosh(a), doc="Hyperbolic sine")
cosh = floating("cosh(input)", "CoshBackward0", np.cosh,
    lambda g, y, a: g * sinh(a), doc="Hyperbolic cosine")
tanh = floating("tanh(input)", "TanhBackward0", np.tanh,
    lambda g, y, a: tanh_backward(g, y), doc="Hyperbolic tangent")
asinh = floating("asinh(input)", "AsinhBackward0", np.arcsinh,
    lambda g, y, a: g * rsqrt(a ** 2 + 1), in_place="AsinhBackward1",
    doc="Inverse hyperbolic sine", aliases="arcsinh")
acosh = floating("acosh(input)", "AcoshBackward0", np.arccosh,
    lambda g, y, a: g * (rsqrt(a - 1) * rsqrt(a + 1)), in_place="AcoshBackward1",
    doc="Inverse hyperbolic cosine",
    domain=(ABOVE_ONE,), aliases="arccosh")
atanh = floating("atanh(input)", "AtanhBackward0", np.arctanh,
    lambda g, y, a: g / (1 - a ** 2), in_place="AtanhBackward1",
    doc="Inverse hyperbolic tangent", domain=(UNIT,),
    aliases="arctanh")
atan2 = floating("atan2(input, other)", "Atan2Backward0", np.arctan2,
    lambda g, y, a, b: g * where(logical_and(eq(a, 0), eq(b, 0)), 0.0, b / (a * a + b * b)),
    lambda g, y, a, b: g * where(logical_and(eq(a, 0), eq(b, 0)), -0.0, -a / (a * a + b * b)),
    doc="Angle of the point (b, a)", aliases="arctan2",
    kink="0 at (0, 0); it jumps where a is 0 and b negative")

# pieces: kinks and ties
abs_ = elementwise("abs(input)", "AbsBackward0", np.abs,
    lambda g, y, a: g * sgn(a), result="real",
    refuses="bool", doc="Absolute value", aliases="absolute fabs",
    kink="0 at 0")
sgn = primitive(Derivative, "sgn(input)", "SgnBackward0", _sign, _like,
    _sgn_rule, tangent=lambda ts, y, a: _sgn_rule(ts[0], y, a), promotes=True,
    doc="Sign; a / |a| of a complex number", kink="0 of a real number and at 0")
sign = elementwise("sign(input)", "SignBackward0", _sign,
    lambda g, y, a: zeros_like(g), refuses="complex", doc="Sign", kink="0 everywhere")
floor = elementwise("floor(input)", "FloorBackward0", np.floor,
    lambda g, y, a: zeros_like(g), refuses="bool", doc="Largest integer below", kink="0 everywhere",
    jumps=True)
relu = elementwise("relu(input)", "ReluBackward0", lambda a: np.maximum(a, 0),
    lambda g, y, a: threshold_backward(g, y, threshold=0),
    refuses="bool complex", doc="max(a, 0)", kink="0 at 0")
maximum = elementwise("maximum(input, other)", "MaximumBackward0", np.maximum,
    lambda g, y, a, b: _unless(lt(a, b), g, a, b),
    lambda g, y, a, b: _unless(gt(a, b), g, a, b),
    refuses="input other: complex", doc="The larger of two",
    kink="a tie is halved")
minimum = elementwise("minimum(input, other)", "MinimumBackward0", np.minimum,
    lambda g, y, a, b: _unless(gt(a, b), g, a, b),
    lambda g, y, a, b: _unless(lt(a, b), g, a, b),
    refuses="input other: complex", doc="The smaller of two",
    kink="a tie is halved")
clamp_number = elementwise(
    "clamp.Scalar(input, min: scalar = None, max: scalar = None)", "ClampBackward1",
    lambda a, min, max: _clamp(a, min, max),
    lambda g, y, a, min, max: where(_inside(a, min, max), g, 0.0),
    wraps=False, doc="a kept between two numbers", kink="1 at either end",
    examples="clamp(v, -0.1, 0.4)")
clamp_tensor = elementwise("clamp.Tensor(input, min = None, max = None)", "ClampBackward0",
    _clamp,
    lambda g, y, a, low, high: where(_inside(a, low, high), g, 0.0),
    lambda g, y, a, low, high: where(_below(a, low, high), g, 0.0),
    lambda g, y, a, low, high: where(_above(a, low, high), g, 0.0),
    doc="a kept between two tensors", kink="1 at either end")
clamp_min_number = elementwise("clamp_min.Scalar(input, min: scalar)", "ClampMinBackward0",
    lambda a, min: np.maximum(a, min), lambda g, y, a, min: where(ge(a, min), g, 0.0),
    doc="max(a, number)", kink="1 at the end", examples="clamp_min(v, 0.1)")
clamp_max_number = elementwise("clamp_max.Scalar(input, max: scalar)", "ClampMaxBackward0",
    lambda a, max: np.minimum(a, max), lambda g, y, a, max: where(le(a, max), g, 0.0),
    doc="min(a, number)", kink="1 at the end", examples="clamp_max(v, 0.1)")

clamp_min_tensor = elementwise("clamp_min.Tensor(input, min)", "ClampMinBackward1", np.maximum,
    lambda g, y, a, low: where(ge(a, low), g, 0.0),
    lambda g, y, a, low: where(lt(a, low), g, 0.0),
    doc="max(a, b)", kink="a tie goes to the first", examples="clamp_min(v, v*v)")
clamp_max_tensor = elementwise("clamp_max.Tensor(input, max)", "ClampMaxBackward1", np.minimum,
    lambda g, y, a, high: where(le(a, high), g, 0.0),
    lambda g, y, a, high: where(gt(a, high), g, 0.0),
    doc="min(a, b)", kink="a tie goes to the first", examples="clamp_max(v, v*v)")

where = primitive(Elementwise, "where.self(condition, input, other)", "WhereBackward0",
    _where, _where_meta,
    None,
    lambda g, y, c, a, b: where(c, g, 0.0),
    lambda g, y, c, a, b: where(c, 0.0, g), numbers=True, doc="a where a condition holds, else b")

masked_fill_number = primitive(Elementwise,
    "masked_fill.Scalar(input, mask, value: number)", "MaskedFillBackward0",
    lambda a, mask, value: np.where(mask, np.asarray(value, a.dtype), a),
    masked_meta("masked_fill"),
    lambda g, y, a, mask, value: masked_fill_number(g, mask, value=0),
    doc="A number where a mask holds")
masked_fill_tensor = primitive(Elementwise,
    "masked_fill.Tensor(input, mask, value)", "MaskedFillBackward1",
    lambda a, mask, value: np.where(mask, value, a), masked_meta("masked_fill"),
    lambda g, y, a, mask, value: masked_fill_number(g, mask, value=0),
    None,
    lambda g, y, a, mask, value: where(mask, g, 0.0), doc="A number where a mask holds")

# activations
sigmoid = floating("sigmoid(input)", "SigmoidBackward0", _sigmoid,
    lambda g, y, a: sigmoid_backward(g, y), memory=fold(4),
    doc="1 / (1 + exp(-a))", aliases="expit")
logsigmoid = inexact("logsigmoid(input)", "LogSigmoidBackward0",
    lambda a: np.minimum(a, 0) - np.log1p(np.exp(-np.abs(a))),
    lambda g, y, a: log_sigmoid_backward(g, a), refuses="complex", doc="log of the sigmoid")

# gradients that are one node
tanh_backward = pullback("_tanh_backward(grad, output)", "TanhBackwardBackward0",
    lambda g, y: g * (1 - y * y))
sigmoid_backward = pullback("_sigmoid_backward(grad, output)", "SigmoidBackwardBackward0",
    lambda g, y: g * (1 - y) * y)
log_sigmoid_backward = pullback("_log_sigmoid_backward(grad, input)", "LogSigmoidBackwardBackward0",
    lambda g, a: g * sigmoid(-a))
threshold_backward = pullback("_threshold_backward(grad, input, threshold: number)",
    "ThresholdBackwardBackward0", lambda g, a, threshold: where(le(a, threshold), 0.0, g))

# remainders
remainder_number = elementwise(
    "remainder.Scalar(input, other: scalar)",
    "RemainderBackward0", lambda a, other: np.mod(a, other),
    lambda g, y, a, other: g, doc="Remainder with the divisor's sign",
    kink="jumps at multiples of the divisor", jumps=True)
remainder_tensor = elementwise("remainder.Tensor(input, other)", "RemainderBackward1", np.mod,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * floor(a / b), doc="Remainder with the divisor's sign",
    domain=(REAL, POSITIVE), kink="jumps at multiples of the divisor", jumps=True)
div_rounded = elementwise("div.Tensor_mode(input, other, rounding_mode: str)", "DivBackward2",
    lambda a, b, rounding_mode: _ROUND[rounding_mode](a, b),
    lambda g, y, a, b, rounding_mode: zeros_like(g),
    lambda g, y, a, b, rounding_mode: zeros_like(g), doc="a / b, rounded", kink="0 everywhere",
    domain=(REAL, POSITIVE), jumps=True)
floor_divide_tensor = elementwise(
    "floor_divide.Tensor(input, other)", "NotImplemented", _floor_divide,
    Undefined("floor_divide"), Undefined("floor_divide"), wraps=False, doc="a // b")
remainder_of_number = elementwise("remainder.Scalar_Tensor(other, input: scalar)", "NotImplemented",
    lambda b, input: np.mod(input, b), Undefined("remainder"), wraps=False, doc="number % b")

# no gradient: comparisons and logic make leaves
eq = elementwise("eq(input, other)", "", np.equal, result="bool",
    doc="a == b", aliases="equal_to")
ne = elementwise("ne(input, other)", "", np.not_equal, result="bool",
    doc="a != b", aliases="not_equal")
lt = elementwise("lt(input, other)", "", np.less, result="bool",
    refuses="input other: complex", doc="a < b", aliases="less")
le = elementwise("le(input, other)", "", np.less_equal, result="bool",
    refuses="input other: complex", doc="a <= b", aliases="less_equal")
gt = elementwise("gt(input, other)", "", np.greater, result="bool",
    refuses="input other: complex", doc="a > b", aliases="greater")
ge = elementwise("ge(input, other)", "", np.greater_equal, result="bool",
    refuses="input other: complex", doc="a >= b", aliases="greater_equal")
logical_and = elementwise("logical_and(input, other)", "", np.logical_and, result="bool",
    doc="Both")
logical_or = elementwise("logical_or(input, other)", "", np.logical_or, result="bool",
    doc="Either")
logical_xor = elementwise("logical_xor(input, other)", "", np.logical_xor, result="bool",
    doc="One of the two")
logical_not = elementwise("logical_not(input)",        "", np.logical_not, result="bool", doc="Not")
isnan = elementwise("isnan(input)", "", np.isnan, result="bool",
    doc="Where it is not a number")
isfinite = elementwise("isfinite(input)", "", np.isfinite, result="bool", doc="Where it is finite")
bitwise_and = elementwise("bitwise_and(input, other)", "", np.bitwise_and, doc="a & b")
bitwise_or  = elementwise("bitwise_or(input, other)",  "", np.bitwise_or,  doc="a | b")
bitwise_xor = elementwise("bitwise_xor(input, other)", "", np.bitwise_xor, doc="a ^ b")
bitwise_not = elementwise("bitwise_not(input)",        "", np.invert,      doc="~a")

# fmt: on


def _log_of(base: Any) -> float | complex:
    if isinstance(base, complex):
        return complex(np.log(base))
    with np.errstate(all="ignore"):
        return float(np.log(np.float64(base)))


def _below(a: Any, low: Any, high: Any) -> Any:
    """Where clamp returns its lower end."""
    return lt(a, low) if high is None else logical_and(lt(a, low), lt(low, high))


def _above(a: Any, low: Any, high: Any) -> Any:
    """Where clamp returns its upper end."""
    return gt(a, high) if low is None else logical_or(gt(a, high), lt(high, low))


# ---- composites: overloads, and what PyTorch too writes with others --------------------------


def _div(a: Any, b: Any, rounding_mode: str | None = None) -> Any:
    if rounding_mode is None:
        return mul(reciprocal(b), a) if number(a) else div_tensor(a, b)
    if rounding_mode not in _ROUND:
        raise ArgumentFault(
            "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
            f"'{rounding_mode}'"
        )
    return div_rounded(a, b, rounding_mode=rounding_mode)


def _pow(a: Any, b: Any) -> Any:
    if number(a):
        return pow_base(b, base=a)
    if not number(b):
        return pow_tensor(a, b)
    if isinstance(b, int) and b < 0 and a.dtype.kind in "iu":
        raise ArgumentFault(
            "Integers to negative integer powers are not allowed.",
            hint="make the tensor a float: `1.` for `1`, or .double()",
        )
    return pow_number(a, exponent=b)


def _remainder(a: Any, b: Any) -> Any:
    if number(a):
        return remainder_of_number(b, input=a)
    return remainder_number(a, other=b) if number(b) else remainder_tensor(a, b)


def _clamp_any(a: Any, low: Any, high: Any) -> Any:
    if low is None and high is None:
        raise ArgumentFault("torch.clamp: At least one of 'min' or 'max' must not be None")
    if all(x is None or number(x) for x in (low, high)):
        return clamp_number(a, min=low, max=high)
    return clamp_tensor(a, low, high)


# fmt: off
div = composite("div(input, other, rounding_mode: str = None)", _div,
    doc="a / b", aliases="divide true_divide", examples="div(v, 2); div(v, v*v+1)")
floor_divide = composite("floor_divide(input, other)", floor_divide_tensor, doc="a // b",
    examples="floor_divide(v.detach(), 0.3)")
remainder = composite("remainder(input, other)", _remainder,
    doc="Remainder with the divisor's sign", aliases="mod", examples="v % 0.3; v % (v*v+1)")
pow_ = composite("pow(input, exponent)", _pow,
    doc="a to the power of b", aliases="power", examples="v ** 3; 2 ** v; (v*v+1) ** v")
rsub = composite("rsub(input, other, alpha: number = 1)",
    lambda a, b, alpha:
        rsub_number(a, other=b, alpha=alpha) if number(b) else rsub_tensor(a, b, alpha=alpha),
    doc="b - a", examples="2 - v")
clamp = composite("clamp(input, min: operand = None, max: operand = None)", _clamp_any,
    refuses="complex",
    doc="a kept between two bounds", aliases="clip", examples="clamp(v, min=0); clamp(v, -v, v)")
clamp_min = composite("clamp_min(input, min: operand)",
    lambda a, low: clamp_min_number(a, min=low) if number(low) else clamp_min_tensor(a, low),
    refuses="complex", doc="max(a, bound)", examples="clamp_min(v, 0.1)")
clamp_max = composite("clamp_max(input, max: operand)",
    lambda a, high: clamp_max_number(a, max=high) if number(high) else clamp_max_tensor(a, high),
    refuses="complex", doc="min(a, bound)", examples="clamp_max(v, 0.1)")
# fmt: on
