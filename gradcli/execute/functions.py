"""Functions to any number of digits: mpmath's, by the names that NumPy and SciPy have for them.

`functions` are of a context and numbers, `array_functions` of an arithmetic and arrays; `ROWS` are
rows of the table that call libraries which know nothing but double precision.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from gradcli.rule.dtypes import FLOAT64

Function = Callable[..., Any]
TRUTHS = ("isnan", "isfinite", "isinf", "signbit")
OF_NAN = (*TRUTHS, "fmax", "fmin")  # what has another value than NaN there

# NumPy's and SciPy's name, and mpmath's where it is another
SAME = """
    exp expm1 cbrt sin cos tan sinh cosh tanh arcsin=asin arccos=acos arctan=atan arcsinh=asinh
    arccosh=acosh erf erfc erfinv gamma psi=digamma ndtr=ncdf floor ceil sign rint=nint
"""


@cache
def functions() -> dict[str, Function]:
    """Return functions of a context and numbers by NumPy's and SciPy's names."""
    found = {}
    for entry in SAME.split():
        name, _, other = entry.partition("=")
        found[name] = _named(other or name)
    return found | OTHERS


def _named(name: str) -> Function:
    return lambda c, a: getattr(c, name)(a)


def _log(c: Any, a: Any) -> Any:
    return c.log(a) if a > 0 else c.ninf if a == 0 else c.nan


def _modulo(c: Any, a: Any, b: Any) -> Any:
    return a - b * c.floor(a / b)


def _truncated(c: Any, a: Any) -> Any:
    return c.floor(a) if a >= 0 else c.ceil(a)


def _sigmoid(c: Any, a: Any) -> Any:
    return 1 / (1 + c.exp(-a))


def _log_of_sum(c: Any, a: Any, b: Any) -> Any:
    high, low = max(a, b), min(a, b)
    return high if c.isinf(high) or c.isinf(low) else high + c.log1p(c.exp(low - high))


def _times_log(c: Any, a: Any, b: Any) -> Any:
    return a * _log(c, b) if a else c.zero


def _log_gamma(c: Any, a: Any) -> Any:
    if a <= 0 and c.isint(a):
        return c.inf
    return c.re(c.loggamma(a)) if a < 0 else c.loggamma(a)


def _incomplete(upper: bool) -> Function:
    def regularised(c: Any, a: Any, x: Any) -> Any:
        if upper:
            return c.gammainc(a, x, c.inf, regularized=True)
        return c.gammainc(a, 0, x, regularized=True)

    return regularised


def _bessel(name: str, order: int, scale: int = 0) -> Function:
    """Return a Bessel function of a fixed order; `scale` times |a| is an exponent before it."""

    def bessel(c: Any, a: Any) -> Any:
        value = c.re(getattr(c, name)(order, a))
        return value * c.exp(scale * abs(a)) if scale else value

    return bessel


def _spherical_jn(c: Any, n: Any, a: Any) -> Any:
    if not a:
        return c.one if n == 0 else c.zero
    size = c.sqrt(c.pi / (2 * abs(a))) * c.besselj(n + c.mpf(0.5), abs(a))
    return -size if a < 0 and n % 2 else size


def _power(c: Any, a: Any, b: Any) -> Any:
    if a == 0 and b < 0:
        return c.inf
    return c.power(a, b) if a >= 0 or c.isint(b) else c.nan


OTHERS: dict[str, Function] = {
    "log": _log, "log2": lambda c, a: _log(c, a) / c.ln2,
    "log10": lambda c, a: _log(c, a) / c.ln10,
    "log1p": lambda c, a: c.log1p(a) if a > -1 else _log(c, 1 + a),
    "arctanh": lambda c, a: c.atanh(a) if abs(a) < 1 else a * c.inf if abs(a) == 1 else c.nan,
    "sqrt": lambda c, a: c.sqrt(a) if a >= 0 else c.nan,
    "exp2": lambda c, a: c.power(2, a), "square": lambda c, a: a * a,
    "reciprocal": lambda c, a: 1 / a if a else c.inf, "absolute": lambda c, a: abs(a),
    "fabs": lambda c, a: abs(a), "conjugate": lambda c, a: a,
    "deg2rad": lambda c, a: a * c.pi / 180, "rad2deg": lambda c, a: a * 180 / c.pi,
    "power": _power, "float_power": _power,
    "trunc": _truncated, "hypot": lambda c, a, b: c.hypot(a, b),
    "arctan2": lambda c, a, b: c.atan2(a, b),
    "maximum": lambda c, a, b: max(a, b), "minimum": lambda c, a, b: min(a, b),
    "fmax": lambda c, a, b: b if a != a else a if b != b else max(a, b),
    "fmin": lambda c, a, b: b if a != a else a if b != b else min(a, b),
    "remainder": _modulo, "floor_divide": lambda c, a, b: c.floor(a / b),
    "fmod": lambda c, a, b: a - b * _truncated(c, a / b),
    "isnan": lambda c, a: bool(c.isnan(a)), "isinf": lambda c, a: bool(c.isinf(a)),
    "isfinite": lambda c, a: bool(c.isfinite(a)), "signbit": lambda c, a: bool(a < 0),
    "copysign": lambda c, a, b: -abs(a) if b < 0 else abs(a),
    "heaviside": lambda c, a, b: c.one if a > 0 else c.zero if a < 0 else b,
    "logaddexp": _log_of_sum,
    "logaddexp2": lambda c, a, b: _log_of_sum(c, a * c.ln2, b * c.ln2) / c.ln2,
    "expit": _sigmoid, "log_expit": lambda c, a: -c.log1p(c.exp(-a)),
    "logit": lambda c, a: _log(c, a / (1 - a)),
    "xlogy": _times_log, "xlog1py": lambda c, a, b: _times_log(c, a, 1 + b),
    "entr": lambda c, a: -_times_log(c, a, a) if a >= 0 else c.ninf,
    "erfcx": lambda c, a: c.exp(a * a) * c.erfc(a),
    "ndtri": lambda c, a: c.sqrt(2) * c.erfinv(2 * a - 1),
    "log_ndtr": lambda c, a: _log(c, c.ncdf(a)),
    "gammaln": _log_gamma, "gammainc": _incomplete(False), "gammaincc": _incomplete(True),
    "_zeta": lambda c, a, b: c.zeta(a, b), "zeta": lambda c, a, b: c.zeta(a, b),
    "i0": _bessel("besseli", 0), "i1": _bessel("besseli", 1),
    "i0e": _bessel("besseli", 0, -1), "i1e": _bessel("besseli", 1, -1),
    "iv": lambda c, n, a: c.besseli(n, a),
    "ive": lambda c, n, a: c.besseli(n, a) * c.exp(-abs(a)),
    "j0": _bessel("besselj", 0), "j1": _bessel("besselj", 1),
    "y0": _bessel("bessely", 0), "y1": _bessel("bessely", 1),
    "k0": _bessel("besselk", 0), "k1": _bessel("besselk", 1),
    "k0e": _bessel("besselk", 0, 1), "k1e": _bessel("besselk", 1, 1),
    "_spherical_jn": _spherical_jn,
}  # fmt: skip


@cache
def array_functions() -> dict[Any, Function]:
    """Return NumPy's functions that are no ufunc and do not work on objects by themselves."""
    return {
        np.linalg.inv: lambda k, a: _each_matrix(k, lambda m: k.context.inverse(m), a),
        np.linalg.solve: _solved,
        np.linalg.det: lambda k, a: _each_matrix(k, k.context.det, a),
        np.linalg.slogdet: _log_determinant,
        np.linalg.cholesky: lambda k, a: _each_matrix(k, k.context.cholesky, a),
        np.sinc: lambda k, a: _sinc(k, a),
        np.nan_to_num: _numbers_only,
    }


