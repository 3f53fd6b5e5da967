"""Terms as text of the language, as someone would write it."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from gradcli.diagnose.precision.terms import HALF, Term

ATOM, POWER, PRODUCT, SUM = 4, 3, 2, 1
Spelled = Callable[[str], str]


def text(term: Term, spelled: Spelled = str) -> str:
    """Return a term as text; `spelled` gives the names of functions."""
    return ranked(term, spelled)[1]


def ranked(term: Term, spelled: Spelled = str) -> tuple[int, str]:
    """Return a term as text, and how tightly it binds."""
    return _Writer(spelled).ranked(term, False)


class _Writer:
    def __init__(self, spelled: Spelled) -> None:
        self.spelled = spelled

    def written(self, term: Term, rank: int, tight: bool) -> str:
        own, text = self.ranked(term, tight)
        return text if own >= rank else f"({self.ranked(term, False)[1]})"

    def ranked(self, term: Term, tight: bool) -> tuple[int, str]:
        if term.op == "name":
            return (ATOM if term.name.isidentifier() or _is_atom(term.name) else SUM), term.name
        if term.op == "total":
            return SUM, self._sum(term)
        if term.op == "product":
            return self._product(term, tight)
        if term.op == "pow":
            base, exponent = term.args
            return POWER, f"{self.written(base, ATOM, True)}**{self.written(exponent, POWER, True)}"
        if term.op == "near":
            x, a, b = (self.written(part, SUM, True) for part in term.args)
            limit = f"{self.spelled('abs')}({x}) < {float(term.factor):g}"
            return ATOM, f"{self.spelled('where')}({limit}, {a}, {b})"
        args = ", ".join(self.written(x, SUM, len(term.args) > 1) for x in term.args)
        return ATOM, f"{self.spelled(term.op)}({args}{term.name})"

    def _sum(self, term: Term) -> str:
        items = term.items()
        first = next((k for k, (w, _) in enumerate(items) if w > 0), 0)
        if first == 1:  # b - a, and no -a + b: the same number
            items = [items[1], items[0], *items[2:]]
        result = ""
        for weight, x in items:
            _, part = self._product(_scaled(x, abs(weight)), True)
            if not result:
                result = f"-{part}" if weight < 0 else part
            else:
                result += f" {'-' if weight < 0 else '+'} {part}"
        return result

    def _product(self, term: Term, tight: bool) -> tuple[int, str]:
        factor, powers = term.factor if term.op == "product" else Fraction(1), term.powers()
        if not powers:
            rank, text = _number(factor)
            return rank, text
        above = [self._power(x, e) for x, e in powers if e > 0]
        below = [self._power(x, -e) for x, e in powers if e < 0]
        size = abs(factor)
        over = size.denominator if _is_plain_fraction(size) else 1
        front = size * over
        if front != 1 or not above:
            above.insert(0, _number(front)[1])
        if over != 1:
            below.insert(0, str(over))
        wide = not tight
        upper = (" * " if wide and not below else "*").join(above)
        if not below:
            result = upper
        else:
            lower = below[0] if len(below) == 1 else f"({'*'.join(below)})"
            result = f"{upper} / {lower}" if wide else f"{upper}/{lower}"
        only = len(above) == 1 and not below
        rank = (
            (ATOM if "**" not in upper and len(powers) == 1 and front == 1 else PRODUCT)
            if only
            else PRODUCT
        )
        if only and "**" in upper:
            rank = POWER
        return (SUM, f"-{result}") if factor < 0 else (rank, result)

    def _power(self, base: Term, exponent: Fraction) -> str:
        if exponent == HALF:
            return f"{self.spelled('sqrt')}({self.written(base, SUM, False)})"
        if exponent == 1:
            return self.written(base, POWER, True)
        if exponent.denominator == 2:
            return f"{self._power(base, exponent - HALF)}*{self._power(base, HALF)}"
        shown = str(exponent) if exponent.denominator == 1 else f"({exponent})"
        return f"{self.written(base, ATOM, True)}**{shown}"


def _scaled(term: Term, weight: Fraction) -> Term:
    if term.op == "product":
        return Term("product", term.args, term.weights, term.factor * weight)
    return Term("product", (term,), (Fraction(1),), weight)


def _is_plain_fraction(x: Fraction) -> bool:
    return x.denominator != 1 and x.denominator < 10**6


def _number(x: Fraction) -> tuple[int, str]:
    if x.denominator == 1 and abs(x) < 10**15:
        return (ATOM if x >= 0 else SUM), str(x.numerator)
    if _is_plain_fraction(x) and x.denominator & (x.denominator - 1):
        return PRODUCT, f"{x.numerator}/{x.denominator}"
    return (ATOM if x >= 0 else SUM), repr(float(x))


def _is_atom(name: str) -> bool:
    """Say whether the text of an operand binds as tightly as a name: `x[0]`, `f(x)`, `net.w`."""
    depth = 0
    for k, character in enumerate(name):
        if character in "([":
            if not k:
                return False
            depth += 1
        elif character in ")]":
            depth -= 1
        elif not depth and not (character.isalnum() or character in "_."):
            return False
    return True
