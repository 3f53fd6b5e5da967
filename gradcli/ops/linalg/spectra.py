"""Eigenvalues and singular values, and their vectors."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.linalg.matrices import (
    SYMMETRIC,
    above,
    as_symmetric,
    beside,
    by_columns,
    columns,
    diagonals,
    like,
    matrices,
    on_diagonal,
    rows,
)
from gradcli.ops.linalg.solvers import solve
from gradcli.ops.pointwise.complex import real
from gradcli.ops.pointwise.elementwise import where
from gradcli.ops.shape.shapes import adjoint, conj, to, unsqueeze
from gradcli.rule.costs import cubic, fold
from gradcli.rule.dtypes import to_complex, to_real
from gradcli.rule.meta import Meta
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative

# ---- eigenvalues ---------------------------------------------------------------------------


def _eigh(a: Any, **flags: str) -> tuple[Any, Any]:
    if not np.isfinite(a).all():
        return np.full(a.shape[:-1], np.nan, to_real(a.dtype)), np.full_like(a, np.nan)
    values, vectors = np.linalg.eigh(a, "U" if flags["UPLO"] in "uU" else "L")
    return values, vectors


def _eigh_meta(a: Any, **flags: str) -> tuple[Meta, Meta]:
    matrices("linalg.eigh", a)
    if flags["UPLO"].upper() not in ("L", "U"):
        raise ArgumentFault(
            f"Expected UPLO argument to be 'L' or 'U', but got {flags['UPLO']}",
            hint="the triangle to read",
        )
    return Meta(a.shape[:-1], to_real(a.dtype)), by_columns(a.shape, a.dtype)


def _eig(a: Any) -> tuple[Any, Any]:
    if not np.isfinite(a).all():
        raise ArgumentFault("torch.linalg.eig: input tensor should not contain infs or NaNs.")
    values, vectors = np.linalg.eig(a)
    return values, vectors


def _eig_meta(a: Any) -> tuple[Meta, Meta]:
    matrices("linalg.eig", a)
    dtype = a.dtype if a.dtype.kind == "c" else to_complex(a.dtype)
    return Meta(a.shape[:-1], dtype), by_columns(a.shape, dtype)


def _apart(values: Any) -> Any:
    """Return the differences λⱼ - λᵢ, and 1 on the diagonal."""
    gaps = unsqueeze(values, dim=-2) - unsqueeze(values, dim=-1)
    return where(np.eye(values.shape[-1], dtype=bool), 1.0, gaps)


def _off_diagonal(a: Any) -> Any:
    return where(np.eye(a.shape[-1], dtype=bool), 0.0, a)


def _eigh_rule(g: Any, y: Any, a: Any, **_: str) -> Any:
    """Source: Giles, Collected matrix derivative results (2008), 3.1, symmetrised."""
    values, v = y
    if g[1] is None:
        return matmul(v * unsqueeze(g[0], dim=-2), adjoint(v))
    turn = matmul(adjoint(v), g[1])
    inner = _off_diagonal((turn - adjoint(turn)) * 0.5 / _apart(values))
    if g[0] is not None:
        inner = inner + on_diagonal(g[0])
    return matmul(v, matmul(inner, adjoint(v)))


def _eigh_tangent(ts: Any, y: Any, a: Any, **_: str) -> Any:
    values, v = y
    inner = matmul(adjoint(v), matmul((ts[0] + adjoint(ts[0])) * 0.5, v))
    return (real(diagonals(inner)), matmul(v, _off_diagonal(inner) / _apart(values)))


def _eig_rule(g: Any, y: Any, a: Any) -> Any:
    """Source: Boeddeker et al., On the computation of complex-valued gradients (2019), 4.77."""
    values, v = y
    vh, inner = adjoint(v), None
    if g[1] is not None:
        own = matmul(vh, g[1])
        lengths = (diagonals(own) + conj(diagonals(own))) * 0.5
        inner = own - matmul(vh, v) * unsqueeze(lengths, dim=-2)
        inner = _off_diagonal(inner / conj(_apart(values)))
    if g[0] is not None:
        inner = on_diagonal(g[0]) if inner is None else inner + on_diagonal(g[0])
    return solve(vh, matmul(inner, vh), left=True)


def _eig_tangent(ts: Any, y: Any, a: Any) -> Any:
    values, v = y
    inner = solve(v, matmul(to(ts[0], v.dtype), v), left=True)
    moved = matmul(v, _off_diagonal(inner) / _apart(values))
    along = diagonals(matmul(adjoint(v), moved))
    return diagonals(inner), moved - v * unsqueeze((along + conj(along)) * 0.5, dim=-2)


# ---- singular values -----------------------------------------------------------------------


def _svd(a: Any, full_matrices: bool) -> tuple[Any, Any, Any]:
    try:
        return tuple(np.linalg.svd(a, full_matrices))  # type: ignore[return-value]
    except np.linalg.LinAlgError:
        raise ArgumentFault(
            "linalg.svd: The algorithm failed to converge because the input matrix contained "
            "non-finite values."
        ) from None


def _svd_meta(a: Any, full_matrices: bool) -> tuple[Meta, Meta, Meta]:
    matrices("linalg.svd", a, square=False)
    *batch, m, n = a.shape
    k = min(m, n)
    left, right = (m, n) if full_matrices else (k, k)
    return (by_columns((*batch, m, left), a.dtype), Meta((*batch, k), to_real(a.dtype)),
            by_columns((*batch, right, n), a.dtype))  # fmt: skip


def _narrowed(u: Any, vh: Any, k: int) -> tuple[Any, Any]:
    """Leave out the vectors that belong to no singular value: they are not unique."""
    if u is not None and u.shape[-1] > k:
        u = columns(u, 0, k)
    if vh is not None and vh.shape[-2] > k:
        vh = rows(vh, 0, k)
    return u, vh


def _skew(a: Any) -> Any:
    return a - adjoint(a)


def _squares_apart(s: Any) -> Any:
    """Return sⱼ² - sᵢ², and 1 on the diagonal."""
    row, column = unsqueeze(s, dim=-2), unsqueeze(s, dim=-1)
    return where(np.eye(s.shape[-1], dtype=bool), 1.0, (row - column) * (row + column))


def _svd_rule(g: Any, y: Any, a: Any, full_matrices: bool) -> Any:
    """Source: Townsend, Differentiating the singular value decomposition (2016)."""
    s, (m, n) = y[1], a.shape[-2:]
    u, vh = _narrowed(y[0], y[2], s.shape[-1])
    gu, gvh = _narrowed(g[0], g[2], s.shape[-1])
    if gu is None and gvh is None:
        return matmul(u * unsqueeze(g[1], dim=-2), vh)
    row, column, inner = unsqueeze(s, dim=-2), unsqueeze(s, dim=-1), 0.0
    if gu is not None:
        turn = matmul(adjoint(u), gu)
        inner = _off_diagonal(_skew(turn) / _squares_apart(s)) * row
        if a.dtype.kind == "c":
            inner = inner + on_diagonal(diagonals(_skew(turn)) * 0.5 / s)
    if gvh is not None:
        inner = inner + _off_diagonal(_skew(matmul(vh, adjoint(gvh))) / _squares_apart(s)) * column
    if g[1] is not None:
        inner = inner + on_diagonal(g[1])
    ga = matmul(u, matmul(inner, vh))
    if gu is not None and m > s.shape[-1]:
        rest = gu / row
        ga = ga + matmul(rest - matmul(u, matmul(adjoint(u), rest)), vh)
    if gvh is not None and n > s.shape[-1]:
        rest = gvh / column
        ga = ga + matmul(u, rest - matmul(matmul(rest, adjoint(vh)), vh))
    return ga


def _svd_tangent(ts: Any, y: Any, a: Any, full_matrices: bool) -> Any:
    s, (m, n), k = y[1], a.shape[-2:], y[1].shape[-1]
    u, vh = _narrowed(y[0], y[2], k)
    v = adjoint(vh)
    inner = matmul(adjoint(u), matmul(ts[0], v))
    row, column, back = unsqueeze(s, dim=-2), unsqueeze(s, dim=-1), adjoint(inner)
    tu = matmul(u, _off_diagonal((inner * row + column * back) / _squares_apart(s)))
    tv = matmul(v, _off_diagonal((column * inner + back * row) / _squares_apart(s)))
    if a.dtype.kind == "c":
        tu = tu + u * unsqueeze(diagonals(_skew(inner)) * 0.5 / s, dim=-2)
    if m > k:
        rest = matmul(ts[0], v) / row
        tu = tu + rest - matmul(u, matmul(adjoint(u), rest))
    if n > k:
        rest = matmul(adjoint(ts[0]), u) / row
        tv = tv + rest - matmul(v, matmul(vh, rest))
    tvh = adjoint(tv)
    if full_matrices and m > k:
        tu = beside(tu, like(a, np.zeros((*a.shape[:-2], m, m - k))))
    if full_matrices and n > k:
        tvh = above(tvh, like(a, np.zeros((*a.shape[:-2], n - k, n))))
    return tu, real(diagonals(inner)), tvh


def _svd_some(a: Any, some: bool, compute_uv: bool) -> Any:
    u, s, vh = svd_(a, full_matrices=not some)
    return u, s, adjoint(vh)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

eigh = primitive(Derivative, "linalg.eigh(A, UPLO: str = 'L')", "LinalgEighBackward0",
    _eigh, _eigh_meta, _eigh_rule, tangent=_eigh_tangent, outputs="eigenvalues eigenvectors",
    taken=as_symmetric(lambda attrs: attrs["UPLO"] in "uU"), needs="A: symmetric",
    memory=fold(4), work=cubic(15), doc="Eigenvalues and eigenvectors of symmetric matrices",
    kink=f"not unique where eigenvalues are equal; {SYMMETRIC}",
    examples="linalg.eigh(A + A.T).eigenvalues; linalg.eigh(A + A.T).eigenvectors ** 2; "
    "linalg.eigh(T + T.mT, UPLO='U').eigenvectors ** 2")
eig = primitive(Derivative, "linalg.eig(input)", "LinalgEigBackward0",
    _eig, _eig_meta, _eig_rule, tangent=_eig_tangent, outputs="eigenvalues eigenvectors",
    memory=fold(4), work=cubic(15), doc="Eigenvalues and eigenvectors, complex, of square matrices",
    kink="not unique where eigenvalues are equal",
    examples="linalg.eig(A).eigenvalues; abs(linalg.eig(A).eigenvectors) ** 2")
svd = primitive(Derivative, "linalg.svd(A, full_matrices: bool = True)", "LinalgSvdBackward0",
    _svd, _svd_meta, _svd_rule, tangent=_svd_tangent, outputs="U S Vh",
    memory=fold(4), work=cubic(15), doc="A = U diag(S) Vh: singular values and vectors",
    kink="not unique where singular values are equal",
    examples="linalg.svd(M).S; linalg.svd(A).U ** 2; linalg.svd(M, full_matrices=False).Vh ** 2; "
    "linalg.svd(M.T, full_matrices=False).U ** 2; linalg.svd(T).Vh ** 2")
svd_ = primitive(Derivative, "_svd(A, full_matrices: bool = True)", "LinalgSvdBackward0",
    _svd, _svd_meta, _svd_rule, tangent=_svd_tangent, outputs="U S V",
    memory=fold(4), work=cubic(15),
    doc="The same, under the names that torch.svd has for its results")

svd_some = composite("svd(input, some: bool = True, compute_uv: bool = True)", _svd_some,
    doc="A = U diag(S) Vᵀ", kink="not unique where singular values are equal",
    examples="svd(M).S; svd(M).V ** 2; svd(A).U ** 2")
svdvals = composite("linalg.svdvals(A)", lambda a: svd(a, full_matrices=False)[1],
    doc="Singular values, largest first", kink="not unique where they are equal",
    examples="linalg.svdvals(M); linalg.svdvals(T)")
eigvalsh = composite("linalg.eigvalsh(A, UPLO: str = 'L')", lambda a, half: eigh(a, UPLO=half)[0],
    doc="Eigenvalues of symmetric matrices, smallest first",
    needs="A: symmetric", kink=f"not unique where they are equal; {SYMMETRIC}",
    examples="linalg.eigvalsh(A + A.T); linalg.eigvalsh(T + T.mT)")
eigvals = composite("linalg.eigvals(A)", lambda a: eig(a)[0],
    doc="Eigenvalues, complex, of square matrices", kink="not unique where they are equal",
    examples="linalg.eigvals(A); linalg.eigvals(T)")
# fmt: on
