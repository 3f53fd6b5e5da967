r"""Formulas in LaTeX, for a page that has amsmath: `\frac`, `\sum`, `\top`, Greek letters."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from gradcli.formula.dialects import LANGUAGE
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
from gradcli.formula.text import known, negative_weight, ordered

ATOM, POWER, PRODUCT, SUM, RELATION = 4, 3, 2, 1, 0
_GREEK = """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau
    upsilon phi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega
"""
GREEK = frozenset(_GREEK.split())
FUNCTIONS = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh", "exp", "log", "det"})
RELATIONS = {"gt": ">", "ge": r"\ge", "lt": "<", "le": r"\le", "eq": "=", "ne": r"\ne"}
SPECIAL = str.maketrans({c: f"\\{c}" for c in "_#$%&{}"} | {"\\": r"\textbackslash{}",
                        "^": r"\textasciicircum{}", "~": r"\textasciitilde{}"})  # fmt: skip
SHOWN = re.compile(r"^([A-Za-z]+?)(?:_(\w+?)|(\d+))?_*$")


def latex(formula: Formula) -> str:
    """Return a formula in LaTeX's mathematics, without dollar signs."""
    return _text(formula, RELATION)


def name(text: str) -> str:
    """Return a name: a letter in italics, Greek ones as such, `w1` with an index."""
    found = SHOWN.match(text)
    if found is None:
        return _word(text)
    stem, word, number = found.groups()
    index = number or (word if not word or word.isdigit() else _word(word))
    if stem in GREEK:
        stem = f"\\{stem}"
    elif len(stem) > 1:
        stem = _word(stem)
    return f"{stem}_{{{index}}}" if index else stem


def _word(text: str) -> str:
    return rf"\mathrm{{{text.translate(SPECIAL)}}}"


def _text(x: Any, rank: int) -> str:
    text, own = _written(x)
    return text if own >= rank else rf"\left({text}\right)"


def _written(x: Any) -> tuple[str, int]:
    if isinstance(x, Name):
        return name(x.name), ATOM
    if isinstance(x, Number):
        return _number(x.value), ATOM if not negative_weight(x.value) else SUM
    if isinstance(x, Sum):
        return _sum(x), SUM
    if isinstance(x, Product):
        return _product(x)
    if isinstance(x, Chain):
        return r" \, ".join(_text(f, POWER) for f in x.factors), PRODUCT
    if isinstance(x, Transposed):
        return _transposed(x.of), POWER
    if isinstance(x, Expanded):
        return _expanded(x)
    if isinstance(x, Call):
        return _call(x)
    if isinstance(x, str):
        return rf"\text{{{x.translate(SPECIAL)}}}", ATOM
    return rf"\text{{{str(x).translate(SPECIAL)}}}", ATOM


def _number(value: Coefficient) -> str:
    if isinstance(value, Fraction):
        if value.denominator == 1:
            return str(value)
        sign = "-" if value < 0 else ""
        return rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    if isinstance(value, complex):
        return rf"({value.real:g} {value.imag:+g} i)"
    above, below = known(abs(value), LANGUAGE)
    text = rf"\frac{{{above or 1}}}{{{below}}}" if below else above
    text = _signs(text)
    return f"-{text}" if value < 0 else text


def _signs(text: str) -> str:
    text = re.sub(r"(sqrt|log)\(([^)]*)\)", lambda m: rf"\{m[1]}{{{m[2]}}}", text)
    text = text.replace("pi", r"\pi").replace("*", " ")
    return re.sub(r"^(.+)e([+-]\d+)$", lambda m: rf"{m[1]} \cdot 10^{{{int(m[2])}}}", text)


def _sum(x: Sum) -> str:
    terms = ordered(x)
    text = ""
    for position, (term, weight) in enumerate(terms):
        minus = negative_weight(weight)
        one = _term(term, -weight if minus else weight)
        sign = "-" if minus else ("" if not position else "+")
        text += f" {sign} {one}" if position else f"{sign}{one}"
    return text


def _term(term: Formula, weight: Coefficient) -> str:
    if isinstance(term, Number):
        return _number(weight)
    if isinstance(term, Product):
        return _product(Product(weight, term.factors))[0]
    return _product(Product(weight, {term: Fraction(1)}))[0]


