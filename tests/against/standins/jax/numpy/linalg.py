"""`jax.numpy.linalg`: NumPy's, and what it takes otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..arrays import arrays, like


def __getattr__(name: str) -> Any:
    return like(np.linalg, name)


@arrays
def cholesky(a: Any, upper: bool = False) -> Any:
    """Decompose the symmetric part of a matrix, as JAX does."""
    adjoint = np.conj(np.swapaxes(a, -2, -1))
    return np.linalg.cholesky((a + adjoint) / 2, upper=upper)


@arrays
def eigh(a: Any, uplo: Any, symmetrize_input: bool) -> Any:
    assert not symmetrize_input, "nothing here asks for it"
    return np.linalg.eigh(a, uplo)


@arrays
def matrix_rank(a: Any, rtol: Any = None) -> Any:
    return np.linalg.matrix_rank(a, rtol=rtol).astype(np.int32)
