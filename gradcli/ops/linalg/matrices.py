"""What the rows of matrices share: pieces of them, triangles, and what may be called one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from gradcli.errors import DtypeFault, ShapeFault
from gradcli.ops.shape.indexing import slice_
from gradcli.ops.shape.layout import diag_embed, diagonal, tril, triu
from gradcli.ops.shape.shapes import cat, reshape, transpose
from gradcli.rule.dtypes import SCALAR_NAMES, DType, is_differentiable
from gradcli.rule.meta import Meta, contiguous, packed
from gradcli.rule.rule import Traced

# what the rows that read one triangle say of their derivative
SYMMETRIC = "one triangle is read, and the gradient is symmetric: that along symmetric moves"
WHOLE_FACTOR = "one triangle is read, and the gradient is as if the whole of L were"


def like(a: Any, array: Any) -> Any:
    """Return an array as a constant beside an operand: a node where that is one."""
    array = np.asarray(array, a.dtype)
    return a.constant(array) if isinstance(a, Traced) and hasattr(a, "constant") else array


def or_zeros(g: Any, y: Any) -> Any:
    """Return a cotangent, zeros where there is none."""
    return like(y, np.zeros(y.shape)) if g is None else g


def lift(g: Any) -> Any:
    """Give one number for each matrix two dimensions of size 1."""
    return reshape(g, (*g.shape, 1, 1))


def swapped(a: Any) -> Any:
    """Transpose the last two dimensions."""
    return transpose(a, dim0=-2, dim1=-1)


def lower(a: Any, k: int = 0) -> Any:
    """Keep what is on and below the k-th diagonal."""
    return tril(a, diagonal=k)


def upper(a: Any, k: int = 0) -> Any:
    """Keep what is on and above the k-th diagonal."""
    return triu(a, diagonal=k)


def on_diagonal(d: Any) -> Any:
    """Return diagonal matrices."""
    return diag_embed(d, offset=0, dim1=-2, dim2=-1)


def diagonals(a: Any) -> Any:
    """Return the diagonals of square matrices."""
    return diagonal(a, offset=0, dim1=-2, dim2=-1)


def matrices(name: str, *operands: Any, square: bool = True) -> None:
    """Refuse what is no batch of (square) matrices of floats, in PyTorch's words."""
    for a in operands:
        if len(a.shape) < 2:
            raise ShapeFault(f"{name}: The input tensor A must have at least 2 dimensions.")
        if square and a.shape[-1] != a.shape[-2]:
            raise ShapeFault(
                f"{name}: A must be batches of square matrices, but they are "
                f"{a.shape[-2]} by {a.shape[-1]} matrices"
            )
        kind = SCALAR_NAMES.get(a.dtype.name, a.dtype.name)
        if not is_differentiable(a.dtype):
            raise DtypeFault(
                f"{name}: Expected a floating point or complex tensor as input. Got {kind}",
                hint="write the data as floats (`1.` for `1`), or use .double()",
            )
        if kind in ("Half", "BFloat16"):
            raise DtypeFault(f"{name}: Low precision dtypes not supported. Got {kind}")


def by_columns(shape: Sequence[int], dtype: DType) -> Meta:
    """Return what is known of LAPACK's results: columns lie contiguously in memory."""
    turned = contiguous((*shape[:-2], shape[-1], shape[-2]))
    return Meta(tuple(shape), dtype, packed(tuple(shape), (*turned[:-2], turned[-1], turned[-2])))


# ---- triangles that stand for the whole matrix ---------------------------------------------


def mirrored(a: Any, up: bool = False) -> Any:
    """Return the Hermitian matrices of which one triangle is read; of arrays."""
    half = np.triu(a, 1) if up else np.tril(a, -1)
    diagonal_ = np.tril(np.triu(a))
    return half + np.swapaxes(half, -2, -1).conj() + diagonal_


def _turned(moved: Any, at: Any) -> Any:
    """Transpose; conjugate what is complex, and no complex step of what is real."""
    moved = np.swapaxes(moved, -2, -1)
    return moved.conj() if at.dtype.kind == "c" else moved


def as_symmetric(up: Callable[[dict[str, Any]], bool]) -> Callable[..., Any]:
    """Return what a row takes whose derivative is that along Hermitian moves.

    `up` says of the attributes whether the upper triangle is the one that is read.
    """

    def taken(moved: list[Any], at: list[Any], attrs: dict[str, Any]) -> Any:
        move = moved[0] - at[0]
        whole = mirrored(at[0], up(attrs)) + (move + _turned(move, at[0])) * 0.5
        return [whole, *moved[1:]], attrs

    return taken


def as_factor(slot: int) -> Callable[..., Any]:
    """Return what a row of a triangular factor L takes whose derivative is that of the whole LLᴴ.

    The factor moves as if PyTorch read both triangles of it.
    """

    def taken(moved: list[Any], at: list[Any], attrs: dict[str, Any]) -> Any:
        up, given, now = attrs["upper"], at[slot], moved[slot]
        read = np.triu(given) if up else np.tril(given)

        def squared(x: Any) -> Any:
            return _turned(x, given) @ x if up else x @ _turned(x, given)

        factor = np.linalg.cholesky(squared(read) + squared(now) - squared(given))
        factor = np.swapaxes(factor, -2, -1).conj() if up else factor
        return [factor if k == slot else x for k, x in enumerate(moved)], attrs

    return taken


def square_meta(name: str, columns: bool = True) -> Callable[..., Meta]:
    """Return the rule of an operation from square matrices to matrices of the same shape."""

    def meta(a: Any, **_: Any) -> Meta:
        matrices(name, a)
        return by_columns(a.shape, a.dtype) if columns else Meta(a.shape, a.dtype)

    return meta


def first_bad(a: Any, is_bad: Callable[[Any], Any]) -> tuple[str, int]:
    """Return where a factorisation fails: the batch element in words, and the row from 1."""
    for i, matrix in enumerate(a.reshape(-1, *a.shape[-2:])):
        row = is_bad(matrix)
        if row:
            return (f"(Batch element {i}): " if a.ndim > 2 else ""), int(row)
    return "", 1


def rows(a: Any, start: int, end: int) -> Any:
    """Return some rows of matrices."""
    return slice_(a, dim=len(a.shape) - 2, start=start, end=end, step=1)


def columns(a: Any, start: int, end: int) -> Any:
    """Return some columns of matrices."""
    return slice_(a, dim=len(a.shape) - 1, start=start, end=end, step=1)


def beside(a: Any, b: Any) -> Any:
    """Put matrices beside each other."""
    return cat(a, b, dim=len(a.shape) - 1)


def above(a: Any, b: Any) -> Any:
    """Put matrices above each other."""
    return cat(a, b, dim=len(a.shape) - 2)


def trsm(a: Any, b: Any, upper: bool, left: bool = True, unit: bool = False) -> Any:
    """Solve triangular systems by BLAS, which divides by zeros as PyTorch does."""
    from scipy.linalg.blas import get_blas_funcs

    shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    result = np.empty((*shape, *b.shape[-2:]), np.result_type(a, b))
    if not result.size:
        return result
    solve = get_blas_funcs("trsm", dtype=result.dtype)
    big_a = np.broadcast_to(a, (*shape, *a.shape[-2:]))
    big_b = np.broadcast_to(b, result.shape)
    for i in np.ndindex(shape):
        result[i] = solve(1.0, big_a[i], big_b[i], side=not left, lower=not upper, diag=unit)
    return result
