"""Statistics of samples: moments with their mean, quantiles, covariances, counts."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, AutogradFault, DtypeFault, ShapeFault
from gradcli.ops.linalg.linalg import mm
from gradcli.ops.pointwise.arithmetic import lerp_tensor
from gradcli.ops.pointwise.elementwise import clamp_number, sqrt, where
from gradcli.ops.pointwise.scalars import mul_number
from gradcli.ops.reduce.reductions import std, var
from gradcli.ops.reduce.sorting import sort_unstable
from gradcli.ops.shape.indexing import gather
from gradcli.ops.shape.layout import diagonal
from gradcli.ops.shape.shapes import (
    conj,
    mean,
    reshape,
    spread,
    squeeze_all,
    squeeze_matmul,
    sum_,
    t,
    to,
    transpose,
    unsqueeze,
    view,
    zeros_like,
)
from gradcli.ops.shape.views import transpose_in_place, unsqueeze_in_place
from gradcli.rule.costs import fold
from gradcli.rule.dtypes import INT64, SCALAR_NAMES, Array, is_differentiable
from gradcli.rule.meta import Meta, dim_index, reduced
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Body, Derivative, concrete, number

# ---- a moment and the mean -----------------------------------------------------------------


def _with_mean(row: Any) -> tuple[Any, Any, Any, Any]:
    """Return forward, meta, rule and tangent of a moment that comes with the mean."""

    def forward(a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
        return (row(a, dim=dim, correction=correction, keepdim=keepdim),
                mean(a, dim=dim, keepdim=keepdim))  # fmt: skip

    def meta(a: Any, dim: Any, correction: float, keepdim: bool) -> tuple[Meta, Meta]:
        return row.meta(a, dim, keepdim), Meta(reduced(a.shape, dim, keepdim), a.dtype)

    def rule(g: Any, y: Any, a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
        parts = []
        if g[0] is not None:
            parts.append(row.derivative.bodies[0](g[0], y[0], a, dim, correction, keepdim))
        if g[1] is not None:
            count = prod(a.shape) / max(prod(y[1].shape), 1)
            parts.append(spread(g[1], a.shape, dim, keepdim) / count)
        return parts[0] if len(parts) == 1 else parts[0] + parts[1]

    def tangent(ts: Any, y: Any, a: Any, dim: Any, correction: float, keepdim: bool) -> Any:
        return (row.derivative.tangent(ts, y[0], a, dim, correction, keepdim),
                mean(ts[0], dim=dim, keepdim=keepdim))  # fmt: skip

    return forward, meta, rule, tangent


_STD, _VAR = _with_mean(std), _with_mean(var)

# ---- counts --------------------------------------------------------------------------------


def _undefined(sentence: str) -> Body:
    def body(*_: Any, **__: Any) -> Any:
        raise AutogradFault(
            sentence,
            hint="detach() the result if no gradient is meant to flow through it",
        )

    return body


def _unique(a: Any, dim: Any) -> tuple[Array, Array, Array]:
    values, inverse, counts = np.unique(a, return_inverse=True, return_counts=True, axis=dim)
    return values, np.reshape(inverse, a.shape if dim is None else -1), counts


def _unique_meta(a: Any, dim: Any) -> tuple[Meta, Meta, Meta]:
    if dim is not None and not a.shape:
        raise ShapeFault(f"Dimension specified as {dim} but tensor has no dimensions")
    values, inverse, counts = _unique(a.value, dim)
    return Meta(values.shape, a.dtype), Meta(inverse.shape, INT64), Meta(counts.shape, INT64)


def _histc(a: Any, bins: int, min: float, max: float) -> Array:
    low, high = (a.min(), a.max()) if min == max and a.size else (min, max)
    if not np.isfinite([low, high]).all():
        raise ArgumentFault(f"torch.histc: range of [{low:g}, {high:g}] is not finite")
    if low > high:
        raise ArgumentFault("torch.histc: max must be larger than min")
    low, high = (low - 1, high + 1) if low == high else (low, high)
    return np.histogram(a, bins, (float(low), float(high)))[0]


def _histc_meta(a: Any, bins: int, min: Any, max: Any) -> Meta:
    if bins <= 0:
        raise ArgumentFault(f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    return Meta((bins,), a.dtype)


def _bincount_meta(a: Any, weights: Any, minlength: int) -> Meta:
    if len(a.shape) != 1 or a.dtype.kind not in "iu" or (a.value < 0).any():
        raise ArgumentFault(
            "bincount only supports 1-d non-negative integral inputs.",
            hint="indices are integers: use .long()",
        )
    if minlength < 0:
        raise ArgumentFault("minlength should be >= 0")
    if weights is not None and weights.shape != a.shape:
        raise ShapeFault("weights should be 1-d and have the same length as input")
    if weights is not None and weights.dtype.kind == "c":
        raise DtypeFault("bincount() does not take complex weights", hint="take w.real")
    size = max(minlength, int(a.value.max()) + 1 if a.shape[0] else 0)
    if weights is None:
        return Meta((size,), INT64)
    return Meta((size,), np.dtype(np.float32 if weights.dtype == np.float32 else np.float64))


def _ranked(boundaries: Any, a: Any, right: bool) -> Array:
    if np.ndim(boundaries) < 2:
        return np.asarray(np.searchsorted(boundaries, a, "right" if right else "left"))
    rows = boundaries.reshape(-1, boundaries.shape[-1])
    found = [np.searchsorted(row, x, "right" if right else "left")
             for row, x in zip(rows, a.reshape(len(rows), -1), strict=True)]  # fmt: skip
    return np.reshape(found, a.shape)


def _ranked_meta(boundaries: Any, a: Any, right: bool, out_int32: bool) -> Meta:
    if not boundaries.shape:
        raise ShapeFault(
            "torch.searchsorted(): boundaries tensor should have positive dimension, but got 0 "
            "dimension"
        )
    if len(boundaries.shape) > 1 and boundaries.shape[:-1] != a.shape[:-1]:
        raise ArgumentFault(
            "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 "
            "dimensions of boundaries tensor and input value tensor must match, but we got "
            f"boundaries tensor {list(boundaries.shape)} and input value tensor {list(a.shape)}"
        )
    return Meta(a.shape, np.dtype(np.int32) if out_int32 else INT64)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

std_mean_ = primitive(Derivative,
    "std_mean.correction(input, dim: dims = None, correction: real = 1, keepdim: bool = False)",
    "StdMeanBackward0",
    _STD[0], _STD[1], _STD[2], tangent=_STD[3], outputs="*",
    memory=fold(3), doc="Standard deviation and mean", kink="0 where the deviation is 0")
var_mean_ = primitive(Derivative,
    "var_mean.correction(input, dim: dims = None, correction: real = 1, keepdim: bool = False)",
    "VarMeanBackward0",
    _VAR[0], _VAR[1], _VAR[2], tangent=_VAR[3], outputs="*",
    memory=fold(3), doc="Variance and mean")

unique_ = primitive(Derivative, "_unique2(input, dim: dim = None)", "Unique2Backward0",
    _unique, _unique_meta, _undefined("the derivative for '_unique2' is not implemented."),
    outputs="*",
    doc="Different elements in order, where each is, and how many")
histc = primitive(Derivative,
    "histc(input, bins: int = 100, min: real = 0, max: real = 0)", "",
    _histc, _histc_meta,
    refuses="bool integer complex", doc="How many elements lie in each of several intervals")
bincount = primitive(Derivative,
    "bincount(input, weights = None, minlength: int = 0)", "NotImplemented",
    lambda a, weights, minlength: np.bincount(a, weights, minlength), _bincount_meta,
    None, _undefined("derivative for aten::bincount is not implemented"),
    doc="How often each integer occurs")
searchsorted_ = primitive(Derivative,
    "_searchsorted(sorted_sequence, input, right: bool = False, out_int32: bool = False)", "",
    lambda boundaries, a, right, out_int32: _ranked(boundaries, a, right), _ranked_meta,
    doc="Where elements would be put into a sorted sequence", numbers=True)

# fmt: on

# ---- composites ----------------------------------------------------------------------------


def _moments(row: Any) -> Any:
    def expand(a: Any, dim: Any, unbiased: Any, correction: Any, keepdim: bool) -> Any:
        if isinstance(dim, bool):  # std_mean(unbiased) is an older overload
            dim, unbiased = None, dim
        dim = tuple(dim) if isinstance(dim, list) else dim
        amount = correction if correction is not None else float(unbiased is not False)
        return row(a, dim=dim, correction=amount, keepdim=keepdim)

    return expand


def _unique_results(
    a: Any, sorted: bool, return_inverse: bool, return_counts: bool, dim: Any
) -> Any:
    values, inverse, counts = unique_(a, dim=dim)
    extra = [x for x, wanted in ((inverse, return_inverse), (counts, return_counts)) if wanted]
    return (values, *extra) if extra else values


def _searchsorted(sequence: Any, a: Any, out_int32: bool, right: bool, side: str | None) -> Any:
    if side not in (None, "left", "right"):
        raise ArgumentFault(
            f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}"
        )
    if right and side == "left":
        raise ArgumentFault(
            "torch.searchsorted(): side and right can't be set to opposites, got side of left "
            "while right was True"
        )
    right = right or side == "right"
    return searchsorted_(sequence, a, right=right, out_int32=out_int32)


def _bucketize(a: Any, boundaries: Any, out_int32: bool, right: bool) -> Any:
    if len(boundaries.shape) != 1:
        raise ShapeFault(
            f"boundaries tensor must be 1 dimension, but got dim({len(boundaries.shape)})"
        )
    return searchsorted_(boundaries, a, right=right, out_int32=out_int32)


_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


def _quantile(ignore_nan: bool) -> Any:
    """Return PyTorch's steps: sort, gather the values below and above, and interpolate."""

    def expand(a: Any, q: Any, dim: Any, keepdim: bool, interpolation: str) -> Any:
        if interpolation not in _INTERPOLATIONS:
            raise ArgumentFault(
                "quantile() interpolation must be one of linear, lower, higher, midpoint or "
                f"nearest, but got {interpolation}"
            )
        a = a if is_differentiable(a.dtype) else to(a, a.default_dtype)
        rank = len(a.shape)
        kept = tuple(1 for _ in a.shape) if dim is None else reduced(
            a.shape, dim_index(dim, rank), True)  # fmt: skip
        if not keepdim:
            kept = () if dim is None else reduced(a.shape, dim_index(dim, rank), False)
        in_order = _last_in_order(a, dim)
        given = np.asarray(q, a.dtype) if number(q) or isinstance(q, list | tuple) else q
        levels = np.asarray(concrete(given))
        if levels.ndim > 1:
            raise ArgumentFault("quantile() q must be a scalar or 1D tensor")
        if not ((levels >= 0) & (levels <= 1)).all():
            raise ArgumentFault("quantile() q values must be in the range [0, 1]")
        in_order = view(in_order, shape=(*kept, in_order.shape[-1]))
        ranks = _ranks(given, in_order, ignore_nan)
        found = _between(in_order, ranks, interpolation)
        if not levels.shape:
            return squeeze_matmul(found, dim=(-1,))
        first = transpose_in_place(unsqueeze_in_place(found, dim=0), dim0=0, dim1=-1)
        return squeeze_matmul(first, dim=(-1,))

    return expand


