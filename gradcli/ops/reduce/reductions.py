"""Operations that reduce dimensions, and those that normalise over them."""

from __future__ import annotations

from math import prod as product
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.ops.pointwise.elementwise import abs_, eq, exp, isnan, logical_not, sgn, where
from gradcli.ops.shape.shapes import conj, mean, restore, spread, sum_, to, zeros_like
from gradcli.rule.costs import fold
from gradcli.rule.dtypes import INT64, SCALAR_NAMES, is_differentiable, to_real
from gradcli.rule.meta import Meta, reduced, reduced_dims
from gradcli.rule.rows import composite, primitive, pullback
from gradcli.rule.rule import Derivative, concrete, warn

MAX_ZEROS = 8  # a product of more zeros than this has no derivative below that order

# ---- shapes and dtypes ---------------------------------------------------------------------


def _same_dtype(a: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Meta:
    return Meta(reduced(a.shape, dim, keepdim), a.dtype)


def _prod_meta(a: Any, dim: Any, keepdim: bool, dtype: Any = None) -> Meta:
    wide = INT64 if a.dtype.kind in "biu" else a.dtype
    return Meta(reduced(a.shape, dim, keepdim), dtype or wide)


def _floating(name: str) -> Any:
    def meta(a: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Meta:
        if not is_differentiable(a.dtype):
            raise ArgumentFault(
                f"{name}: Expected a floating point or complex tensor as input. Got "
                + SCALAR_NAMES[a.dtype.name],
                hint="write the data as floats (`1.` for `1`), or use .double()",
            )
        return Meta(reduced(a.shape, dim, keepdim), to_real(a.dtype))

    return meta


def _along(a: Any, dim: int) -> Meta:
    dtype = a.dtype if is_differentiable(a.dtype) else a.default_dtype
    return Meta(a.shape, dtype)


def _norm_meta(a: Any, ord: float, dim: Any, keepdim: bool) -> Meta:
    empty = [d for d in reduced_dims(len(a.shape), dim) if not a.shape[d]]
    if empty and (ord < 0 or ord == float("inf")):
        alone = dim is None or len(a.shape) == 1
        where_ = (
            "an empty tensor because"
            if alone
            else (f"the dimension {empty[0]} because this dimension is empty and")
        )
        raise ArgumentFault(
            f"linalg.vector_norm cannot compute the {ord:g} norm on {where_} the operation does "
            "not have an identity"
        )
    return _floating("linalg.vector_norm")(a, dim, keepdim)  # type: ignore[no-any-return]


def _bool_meta(a: Any, dim: Any = None, keepdim: bool = False) -> Meta:
    return Meta(reduced(a.shape, dim, keepdim), np.dtype(bool))


def _index_meta(a: Any, dim: Any = None, keepdim: bool = False) -> Meta:
    return Meta(reduced(a.shape, dim, keepdim), INT64)


# ---- forward functions ---------------------------------------------------------------------


def _truth_axis(a: Any, dim: Any) -> Any:
    """Return the dimensions of `all` and `any`: () reduces none, as in PyTorch."""
    return dim if dim == () else _axis(a, dim)


def _truth_meta(a: Any, dim: Any = None, keepdim: bool = False) -> Meta:
    return Meta(a.shape if dim == () else reduced(a.shape, dim, keepdim), np.dtype(bool))


def _axis(a: Any, dim: Any) -> Any:
    return reduced_dims(np.ndim(a), dim)


def _logsumexp_meta(a: Any, dim: Any, keepdim: bool = False) -> Meta:
    dtype = a.dtype if is_differentiable(a.dtype) else a.default_dtype
    return Meta(reduced(a.shape, dim, keepdim), dtype)


def _logsumexp(a: Any, dim: Any, keepdim: bool) -> Any:
    axis = _axis(a, dim)
    if not np.size(a):
        return np.log(np.sum(np.exp(a), axis=axis, keepdims=keepdim))
    top = np.max(a, axis=axis, keepdims=True)
    shift = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(a - shift), axis=axis, keepdims=True)) + shift
    return total if keepdim else np.squeeze(total, axis)


def _softmax(a: Any, dim: int) -> Any:
    if not np.size(a):
        return a
    axis = dim if np.ndim(a) else None
    e = np.exp(a - np.max(a, axis=axis, keepdims=True))
    return e / np.sum(e, axis=axis, keepdims=True)


def _log_softmax(a: Any, dim: int) -> Any:
    if not np.size(a):
        return a
    axis = dim if np.ndim(a) else None
    shifted = a - np.max(a, axis=axis, keepdims=True)
    return shifted - np.log(np.sum(np.exp(shifted), axis=axis, keepdims=True))


