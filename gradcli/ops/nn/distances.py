"""Distances between vectors and rows of matrices."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.pointwise.complex import real
from gradcli.ops.pointwise.elementwise import gt, where
from gradcli.ops.pointwise.scalars import add_number, clamped_copy
from gradcli.ops.reduce.reductions import norm_slope, vector_norm
from gradcli.ops.shape.indexing import index, index_backward
from gradcli.ops.shape.shapes import conj, expand, sum_, transpose, unsqueeze
from gradcli.rule.dtypes import SCALAR_NAMES, is_differentiable, is_floating, promote
from gradcli.rule.meta import Meta, broadcast, of_operand
from gradcli.rule.rows import composite, primitive, pullback
from gradcli.rule.rule import Derivative
from gradcli.rule.signature import Signature

norm_along = replace(
    vector_norm,
    signature=Signature(
        "norm.ScalarOpt_dim(input, ord: number = 2, dim: dims = None, keepdim: bool = False)"
    ),
    grad_fn="NormBackward1",
    examples=(),
)

RENORM_EPSILON = 1e-7  # PyTorch's


class Paired(Derivative):
    """Of pairs of rows; batches broadcast."""

    broadcasts = True


def _length(d: Any, p: float) -> Any:
    return vector_norm(d, ord=p, dim=(len(d.shape) - 1,))


def _length_rule(g: Any, y: Any, d: Any, p: float) -> Any:
    assert vector_norm.derivative is not None
    attrs = {"ord": p, "dim": (len(d.shape) - 1,), "keepdim": False}
    return vector_norm.derivative.vjp(0, g, y, (d,), attrs)


def _length_tangent(t: Any, y: Any, d: Any, p: float) -> Any:
    assert vector_norm.derivative is not None
    attrs = {"ord": p, "dim": (len(d.shape) - 1,), "keepdim": False}
    return vector_norm.derivative.jvp(vector_norm, (t,), y, (d,), attrs)


# ---- all pairs of rows ---------------------------------------------------------------------


def _between(a: Any, b: Any) -> Any:
    return unsqueeze(a, dim=-2) - unsqueeze(b, dim=-3)


def _cdist_meta(a: Any, b: Any, p: float) -> Meta:
    for name, x in (("X1", a), ("X2", b)):
        if len(x.shape) < 2:
            raise ShapeFault(
                f"cdist only supports at least 2D tensors, {name} got: {len(x.shape)}D"
            )
        if not is_floating(x.dtype):
            raise DtypeFault(
                f"cdist only supports floating-point dtypes, {name} got: "
                + SCALAR_NAMES[x.dtype.name]
            )
    if a.shape[-1] != b.shape[-1]:
        raise ShapeFault(
            f"X1 and X2 must have the same number of columns. X1: {a.shape[-1]} X2: {b.shape[-1]}"
        )
    if p < 0:
        raise ArgumentFault("cdist only supports non-negative p values")
    batch = broadcast(a.shape[:-2], b.shape[:-2])
    return Meta((*batch, a.shape[-2], b.shape[-2]), promote((a, b), a.dtype))


def _cdist_tangent(ts: Any, y: Any, a: Any, b: Any, p: float) -> Any:
    moved = [unsqueeze(ts[0], dim=-2)] if ts[0] is not None else []
    moved += [-unsqueeze(ts[1], dim=-3)] if ts[1] is not None else []
    d = _between(a, b)
    return _length_tangent(expand(sum(moved[1:], moved[0]), size=d.shape), y, d, p)


def _upper(a: Any) -> tuple[Any, Any]:
    return np.triu_indices(a.shape[0], 1)


def _rows(a: Any) -> Any:
    first, second = _upper(a)
    return index(a, first) - index(a, second)


def _pdist_meta(a: Any, p: float) -> Meta:
    if len(a.shape) != 2:
        raise ShapeFault(
            f"pdist only supports 2D tensors, got: {len(a.shape)}D",
            hint="cdist(x, x) takes batches",
        )
    if not is_differentiable(a.dtype):
        raise DtypeFault("pdist only supports floating-point dtypes")
    if p < 0:
        raise ArgumentFault("pdist only supports non-negative p values")
    return Meta((a.shape[0] * (a.shape[0] - 1) // 2,), a.dtype)


def _pdist_transpose(g: Any, a: Any, y: Any, p: float) -> Any:
    first, second = _upper(a)
    moved = _length_rule(g, y, _rows(a), p)
    return index_backward(moved, first, size=a.shape) - index_backward(moved, second, size=a.shape)


def _turned(a: Any) -> Any:
    return transpose(a, dim0=-2, dim1=-1)


def _between_all(a: Any, b: Any) -> int:
    """Return the elements of the differences between all rows."""
    batch = prod(np.broadcast_shapes(a.shape[:-2], b.shape[:-2]))
    return int(batch * a.shape[-2] * b.shape[-2] * a.shape[-1])


def _cdist_memory(a: Any, b: Any, **_: Any) -> int:
    return 3 * int(a.dtype.itemsize) * _between_all(a, b)


def _cdist_work(a: Any, b: Any, **_: Any) -> int:
    return 3 * _between_all(a, b)


def _pdist_memory(a: Any, **_: Any) -> int:
    return 2 * int(a.dtype.itemsize) * _between_all(a, a)


def _pdist_work(a: Any, **_: Any) -> int:
    return 3 * _between_all(a, a)


# fmt: off
cdist_backward = pullback("_cdist_backward(grad, x1, x2, cdist, p: number)",
    "CdistBackwardBackward0",
    lambda g, a, b, y, p: sum_(_length_rule(g, y, _between(a, b), p), dim=(-2,)),
    lambda g, a, b, y, p: Meta((*y.shape[:-1], a.shape[-1]), y.dtype),
    memory=lambda g, a, b, y, p: 2 * _cdist_memory(a, b),
    work=lambda g, a, b, y, p: 2 * _cdist_work(a, b))
pdist_backward = pullback("_pdist_backward(grad, input, pdist, p: number)",
    "PdistBackwardBackward0", _pdist_transpose, of_operand,
    memory=lambda g, a, y, p: 2 * _pdist_memory(a), work=lambda g, a, y, p: 2 * _pdist_work(a))
cdist_ = primitive(Paired,
    "_cdist(x1, x2, p: real = 2.0)", "CdistBackward0",
    lambda a, b, p: _length(_between(a, b), p), _cdist_meta,
    lambda g, y, a, b, p: cdist_backward(g, a, b, y, p=p),
    lambda g, y, a, b, p: cdist_backward(_turned(g), b, a, _turned(y), p=p),
    tangent=_cdist_tangent, promotes=True, memory=_cdist_memory, work=_cdist_work,
    doc="Distances between all rows of two matrices",
    kink="0 where two rows are equal")
pdist = primitive(Derivative,
    "pdist(input, p: real = 2.0)", "PdistBackward0",
    lambda a, p: _length(_rows(a), p), _pdist_meta,
    lambda g, y, a, p: pdist_backward(g, a, y, p=p),
    tangent=lambda ts, y, a, p: _length_tangent(_rows(ts[0]), y, _rows(a), p),
    refuses="complex", memory=_pdist_memory, work=_pdist_work,
    doc="Distances between the rows of a matrix, each pair once",
    kink="0 where two rows are equal", examples="F.pdist(A); pdist(A, 3.)")
# fmt: on


# ---- row by row ----------------------------------------------------------------------------


def pairwise(a: Any, b: Any, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Any:
    """Return the norms of `a - b + eps` along the last dimension, by PyTorch's steps."""
    rank = max(len(a.shape), len(b.shape))
    gap = add_number(a - b, other=eps)
    return norm_along(gap, ord=p, dim=(rank - 1,), keepdim=keepdim)