def _product(x: Product) -> tuple[str, int]:
    weight, minus = x.coefficient, negative_weight(x.coefficient)
    above, below = _numbers(-weight if minus else weight)
    inside = [(y, abs(e), negative_weight(e)) for y, e in x.factors.items()]
    for under, place in ((False, above), (True, below)):
        here = [(y, e) for y, e, negative in inside if negative == under]
        alone = len(here) == 1 and not place
        bare = alone and (under or bool(below) or any(n for *_, n in inside))
        place += [(_powered(y, e, alone=alone, bare=bare), bool(y.shape)) for y, e in here]
    upper, lower = _times(above) or "1", _times(below)
    text = rf"\frac{{{upper}}}{{{lower}}}" if lower else upper
    return f"-{text}" if minus else text, SUM if minus else PRODUCT


def _numbers(weight: Coefficient) -> tuple[list[tuple[str, bool]], list[tuple[str, bool]]]:
    """Return a positive number as factors above and below the line."""
    if isinstance(weight, Fraction):
        above, below = str(weight.numerator), str(weight.denominator)
    elif isinstance(weight, float):
        above, below = map(_signs, known(weight, LANGUAGE))
    else:
        above, below = _number(weight), ""
    return ([(above, False)] if above not in ("", "1") else [],
            [(below, False)] if below not in ("", "1") else [])  # fmt: skip


def _times(parts: list[tuple[str, bool]]) -> str:
    r"""Return factors beside each other, `\odot` between tensors: a product of each element."""
    text, before = "", False
    for one, tensor in parts:
        sign = r" \odot " if before and tensor else r" \, "
        text += f"{sign}{one}" if text else one
        before = before or tensor
    return text


def _powered(factor: Formula, exponent: Any, *, alone: bool, bare: bool) -> str:
    """Return a factor; `bare`: it is all that stands above or below a line."""
    if exponent == 1 and bare:
        return _text(factor, RELATION)
    if exponent == 1:
        return _text(factor, PRODUCT if alone or isinstance(factor, Chain) else POWER)
    if exponent == Fraction(1, 2):
        return rf"\sqrt{{{_text(factor, RELATION)}}}"
    return rf"{_text(factor, ATOM)}^{{{_number(exponent)}}}"


def _transposed(x: Formula) -> str:
    if isinstance(x, Call) and x.name == "inverse":
        return rf"{_text(x.arguments[0], ATOM)}^{{-\top}}"
    return rf"{_text(x, ATOM)}^{{\top}}"


def _expanded(x: Expanded) -> tuple[str, int]:
    if isinstance(x.of, Number) and x.of.value == 0:
        return "0", ATOM
    if isinstance(x.of, Number) and x.of.value == 1:
        return r"\mathbf{1}", ATOM
    return (
        (rf"{_text(x.of, PRODUCT)} \, \mathbf{{1}}", PRODUCT) if not x.of.shape else _written(x.of)
    )


def _call(x: Call) -> tuple[str, int]:
    if x.name == "":
        return _written(x.arguments[0])
    if x.name in RELATIONS:
        left, right = (_text(a, SUM) for a in x.arguments)
        return rf"\left[{left} {RELATIONS[x.name]} {right}\right]", ATOM
    given = [_text(a, RELATION) for a in x.arguments if not isinstance(a, tuple)]
    if x.name == "sum":
        below = "" if "dim" not in x.keywords else rf"_{{\text{{dim {x.keywords['dim']}}}}}"
        return rf"\sum{below} {_text(x.arguments[0], PRODUCT)}", PRODUCT
    if x.name == "exp":
        return rf"e^{{{given[0]}}}", POWER
    if x.name == "inverse":
        return rf"{_text(x.arguments[0], ATOM)}^{{-1}}", POWER
    if x.name == "pow":
        return rf"{_text(x.arguments[0], ATOM)}^{{{given[1]}}}", POWER
    if x.name == "abs":
        return rf"\left|{given[0]}\right|", ATOM
    if x.name == "outer":
        left, right = (_text(a, POWER) for a in x.arguments)
        return rf"{left} \, {right}^{{\top}}", PRODUCT
    if x.name == "eye":
        return "I", ATOM
    if x.name in ("unsqueeze", "reshape"):
        return _written(x.arguments[0])
    if x.name == "sigmoid":
        return rf"\sigma\!\left({given[0]}\right)", ATOM
    if x.name == "one_hot":
        return rf"\operatorname{{onehot}}\left({given[0]}\right)", ATOM
    shown = f"\\{x.name}" if x.name in FUNCTIONS else (
        rf"\operatorname{{{x.name.rpartition('.')[2].translate(SPECIAL)}}}")  # fmt: skip
    return rf"{shown}\left({', '.join(given)}\right)", ATOM
