"""Formulas: trees that are simple from the moment they are made.

`add`, `multiply`, `power`, `matmul`, `transpose`, `expand`, `total` and `call` make them. Like
terms and like factors are joined, numbers come first, what broadcasting does by itself is not
written, and a matrix product keeps its numbers outside. Every formula has a shape, as a tensor has.

Two formulas are equal where they are written alike, whatever the order of terms and factors.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from gradcli.rule.meta import Shape

Coefficient = Fraction | float | complex

REDUCTIONS = ("sum", "mean", "logsumexp", "amax", "amin", "prod")
LARGEST = 10_000  # numerator and denominator of a number that is kept as a fraction


class Formula:
    """What all formulas are: a shape, and parts by which they are told apart."""

    __slots__ = ("_hash", "key", "shape")

    def __init__(self, shape: Shape, key: Any) -> None:
        self.shape, self.key = shape, key
        self._hash = hash((type(self), shape, key))

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            type(self) is type(other)
            and self._hash == other._hash
            and self.shape == other.shape
            and bool(self.key == other.key)
        )

    def __hash__(self) -> int:
        return self._hash

    @property
    def inside(self) -> tuple[Formula, ...]:
        """The formulas that this one is made of."""
        return ()


class Number(Formula):
    """A number without dimensions."""

    __slots__ = ("value",)

    def __init__(self, value: Coefficient) -> None:
        super().__init__((), value)
        self.value = value


class Name(Formula):
    """A tensor that stands for itself."""

    __slots__ = ("name",)

    def __init__(self, name: str, shape: Shape = ()) -> None:
        super().__init__(shape, name)
        self.name = name


class Sum(Formula):
    """Terms, each with a coefficient; two or more of them."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[Formula, Coefficient]) -> None:
        shape = np.broadcast_shapes(*(t.shape for t in terms))
        super().__init__(shape, frozenset(terms.items()))
        self.terms = terms

    @property
    def inside(self) -> tuple[Formula, ...]:
        return tuple(self.terms)


class Product(Formula):
    """A coefficient times factors of each element, each to a power that is a number."""

    __slots__ = ("coefficient", "factors")

    def __init__(self, coefficient: Coefficient, factors: dict[Formula, Coefficient]) -> None:
        shape = np.broadcast_shapes(*(f.shape for f in factors))
        super().__init__(shape, (coefficient, frozenset(factors.items())))
        self.coefficient, self.factors = coefficient, factors

    @property
    def inside(self) -> tuple[Formula, ...]:
        return tuple(self.factors)


class Chain(Formula):
    """A product of matrices and vectors, in their order."""

    __slots__ = ("factors",)

    def __init__(self, factors: tuple[Formula, ...]) -> None:
        super().__init__(_chained([f.shape for f in factors]), factors)
        self.factors = factors

    @property
    def inside(self) -> tuple[Formula, ...]:
        return self.factors


class Transposed(Formula):
    """A tensor whose last two dimensions are exchanged."""

    __slots__ = ("of",)

    def __init__(self, of: Formula) -> None:
        super().__init__((*of.shape[:-2], of.shape[-1], of.shape[-2]), of)
        self.of = of

    @property
    def inside(self) -> tuple[Formula, ...]:
        return (self.of,)


class Expanded(Formula):
    """A tensor repeated to a larger shape, as broadcasting does it."""

    __slots__ = ("of",)

    def __init__(self, of: Formula, shape: Shape) -> None:
        super().__init__(shape, of)
        self.of = of

    @property
    def inside(self) -> tuple[Formula, ...]:
        return (self.of,)


class Call(Formula):
    """A function of the language: formulas first, then what it takes by name."""

    __slots__ = ("arguments", "keywords", "name")

    def __init__(
        self, name: str, arguments: Sequence[Any], keywords: dict[str, Any], shape: Shape
    ) -> None:
        self.name, self.arguments, self.keywords = name, tuple(arguments), keywords
        super().__init__(shape, (name, self.arguments, tuple(keywords.items())))

    @property
    def inside(self) -> tuple[Formula, ...]:
        return tuple(x for x in (*self.arguments, *self.keywords.values())
                     if isinstance(x, Formula))  # fmt: skip


ONE, ZERO = Number(Fraction(1)), Number(Fraction(0))


def number(value: float | complex) -> Number:
    """Return a number: a fraction where it is one of small whole numbers, as 0.1 is not 1/10."""
    return Number(coefficient(value))


def coefficient(value: Any) -> Coefficient:
    """Return a number as formulas keep it."""
    if isinstance(value, Fraction):
        return value
    if isinstance(value, bool | int) or (isinstance(value, float) and value.is_integer()):
        return Fraction(int(value)) if abs(value) < 1e15 else float(value)
    return complex(value) if isinstance(value, complex) else float(value)


