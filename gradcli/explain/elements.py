"""A formula of sums and products with its numbers in it: `2·(1·1 + 0 − 5)·1 + …`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gradcli.formula.expressions import (
    Call,
    Chain,
    Expanded,
    Formula,
    Name,
    Number,
    Product,
    Sum,
)
from gradcli.inspection import Array, Inspection
from gradcli.rule.meta import Shape

MOST = 3  # elements that are written out
LONG = 12  # names in each of them
_FUNCTIONS = "exp log sin cos tan tanh sigmoid relu abs sqrt erf gt ge lt le eq ne log1p"
ELEMENTWISE = frozenset(_FUNCTIONS.split())


@dataclass(frozen=True)
class Numbers:
    """The terms that a formula is the sum of, each with its numbers in the place of names.

    `added` says whether they are summed; otherwise they are the elements of the gradient.
    """

    terms: tuple[Formula, ...]
    added: bool


class Literal(Name):
    """A number that stands in the place of a name: two are alike where they are of one name."""

    __slots__ = ()

    def __init__(self, name: str, value: float) -> None:
        super().__init__(name)
        text = f"{value:.6g}"
        self.name = f"({text})" if value < 0 else text


def numbers(formula: Formula | None, inspection: Inspection, gradient: Array) -> Numbers | None:
    """Return a formula with its numbers, None where it is not one of a few sums and products."""
    if formula is None or np.iscomplexobj(gradient):
        return None
    values = {n.label: n.value for n in inspection.nodes if n.name and n.value is not None}
    outside, inner, added = _opened(formula)
    if inner is None:
        return None
    shape = inner.shape
    if len(shape) > 1 or (shape and shape[0] > MOST) or _names(inner) > LONG:
        return None
    places: list[tuple[int, ...]] = [(k,) for k in range(shape[0])] if shape else [()]
    found = []
    for place in places:
        term = _at(inner, place, shape, values)
        before = _at(outside, (), (), values) if outside is not None else None
        if term is None or (outside is not None and before is None):
            return None
        found.append(term if before is None else _joined(before, term))
    return Numbers(tuple(found), added)


def _opened(formula: Formula) -> tuple[Product | None, Formula | None, bool]:
    """Return what stands before a sum, what is summed, and whether anything is."""
    if isinstance(formula, Expanded):
        return None, None, False
    if _is_sum(formula):
        return None, formula.arguments[0], True  # type: ignore[attr-defined]
    if isinstance(formula, Product):
        sums = [x for x, e in formula.factors.items() if _is_sum(x) and e == 1]
        rest = {x: e for x, e in formula.factors.items() if x not in sums}
        if len(sums) == 1 and all(not x.shape for x in rest):
            return Product(formula.coefficient, rest), sums[0].arguments[0], True  # type: ignore[attr-defined]
    return None, formula, False


def _is_sum(x: Formula) -> bool:
    return isinstance(x, Call) and x.name == "sum" and not x.keywords


def _joined(before: Formula, term: Formula) -> Formula:
    if isinstance(before, Product) and isinstance(term, Product):
        factors = {**before.factors, **term.factors}
        if len(factors) == len(before.factors) + len(term.factors):
            return Product(before.coefficient * term.coefficient, factors)
    if isinstance(before, Product):
        return Product(before.coefficient, {**before.factors, term: 1})
    return Product(1, {before: 1, term: 1})


def _at(
    x: Formula, place: tuple[int, ...], shape: Shape, values: Mapping[str, Array | None]
) -> Formula | None:
    """Return one element of a formula, numbers in the place of names; None where it is no such."""
    if isinstance(x, Number):
        return x
    if isinstance(x, Expanded):
        return _at(x.of, place, shape, values)
    if isinstance(x, Name):
        value = values.get(x.name)
        if value is None or value.dtype.kind not in "fiu":
            return None
        try:
            return Literal(x.name, np.broadcast_to(value, shape)[place].item())
        except ValueError:
            return None
    if isinstance(x, Sum | Product | Call):
        return _inside(x, place, shape, values)
    return None


def _inside(
    x: Sum | Product | Call,
    place: tuple[int, ...],
    shape: Shape,
    values: Mapping[str, Array | None],
) -> Formula | None:
    if isinstance(x, Call):
        if x.name == "tensor" and not x.keywords:  # one without a name, written out
            value = np.asarray(x.arguments[0])
            return Literal(str(x.key), np.broadcast_to(value, shape)[place].item())
        if x.name not in ELEMENTWISE or x.keywords:
            return None
        given = [_at(a, place, shape, values) if isinstance(a, Formula) else a for a in x.arguments]
        return None if None in given else Call(x.name, given, {}, ())
    weights = x.terms if isinstance(x, Sum) else x.factors
    parts = {part: _at(part, place, shape, values) for part in weights}
    if any(part is None for part in parts.values()):
        return None
    found = {parts[part]: weight for part, weight in weights.items()}
    if isinstance(x, Sum):
        return Sum(found)  # type: ignore[arg-type]
    return Product(x.coefficient, found)  # type: ignore[arg-type]


def _names(x: Formula) -> int:
    if isinstance(x, Chain):
        return LONG + 1
    return isinstance(x, Name) + sum(map(_names, x.inside))