def _last_in_order(a: Any, dim: Any) -> Any:
    rank = len(a.shape)
    if not prod(a.shape):
        raise ArgumentFault("quantile() input tensor must be non-empty")
    if dim is None:
        return sort_unstable(a if rank == 1 else reshape(a, (-1,)), dim=-1)[0]
    dim = dim_index(dim, rank)
    if dim == max(rank - 1, 0):
        return sort_unstable(a, dim=-1)[0] if rank else reshape(a, (1,))
    return sort_unstable(transpose(unsqueeze(a, dim=-1), dim0=dim, dim1=-1), dim=-1)[0]


def _ranks(q: Any, in_order: Any, ignore_nan: bool) -> Any:
    """Return the rank of each quantile among the ordered elements, not rounded."""
    nan = np.isnan(concrete(in_order))
    if ignore_nan:
        return q * np.maximum(np.sum(~nan, -1, keepdims=True) - 1, 0)
    last = in_order.shape[-1] - 1
    some = nan.any(-1, keepdims=True)
    if not some.any():
        return q * np.full(some.shape, float(last))
    return where(some, float(last), q * np.full(some.shape, float(last)))


def _between(in_order: Any, ranks: Any, interpolation: str) -> Any:
    exact = np.asarray(concrete(ranks))
    rounded: dict[str, Any] = {"lower": np.floor, "higher": np.ceil, "nearest": np.round}
    if interpolation in rounded:
        return _pick(in_order, rounded[interpolation](exact))
    low = np.floor(exact)
    weight: Any = ranks - low
    if interpolation == "midpoint":
        weight = np.full(exact.shape, 0.5)
    below, above = _pick(in_order, low), _pick(in_order, np.ceil(exact))
    return lerp_tensor(below, above, to(weight, in_order.dtype))