def _folded(a: Coefficient, b: Coefficient, times: bool) -> Coefficient:
    found: Any = a * b if times else a + b
    if isinstance(found, Fraction) and max(abs(found.numerator), found.denominator) > LARGEST:
        return found if found.denominator == 1 else float(found)
    if times and isinstance(found, float) and isinstance(a, float) and isinstance(b, float):
        near = Fraction(found).limit_denominator(12) if abs(found) < LARGEST else Fraction(0)
        if abs(float(near) - found) <= 4e-16 * abs(found):  # (1/√2)² is 1/2
            return near
    return found  # type: ignore[no-any-return]


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
        return _product(Fraction(1), term.factors), term.coefficient
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
        return expand(multiply(_product(Fraction(1), common), add(*rest)), shape)
    shared = _shared(found.values())
    if shared == 1:
        return expand(Sum(found), shape)
    whole = Sum({one: _folded(weight, 1 / shared, True) for one, weight in found.items()})
    return expand(Product(shared, {whole: Fraction(1)}), shape)


def _powers(term: Formula) -> dict[Formula, Coefficient]:
    if isinstance(term, Number):
        return {}
    return term.factors if isinstance(term, Product) else {term: Fraction(1)}


def _common(terms: Iterable[Formula]) -> dict[Formula, Coefficient]:
    """Return the factors that all of some terms have."""
    first, *rest = map(_powers, terms)
    return {x: e for x, e in first.items() if all(other.get(x) == e for other in rest)}


def _without(term: Formula, factors: dict[Formula, Coefficient]) -> Formula:
    return _product(Fraction(1), {x: e for x, e in _powers(term).items() if x not in factors})


def _shared(weights: Iterable[Coefficient]) -> Fraction:
    """Return the fraction that all of some coefficients have, as in (a - b) / 3, or 1."""
    below = {abs(w) if isinstance(w, Fraction) else None for w in weights}
    shared = below.pop() if len(below) == 1 else None
    return Fraction(1) if shared is None else shared


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
    return expand(_product(weight, {f: e for f, e in found.items() if e != 0}), shape)


def _product(weight: Coefficient, factors: dict[Formula, Coefficient]) -> Formula:
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
            return number(float(base) ** float(exponent))
        return Product(Fraction(1), {a: exponent})
    if isinstance(a, Product) and whole:
        weight = power(Number(a.coefficient), exponent)
        assert isinstance(weight, Number), "a coefficient is not 0"
        return _product(weight.value, {f: _folded(e, exponent, True) for f, e in a.factors.items()})
    return _product(Fraction(1), {a: exponent})


def _positive(a: Number) -> bool:
    return not isinstance(a.value, complex) and a.value > 0


# ---- shapes and matrices -------------------------------------------------------------------


def expand(a: Formula, shape: Shape) -> Formula:
    """Return a formula repeated to a shape, itself where it has that already."""
    if a.shape == shape:
        return a
    if isinstance(a, Expanded) and _fills(a):
        return expand(a.of, shape)
    return Expanded(a, shape)


def transpose(a: Formula) -> Formula:
    """Return a formula with its last two dimensions exchanged."""
    if len(a.shape) < 2:
        return a
    if isinstance(a, Transposed):
        return a.of
    if isinstance(a, Chain) and all(len(f.shape) >= 2 for f in a.factors):
        return Chain(tuple(transpose(f) for f in reversed(a.factors)))
    if isinstance(a, Expanded) and len(a.of.shape) < 2 and a.of.shape in ((), (1,)):
        return Expanded(a.of, (*a.shape[:-2], a.shape[-1], a.shape[-2]))
    if isinstance(a, Product) and all(len(f.shape) == len(a.shape) or not f.shape
                                      for f in a.factors):  # fmt: skip
        return Product(a.coefficient, {transpose(f): e for f, e in a.factors.items()})
    if isinstance(a, Sum) and all(t.shape == a.shape for t in a.terms):
        return Sum({transpose(t): w for t, w in a.terms.items()})
    if isinstance(a, Call) and a.name == "eye":
        return a
    return Transposed(a)


def matmul(*matrices: Formula) -> Formula:
    """Return a matrix product; its numbers, and factors without dimensions, stand before it."""
    scalars: list[Formula] = []
    found: list[Formula] = []
    for matrix in matrices:
        outside, inner = scaled(matrix)
        scalars += outside
        parts = inner.factors if isinstance(inner, Chain) and len(inner.shape) > 0 else (inner,)
        for part in parts:
            if isinstance(part, Call) and part.name == "eye" and (found or len(matrices) > 1):
                continue
            found.append(part)
    if not found:
        found = [scaled(matrices[0])[1]]
    chain = found[0] if len(found) == 1 else Chain(tuple(found))
    return multiply(*scalars, chain) if scalars else chain