def _variance(a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    axis = _axis(a, dim)
    count = product(a.shape[d] for d in axis)
    away = np.abs(a - np.mean(a, axis=axis, keepdims=True)) ** 2
    total = np.sum(away, axis=axis, keepdims=keepdim)
    return total / np.asarray(max(count - correction, 0.0), total.dtype)


def _vector_norm(a: Any, ord: float, dim: Any, keepdim: bool) -> Any:
    axis, size = _axis(a, dim), np.abs(a)
    if ord == float("inf"):
        return np.max(size, axis=axis, keepdims=keepdim)
    if ord == float("-inf"):
        return np.min(size, axis=axis, keepdims=keepdim)
    if ord == 0:
        return np.sum(size != 0, axis=axis, keepdims=keepdim).astype(size.dtype)
    if ord == 2:
        return np.sqrt(np.sum(size * size, axis=axis, keepdims=keepdim))
    return np.sum(size**ord, axis=axis, keepdims=keepdim) ** (1 / ord)


# ---- bodies of more than a line ------------------------------------------------------------


def _prod_rule(g: Any, y: Any, a: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    """Product of the other elements; a zero's is worked out without dividing by it."""
    if not a.shape:
        return g
    g, whole = restore(g, a.shape, dim, keepdim), restore(y, a.shape, dim, keepdim)
    zero = np.equal(concrete(a), 0)
    if not zero.any():
        return g * conj(whole / a)
    axis = reduced_dims(len(a.shape), dim)
    moved = np.moveaxis(zero, axis, range(-len(axis), 0)) if axis else zero
    flat = moved.reshape(*moved.shape[: zero.ndim - len(axis)], -1)
    rank = (np.cumsum(flat, -1) * flat).reshape(moved.shape)
    rank = np.moveaxis(rank, range(-len(axis), 0), axis) if axis else rank
    others = whole / where(zero, 1.0, a)
    for k in range(1, min(int(rank.max()), MAX_ZEROS) + 1):
        rest = prod(where(rank == k, 1.0, a), dim=axis, keepdim=True)
        others = where(rank == k, rest, others)
    return g * conj(others)


def _numbers(a: Any, dtype: Any) -> Any:
    """Return 1 where an element is a number, 0 where it is NaN."""
    return to(logical_not(isnan(a)), dtype)


def _freedom(a: Any, dim: Any, correction: float) -> float:
    count = product(a.shape[d] for d in reduced_dims(len(a.shape), dim))
    return float(max(count - correction, 0.0))


def _variance_rule(g: Any, y: Any, a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    freedom, centre = _freedom(a, dim, correction), mean(a, dim=dim, keepdim=True)
    g = restore(g, a.shape, dim, keepdim)
    if not freedom and dim is None:
        return g * where(eq(a, centre), float("nan"), float("inf"))
    return g * (2 / freedom if freedom else float("inf")) * (a - centre)


def _variance_tangent(ts: Any, y: Any, a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    freedom = _freedom(a, dim, correction)
    scale = 2 / freedom if freedom else float("inf")
    away = a - mean(a, dim=dim, keepdim=True)
    return scale * sum_(ts[0] * away, dim=dim, keepdim=keepdim)


def _std_rule(g: Any, y: Any, a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    half = where(eq(y, 0), 0.0, g / (2 * y))
    return _variance_rule(half, y, a, dim, correction, keepdim)


def _std_tangent(ts: Any, y: Any, a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    return where(eq(y, 0), 0.0, _variance_tangent(ts, y, a, dim, correction, keepdim) / (2 * y))


def norm_slope(y: Any, a: Any, ord: float, dim: Any, keepdim: bool) -> Any:
    """Return the derivative of a norm with respect to each element, 0 where it is not unique."""
    norm = restore(y, a.shape, dim, keepdim)
    if ord == 0:
        return zeros_like(a)
    if ord == 1:
        return sgn(a)
    if abs(ord) == float("inf"):
        mask = to(eq(abs_(a), norm), a.dtype)
        return sgn(a) * (mask / sum_(mask, dim=dim, keepdim=True))
    if ord == 2:
        return where(eq(norm, 0), 0.0, a / norm)
    if ord < 1:
        size = where(eq(a, 0), 0.0, abs_(a) ** (ord - 1))
        return sgn(a) * size * norm ** (1 - ord)
    powers = sgn(a) * abs_(a) ** (ord - 1) if ord < 2 else a * abs_(a) ** (ord - 2)
    return where(eq(norm, 0), 0.0, powers / norm ** (ord - 1))


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

prod = primitive(Derivative,
    "prod(input, dim: dims = None, keepdim: bool = False, dtype: dtype = None)",
    lambda a, dim, **_: "ProdBackward0" if dim is None else "ProdBackward1",
    lambda a, dim, keepdim, dtype: np.prod(a, axis=_axis(a, dim), keepdims=keepdim, dtype=dtype),
    _prod_meta, _prod_rule,
    tangent=lambda ts, y, a, dim, keepdim, dtype:
        sum_(ts[0] * _prod_rule(ones_of(y), y, a, dim, keepdim, dtype), dim=dim, keepdim=keepdim),
    saves="input result", doc="Product of the elements", examples="prod(v); M.prod(1)")


nansum = primitive(Derivative,
    "nansum(input, dim: dims = None, keepdim: bool = False, dtype: dtype = None)",
    "NansumBackward0",
    lambda a, dim, keepdim, dtype: np.nansum(
        a if dtype is None else a.astype(dtype), axis=_axis(a, dim), keepdims=keepdim),
    _prod_meta,
    lambda g, y, a, dim, keepdim, dtype: spread(g, a.shape, dim, keepdim) * _numbers(a, g.dtype),
    tangent=lambda ts, y, a, dim, keepdim, dtype:
        sum_(ts[0] * _numbers(a, ts[0].dtype), dim=dim, keepdim=keepdim),
    refuses="complex", memory=fold(3), doc="Sum of the elements that are not NaN", kink="0 at NaN",
    examples="nansum(v); M.nansum(1)")

var = primitive(Derivative,
    "var.correction(input, dim: dims = None, correction: real = 1, keepdim: bool = False)",
    "VarBackward0",
    _variance, _floating("var"), _variance_rule, tangent=_variance_tangent,
    memory=fold(3),
    doc="Variance; divides by n - correction", examples="var(M); M.var(0, correction=0)")
std = primitive(Derivative,
    "std.correction(input, dim: dims = None, correction: real = 1, keepdim: bool = False)",
    "StdBackward0",
    lambda a, dim, correction, keepdim: np.sqrt(_variance(a, dim, correction, keepdim)),
    _floating("std"), _std_rule, tangent=_std_tangent,
    memory=fold(3), doc="Standard deviation; divides by n - correction", kink="0 where it is 0",
    examples="std(M); M.std(1)")

logsumexp = primitive(Derivative,
    "logsumexp(input, dim: dims, keepdim: bool = False)", "LogsumexpBackward0",
    _logsumexp, _logsumexp_meta,
    lambda g, y, a, dim, keepdim:
        restore(g, a.shape, dim, keepdim) * conj(exp(a - restore(y, a.shape, dim, keepdim))),
    tangent=lambda ts, y, a, dim, keepdim:
        sum_(ts[0] * exp(a - restore(y, a.shape, dim, keepdim)), dim=dim, keepdim=keepdim),
    memory=fold(3), doc="log of the sum of exponentials, without overflow",
    examples="logsumexp(v, 0); M.logsumexp(1)")
softmax_ = primitive(Derivative, "_softmax(input, dim: dim)", "SoftmaxBackward0",
    _softmax, _along,
    lambda g, y, a, dim: softmax_backward(g, y, dim=dim),
    tangent=lambda ts, y, a, dim: y * (ts[0] - sum_(ts[0] * y, dim=(dim,), keepdim=True)),
    doc="Exponentials divided by their sum")
log_softmax_ = primitive(Derivative, "_log_softmax(input, dim: dim)", "LogSoftmaxBackward0",
    _log_softmax, _along,
    lambda g, y, a, dim: log_softmax_backward(g, y, dim=dim),
    tangent=lambda ts, y, a, dim: ts[0] - sum_(ts[0] * exp(y), dim=(dim,), keepdim=True),
    doc="log of softmax, without overflow")
softmax_backward = pullback("_softmax_backward_data(grad, output, dim: int)",
    "SoftmaxBackwardDataBackward0",
    lambda g, y, dim: y * (g - sum_(g * y, dim=(dim,), keepdim=True)))
log_softmax_backward = pullback("_log_softmax_backward_data(grad, output, dim: int)",
    "LogSoftmaxBackwardDataBackward0",
    lambda g, y, dim: g - exp(y) * sum_(g, dim=(dim,), keepdim=True))

vector_norm = primitive(Derivative,
    "linalg.vector_norm(input, ord: number = 2, dim: dims = None, keepdim: bool = False)",
    "LinalgVectorNormBackward0",
    _vector_norm, _norm_meta,
    lambda g, y, a, ord, dim, keepdim:
        restore(g, a.shape, dim, keepdim) * norm_slope(y, a, ord, dim, keepdim),
    tangent=lambda ts, y, a, ord, dim, keepdim:
        sum_(ts[0] * norm_slope(y, a, ord, dim, keepdim), dim=dim, keepdim=keepdim),
    memory=fold(3), doc="Norm of the elements as a vector", kink="0 at 0",
    examples="linalg.vector_norm(v); linalg.vector_norm(M, 3, dim=1); linalg.vector_norm(v, 1); "
    "linalg.vector_norm(v, 1.5); linalg.vector_norm(v, inf)")

all_ = primitive(Derivative, "all(input, dim: dims = None, keepdim: bool = False)", "",
    lambda a, dim, keepdim: np.all(a, axis=_truth_axis(a, dim), keepdims=keepdim), _truth_meta,
    doc="Whether all elements are true")
any_ = primitive(Derivative, "any(input, dim: dims = None, keepdim: bool = False)", "",
    lambda a, dim, keepdim: np.any(a, axis=_truth_axis(a, dim), keepdims=keepdim), _truth_meta,
    doc="Whether any element is true")
count_nonzero = primitive(Derivative, "count_nonzero(input, dim: dims = None)", "",
    lambda a, dim: np.count_nonzero(a, axis=_axis(a, dim)), _index_meta,
    doc="How many elements are not 0")

# fmt: on


def ones_of(y: Any) -> Any:
    """Return ones in the shape of a result, as a cotangent."""
    return zeros_like(y) + 1.0


# ---- composites ----------------------------------------------------------------------------


def _spread_of(row: Any) -> Any:
    def expand(a: Any, dim: Any, unbiased: Any, correction: Any, keepdim: bool) -> Any:
        if isinstance(dim, bool):  # var(unbiased) is an older overload
            dim, unbiased = None, dim
        dim = tuple(dim) if isinstance(dim, list) else dim
        amount = correction if correction is not None else float(unbiased is not False)
        return row(a, dim=dim, correction=amount, keepdim=keepdim)

    return expand


def _implicit_dim(row: Any) -> Any:
    def expand(a: Any, dim: int | None, dtype: Any) -> Any:
        a = to(a, dtype) if dtype is not None else a
        if dim is None:  # PyTorch's choice where none is given
            warn(
                a,
                f"Implicit dimension choice for {row.label} has been deprecated. Change the call "
                "to include dim=X as an argument.",
            )
            dim = 0 if len(a.shape) in (0, 1, 3) else 1
        return row(a, dim=dim)

    return expand


def _nanmean(a: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    count = sum_(logical_not(isnan(a)), dim=dim, keepdim=keepdim)
    return nansum(a, dim=dim, keepdim=keepdim, dtype=dtype) / count


# fmt: off
var_ = composite(
    "var(input, dim: bool|axes = None, unbiased: bool = None, correction: real = None, "
    "keepdim: bool = False)",
    _spread_of(var), doc="Variance; divides by n - correction",
    examples="var(v); M.var(0, unbiased=False)")
std_ = composite(
    "std(input, dim: bool|axes = None, unbiased: bool = None, correction: real = None, "
    "keepdim: bool = False)",
    _spread_of(std), doc="Standard deviation; divides by n - correction", examples="std(v)")
nanmean = composite(
    "nanmean(input, dim: dims = None, keepdim: bool = False, dtype: dtype = None)", _nanmean,
    refuses="bool integer complex", doc="Mean of the elements that are not NaN", kink="0 at NaN",
    examples="nanmean(v); M.nanmean(0)")
softmax = composite("softmax(input, dim: int = None, dtype: dtype = None)", _implicit_dim(softmax_),
    refuses="integer complex",
    doc="Exponentials divided by their sum", examples="softmax(M, 1); softmax(v, dim=0)")
log_softmax = composite(
    "log_softmax(input, dim: int = None, dtype: dtype = None)", _implicit_dim(log_softmax_),
    refuses="integer complex", doc="log of softmax, without overflow", examples="log_softmax(M, 1)")
softmin = composite("softmin(input, dim: int = None, dtype: dtype = None)",
    lambda a, dim, dtype: _implicit_dim(softmax_)(-a, dim, dtype),
    refuses="integer complex", doc="softmax(-a)",
    examples="softmin(v, 0)")
# fmt: on
