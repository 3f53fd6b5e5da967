"""Numbers that belong to a matrix: its determinant, its norms, its condition and rank."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.linalg.matrices import diagonals, lift, like, matrices, on_diagonal, square_meta
from gradcli.ops.linalg.solvers import inv_unchecked
from gradcli.ops.linalg.spectra import svd, svdvals
from gradcli.ops.pointwise.arithmetic import nan_to_num
from gradcli.ops.pointwise.complex import real
from gradcli.ops.pointwise.elementwise import (
    isfinite,
    log,
    logical_not,
    masked_fill_number,
    reciprocal,
    where,
)
from gradcli.ops.reduce.extrema import amax, amin
from gradcli.ops.reduce.reductions import prod, vector_norm
from gradcli.ops.shape.indexing import slice_
from gradcli.ops.shape.shapes import (
    adjoint,
    conj,
    permute,
    squeeze_dim,
    sum_,
    to,
    unsqueeze,
    zeros_like,
)
from gradcli.rule.costs import cubic, fold
from gradcli.rule.dtypes import INT64, to_real
from gradcli.rule.meta import Meta, dim_index, reduced
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, number

INF = float("inf")

# ---- determinants --------------------------------------------------------------------------


def _number_meta(name: str) -> Any:
    def meta(a: Any) -> Meta:
        matrices(name, a)
        return Meta(a.shape[:-2], a.dtype)

    return meta


def _slogdet_meta(a: Any) -> tuple[Meta, Meta]:
    matrices("linalg.slogdet", a)
    return Meta(a.shape[:-2], a.dtype), Meta(a.shape[:-2], to_real(a.dtype))


def _adjugate(a: Any) -> Any:
    """Return the transposed cofactors, det(A)·A⁻¹ where that is defined.

    With A = U S Vᴴ they are det(U Vᴴ)·V adj(S) Uᴴ, and those of a diagonal are products of the
    others: nothing is divided, so that singular matrices have them too.
    """
    u, s, vh = np.linalg.svd(a)
    n = s.shape[-1]
    others = np.prod(np.where(np.eye(n, dtype=bool), 1, s[..., None, :]), -1)
    turned = np.linalg.det(u @ vh)[..., None, None]
    back = np.swapaxes(vh, -2, -1).conj() * others[..., None, :]
    return turned * (back @ np.swapaxes(u, -2, -1).conj())


def _adjugate_along(a: Any, t: Any, transposed: bool) -> Any:
    """Return the derivative of the adjugate along T, or its transpose applied to T.

    In the bases of U and V the matrix is diagonal, and there, with P the products of all
    singular values but two, it is diag(P diag(T)) - P ∘ T.
    """
    u, s, vh = svd(a, full_matrices=True)
    n = s.shape[-1]
    left = np.eye(n, dtype=bool)[:, None, :] | np.eye(n, dtype=bool)[None, :, :]
    column = unsqueeze(unsqueeze(s, dim=-2), dim=-2)
    pairs = prod(where(left, 1.0, column), dim=(-1,))
    pairs = where(np.eye(n, dtype=bool), 0.0, pairs)
    turned = lift(det(matmul(u, vh)))
    if transposed:
        inner, turned = matmul(vh, matmul(t, u)), conj(turned)
    else:
        inner = matmul(adjoint(u), matmul(t, adjoint(vh)))
    along = sum_(pairs * unsqueeze(diagonals(inner), dim=-2), dim=(-1,))
    inner = on_diagonal(along) - pairs * inner
    if transposed:
        return turned * matmul(u, matmul(inner, vh))
    return turned * matmul(adjoint(vh), matmul(inner, adjoint(u)))


def _half_difference(a: Any) -> Any:
    return (a - conj(a)) * 0.5


def _slogdet_rule(g: Any, y: Any, a: Any) -> Any:
    back = adjoint(inv_unchecked(a))
    if a.dtype.kind != "c":
        return back * lift(zeros_like(y[1]) if g[1] is None else g[1])
    total = None
    if g[0] is not None:  # the sign of a complex determinant turns
        total = -_half_difference(conj(g[0]) * y[0])
    if g[1] is not None:
        total = g[1] if total is None else total + g[1]
    return back * lift(total)


def _slogdet_tangent(ts: Any, y: Any, a: Any) -> Any:
    moved = diagonals(matmul(inv_unchecked(a), ts[0]))
    moved = sum_(moved, dim=(-1,))
    if a.dtype.kind != "c":
        return zeros_like(y[0]), moved
    return y[0] * _half_difference(moved), real(moved)


def _logdet(a: Any) -> Any:
    sign, size = slogdet(a)
    if a.dtype.kind == "c":
        return log(sign) + size
    return where(sign < 0, float("nan"), size)


# fmt: off
adjugate = primitive(Derivative, "_adjugate(input)", "LinalgDetBackwardBackward0",
    _adjugate, square_meta("linalg.det"),
    lambda g, y, a: _adjugate_along(a, g, True),
    tangent=lambda ts, y, a: _adjugate_along(a, ts[0], False),
    memory=fold(4), work=cubic(15), doc="Transposed cofactors of matrices, singular ones too")
det = primitive(Derivative, "linalg.det(A)", "LinalgDetBackward0",
    np.linalg.det, _number_meta("linalg.det"),
    lambda g, y, a: lift(g) * adjoint(adjugate(a)),
    tangent=lambda ts, y, a: sum_(diagonals(matmul(adjugate(a), ts[0])), dim=(-1,)),
    saves="A result",
    memory=fold(4), work=cubic(0.4), often="A: symmetric",
    doc="Determinants of matrices", aliases="det",
    kink="the cofactors where the matrix is singular, where PyTorch 2.13 returns zeros",
    examples="linalg.det(A); det(T); linalg.det(outer(v, v))")
slogdet = primitive(Derivative, "linalg.slogdet(A)", "LinalgSlogdetBackward0",
    lambda a: tuple(np.linalg.slogdet(a)), _slogdet_meta,
    _slogdet_rule, tangent=_slogdet_tangent, outputs="sign logabsdet",
    memory=fold(4), work=cubic(0.4), often="A: symmetric",
    doc="Signs of determinants, and logarithms of their sizes", aliases="slogdet",
    kink="not finite where the matrix is singular",
    examples="linalg.slogdet(A).logabsdet; slogdet(T)[1]; linalg.slogdet(A + 1j * M[0]).sign")
logdet = composite("logdet(input)", _logdet, doc="Logarithms of determinants",
    kink="NaN where the determinant is negative",
    examples="logdet(A @ A.T + eye(3)); logdet(T @ T.mT + eye(3))")
# fmt: on

# ---- norms ---------------------------------------------------------------------------------


def _matrix_norm(a: Any, ord: Any, dim: Any, keepdim: bool, dtype: Any = None) -> Any:
    """Source: the steps of ATen's `linalg_matrix_norm`."""
    rank = len(a.shape)
    if rank < 2:
        raise ShapeFault("linalg.matrix_norm: The input tensor A must have at least 2 dimensions.")
    dim = (-2, -1) if dim is None else dim
    if len(dim) != 2:
        raise ArgumentFault(
            f"linalg.matrix_norm: dim must be a 2-tuple. Got {' '.join(map(str, dim))}"
        )
    row, column = (dim_index(d, rank) for d in dim)
    if row == column:
        raise ArgumentFault(f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})")
    a = a if dtype is None else to(a, dtype)
    if ord == "fro":
        return vector_norm(a, ord=2, dim=(row, column), keepdim=keepdim)
    if ord not in ("nuc", 1, -1, 2, -2, INF, -INF):
        raise ArgumentFault(
            f"linalg.matrix_norm: Order {ord} not supported.",
            hint="'fro', 'nuc', 1, -1, 2, -2, inf and -inf are",
        )
    compared = {1: (column,), 2: (row, column), INF: (row,)}.get(ord, ())
    if any(not a.shape[d] for d in compared):  # the largest of nothing
        return like(a, np.zeros(reduced(a.shape, (row, column), keepdim)))
    if ord == "nuc" or abs(ord) == 2:
        return _of_singular_values(a, ord, (row, column), keepdim)
    extremum = amax if ord > 0 else amin
    if abs(ord) == INF:
        row, column = column, row
    if row < column and not keepdim:
        column -= 1
    return extremum(vector_norm(a, ord=1, dim=(row,), keepdim=keepdim), dim=(column,),
                    keepdim=keepdim)  # fmt: skip


