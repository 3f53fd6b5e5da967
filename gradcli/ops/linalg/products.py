"""Products that are added to a tensor, and products of vectors."""

from __future__ import annotations

from functools import reduce
from math import prod
from operator import add
from typing import Any

import numpy as np

from gradcli.errors import ShapeFault
from gradcli.ops.linalg.linalg import bmm, dot, matmul, mm, mv, outer_product, same_dtype
from gradcli.ops.shape.shapes import adjoint, conj, expand, sum_, sum_to, t, unsqueeze, view
from gradcli.rule.dtypes import factor
from gradcli.rule.meta import Meta, broadcast, is_contiguous, own_dim, shown, strides_of
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Body, Derivative, Multilinear, Primitive, Traced

# ---- products that are added to a tensor -----------------------------------------------------


def _scaled(x: Any, factor: Any) -> Any:
    """Return a cotangent times the conjugate of a number."""
    return x if factor == 1 else x * (factor.conjugate() if isinstance(factor, complex) else factor)


def _addr_meta(a: Any, b: Any) -> Meta:
    if len(a.shape) != 1 or len(b.shape) != 1:
        raise ShapeFault(
            f"addr: Expected 1-D argument vec1 and vec2, but got {len(a.shape)}-D and "
            f"{len(b.shape)}-D"
        )
    return Meta((*a.shape, *b.shape), a.dtype)


def _addbmm_meta(a: Any, b: Any) -> Meta:
    meta = bmm.meta(a, b)
    return Meta(meta.shape[1:], meta.dtype)


