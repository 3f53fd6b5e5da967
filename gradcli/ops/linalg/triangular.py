"""Factorisations into triangular matrices, and systems solved with their factors."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.linalg.matrices import (
    SYMMETRIC,
    WHOLE_FACTOR,
    above,
    as_factor,
    as_symmetric,
    beside,
    by_columns,
    columns,
    first_bad,
    like,
    lower,
    matrices,
    or_zeros,
    rows,
    square_meta,
    trsm,
    upper,
)
from gradcli.ops.linalg.solvers import (
    by_triangle,
    minus,
    outer,
    solve_forward,
    system,
    under_triangle,
)
from gradcli.ops.shape.shapes import adjoint, sum_to
from gradcli.rule.costs import cubic, fold
from gradcli.rule.dtypes import SCALAR_NAMES
from gradcli.rule.meta import Meta, broadcast
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, concrete

INT32 = np.dtype(np.int32)


def half_lower(a: Any) -> Any:
    """Keep what is below the diagonal, and half of what is on it."""
    return (lower(a) + lower(a, -1)) * 0.5


# ---- Cholesky ------------------------------------------------------------------------------


def _minor(matrix: Any) -> int:
    """Return the order of the first leading minor that is not positive-definite."""
    from scipy.linalg.lapack import get_lapack_funcs

    return int(get_lapack_funcs("potrf", (matrix,))(matrix, lower=1)[1])


def _cholesky(name: str) -> Any:
    def forward(a: Any, upper: bool) -> Any:
        source = np.swapaxes(a, -2, -1).conj() if upper else a
        try:
            low = np.linalg.cholesky(source)
        except np.linalg.LinAlgError:
            element, order = first_bad(source, _minor)
            raise ArgumentFault(
                f"{name}: {element}The factorization could not be completed because the input is "
                f"not positive-definite (the leading minor of order {order} is not "
                "positive-definite).",
                hint="A @ A.T + eye(n) is positive-definite for every A",
            ) from None
        return np.swapaxes(low, -2, -1).conj() if upper else low

    return forward


def _cholesky_rule(g: Any, y: Any, a: Any, upper: bool) -> Any:
    """Source: Murray, Differentiation of the Cholesky decomposition (2016), symmetrised."""
    low, g = (adjoint(y), adjoint(g)) if upper else (y, g)
    phi = half_lower(matmul(adjoint(low), g))
    inner = by_triangle((phi + adjoint(phi)) * 0.5, low, False)
    return under_triangle(adjoint(low), inner, True)


def _cholesky_tangent(ts: Any, y: Any, a: Any, upper: bool) -> Any:
    low = adjoint(y) if upper else y
    t = (ts[0] + adjoint(ts[0])) * 0.5
    inner = by_triangle(under_triangle(low, t, False), adjoint(low), True)
    moved = matmul(low, half_lower(inner))
    return adjoint(moved) if upper else moved


def _cholesky_ex(a: Any, upper: bool, check_errors: bool) -> tuple[Any, Any]:
    """Factor each matrix, and say at which leading minor that failed, 0 where it did not."""
    from scipy.linalg.lapack import get_lapack_funcs

    if check_errors:
        _cholesky("linalg.cholesky_ex")(a, upper)
    factor, info = np.empty_like(a), np.zeros(a.shape[:-2], INT32)
    potrf = get_lapack_funcs("potrf", (a,))
    for i in np.ndindex(a.shape[:-2]):
        factor[i], info[i] = potrf(a[i], lower=not upper, clean=True)
    return factor, info


def _cholesky_ex_meta(a: Any, **_: Any) -> tuple[Meta, Meta]:
    return square_meta("linalg.cholesky_ex")(a), Meta(a.shape[:-2], INT32)


def _cholesky_solve(b: Any, a: Any, upper: bool) -> Any:
    low = np.swapaxes(a, -2, -1).conj() if upper else a
    return trsm(np.swapaxes(low, -2, -1).conj(), trsm(low, b, False), True)


def _cholesky_solve_meta(b: Any, a: Any, upper: bool) -> Meta:
    matrices("cholesky_solve", a)
    matrices("cholesky_solve", b, square=False)
    if a.shape[-1] != b.shape[-2]:
        raise ArgumentFault(
            f"Incompatible matrix sizes for cholesky_solve: each A matrix is {a.shape[-1]} by "
            f"{a.shape[-1]} but each b matrix is {b.shape[-2]} by {b.shape[-1]}"
        )
    return by_columns((*broadcast(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]), b.dtype)


def _product_rule(common: Any, a: Any, up: bool) -> Any:
    """Return the cotangent of a factor, from that of L·Lᴴ: of the whole of it, as in PyTorch."""
    common = common + adjoint(common)
    return sum_to(matmul(a, common) if up else matmul(common, a), a.shape)


def _product_tangent(t: Any, a: Any, up: bool) -> Any:
    half = matmul(adjoint(a), t) if up else matmul(t, adjoint(a))
    return half + adjoint(half)


def _cholesky_solve_a(g: Any, y: Any, b: Any, a: Any, upper: bool) -> Any:
    gb = cholesky_solve(g, a, upper=upper)
    return -_product_rule(matmul(gb, adjoint(y)), a, upper)


def _cholesky_solve_tangent(ts: Any, y: Any, b: Any, a: Any, upper: bool) -> Any:
    rhs = ts[0]
    if ts[1] is not None:
        moved = matmul(_product_tangent(ts[1], a, upper), y)
        rhs = -moved if rhs is None else rhs - moved
    return cholesky_solve(rhs, a, upper=upper)


# fmt: off
cholesky = primitive(Derivative, "linalg.cholesky(input, upper: bool = False)",
    "LinalgCholeskyExBackward0",
    _cholesky("linalg.cholesky"), square_meta("linalg.cholesky"),
    _cholesky_rule, tangent=_cholesky_tangent,
    memory=fold(4), work=cubic(0.4), doc="Triangular L for which L Lᴴ is the matrix",
    taken=as_symmetric(lambda attrs: attrs["upper"]), kink=SYMMETRIC,
    needs="input: positive definite",
    examples="linalg.cholesky(A @ A.T + eye(3)); linalg.cholesky(T @ T.mT + eye(3), upper=True)")
cholesky_ = primitive(Derivative, "cholesky(input, upper: bool = False)", "CholeskyBackward0",
    _cholesky("cholesky"), square_meta("cholesky"), _cholesky_rule, tangent=_cholesky_tangent,
    memory=fold(4), work=cubic(0.4), doc="Triangular L for which L Lᴴ is the matrix",
    taken=as_symmetric(lambda attrs: attrs["upper"]), kink=SYMMETRIC,
    needs="input: positive definite",
    examples="cholesky(A @ A.T + eye(3), upper=True); cholesky(T @ T.mT + eye(3))")
cholesky_ex = primitive(Derivative,
    "linalg.cholesky_ex(input, upper: bool = False, check_errors: bool = False)",
    "LinalgCholeskyExBackward0", _cholesky_ex, _cholesky_ex_meta,
    lambda g, y, a, upper, check_errors: _cholesky_rule(g[0], y[0], a, upper),
    tangent=lambda ts, y, a, upper, check_errors: (_cholesky_tangent(ts, y[0], a, upper), None),
    outputs="L info", taken=as_symmetric(lambda attrs: attrs["upper"]),
    memory=fold(4), work=cubic(0.4), needs="input: positive definite",
    doc="The same, and at which leading minor it failed: 0 where it did not", kink=SYMMETRIC,
    examples="linalg.cholesky_ex(A @ A.T + eye(3)).L")
cholesky_solve = primitive(Derivative, "cholesky_solve(B, L, upper: bool = False)",
    "CholeskySolveBackward0",
    _cholesky_solve, _cholesky_solve_meta,
    lambda g, y, b, a, upper: sum_to(cholesky_solve(g, a, upper=upper), b.shape),
    _cholesky_solve_a, tangent=_cholesky_solve_tangent,
    saves="B L result",
    alike="B L", memory=fold(4), work=cubic(0.4), doc="X in L Lᴴ X = B",
    taken=as_factor(1), kink=WHOLE_FACTOR, needs="L: triangular",
    examples="cholesky_solve(M.T, tril(A)); cholesky_solve(M.T, triu(A), upper=True); "
    "cholesky_solve(A, tril(T))")
cholesky_inverse = primitive(Derivative, "cholesky_inverse(L, upper: bool = False)",
    "CholeskyInverseBackward0",
    lambda a, upper: _cholesky_solve(np.broadcast_to(np.eye(a.shape[-1], dtype=a.dtype), a.shape),
                                     a, upper),
    square_meta("cholesky_inverse"),
    lambda g, y, a, upper: -_product_rule(matmul(y, matmul(g, y)), a, upper),
    tangent=lambda ts, y, a, upper: -matmul(y, matmul(_product_tangent(ts[0], a, upper), y)),
    memory=fold(4), work=cubic(0.4), doc="Inverses of L Lᴴ",
    taken=as_factor(0), kink=WHOLE_FACTOR, needs="L: triangular",
    examples="cholesky_inverse(tril(A)); cholesky_inverse(triu(T), upper=True)")
# fmt: on

# ---- LU ------------------------------------------------------------------------------------


def _lu(a: Any, pivot: bool) -> tuple[Any, ...]:
    from scipy.linalg import lu

    if not pivot:
        raise ArgumentFault("linalg.lu_factor: LU without pivoting is not implemented on the CPU")
    if not a.size:
        return tuple(np.zeros(m.shape, m.dtype) for m in _lu_meta(a, pivot))
    return tuple(x.astype(a.dtype) for x in lu(a, check_finite=False))


def _lu_meta(a: Any, pivot: bool) -> tuple[Meta, ...]:
    matrices("linalg.lu", a, square=False)
    *batch, m, n = a.shape
    shapes = ((m, m), (m, min(m, n)), (min(m, n), n))
    return tuple(Meta((*batch, *shape), a.dtype) for shape in shapes)


def _lu_factor(a: Any, pivot: bool) -> tuple[Any, Any]:
    from scipy.linalg import lu_factor

    _lu(a[..., :0, :0], pivot)
    result, pivots = np.empty_like(a), np.empty((*a.shape[:-2], min(a.shape[-2:])), INT32)
    for i in np.ndindex(a.shape[:-2]):
        result[i], swaps = lu_factor(a[i], check_finite=False)
        pivots[i] = swaps + 1
    return result, pivots


def _lu_factor_meta(a: Any, pivot: bool) -> tuple[Meta, Meta]:
    matrices("linalg.lu_factor", a, square=False)
    return by_columns(a.shape, a.dtype), Meta((*a.shape[:-2], min(a.shape[-2:])), INT32)


def _lu_pull(factors: tuple[Any, Any, Any], gl: Any, gu: Any) -> Any:
    """Return the cotangent of A = P L U; of a wide or tall one, block by block."""
    p, low, up = factors
    m, n, k = low.shape[-2], up.shape[-1], low.shape[-1]
    tail = None
    if n > k:  # U = [U₁ U₂], where U₂ is L⁻¹ A₂
        tail = under_triangle(adjoint(low), columns(gu, k, n), True)
        gl = gl - matmul(tail, adjoint(columns(up, k, n)))
        up, gu = columns(up, 0, k), columns(gu, 0, k)
    if m > k:  # L = [L₁; L₂], where L₂ is A₂ U⁻¹
        tail = by_triangle(rows(gl, k, m), adjoint(up), False)
        gu = gu - matmul(adjoint(rows(low, k, m)), tail)
        low, gl = rows(low, 0, k), rows(gl, 0, k)
    inner = lower(matmul(adjoint(low), gl), -1) + upper(matmul(gu, adjoint(up)))
    ga = by_triangle(under_triangle(adjoint(low), inner, True), adjoint(up), False)
    if tail is not None:
        ga = beside(ga, tail) if n > k else above(ga, tail)
    return matmul(p, ga)


def _lu_push(factors: tuple[Any, Any, Any], t: Any) -> tuple[Any, Any]:
    """Return the tangents of L and U."""
    p, low, up = factors
    m, n, k = low.shape[-2], up.shape[-1], low.shape[-1]
    t = matmul(adjoint(p), t)
    low1, up1, t1 = rows(low, 0, k), columns(up, 0, k), columns(rows(t, 0, k), 0, k)
    inner = by_triangle(under_triangle(low1, t1, False), up1, True)
    tl, tu = matmul(low1, lower(inner, -1)), matmul(upper(inner), up1)
    if n > k:
        rest = columns(t, k, n) - matmul(tl, columns(up, k, n))
        tu = beside(tu, under_triangle(low1, rest, False))
    if m > k:
        rest = rows(t, k, m) - matmul(rows(low, k, m), tu)
        tl = above(tl, by_triangle(rest, up1, True))
    return tl, tu


def _factors(lu: Any, pivots: Any) -> tuple[Any, Any, Any]:
    """Return P, L and U from what `lu_factor` returns."""
    m, n = lu.shape[-2:]
    k = min(m, n)
    p = like(lu, _permutation(concrete(lu), concrete(pivots)))
    return p, lower(columns(lu, 0, k), -1) + like(lu, np.eye(m, k)), upper(rows(lu, 0, k))


def _lu_factor_rule(g: Any, y: Any, a: Any, pivot: bool) -> Any:
    k = min(a.shape[-2:])
    g = or_zeros(g[0], y[0])
    return _lu_pull(_factors(*y), lower(columns(g, 0, k), -1), upper(rows(g, 0, k)))


def _lu_factor_tangent(ts: Any, y: Any, a: Any, pivot: bool) -> Any:
    m, n = a.shape[-2:]
    tl, tu = _lu_push(_factors(*y), ts[0])
    if m > n:
        tu = above(tu, like(a, np.zeros((*a.shape[:-2], m - n, n))))
    if n > m:
        tl = beside(tl, like(a, np.zeros((*a.shape[:-2], m, n - m))))
    return tl + tu, None


def _lu_composite(a: Any, pivot: bool) -> Any:
    _, low, up = lu_(a, pivot=pivot)
    return lu_permutation(a, pivot=pivot)[0], low, up


# fmt: off
lu_permutation = primitive(Derivative, "_lu_permutation(input, pivot: bool = True)", "",
    _lu, _lu_meta, outputs="P L U", memory=fold(4), work=cubic(0.4),
    doc="The P of A = P L U, which has no derivative")
lu_ = primitive(Derivative, "_lu(input, pivot: bool = True)", "LinalgLuBackward0",
    _lu, _lu_meta,
    lambda g, y, a, pivot: _lu_pull(y, or_zeros(g[1], y[1]), or_zeros(g[2], y[2])),
    tangent=lambda ts, y, a, pivot: (None, *_lu_push(y, ts[0])), outputs="P L U",
    memory=fold(4), work=cubic(0.4), doc="A = P L U: a permutation, and triangular matrices")
lu = composite("linalg.lu(input, pivot: bool = True)", _lu_composite,
    doc="A = P L U: a permutation, and triangular matrices",
    kink="that of the same permutation",
    examples="linalg.lu(A).L; linalg.lu(T).U; linalg.lu(M).U; linalg.lu(M.T).L; linalg.lu(M).L")
lu_factor = primitive(Derivative, "linalg.lu_factor(input, pivot: bool = True)",
    "LinalgLuFactorExBackward0",
    _lu_factor, _lu_factor_meta, _lu_factor_rule, tangent=_lu_factor_tangent, outputs="LU pivots",
    memory=fold(4), work=cubic(0.4),
    doc="L and U of A = P L U in one matrix, and the pivots", kink="that of the same permutation",
    examples="linalg.lu_factor(A).LU; linalg.lu_factor(M)[0]; linalg.lu_factor(M.T)[0]; "
    "linalg.lu_factor(T)[0]")
# fmt: on


# ---- systems solved by LU ------------------------------------------------------------------


def _permutation(lu: Any, pivots: Any) -> Any:
    """Return the matrices P of A = P·L·U from LAPACK's row swaps."""
    n = lu.shape[-2]
    result = np.empty((*pivots.shape[:-1], n, n), lu.dtype)
    for i in np.ndindex(pivots.shape[:-1]):
        order = np.arange(n)
        for k, p in enumerate(pivots[i]):
            order[[k, p - 1]] = order[[p - 1, k]]
        result[i] = np.eye(n)[:, order]
    return result