def _cosine(a: Any, b: Any, dim: int, eps: float) -> Any:
    if not eps >= 0:
        raise ArgumentFault(f"eps must be non-negative, got: {eps:g}")
    if a.shape != b.shape:
        shape = broadcast(a.shape, b.shape)
        a, b = expand(a, size=shape), expand(b, size=shape)
    dtype = promote((a, b), a.dtype)
    if not is_differentiable(dtype):
        raise DtypeFault(
            "expected common dtype to be floating point, yet common dtype is "
            + SCALAR_NAMES[dtype.name]
        )
    first, second = (
        x / clamped_copy(vector_norm(x, ord=2, dim=(dim,), keepdim=True), min=eps) for x in (a, b)
    )
    return sum_(first * second, dim=(dim,))


def _others(a: Any, dim: int) -> tuple[int, ...]:
    return tuple(d for d in range(len(a.shape)) if d != dim)


def _renorm(a: Any, p: float, dim: int, maxnorm: float) -> Any:
    norm = vector_norm.forward(a, p, _others(a, dim), True)
    return a * np.where(norm > maxnorm, maxnorm / (norm + RENORM_EPSILON), 1.0)


def _renorm_meta(a: Any, p: float, dim: int, maxnorm: float) -> Meta:
    if len(a.shape) < 2:
        raise ShapeFault(
            f"renorm: input needs at least 2 dimensions, got {len(a.shape)} dimensions"
        )
    if not p > 0:
        raise ArgumentFault("renorm: non-positive-norm not supported")
    if not maxnorm >= 0:
        raise ArgumentFault(f"renorm: expected maxnorm to be >= 0 but got {maxnorm:g}")
    if p == np.inf and 0 in (a.shape[d] for d in _others(a, dim)):
        raise ShapeFault("renorm: no largest element of a dimension that is empty")
    return Meta(a.shape, a.dtype)