def _added(
    signature: str, grad_fn: str, product: Body, meta: Body, left: Body, right: Body, **facts: Any
) -> Primitive:
    """Make a row of β·input + α·product(a, b), from the product and its two transposes."""

    def forward(c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
        alpha, beta = factor(alpha, a.dtype), factor(beta, a.dtype)
        found = product(a, b) if alpha == 1 else alpha * product(a, b)
        if beta == 0:  # NaN of the input does not come through
            return found
        return found + (c if beta == 1 else beta * c)

    def shape(c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Meta:
        found: Meta = meta(a, b)
        if broadcast(found.shape, c.shape) != found.shape:
            raise ShapeFault(
                f"The expanded size of the tensor must match the product's: {shown(found.shape)}, "
                f"but the input has {shown(c.shape)}"
            )
        same_dtype(c, a, "self and mat2 must have the same dtype, but got {} and {}")
        return found

    def tangent(ts: Any, y: Any, c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
        parts = [] if ts[0] is None else [ts[0] * beta]
        parts += [] if ts[1] is None else [product(ts[1], b) * alpha]
        parts += [] if ts[2] is None else [product(a, ts[2]) * alpha]
        return reduce(add, parts)

    return primitive(
        Derivative,
        signature,
        grad_fn,
        forward,
        shape,
        lambda g, y, c, a, b, beta, alpha: sum_to(_scaled(g, beta), c.shape),
        lambda g, y, c, a, b, beta, alpha: _scaled(left(g, a, b), alpha),
        lambda g, y, c, a, b, beta, alpha: _scaled(right(g, a, b), alpha),
        tangent=tangent,
        **facts,
    )


def _spread_batch(g: Any, a: Any) -> Any:
    return expand(unsqueeze(g, dim=0), size=(a.shape[0], *g.shape))


def _linear(a: Any, weight: Any, bias: Any) -> Any:
    """Source: the steps of ATen's `linear`."""
    if not a.shape or not weight.shape:
        raise ShapeFault(
            "both arguments to linear need to be at least 1D, but they are "
            f"{len(a.shape)}D and {len(weight.shape)}D"
        )
    right = t(weight) if len(weight.shape) <= 2 else weight
    if bias is None or len(right.shape) != 2 or not isinstance(a, Traced):
        product = matmul(a, right)
        return product if bias is None else product + bias
    if len(a.shape) == 2:
        return addmm(bias, a, right)
    if not is_contiguous(a.shape, strides_of(a)):
        return matmul(a, right) + bias
    rows = addmm(bias, view(a, shape=(prod(a.shape[:-1]), a.shape[-1])), right)
    return view(rows, shape=(*a.shape[:-1], right.shape[1]))


# fmt: off
addmm = _added("addmm(input, mat1, mat2, beta: real = 1, alpha: number = 1)", "AddmmBackward0",
    mm, mm.meta,
    lambda g, a, b: mm(g, adjoint(b)),
    lambda g, a, b: mm(adjoint(a), g),
    refuses="input mat1 mat2: bool", doc="β·input + α·(mat1 @ mat2)",
    examples="addmm(M, M, A); addmm(v, M, A, beta=0.5, alpha=2)")
addmv = _added("addmv(input, mat, vec, beta: real = 1, alpha: number = 1)", "AddmvBackward0",
    mv, mv.meta,
    lambda g, a, b: outer_product(g, conj(b)),
    lambda g, a, b: mv(adjoint(a), g), refuses="input mat vec: bool", doc="β·input + α·(mat @ vec)",
    examples="addmv(v, A, v * v); addmv(v[0], A, v, beta=0.5, alpha=2)")
addr = _added("addr(input, vec1, vec2, beta: real = 1, alpha: number = 1)", "AddrBackward0",
    outer_product, _addr_meta,
    lambda g, a, b: mv(g, conj(b)),
    lambda g, a, b: mv(t(g), conj(a)), doc="β·input + α·outer(vec1, vec2)",
    examples="addr(A, v, v * v); addr(v, v, v, beta=0.5, alpha=2)")
baddbmm = _added("baddbmm(input, batch1, batch2, beta: real = 1, alpha: number = 1)",
    "BaddbmmBackward0", bmm, bmm.meta,
    lambda g, a, b: bmm(g, adjoint(b)),
    lambda g, a, b: bmm(adjoint(a), g),
    refuses="input batch1 batch2: bool", doc="β·input + α·(batch1 @ batch2), pair by pair",
    examples="baddbmm(T, T, T); baddbmm(A, T, T.mT, beta=0.5, alpha=2)")
addbmm = _added("addbmm(input, batch1, batch2, beta: real = 1, alpha: number = 1)",
    "AddbmmBackward0",
    lambda a, b: sum_(bmm(a, b), dim=(0,)), _addbmm_meta,
    lambda g, a, b: bmm(_spread_batch(g, a), adjoint(b)),
    lambda g, a, b: bmm(adjoint(a), _spread_batch(g, a)),
    refuses="input batch1 batch2: bool",
    doc="β·input + α·(the sum of batch1 @ batch2 over the batch)",
    examples="addbmm(A, T, T); addbmm(v, T, T.mT, beta=0.5, alpha=2)")
linear = composite("linear(input, weight, bias = None)", _linear,
    refuses="input weight bias: bool", doc="x @ W.T + b", examples="F.linear(M, A, v)")
# fmt: on


# ---- other products of vectors ---------------------------------------------------------------


def _cross_meta(a: Any, b: Any, dim: int) -> Meta:
    if len(a.shape) != len(b.shape):
        raise ShapeFault("linalg.cross: inputs must have the same number of dimensions.")
    own_dim(dim, len(a.shape))
    if a.shape[dim] != 3 or b.shape[dim] != 3:
        raise ShapeFault(
            f"linalg.cross: inputs dimension {dim} must have length 3. "
            f"Got {a.shape[dim]} and {b.shape[dim]}"
        )
    same_dtype(a, b, "linalg.cross: inputs must have one dtype, but got {} and {}")
    return Meta(broadcast(a.shape, b.shape), a.dtype)


def _cross_any(a: Any, b: Any, dim: int | None) -> Any:
    if dim is None:  # PyTorch's choice where none is given
        dim = next((d for d, n in enumerate(a.shape) if n == 3), None)
        if dim is None:
            raise ShapeFault("no dimension of size 3 in input")
    return cross(a, b, dim=dim)


def _vecdot_any(a: Any, b: Any, dim: int) -> Any:
    if len(a.shape) == 1 and len(b.shape) == 1:
        return vdot(a, b)
    return sum_(conj(a) * b, dim=(dim,))


# fmt: off
vdot = primitive(Multilinear, "vdot(input, other)", "VdotBackward0",
    lambda a, b: np.sum(np.conj(a) * b), dot.meta,
    lambda g, y, a, b: conj(g) * b,
    lambda g, y, a, b: g * a,
    refuses="input other: bool", doc="Sum of the products of two vectors, the first conjugated",
    examples="vdot(v, v * v)")
cross = primitive(Multilinear, "linalg.cross(input, other, dim: dim = -1)", "LinalgCrossBackward0",
    lambda a, b, dim: np.cross(a, b, axis=dim), _cross_meta,
    lambda g, y, a, b, dim: sum_to(cross(conj(b), g, dim=dim), a.shape),
    lambda g, y, a, b, dim: sum_to(cross(g, conj(a), dim=dim), b.shape),
    doc="Cross product of vectors of length 3",
    examples="linalg.cross(v, v * v); linalg.cross(M, v[None]); linalg.cross(A, A * A, dim=0)")

cross_ = composite("cross(input, other, dim: int = None)", _cross_any,
    doc="Cross product of vectors of length 3", examples="cross(v, v * v); cross(M, M * M)")
vecdot = composite("linalg.vecdot(x, y, dim: int = -1)", _vecdot_any,
    refuses="x y: bool integer", alike="x y",
    doc="Sums of products along a dimension, the first conjugated", aliases="vecdot",
    examples="linalg.vecdot(v, v * v); linalg.vecdot(A, v); linalg.vecdot(M, M, dim=0)")
# fmt: on