def _each_matrix(arithmetic: Any, function: Callable[[Any], Any], a: Any) -> Any:
    """Apply a function of mpmath's matrices to a stack of them; it gives a matrix or a number."""
    c, found = arithmetic.context, []
    for index in np.ndindex(a.shape[:-2]):
        try:
            value = function(c.matrix(np.asarray(a)[index].tolist()))
        except ZeroDivisionError:
            raise np.linalg.LinAlgError("Singular matrix") from None
        except ValueError:
            raise np.linalg.LinAlgError("Matrix is not positive definite") from None
        found.append(value.tolist() if isinstance(value, c.matrix) else value)
    shape = np.shape(np.array(found, object))[1:]
    return arithmetic.array(np.array(found, object).reshape((*a.shape[:-2], *shape)))


def _solved(arithmetic: Any, a: Any, b: Any) -> Any:
    return np.linalg.inv(arithmetic.array(a)) @ arithmetic.array(b)


def _log_determinant(arithmetic: Any, a: Any) -> Any:
    value = np.linalg.det(a)
    return np.sign(value), np.log(np.abs(value))


def _sinc(arithmetic: Any, a: Any) -> Any:
    c = arithmetic.context
    return np.frompyfunc(lambda x: arithmetic.number(c.sincpi(x)), 1, 1)(np.asarray(a))


def _numbers_only(
    arithmetic: Any, a: Any, copy: bool = True, nan: float = 0.0,
    posinf: float | None = None, neginf: float | None = None,
) -> Any:  # fmt: skip
    largest = float(np.finfo(FLOAT64).max)
    a = np.where(np.isnan(a), nan, a)
    a = np.where(a == np.inf, largest if posinf is None else posinf, a)
    return np.where(a == -np.inf, -largest if neginf is None else neginf, a)


# ---- rows that call libraries of double precision --------------------------------------------


def _triangular(
    arithmetic: Any, a: Any, b: Any, upper: bool, left: bool, unitriangular: bool
) -> Any:
    half = np.triu(a) if upper else np.tril(a)
    if unitriangular:
        half = np.where(np.eye(a.shape[-1], dtype=bool), 1, half)
    inverse = np.linalg.inv(arithmetic.array(half))
    return inverse @ b if left else b @ inverse


def _adjugate(_: Any, a: Any) -> Any:
    return np.linalg.det(a)[..., None, None] * np.linalg.inv(a)


def _spherical(arithmetic: Any, a: Any, n: int) -> Any:
    return arithmetic.applied("_spherical_jn")(n, np.asarray(a))


ROWS: dict[str, Function] = {
    "linalg.solve_triangular": _triangular,
    "linalg.matrix_exp": lambda k, a: _each_matrix(k, k.context.expm, a),
    "_adjugate": _adjugate,
    "_spherical_bessel": _spherical,
}
