"""`jax.lax.linalg`: decompositions."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import arrays
from ..scipy import linalg


@arrays
def lu(a: Any) -> Any:
    """Return the factors in one matrix, the rows that were exchanged, and where rows went."""
    factors, pivots = linalg.lu_factor(a)
    return factors, pivots, linalg.order(np.asarray(pivots), a.shape[-2])


@arrays
def eig(a: Any, compute_left_eigenvectors: bool, enable_eigvec_derivs: bool = True) -> Any:
    assert enable_eigvec_derivs, "they are differentiated"
    assert not compute_left_eigenvectors, "nothing here asks for it"
    values, vectors = np.linalg.eig(a)
    return values.astype(np.result_type(a, np.complex64)), vectors.astype(
        np.result_type(a, np.complex64)
    )


@arrays
def triangular_solve(
    a: Any, b: Any, left_side: bool, lower: bool, transpose_a: bool, unit_diagonal: bool
) -> Any:
    a = np.tril(a) if lower else np.triu(a)
    if unit_diagonal:
        eye = np.eye(a.shape[-1], dtype=a.dtype)
        a = a * (1 - eye) + eye
    if transpose_a == left_side:
        a = np.swapaxes(a, -2, -1)
    if left_side:
        return np.linalg.solve(a, b)
    return np.swapaxes(np.linalg.solve(a, np.swapaxes(b, -2, -1)), -2, -1)
