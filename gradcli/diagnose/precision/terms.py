"""Formulas as small immutable terms: sums with coefficients, products with exponents, calls.

Constructors put together what is alike, so that large terms that cancel exactly are gone. A root is
an exponent: `sqrt(x)` is the product x^(1/2).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from fractions import Fraction
from functools import cached_property
from math import isqrt

LONGEST = 40  # items of a sum; what is longer is no formula that anyone wants to read
HALF = Fraction(1, 2)


class TermFault(ValueError):
    """A term that cannot be made: a division by 0, or one that is too long."""


class Term:
    """A formula.

    `op` is "name", "any" (what a pattern leaves open), "total", "product", or a function's name;
    "near" is `where(abs(x) < factor, a, b)` of x, a and b. A sum has a coefficient for each of its
    `args`, a product an exponent for each and a `factor`; a number is a product of nothing. The
    `name` of a reduction is the text of its dimensions.
    """

    def __init__(
        self, op: str, args: tuple[Term, ...] = (), weights: tuple[Fraction, ...] = (),
        factor: Fraction = Fraction(1), name: str = "",
    ) -> None:  # fmt: skip
        self.op, self.args, self.weights = op, args, weights
        self.factor, self.name = factor, name

    @cached_property
    def key(self) -> str:
        """What is the same for terms that differ in the order of their parts alone."""
        return self._text(sort=True)

    @cached_property
    def ordered(self) -> str:
        """What is the same for terms that are computed in the same order."""
        return self._text(sort=False)

    def _text(self, sort: bool) -> str:
        parts = [x.key if sort else x.ordered for x in self.args]
        if self.weights:
            parts = [f"{w}:{x}" for w, x in zip(self.weights, parts, strict=True)]
            parts = sorted(parts) if sort else parts
        return f"{self.op}{self.name}{self.factor}({','.join(parts)})"

    @cached_property
    def size(self) -> int:
        """How many names, numbers, functions, powers, divisions and minus signs someone reads."""
        if self.op == "product":
            own = int(self.factor not in (1, -1)) + int(self.factor < 0)
            own += sum((w != 1) + (w < 0 and w != -1) for w in self.weights) + (not self.args)
        elif self.op == "total":
            own = 1 + sum(abs(w) != 1 for w in self.weights) + int(all(w < 0 for w in self.weights))
        else:
            own = 1
        return own + sum(x.size for x in self.args)

    @cached_property
    def names(self) -> frozenset[str]:
        """The names that it has."""
        found = {self.name} if self.op in ("name", "any") else set[str]()
        return frozenset(found.union(*(x.names for x in self.args)))

    @cached_property
    def functions(self) -> frozenset[str]:
        """The functions that are called in it."""
        own = set[str]() if self.op in ("name", "any", "total", "product") else {self.op}
        return frozenset(own.union(*(x.functions for x in self.args)))

    @property
    def value(self) -> Fraction | None:
        """The number that it is, None where it is none."""
        return self.factor if self.op == "product" and not self.args else None

    def items(self) -> list[tuple[Fraction, Term]]:
        """Return it as a sum: coefficients and terms without one."""
        if self.op == "total":
            return list(zip(self.weights, self.args, strict=True))
        if self.op == "product":
            return [(self.factor, product(self.powers()))] if self.factor else []
        return [(Fraction(1), self)]

    def powers(self) -> list[tuple[Term, Fraction]]:
        """Return it as a product without its factor: bases and exponents."""
        if self.op == "product":
            return list(zip(self.args, self.weights, strict=True))
        return [(self, Fraction(1))]


def number(value: Fraction | int | float) -> Term:
    """Return a number; a double is the fraction that it is."""
    return Term("product", factor=Fraction(value))


ONE, ZERO = number(1), number(0)


def name(text: str) -> Term:
    """Return a name."""
    return Term("name", name=text)


def total(items: Iterable[tuple[Fraction, Term]]) -> Term:
    """Return a sum of terms, those that are alike put together.

    Raises: TermFault where it is too long.
    """
    found: dict[str, tuple[Fraction, Term]] = {}
    for weight, term in items:
        for own, part in _flat(term):
            before = found.get(part.key)
            now = weight * own + (before[0] if before else 0)
            found[part.key] = now, before[1] if before else part
    kept = [(w, x) for w, x in found.values() if w]
    if len(kept) > LONGEST:
        raise TermFault("too long")
    if not kept:
        return ZERO
    if len(kept) == 1:
        return product(kept[0][1].powers(), kept[0][0])
    return Term("total", tuple(x for _, x in kept), tuple(w for w, _ in kept))


def _flat(term: Term) -> list[tuple[Fraction, Term]]:
    """Return a term as a sum, `-(a + b)` too, but not `2*(a + b)`."""
    items = term.items()
    if len(items) == 1 and items[0][1].op == "total" and abs(items[0][0]) == 1:
        return [(items[0][0] * w, x) for w, x in items[0][1].items()]
    return items


def product(powers: Iterable[tuple[Term, Fraction]], factor: Fraction | int = 1) -> Term:
    """Return a product of powers, those of the same base put together.

    Raises: TermFault where it divides by 0.
    """
    found: dict[str, tuple[Term, Fraction]] = {}
    factor = Fraction(factor)
    for given, exponent in powers:
        parts, scale = _raised(given, exponent)
        factor *= scale
        for base, own in parts:
            before = found.get(base.key)
            found[base.key] = base, own + (before[1] if before else 0)
    kept = [(x, w) for x, w in found.values() if w]
    if not factor:
        return ZERO
    if any(x.op == "product" and w.denominator == 1 for x, w in kept):
        return product(kept, factor)  # a root that has been squared
    if len(kept) == 1 and kept[0][1] == 1:
        base = kept[0][0]
        if factor == 1:
            return base
        if base.op == "total" and (
            any(abs(w) != 1 == abs(w * factor) for w in base.weights)
            or (factor == -1 and any(w < 0 for w in base.weights))
        ):
            return total((w * factor, x) for w, x in base.items())  # (2*x + y)/2 is x + y/2
    if any(w.denominator > 12 or abs(w) > 64 for _, w in kept):
        raise TermFault("no power that anyone writes")
    return Term("product", tuple(x for x, _ in kept), tuple(w for _, w in kept), factor)


def _raised(base: Term, exponent: Fraction) -> tuple[list[tuple[Term, Fraction]], Fraction]:
    """Return a power as powers and a factor; sqrt(x**2) stays, since it is not x."""
    whole = exponent.denominator == 1
    if base.op == "total" and whole and all(w < 0 for w in base.weights):
        positive = Term("total", base.args, tuple(-w for w in base.weights))
        return [(positive, exponent)], Fraction(-1) ** int(exponent)
    if base.op == "exp" and exponent < 0 and whole and _is_negative(base.args[0]):
        return [(Term("exp", (product([(base.args[0], Fraction(1))], -1),)), -exponent)], Fraction(
            1
        )
    if base.op != "product":
        return [(base, exponent)], Fraction(1)
    if whole:
        if (not base.factor and exponent < 0) or abs(exponent) > 64:
            raise TermFault("division by 0, or a power that is too large")
        return [(x, w * exponent) for x, w in base.powers()], base.factor ** int(exponent)
    root = _root(base.factor) if exponent.denominator == 2 and base.factor > 0 else None
    if root is None or not base.factor:
        return [(base, exponent)], Fraction(1)
    rest = product(base.powers())
    return [(rest, exponent)] if rest is not ONE and rest.value is None else [], root ** int(
        exponent * 2
    )


def _is_negative(term: Term) -> bool:
    return term.op == "product" and term.factor < 0


def _root(x: Fraction) -> Fraction | None:
    above, below = isqrt(x.numerator), isqrt(x.denominator)
    exact = above**2 == x.numerator and below**2 == x.denominator
    return Fraction(above, below) if exact else None


def call(function: str, *args: Term) -> Term:
    """Return a function of terms; roots, powers and quotients become what they are."""
    if function == "sqrt":
        return power(args[0], number(HALF))
    if function == "pow":
        return power(*args)
    if function == "exp" and args[0].value == 0:
        return ONE
    if function == "log" and args[0].value == 1:
        return ZERO
    if function in (*ODD, "expm1", "log1p") and args[0].value == 0:
        return ZERO
    if function in (*ODD, *EVEN) and _is_negative(args[0]):
        found = Term(function, (product(args[0].powers(), -args[0].factor),))
        return found if function in EVEN else product([(found, Fraction(1))], -1)
    return Term(function, args)


ODD = ("sin", "tan", "asin", "atan", "sinh", "tanh", "asinh", "atanh", "erf")
EVEN = ("cos", "cosh", "abs")


def power(base: Term, exponent: Term) -> Term:
    """Return a power."""
    value = exponent.value
    if value is None or value.denominator > 12:
        third = value is not None and abs(value * 3 - round(value * 3)) < Fraction(1, 10**15)
        if not third or value is None:
            return Term("pow", (base, exponent))
        value = Fraction(round(value * 3), 3)  # x**(1/3), where 1/3 is a double
    return product([(base, value)])


def plus(*terms: Term) -> Term:
    """Return a sum."""
    return total((Fraction(1), x) for x in terms)


def minus(a: Term, b: Term) -> Term:
    """Return a difference."""
    return total([(Fraction(1), a), (Fraction(-1), b)])


def times(*terms: Term) -> Term:
    """Return a product."""
    return product((x, Fraction(1)) for x in terms)


def over(a: Term, b: Term) -> Term:
    """Return a quotient."""
    return product([(a, Fraction(1)), (b, Fraction(-1))])


def rebuilt(term: Term, args: Iterable[Term]) -> Term:
    """Return a term with other parts."""
    given = tuple(args)
    if term.op == "total":
        return total(zip(term.weights, given, strict=True))
    if term.op == "product":
        return product(zip(given, term.weights, strict=True), term.factor)
    if term.op == "near":
        return Term("near", given, factor=term.factor)
    if term.name:
        return Term(term.op, given, name=term.name)
    return call(term.op, *given) if given else term


def replaced(term: Term, names: Mapping[str, Term]) -> Term:
    """Return a term with terms in the place of its names."""
    if term.op in ("name", "any"):
        return names.get(term.name, term)
    if not term.names & names.keys():
        return term
    return rebuilt(term, (replaced(x, names) for x in term.args))


# ---- from a text ---------------------------------------------------------------------------


BINARY: dict[type[ast.operator], Callable[[Term, Term], Term]] = {
    ast.Add: plus, ast.Sub: minus, ast.Mult: times, ast.Div: over, ast.Pow: power
}  # fmt: skip


def parsed(text: str, wildcards: bool = False) -> Term:
    """Return a formula that is written as in the language; `wildcards`: each letter is one."""
    return _read(ast.parse(text, mode="eval").body, "any" if wildcards else "name")


def _read(node: ast.expr, kind: str) -> Term:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return number(node.value)
    if isinstance(node, ast.Name):
        return Term(kind, name=node.id)
    if isinstance(node, ast.UnaryOp):
        return product([(_read(node.operand, kind), Fraction(1))], -1)
    if isinstance(node, ast.BinOp):
        a, b = _read(node.left, kind), _read(node.right, kind)
        return BINARY[type(node.op)](a, b)
    assert isinstance(node, ast.Call), ast.dump(node)
    assert isinstance(node.func, ast.Name), ast.dump(node)
    return call(node.func.id, *(_read(x, kind) for x in node.args))