def _of_singular_values(a: Any, ord: Any, dim: tuple[int, int], keepdim: bool) -> Any:
    order = (*(d for d in range(len(a.shape)) if d not in dim), *dim)
    s = svdvals(permute(a, dims=order))
    last = (len(s.shape) - 1,)
    if ord == "nuc":
        found = sum_(s, dim=last, keepdim=keepdim)
    else:
        found = (amax if ord > 0 else amin)(s, dim=last, keepdim=keepdim)
    if not keepdim:
        return found
    back = tuple(order.index(d) for d in range(len(order)))
    return permute(unsqueeze(found, dim=-1), dims=back)


def _norm(a: Any, ord: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    """Source: the steps of ATen's `linalg_norm`."""
    if dim is not None and len(dim) not in (1, 2):
        raise ArgumentFault(
            f"linalg.norm: If dim is specified, it must be of length 1 or 2. Got {list(dim)}"
        )
    rank = len(a.shape)
    if ord is not None and dim is None and rank not in (1, 2):
        raise ShapeFault(
            "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. "
            f"Got {rank}D."
        )
    if ord is not None and (len(dim) if dim is not None else rank) == 2:
        return _matrix_norm(a, ord, dim or (0, 1), keepdim, dtype)
    if ord is not None and not number(ord):
        raise ArgumentFault(f"linalg.norm: order {ord!r} is one of matrices, not of vectors")
    a = a if dtype is None else to(a, dtype)
    return vector_norm(a, ord=2 if ord is None else ord, dim=dim, keepdim=keepdim)


def _p_norm(a: Any, p: Any, dim: Any, keepdim: bool) -> Any:
    if p in (None, "fro"):
        p = 2
    if p == "nuc":
        return _matrix_norm(a, p, tuple(range(len(a.shape))) if dim is None else dim, keepdim)
    if not number(p):
        raise ArgumentFault(
            f"norm(): order {p!r} is not supported",
            hint="orders are numbers, inf, -inf, 'fro' and 'nuc'",
        )
    return vector_norm(a, ord=p, dim=dim, keepdim=keepdim)


def _cond(a: Any, p: Any) -> Any:
    """Source: the steps of ATen's `linalg_cond`."""
    matrices(f"linalg.cond(ord={p})", a, square=p not in (None, 2, -2))
    if 0 in a.shape:
        return like(a, np.zeros(a.shape[:-2]))
    if p in (None, 2, -2):
        s = svd(a, full_matrices=False)[1]
        k, last = s.shape[-1], len(s.shape) - 1
        largest = slice_(s, dim=last, start=0, end=1, step=1)
        smallest = slice_(s, dim=last, start=k - 1, end=k, step=1)
        ratio = smallest / largest if p == -2 else largest / smallest
        return squeeze_dim(ratio, dim=(last,))
    if p == "nuc":
        s = svd(a, full_matrices=False)[1]
        return sum_(s, dim=(-1,)) * sum_(reciprocal(s), dim=(-1,))
    inverse = inv_unchecked(a)
    inverse = masked_fill_number(inverse, logical_not(isfinite(inverse)), value=INF)
    both = _matrix_norm(a, p, (-2, -1), False) * _matrix_norm(inverse, p, (-2, -1), False)
    return nan_to_num(both, nan=INF, posinf=INF, neginf=-INF)


def _rank(a: Any, tol: Any, hermitian: bool, atol: Any, rtol: Any) -> Any:
    s = np.abs(np.linalg.eigvalsh(a)) if hermitian else np.linalg.svd(a, compute_uv=False)
    if tol is not None:  # the older overload, which knows no relative tolerance
        atol, rtol = tol, 0.0
    absolute = 0.0 if atol is None else atol
    if rtol is None:
        rtol = 0.0 if absolute > 0 else max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    least = np.maximum(absolute, rtol * np.max(s, -1, keepdims=True, initial=0.0))
    return np.sum(s > least, -1)


def _rank_meta(a: Any, tol: Any, hermitian: bool, atol: Any, rtol: Any) -> Meta:
    if len(a.shape) < 2:
        raise ShapeFault(
            "torch.linalg.matrix_rank: The input tensor input must have at least 2 dimensions."
        )
    matrices("linalg.matrix_rank", a, square=hermitian)
    return Meta(a.shape[:-2], INT64)


# fmt: off
matrix_norm = composite(
    "linalg.matrix_norm(A, ord: str|number = 'fro', dim: dims = None, keepdim: bool = False, "
    "dtype: dtype = None)", _matrix_norm,
    doc="Norms of matrices: 'fro', 'nuc', 1, 2, inf, or the negative",
    kink="of equal singular values, an even share; 'fro' 0 at 0",
    examples="linalg.matrix_norm(A); linalg.matrix_norm(T, 'nuc', keepdim=True); "
    "linalg.matrix_norm(M, 2); linalg.matrix_norm(A, -2); linalg.matrix_norm(T, 1); "
    "linalg.matrix_norm(T, inf); linalg.matrix_norm(T, -1, dim=(0, 1), keepdim=True)")
norm = composite(
    "linalg.norm(A, ord: str|number = None, dim: dims = None, keepdim: bool = False, "
    "dtype: dtype = None)", _norm,
    doc="Norms of vectors, or of matrices where an order is given and there are two dimensions",
    kink="that of vector_norm, or of matrix_norm",
    examples="linalg.norm(v); linalg.norm(A, 'nuc'); linalg.norm(M, 1); "
    "linalg.norm(T, dim=(1, 2)); linalg.norm(T, inf, dim=(0, 2), keepdim=True); "
    "linalg.norm(T, 3, dim=1)")
norm_ = composite("norm(input, p: str|number = 2, dim: dims = None, keepdim: bool = False)",
    _p_norm, doc="Norm of the elements as a vector", kink="0 at 0",
    examples="norm(v); M.norm(dim=1); norm(v, 3); norm(A, 'nuc')")
cond = composite("linalg.cond(A, p: str|number = None)", _cond,
    doc="Condition numbers of matrices", kink="that of the norm",
    examples="linalg.cond(A); linalg.cond(M); linalg.cond(T, -2); linalg.cond(A, 'fro'); "
    "linalg.cond(A, 1); linalg.cond(T, 'nuc')")
matrix_rank = primitive(Derivative,
    "linalg.matrix_rank(A, tol: real = None, hermitian: bool = False, atol: real = None, "
    "rtol: real = None)", "",
    _rank, _rank_meta,
    refuses="bool integer", memory=fold(4), work=cubic(15), doc="Ranks of matrices")
# fmt: on
