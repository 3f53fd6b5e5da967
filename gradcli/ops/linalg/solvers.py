"""Inverses, determinants and solutions of linear systems, of batches of matrices."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.linalg.linalg import matmul
from gradcli.ops.linalg.matrices import (
    by_columns,
    first_bad,
    like,
    lower,
    matrices,
    mirrored,
    square_meta,
    swapped,
    trsm,
    upper,
)
from gradcli.ops.shape.shapes import adjoint, conj, detach, reshape, sum_to, unsqueeze
from gradcli.rule.costs import cubic, fold
from gradcli.rule.dtypes import SCALAR_NAMES, is_differentiable, to_real
from gradcli.rule.meta import Meta, broadcast
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative

# ---- forward functions ---------------------------------------------------------------------


def _zero_pivot(matrix: Any) -> int:
    from scipy.linalg import lu

    zero = np.diagonal(lu(matrix, permute_l=True, check_finite=False)[1]) == 0
    return int(np.argmax(zero)) + 1 if zero.any() else 0


def _inv(a: Any) -> Any:
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        where_, row = first_bad(a, _zero_pivot)
        raise ArgumentFault(
            f"linalg.inv: {where_}The diagonal element {row} is zero, the inversion could not be "
            "completed because the input matrix is singular.",
            hint="pinv(A) has a value for every matrix",
        ) from None


def _inv_unchecked(a: Any) -> Any:
    """Return the inverse; infinities and NaN where there is none."""
    try:
        return np.linalg.inv(a)
    except np.linalg.LinAlgError:
        from scipy.linalg import lu

        p, low, up = lu(a, check_finite=False)
        return trsm(up, trsm(low, np.swapaxes(p, -2, -1), upper=False), upper=True)


def _inv_ex(a: Any, check_errors: bool) -> tuple[Any, Any]:
    info = np.zeros(a.shape[:-2], np.int32)
    for i in np.ndindex(info.shape):
        info[i] = _zero_pivot(a[i])
    return (_inv if check_errors else _inv_unchecked)(a), info


def _inv_ex_meta(a: Any, **_: Any) -> tuple[Meta, Meta]:
    return square_meta("linalg.inv_ex")(a), Meta(a.shape[:-2], np.dtype(np.int32))


def solve_forward(a: Any, b: Any, left: bool) -> Any:
    """Solve by LU with pivots."""
    vector = is_vector(a, b)
    b = b[..., None] if vector else b
    try:
        if left:
            x = np.linalg.solve(a, b)
        else:
            x = np.swapaxes(np.linalg.solve(np.swapaxes(a, -2, -1), np.swapaxes(b, -2, -1)), -2, -1)
    except np.linalg.LinAlgError:
        where_, _ = first_bad(a, _zero_pivot)
        raise ArgumentFault(
            f"torch.linalg.solve: {where_}The solver failed because the input matrix is singular.",
            hint="lstsq(A, B) has a solution for every matrix",
        ) from None
    return x[..., 0] if vector else x


def _pinv(
    a: Any, rcond: float | None, hermitian: bool, atol: float | None, rtol: float | None
) -> Any:
    if hermitian and a.shape[-1] != a.shape[-2]:
        raise ShapeFault(
            "linalg.eigh: A must be batches of square matrices, but they are "
            f"{a.shape[-2]} by {a.shape[-1]} matrices"
        )
    u, s, vh = np.linalg.svd(mirrored(a) if hermitian else a, full_matrices=False)
    relative = rcond if rtol is None else rtol
    if relative is None:
        relative = 0.0 if atol else max(a.shape[-2:]) * float(np.finfo(a.dtype).eps)
    keep = s > np.maximum(atol or 0.0, relative * np.max(s, -1, keepdims=True, initial=0.0))
    inverse = np.where(keep, 1 / np.where(keep, s, 1), 0)
    return np.swapaxes((u * inverse[..., None, :]) @ vh, -2, -1).conj()


def _lstsq(a: Any, b: Any, rcond: float | None) -> tuple[Any, ...]:
    vector = is_vector(a, b)
    x = _pinv(a, rcond, False, None, None) @ (b[..., None] if vector else b)
    none = np.empty(0, to_real(a.dtype))
    return x[..., 0] if vector else x, none, np.linalg.matrix_rank(a), none


# ---- shapes of results ---------------------------------------------------------------------


def is_vector(a: Any, b: Any) -> bool:
    """Say whether the right-hand side is one vector for each matrix."""
    return len(b.shape) == 1 or (len(a.shape) - 1 == len(b.shape) and b.shape == a.shape[:-1])


def system(name: str, vectors: bool) -> Callable[..., Meta]:
    """Return the shape rule of a system; its right-hand side may be one vector each."""

    def meta(a: Any, b: Any, left: bool = True, **_: Any) -> Meta:
        matrices(name, a)
        vector = vectors and is_vector(a, b)
        matrices(name, *(() if vector else (b,)), square=False)
        shape = (*b.shape, 1) if vector else b.shape
        if a.shape[-1] != shape[-2 if left else -1]:
            raise ShapeFault(
                f"{name}: Incompatible shapes of A and B for the equation "
                f"{'AX' if left else 'XA'} = B ({a.shape[-2]}x{a.shape[-1]} and "
                f"{shape[-2]}x{shape[-1]})"
            )
        full = (*broadcast(a.shape[:-2], shape[:-2]), *shape[-2:])
        if vector:
            return Meta(full[:-1], a.dtype)
        return by_columns(full, a.dtype) if left or not vectors else Meta(full, a.dtype)

    return meta


def _pinv_meta(a: Any, **_: Any) -> Meta:
    if len(a.shape) < 2 or not is_differentiable(a.dtype):
        kind = SCALAR_NAMES.get(a.dtype.name, a.dtype.name)
        raise ArgumentFault(
            f"linalg.pinv({kind}{{{list(a.shape)}}}): expected a tensor with 2 or more dimensions "
            "of float, double, cfloat or cdouble types"
        )
    return Meta((*a.shape[:-2], a.shape[-1], a.shape[-2]), a.dtype)


def _lstsq_meta(a: Any, b: Any, rcond: float | None) -> tuple[Meta, ...]:
    matrices("torch.linalg.lstsq", a, square=False)
    if not b.shape:
        raise ShapeFault("torch.linalg.lstsq: other must have at least 1 dimension.")
    vector = is_vector(a, b)
    rows, columns = (b.shape[-1], ()) if vector else (b.shape[-2], b.shape[-1:])
    if a.shape[-2] != rows:
        raise ShapeFault(
            f"torch.linalg.lstsq: input.size(-2) should match other.size({-1 if vector else -2})"
        )
    batch = broadcast(a.shape[:-2], b.shape[:-1] if vector else b.shape[:-2])
    none = Meta((0,), to_real(a.dtype))
    return (Meta((*batch, a.shape[-1], *columns), a.dtype), none,
            Meta(a.shape[:-2], np.dtype(np.int64)), none)  # fmt: skip


# ---- bodies --------------------------------------------------------------------------------


def _times(a: Any, x: Any, vector: bool) -> Any:
    """Multiply matrices with what solves them, which may be one vector each."""
    if not vector:
        return matmul(a, x)
    product = matmul(a, unsqueeze(x, dim=-1))
    return reshape(product, product.shape[:-1])


def outer(g: Any, x: Any, left: bool, vector: bool) -> Any:
    """Return the cotangent of the matrices of a system, from that of its right-hand side."""
    if vector:
        g, x = unsqueeze(g, dim=-1), unsqueeze(x, dim=-1)
    return -matmul(g, adjoint(x)) if left else -matmul(adjoint(x), g)


def minus(tb: Any, moved: Any) -> Any:
    """Return the moved right-hand side less what the moved matrix takes of it."""
    if moved is None:
        return tb
    return -moved if tb is None else tb - moved


def _solve_a(g: Any, x: Any, a: Any, b: Any, left: bool) -> Any:
    part = outer(solve(adjoint(a), g, left=left), x, left, is_vector(a, b))
    return sum_to(part, a.shape)


def _solve_tangent(ts: Any, x: Any, a: Any, b: Any, left: bool) -> Any:
    ta, tb = ts
    moved = None
    if ta is not None:
        moved = _times(ta, x, is_vector(a, b)) if left else matmul(x, ta)
    rhs = minus(tb, moved)
    return solve(a, rhs, left=left)


def _triangle(a: Any, up: bool, unit: bool) -> Any:
    return upper(a, int(unit)) if up else lower(a, -int(unit))


def _triangular_a(
    g: Any, x: Any, a: Any, b: Any, upper: bool, left: bool, unitriangular: bool
) -> Any:
    gb = solve_triangular(adjoint(a), g, upper=not upper, left=left, unitriangular=unitriangular)
    return sum_to(_triangle(outer(gb, x, left, False), upper, unitriangular), a.shape)


def _triangular_tangent(
    ts: Any, x: Any, a: Any, b: Any, upper: bool, left: bool, unitriangular: bool
) -> Any:
    ta, tb = ts
    moved = None
    if ta is not None:
        kept = _triangle(ta, upper, unitriangular)
        moved = matmul(kept, x) if left else matmul(x, kept)
    return solve_triangular(
        a, minus(tb, moved), upper=upper, left=left, unitriangular=unitriangular
    )


def _pinv_rule(g: Any, y: Any, a: Any, **_: Any) -> Any:
    """Source: Golub and Pereyra (1973), eq. 4.12, transposed."""
    yh, gh = adjoint(y), adjoint(g)
    if a.shape[-2] <= a.shape[-1]:
        k = matmul(gh, y)
        kyh = matmul(k, yh)
        return (kyh - adjoint(matmul(y, k)) - matmul(matmul(a, y), kyh)
                + matmul(matmul(yh, y), gh - matmul(k, a)))  # fmt: skip
    k = matmul(y, gh)
    yhk = matmul(yh, k)
    return (yhk - adjoint(matmul(k, y)) + matmul(matmul(gh - matmul(a, k), y), yh)
            - matmul(matmul(yhk, y), a))  # fmt: skip


def _as_general(moved: list[Any], at: list[Any], attrs: dict[str, Any]) -> Any:
    """Let every element move: the derivative of a Hermitian matrix's is that of any matrix's."""
    if not attrs["hermitian"]:
        return moved, attrs
    return [mirrored(at[0]) + (moved[0] - at[0])], attrs | {"hermitian": False}


def _pinv_tangent(ts: Any, y: Any, a: Any, **_: Any) -> Any:
    t, th, yh = ts[0], adjoint(ts[0]), adjoint(y)
    left = matmul(matmul(y, yh), th - matmul(matmul(th, a), y))
    right = matmul(matmul(th - matmul(matmul(y, a), th), yh), y)
    return left + right - matmul(matmul(y, t), y)


def _lstsq_a(g: Any, y: Any, a: Any, b: Any, rcond: float | None) -> Any:
    if g[0] is None:
        return like(a, np.zeros(a.shape))
    gx, rhs = g[0], b
    if is_vector(a, b):
        gx, rhs = unsqueeze(gx, dim=-1), unsqueeze(b, dim=-1)
    return _pinv_rule(sum_to(matmul(gx, adjoint(rhs)), swapped(a).shape), pinv(a, rcond=rcond), a)


def _lstsq_b(g: Any, y: Any, a: Any, b: Any, rcond: float | None) -> Any:
    if g[0] is None:
        return like(b, np.zeros(b.shape))
    return sum_to(_times(adjoint(pinv(a, rcond=rcond)), g[0], is_vector(a, b)), b.shape)


def _lstsq_tangent(ts: Any, y: Any, a: Any, b: Any, rcond: float | None) -> Any:
    ta, tb = ts
    vector, inverse = is_vector(a, b), pinv(a, rcond=rcond)
    parts = []
    if ta is not None:
        parts.append(_times(_pinv_tangent((ta,), inverse, a), b, vector))
    if tb is not None:
        parts.append(_times(inverse, tb, vector))
    return (sum(parts[1:], parts[0]), None, None, None)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

inv = primitive(Derivative, "linalg.inv(input)", "LinalgInvExBackward0",
    _inv, square_meta("linalg.inv"),
    lambda g, y, a: -matmul(adjoint(y), matmul(g, adjoint(y))),
    tangent=lambda ts, y, a: -matmul(y, matmul(ts[0], y)),
    memory=fold(4), work=cubic(0.4), often="input: symmetric",
    doc="Inverses of matrices", aliases="inverse", kink="an error where the matrix is singular",
    examples="linalg.inv(A + 4 * eye(3)); inverse(T @ T.mT + eye(3))")
inv_unchecked = primitive(Derivative, "_inv(input)", "LinalgInvExBackward0",
    _inv_unchecked, square_meta("linalg.inv"),
    lambda g, y, a: -matmul(adjoint(y), matmul(g, adjoint(y))),
    tangent=lambda ts, y, a: -matmul(y, matmul(ts[0], y)),
    memory=fold(4), work=cubic(0.4), often="input: symmetric",
    doc="Inverses of matrices, not finite where there is none")
inv_ex = primitive(Derivative, "linalg.inv_ex(A, check_errors: bool = False)",
    "LinalgInvExBackward0", _inv_ex, _inv_ex_meta,
    lambda g, y, a, check_errors: -matmul(adjoint(y[0]), matmul(g[0], adjoint(y[0]))),
    tangent=lambda ts, y, a, check_errors: (-matmul(y[0], matmul(ts[0], y[0])), None),
    outputs="inverse info", memory=fold(4), work=cubic(0.4), often="A: symmetric",
    doc="Inverses of matrices, and the row of a pivot that is 0",
    examples="linalg.inv_ex(A + 4 * eye(3)).inverse")
pinv = primitive(Derivative,
    "linalg.pinv(input, rcond: real = None, hermitian: bool = False, atol: real = None, "
    "rtol: real = None)", "LinalgPinvBackward0",
    _pinv, _pinv_meta, _pinv_rule, tangent=_pinv_tangent,
    taken=_as_general, memory=fold(4), work=cubic(15), often="input: symmetric",
    doc="Pseudo-inverses (Moore, Penrose)",
    kink="that of matrices of the same rank; with hermitian the lower triangle is read, and the "
    "gradient is as if all were (of a matrix that is not Hermitian, PyTorch's number)",
    examples="linalg.pinv(M); linalg.pinv(M.T); linalg.pinv(T)")

solve = primitive(Derivative, "linalg.solve(A, B, left: bool = True)", "LinalgSolveExBackward0",
    solve_forward, system("linalg.solve", True),
    lambda g, y, a, b, left: _solve_a(g, y, a, b, left),
    lambda g, y, a, b, left: sum_to(solve(adjoint(a), g, left=left), b.shape),
    tangent=_solve_tangent,
    alike="A B", memory=fold(4), work=cubic(0.4), often="A: symmetric",
    doc="X in A X = B, or in X A = B", kink="an error where A is singular",
    examples="linalg.solve(A + 4 * eye(3), v); linalg.solve(A + 4 * eye(3), A); "
    "linalg.solve(A + 4 * eye(3), M, left=False); linalg.solve(T + 4 * eye(3), M); "
    "linalg.solve(T + 4 * eye(3), A)")
solve_triangular = primitive(Derivative,
    "linalg.solve_triangular(A, B, upper: bool, left: bool = True, unitriangular: bool = False)",
    "LinalgSolveTriangularBackward0",
    lambda a, b, upper, left, unitriangular: trsm(a, b, upper, left, unitriangular),
    system("linalg.solve_triangular", False),
    _triangular_a,
    lambda g, y, a, b, upper, left, unitriangular: sum_to(solve_triangular(
        adjoint(a), g, upper=not upper, left=left, unitriangular=unitriangular), b.shape),
    tangent=_triangular_tangent,
    memory=fold(6), work=cubic(0.3), needs="A: triangular",
    doc="X in A X = B, where A is triangular; the other triangle is not read",
    examples="linalg.solve_triangular(A, M.T, upper=True); "
    "linalg.solve_triangular(T, M, upper=False, left=False); "
    "linalg.solve_triangular(A, T, upper=False, unitriangular=True)")
triangular_solve = primitive(Derivative,
    "triangular_solve(b, A, upper: bool = True, transpose: bool = False, "
    "unitriangular: bool = False)", "TriangularSolveBackward0",
    lambda b, a, **flags: (trsm(*_turned(a, b, **flags)), a),
    lambda b, a, **_: (system("triangular_solve", False)(a, b), Meta(a.shape, a.dtype)),
    lambda g, y, b, a, **flags: _triangular_solve_b(g, y, b, a, **flags),
    lambda g, y, b, a, **flags: _triangular_solve_a(g, y, b, a, **flags),
    tangent=lambda ts, y, b, a, **flags: _triangular_solve_tangent(ts, y, b, a, **flags),
    outputs="solution cloned_coefficient",
    saves="b A solution",
    alike="b A", memory=fold(6), work=cubic(0.3), needs="A: triangular",
    doc="X in A X = B, where A is triangular, and A",
    examples="triangular_solve(M.T, A).solution; "
    "triangular_solve(M.T, A, upper=False, transpose=True).solution; "
    "triangular_solve(M.T, A).cloned_coefficient")
lstsq_ = primitive(Derivative, "_lstsq(input, b, rcond: real = None)", "LinalgLstsqBackward0",
    _lstsq, _lstsq_meta, _lstsq_a, _lstsq_b, tangent=_lstsq_tangent,
    outputs="solution residuals rank singular_values",
    saves="input b solution",
    memory=fold(4), work=cubic(15), doc="The X for which A X is nearest to B, by least squares")
# fmt: on


def _turned(a: Any, b: Any, upper: bool, transpose: bool, unitriangular: bool) -> tuple[Any, ...]:
    """Return the arguments of `solve_triangular`: A itself, or its transpose."""
    return (swapped(a) if transpose else a), b, upper != transpose, True, unitriangular


def _triangular_solve_b(g: Any, y: Any, b: Any, a: Any, **flags: bool) -> Any:
    if g[0] is None:
        return like(b, np.zeros(b.shape))
    return sum_to(_back(g[0], a, **flags), b.shape)


def _back(g: Any, a: Any, **flags: bool) -> Any:
    """Solve with the adjoint of the matrix."""
    return triangular_solve(g, conj(a), **flags | {"transpose": not flags["transpose"]})[0]


def _triangular_solve_a(g: Any, y: Any, b: Any, a: Any, **flags: bool) -> Any:
    if g[0] is None:
        return g[1]
    gb, x = _back(g[0], a, **flags), conj(y[0])
    part = matmul(x, swapped(gb)) if flags["transpose"] else matmul(gb, swapped(x))
    part = sum_to(_triangle(-part, flags["upper"], flags["unitriangular"]), a.shape)
    return part if g[1] is None else part + g[1]


def _triangular_solve_tangent(ts: Any, y: Any, b: Any, a: Any, **flags: bool) -> Any:
    ta = swapped(ts[1]) if flags["transpose"] and ts[1] is not None else ts[1]
    return _triangular_tangent((ta, ts[0]), y[0], *_turned(a, b, **flags)), ts[1]


def by_triangle(b: Any, a: Any, up: bool) -> Any:
    """Return B A⁻¹ of a triangular A."""
    return solve_triangular(a, b, upper=up, left=False)


def under_triangle(a: Any, b: Any, up: bool) -> Any:
    """Return A⁻¹ B of a triangular A."""
    return solve_triangular(a, b, upper=up, left=True)


def _least_squares(a: Any, b: Any, rcond: Any, driver: Any) -> Any:
    if driver not in (None, "gels", "gelsy", "gelsd", "gelss"):
        raise ArgumentFault(
            "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)"
        )
    solution, residuals, rank, none = lstsq_(a, b, rcond=rcond)
    return solution, residuals, rank, detach(none)


# fmt: off
lstsq = composite(
    "linalg.lstsq(input, b, rcond: real = None, driver: str = None)", _least_squares,
    alike="input b", doc="The X for which A X is nearest to B, by least squares",
    kink="that of matrices of the same rank",
    examples="linalg.lstsq(M.T, v).solution; linalg.lstsq(M, M).solution; "
    "linalg.lstsq(T + 4 * eye(3), T).solution")
pinverse = composite("pinverse(input, rcond: real = 1e-15)",
    lambda a, rcond: pinv(a, rcond=rcond), doc="Pseudo-inverses (Moore, Penrose)",
    examples="pinverse(M)")
# fmt: on