def _lu_solve(lu: Any, pivots: Any, b: Any, left: bool, adjoint: bool) -> Any:
    a = _permutation(lu, pivots) @ (np.tril(lu, -1) + np.eye(lu.shape[-1])) @ np.triu(lu)
    b = np.broadcast_to(b, (*np.broadcast_shapes(a.shape[:-2], b.shape[:-2]), *b.shape[-2:]))
    return solve_forward(np.swapaxes(a, -2, -1).conj() if adjoint else a, b, left)


def _lu_solve_meta(lu: Any, pivots: Any, b: Any, left: bool, adjoint: bool) -> Meta:
    if pivots.dtype.kind not in "iu":
        raise DtypeFault(
            "linalg.lu_solve: pivots should be a Tensor of scalar type torch.int32. Got scalar type"
            f" {SCALAR_NAMES[pivots.dtype.name]}"
        )
    return system("linalg.lu_solve", False)(lu, b, left)


def _lu_solve_lu(g: Any, y: Any, lu: Any, pivots: Any, left: bool, adjoint_: bool) -> Any:
    p, low, up = _factors(lu, pivots)
    gb = lu_solve(lu, pivots, g, left=left, adjoint=not adjoint_)
    ga = outer(gb, y, left, False)
    ga = matmul(adjoint(p), adjoint(ga) if adjoint_ else ga)
    part = lower(matmul(ga, adjoint(up)), -1) + upper(matmul(adjoint(low), ga))
    return sum_to(part, lu.shape)


