"""Power series of terms about 0, with exact coefficients: where everything else cancels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise
from math import factorial

import numpy as np

from gradcli.diagnose.precision.algebra import together
from gradcli.diagnose.precision.terms import ONE, Term, TermFault, name, product, total
from gradcli.diagnose.precision.values import Points
from gradcli.rule.dtypes import DType

ORDER = 24  # coefficients that are computed
TERMS = 6  # of them that are written
LIMITS = 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 1e-3, 1e-4, 1e-5
GOOD = 1e5  # roundings by which a formula may be off where its series is not taken any more
DIGITS = 80  # with which series are compared with what they stand for
Series = list[Fraction]  # coefficients from the power 0 on

# the coefficients of functions about 0, from the power 0 on
ABOUT_ZERO: dict[str, Callable[[int], Fraction]] = {
    "exp": lambda k: Fraction(1, factorial(k)),
    "expm1": lambda k: Fraction(k > 0, factorial(k)),
    "sin": lambda k: Fraction((0, 1, 0, -1)[k % 4], factorial(k)),
    "cos": lambda k: Fraction((1, 0, -1, 0)[k % 4], factorial(k)),
    "sinh": lambda k: Fraction(k % 2, factorial(k)),
    "cosh": lambda k: Fraction(1 - k % 2, factorial(k)),
    "log1p": lambda k: Fraction(-((-1) ** k), k) if k else Fraction(0),
    "atan": lambda k: Fraction((0, 1, 0, -1)[k % 4], max(k, 1)),
    "atanh": lambda k: Fraction(k % 2, max(k, 1)),
    "asin": lambda k: _of_asin(k, 1), "asinh": lambda k: _of_asin(k, -1),
}  # fmt: skip


def _of_asin(k: int, sign: int) -> Fraction:
    if k % 2 == 0:
        return Fraction(0)
    n = k // 2
    return Fraction(factorial(2 * n) * sign**n, 4**n * factorial(n) ** 2 * k)


def series(term: Term, variable: str, order: int = ORDER) -> Series:
    """Return the coefficients of a term about 0 of its only name.

    Raises: TermFault where it has no such series, or none whose coefficients are fractions.
    """
    if term.op == "name" and term.name == variable:
        return [Fraction(0), Fraction(1), *[Fraction(0)] * (order - 2)]
    parts = [series(x, variable, order) for x in term.args]
    if term.op == "total":
        return [sum((w * p[k] for w, p in zip(term.weights, parts, strict=True)), Fraction(0))
                for k in range(order)]  # fmt: skip
    if term.op == "product":
        return _product(term, parts, order)
    if term.op == "tan":
        return _times(_of("sin", parts[0]), _raised(_of("cos", parts[0]), Fraction(-1)))
    if term.op == "tanh":
        return _times(_of("sinh", parts[0]), _raised(_of("cosh", parts[0]), Fraction(-1)))
    if term.op == "log" and parts[0][0] == 1:
        return _of("log1p", [Fraction(0), *parts[0][1:]])
    if term.op in ABOUT_ZERO:
        return _of(term.op, parts[0])
    raise TermFault("no series")


def _product(term: Term, parts: list[Series], order: int) -> Series:
    """Return a product; what is divided by may begin with any power."""
    result, shift = [term.factor, *[Fraction(0)] * (order - 1)], Fraction(0)
    for exponent, part in zip(term.weights, parts, strict=True):
        first = next((k for k, c in enumerate(part) if c), None)
        if first is None:
            raise TermFault("no series")
        shift += first * exponent
        lowered = [*part[first:], *[Fraction(0)] * first]
        result = _times(result, _raised(lowered, exponent))
    if shift.denominator != 1 or shift < -order // 3:
        raise TermFault("no series")
    by = int(shift)
    if by >= 0:
        return [*[Fraction(0)] * by, *result][:order]
    if any(result[:-by]):
        raise TermFault("no series")
    return [*result[-by:], *[Fraction(0)] * -by]


def _times(a: Series, b: Series) -> Series:
    return [sum((a[j] * b[k - j] for j in range(k + 1)), Fraction(0)) for k in range(len(a))]


def _raised(a: Series, exponent: Fraction) -> Series:
    """Return a power of a series that does not begin with 0 (the recurrence of J. C. P. Miller)."""
    if exponent == 1:
        return a
    whole = exponent.denominator == 1
    if not whole and a[0] != 1:
        raise TermFault("no coefficients that are fractions")
    result = [a[0] ** int(exponent) if whole else Fraction(1)]
    for n in range(1, len(a)):
        found = sum(((exponent * k - (n - k)) * a[k] * result[n - k] for k in range(1, n + 1)),
                    Fraction(0))  # fmt: skip
        result.append(found / (n * a[0]))
    return result


def _of(function: str, inner: Series) -> Series:
    if inner[0]:
        raise TermFault("not about 0")
    order, coefficient = len(inner), ABOUT_ZERO[function]
    result = [Fraction(0)] * order
    for k in reversed(range(order)):  # Horner's scheme
        result = _times(result, inner)
        result[0] += coefficient(k)
    return result


def truncated(term: Term, variable: str) -> Iterator[Term]:
    """Yield the first terms of a term's series, more and more of them.

    Raises: TermFault where it has none.
    """
    try:
        reliable = series(term, variable)
    except TermFault:  # 1/x - 1/tan(x): the poles cancel
        reliable = series(together(term), variable)
    reliable = reliable[: ORDER * 2 // 3]
    powers = [(k, c) for k, c in enumerate(reliable) if c]
    x = name(variable)
    for count in range(1, min(TERMS, len(powers)) + 1):
        first, lead = powers[0]
        inner: Term = ONE
        kept = powers[:count]
        for (j, b), (k, c) in reversed(list(pairwise(kept))):  # Horner's scheme
            step = product([(x, Fraction(k - j)), (inner, Fraction(1))], c / b)
            inner = total([(Fraction(1), ONE), (Fraction(1), step)])
        yield product([(x, Fraction(first)), (inner, Fraction(1))], lead)


def near_zero(term: Term, variable: str, value: float, dtype: DType) -> Term | None:
    """Return a term whose series is taken where its name is small, None where it has none.

    The limit is the largest of LIMITS at which the terms that are left out are no more than
    rounding, and so many are kept that the formula itself is good from there on.
    """
    found = None
    try:
        for one in truncated(term, variable):
            limit = next((x for x in LIMITS if _is_fine(one, term, variable, x, dtype)), 0.0)
            if limit <= 2 * abs(value):
                continue
            found = Term("near", (name(variable), one, term), factor=Fraction(limit))
            at = Points({variable: [limit, -limit]}, dtype, DIGITS)
            if float(np.nanmax(at.errors(term), initial=0.0)) < GOOD * np.finfo(dtype).eps:
                break
    except TermFault:
        return None
    return found


def _is_fine(one: Term, term: Term, variable: str, limit: float, dtype: DType) -> bool:
    """Say whether the first terms of a series are the term itself up to rounding, up to a limit."""
    at = Points({variable: [limit, -limit, limit / 3, -limit / 3]}, dtype, DIGITS)
    pairs = zip(at.exact(one), at.exact(term), strict=True)
    known = [(x, y) for x, y in pairs if at.context.isfinite(y)]
    room = float(np.finfo(dtype).eps) / 4
    return bool(known) and all(abs(x - y) <= room * abs(y) for x, y in known)
