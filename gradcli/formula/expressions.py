"""Formulas: matrices, sums over dimensions and shapes, simple from the moment they are made.

All that makes formulas has its name here, also what `trees` and `elements` define.
"""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any, TypeGuard

from gradcli.formula.elements import (
    add,
    call,
    coefficient,
    divide,
    expand,
    is_zero,
    multiply,
    negative,
    number,
    opposite,
    power,
    product,
    subtract,
)
from gradcli.formula.trees import (
    ONE,
    ZERO,
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

__all__ = [
    "ONE",
    "ZERO",
    "Call",
    "Chain",
    "Coefficient",
    "Expanded",
    "Formula",
    "Listed",
    "Name",
    "Number",
    "Product",
    "Sum",
    "Transposed",
    "add",
    "call",
    "coefficient",
    "divide",
    "expand",
    "is_share",
    "is_zero",
    "matmul",
    "multiply",
    "negative",
    "number",
    "opposite",
    "outer",
    "power",
    "product",
    "reshape",
    "scaled",
    "subtract",
    "total",
    "transpose",
    "vector",
    "with_parts",
]  # fmt: skip
REDUCTIONS = ("sum", "mean", "logsumexp", "amax", "amin", "prod", "var", "std",
              "linalg.vector_norm")  # fmt: skip
SHARES = ("softmax", "one_hot", "eye")  # what these give sums to 1


# ---- matrices ------------------------------------------------------------------------------


def transpose(a: Formula) -> Formula:
    """Return a formula with its last two dimensions exchanged."""
    if len(a.shape) < 2:
        return a
    swapped = (*a.shape[:-2], a.shape[-1], a.shape[-2])
    if isinstance(a, Transposed):
        return a.of
    if isinstance(a, Expanded) and not prod(a.of.shape[-2:]) > 1:
        return Expanded(a.of, swapped)
    if isinstance(a, Call) and a.name in ("eye", "diag"):
        return a
    if isinstance(a, Call) and a.name == "outer":
        return call("outer", *reversed(a.arguments), shape=swapped)
    if isinstance(a, Call) and a.name == "reshape" and 1 in a.shape[-2:]:
        return reshape(a.arguments[0], swapped)
    if isinstance(a, Call) and a.name == "reshape" and a.arguments[0].shape == a.shape[-2:]:
        return reshape(transpose(a.arguments[0]), swapped)
    if isinstance(a, Call) and a.name == "inverse" and transpose(a.arguments[0]) == a.arguments[0]:
        return a
    if isinstance(a, Chain) and all(len(f.shape) >= 2 for f in a.factors):
        return Chain(tuple(transpose(f) for f in reversed(a.factors)))
    outside, inner = scaled(a)
    if outside:
        return multiply(*outside, transpose(inner))
    turned = _turned(a)
    if turned is None or _turns(turned) > _turns(a) + any(transpose(x) == x for x in a.inside):
        return Transposed(a)
    return turned


def _turned(a: Formula) -> Formula | None:
    """Return the transpose of what is made of each element, by transposing what it is made of."""
    whole = len(a.shape)
    if isinstance(a, Product) and all(len(f.shape) in (0, whole) for f in a.factors):
        return Product(a.coefficient, {transpose(f): e for f, e in a.factors.items()})
    if isinstance(a, Sum) and all(t.shape == a.shape for t in a.terms):
        return Sum({transpose(t): w for t, w in a.terms.items()})
    return None


def _turns(a: Formula) -> int:
    """Return how many transposes are written in a formula."""
    own = isinstance(a, Transposed)
    inside = a.inside if isinstance(a, Sum | Product | Chain | Transposed) else ()
    return own + sum(map(_turns, inside))


def matmul(*matrices: Formula) -> Formula:
    """Return a matrix product; its numbers, and factors without dimensions, stand before it."""
    scalars: list[Formula] = []
    found: list[Formula] = []
    for matrix in matrices:
        outside, inner = scaled(matrix)
        scalars += outside
        found += inner.factors if isinstance(inner, Chain) and inner.shape else (inner,)
    kept = [m for m in found if not _is_identity(m)] or found[:1]
    if any(map(is_zero, kept)):
        return expand(ZERO, _chained(kept).shape)
    return multiply(*scalars, _chained(kept)) if scalars else _chained(kept)


def _chained(found: list[Formula]) -> Formula:
    """Return a product of matrices; a column times a row is `outer`, a vector stands behind."""
    if len(found) == 1:
        return found[0]
    for k in range(len(found) - 1):
        left, right = vector(found[k], 1), vector(found[k + 1], 0)
        if left is None and right is not None:
            left = _column(found[k])
        if right is None and left is not None:
            right = _column(transpose(found[k + 1]))
        if left is not None and right is not None:
            u = matmul(*found[:k], left)
            v = matmul(*(transpose(m) for m in reversed(found[k + 2 :])), right)
            return outer(u, v)
    first, last = found[0], found[-1]
    if last == Expanded(ONE, last.shape) and len(last.shape) == 1 and len(found[-2].shape) == 2:
        matrix = found[-2]  # the sums of its rows
        turned = isinstance(matrix, Transposed)
        rows = total(transpose(matrix), (0,)) if turned else total(matrix, (1,))
        return matmul(*found[:-2], rows)
    if len(first.shape) == 1 and len(last.shape) == 2 and all(len(m.shape) < 3 for m in found):
        return Chain((*(transpose(m) for m in reversed(found[1:])), first))
    if len(found) > 2 and len(last.shape) == len(found[-2].shape) == 1 and len(first.shape) == 2:
        return _chained([last, *found[:-1]])  # A @ x @ y is y @ A @ x
    if len(first.shape) == len(last.shape) == 1 and len(found) > 2:
        back = (last, *(transpose(m) for m in reversed(found[1:-1])), first)
        if sum(map(_turns, back)) < sum(map(_turns, found)):
            return Chain(back)
    return Chain(tuple(found))


def _is_identity(a: Formula) -> bool:
    if isinstance(a, Expanded):
        return a.shape == (1, 1) and a.of == ONE
    return isinstance(a, Call) and a.name == "eye"


def _column(a: Formula) -> Formula | None:
    """Return a matrix of one column as a vector, None for others."""
    return reshape(a, a.shape[:1]) if len(a.shape) == 2 and a.shape[1] == 1 else None


def outer(u: Formula, v: Formula) -> Formula:
    """Return the products of the elements of two vectors, their numbers before them."""
    (ahead, u), (behind, v) = scaled(u), scaled(v)
    return multiply(*ahead, *behind, call("outer", u, v, shape=(*u.shape, *v.shape)))


def vector(a: Formula, dim: int) -> Formula | None:
    """Return the vector of which a matrix of one row (dim 0) or one column (dim 1) is made."""
    if isinstance(a, Product):
        if any(f.shape and vector(f, dim) is None for f in a.factors):
            return None
        return multiply(Number(a.coefficient),
                        *(power(vector(f, dim) or f, e) for f, e in a.factors.items()))  # fmt: skip
    if isinstance(a, Sum):
        parts = [(vector(t, dim) if t.shape else t, w) for t, w in a.terms.items()]
        if any(t is None for t, _ in parts):
            return None
        return add(*(multiply(Number(w), t) for t, w in parts if t is not None))
    if isinstance(a, Call) and a.name == "reshape" and len(a.shape) == 2 and a.shape[dim] == 1:
        inner = a.arguments[0]
        return inner if isinstance(inner, Formula) and len(inner.shape) == 1 else None
    return None


def scaled(a: Formula) -> tuple[list[Formula], Formula]:
    """Return what stands before a tensor, numbers and factors without dimensions, and the rest."""
    if isinstance(a, Expanded) and not a.of.shape and a.of not in (ONE, ZERO):
        return [a.of], expand(ONE, a.shape)
    if not isinstance(a, Product):
        return [], a
    outside = {f: e for f, e in a.factors.items() if not f.shape}
    inside = {f: e for f, e in a.factors.items() if f.shape}
    before = product(a.coefficient, outside)
    return ([] if before == ONE else [before]), product(Fraction(1), inside)


# ---- sums over dimensions ------------------------------------------------------------------


def total(a: Formula, dims: tuple[int, ...] | None = None, keepdim: bool = False) -> Formula:
    """Return the sum over some dimensions, or over all; what does not vary stands outside."""
    over = tuple(range(len(a.shape))) if not dims else tuple(d % len(a.shape) for d in dims)
    if not over:
        return a
    shape = _reduced(a.shape, over, keepdim)
    if isinstance(a, Expanded) and not a.of.shape:
        return expand(multiply(Number(Fraction(prod(a.shape[d] for d in over))), a.of), shape)
    outside, inner = _constant_over(a, over, keepdim)
    if outside:
        return multiply(*outside, total(expand(inner, a.shape), over, keepdim))
    if isinstance(a, Call) and over == (len(a.shape) - 1,) and is_share(a):
        return expand(ONE, shape)
    if isinstance(a, Call) and a.name in ("eye", "diag") and len(over) == 1 and not keepdim:
        return a.arguments[0] if a.name == "diag" else expand(ONE, shape)
    if len(over) == 2 == len(a.shape) and isinstance(a, Product) and not keepdim:
        eyes = [f for f, e in a.factors.items() if isinstance(f, Call) and f.name == "eye"]
        if eyes:
            return _trace(product(a.coefficient, {f: e for f, e in a.factors.items()
                                                  if f is not eyes[0]}))  # fmt: skip
    if len(a.shape) == 1 and isinstance(a, Product) and not keepdim:
        rows = [f for f, e in a.factors.items() if e == 1 and is_unit(f)]
        if rows:  # one element
            rest = {f: e for f, e in a.factors.items() if f is not rows[0]}
            index = {"dim": 0, "index": rows[0].keywords["index"]}
            return Call("select", (expand(product(a.coefficient, rest), a.shape),), index, ())
    keywords: dict[str, Any] = {}
    if len(over) < len(a.shape) or keepdim:
        keywords["dim"] = over[0] if len(over) == 1 else over
    if keepdim:
        keywords["keepdim"] = True
    return Call("sum", (a,), keywords, shape)


def _trace(a: Formula) -> Formula:
    return Call("trace", (a.of if isinstance(a, Transposed) else a,), {}, ())


def is_unit(a: Formula) -> TypeGuard[Call]:
    """Say whether a formula is a row of the identity."""
    if not isinstance(a, Call) or a.name != "select":
        return False
    return isinstance(a.arguments[0], Call) and a.arguments[0].name == "eye"


def is_share(a: Call) -> bool:
    """Say whether what a function gives sums to 1 along the last dimension."""
    last = len(a.shape) - 1
    if is_unit(a):
        return True
    return a.name in SHARES and a.keywords.get("dim", last) % len(a.shape) == last


def _constant_over(
    a: Formula, over: tuple[int, ...], keepdim: bool
) -> tuple[list[Formula], Formula]:
    """Return the factors that do not vary along some dimensions, as the sum has them; the rest."""
    if not isinstance(a, Product):
        return [], a
    outside: list[Formula] = [] if a.coefficient == 1 else [Number(a.coefficient)]
    inside: dict[Formula, Coefficient] = {}
    for factor, exponent in a.factors.items():
        ahead = len(a.shape) - len(factor.shape)
        here = [d - ahead for d in over if d >= ahead]
        if any(factor.shape[d] != 1 for d in here) or (len(a.factors) == 1 and not outside):
            inside[factor] = exponent
            continue
        kept = factor.shape if keepdim else _reduced(factor.shape, tuple(here), keepdim)
        outside.append(power(reshape(factor, kept), exponent))
    return outside, product(Fraction(1), inside)


# ---- shapes --------------------------------------------------------------------------------


def reshape(a: Formula, shape: Shape) -> Formula:
    """Return a formula in another shape; of a sum that kept its dimension, the sum without it."""
    if a.shape == shape:
        return a
    if not a.shape:
        return expand(a, shape)
    if isinstance(a, Expanded) and not a.of.shape:
        return expand(a.of, shape)
    if isinstance(a, Product | Sum) and all(x.shape in ((), a.shape) for x in a.inside):
        parts = {x: reshape(x, shape) if x.shape else x for x in a.inside}
        return expand(with_parts(a, parts), shape)
    ahead = len(a.shape) - len(shape)
    if isinstance(a, Product | Sum) and ahead > 0 and a.shape == (*(1,) * ahead, *shape):
        kept = {x: x if len(x.shape) <= len(shape) else reshape(x, x.shape[-len(shape) or 9:])
                for x in a.inside}  # fmt: skip
        return expand(with_parts(a, kept), shape)
    if isinstance(a, Chain) and (found := _chain_in(a, shape)) is not None:
        return found
    if isinstance(a, Call) and a.name == "reshape":
        return reshape(a.arguments[0], shape)
    if isinstance(a, Call) and (found := _call_in(a, shape)) is not None:
        return found
    return Call("reshape", (a, shape), {}, shape)


def _call_in(a: Call, shape: Shape) -> Formula | None:
    """Return a function in another shape where it may keep dimensions, or is of each element."""
    if a.name == "clamp":
        return call("clamp", reshape(a.arguments[0], shape), shape=shape, **a.keywords)
    if a.name not in REDUCTIONS or "dim" not in a.keywords:
        return None
    dim, inner = a.keywords["dim"], a.arguments[0]
    over = tuple(d % len(inner.shape) for d in (dim if isinstance(dim, tuple) else (dim,)))
    for keepdim in (False, True):
        if _reduced(inner.shape, over, keepdim) == shape and a.name == "sum":
            return total(inner, over, keepdim)
        if _reduced(inner.shape, over, keepdim) == shape:
            keywords = {k: v for k, v in a.keywords.items() if k != "keepdim"}
            if not shape and a.name != "logsumexp":
                del keywords["dim"]
            return Call(
                a.name, a.arguments, keywords | ({"keepdim": True} if keepdim else {}), shape
            )
    return None


def _chain_in(a: Chain, shape: Shape) -> Formula | None:
    """Return a product of matrices in another shape by reshaping a factor, None where none does."""
    first, last = a.factors[0], a.factors[-1]
    row, column = vector(first, 0), vector(last, 1)
    if len(a.shape) == 2 and len(shape) == 1 + (row is None and column is None) - (
        row is not None and column is not None):  # fmt: skip
        if row is not None and (column is not None or shape == a.shape[1:]):
            return matmul(row, *a.factors[1:-1], last if column is None else column)
        if column is not None and shape == a.shape[:1]:
            return matmul(*a.factors[:-1], column)
    if isinstance(first, Call) and first.name == "reshape":  # a batch of rows times a matrix
        rows = first.arguments[0]
        plain = all(len(m.shape) == 2 for m in a.factors)
        if plain and rows.shape[-1:] == first.shape[-1:] and len(rows.shape) > 1 and (
            shape == (*rows.shape[:-1], a.shape[-1])):  # fmt: skip
            return matmul(rows, *a.factors[1:])
    return None


def with_parts(a: Product | Sum, parts: dict[Formula, Formula]) -> Formula:
    """Return a product or a sum of other factors or terms."""
    if isinstance(a, Sum):
        return add(*(multiply(Number(w), parts[x]) for x, w in a.terms.items()))
    return multiply(Number(a.coefficient), *(power(parts[x], e) for x, e in a.factors.items()))


def _reduced(shape: Shape, over: tuple[int, ...], keepdim: bool) -> Shape:
    kept = [(1 if d in over else n) for d, n in enumerate(shape) if keepdim or d not in over]
    return tuple(kept)