def _lu_solve_tangent(ts: Any, y: Any, lu: Any, pivots: Any, left: bool, adjoint_: bool) -> Any:
    moved = None
    if ts[0] is not None:
        p, low, up = _factors(lu, pivots)
        ta = matmul(p, matmul(lower(ts[0], -1), up) + matmul(low, upper(ts[0])))
        ta = adjoint(ta) if adjoint_ else ta
        moved = matmul(ta, y) if left else matmul(y, ta)
    return lu_solve(lu, pivots, minus(ts[2], moved), left=left, adjoint=adjoint_)


# fmt: off
lu_solve = primitive(Derivative,
    "linalg.lu_solve(LU, pivots, B, left: bool = True, adjoint: bool = False)",
    "LinalgLuSolveBackward0",
    _lu_solve, _lu_solve_meta,
    lambda g, y, lu, pivots, b, left, adjoint: _lu_solve_lu(g, y, lu, pivots, left, adjoint),
    None,
    lambda g, y, lu, pivots, b, left, adjoint: sum_to(
        lu_solve(lu, pivots, g, left=left, adjoint=not adjoint), b.shape),
    tangent=lambda ts, y, lu, pivots, b, left, adjoint:
        _lu_solve_tangent(ts, y, lu, pivots, left, adjoint),
    memory=fold(4), work=cubic(0.4), doc="X in A X = B, from the LU factors of A",
    examples="linalg.lu_solve(*linalg.lu_factor(A + 4 * eye(3)), M.T); "
    "linalg.lu_solve(*linalg.lu_factor(A), M, left=False); "
    "linalg.lu_solve(*linalg.lu_factor(T), M.T, adjoint=True)")
lu_solve_ = composite("lu_solve(b, LU_data, LU_pivots)",
    lambda b, lu, pivots: lu_solve(lu, pivots, b, left=True, adjoint=False),
    doc="X in A X = B, from the LU factors of A", examples="lu_solve(M.T, *linalg.lu_factor(A))")
# fmt: on
