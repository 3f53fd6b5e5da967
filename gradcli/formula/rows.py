"""The operations of the table whose formulas are no calls: operators, and derivatives of others."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import prod
from typing import Any

from gradcli.formula import expressions as f
from gradcli.formula import pieces as p
from gradcli.formula.expressions import Call, Expanded, Formula, Number
from gradcli.rule.meta import Shape

HALF = Fraction(1, 2)


def _scalar(x: Any) -> Formula:
    return x if isinstance(x, Formula) else f.number(x)


def _add(a: Formula, b: Formula, alpha: Any = 1, **_: Any) -> Formula:
    return f.add(a, f.multiply(_scalar(alpha), b))


def _power(a: Formula, exponent: Any, **_: Any) -> Formula | None:
    return None if isinstance(exponent, Formula) else f.power(a, exponent)


def _view(a: Formula, shape: Shape, **_: Any) -> Formula:
    """Return a view; of one element, broadcasting gives it the shape."""
    inner = a.of if isinstance(a, Expanded) and not a.of.shape else a
    return f.expand(inner, shape) if prod(a.shape) == 1 and not inner.shape else f.reshape(a, shape)


def _exchange(a: Formula, dim0: int, dim1: int, shape: Shape) -> Formula | None:
    dims = list(range(len(shape)))
    if dims:
        dims[dim0], dims[dim1] = dims[dim1], dims[dim0]
    return _permute(a, tuple(dims), shape)


def _permute(a: Formula, dims: tuple[int, ...], shape: Shape) -> Formula | None:
    """Return dimensions in another order; those of size 1 count for nothing."""
    if len(shape) < 2:
        return a
    dims = tuple(d % len(shape) for d in dims)
    if dims == (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2):
        return f.transpose(a)
    order = [d for d in dims if a.shape[d] != 1]
    if order == sorted(order):
        return f.reshape(a, shape)
    if len(order) == 2:
        return f.reshape(f.transpose(f.reshape(a, tuple(a.shape[d] for d in sorted(order)))), shape)
    return None


def _bmm(a: Formula, b: Formula, shape: Shape, **_: Any) -> Formula:
    if shape[0] == 1:
        return f.reshape(f.matmul(*(f.reshape(x, x.shape[1:]) for x in (a, b))), shape)
    return f.matmul(a, b)


def _where(condition: Formula, a: Formula, b: Formula, **_: Any) -> Formula | None:
    """Return a choice between something and 0 as a product with a mask."""
    if _of_sign(condition):
        return b  # nan where the determinant is negative, as `logdet` is
    if f.is_zero(a):
        return f.multiply(f.opposite(condition), b)
    if f.is_zero(b):
        return f.multiply(condition, a)
    if all(isinstance(x, Number | Expanded) for x in (a, b)):
        return f.add(f.multiply(condition, a), f.multiply(f.opposite(condition), b))
    return None


def _of_sign(condition: Formula) -> bool:
    """Say whether a condition asks whether a determinant is negative."""
    if not isinstance(condition, Call) or condition.name != "lt":
        return False
    sign = condition.arguments[0]
    return isinstance(sign, Call) and sign.name == "part" and sign.arguments[1] == "sign"


def _masked_fill(a: Formula, mask: Formula, value: Any, **_: Any) -> Formula | None:
    if f.is_zero(a):
        return f.multiply(mask, _scalar(value))
    return f.multiply(f.opposite(mask), a) if f.is_zero(_scalar(value)) else None


def _nll_gradient(
    g: Formula, _: Formula, target: Formula, weight: Any, reduction: str, shape: Shape, **__: Any
) -> Formula | None:
    if weight is not None or len(shape) > 2:
        return None
    classes = p.classes(target, shape)
    if reduction == "none":
        g = f.reshape(g, (*g.shape, 1))
    count = shape[0] if reduction == "mean" and len(shape) == 2 else 1
    return f.multiply(Number(Fraction(-1, count)), g, classes)


def _nll(log_p: Formula, target: Formula, weight: Any, reduction: str, **_: Any) -> Formula | None:
    if weight is not None or len(log_p.shape) > 2:
        return None
    classes = p.classes(target, log_p.shape)
    if reduction == "none":
        return f.negative(f.total(f.multiply(classes, log_p), (-1,)))
    count = log_p.shape[0] if reduction == "mean" and len(log_p.shape) == 2 else 1
    return f.multiply(Number(Fraction(-1, count)), f.total(f.multiply(classes, log_p)))


def _softplus_gradient(g: Formula, a: Formula, beta: Any, **_: Any) -> Formula:
    """Return g·sigmoid(beta·a): beyond the threshold it is the same to 9 digits."""
    return f.multiply(g, f.call("sigmoid", f.multiply(_scalar(beta), a), shape=a.shape))


def _diagonal_gradient(
    g: Formula, offset: int, dim1: int, dim2: int, shape: Shape, **_: Any
) -> Formula | None:
    """Return a diagonal of what arrives; of a number, a multiple of the identity."""
    if len(shape) != 2 or shape[0] != shape[1] or offset or (dim1, dim2) != (0, 1):
        return None
    if isinstance(g, Expanded) and not g.of.shape:
        return f.multiply(g.of, Call("eye", (f.number(shape[0]),), {}, shape))
    return f.call("diag", g, shape=shape)


def _adjugate(a: Formula, shape: Shape, **_: Any) -> Formula:
    det = f.reshape(f.call("det", a, shape=shape[:-2]), (*shape[:-2], *(1, 1) * (len(shape) > 2)))
    return f.multiply(det, f.call("inverse", a, shape=shape))


def _mean(a: Formula, dim: Any, keepdim: bool, shape: Shape, **_: Any) -> Formula:
    count = prod(a.shape) // max(prod(shape), 1)
    return f.divide(f.total(a, dim, keepdim), f.number(max(count, 1)))


def _conjugate(a: Formula, **_: Any) -> Formula:
    if isinstance(a, Number):
        return Number(a.value.conjugate())
    if isinstance(a, Expanded):
        return f.expand(_conjugate(a.of), a.shape)
    if isinstance(a, f.Sum):
        return f.add(
            *(f.multiply(_conjugate(Number(w)), _conjugate(t)) for t, w in a.terms.items())
        )
    if isinstance(a, f.Product) and all(isinstance(e, Fraction) and e.denominator == 1
                                        for e in a.factors.values()):  # fmt: skip
        return f.multiply(_conjugate(Number(a.coefficient)),
                          *(f.power(_conjugate(x), e) for x, e in a.factors.items()))  # fmt: skip
    return f.call("conj", a, shape=a.shape)


def _itself(a: Formula, **_: Any) -> Formula:
    return a


ROWS: dict[str, Callable[..., Formula | None]] = {
    "add": _add,
    "add.Scalar": lambda a, other, alpha=1, **_: _add(a, _scalar(other), alpha),
    "sub": lambda a, b, alpha=1, **_: f.subtract(a, f.multiply(_scalar(alpha), b)),
    "sub.Scalar": lambda a, other, alpha=1, **_: f.subtract(
        a, f.multiply(_scalar(alpha), _scalar(other))
    ),
    "rsub.Scalar": lambda a, other, alpha=1, **_: f.subtract(
        _scalar(other), f.multiply(_scalar(alpha), a)
    ),
    "rsub.Tensor": lambda a, b, alpha=1, **_: f.subtract(b, f.multiply(_scalar(alpha), a)),
    "neg": lambda a, **_: f.negative(a),
    "mul": lambda a, b, **_: f.multiply(a, b),
    "mul.Scalar": lambda a, other, **_: f.multiply(a, _scalar(other)),
    "div.Tensor": lambda a, b, **_: f.divide(a, b),
    "div.Scalar": lambda a, other, **_: f.divide(a, _scalar(other)),
    "reciprocal": lambda a, **_: f.power(a, -1),
    "pow.Tensor_Scalar": _power,
    "_polygamma": lambda a, n, shape, **_: f.call("polygamma", _scalar(n), a, shape=shape),
    "pow.Scalar": lambda a, base, **_: Call("pow", (_scalar(base), a), {}, a.shape),
    "sqrt": lambda a, **_: f.power(a, HALF),
    "rsqrt": lambda a, **_: f.power(a, -HALF),
    "sum": lambda a, dim, keepdim, **_: f.total(a, dim, keepdim),
    "mean": _mean,
    "expand": lambda a, shape, **_: f.expand(a, shape),
    "view": _view,
    "_unsafe_view": _view,
    "_reshape_alias": _view,
    "unsqueeze": _view,
    **dict.fromkeys(("squeeze.dim", "squeeze.dims", "squeeze.all", "_squeeze_"), _view),
    "transpose": _exchange,
    "t": lambda a, **_: f.transpose(a),
    "permute": _permute,
    "mm": lambda a, b, **_: f.matmul(a, b),
    "bmm": _bmm,
    "mv": lambda a, b, **_: f.matmul(a, b),
    "dot": lambda a, b, **_: f.matmul(a, b),
    "addmm": lambda c, a, b, beta=1, alpha=1, **_: f.add(
        f.multiply(_scalar(beta), c), f.multiply(_scalar(alpha), f.matmul(a, b))
    ),
    "addmv": lambda c, a, b, beta=1, alpha=1, **_: f.add(
        f.multiply(_scalar(beta), c), f.multiply(_scalar(alpha), f.matmul(a, b))
    ),
    "zeros_like": lambda _, shape, **__: f.expand(f.ZERO, shape),
    "ones_like": lambda _, shape, **__: f.expand(f.ONE, shape),
    "where.self": _where,
    "masked_fill.Scalar": _masked_fill,
    "masked_fill.Tensor": _masked_fill,
    "logical_not": lambda a, **_: f.opposite(a),
    "_nll_loss": _nll,
    "_nll_loss_backward": _nll_gradient,
    "_softplus_backward": _softplus_gradient,
    "_diagonal_backward": _diagonal_gradient,
    "_adjugate": _adjugate,
    "clone": _itself,
    "_to_copy": _itself,
    "_alias": _itself,
    "detach": _itself,
    "_contiguous_copy": _itself,
    "_grad_copy": _itself,
    "_inv": lambda a, shape, **_: f.call("inverse", a, shape=shape),
    "linalg.inv": lambda a, shape, **_: f.call("inverse", a, shape=shape),
    "_clone.clamped": lambda a, shape, **attrs: f.call("clamp", a, shape=shape, **attrs),
    "_safe_softmax": lambda a, dim, shape, **_: f.call("softmax", a, shape=shape, dim=dim),
    "_slice": p.slice_,
    "_slice_backward": p.slice_gradient,
    "select": p.select,
    "_select_backward": p.select_gradient,
    "_index": p.index,
    "_index_backward": p.index_gradient,
    "_scatter_back": p.along_gradient,
    "_gather_backward": p.along_gradient,
    "cat": p.cat,
    "stack": p.cat,
    "_conj": _conjugate,
    "view_as_complex": p.as_complex,
}
