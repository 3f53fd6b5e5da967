"""Factorisations of matrices into orthogonal ones, and the matrix exponential."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, AutogradFault, ShapeFault
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.linalg.matrices import (
    above,
    beside,
    by_columns,
    columns,
    diagonals,
    lift,
    like,
    lower,
    matrices,
    on_diagonal,
    or_zeros,
    rows,
    square_meta,
    upper,
)
from gradcli.ops.linalg.solvers import by_triangle
from gradcli.ops.pointwise.elementwise import where
from gradcli.ops.shape.indexing import select
from gradcli.ops.shape.shapes import adjoint, conj, stack, sum_
from gradcli.rule.costs import cubic, fold
from gradcli.rule.meta import Meta, shown
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative

# ---- QR ------------------------------------------------------------------------------------


def _qr(a: Any, mode: str) -> tuple[Any, Any]:
    if mode == "r":
        return np.empty(0, a.dtype), np.linalg.qr(a, "r")
    q, r = np.linalg.qr(a, "reduced" if mode == "reduced" else "complete")
    return q, r


def _qr_meta(a: Any, mode: str) -> tuple[Meta, Meta]:
    matrices("linalg.qr", a, square=False)
    if mode not in ("reduced", "complete", "r"):
        raise ArgumentFault(
            f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), "
            "'r', or 'complete'"
        )
    *batch, m, n = a.shape
    k = m if mode == "complete" else min(m, n)
    q = Meta((0,), a.dtype) if mode == "r" else by_columns((*batch, m, k), a.dtype)
    return q, by_columns((*batch, k, n), a.dtype)


def _qr_checked(a: Any, mode: str) -> None:
    if mode == "complete" and a.shape[-2] > a.shape[-1]:
        raise AutogradFault(
            "The QR decomposition is not differentiable when mode='complete' and nrows > ncols."
        )
    if mode == "r":
        raise AutogradFault(
            "The derivative of linalg.qr depends on Q, which is not computed when mode='r'. "
            "Please use linalg.qr(A, mode='reduced') if you are going to differentiate through "
            "linalg.qr."
        )


def _skew_lower(a: Any) -> Any:
    """Return the skew-Hermitian matrix whose part below the diagonal is that of another."""
    low = lower(a, -1)
    skew = low - adjoint(low)
    if a.dtype.kind == "c":
        d = on_diagonal(diagonals(a))
        skew = skew + (d - adjoint(d)) * 0.5
    return skew


def _qr_rule(g: Any, y: Any, a: Any, mode: str) -> Any:
    """Source: Roberts and Roberts, QR and LQ decomposition matrix backpropagation (2020)."""
    _qr_checked(a, mode)
    q, r = y
    gq, gr = or_zeros(g[0], q), or_zeros(g[1], r)
    m, n = a.shape[-2:]
    if m < n:  # A = [X Y], R = [U V], where X = Q U and V = Qᴴ Y
        gq = gq + matmul(columns(a, m, n), adjoint(columns(gr, m, n)))
        tail = matmul(q, columns(gr, m, n))
        r, gr = columns(r, 0, m), columns(gr, 0, m)
    inner = matmul(gr, adjoint(r)) - matmul(adjoint(q), gq)
    both = upper(inner) + adjoint(upper(inner, 1))
    if a.dtype.kind == "c":
        d = on_diagonal(diagonals(inner))
        both = both - (d - adjoint(d)) * 0.5
    ga = by_triangle(matmul(q, both) + gq, adjoint(r), False)
    return beside(ga, tail) if m < n else ga


def _qr_tangent(ts: Any, y: Any, a: Any, mode: str) -> Any:
    _qr_checked(a, mode)
    (q, r), (m, n), t = y, a.shape[-2:], ts[0]
    whole, r = t, columns(r, 0, m)
    by_r = by_triangle(columns(t, 0, min(m, n)), r, True)
    inner = matmul(adjoint(q), by_r)
    turn = _skew_lower(inner)
    tq = by_r + matmul(q, turn - inner)
    tr = matmul(inner - turn, r)
    if m < n:
        rest = matmul(adjoint(tq), columns(a, m, n)) + matmul(adjoint(q), columns(whole, m, n))
        tr = beside(tr, rest)
    return tq, tr


# ---- the exponential, reflections ----------------------------------------------------------


def _expm(a: Any) -> Any:
    from scipy.linalg import expm

    return expm(a) if a.size else a


def _expm_along(a: Any, t: Any) -> Any:
    """Return the derivative of exp at A along T: a block of exp([[A, T], [0, A]])."""
    n = a.shape[-1]
    zero = like(a, np.zeros(a.shape))
    whole = matrix_exp(above(beside(a, t), beside(zero, a)))
    return columns(rows(whole, 0, n), n, 2 * n)


def _householder(a: Any, tau: Any) -> Any:
    m, n = a.shape[-2:]
    result = np.broadcast_to(np.eye(m, n, dtype=a.dtype), a.shape)
    for k in reversed(range(tau.shape[-1])):
        v = np.where(np.arange(m) > k, a[..., k], 0)[..., None]
        v[..., k, :] = 1
        result = result - tau[..., k, None, None] * v @ (np.swapaxes(v, -2, -1).conj() @ result)
    return result


def _householder_meta(a: Any, tau: Any) -> Meta:
    matrices("torch.linalg.householder_product", a, square=False)
    if tau.shape[:-1] != a.shape[:-2] or len(tau.shape) != len(a.shape) - 1:
        raise ShapeFault(
            "torch.linalg.householder_product: Expected tau to have one dimension less than input, "
            f"but got tau.ndim equal to {len(tau.shape)} and input.ndim is equal to {len(a.shape)}"
            if len(tau.shape) != len(a.shape) - 1
            else "torch.linalg.householder_product: Expected batch dimensions of tau to be equal "
            f"to input.shape[:-2], but got {shown(tau.shape[:-1])}"
        )
    if a.shape[-1] > a.shape[-2]:
        raise ArgumentFault(
            "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
            "input.shape[-1]"
        )
    if tau.shape[-1] > a.shape[-1]:
        raise ArgumentFault(
            "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to "
            "tau.shape[-1]"
        )
    return by_columns(a.shape, a.dtype)


def _reflectors(a: Any, tau: Any) -> list[tuple[Any, Any]]:
    """Return v and τ of each reflection I - τ v vᴴ."""
    m = a.shape[-2]
    found = []
    for k in range(tau.shape[-1]):
        kept = where(np.arange(m)[:, None] > k, columns(a, k, k + 1), 0.0)
        v = kept + like(a, np.eye(m)[:, k : k + 1])
        found.append((v, lift(select(tau, dim=len(tau.shape) - 1, index=k))))
    return found


def _householder_pull(g: Any, y: Any, a: Any, tau: Any) -> tuple[Any, Any]:
    """Return the cotangents of both: of the vectors, and of the factors τ."""
    m, n = a.shape[-2:]
    if not tau.shape[-1]:
        return like(a, np.zeros(a.shape)), like(tau, np.zeros(tau.shape))
    pairs = _reflectors(a, tau)
    right, rights = like(a, np.broadcast_to(np.eye(m, n), a.shape)), []
    for v, factor in reversed(pairs):
        rights.append(right)
        right = right - factor * matmul(v, matmul(adjoint(v), right))
    parts, factors = [], []
    for k, (v, factor) in enumerate(pairs):
        after = rights[-1 - k]
        gv = matmul(g, matmul(adjoint(after), v))
        vg = matmul(after, matmul(adjoint(g), v))
        factors.append(-sum_(conj(v) * gv, dim=(-2, -1)))
        part = -(conj(factor) * gv + factor * vg)
        parts.append(where(np.arange(m)[:, None] > k, part, 0.0))
        g = g - conj(factor) * matmul(v, matmul(adjoint(v), g))
    while len(parts) < n:
        parts.append(like(a, np.zeros((*a.shape[:-1], 1))))
    whole = parts[0]
    for part in parts[1:]:
        whole = beside(whole, part)
    return whole, stack(*factors, dim=len(tau.shape) - 1)


def _householder_tangent(ts: Any, y: Any, a: Any, tau: Any) -> Any:
    m, n = a.shape[-2:]
    right, moved = like(a, np.broadcast_to(np.eye(m, n), a.shape)), like(a, np.zeros(a.shape))
    for k, (v, factor) in reversed(list(enumerate(_reflectors(a, tau)))):
        vh = adjoint(v)
        moved = moved - factor * matmul(v, matmul(vh, moved))
        if ts[0] is not None:
            tv = where(np.arange(m)[:, None] > k, columns(ts[0], k, k + 1), 0.0)
            moved = moved - factor * (
                matmul(tv, matmul(vh, right)) + matmul(v, matmul(adjoint(tv), right))
            )
        if ts[1] is not None:
            t = lift(select(ts[1], dim=len(tau.shape) - 1, index=k))
            moved = moved - t * matmul(v, matmul(vh, right))
        right = right - factor * matmul(v, matmul(vh, right))
    return moved


# fmt: off
qr = primitive(Derivative, "linalg.qr(A, mode: str = 'reduced')", "LinalgQrBackward0",
    _qr, _qr_meta, _qr_rule, tangent=_qr_tangent, outputs="Q R",
    saves="Q R",
    memory=fold(4), work=cubic(15), doc="A = Q R: orthonormal columns, and an upper triangle",
    kink="none where the first columns are dependent",
    examples="linalg.qr(A).Q; linalg.qr(M.T)[1]; linalg.qr(M.T)[0]; linalg.qr(M).R; "
    "linalg.qr(T, mode='complete').Q")
matrix_exp = primitive(Derivative, "linalg.matrix_exp(A)", "LinalgMatrixExpBackward0",
    _expm, square_meta("linalg.matrix_exp", columns=False),
    lambda g, y, a: _expm_along(adjoint(a), g),
    tangent=lambda ts, y, a: _expm_along(a, ts[0]),
    memory=fold(8), work=cubic(3), doc="Exponentials of matrices", aliases="matrix_exp expm",
    examples="linalg.matrix_exp(A); matrix_exp(T)")
householder_product = primitive(Derivative, "linalg.householder_product(input, tau)",
    "LinalgHouseholderProductBackward0",
    _householder, _householder_meta,
    lambda g, y, a, tau: _householder_pull(g, y, a, tau)[0],
    lambda g, y, a, tau: _householder_pull(g, y, a, tau)[1], tangent=_householder_tangent,
    saves="input tau result",
    alike="input tau",
    memory=fold(4), work=cubic(15),
    doc="First columns of a product of reflections, as geqrf gives them", aliases="orgqr",
    examples="linalg.householder_product(A, v); orgqr(M.T, v[:2])")

qr_ = composite("qr(input, some: bool = True)",
    lambda a, some: qr(a, mode="reduced" if some else "complete"),
    doc="A = Q R: orthonormal columns, and an upper triangle", examples="qr(M.T).Q; qr(A).R")
# fmt: on