def scaled(a: Formula) -> tuple[list[Formula], Formula]:
    """Return what stands before a tensor, numbers and factors without dimensions, and the rest."""
    if not isinstance(a, Product):
        return [], a
    outside = {f: e for f, e in a.factors.items() if not f.shape}
    inside = {f: e for f, e in a.factors.items() if f.shape}
    before = _product(a.coefficient, outside)
    return ([] if before == ONE else [before]), _product(Fraction(1), inside)


def total(a: Formula, dims: tuple[int, ...] | None = None, keepdim: bool = False) -> Formula:
    """Return the sum over some dimensions, or over all; what does not vary stands outside."""
    over = tuple(range(len(a.shape))) if not dims else tuple(d % len(a.shape) for d in dims)
    if not over:
        return a
    shape = _reduced(a.shape, over, keepdim)
    if isinstance(a, Expanded) and not a.of.shape:
        return expand(multiply(Number(Fraction(prod(a.shape[d] for d in over))), a.of), shape)
    outside, inner = scaled(a)
    if outside:
        return multiply(*outside, total(inner, dims, keepdim))
    last = len(a.shape) - 1
    shares = isinstance(a, Call) and a.name in ("softmax", "one_hot") and over == (last,)
    if shares and a.keywords.get("dim", last) % len(a.shape) == last:  # type: ignore[attr-defined]
        return expand(ONE, shape)
    keywords: dict[str, Any] = {}
    if len(over) < len(a.shape) or keepdim:
        keywords["dim"] = over[0] if len(over) == 1 else over
    if keepdim:
        keywords["keepdim"] = True
    return Call("sum", (a,), keywords, shape)


def reshape(a: Formula, shape: Shape) -> Formula:
    """Return a formula in another shape; of a sum that kept its dimension, the sum without it."""
    if a.shape == shape:
        return a
    if isinstance(a, Expanded) and not a.of.shape:
        return expand(a.of, shape)
    if isinstance(a, Product | Sum) and all(x.shape in ((), a.shape) for x in a.inside):
        inside = {reshape(x, shape) if x.shape else x: w for x, w in _weights(a)}
        return Product(a.coefficient, inside) if isinstance(a, Product) else Sum(inside)
    if isinstance(a, Call) and a.name == "reshape":
        return reshape(a.arguments[0], shape)
    if isinstance(a, Call) and (a.name in REDUCTIONS) and isinstance(a.keywords.get("dim"), int):
        dim, inner = a.keywords["dim"], a.arguments[0]
        for keepdim in (False, True):
            if _reduced(inner.shape, (dim % len(inner.shape),), keepdim) == shape:
                keywords = {k: v for k, v in a.keywords.items() if k != "keepdim"}
                return Call(
                    a.name, a.arguments, keywords | ({"keepdim": True} if keepdim else {}), shape
                )
    return Call("reshape", (a, shape), {}, shape)


def _weights(a: Product | Sum) -> Iterable[tuple[Formula, Coefficient]]:
    return a.factors.items() if isinstance(a, Product) else a.terms.items()


def _reduced(shape: Shape, over: tuple[int, ...], keepdim: bool) -> Shape:
    kept = [(1 if d in over else n) for d, n in enumerate(shape) if keepdim or d not in over]
    return tuple(kept)


def call(name: str, *arguments: Any, shape: Shape, **keywords: Any) -> Formula:
    """Return a function of formulas, undone where it undoes another."""
    first = arguments[0] if arguments else None
    if isinstance(dim := keywords.get("dim"), tuple) and len(dim) == 1:
        keywords["dim"] = dim[0]
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
        if (name, first.name) in (("exp", "log"), ("log", "exp")):
            inner = first.arguments[0]
            assert isinstance(inner, Formula), "exp and log take a formula"
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
            rest = {t: w for t, w in a.terms.items() if t is not term}
            others = z.terms if isinstance(z, Sum) else {z: Fraction(1)}
            if rest == others and term.keywords.get("keepdim"):
                return Call("softmax", (z,), {"dim": term.keywords["dim"]}, shape)
    return None


def _chained(shapes: Sequence[Shape]) -> Shape:
    found = shapes[0]
    for shape in shapes[1:]:
        if len(found) == 1 and len(shape) == 1:
            found = ()
        elif len(shape) == 1:
            found = found[:-1]
        elif len(found) == 1:
            found = (*shape[:-2], shape[-1])
        else:
            found = (*np.broadcast_shapes(found[:-2], shape[:-2]), found[-2], shape[-1])
    return found
