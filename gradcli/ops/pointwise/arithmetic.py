"""More operations on each element: arithmetic in one step, rounding, remainders, choices."""

from __future__ import annotations

from math import inf, pi
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.ops.pointwise.elementwise import (
    LN2,
    Undefined,
    exp,
    ge,
    isfinite,
    isnan,
    le,
    logical_not,
    logical_or,
    masked_fill_number,
    ne,
    pow_,
    sgn,
    where,
)
from gradcli.ops.pointwise.fused import plus_product
from gradcli.ops.pointwise.scalars import mul_number
from gradcli.ops.shape.shapes import to, zeros_like
from gradcli.rule.dtypes import COMPLEX128, FLOAT64, factor, is_complex, is_differentiable, limits
from gradcli.rule.rows import composite, elementwise, floating, inexact, primitive
from gradcli.rule.rule import POSITIVE, REAL, Elementwise, number

# ---- forward functions that numpy does not have as one call --------------------------------


def _lerp(a: Any, end: Any, weight: Any) -> Any:
    weight = np.asarray(weight, np.result_type(a, end, weight))
    far = np.abs(weight) >= 0.5  # from the nearer end, as PyTorch: exact at both
    return plus_product(np.where(far, end, a), np.where(far, weight - 1, weight), end - a)


def _nan_to_num(a: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    if not is_differentiable(a.dtype):
        return a
    low, high = limits(a.dtype)
    a = np.where(np.isnan(a), nan or 0.0, a)
    a = np.where(a == np.inf, high if posinf is None else posinf, a)
    return np.where(a == -np.inf, low if neginf is None else neginf, a)


def _isclose(a: Any, b: Any, rtol: float, atol: float, equal_nan: bool) -> Any:
    for name, value in (("rtol", rtol), ("atol", atol)):
        if not value >= 0:
            raise ArgumentFault(f"{name} must be greater than or equal to zero, but got {value:g}")
    return np.isclose(a, b, rtol, atol, equal_nan)


def _power_of_float(a: Any, b: Any) -> Any:
    turns = (isinstance(x, complex) or is_complex(getattr(x, "dtype", FLOAT64)) for x in (a, b))
    wide = COMPLEX128 if any(turns) else FLOAT64
    return pow_(*(x if number(x) else to(x, wide) for x in (a, b)))


def _first_wins(a: Any, b: Any, first: Any) -> Any:
    """Return where fmax and fmin return their first argument."""
    return logical_or(first(a, b), isnan(b))


def _second_wins(a: Any, b: Any, first: Any) -> Any:
    return logical_not(_first_wins(a, b, first))


def _round(a: Any, decimals: int | None) -> Any:
    if decimals and a.dtype.kind == "b":
        raise ArgumentFault("round() rounds no bools to decimals")
    if abs(decimals or 0) >= 1 << 31:
        raise ArgumentFault(f"round() to {decimals} decimals: a number has fewer")
    return np.round(a, decimals or 0)


def _logaddexp(a: Any, b: Any) -> Any:
    if np.result_type(a, b).kind != "c":
        return np.logaddexp(a, b)
    top = np.where(np.real(a) < np.real(b), b, a)
    return np.log(np.exp(a - top) + np.exp(b - top)) + top


def _over(value: complex, c: Any) -> Any:
    """Return value / c; of two numbers, what a tensor has where the second is 0."""
    return value * inf if number(c) and not c else value / c


# ---- the rows ------------------------------------------------------------------------------

# fmt: off

# several steps in one
exp2 = floating("exp2(input)", "Exp2Backward0", np.exp2,
    lambda g, y, a: mul_number(g * y, other=LN2), doc="2 to the power of a")
hypot = inexact("hypot(input, other)", "HypotBackward0", np.hypot,
    lambda g, y, a, b: g * a / y,
    lambda g, y, a, b: g * b / y, doc="Root of a² + b²", kink="nan at (0, 0)")
logaddexp = inexact("logaddexp(input, other)", "LogaddexpBackward0", _logaddexp,
    lambda g, y, a, b: g / (1 + exp(b - a)),
    lambda g, y, a, b: g / (1 + exp(a - b)), doc="log(exp(a) + exp(b))")
logaddexp2 = inexact("logaddexp2(input, other)", "Logaddexp2Backward0", np.logaddexp2,
    lambda g, y, a, b: g / (1 + 2 ** (b - a)),
    lambda g, y, a, b: g / (1 + 2 ** (a - b)), doc="Logarithm to base 2 of 2ᵃ + 2ᵇ")
ldexp = floating("ldexp(input, other)", "LdexpBackward0", lambda a, b: a * np.exp2(b),
    lambda g, y, a, b: g * (np.exp2(b) if number(b) else 2.0 ** b),
    lambda g, y, a, b: mul_number(g * y, other=LN2), doc="a · 2ᵇ")
lerp_number = inexact("lerp.Scalar(input, end, weight: number)", "LerpBackward0", _lerp,
    lambda g, y, a, b, weight: g * (1 - weight),
    lambda g, y, a, b, weight: g * weight, doc="a + weight·(b - a)", examples="lerp(v, v*v, 0.3)")
lerp_tensor = inexact("lerp.Tensor(input, end, weight)", "LerpBackward1", _lerp,
    lambda g, y, a, b, weight: g * (1 - weight),
    lambda g, y, a, b, weight: g * weight,
    lambda g, y, a, b, weight: g * (b - a), doc="a + weight·(b - a)")
addcmul = elementwise(
    "addcmul(input, tensor1, tensor2, value: number = 1)", "AddcmulBackward0",
    lambda a, b, c, value: plus_product(a, factor(value, np.result_type(a, b, c)) * b, c),
    lambda g, y, a, b, c, value: g,
    lambda g, y, a, b, c, value: g * (c * value),
    lambda g, y, a, b, c, value: g * (b * value),
    doc="a + value·b·c")
addcdiv = inexact(
    "addcdiv(input, tensor1, tensor2, value: number = 1)", "AddcdivBackward0",
    lambda a, b, c, value: a + value * b / c,
    lambda g, y, a, b, c, value: g,
    lambda g, y, a, b, c, value: g * _over(value, c),
    lambda g, y, a, b, c, value: -g * (value * b / (c * c)), doc="a + value·b/c",
    domain=(REAL, REAL, POSITIVE))
deg2rad = floating("deg2rad(input)", "Deg2RadBackward0", np.deg2rad,
    lambda g, y, a: mul_number(g, other=pi / 180), doc="Degrees in radians", aliases="radians")
rad2deg = floating("rad2deg(input)", "Rad2DegBackward0", np.rad2deg,
    lambda g, y, a: mul_number(g, other=180 / pi), doc="Radians in degrees", aliases="degrees")

# rounding and remainders
ceil = elementwise("ceil(input)", "CeilBackward0", np.ceil,
    lambda g, y, a: zeros_like(g),
    refuses="bool", doc="Smallest integer above", kink="0 everywhere", jumps=True)
trunc = elementwise("trunc(input)", "TruncBackward0", np.trunc,
    lambda g, y, a: zeros_like(g),
    refuses="bool", doc="Integer towards 0", aliases="fix", kink="0 everywhere",
    jumps=True)
round_ = elementwise("round(input, decimals: int = None)",
    lambda a, decimals: "RoundBackward0" if decimals is None else "RoundBackward1",
    _round,
    lambda g, y, a, decimals: zeros_like(g),
    refuses="bool complex", doc="Nearest integer, ties to even",
    kink="0 everywhere", examples="v.round(); v.round(decimals=-1)", jumps=True)
frac = inexact("frac(input)", "FracBackward0", lambda a: a - np.trunc(a),
    lambda g, y, a: g, doc="Part after the point", kink="1 everywhere", jumps=True)
fmod_number = elementwise(
    "fmod.Scalar(input, other: scalar)", "FmodBackward0", lambda a, other: np.fmod(a, other),
    lambda g, y, a, other: g, doc="Remainder with the dividend's sign",
    kink="jumps at multiples of the divisor", jumps=True)
fmod_tensor = elementwise("fmod.Tensor(input, other)", "FmodBackward1", np.fmod,
    lambda g, y, a, b: g,
    lambda g, y, a, b: -g * trunc(a / b), doc="Remainder with the dividend's sign",
    domain=(REAL, POSITIVE), kink="jumps at multiples of the divisor", jumps=True)
gcd = elementwise("gcd(input, other)", "", np.gcd, doc="Greatest common divisor")
lcm = elementwise("lcm(input, other)", "", np.lcm, doc="Least common multiple")

# choices
fmax = elementwise("fmax(input, other)", "FmaxBackward0", np.fmax,
    lambda g, y, a, b: masked_fill_number(g, _second_wins(a, b, ge), value=0),
    lambda g, y, a, b: masked_fill_number(g, _first_wins(a, b, ge), value=0),
    refuses="input other: complex",
    doc="The larger of two, a number before nan", kink="a tie goes to the first")
fmin = elementwise("fmin(input, other)", "FminBackward0", np.fmin,
    lambda g, y, a, b: masked_fill_number(g, _second_wins(a, b, le), value=0),
    lambda g, y, a, b: masked_fill_number(g, _first_wins(a, b, le), value=0),
    refuses="input other: complex",
    doc="The smaller of two, a number before nan", kink="a tie goes to the first")
copysign = floating("copysign(input, other)",
    lambda a, b: "CopysignBackward1" if number(b) else "CopysignBackward0", np.copysign,
    lambda g, y, a, b: g * (sgn(a) * sgn(y)),
    lambda g, y, a, b: zeros_like(g), wraps=False, doc="|a| with the sign of b", kink="0 at 0")
heaviside = elementwise("heaviside(input, values)", "NotImplemented",
    lambda a, b: np.where(a == 0, b, a > 0),
    Undefined("heaviside"), Undefined("heaviside"), wraps=False,
    alike="input values", doc="0 below 0, 1 above, the second at 0")
nextafter = inexact("nextafter(input, other)", "NextafterBackward0", np.nextafter,
    lambda g, y, a, b: where(ne(a, b), g, 0.0),
    lambda g, y, a, b: zeros_like(g), doc="Next number towards b", kink="0 at b")
nan_to_num = primitive(Elementwise,
    "nan_to_num(input, nan: number = None, posinf: number = None, neginf: number = None)",
    "NanToNumBackward0", _nan_to_num, lambda a, **_: sgn.meta(a),
    lambda g, y, a, nan, posinf, neginf: g * isfinite(a),
    doc="Numbers in the place of nan and infinities", kink="0 where it was not finite",
    examples="nan_to_num(v)")

# no gradient
isclose = elementwise(
    "isclose(input, other, rtol: real = 1e-05, atol: real = 1e-08, equal_nan: bool = False)",
    "", _isclose, result="bool", alike="input other", doc="Where |a - b| ≤ atol + rtol·|b|")
isinf = elementwise("isinf(input)", "", np.isinf, result="bool",
    doc="Where it is infinite")
isposinf = elementwise("isposinf(input)", "", np.isposinf, result="bool", doc="Where it is inf")
isneginf = elementwise("isneginf(input)", "", np.isneginf, result="bool", doc="Where it is -inf")
signbit = elementwise("signbit(input)", "", np.signbit, result="bool",
    doc="Where it is negative, -0.0 too")
bitwise_left_shift = elementwise("bitwise_left_shift(input, other)", "", np.left_shift,
    doc="a << b", aliases="left_shift")
bitwise_right_shift = elementwise("bitwise_right_shift(input, other)", "", np.right_shift,
    doc="a >> b", aliases="right_shift")

# composites
square = composite("square(input)", lambda a: a ** 2, doc="a²", examples="v.square()")
positive = composite("positive(input)", lambda a: a, refuses="bool", doc="The tensor itself",
    examples="positive(v); +v")
float_power = composite("float_power(input, exponent)", _power_of_float,
    doc="a to the power of b, in double precision", examples="float_power(v, 2)")
fmod = composite("fmod(input, other)",
    lambda a, b: fmod_number(a, other=b) if number(b) else fmod_tensor(a, b),
    doc="Remainder with the dividend's sign", examples="fmod(v, 0.3)")
lerp = composite("lerp(input, end, weight: operand)",
    lambda a, end, w: lerp_number(a, end, weight=w) if number(w) else lerp_tensor(a, end, w),
    refuses="input end: bool integer", alike="input end",
    doc="a + weight·(b - a)", examples="lerp(v, v*v, 0.3); lerp(v, v*v, v+1)")
# fmt: on
