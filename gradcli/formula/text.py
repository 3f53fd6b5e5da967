"""Formulas as text: in the language, in NumPy, PyTorch and JAX, and as mathematics is printed."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np

from gradcli.formula.dialects import LANGUAGE, MATHEMATICS, Dialect
from gradcli.formula.elements import HALVES
from gradcli.formula.expressions import (
    Call,
    Chain,
    Coefficient,
    Expanded,
    Formula,
    Listed,
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


LONG = 10  # digits of a number that is no decimal that someone wrote
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
            return self.dialect.spelled.get(x.name, x.name), ATOM
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
        if isinstance(value, Fraction) and 1 < value.denominator <= HALVES and not (
            value.denominator & (value.denominator - 1)):  # fmt: skip
            return repr(float(value)), ATOM if value > 0 else SIGN  # 1.5, and no 3/2
        if isinstance(value, Fraction) and value.denominator != 1:
            sign = SIGN if value < 0 else PRODUCT
            return f"{self._integer(value.numerator)}/{value.denominator}", min(sign, PRODUCT)
        if isinstance(value, Fraction):
            return self._integer(int(value)), ATOM if value >= 0 else SIGN
        if isinstance(value, complex):
            return repr(value), ATOM
        assert isinstance(value, float), "what is no fraction is a float"
        above, below = known(abs(value), self.dialect)
        text = f"{above or 1}/{below}" if below else above
        rank = ATOM if text.isalnum() or "(" in above or not (below or "*" in above) else PRODUCT
        return (f"{self.dialect.minus}{text}", SIGN) if value < 0 else (text, rank)

    def _integer(self, value: int) -> str:
        return f"{self.dialect.minus if value < 0 else ''}{abs(value)}"

    def _sum(self, x: Sum) -> str:
        terms = ordered(x)
        masks = all(is_mask(term) and abs(weight) == 1 for term, weight in terms)
        text = ""
        for position, (term, weight) in enumerate(terms):
            sign = negative_weight(weight)
            one = self._term(term, -weight if sign else weight)
            if is_mask(term) and abs(weight) == 1 and (sign or (masks and not position)):
                one = f"1.0 {self.dialect.times} {one}"  # no library subtracts a mask, or adds two
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
        above, below = self._numbers(weight)
        if sign and not above and not below and all(map(is_mask, x.factors)):
            above = ["1.0"]  # no library has the negative of a mask
        if not above and all(negative_weight(e) for e in x.factors.values()):
            above = ["1"]
        plain = not above
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
        return text, POWER if single and len(x.factors) == 1 and plain else PRODUCT

    def _numbers(self, weight: Coefficient) -> tuple[list[str], list[str]]:
        """Return a positive number as factors above and below the line."""
        if isinstance(weight, Fraction):
            above, below = str(weight.numerator), str(weight.denominator)
        elif isinstance(weight, float):
            above, below = known(weight, self.dialect)
        else:
            above, below = self._number(weight)[0], ""
        return [above] * (above not in ("", "1")), [below] * (below not in ("", "1"))

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
            shown = self._exponent(exponent)
        return f"{self.text(factor, ATOM)}{self.dialect.power}{shown}"

    def _exponent(self, exponent: Fraction) -> str:
        written = repr(float(exponent))
        return written if len(written) < LONG else f"({exponent})"

    def _factors(self, x: Chain) -> list[str]:
        return [self.text(m, SIGN) for m in x.factors]

    def _transposed(self, x: Transposed) -> str:
        sign = self.dialect.transposed
        return f"{self.text(x.of, ATOM)}{sign if len(x.shape) == 2 else sign.replace('T', 'mT')}"

    def _expanded(self, x: Expanded) -> tuple[str, int]:
        if isinstance(x.of, Number) and x.of.value in (0, 1):
            return self._filled("ones" if x.of.value else "zeros", x.shape), ATOM
        if not x.of.shape:
            ones = self._filled("ones", x.shape)
            return f"{self.text(x.of, PRODUCT)} {self.dialect.times} {ones}", PRODUCT
        return self._function("broadcast_to", [x.of, x.shape], {}), ATOM

    def _filled(self, name: str, shape: Shape) -> str:
        sizes = ", ".join(map(str, shape)) + "," * (len(shape) == 1 and self.dialect.sizes != "{}")
        return f"{self.dialect.function(name)}({self.dialect.sizes.format(sizes)})"

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
            if isinstance(whole, Call):
                self.dialect.several(whole.name)
            field = f"[{name}]" if name.isdigit() else f".{name}"
            return f"{self.text(whole, ATOM)}{field}", ATOM
        if (index := indexed(x)) is not None:
            shown = ", ".join(i if isinstance(i, str) else self.text(i) for i in index)
            return f"{self.text(x.arguments[0], ATOM)}[{shown}]", ATOM
        return self._function(x.name, list(x.arguments), x.keywords), ATOM

    def _function(self, name: str, arguments: list[Any], keywords: dict[str, Any]) -> str:
        dialect = self.dialect
        if name == "linalg.vector_norm" and not keywords:
            name = "linalg.norm"  # of all elements, whatever the shape
        if name == "convolution":
            name, keywords = _convolution(keywords)
        if name == "pad":
            arguments = [arguments[0], dialect.padded(arguments[1])]
        keywords = {**dialect.defaults.get(name, {}), **keywords}
        if name == "clamp" and dialect.closed:
            arguments, keywords = [*arguments, keywords.get("min"), keywords.get("max")], {}
        given = [self.text(a) for a in arguments]
        named = {k: self.text(v) for k, v in keywords.items()}
        if name in dialect.templates:
            return dialect.templates[name].format(*given, **named)
        given += [f"{dialect.keywords.get(k, k)}={v}" for k, v in named.items()]
        return f"{dialect.function(name)}({', '.join(given)})"

    def _plain(self, x: Any) -> str:
        if isinstance(x, tuple):
            inside = ", ".join(self.text(v) for v in x)
            if isinstance(x, Listed):
                return f"[{inside}]"
            return f"({inside}{',' if len(x) == 1 else ''})"
        if isinstance(x, np.dtype):
            return str(x.name)
        return repr(x)


def _convolution(keywords: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """Return the function that people call for a convolution, and its arguments by name."""
    left = {k: v for k, v in keywords.items() if k != "transposed"}
    kind = "conv_transpose" if keywords.get("transposed") else "conv"
    if kind == "conv":
        left.pop("output_padding", None)
    return f"{kind}{len(keywords['stride'])}d", left


def indexed(x: Call) -> list[Any] | None:
    """Return what stands in brackets behind a tensor where a function is written so."""
    inner = x.arguments[0] if x.arguments else None
    if not isinstance(inner, Formula):
        return None
    if x.name == "reshape":
        return _axes(inner.shape, x.shape)
    dim = x.keywords.get("dim", 0)
    if x.name == "select":
        return [":"] * dim + [str(x.keywords["index"])]
    if x.name == "slice":
        start, end, step = (x.keywords[k] for k in ("start", "end", "step"))
        ends = f"{start or ''}:{'' if end is None or end >= inner.shape[dim] else end}"
        return [":"] * dim + [ends if step == 1 else f"{ends}:{step}"]
    return list(x.arguments[1:]) if x.name == "index" else None


def _axes(shape: Shape, wanted: Shape) -> list[str] | None:
    """Return the index that adds and takes away dimensions of size 1, None where none does."""
    if [n for n in shape if n != 1] != [n for n in wanted if n != 1]:
        return None
    left, found = list(shape), []
    for n in wanted:
        if n == 1 and (not left or left[0] != 1):
            found.append("None")
            continue
        while left[0] == 1 != n:
            found.append("0")
            left.pop(0)
        found.append(":")
        left.pop(0)
    return found + ["0"] * len(left)


def is_mask(x: Formula) -> bool:
    """Say whether a formula is true or false, as a comparison is."""
    return isinstance(x, Call) and (x.name in INFIX or x.name == "logical_not")


def ordered(x: Sum) -> list[tuple[Formula, Coefficient]]:
    """Return the terms as they are written: `1 - y`, not `-y + 1`; `A + A.T`, not `A.T + A`."""
    return sorted(
        x.terms.items(), key=lambda t: (negative_weight(t[1]), isinstance(t[0], Transposed))
    )


def known(value: float, dialect: Dialect = LANGUAGE) -> tuple[str, str]:
    """Return a positive float as what stands above and below a line: as a root, or a part of π."""
    pi, times = dialect.pi, dialect.times
    pi = f"torch.{pi}" if pi in dialect.taken else pi
    if len(repr(value)) < LONG:  # 0.2 is no 1/√25
        return repr(value), ""
    if found := _ratio(value):
        return str(found.numerator), str(found.denominator)
    if found := _ratio(value / np.pi):
        above = pi if found.numerator == 1 else f"{found.numerator}{times}{pi}"
        return above, "" if found.denominator == 1 else str(found.denominator)
    for n in () if dialect.root.startswith("{") else (2, 10):  # torch.log takes no number
        if found := _ratio(value * np.log(n)):
            above = "" if found.numerator == 1 else str(found.numerator)
            below = "" if found.denominator == 1 else f"{found.denominator}{times}"
            return above, f"{below}{dialect.function('log')}({n})"
        if found := _ratio(value / np.log(n)):
            above = "" if found.numerator == 1 else f"{found.numerator}{times}"
            below = "" if found.denominator == 1 else str(found.denominator)
            return f"{above}{dialect.function('log')}({n})", below
    if not 1e-2 < value < 1e2:  # the square of another is no ratio of small numbers
        return repr(value), ""
    for scale, extra in ((1.0, ""), (np.pi, f"{times}{pi}")):
        for ratio, inverse in ((_ratio(value**2 / scale), False),
                               (_ratio(value**-2 / scale), True)):  # fmt: skip
            if ratio is None or isqrt(ratio.denominator) ** 2 != ratio.denominator:
                continue
            inside = f"{ratio.numerator}{extra}"
            inside = inside.removeprefix(f"1{times}") if extra else inside
            if dialect.root.startswith("{") and extra:
                inside = f"({inside})"
            root, over = dialect.root.format(inside), isqrt(ratio.denominator)
            other = "" if over == 1 else str(over)
            return (other, root) if inverse else (root, other)
    return repr(value), ""


def _ratio(value: float) -> Fraction | None:
    """Return a fraction of small numbers that a float is to its last digits, None if none."""
    if not 1e-3 < value < 1e3:
        return None
    found = Fraction(value).limit_denominator(400)
    return found if abs(float(found) - value) <= 2e-15 * value and found.numerator < 100 else None


def negative_weight(weight: Coefficient) -> bool:
    """Say whether a number has a minus sign."""
    return not isinstance(weight, complex) and weight < 0


def text(formula: Formula, dialect: Dialect = LANGUAGE) -> str:
    """Return a formula in a dialect, in the language of files where none is given."""
    return Writer(dialect).text(formula)
