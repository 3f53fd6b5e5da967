"""`jax.scipy.linalg`: SciPy's, for stacks of matrices."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from ..arrays import arrays, like

block_diag = like(scipy.linalg, "block_diag")


@arrays
def lu_factor(a: Any) -> Any:
    pivots = np.zeros((*a.shape[:-2], min(a.shape[-2:])), np.int32)
    factors = np.zeros_like(a)
    for i in np.ndindex(a.shape[:-2]):
        factors[i], pivots[i] = scipy.linalg.lu_factor(a[i])
    return factors, pivots


def order(pivots: Any, rows: int) -> Any:
    """Return which row of the matrix each row of the factors is, after exchanges one by one."""
    found = np.broadcast_to(np.arange(rows), (*pivots.shape[:-1], rows)).copy()
    for i in np.ndindex(pivots.shape[:-1]):
        for k, other in enumerate(pivots[i]):
            found[i][[k, other]] = found[i][[other, k]]
    return found


@arrays
def lu_solve(factors: Any, b: Any, trans: int) -> Any:
    lu, pivots = map(np.asarray, factors)
    eye = np.eye(lu.shape[-1], dtype=lu.dtype)
    product = (np.tril(lu, -1) + eye) @ np.triu(lu)
    back = np.argsort(order(pivots, lu.shape[-1]), axis=-1)
    matrix = np.take_along_axis(product, back[..., None], -2)
    return np.linalg.solve(np.conj(np.swapaxes(matrix, -2, -1)) if trans == 2 else matrix, b)


@arrays
def cho_solve(factor: Any, b: Any) -> Any:
    c, lower = factor
    half = np.tril(c) if lower else np.conj(np.swapaxes(np.triu(c), -2, -1))
    return np.linalg.solve(half @ np.conj(np.swapaxes(half, -2, -1)), b)


@arrays
def expm(a: Any, max_squarings: int) -> Any:
    return scipy.linalg.expm(a)