def _pick(in_order: Any, places: Array) -> Any:
    return gather(in_order, places.astype(np.int64), dim=-1)


def _check_weights(count: int, fweights: Any, aweights: Any) -> None:
    """Refuse weights of observations that PyTorch refuses, in its words."""
    kinds = {"fweights": ("iu", "integral"), "aweights": ("fV", "floating point")}
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is None:
            continue
        if len(w.shape) > 1:
            raise ShapeFault(
                f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
                f"{len(w.shape)} dimensions"
            )
        if w.dtype.kind not in kinds[name][0]:
            raise DtypeFault(
                f"cov(): expected {name} to have {kinds[name][1]} dtype but got {name} with "
                f"{SCALAR_NAMES[w.dtype.name]} dtype"
            )
        if prod(w.shape) != count:
            raise ShapeFault(
                f"cov(): expected {name} to have the same numel as there are observations in the "
                f"input but got {prod(w.shape)} != {count}"
            )
        if (concrete(w) < 0).any():
            raise ArgumentFault(f"cov(): {name} cannot be negative")


def _cov(a: Any, correction: float, fweights: Any, aweights: Any) -> Any:
    """Return the covariance matrix of rows, by PyTorch's steps."""
    if len(a.shape) > 2:
        raise ArgumentFault(
            "cov(): expected input to have two or fewer dimensions but got an input with "
            f"{len(a.shape)} dimensions"
        )
    rows = view(a, shape=(1, prod(a.shape))) if len(a.shape) < 2 else a
    count = rows.shape[1]
    _check_weights(count, fweights, aweights)
    weights = [w for w in (fweights, aweights) if w is not None]
    weight = None if not weights else weights[0] if len(weights) == 1 else weights[0] * weights[1]
    total = count if weight is None else sum_(weight)
    average = sum_(rows if weight is None else rows * weight, dim=(1,)) / total
    freedom = total - correction if correction else total
    if weight is not None:
        if aweights is not None and correction:
            freedom = total - mul_number(sum_(weight * aweights), other=correction) / total
        if not concrete(freedom) > 0:
            freedom = zeros_like(freedom)
    else:
        freedom = max(freedom, 0)
    away = rows - unsqueeze(average, dim=1)
    other = away if weight is None else away * weight
    return squeeze_all(mm(away, t(conj(other))) / freedom)


