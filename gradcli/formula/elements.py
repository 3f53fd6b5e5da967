"""Formulas of each element, simple from the moment they are made.

Like terms and like factors are joined, numbers come first, and what broadcasting does by itself is
not written.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import isfinite
from typing import Any

import numpy as np

from gradcli.formula.trees import (
    ONE,
    ZERO,
    Call,
    Coefficient,
    Expanded,
    Formula,
    Number,
    Product,
    Sum,
)
from gradcli.rule.meta import Shape

LARGEST = 10_000  # numerator and denominator of a number that is kept as a fraction
HALVES = 64  # 1/2, 1/4, …, 1/64 are what they are as floats too
DIGITS = 16  # of a float that nobody has written


def number(value: float | complex) -> Number:
    """Return a number: a fraction where it is one of small whole numbers, as 0.1 is not 1/10."""
    return Number(coefficient(value))


def coefficient(value: Any) -> Coefficient:
    """Return a number as formulas keep it: 0.5 as 1/2, and what has no shorter digits as 1/6."""
    if isinstance(value, Fraction | complex):
        return value
    if isinstance(value, bool | int) or (isinstance(value, float) and value.is_integer()):
        return Fraction(int(value)) if abs(value) < 1e15 else float(value)
    plain = float(value)
    if not isfinite(plain):
        return plain
    if (exact := Fraction(plain)).denominator <= HALVES:
        return exact
    near = exact.limit_denominator(LARGEST)
    return near if len(repr(plain)) >= DIGITS and float(near) == plain else plain


def _folded(a: Coefficient, b: Coefficient, times: bool) -> Coefficient:
    found: Any = a * b if times else a + b
    if isinstance(found, Fraction) and max(abs(found.numerator), found.denominator) > LARGEST:
        return found if found.denominator == 1 else float(found)
    if isinstance(found, float) and isinstance(a, float) and isinstance(b, float):
        return _snapped(found)
    return found  # type: ignore[no-any-return]


def _snapped(value: float) -> Coefficient:
    """Return a float as a fraction of small numbers where it is one but for rounding: (1/√2)²."""
    near = Fraction(value).limit_denominator(12) if abs(value) < LARGEST else Fraction(0)
    return near if abs(float(near) - value) <= 1e-15 * abs(value) else value


# ---- element by element --------------------------------------------------------------------


def _bare(formulas: Iterable[Formula]) -> tuple[list[Formula], Shape]:
    """Return formulas without what broadcasting does anyway, and the shape of them together."""
    given = list(formulas)
    shape = np.broadcast_shapes(*(f.shape for f in given))
    return [f.of if isinstance(f, Expanded) and _fills(f) else f for f in given], shape


def _fills(f: Expanded) -> bool:
    """Say whether broadcasting would do by itself what an expansion does."""
    return np.broadcast_shapes(f.of.shape, f.shape) == f.shape


def _weighted(term: Formula) -> tuple[Formula, Coefficient]:
    """Return a term without its number, and the number."""
    if isinstance(term, Number):
        return ONE, term.value
    if isinstance(term, Product) and term.coefficient != 1:
        return product(Fraction(1), term.factors), term.coefficient
    return term, Fraction(1)


def add(*terms: Formula) -> Formula:
    """Return a sum, like terms joined."""
    bare, shape = _bare(terms)
    found: dict[Formula, Coefficient] = {}
    for term in bare:
        core, weight = _weighted(term)
        parts = core.terms.items() if isinstance(core, Sum) else ((core, Fraction(1)),)
        for one, times in parts:
            found[one] = _folded(found.get(one, Fraction(0)), _folded(times, weight, True), False)
    found = {one: weight for one, weight in found.items() if weight != 0}
    if len(found) == 2:
        found = _completed(found)
    if not found:
        return expand(ZERO, shape)
    if len(found) == 1:
        ((one, weight),) = found.items()
        return expand(multiply(Number(weight), one), shape)
    if common := _common(found):
        rest = [multiply(Number(w), _without(one, common)) for one, w in found.items()]
        return expand(multiply(product(Fraction(1), common), add(*rest)), shape)
    shared = _shared(found.values())
    if all(map(_minus, found.values())):
        whole = Sum({one: _folded(weight, Fraction(-1), True) for one, weight in found.items()})
        turned = Product(Fraction(-1), {whole: Fraction(1)})
        return expand(turned if shared == 1 else negative(add(whole)), shape)
    if shared == 1:
        return expand(Sum(found), shape)
    whole = Sum({one: Fraction(-1 if _minus(weight) else 1) for one, weight in found.items()})
    return expand(multiply(Number(shared), whole), shape)


def _minus(weight: Coefficient) -> bool:
    return not isinstance(weight, complex) and weight < 0


def _powers(term: Formula) -> dict[Formula, Coefficient]:
    if isinstance(term, Number):
        return {}
    return term.factors if isinstance(term, Product) else {term: Fraction(1)}


def _common(terms: Iterable[Formula]) -> dict[Formula, Coefficient]:
    """Return the factors that all of some terms have."""
    first, *rest = map(_powers, terms)
    return {x: e for x, e in first.items() if all(other.get(x) == e for other in rest)}


def _without(term: Formula, factors: dict[Formula, Coefficient]) -> Formula:
    return product(Fraction(1), {x: e for x, e in _powers(term).items() if x not in factors})


def _shared(weights: Iterable[Coefficient]) -> Fraction | float:
    """Return what all of some numbers are but for signs, as in (a - b) / 3, or 1."""
    sizes = {_size(w) for w in weights}
    return sizes.pop() if len(sizes) == 1 else Fraction(1)


def _size(weight: Coefficient) -> Fraction | float:
    if isinstance(weight, complex):
        return 1.0
    return -weight if weight < 0 else weight


def _completed(found: dict[Formula, Coefficient]) -> dict[Formula, Coefficient]:
    """Return sin(a)² + cos(a)² of a number `a` as 1."""
    (one, m), (other, n) = found.items()
    for s, c in ((one, other), (other, one)):
        angle = _squared_call(s, "sin")
        if m == n and angle is not None and angle == _squared_call(c, "cos") and not angle.shape:
            return {ONE: m}
    return found


def _squared_call(term: Formula, name: str) -> Formula | None:
    if not isinstance(term, Product) or len(term.factors) != 1:
        return None
    ((inner, exponent),) = term.factors.items()
    if exponent == 2 and isinstance(inner, Call) and inner.name == name:
        found = inner.arguments[0]
        return found if isinstance(found, Formula) else None
    return None


def negative(a: Formula) -> Formula:
    """Return -a."""
    return multiply(Number(Fraction(-1)), a)


def subtract(a: Formula, b: Formula) -> Formula:
    """Return a - b."""
    return add(a, negative(b))


def multiply(*factors: Formula) -> Formula:
    """Return a product of each element, like factors joined."""
    bare, shape = _bare(factors)
    weight: Coefficient = Fraction(1)
    found: dict[Formula, Coefficient] = {}
    for factor in bare:
        if isinstance(factor, Number):
            weight = _folded(weight, factor.value, True)
            continue
        if isinstance(factor, Product):
            weight = _folded(weight, factor.coefficient, True)
        parts = factor.factors.items() if isinstance(factor, Product) else ((factor, Fraction(1)),)
        for one, exponent in parts:
            found[one] = _folded(found.get(one, Fraction(0)), exponent, False)
    if weight == 0:
        return expand(ZERO, shape)
    return expand(product(weight, {f: e for f, e in found.items() if e != 0}), shape)


def product(weight: Coefficient, factors: dict[Formula, Coefficient]) -> Formula:
    """Return a product of factors that are joined already."""
    if not factors:
        return Number(weight)
    if len(factors) == 1:
        ((one, exponent),) = factors.items()
        if exponent == 1 and weight == 1:
            return one
        if exponent == 1 and isinstance(one, Sum) and weight == -1:  # -(a - b) is b - a
            return Sum({t: _folded(w, weight, True) for t, w in one.terms.items()})
    return Product(weight, factors)


def divide(a: Formula, b: Formula) -> Formula:
    """Return a / b."""
    return multiply(a, power(b, Fraction(-1)))


def power(a: Formula, exponent: Coefficient) -> Formula:
    """Return a to the power of a number."""
    exponent = coefficient(exponent)
    if isinstance(exponent, complex):
        return Call("pow", (a, Number(exponent)), {}, a.shape)
    if exponent == 0:
        return expand(ONE, a.shape)
    if isinstance(a, Expanded) and _fills(a):
        return expand(power(a.of, exponent), a.shape)
    whole = isinstance(exponent, Fraction) and exponent.denominator == 1
    if isinstance(a, Number):
        if whole and isinstance(a.value, Fraction) and (a.value != 0 or exponent > 0):
            return Number(a.value ** int(exponent))
        if _positive(a):
            base: Any = a.value
            return Number(_snapped(float(base) ** float(exponent)))
        return Product(Fraction(1), {a: exponent})
    if isinstance(a, Product) and whole:
        weight = power(Number(a.coefficient), exponent)
        assert isinstance(weight, Number), "a coefficient is not 0"
        return product(weight.value, {f: _folded(e, exponent, True) for f, e in a.factors.items()})
    return product(Fraction(1), {a: exponent})


def _positive(a: Number) -> bool:
    return not isinstance(a.value, complex) and a.value > 0


def expand(a: Formula, shape: Shape) -> Formula:
    """Return a formula repeated to a shape, itself where it has that already."""
    if a.shape == shape:
        return a
    if isinstance(a, Expanded) and _fills(a):
        return expand(a.of, shape)
    return Expanded(a, shape)


def call(name: str, *arguments: Any, shape: Shape, **keywords: Any) -> Formula:
    """Return a function of formulas, undone where it undoes another."""
    first = arguments[0] if arguments else None
    if isinstance(dim := keywords.get("dim"), tuple) and len(dim) == 1:
        keywords["dim"] = dim[0]
    if name in OPPOSITES and np.broadcast_shapes(*(a.shape for a in arguments)) == shape:
        bare = [a.of if isinstance(a, Expanded) and _fills(a) else a for a in arguments]
        if np.broadcast_shapes(*(a.shape for a in bare)) == shape:
            arguments, first = tuple(bare), bare[0]
    if name in ("gt", "le") and isinstance(first, Call) and is_zero(arguments[1]):
        bent = first.name == "relu"  # relu(a) > 0 where a > 0
        return Call(name, (first.arguments[0] if bent else first, ZERO), {}, shape)
    if name == "exp" and isinstance(first, Sum):
        found = _shares(first, shape)
        if found is not None:
            return found
    if isinstance(first, Call):
        if (name, first.name) == ("exp", "log_softmax"):
            return Call("softmax", first.arguments, first.keywords, shape)
        if (name, first.name) in (("exp", "log"), ("log", "exp"), ("conj", "conj")):
            inner = first.arguments[0]
            assert isinstance(inner, Formula), "these take a formula"
            return inner
    return Call(name, arguments, keywords, shape)


OPPOSITES = {"gt": "le", "le": "gt", "lt": "ge", "ge": "lt", "eq": "ne", "ne": "eq"}


def is_zero(a: Formula) -> bool:
    """Say whether a formula is 0 everywhere."""
    inner = a.of if isinstance(a, Expanded) else a
    return isinstance(inner, Number) and inner.value == 0


def opposite(mask: Formula) -> Formula:
    """Return where a mask is false; of a comparison, the opposite one."""
    if isinstance(mask, Call) and mask.name in OPPOSITES:
        return call(OPPOSITES[mask.name], *mask.arguments, shape=mask.shape)
    if isinstance(mask, Call) and mask.name == "logical_not":
        (inner,) = mask.arguments
        assert isinstance(inner, Formula), "a mask is a formula"
        return inner
    return Call("logical_not", (mask,), {}, mask.shape)


def _shares(a: Sum, shape: Shape) -> Formula | None:
    """Return exp(z - logsumexp(z)) as the softmax of z."""
    for term, weight in a.terms.items():
        if isinstance(term, Call) and term.name == "logsumexp" and weight == -1:
            (z,) = term.arguments
            rest = add(*(multiply(Number(w), t) for t, w in a.terms.items() if t is not term))
            if rest == z and (term.keywords.get("keepdim") or not term.shape):
                return Call("softmax", (z,), {"dim": term.keywords["dim"]}, shape)
    return None
