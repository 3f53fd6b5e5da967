"""What JAX calls products, linear algebra and Fourier transforms."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
from jax import lax

FORWARD = {0: "backward", 1: "ortho", 2: "forward"}  # norms by PyTorch's numbers: the
BACKWARD = {0: "forward", 1: "ortho", 2: "backward"}  # inverse divides by nothing at 0

# ---- products ------------------------------------------------------------------------------


def _added(product: Callable[..., Any]) -> Callable[..., Any]:
    def applied(c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
        found = alpha * product(a, b)
        return found if beta == 0 else beta * c + found

    return applied


def _adjoint(a: Any) -> Any:
    return jnp.conj(jnp.swapaxes(a, -2, -1))


# ---- solvers -------------------------------------------------------------------------------


def _is_vector(a: Any, b: Any) -> bool:
    return bool(b.ndim == 1 or (b.ndim == a.ndim - 1 and b.shape == a.shape[:-1]))


def _on_matrices(solve: Callable[..., Any]) -> Callable[..., Any]:
    """Return a solver that takes right-hand sides of one column without it, as PyTorch does."""

    def applied(a: Any, b: Any, **attrs: Any) -> Any:
        vector = _is_vector(a, b)
        found = solve(a, b[..., None] if vector else b, **attrs)
        return found[..., 0] if vector else found

    return applied


@_on_matrices
def _solve(a: Any, b: Any, left: bool) -> Any:
    if left:
        return jnp.linalg.solve(a, b)
    return jnp.swapaxes(jnp.linalg.solve(jnp.swapaxes(a, -2, -1), jnp.swapaxes(b, -2, -1)), -2, -1)


def _triangular(
    a: Any, b: Any, upper: bool, left: bool, unitriangular: bool, transpose: bool = False
) -> Any:
    lead = jnp.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    a, b = (jnp.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (a, b))
    return lax.linalg.triangular_solve(
        a, b, left_side=left, lower=not upper, transpose_a=transpose, unit_diagonal=unitriangular
    )


def _triangular_solve(
    b: Any, a: Any, upper: bool, transpose: bool, unitriangular: bool
) -> tuple[Any, Any]:
    return _triangular(a, b, upper, True, unitriangular, transpose), a


def _pinv(a: Any, rcond: Any, hermitian: bool, atol: Any, rtol: Any) -> Any:
    if atol:
        raise NotImplementedError("JAX's pinv has no absolute tolerance")
    relative = rcond if rtol is None else rtol
    if relative is None:
        relative = max(a.shape[-2:]) * float(jnp.finfo(a.dtype).eps)
    return jnp.linalg.pinv(a, rtol=relative)


def _lstsq(a: Any, b: Any, rcond: Any) -> tuple[Any, ...]:
    vector = _is_vector(a, b)
    solution = _pinv(a, rcond, False, None, None) @ (b[..., None] if vector else b)
    none = jnp.zeros(0, jnp.finfo(a.dtype).dtype)
    return (
        solution[..., 0] if vector else solution, none,
        jnp.linalg.matrix_rank(lax.stop_gradient(a)).astype(np.int64), none,
    )  # fmt: skip


def _cholesky(a: Any, upper: bool) -> Any:
    return jnp.linalg.cholesky(a, upper=upper)


def _no_errors(a: Any) -> Any:
    return jnp.zeros(a.shape[:-2], np.int32)


def _cholesky_solve(b: Any, factor: Any, upper: bool) -> Any:
    lead = jnp.broadcast_shapes(factor.shape[:-2], b.shape[:-2])
    factor, b = (jnp.broadcast_to(x, (*lead, *x.shape[-2:])) for x in (factor, b))
    return jax.scipy.linalg.cho_solve((factor, not upper), b)


def _cholesky_inverse(factor: Any, upper: bool) -> Any:
    return _cholesky_solve(jnp.eye(factor.shape[-1], dtype=factor.dtype), factor, upper)


def _lu_factor(a: Any, pivot: bool) -> tuple[Any, Any]:
    lu, pivots = jax.scipy.linalg.lu_factor(a)
    return lu, pivots + 1  # PyTorch counts from 1, as LAPACK does


def _lu_solve(lu: Any, pivots: Any, b: Any, left: bool, adjoint: bool) -> Any:
    if not left:
        return _adjoint(_lu_solve(lu, pivots, _adjoint(b), True, not adjoint))
    lead = jnp.broadcast_shapes(lu.shape[:-2], b.shape[:-2])
    b = jnp.broadcast_to(b, (*lead, *b.shape[-2:]))
    lu = jnp.broadcast_to(lu, (*lead, *lu.shape[-2:]))
    pivots = jnp.broadcast_to(pivots, (*lead, pivots.shape[-1])) - 1
    return jax.scipy.linalg.lu_solve((lu, pivots), b, trans=2 if adjoint else 0)


# ---- decompositions ------------------------------------------------------------------------


def _qr(a: Any, mode: str) -> tuple[Any, Any]:
    if mode == "r":
        return jnp.zeros(0, a.dtype), jnp.linalg.qr(a, "r")
    return tuple(jnp.linalg.qr(a, mode))


def _lu(a: Any, pivot: bool) -> tuple[Any, Any, Any]:
    m, n = a.shape[-2:]
    lu, _, order = lax.linalg.lu(a)
    lower = jnp.tril(lu[..., : min(m, n)], -1) + jnp.eye(m, min(m, n), dtype=a.dtype)
    # row i of the product is row order[i] of A
    permutation = jnp.swapaxes(jax.nn.one_hot(order, m, dtype=a.dtype), -2, -1)
    return permutation, lower, jnp.triu(lu[..., : min(m, n), :])


def _eig(a: Any) -> tuple[Any, Any]:
    """Return eigenvectors that can be differentiated, where JAX asks whether they may be."""
    asks = "enable_eigvec_derivs" in signature(lax.linalg.eig).parameters
    more = {"enable_eigvec_derivs": True} if asks else {}
    return tuple(lax.linalg.eig(a, compute_left_eigenvectors=False, **more))


def _eigh(a: Any, UPLO: str) -> tuple[Any, Any]:  # noqa: N803 - PyTorch's name
    return tuple(jnp.linalg.eigh(a, UPLO.upper(), symmetrize_input=False))


def _svd(a: Any, full_matrices: bool) -> tuple[Any, Any, Any]:
    """Decompose; the vectors beyond the smaller size are constants, as they are for PyTorch."""
    u, s, vh = jnp.linalg.svd(a, full_matrices=False)
    if full_matrices and a.shape[-2] != a.shape[-1]:
        whole = jnp.linalg.svd(lax.stop_gradient(a), full_matrices=True)
        k = s.shape[-1]
        u = jnp.concatenate([u, whole[0][..., k:]], -1)
        vh = jnp.concatenate([vh, whole[2][..., k:, :]], -2)
    return u, s, vh


def _householder(a: Any, tau: Any) -> Any:
    """Multiply the reflectors out: `lax.linalg.householder_product` has no derivative."""
    m, n = a.shape[-2:]
    found = jnp.broadcast_to(jnp.eye(m, n, dtype=a.dtype), a.shape)
    for k in reversed(range(tau.shape[-1])):
        v = jnp.where(jnp.arange(m) > k, a[..., k], 0).at[..., k].set(1)[..., None]
        found = found - tau[..., k, None, None] * v @ (_adjoint(v) @ found)
    return found


def _matrix_exp(a: Any) -> Any:
    return jax.scipy.linalg.expm(a, max_squarings=64)


def _rank(a: Any, tol: Any, hermitian: bool, atol: Any, rtol: Any) -> Any:
    if atol or tol:
        s = jnp.linalg.svdvals(a)
        return jnp.sum(s > jnp.maximum(atol or tol, (rtol or 0.0) * s.max(-1, keepdims=True)), -1)
    return jnp.linalg.matrix_rank(a, rtol).astype(np.int64)


# ---- Fourier transforms --------------------------------------------------------------------


def _c2c(a: Any, dim: Any, normalization: int, forward: bool) -> Any:
    if forward:
        return jnp.fft.fftn(a, axes=dim, norm=FORWARD[normalization])
    return jnp.fft.ifftn(a, axes=dim, norm=BACKWARD[normalization])


def _r2c(a: Any, dim: Any, normalization: int, onesided: bool) -> Any:
    transform = jnp.fft.rfftn if onesided else jnp.fft.fftn
    return transform(a, axes=dim, norm=FORWARD[normalization])


def _c2r(a: Any, dim: Any, normalization: int, last_dim_size: int) -> Any:
    sizes = (*(a.shape[d] for d in dim[:-1]), last_dim_size)
    return jnp.fft.irfftn(a, sizes, dim, norm=BACKWARD[normalization])


# fmt: off
ROWS: dict[str, Any] = {
    # products
    "mm":                     jnp.matmul,
    "mv":                     jnp.matmul,
    "bmm":                    jnp.matmul,
    "dot":                    jnp.dot,
    "vdot":                   jnp.vdot,
    "addmm":                  _added(jnp.matmul),
    "addmv":                  _added(jnp.matmul),
    "addr":                   _added(jnp.outer),
    "baddbmm":                _added(jnp.matmul),
    "addbmm":                 _added(lambda a, b: jnp.matmul(a, b).sum(0)),
    "linalg.cross":           lambda a, b, dim: jnp.cross(a, b, axis=dim),
    "_trilinear":             lambda a, b, c, equation: jnp.einsum(equation, a, b, c),
    # solvers
    "linalg.inv":             jnp.linalg.inv,
    "_inv":                   jnp.linalg.inv,
    "linalg.inv_ex":          lambda a, check_errors: (jnp.linalg.inv(a), _no_errors(a)),
    "linalg.pinv":            _pinv,
    "linalg.solve":           _solve,
    "linalg.solve_triangular": _triangular,
    "triangular_solve":       _triangular_solve,
    "_lstsq":                 _lstsq,
    "cholesky_solve":         _cholesky_solve,
    "cholesky_inverse":       _cholesky_inverse,
    "linalg.lu_factor":       _lu_factor,
    "linalg.lu_solve":        _lu_solve,
    # decompositions and functions of matrices
    "linalg.cholesky":        _cholesky,
    "cholesky":               _cholesky,
    "linalg.cholesky_ex":     lambda a, upper, check_errors: (_cholesky(a, upper), _no_errors(a)),
    "_lu":                    _lu,
    "_lu_permutation":        _lu,
    "linalg.qr":              _qr,
    "linalg.eigh":            _eigh,
    "linalg.eig":             _eig,
    "linalg.svd":             _svd,
    "_svd":                   _svd,
    "linalg.householder_product": _householder,
    "linalg.matrix_exp":      _matrix_exp,
    "linalg.matrix_rank":     _rank,
    "linalg.det":             jnp.linalg.det,
    "linalg.slogdet":         lambda a: tuple(jnp.linalg.slogdet(a)),
    # Fourier transforms
    "_fft_c2c":               _c2c,
    "_fft_r2c":               _r2c,
    "_fft_c2r":               _c2r,
}
# fmt: on
