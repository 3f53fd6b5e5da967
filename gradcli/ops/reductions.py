"""Operations that reduce dimensions, and those that normalise over them."""

from __future__ import annotations

from math import prod as product
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.ops.dtypes import INT64, to_real
from gradcli.ops.elementwise import (
    abs_,
    eq,
    exp,
    isnan,
    logical_or,
    maximum,
    minimum,
    sgn,
    where,
)
from gradcli.ops.meta import Meta, reduced, reduced_dims
from gradcli.ops.rule import (
    Derivative,
    composite,
    concrete,
    number,
    primitive,
)
from gradcli.ops.shapes import (
    gather,
    gather_backward,
    mean,
    reshape,
    restore,
    sum_,
    to,
    unsqueeze,
    zeros_like,
)

MAX_ZEROS = 8  # a product of more zeros than this has no derivative below that order

# ---- shapes and dtypes ---------------------------------------------------------------------


def _same_dtype(a: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Meta:
    return Meta(reduced(a.shape, dim, keepdim), a.dtype)


def _nonempty(name: str) -> Any:
    def meta(a: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Meta:
        if 0 in a.shape and all(a.shape[d] == 0 for d in reduced_dims(len(a.shape), dim)):
            raise ArgumentFault(
                f"{name}(): Expected reduction dim to be specified for input.numel() == 0. "
                "Specify the reduction dim with the 'dim' argument."
            )
        return Meta(reduced(a.shape, dim, keepdim), a.dtype)

    return meta


def _with_indices(name: str) -> Any:
    check = _nonempty(name)

    def meta(a: Any, dim: int, keepdim: bool) -> tuple[Meta, Meta]:
        values = check(a, dim, keepdim)
        return values, Meta(values.shape, INT64)

    return meta


def _prod_meta(a: Any, dim: Any, keepdim: bool, dtype: Any = None) -> Meta:
    wide = INT64 if a.dtype.kind in "biu" else a.dtype
    return Meta(reduced(a.shape, dim, keepdim), dtype or wide)


def _floating(name: str) -> Any:
    def meta(a: Any, dim: Any = None, keepdim: bool = False, **_: Any) -> Meta:
        if a.dtype.kind not in "fc":
            raise ArgumentFault(
                f"{name}(): expected a floating point or complex tensor, got {a.dtype.name}",
                hint="write the data as floats (`1.` for `1`), or use .double()",
            )
        return Meta(reduced(a.shape, dim, keepdim), to_real(a.dtype))

    return meta


def _along(a: Any, dim: int) -> Meta:
    dtype = a.dtype if a.dtype.kind in "fc" else a.default_dtype
    return Meta(a.shape, dtype)


def _bool_meta(a: Any, dim: Any = None, keepdim: bool = False) -> Meta:
    return Meta(reduced(a.shape, dim, keepdim), np.dtype(bool))


def _index_meta(a: Any, dim: Any = None, keepdim: bool = False) -> Meta:
    return Meta(reduced(a.shape, dim, keepdim), INT64)


# ---- forward functions ---------------------------------------------------------------------


def _axis(a: Any, dim: Any) -> Any:
    return reduced_dims(np.ndim(a), dim)


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


def _picked(arg: Any) -> Any:
    def forward(a: Any, dim: int, keepdim: bool) -> tuple[Any, Any]:
        if not np.ndim(a):
            return a, np.zeros((), np.int64)
        index = np.expand_dims(arg(a, dim), dim)
        values = np.take_along_axis(a, index, dim)
        return (values, index) if keepdim else (values.squeeze(dim), index.squeeze(dim))

    return forward


def _arg(find: Any) -> Any:
    def forward(a: Any, dim: Any, keepdim: bool) -> Any:
        if dim is None:
            return np.reshape(find(a), (1,) * np.ndim(a)) if keepdim else find(a)
        return find(a, dim, keepdims=keepdim) if np.ndim(a) else np.zeros((), np.int64)

    return forward


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
    g, whole = restore(g, a.shape, dim, keepdim), restore(y, a.shape, dim, keepdim)
    zero = np.equal(concrete(a), 0)
    if not zero.any():
        return g * (whole / a)
    axis = reduced_dims(len(a.shape), dim)
    moved = np.moveaxis(zero, axis, range(-len(axis), 0)) if axis else zero
    flat = moved.reshape(*moved.shape[: zero.ndim - len(axis)], -1)
    rank = (np.cumsum(flat, -1) * flat).reshape(moved.shape)
    rank = np.moveaxis(rank, range(-len(axis), 0), axis) if axis else rank
    others = whole / _where(zero, 1.0, a)
    for k in range(1, min(int(rank.max()), MAX_ZEROS) + 1):
        rest = prod(_where(rank == k, 1.0, a), dim=axis, keepdim=True)
        others = _where(rank == k, rest, others)
    return g * others


def _where(mask: Any, a: Any, b: Any) -> Any:
    """Choose by a mask that is an array, among operands that may be nodes."""
    traced = b if hasattr(b, "constant") else a
    return where(traced.constant(mask) if hasattr(traced, "constant") else mask, a, b)


def _share(g: Any, y: Any, a: Any, dim: Any, keepdim: bool) -> Any:
    """Divide a cotangent evenly among the elements that are the extremum."""
    top = restore(y, a.shape, dim, keepdim)
    mask = to(logical_or(eq(a, top), isnan(a)) if _has_nan(a) else eq(a, top), a.dtype)
    return mask * (restore(g, a.shape, dim, keepdim) / sum_(mask, dim=dim, keepdim=True))


def _share_tangent(ts: Any, y: Any, a: Any, dim: Any, keepdim: bool) -> Any:
    top = restore(y, a.shape, dim, keepdim)
    mask = to(eq(a, top), a.dtype)
    share = mask / sum_(mask, dim=dim, keepdim=True)
    return sum_(ts[0] * share, dim=dim, keepdim=keepdim)


def _has_nan(a: Any) -> bool:
    return bool(np.isnan(concrete(a)).any()) if a.dtype.kind in "fc" else False


def _pick_rule(g: Any, y: Any, a: Any, dim: int, keepdim: bool) -> Any:
    values, index = g[0], y[1]
    if not keepdim and a.shape:
        values, index = unsqueeze(values, dim=dim), unsqueeze(index, dim=dim)
    return gather_backward(values, index, dim=dim, size=a.shape)


def _pick_tangent(ts: Any, y: Any, a: Any, dim: int, keepdim: bool) -> Any:
    index = y[1] if keepdim or not a.shape else unsqueeze(y[1], dim=dim)
    picked = gather(ts[0], index, dim=dim)
    return (picked if keepdim or not a.shape else reshape(picked, y[0].shape)), None


def _freedom(a: Any, dim: Any, correction: float) -> float:
    count = product(a.shape[d] for d in reduced_dims(len(a.shape), dim))
    return float(max(count - correction, 0.0))


def _variance_rule(g: Any, y: Any, a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    freedom = _freedom(a, dim, correction)
    scale = 2 / freedom if freedom else float("inf")
    return restore(g, a.shape, dim, keepdim) * scale * (a - mean(a, dim=dim, keepdim=True))


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


def _norm_slope(y: Any, a: Any, ord: float, dim: Any, keepdim: bool) -> Any:
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


def _mse_scale(y: Any, a: Any, b: Any, reduction: str) -> float:
    return (
        2.0 / max(product(np.broadcast_shapes(a.shape, b.shape)), 1) if reduction == "mean" else 2.0
    )


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

prod = primitive(Derivative,
    "prod(input, dim: dims = None, keepdim: bool = False, dtype: dtype = None)",
    lambda a, dim, **_: "ProdBackward0" if dim is None else "ProdBackward1",
    lambda a, dim, keepdim, dtype: np.prod(a, axis=_axis(a, dim), keepdims=keepdim, dtype=dtype),
    _prod_meta, _prod_rule,
    tangent=lambda ts, y, a, dim, keepdim, dtype:
        sum_(ts[0] * _prod_rule(ones_of(y), y, a, dim, keepdim, dtype), dim=dim, keepdim=keepdim),
    doc="Product of the elements", examples="prod(v); M.prod(1)")

max_all = primitive(Derivative, "max.all(input)", "MaxBackward1",
    np.max, _nonempty("max"),
    lambda g, y, a: _share(g, y, a, None, False),
    tangent=lambda ts, y, a: _share_tangent(ts, y, a, None, False),
    doc="Largest element", kink="a tie is shared evenly")
min_all = primitive(Derivative, "min.all(input)", "MinBackward1",
    np.min, _nonempty("min"),
    lambda g, y, a: _share(g, y, a, None, False),
    tangent=lambda ts, y, a: _share_tangent(ts, y, a, None, False),
    doc="Smallest element", kink="a tie is shared evenly")
max_dim = primitive(Derivative, "max.dim(input, dim: dim, keepdim: bool = False)", "MaxBackward0",
    _picked(np.argmax), _with_indices("max"), _pick_rule, tangent=_pick_tangent,
    outputs="values indices", doc="Largest elements along a dimension, and where they are",
    kink="a tie goes to the first")
min_dim = primitive(Derivative, "min.dim(input, dim: dim, keepdim: bool = False)", "MinBackward0",
    _picked(np.argmin), _with_indices("min"), _pick_rule, tangent=_pick_tangent,
    outputs="values indices", doc="Smallest elements along a dimension, and where they are",
    kink="a tie goes to the first")
amax = primitive(Derivative, "amax(input, dim: dims = (), keepdim: bool = False)", "AmaxBackward0",
    lambda a, dim, keepdim: np.max(a, axis=_axis(a, dim), keepdims=keepdim), _nonempty("amax"),
    _share, tangent=_share_tangent,
    doc="Largest elements", kink="a tie is shared evenly", examples="amax(M); M.amax(0)")
amin = primitive(Derivative, "amin(input, dim: dims = (), keepdim: bool = False)", "AminBackward0",
    lambda a, dim, keepdim: np.min(a, axis=_axis(a, dim), keepdims=keepdim), _nonempty("amin"),
    _share, tangent=_share_tangent,
    doc="Smallest elements", kink="a tie is shared evenly", examples="amin(M); M.amin(0)")

var = primitive(Derivative,
    "var.correction(input, dim: dims = None, correction: number = 1, keepdim: bool = False)",
    "VarBackward0",
    _variance, _floating("var"), _variance_rule, tangent=_variance_tangent,
    doc="Variance; divides by n - correction", examples="var(M); M.var(0, correction=0)")
std = primitive(Derivative,
    "std.correction(input, dim: dims = None, correction: number = 1, keepdim: bool = False)",
    "StdBackward0",
    lambda a, dim, correction, keepdim: np.sqrt(_variance(a, dim, correction, keepdim)),
    _floating("std"), _std_rule, tangent=_std_tangent,
    doc="Standard deviation; divides by n - correction", kink="0 where it is 0",
    examples="std(M); M.std(1)")

logsumexp = primitive(Derivative,
    "logsumexp(input, dim: dims, keepdim: bool = False)", "LogsumexpBackward0",
    _logsumexp, _same_dtype,
    lambda g, y, a, dim, keepdim:
        restore(g, a.shape, dim, keepdim) * exp(a - restore(y, a.shape, dim, keepdim)),
    tangent=lambda ts, y, a, dim, keepdim:
        sum_(ts[0] * exp(a - restore(y, a.shape, dim, keepdim)), dim=dim, keepdim=keepdim),
    doc="log of the sum of exponentials, without overflow",
    examples="logsumexp(v, 0); M.logsumexp(1)")
softmax_ = primitive(Derivative, "_softmax(input, dim: dim)", "SoftmaxBackward0",
    _softmax, _along,
    lambda g, y, a, dim: y * (g - sum_(g * y, dim=(dim,), keepdim=True)),
    tangent=lambda ts, y, a, dim: y * (ts[0] - sum_(ts[0] * y, dim=(dim,), keepdim=True)),
    doc="Exponentials divided by their sum")
log_softmax_ = primitive(Derivative, "_log_softmax(input, dim: dim)", "LogSoftmaxBackward0",
    _log_softmax, _along,
    lambda g, y, a, dim: g - exp(y) * sum_(g, dim=(dim,), keepdim=True),
    tangent=lambda ts, y, a, dim: ts[0] - sum_(ts[0] * exp(y), dim=(dim,), keepdim=True),
    doc="log of softmax, without overflow")

vector_norm = primitive(Derivative,
    "linalg.vector_norm(input, ord: number = 2, dim: dims = None, keepdim: bool = False)",
    "LinalgVectorNormBackward0",
    _vector_norm, _floating("linalg.vector_norm"),
    lambda g, y, a, ord, dim, keepdim:
        restore(g, a.shape, dim, keepdim) * _norm_slope(y, a, ord, dim, keepdim),
    tangent=lambda ts, y, a, ord, dim, keepdim:
        sum_(ts[0] * _norm_slope(y, a, ord, dim, keepdim), dim=dim, keepdim=keepdim),
    doc="Norm of the elements as a vector", kink="0 at 0",
    examples="linalg.vector_norm(v); linalg.vector_norm(M, 3, dim=1); linalg.vector_norm(v, 1); "
    "linalg.vector_norm(v, 1.5); linalg.vector_norm(v, inf)")

argmax = primitive(Derivative, "argmax(input, dim: dim = None, keepdim: bool = False)", "",
    _arg(np.argmax), _index_meta, doc="Index of the largest element")
argmin = primitive(Derivative, "argmin(input, dim: dim = None, keepdim: bool = False)", "",
    _arg(np.argmin), _index_meta, doc="Index of the smallest element")
all_ = primitive(Derivative, "all(input, dim: dims = None, keepdim: bool = False)", "",
    lambda a, dim, keepdim: np.all(a, axis=_axis(a, dim), keepdims=keepdim), _bool_meta,
    doc="Whether all elements are true")
any_ = primitive(Derivative, "any(input, dim: dims = None, keepdim: bool = False)", "",
    lambda a, dim, keepdim: np.any(a, axis=_axis(a, dim), keepdims=keepdim), _bool_meta,
    doc="Whether any element is true")
count_nonzero = primitive(Derivative, "count_nonzero(input, dim: dims = None)", "",
    lambda a, dim: np.count_nonzero(a, axis=_axis(a, dim)), _index_meta,
    doc="How many elements are not 0")

# fmt: on


def ones_of(y: Any) -> Any:
    """Return ones in the shape of a result, as a cotangent."""
    return zeros_like(y) + 1.0


# ---- composites ----------------------------------------------------------------------------


def _extremum(whole: Any, along: Any, pair: Any) -> Any:
    def expand(a: Any, dim: Any = None, keepdim: bool = False, other: Any = None) -> Any:
        if other is not None or (dim is not None and hasattr(dim, "dtype")):
            return pair(a, dim if other is None else other)
        return whole(a) if dim is None else along(a, dim=dim, keepdim=keepdim)

    return expand


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
            dim = 0 if len(a.shape) in (0, 1, 3) else 1
        return row(a, dim=dim)

    return expand


def _norm(a: Any, p: Any, dim: Any, keepdim: bool) -> Any:
    if p in (None, "fro"):
        p = 2
    if not number(p):
        raise ArgumentFault(
            f"norm(): order {p!r} is not supported", hint="orders are numbers, inf, -inf and 'fro'"
        )
    return vector_norm(a, ord=p, dim=dim, keepdim=keepdim)


# fmt: off
max_ = composite("max(input, dim: any = None, keepdim: bool = False, other = None)",
    _extremum(max_all, max_dim, maximum),
    doc="Largest element; with `dim`, values and indices; of two tensors, the larger",
    kink="a tie is shared evenly, with `dim` it goes to the first",
    examples="max(v); M.max(0).values")
min_ = composite("min(input, dim: any = None, keepdim: bool = False, other = None)",
    _extremum(min_all, min_dim, minimum),
    doc="Smallest element; with `dim`, values and indices; of two tensors, the smaller",
    kink="a tie is shared evenly, with `dim` it goes to the first",
    examples="min(v); M.min(1).values")
var_ = composite(
    "var(input, dim: any = None, unbiased: bool = None, correction: number = None, "
    "keepdim: bool = False)",
    _spread_of(var), doc="Variance; divides by n - correction",
    examples="var(v); M.var(0, unbiased=False)")
std_ = composite(
    "std(input, dim: any = None, unbiased: bool = None, correction: number = None, "
    "keepdim: bool = False)",
    _spread_of(std), doc="Standard deviation; divides by n - correction", examples="std(v)")
softmax = composite("softmax(input, dim: int = None, dtype: dtype = None)", _implicit_dim(softmax_),
    doc="Exponentials divided by their sum", examples="softmax(M, 1); softmax(v, dim=0)")
log_softmax = composite(
    "log_softmax(input, dim: int = None, dtype: dtype = None)", _implicit_dim(log_softmax_),
    doc="log of softmax, without overflow", examples="log_softmax(M, 1)")
softmin = composite("softmin(input, dim: int = None, dtype: dtype = None)",
    lambda a, dim, dtype: _implicit_dim(softmax_)(-a, dim, dtype), doc="softmax(-a)",
    examples="softmin(v, 0)")
norm = composite("norm(input, p: any = 2, dim: dims = None, keepdim: bool = False)", _norm,
    doc="Norm of the elements as a vector", aliases="linalg.norm", kink="0 at 0",
    examples="norm(v); M.norm(dim=1); norm(v, 3)")
# fmt: on
