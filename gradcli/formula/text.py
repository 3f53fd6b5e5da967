"""Formulas as text: in the language, in NumPy, PyTorch and JAX, and as mathematics is printed."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.formula.dialects import LANGUAGE, MATHEMATICS, Dialect
from gradcli.formula.expressions import (
    Call,
    Chain,
    Coefficient,
    Expanded,
    Formula,
    Name,
    Number,
    Product,
    Sum,
    Transposed,
)
from gradcli.rule.meta import Shape

ATOM, POWER, SIGN, PRODUCT, SUM, LOGIC, COMPARISON = 7, 6, 5, 4, 3, 2, 1
INFIX = {
    "gt": (">", COMPARISON), "ge": (">=", COMPARISON), "lt": ("<", COMPARISON),
    "le": ("<=", COMPARISON), "eq": ("==", COMPARISON), "ne": ("!=", COMPARISON),
    "logical_and": ("&", LOGIC), "logical_or": ("|", LOGIC), "bitwise_and": ("&", LOGIC),
    "bitwise_or": ("|", LOGIC),
}  # fmt: skip


SUPERSCRIPT = str.maketrans("0123456789-", "⁰¹²³⁴⁵⁶⁷⁸⁹⁻")


class Writer:
    """Writes formulas in a dialect; each method returns a text and how tightly it binds."""

    def __init__(self, dialect: Dialect = LANGUAGE) -> None:
        self.dialect = dialect

    def text(self, formula: Any, rank: int = COMPARISON) -> str:
        """Return a formula, in brackets where it binds less than `rank`."""
        text, own = self._written(formula)
        return text if own >= rank else f"({text})"

    def _written(self, x: Any) -> tuple[str, int]:
        if isinstance(x, Name):
            return x.name, ATOM
        if isinstance(x, Number):
            return self._number(x.value)
        if isinstance(x, Sum):
            return self._sum(x), SUM
        if isinstance(x, Product):
            return self._product(x)
        if isinstance(x, Chain):
            return " @ ".join(self._factors(x)), PRODUCT
        if isinstance(x, Transposed):
            return self._transposed(x), ATOM
        if isinstance(x, Expanded):
            return self._expanded(x)
        if isinstance(x, Call):
            return self._call(x)
        return self._plain(x), ATOM

    def _number(self, value: Coefficient) -> tuple[str, int]:
        if isinstance(value, Fraction) and value.denominator != 1:
            sign = SIGN if value < 0 else PRODUCT
            return f"{self._integer(value.numerator)}/{value.denominator}", min(sign, PRODUCT)
        if isinstance(value, Fraction):
            return self._integer(int(value)), ATOM if value >= 0 else SIGN
        if isinstance(value, complex):
            return repr(value), ATOM
        assert isinstance(value, float), "what is no fraction is a float"
        text = known(abs(value), self.dialect)
        rank = PRODUCT if "*" in text or "/" in text or "·" in text else ATOM
        return (f"{self.dialect.minus}{text}", SIGN) if value < 0 else (text, rank)

    def _integer(self, value: int) -> str:
        return f"{self.dialect.minus if value < 0 else ''}{abs(value)}"

    def _sum(self, x: Sum) -> str:
        terms = sorted(
            x.terms.items(), key=lambda t: negative_weight(t[1])
        )  # `1 - y`, not `-y + 1`
        text = ""
        for position, (term, weight) in enumerate(terms):
            sign = negative_weight(weight)
            one = self._term(term, -weight if sign else weight)
            if not position:
                text = f"{self.dialect.minus}{one}" if sign else one
            else:
                text += f" {self.dialect.minus if sign else '+'} {one}"
        return text

    def _term(self, term: Formula, weight: Coefficient) -> str:
        if isinstance(term, Number):
            return self._number(weight)[0]
        if isinstance(term, Product):
            return self._product(Product(weight, term.factors))[0]
        return self._product(Product(weight, {term: Fraction(1)}))[0]

    def _product(self, x: Product) -> tuple[str, int]:
        weight, sign = x.coefficient, negative_weight(x.coefficient)
        weight = -weight if sign else weight
        above: list[str] = []
        below: list[str] = []
        ratio = isinstance(weight, Fraction)
        top = weight.numerator if isinstance(weight, Fraction) else weight
        if top != 1 or not any(not negative_weight(e) for e in x.factors.values()):
            above.append(self._number(Fraction(top) if isinstance(top, int) else top)[0])
        if ratio and isinstance(weight, Fraction) and weight.denominator != 1:
            below.append(str(weight.denominator))
        chains = sum(isinstance(f, Chain) for f in x.factors)
        for factor, exponent in x.factors.items():
            place = below if negative_weight(exponent) else above
            alone = chains == 1 and len(x.factors) == 1 and place is above
            rank = PRODUCT if alone else SIGN
            place.append(self._powered(factor, abs(exponent), rank))
        times = f"{self.dialect.times}" if self._tight(above) else f" {self.dialect.times} "
        text = times.join(above)
        if below:
            under = times.join(below)
            slash = "/" if self._tight([text, under]) else " / "
            text += f"{slash}{under}" if len(below) == 1 else f"{slash}({under})"
        if sign:
            return f"{self.dialect.minus}{text}", min(SIGN, PRODUCT)
        single = len(above) == 1 and not below
        return text, POWER if single and len(x.factors) == 1 and top == 1 else PRODUCT

    def _tight(self, parts: Iterable[str]) -> bool:
        """Say whether factors are so short that they read better without spaces."""
        return not self.dialect.spaced and all(" " not in part for part in parts)

    def _powered(self, factor: Formula, exponent: Any, rank: int) -> str:
        if exponent == 1:
            return self.text(factor, rank)
        if exponent == Fraction(1, 2):
            return self._function("sqrt", [factor], {})
        if self.dialect is MATHEMATICS and isinstance(exponent, Fraction) and (
            exponent.denominator == 1):  # fmt: skip
            return self.text(factor, ATOM) + str(exponent).translate(SUPERSCRIPT)
        shown = self.text(Number(exponent), ATOM)
        if isinstance(exponent, Fraction) and exponent.denominator != 1:
            shown = repr(float(exponent))
        return f"{self.text(factor, ATOM)}{self.dialect.power}{shown}"

    def _factors(self, x: Chain) -> list[str]:
        first, *rest = x.factors
        return [self.text(first, PRODUCT), *(self.text(m, SIGN) for m in rest)]

    def _transposed(self, x: Transposed) -> str:
        return f"{self.text(x.of, ATOM)}{self.dialect.transposed}"

    def _expanded(self, x: Expanded) -> tuple[str, int]:
        if isinstance(x.of, Number) and x.of.value in (0, 1):
            return self._filled("ones" if x.of.value else "zeros", x.shape), ATOM
        if not x.of.shape:
            ones = self._filled("ones", x.shape)
            return f"{self.text(x.of, PRODUCT)} {self.dialect.times} {ones}", PRODUCT
        return self._function("broadcast_to", [x.of, x.shape], {}), ATOM

    def _filled(self, name: str, shape: Shape) -> str:
        sizes = ", ".join(map(str, shape)) + "," * (len(shape) == 1 and self.dialect.sizes != "{}")
        return f"{self.dialect.prefix}{name}({self.dialect.sizes.format(sizes)})"

    def _call(self, x: Call) -> tuple[str, int]:
        if x.name == "":
            return self._written(x.arguments[0])
        if x.name in INFIX and len(x.arguments) == 2 and not x.keywords:
            sign, rank = INFIX[x.name]
            left, right = (self.text(a, rank + 1) for a in x.arguments)
            return f"{left} {sign} {right}", rank
        if x.name == "pow" and len(x.arguments) == 2:
            base, exponent = x.arguments
            return f"{self.text(base, ATOM)}{self.dialect.power}{self.text(exponent, ATOM)}", POWER
        if x.name == "part":
            whole, name = x.arguments
            field = f"[{name}]" if name.isdigit() else f".{name}"
            return f"{self.text(whole, ATOM)}{field}", ATOM
        if x.name == "unsqueeze" and x.keywords["dim"] in (0, 1) and len(x.shape) == 2:
            place = "None, :" if x.keywords["dim"] == 0 else ":, None"
            return f"{self.text(x.arguments[0], ATOM)}[{place}]", ATOM
        if x.name == "reshape" and x.shape == (*x.arguments[0].shape, 1) and len(x.shape) == 2:
            return f"{self.text(x.arguments[0], ATOM)}[:, None]", ATOM
        if x.name == "select" and "dim" in x.keywords and x.keywords["dim"] == 0:
            return f"{self.text(x.arguments[0], ATOM)}[{x.keywords['index']}]", ATOM
        return self._function(x.name, list(x.arguments), x.keywords), ATOM

    def _function(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> str:
        dialect = self.dialect
        if name in dialect.lacks:
            raise ArgumentFault(f"{dialect.name} has no function like {name}()")
        given = [self.text(a) for a in arguments]
        named = {k: self.text(v) for k, v in keywords.items()}
        if name in dialect.templates:
            return dialect.templates[name].format(*given, **named)
        given += [f"{dialect.keywords.get(k, k)}={v}" for k, v in named.items()]
        return f"{dialect.functions.get(name, dialect.prefix + name)}({', '.join(given)})"

    def _plain(self, x: Any) -> str:
        if isinstance(x, tuple | list):
            inside = ", ".join(self.text(v) for v in x)
            if isinstance(x, list):
                return f"[{inside}]"
            return f"({inside}{',' if len(x) == 1 else ''})"
        if isinstance(x, np.dtype):
            return str(x.name)
        return repr(x)


def known(value: float, dialect: Dialect = LANGUAGE) -> str:
    """Return a positive float as a text: as what it is where it is a root, or a multiple of π."""
    pi, times = dialect.pi, dialect.times
    if _ratio(value):  # 0.2 is no 1/√25
        return repr(value)
    if found := _ratio(value / np.pi):
        above = pi if found.numerator == 1 else f"{found.numerator}{times}{pi}"
        return above if found.denominator == 1 else f"{above}/{found.denominator}"
    for scale, extra in ((1.0, ""), (np.pi, f"{times}{pi}")):
        for ratio, inverse in (
            (_ratio(value**2 / scale), False),
            (_ratio(value**-2 / scale), True),
        ):
            if ratio is not None and ratio.denominator == 1:
                inside = f"{ratio.numerator}{extra}"
                inside = inside.removeprefix(f"1{times}") if extra else inside
                root = f"{dialect.prefix}sqrt({inside})"
                return f"1/{root}" if inverse else root
    return repr(value)


def _ratio(value: float) -> Fraction | None:
    """Return a fraction of small numbers that a float is to its last digits, None if none."""
    if not 1e-3 < value < 1e3:
        return None
    found = Fraction(value).limit_denominator(100)
    return found if abs(float(found) - value) <= 4e-16 * value and found.numerator < 100 else None


def negative_weight(weight: Coefficient) -> bool:
    """Say whether a number has a minus sign."""
    return not isinstance(weight, complex) and weight < 0


def text(formula: Formula, dialect: Dialect = LANGUAGE) -> str:
    """Return a formula in a dialect, in the language of files where none is given."""
    return Writer(dialect).text(formula)
