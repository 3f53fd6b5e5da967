"""What JAX calls the elementwise operations, complex numbers among them."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp

# ---- what takes more than one of JAX's functions -------------------------------------------


def _divided(a: Any, b: Any, rounding_mode: str) -> Any:
    if rounding_mode == "floor":
        return jnp.floor_divide(a, b)
    whole = jnp.result_type(a, b).kind in "iu"
    return jax.lax.div(*jnp.broadcast_arrays(a, b)) if whole else jnp.trunc(jnp.divide(a, b))


def _sign(a: Any) -> Any:
    return a if a.dtype.kind == "b" else jnp.sign(a)


def _nan_to_num(a: Any, nan: Any, posinf: Any, neginf: Any) -> Any:
    return jnp.nan_to_num(a, nan=nan or 0.0, posinf=posinf, neginf=neginf)


def _parts(a: Any, b: Any) -> Any:
    return jax.lax.complex(*jnp.broadcast_arrays(a, b))


# fmt: off
ROWS: dict[str, Any] = {
    # arithmetic
    "add":                    lambda a, b, alpha: jnp.add(a, b if alpha == 1 else alpha * b),
    "add.Scalar":             lambda a, other: jnp.add(a, other),
    "sub":                    lambda a, b, alpha: jnp.subtract(a, b if alpha == 1 else alpha * b),
    "sub.Scalar":             lambda a, other: jnp.subtract(a, other),
    "rsub.Scalar":            lambda a, other, alpha: jnp.subtract(other, alpha * a),
    "rsub.Tensor":            lambda a, b, alpha: jnp.subtract(b, alpha * a),
    "mul":                    jnp.multiply,
    "mul.Scalar":             lambda a, other: jnp.multiply(a, other),
    "div.Tensor":             jnp.divide,
    "div.Scalar":             lambda a, other: jnp.divide(a, other),
    "div.Tensor_mode":        _divided,
    "floor_divide.Tensor":    jnp.floor_divide,
    "remainder.Scalar":       lambda a, other: jnp.remainder(a, other),
    "remainder.Tensor":       jnp.remainder,
    "remainder.Scalar_Tensor": lambda b, input: jnp.remainder(input, b),
    "fmod.Scalar":            lambda a, other: jnp.fmod(a, other),
    "fmod.Tensor":            jnp.fmod,
    "neg":                    jnp.negative,
    "reciprocal":             jnp.reciprocal,
    "pow.Tensor_Scalar":      lambda a, exponent: jnp.power(a, exponent),
    "pow.Tensor_Tensor":      jnp.power,
    "pow.Scalar":             lambda b, base: jnp.power(base, b),
    "addcmul":                lambda a, b, c, value: a + value * b * c,
    "addcdiv":                lambda a, b, c, value: a + value * (b / c),
    "lerp.Scalar":            lambda a, b, weight: a + weight * (b - a),
    "lerp.Tensor":            lambda a, b, weight: a + weight * (b - a),
    "ldexp":                  lambda a, b: a * jnp.exp2(b),
    # powers and exponentials
    "sqrt":                   jnp.sqrt,
    "rsqrt":                  jax.lax.rsqrt,
    "exp":                    jnp.exp,
    "exp2":                   jnp.exp2,
    "expm1":                  jnp.expm1,
    "log":                    jnp.log,
    "log2":                   jnp.log2,
    "log10":                  jnp.log10,
    "log1p":                  jnp.log1p,
    "hypot":                  jnp.hypot,
    "logaddexp":              jnp.logaddexp,
    "logaddexp2":             jnp.logaddexp2,
    # angles
    "sin":                    jnp.sin,
    "cos":                    jnp.cos,
    "tan":                    jnp.tan,
    "asin":                   jnp.arcsin,
    "acos":                   jnp.arccos,
    "atan":                   jnp.arctan,
    "atan2":                  jnp.arctan2,
    "sinh":                   jnp.sinh,
    "cosh":                   jnp.cosh,
    "tanh":                   jnp.tanh,
    "asinh":                  jnp.arcsinh,
    "acosh":                  jnp.arccosh,
    "atanh":                  jnp.arctanh,
    "deg2rad":                jnp.deg2rad,
    "rad2deg":                jnp.rad2deg,
    # pieces
    "abs":                    jnp.abs,
    "sgn":                    _sign,
    "sign":                   _sign,
    "signbit":                jnp.signbit,
    "copysign":               jnp.copysign,
    "heaviside":              jnp.heaviside,
    "nextafter":              jnp.nextafter,
    "floor":                  jnp.floor,
    "ceil":                   jnp.ceil,
    "trunc":                  jnp.trunc,
    "round":                  lambda a, decimals: jnp.round(a, decimals or 0),
    "frac":                   lambda a: a - jnp.trunc(a),
    "maximum":                jnp.maximum,
    "minimum":                jnp.minimum,
    "fmax":                   jnp.fmax,
    "fmin":                   jnp.fmin,
    "clamp.Scalar":           lambda a, min, max: jnp.clip(a, min, max),
    "clamp.Tensor":           lambda a, low, high: jnp.clip(a, low, high),
    "clamp_min.Scalar":       lambda a, min: jnp.clip(a, min, None),
    "clamp_max.Scalar":       lambda a, max: jnp.clip(a, None, max),
    "clamp_min.Tensor":       jnp.maximum,
    "clamp_max.Tensor":       jnp.minimum,
    "_clone.clamped":         lambda a, min: jnp.clip(a, min, None),
    "nan_to_num":             _nan_to_num,
    "where.self":             jnp.where,
    # integers
    "gcd":                    jnp.gcd,
    "lcm":                    jnp.lcm,
    "bitwise_and":            jnp.bitwise_and,
    "bitwise_or":             jnp.bitwise_or,
    "bitwise_xor":            jnp.bitwise_xor,
    "bitwise_not":            jnp.bitwise_not,
    "bitwise_left_shift":     jnp.left_shift,
    "bitwise_right_shift":    jnp.right_shift,
    # truth
    "eq":                     jnp.equal,
    "ne":                     jnp.not_equal,
    "lt":                     jnp.less,
    "le":                     jnp.less_equal,
    "gt":                     jnp.greater,
    "ge":                     jnp.greater_equal,
    "isclose":                lambda a, b, rtol, atol, equal_nan:
                                  jnp.isclose(a, b, rtol, atol, equal_nan),
    "logical_and":            jnp.logical_and,
    "logical_or":             jnp.logical_or,
    "logical_xor":            jnp.logical_xor,
    "logical_not":            jnp.logical_not,
    "isnan":                  jnp.isnan,
    "isinf":                  jnp.isinf,
    "isposinf":               jnp.isposinf,
    "isneginf":               jnp.isneginf,
    "isfinite":               jnp.isfinite,
    "isreal":                 jnp.isreal,
    # complex numbers
    "_conj":                  jnp.conj,
    "_conj_physical":         jnp.conj,
    "angle":                  jnp.angle,
    "complex":                _parts,
    "polar":                  lambda r, angle: _parts(r * jnp.cos(angle), r * jnp.sin(angle)),
    "view_as_real":           lambda a: jnp.stack([jnp.real(a), jnp.imag(a)], -1),
    "view_as_complex":        lambda a: jax.lax.complex(a[..., 0], a[..., 1]),
}
# fmt: on