def _corrcoef(a: Any) -> Any:
    c = _cov(a, 1, None, None)
    if not c.shape:
        return c / c
    deviation = sqrt(diagonal(c))
    c = c / view(deviation, shape=(-1, 1)) / view(deviation, shape=(1, -1))
    return clamp_number(c, min=-1, max=1) if c.dtype.kind != "c" else c


# fmt: off
std_mean = composite(
    "std_mean(input, dim: bool|axes = None, unbiased: bool = None, correction: real = None, "
    "keepdim: bool = False)", _moments(std_mean_),
    doc="Standard deviation and mean", kink="0 where the deviation is 0",
    examples="std_mean(v)[0]; std_mean(M, 1)[1]")
var_mean = composite(
    "var_mean(input, dim: bool|axes = None, unbiased: bool = None, correction: real = None, "
    "keepdim: bool = False)", _moments(var_mean_),
    doc="Variance and mean", examples="var_mean(v)[0]; var_mean(M, 1)[1]")
quantile = composite(
    "quantile(input, q: array|real|numbers, dim: int = None, keepdim: bool = False, "
    "interpolation: str = 'linear')", _quantile(False),
    refuses="bool integer complex",
    doc="Value below which a fraction q of the elements lies", kink="as sort, at ties",
    examples="quantile(v, 0.4); quantile(M, 0.3, dim=0); quantile(M, [0.2, 0.5], dim=1)")
nanquantile = composite(
    "nanquantile(input, q: array|real|numbers, dim: int = None, keepdim: bool = False, "
    "interpolation: str = 'linear')", _quantile(True),
    refuses="bool integer complex", doc="Quantile of the elements that are not NaN",
    kink="as sort, at ties",
    examples="nanquantile(v, 0.4); nanquantile(M, 0.3, dim=1)")
cov = composite("cov(input, correction: real = 1, fweights = None, aweights = None)", _cov,
    refuses="bool", doc="Covariances of the rows", examples="cov(M); cov(v)")
corrcoef = composite("corrcoef(input)", _corrcoef,
    refuses="bool", doc="Correlations of the rows", kink="1 at -1 and 1: the result is clamped",
    examples="corrcoef(M)")
unique = composite(
    "unique(input, sorted: bool = True, return_inverse: bool = False, "
    "return_counts: bool = False, dim: int = None)", _unique_results,
    refuses="complex", doc="Different elements in order; no gradient")
searchsorted = composite(
    "searchsorted(sorted_sequence, input, out_int32: bool = False, right: bool = False, "
    "side: str = None)", _searchsorted,
    refuses="sorted_sequence input: complex",
    doc="Where elements would be put into a sorted sequence")
bucketize = composite(
    "bucketize(input, boundaries, out_int32: bool = False, right: bool = False)",
    _bucketize,
    refuses="input boundaries: complex",
    doc="The number of the interval between boundaries in which each element lies")
# fmt: on
