"""Running sums, products and extrema along a dimension, differences, and the trapezoid rule."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.linalg.matrices import like
from gradcli.ops.pointwise.elementwise import exp, where
from gradcli.ops.pointwise.scalars import div_number, mul_number
from gradcli.ops.reduce.extrema import amax
from gradcli.ops.shape.indexing import gather, gather_backward, select, slice_
from gradcli.ops.shape.layout import flip
from gradcli.ops.shape.shapes import cat, conj, detach, sum_, to, view, zeros_like
from gradcli.ops.shape.views import copy_in_place
from gradcli.rule.dtypes import BOOL, FLOAT64, INT64, Array, is_differentiable
from gradcli.rule.meta import Meta, dim_index
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, Multilinear, concrete

MAX_ZEROS = 8  # a product of more zeros than this has no derivative below that order

# ---- shapes and forward functions ----------------------------------------------------------


def _scan_meta(a: Any, dim: int, dtype: Any = None) -> Meta:
    return Meta(a.shape, dtype or (INT64 if a.dtype.kind in "biu" else a.dtype))


def _extremum_meta(a: Any, dim: int) -> tuple[Meta, Meta]:
    return Meta(a.shape, a.dtype), Meta(a.shape, INT64)


def _logcumsumexp_meta(a: Any, dim: int) -> Meta:
    if not is_differentiable(a.dtype):
        raise ArgumentFault(
            f'"logcumsumexp_out_cpu" not implemented for {a.dtype.name}',
            hint="write the data as floats (`1.` for `1`), or use .double()",
        )
    return Meta(a.shape, a.dtype)


def _scan(function: Any) -> Any:
    def forward(a: Any, dim: int, dtype: Any = None) -> Any:
        a = a if dtype is None else a.astype(dtype)
        return function(a, axis=dim) if a.shape else a

    return forward


def _running(accumulate: Any, wins: Any) -> Any:
    """Return the forward function of cummax or cummin: the last of equal elements is taken."""

    def forward(a: Any, dim: int) -> tuple[Array, Array]:
        if not a.shape:
            return a, np.zeros((), np.int64)
        values = accumulate(a, axis=dim)
        places = np.arange(a.shape[dim]).reshape((-1,) + (1,) * (a.ndim - dim - 1))
        taken = wins(a, values) | np.isnan(a)
        return values, np.maximum.accumulate(np.where(taken, places, 0), axis=dim)

    return forward


# ---- rules ---------------------------------------------------------------------------------


def _from_end(g: Any, dim: int) -> Any:
    """Sum each element and all after it."""
    return flip(cumsum(flip(g, dims=(dim,)), dim=dim), dims=(dim,)) if g.shape else g


def _zero_ranks(a: Any, dim: int) -> Array:
    """Return the number of each zero along a dimension, from 1; 0 for other elements."""
    zero = np.equal(concrete(a), 0)
    return np.asarray(np.cumsum(zero, dim) * zero if zero.ndim else zero.astype(int))


def _cumprod_rule(g: Any, y: Any, a: Any, dim: int, dtype: Any) -> Any:
    """Products without one element: by division, and for each zero with 1 in its place."""
    a = to(a, dtype)
    ranks = _zero_ranks(a, dim)
    if not ranks.any():
        return _from_end(g * conj(y), dim) / conj(a)
    result = _from_end(g * conj(y), dim) / where(ranks > 0, 1.0, conj(a))
    for k in range(1, min(int(ranks.max()), MAX_ZEROS) + 1):
        without = cumprod(where(ranks == k, 1.0, a), dim=dim)
        result = where(ranks == k, _from_end(g * conj(without), dim), result)
    return result


def _cumprod_tangent(ts: Any, y: Any, a: Any, dim: int, dtype: Any) -> Any:
    ranks, t, a = _zero_ranks(to(a, dtype), dim), to(ts[0], dtype), to(a, dtype)
    if not ranks.any():
        return cumsum(t / a, dim=dim) * y
    total = cumsum(where(ranks > 0, 0.0, t / where(ranks > 0, 1.0, a)), dim=dim) * y
    for k in range(1, min(int(ranks.max()), MAX_ZEROS) + 1):
        without = cumprod(where(ranks == k, 1.0, a), dim=dim)
        total = total + cumsum(where(ranks == k, t, 0.0), dim=dim) * without
    return total


def _running_rule(g: Any, y: Any, a: Any, dim: int) -> Any:
    return gather_backward(g[0], y[1], dim=dim, size=a.shape)


def _running_tangent(ts: Any, y: Any, a: Any, dim: int) -> Any:
    return gather(ts[0], y[1], dim=dim), None


def _top(a: Any, dim: int) -> Any:
    """Return the largest element along a dimension, as a constant shift of exponents."""
    whole = not a.shape or 0 in a.shape
    return detach(a if whole else amax(a, dim=(dim,), keepdim=True))


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

cumsum = primitive(Multilinear,
    "cumsum(input, dim: dim, dtype: dtype = None)", "CumsumBackward0",
    _scan(np.cumsum), _scan_meta,
    lambda g, y, a, dim, dtype: _from_end(g, dim),
    doc="Running sum", examples="cumsum(v, 0); M.cumsum(1)")

cumprod = primitive(Derivative,
    "cumprod(input, dim: dim, dtype: dtype = None)", "CumprodBackward0",
    _scan(np.cumprod), _scan_meta, _cumprod_rule, tangent=_cumprod_tangent,
    doc="Running product", examples="cumprod(v, 0); M.cumprod(1); (v * 0).cumprod(0)")

cummax = primitive(Derivative, "cummax(input, dim: dim)", "CummaxBackward0",
    _running(np.maximum.accumulate, np.greater_equal), _extremum_meta,
    _running_rule, tangent=_running_tangent, outputs="values indices",
    saves="input indices",
    refuses="complex", doc="Running maximum, and where it is", kink="a tie goes to the last",
    examples="cummax(v, 0).values; M.cummax(1)[0]")

cummin = primitive(Derivative, "cummin(input, dim: dim)", "CumminBackward0",
    _running(np.minimum.accumulate, np.less_equal), _extremum_meta,
    _running_rule, tangent=_running_tangent, outputs="values indices",
    saves="input indices",
    refuses="complex", doc="Running minimum, and where it is", kink="a tie goes to the last",
    examples="cummin(v, 0).values; M.cummin(1)[0]")

logcumsumexp = primitive(Derivative, "logcumsumexp(input, dim: dim)", "LogcumsumexpBackward0",
    lambda a, dim: np.logaddexp.accumulate(a, axis=dim) if a.shape else a,
    _logcumsumexp_meta,
    lambda g, y, a, dim: exp(a - _top(a, dim)) * _from_end(g * exp(_top(a, dim) - y), dim),
    tangent=lambda ts, y, a, dim:
        cumsum(ts[0] * exp(a - _top(a, dim)), dim=dim) * exp(_top(a, dim) - y),
    doc="log of the running sum of exponentials", examples="logcumsumexp(v, 0); M.logcumsumexp(1)")

# fmt: on

# ---- composites ----------------------------------------------------------------------------


def _part(a: Any, dim: int, start: int, end: int) -> Any:
    return slice_(a, dim=dim, start=start, end=end, step=1)


def _neighbours(a: Any, dim: int) -> tuple[Any, Any]:
    """Return all elements but the last, and all but the first."""
    count = a.shape[dim]
    return _part(a, dim, 0, count - 1), _part(a, dim, 1, count)


def _diff(a: Any, n: int, dim: int, prepend: Any, append: Any) -> Any:
    if not a.shape:
        raise ArgumentFault("diff expects input to be at least one-dimensional")
    if n < 0:
        raise ArgumentFault(f"order must be non-negative but got {n}")
    dim = dim_index(dim, len(a.shape))
    for x in (prepend, append):
        if x is not None and len(x.shape) != len(a.shape):
            raise ShapeFault("diff expects prepend or append to be the same dimension as input")
    if n == 0:
        return copy_in_place(zeros_like(a), a)
    ends = tuple(x for x in (prepend, a, append) if x is not None)
    a = cat(*ends, dim=dim) if len(ends) > 1 else a
    for _ in range(min(n, a.shape[dim])):
        if not a.shape[dim]:
            break
        left, right = (_part(a, dim, 0, a.shape[dim] - 1), _part(a, dim, 1, a.shape[dim]))
        a = right ^ left if a.dtype.kind == "b" else right - left
    return a


def _spacing(y: Any, x: Any, dim: int) -> Any:
    """Return the distances between neighbouring points, shaped to multiply values along `dim`."""
    if len(x.shape) == 1 and x.shape[0] != y.shape[dim]:
        raise ShapeFault(
            "trapezoid: There must be one `x` value for each sample point, got "
            f"{x.shape[0]} and {y.shape[dim]}"
        )
    aligned = x
    if len(x.shape) == 1 or len(x.shape) < len(y.shape):
        shape = [1] * len(y.shape)
        if len(x.shape) == 1:
            shape[dim] = x.shape[0]
        else:
            shape[len(y.shape) - len(x.shape) :] = x.shape
        aligned = view(x, shape=tuple(shape))
    left, right = _neighbours(aligned, dim)
    return right - left


def _area_arguments(y: Any, x: Any, dx: Any, dim: int, name: str) -> int:
    if x is not None and dx is not None:
        raise ArgumentFault(f"{name}() takes `x` or `dx`, not both")
    if not y.shape:
        raise ArgumentFault(f"{name}: expected a tensor with at least one dimension")
    if BOOL in (y.dtype, getattr(x, "dtype", None)):
        which = "`y`" if x is None else "`x` or `y`"
        raise ArgumentFault(f"{name}: received a bool input for {which}, but bool is not supported")
    return dim_index(dim, len(y.shape))


def _fractional(y: Any) -> Any:
    """Return numbers whose halves are numbers."""
    return y if is_differentiable(y.dtype) else to(y, getattr(y, "default_dtype", FLOAT64))


def _trapezoid(y: Any, x: Any, dx: Any, dim: int) -> Any:
    dim, y = _area_arguments(y, x, dx, dim, "trapezoid"), _fractional(y)
    if not y.shape[dim]:
        return like(y, np.zeros(y.shape[:dim] + y.shape[dim + 1 :]))
    if x is None:
        ends = select(y, dim=dim, index=0) + select(y, dim=dim, index=-1)
        inner = sum_(y, dim=(dim,)) - mul_number(ends, other=0.5)
        return mul_number(inner, other=1.0 if dx is None else dx)
    left, right = _neighbours(y, dim)
    return div_number(sum_((left + right) * _spacing(y, x, dim), dim=(dim,)), other=2.0)


def _cumulative_trapezoid(y: Any, x: Any, dx: Any, dim: int) -> Any:
    dim, y = _area_arguments(y, x, dx, dim, "cumulative_trapezoid"), _fractional(y)
    left, right = _neighbours(y, dim)
    if x is None:
        return cumsum(mul_number(left + right, other=(1.0 if dx is None else dx) / 2.0), dim=dim)
    return div_number(cumsum((left + right) * _spacing(y, x, dim), dim=dim), other=2.0)


# fmt: off
diff = composite(
    "diff(input, n: int = 1, dim: int = -1, prepend = None, append = None)", _diff,
    doc="Differences of neighbouring elements", examples="diff(v); M.diff(n=2, dim=1); "
    "diff(v, prepend=v)")
trapezoid = composite(
    "trapezoid(y, x = None, dx: number = None, dim: int = -1)", _trapezoid,
    doc="Integral by the trapezoid rule", aliases="trapz",
    examples="trapezoid(v); trapezoid(M, dim=0); trapezoid(v, v**3); trapezoid(M, dx=0.5)")
cumulative_trapezoid = composite(
    "cumulative_trapezoid(y, x = None, dx: number = None, dim: int = -1)", _cumulative_trapezoid,
    doc="Running integral by the trapezoid rule",
    examples="cumulative_trapezoid(v); cumulative_trapezoid(M, M**3, dim=1)")
# fmt: on
