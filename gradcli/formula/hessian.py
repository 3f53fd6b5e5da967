"""Matrices of second derivatives as formulas: a gradient times a vector, and the vector left out.

Where `v` stands for any vector, the gradient of `gradient @ v` is the Hessian times `v`: linear in
`v`. What is linear in a vector is a matrix times it, which the functions here read off.
"""

from __future__ import annotations

from gradcli.formula import expressions as f
from gradcli.formula.expressions import Call, Chain, Expanded, Formula, Name, Number, Product, Sum
from gradcli.formula.simplify import rebuilt


def matrix_of(a: Formula, v: Name) -> Formula | None:
    """Return the matrix that `a`, a vector or a number, is of `v`; None where it is not read off.

    It has a row for each element of `a`; of a number it is one row, without that dimension.
    """
    if len(a.shape) > 1 or not _has(a, v):
        return None
    n = v.shape[0]
    if a == v:
        return Call("eye", (f.number(n),), {}, (n, n))
    if isinstance(a, Sum):
        rows = [(matrix_of(t if t.shape == a.shape else f.expand(t, a.shape), v), w)
                for t, w in a.terms.items()]  # fmt: skip
        if any(m is None for m, _ in rows):
            return None
        return f.add(*(f.multiply(Number(w), m) for m, w in rows if m is not None))
    if isinstance(a, Product):
        return _of_product(a, v)
    if isinstance(a, Chain):
        return _of_chain(a, v)
    if isinstance(a, Expanded) and not a.of.shape:
        row = matrix_of(a.of, v)
        ones = f.expand(f.ONE, a.shape)
        return None if row is None else f.outer(ones, row)
    if isinstance(a, Call) and a.name == "sum" and not a.shape:
        rows_ = matrix_of(a.arguments[0], v)
        return None if rows_ is None else f.total(rows_, (0,))
    return None


def _has(a: Formula, v: Name) -> bool:
    return a == v or any(_has(x, v) for x in a.inside)


def _of_product(a: Product, v: Name) -> Formula | None:
    inside = [x for x, e in a.factors.items() if _has(x, v)]
    if len(inside) != 1 or a.factors[inside[0]] != 1:
        return None
    (linear,) = inside
    rest = f.product(a.coefficient, {x: e for x, e in a.factors.items() if x is not linear})
    if linear == v and rest.shape:
        return f.call("diag", rest, shape=(*rest.shape, *v.shape))
    matrix = matrix_of(linear, v)
    if matrix is None:
        return None
    if not rest.shape:
        return f.multiply(rest, matrix)
    if not linear.shape:
        return f.outer(rest, matrix)
    return f.multiply(f.reshape(rest, (*rest.shape, 1)), matrix)


def _of_chain(a: Chain, v: Name) -> Formula | None:
    *matrices, last = a.factors
    if any(_has(m, v) for m in matrices):
        if a.shape or len(matrices) != 1 or _has(last, v):
            return None
        matrices, last = [last], matrices[0]  # a number: u @ v is v @ u
    inner = matrix_of(last, v)
    return None if inner is None else f.matmul(*matrices, inner)


def without(a: Formula, v: Name) -> Formula:
    """Return what is linear in a number as what it is times that number."""
    if a == v:
        return f.ONE
    if isinstance(a, Sum):
        return f.add(*(f.multiply(Number(w), without(t, v)) for t, w in a.terms.items()))
    if isinstance(a, Product) and v in a.factors:
        rest = {x: e for x, e in a.factors.items() if x != v}
        return f.expand(f.product(a.coefficient, rest), a.shape)
    if isinstance(a, Product):
        parts = (without(x, v) if _has(x, v) else f.power(x, e) for x, e in a.factors.items())
        return f.multiply(Number(a.coefficient), *parts)
    return rebuilt(a, lambda x: without(x, v) if _has(x, v) else x)