def _renorm_rule(g: Any, a: Any, p: float, dim: int, maxnorm: float) -> Any:
    norm = vector_norm(a, ord=p, dim=_others(a, dim), keepdim=True)
    inverse = 1 / (norm + RENORM_EPSILON)
    along = real(sum_(g * conj(a), dim=_others(a, dim), keepdim=True))
    slope = norm_slope(norm, a, p, _others(a, dim), True)
    return where(gt(norm, maxnorm), maxnorm * inverse * (g - inverse * along * slope), g)


def _renorm_tangent(t: Any, a: Any, p: float, dim: int, maxnorm: float) -> Any:
    norm = vector_norm(a, ord=p, dim=_others(a, dim), keepdim=True)
    inverse = 1 / (norm + RENORM_EPSILON)
    slope = norm_slope(norm, a, p, _others(a, dim), True)
    moved = real(sum_(conj(slope) * t, dim=_others(a, dim), keepdim=True))
    return where(gt(norm, maxnorm), maxnorm * inverse * (t - inverse * moved * a), t)


# fmt: off
renorm = primitive(Derivative,
    "renorm(input, p: real, dim: dim, maxnorm: real)", "RenormBackward0",
    _renorm, _renorm_meta,
    lambda g, y, a, p, dim, maxnorm: _renorm_rule(g, a, p, dim, maxnorm),
    tangent=lambda ts, y, a, p, dim, maxnorm: _renorm_tangent(ts[0], a, p, dim, maxnorm),
    refuses="bool integer",
    doc="Slices along a dimension made shorter where their norm is too large",
    kink="1 where the norm is the largest allowed", examples="renorm(M, 2, 0, 1.0)")
cdist = composite(
    "cdist(x1, x2, p: real = 2.0, "
    "compute_mode: str = 'use_mm_for_euclid_dist_if_necessary')",
    lambda a, b, p, compute_mode: cdist_(a, b, p=p),
    alike="x1 x2",
    doc="Distances between all rows of two matrices", kink="0 where two rows are equal",
    examples="cdist(M, A); cdist(T, A, p=1.)")
pairwise_distance = composite(
    "pairwise_distance(x1, x2, p: real = 2.0, eps: real = 1e-6, keepdim: bool = False)",
    pairwise, doc="Norms of `x1 - x2 + eps` along the last dimension, row by row",
    examples="F.pairwise_distance(M, 2*M); F.pairwise_distance(v, v*v, p=1.)")
cosine_similarity = composite(
    "cosine_similarity(x1, x2, dim: int = 1, eps: real = 1e-8)", _cosine,
    refuses="x1 x2: complex", doc="Cosine of the angle along a dimension",
    kink="a norm below eps counts as eps, and as the norm in the gradient",
    examples="F.cosine_similarity(M, M*M+1); cosine_similarity(v, v*v, dim=0)")
# fmt: on
