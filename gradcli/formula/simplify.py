"""Formulas made as a person would write them: `simplified` goes through a whole formula once.

What it does is true whatever the values are, but for masks like `f != 0` beside a norm, whose
gradient at 0 is a convention, and for what the caller says to know of the values.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from gradcli.formula import expressions as f
from gradcli.formula.expressions import (
    Call,
    Chain,
    Coefficient,
    Expanded,
    Formula,
    Number,
    Product,
    Sum,
    Transposed,
)

SHORT = 3  # a number times a name
THRESHOLD = f.number(20)  # of softplus
FEWEST = 3  # elements whose mean is written as `mean`: a / 2 is no mean
Vanishes = Callable[[Sum], bool]


class Simplifier:
    """Simplifies formulas.

    `known` are formulas for which there are names. `vanishes` says of a sum whether it is known to
    be 0. `masks` says whether the conventions at 0 stay written. `shares` are formulas that sum to
    1 along their last dimension.
    """

    def __init__(
        self,
        known: Mapping[Formula, Formula] | None = None,
        vanishes: Vanishes | None = None,
        *,
        masks: bool = True,
        shares: Container[Formula] = (),
    ) -> None:
        self.known, self.vanishes, self.masks = known or {}, vanishes, masks
        self.shares = shares
        self.done: dict[Formula, Formula] = {}

    def simplified(self, a: Formula) -> Formula:
        """Return a formula that is the same, simpler where that can be."""
        found = self.done.get(a)
        if found is None:
            found = self._named(self._rewritten(rebuilt(a, self.simplified)))
            self.done[a] = found
        return found

    def _rewritten(self, a: Formula) -> Formula:
        if isinstance(a, Sum) and self.vanishes is not None and self.vanishes(a):
            return f.expand(f.ZERO, a.shape)
        if isinstance(a, Product) and not self.masks:
            a = without_masks(a)
        if isinstance(a, Sum):
            return factored(_padded(_means(_small(a))))
        if isinstance(a, Product):
            return _averaged(_outer(_spread(_distributed(_small(a)))))
        if isinstance(a, Call) and a.name == "sum":
            return self._shared(a)
        return a

    def _named(self, a: Formula) -> Formula:
        """Return the name of a formula, or a product with names for the products that are in it."""
        if a in self.known or not isinstance(a, Product):
            return self.known.get(a, a)
        for product, name in self.known.items():
            if not isinstance(product, Product) or len(product.factors) < 2:
                continue
            rest = {x: e for x, e in a.factors.items() if product.factors.get(x) != e}
            if len(rest) == len(a.factors) - len(product.factors):
                number = f.divide(Number(a.coefficient), Number(product.coefficient))
                return f.expand(f.multiply(number, name, f.product(Fraction(1), rest)), a.shape)
        return a

    def _shared(self, a: Call) -> Formula:
        """Return the sum of (b + 1) * p as that of b * p, and 1, where p sums to 1."""
        inner, last = a.arguments[0], len(a.arguments[0].shape) - 1
        if isinstance(inner, Call) and inner.name == "sum" and not a.shape and self._is_share(
            inner.arguments[0]):  # fmt: skip
            return f.number(prod(inner.arguments[0].shape[:-1]))
        if self._is_share(inner):
            dim = a.keywords.get("dim")
            if "dim" not in a.keywords or dim in (last, -1):
                count = prod(inner.shape[:-1]) if "dim" not in a.keywords else 1
                return f.expand(f.number(count), a.shape)
        factors = inner.factors if isinstance(inner, Product) else {}
        share = next((x for x in factors if factors[x] == 1 and self._is_share(x)), None)
        whole = next((x for x in factors if factors[x] == 1 and isinstance(x, Sum)), None)
        over = a.keywords.get("dim", last if not last else None)
        if share is None or not isinstance(whole, Sum) or len(factors) > 2:
            return a
        if over not in (last, -1) or f.ONE not in whole.terms or share.shape != inner.shape:
            return a
        number = f.multiply(Number(inner.coefficient), Number(whole.terms[f.ONE]))
        rest = f.multiply(share, f.subtract(whole, Number(whole.terms[f.ONE])))
        keepdim = a.keywords.get("keepdim", False)
        return f.add(number, f.multiply(Number(inner.coefficient), f.total(rest, (last,), keepdim)))

    def _is_share(self, a: Formula) -> bool:
        return a in self.shares or (isinstance(a, Call) and f.is_share(a))


def rebuilt(a: Formula, part: Callable[[Formula], Formula]) -> Formula:
    """Return a formula made anew of its parts, each of them changed."""
    if isinstance(a, Sum):
        return f.expand(
            f.add(*(f.multiply(Number(w), part(t)) for t, w in a.terms.items())), a.shape
        )
    if isinstance(a, Product):
        powers = (f.power(part(x), e) for x, e in a.factors.items())
        return f.expand(f.multiply(Number(a.coefficient), *powers), a.shape)
    if isinstance(a, Chain):
        return f.matmul(*map(part, a.factors))
    if isinstance(a, Transposed):
        return f.transpose(part(a.of))
    if isinstance(a, Expanded):
        return f.expand(part(a.of), a.shape)
    if isinstance(a, Call) and a.inside:
        return _called(a, part)
    return a


def _called(a: Call, part: Callable[[Formula], Formula]) -> Formula:
    def of(x: Any) -> Any:
        if type(x) in (tuple, f.Listed):
            return type(x)(map(of, x))
        return part(x) if isinstance(x, Formula) else x

    arguments = tuple(map(of, a.arguments))
    keywords = {k: of(v) for k, v in a.keywords.items()}
    if a.name == "sum":
        dim = keywords.get("dim")
        dims = dim if isinstance(dim, tuple) or dim is None else (dim,)
        return f.total(arguments[0], dims, keywords.get("keepdim", False))
    return f.call(a.name, *arguments, shape=a.shape, **keywords)


# ---- products ------------------------------------------------------------------------------


def without_masks(a: Product) -> Formula:
    """Return a product without masks that say where a norm or a deviation is not 0."""
    kept = {x: e for x, e in a.factors.items() if not _is_convention(x)}
    return a if len(kept) == len(a.factors) else f.expand(f.product(a.coefficient, kept), a.shape)


def _is_convention(a: Formula) -> bool:
    """Say whether a formula says where something is not 0 that a gradient divides by.

    Or where softplus is computed: beyond its threshold its second derivative is as good as 0.
    """
    if isinstance(a, Call) and a.name == "reshape":
        return _is_convention(a.arguments[0])
    if not isinstance(a, Call) or a.name not in ("ne", "le"):
        return False
    return a.arguments[1] == THRESHOLD if a.name == "le" else f.is_zero(a.arguments[1])


def _small(a: Formula) -> Formula:
    """Return a formula in which what has one element has no dimensions where others have them."""
    if not isinstance(a, Product | Sum):
        return a
    parts = {x: f.reshape(x, ()) if prod(x.shape) == 1 else x for x in a.inside}
    if all(x is y for x, y in parts.items()):
        return a
    if np.broadcast_shapes(*(x.shape for x in parts.values())) != a.shape:
        return a
    return rebuilt(a, lambda x: parts[x])


def _distributed(a: Formula) -> Formula:
    """Return p * (a - b / p) as p * a - b."""
    if not isinstance(a, Product):
        return a
    for whole, exponent in a.factors.items():
        if exponent != 1 or not isinstance(whole, Sum):
            continue
        rest = {x: e for x, e in a.factors.items() if x is not whole}
        over = [x for x, e in rest.items() if e == 1 and any(
            isinstance(t, Product) and t.factors.get(x) == -1 for t in whole.terms)]  # fmt: skip
        if over:
            terms = (f.multiply(over[0], Number(w), t) for t, w in whole.terms.items())
            others = f.product(a.coefficient, {x: e for x, e in rest.items() if x is not over[0]})
            return f.expand(f.multiply(others, f.add(*terms)), a.shape)
    return a


def _means(a: Formula) -> Formula:
    if not isinstance(a, Sum):
        return a
    terms = (_averaged(f.multiply(Number(w), t)) for t, w in a.terms.items())
    return f.expand(f.add(*terms), a.shape)


def _padded(a: Formula) -> Formula:
    """Return the sum of tensors with the same zeros around as one tensor with zeros around."""
    groups: dict[Any, list[Formula]] = {}
    for t, w in a.terms.items() if isinstance(a, Sum) else ():
        if isinstance(t, Call) and t.name == "pad":
            inner = f.multiply(Number(w), t.arguments[0])
            groups.setdefault(t.arguments[1], []).append(inner)
    if all(len(group) < 2 for group in groups.values()) or not isinstance(a, Sum):
        return a
    others = [f.multiply(Number(w), t) for t, w in a.terms.items()
              if not (isinstance(t, Call) and t.name == "pad")]  # fmt: skip
    pads = (Call("pad", (f.add(*group), widths), {}, a.shape) for widths, group in groups.items())
    return f.add(*others, *pads)


def _outer(a: Formula) -> Formula:
    """Return a column times a row as `outer`, and one of them times the identity as `diag`."""
    if not isinstance(a, Product) or len(a.shape) != 2 or 1 in a.shape:
        return a
    columns, rows, others = _vectors(a)
    base = next((x for x in others if isinstance(x, Call) and x.name in ("eye", "outer")), None)
    if not (columns or rows) or (base is None and not (columns and rows)):
        return a
    rest = [x for x in others if x is not base]
    if base is not None and base.name == "eye":
        return f.multiply(*rest, f.call("diag", f.multiply(*columns, *rows), shape=a.shape))
    given = ((), ()) if base is None else ((base.arguments[0],), (base.arguments[1],))
    u, v = f.multiply(*given[0], *columns), f.multiply(*given[1], *rows)
    return f.multiply(*rest, f.outer(u, v))


def _vectors(a: Product) -> tuple[list[Formula], list[Formula], list[Formula]]:
    """Return the factors of a matrix that are columns and rows, as vectors, and the others."""
    columns, rows, others = list[Formula](), list[Formula](), list[Formula]([Number(a.coefficient)])
    for x, e in a.factors.items():
        column = f.vector(x, 1)
        row = x if x.shape == a.shape[1:] else f.vector(x, 0)
        if column is not None:
            columns.append(f.power(column, e))
        elif row is not None:
            rows.append(f.power(row, e))
        else:
            others.append(f.power(x, e))
    return columns, rows, others


def _spread(a: Formula) -> Formula:
    """Return a row or a column times (I - u v') as diag and outer of it."""
    if not isinstance(a, Product) or len(a.shape) != 2 or 1 in a.shape:
        return a
    columns, rows, _ = _vectors(a)
    for whole, exponent in a.factors.items():
        if exponent == 1 and isinstance(whole, Sum) and (columns or rows) and all(
            isinstance(t, Call) and t.name in ("eye", "outer") for t in whole.terms):  # fmt: skip
            rest = f.product(a.coefficient, {x: e for x, e in a.factors.items() if x is not whole})
            terms = (_outer(f.multiply(Number(w), rest, t)) for t, w in whole.terms.items())
            return f.add(*terms)
    return a


def _averaged(a: Formula) -> Formula:
    """Return the sum of n numbers over n as a mean."""
    if not isinstance(a, Product) or not isinstance(a.coefficient, Fraction):
        return a
    for x, e in a.factors.items():
        if e != 1 or not isinstance(x, Call) or x.name != "sum":
            continue
        count = prod(x.arguments[0].shape) // max(prod(x.shape), 1)
        if count >= FEWEST and a.coefficient.denominator == count:
            mean = Call("mean", x.arguments, x.keywords, x.shape)
            rest = {y: w for y, w in a.factors.items() if y is not x}
            return f.multiply(Number(Fraction(a.coefficient.numerator)), mean,
                              f.product(Fraction(1), rest))  # fmt: skip
    return a


# ---- sums ----------------------------------------------------------------------------------


def factored(a: Formula) -> Formula:
    """Return A @ x + B @ x as (A + B) @ x, and the same for what stands first."""
    if not isinstance(a, Sum):
        return a
    parts = [_Term(t, w) for t, w in a.terms.items()]
    for end in (-1, 0):
        for part in parts:
            same = [p for p in parts if p.chain and part.chain and p.chain[end] == part.chain[end]
                    and _alike(p.ahead, part.ahead)]  # fmt: skip
            if len(same) > 1 and all(p.fits(end) for p in same):
                shared = part.chain[end]
                inner = factored(f.add(*(p.without(end) for p in same)))
                pair = (inner, shared) if end else (shared, inner)
                others = (f.multiply(Number(p.weight), p.whole) for p in parts if p not in same)
                return factored(f.add(*others, f.matmul(*pair)))
    return a


def _alike(a: Sequence[Formula], b: Sequence[Formula]) -> bool:
    """Say whether what stands before two chains is the same, or short enough to be added."""
    return a == b or all(x.size <= SHORT for x in (*a, *b))


class _Term:
    """A term of a sum: its number, and the chain of matrices that it has beside others."""

    def __init__(self, whole: Formula, weight: Coefficient) -> None:
        self.whole, self.weight = whole, weight
        self.ahead, inner = f.scaled(whole)
        self.chain = inner.factors if isinstance(inner, Chain) and inner.shape else ()

    def fits(self, end: int) -> bool:
        """Say whether a factor at an end can be taken out: what is left is no number."""
        left = self.chain[:-1] if end else self.chain[1:]
        ranks = {len(m.shape) for m in self.chain}
        return bool(left) and (len(ranks) == 1 or ranks <= {1, 2})

    def without(self, end: int) -> Formula:
        """Return the term without the factor at one end."""
        left = self.chain[:-1] if end else self.chain[1:]
        return f.multiply(Number(self.weight), *self.ahead, f.matmul(*left))
