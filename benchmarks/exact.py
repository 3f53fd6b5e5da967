"""Derivatives of a program to fifty digits: its text run with mpmath's numbers in place of tensors.

It shares nothing with gradcli: arrays are numpy's, of mpmath's numbers.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable
from functools import reduce
from typing import Any, Literal, NamedTuple

import numpy as np
from mpmath import mp, mpf, workdps

from gradcli.rule.dtypes import Array

COARSE, FINE = (400, 100), (550, 150)  # working digits, and the step as a power of 1/10
SETTLED = mpf(10) ** -50
LARGEST = float(np.finfo(np.float64).max)

Kind = Literal["smooth", "kink", "jump", "infinite", "edge", "undefined"]


class Truth(NamedTuple):
    """A derivative by one element: from both sides, from the left and from the right."""

    kind: Kind
    value: float
    left: float
    right: float


def truths(text: str, x: Array) -> list[Truth]:
    """Return the derivative of a program by every element of its parameter.

    Raises: ArithmeticError where two precisions do not agree to fifty digits.
    """
    code = compile(text, "<program>", "exec")
    coarse, fine = (_quotients(code, x, *digits) for digits in (COARSE, FINE))
    return [_truth(a, b) for a, b in zip(coarse, fine, strict=True)]


def value_of(code: Any, values: Array) -> Any:
    """Return y for a parameter of mpmath's numbers; nan where it is none, or no double."""
    names = {**FUNCTIONS, "x": values}
    try:
        exec(code, names)
    except ZeroDivisionError:
        return mp.nan
    y = np.asarray(names["y"], object).item()
    return mp.nan if isinstance(y, mp.mpc) or abs(y) > LARGEST else mpf(y)


def _quotients(code: Any, x: Array, digits: int, power: int) -> list[tuple[Any, Any, Any]]:
    """Return central, left and right difference quotients by each element."""
    found = []
    with workdps(digits):
        h = mpf(10) ** -power
        base = np.array([mpf(float(v)) for v in x.reshape(-1)], object)
        start = value_of(code, base.reshape(x.shape))
        for k in range(base.size):
            sides = []
            for move in (-h, h):
                moved = base.copy()
                moved[k] += move
                sides.append(value_of(code, moved.reshape(x.shape)))
            left, right = sides
            found.append(((right - left) / (2 * h), (start - left) / h, (right - start) / h))
    return found


def _truth(coarse: tuple[Any, Any, Any], fine: tuple[Any, Any, Any]) -> Truth:
    with workdps(FINE[0]):
        (left, jump), (right, jump_right) = (_limit(coarse[k], fine[k]) for k in (1, 2))
        one, other = mp.isnan(left), mp.isnan(right)
        sides = float(left), float(right)
        if one and other:
            return Truth("undefined", np.nan, *sides)
        if jump or jump_right:
            return Truth("jump", np.nan, *sides)
        if one or other:
            return Truth("edge", sides[1] if one else sides[0], *sides)
        if mp.isinf(left) or mp.isinf(right):
            return Truth("infinite", sides[0] if left == right else np.nan, *sides)
        if not _close(left, right, mpf(10) ** -20):
            return Truth("kink", np.nan, *sides)
        if not _close(coarse[0], fine[0], SETTLED):
            raise ArithmeticError(f"not settled: {coarse[0]} and {fine[0]}")
        return Truth("smooth", float(fine[0]), float(fine[0]), float(fine[0]))


def _limit(coarse: Any, fine: Any) -> tuple[Any, bool]:
    """Return what one-sided quotients tend to, and whether they are those of a jump."""
    if mp.isnan(fine) or mp.isnan(coarse) or not mp.isfinite(fine):
        return mp.nan, False
    if _close(coarse, fine, mpf(10) ** -20):
        return fine, False
    if abs(fine) < abs(coarse) * SETTLED**0.4:
        return mpf(0), False  # it vanishes with a power of the step
    grows = abs(fine) / abs(coarse) if coarse else mp.inf
    return mp.sign(fine) * mp.inf, grows > mpf(10) ** (FINE[1] - COARSE[1] - 5)


def _close(a: Any, b: Any, tolerance: Any) -> bool:
    return bool(abs(a - b) <= tolerance * max(abs(a), abs(b)) or max(abs(a), abs(b)) < SETTLED**1.4)


# ---- the functions of a program, on mpmath's numbers -----------------------------------------


def _each(function: Callable[..., Any], count: int = 1) -> Callable[..., Any]:
    apply = np.frompyfunc(function, count, 1)
    return lambda *values: apply(*values)


def _log(a: Any) -> Any:
    return mp.nan if a < 0 or mp.isnan(a) else mp.log(a) if a else -mp.inf


def _sqrt(a: Any) -> Any:
    return mp.sqrt(a) if a >= 0 else mp.nan


def _sigmoid(a: Any) -> Any:
    return 1 / (1 + mp.exp(-a))


def _summed(a: Any, dim: int | None = None) -> Any:
    return np.sum(a) if dim is None else np.sum(a, axis=dim, keepdims=True)


def _softmax(a: Any, dim: int) -> Any:
    e = exp(a)
    return e / np.sum(e, axis=dim, keepdims=True)


def _matrix(a: Any) -> Any:
    return mp.matrix(a.tolist())


def _array(a: Any) -> Any:
    return np.array(a.tolist(), object)


def _numbers(values: Any) -> Any:
    return np.vectorize(mpf, otypes=[object])(np.asarray(values, np.float64))


class linalg:  # noqa: N801 - the name that a program uses
    """Solutions of linear equations."""

    @staticmethod
    def solve(a: Any, b: Any) -> Any:
        """Return a⁻¹ b."""
        return _array(mp.lu_solve(_matrix(a), _matrix(b))).reshape(-1)


exp, log = _each(mp.exp), _each(_log)

FUNCTIONS: dict[str, Any] = {
    "tensor": _numbers, "sum": _summed, "softmax": _softmax, "exp": exp, "log": log,
    "sin": _each(mp.sin), "cos": _each(mp.cos), "tan": _each(mp.tan), "atan": _each(mp.atan),
    "tanh": _each(mp.tanh), "erf": _each(mp.erf), "sqrt": _each(_sqrt), "abs": _each(builtins.abs),
    "expm1": _each(lambda a: mp.exp(a) - 1), "log1p": _each(lambda a: _log(1 + a)),
    "sigmoid": _each(_sigmoid), "floor": _each(mp.floor),
    "remainder": _each(lambda a, b: a - b * mp.floor(a / b), 2),
    "relu": _each(lambda a: builtins.max(a, mpf(0))),
    "minimum": _each(builtins.min, 2), "maximum": _each(builtins.max, 2),
    "clamp": _each(lambda a, low, high: builtins.min(builtins.max(a, low), high), 3),
    "where": np.where, "mean": lambda a: np.sum(a) / mpf(np.size(a)),
    "max": lambda a: reduce(builtins.max, a.reshape(-1)),
    "logsumexp": lambda a, dim: mp.log(np.sum(exp(a), axis=dim)),
    "inverse": lambda a: _array(mp.inverse(_matrix(a))),
    "logdet": lambda a: _log(mp.det(_matrix(a))), "linalg": linalg,
}  # fmt: skip
