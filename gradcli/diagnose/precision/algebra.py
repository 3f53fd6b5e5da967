"""Algebra on terms: common denominators, products multiplied out, conjugates, common factors."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, permutations

from gradcli.diagnose.precision.terms import (
    ONE,
    Term,
    TermFault,
    minus,
    over,
    plus,
    product,
    times,
    total,
)

MOST = 60  # items of a sum that is multiplied out


def expanded(term: Term) -> Term:
    """Return a term with its products of sums multiplied out.

    Raises: TermFault where it becomes too long.
    """
    if term.op == "total":
        return total((w, expanded(x)) for w, x in term.items())
    if term.op != "product":
        return term
    items = [(term.factor, ONE)]
    for base, exponent in term.powers():
        inner = expanded(base) if base.op == "total" else base
        if inner.op != "total" or exponent < 1:
            items = [(w, times(x, product([(base, exponent)]))) for w, x in items]
            continue
        whole = int(exponent)
        if exponent != whole:
            items = [(w, times(x, product([(base, exponent - whole)]))) for w, x in items]
        for _ in range(whole):
            if len(items) * len(inner.args) > MOST:
                raise TermFault("too long")
            items = total((v * w, times(x, y)) for v, x in items for w, y in inner.items()).items()
    return total(items)


def together(term: Term) -> Term:
    """Return a sum over its common denominator, numerator multiplied out.

    Raises: TermFault where it becomes too long.
    """
    bases: dict[str, tuple[Term, Fraction]] = {}
    for _, x in term.items():
        for base, exponent in x.powers():
            before = bases.get(base.key, (base, Fraction(0)))[1]
            bases[base.key] = base, min(before, exponent)
    below = product((b, -e) for b, e in bases.values())
    above = total((w, times(x, below)) for w, x in term.items())
    return over(expanded(above), below)


def conjugates(term: Term) -> Iterator[Term]:
    """Yield a sum with roots, or two items of it, as a quotient above which the roots are gone."""
    items = term.items()
    if len(items) > 6:
        return
    for weight, x in items:
        root = max((e.denominator for _, e in x.powers()), default=1)
        if root not in (2, 3):
            continue
        a, others = product([(x, Fraction(1))], weight), [y for y in items if y[1] is not x]
        yield _conjugate(a, total(others), root)
        if len(others) > 1:
            for y in others:
                left = [z for z in others if z is not y]
                yield total([(Fraction(1), _conjugate(a, total([y]), root)), *left])


def _conjugate(a: Term, b: Term, root: int) -> Term:
    if root == 2:  # (a² - b²) / (a - b)
        return over(expanded(minus(_power(a, 2), _power(b, 2))), minus(a, b))
    square = plus(_power(a, 2), product([(times(a, b), Fraction(1))], -1), _power(b, 2))
    return over(expanded(plus(_power(a, 3), _power(b, 3))), square)


def together_in_pairs(term: Term) -> Iterator[Term]:
    """Yield a sum with two of its items over their common denominator."""
    items = term.items()
    for a, b in combinations(items, 2) if 3 <= len(items) <= 5 else ():
        left = [x for x in items if x is not a and x is not b]
        yield total([*left, (Fraction(1), together(total([a, b])))])


def _power(term: Term, exponent: int) -> Term:
    return product([(term, Fraction(exponent))])


def factored(term: Term) -> Iterator[Term]:
    """Yield a sum with what its items have in common before it, or that of some of them."""
    items = term.items()
    bases: dict[str, Term] = {}
    for _, x in items:
        for base, exponent in x.powers():
            if abs(exponent) >= 1 or len(x.powers()) > 1:
                bases.setdefault(base.key, base)
    content = _content([w for w, _ in items])
    if content != 1:
        yield product([(total((w / content, x) for w, x in items), Fraction(1))], content)
    for base in bases.values():
        having = [(w, x) for w, x in items if any(b.key == base.key for b, _ in x.powers())]
        if len(having) < 2:
            continue
        exponents = [e for _, x in having for b, e in x.powers() if b.key == base.key]
        least = min(exponents) if min(exponents) > 0 else max(exponents)
        if least == 0:
            continue
        part = product([(base, least)])
        inner = total((w, over(x, part)) for w, x in having)
        rest = [y for y in items if y not in having]
        yield total([(Fraction(1), times(part, inner)), *rest])


def _content(weights: list[Fraction]) -> Fraction:
    """Return the common factor of numbers, that of the first one's sign."""
    from math import gcd

    if any(w.denominator > 1000 for w in weights):
        return Fraction(1)
    above = gcd(*(w.numerator for w in weights))
    below = 1
    for w in weights:
        below = below * w.denominator // gcd(below, w.denominator)
    sign = -1 if all(w < 0 for w in weights) else 1
    return Fraction(sign * above, below)


def regrouped(term: Term) -> Iterator[Term]:
    """Yield a sum of few items in other orders: what cancels exactly comes first."""
    items = term.items()
    if 3 <= len(items) <= 4:
        for order in permutations(items):
            yield Term("total", tuple(x for _, x in order), tuple(w for w, _ in order))


def powers_apart(term: Term) -> Iterator[Term]:
    """Yield a quotient with numerator and denominator divided by a part of the denominator."""
    if term.op != "product":
        return
    for base, exponent in term.powers():
        if exponent >= 0 or base.op != "total":
            continue
        for _, x in base.items():
            if x.value is None:
                inner = total((w, over(y, x)) for w, y in base.items())
                rest = [y for y in term.powers() if y[0] is not base]
                yield product([*rest, (inner, exponent), (x, exponent)], term.factor)


def square_out(term: Term) -> Iterator[Term]:
    """Yield a root of a sum with an item before it: sqrt(x² + 1) = |x| sqrt(1 + 1/x²)."""
    if term.op != "product":
        return
    for base, exponent in term.powers():
        if exponent.denominator != 2 or base.op != "total":
            continue
        for _, x in base.items():
            if x.value is None:
                inner = total((w, over(y, x)) for w, y in base.items())
                size = Term("abs", (product([(b, e / 2) for b, e in x.powers()]),))
                rest = [y for y in term.powers() if y[0] is not base]
                yield product([*rest, (inner, exponent), (size, exponent * 2)], term.factor)
