"""Products of tensors over pairs of dimensions, written with views; powers of vectors."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.linalg.linalg import dot, mm
from gradcli.ops.reduce.scans import cumprod
from gradcli.ops.shape.indexing import slice_
from gradcli.ops.shape.layout import flip
from gradcli.ops.shape.shapes import cat, expand, permute, reshape, sum_to, unsafe_view, unsqueeze
from gradcli.ops.shape.writes import copy_slices
from gradcli.rule.costs import size
from gradcli.rule.meta import Shape, dim_index
from gradcli.rule.rows import composite
from gradcli.rule.signature import brief


def _contracted(a: Any, b: Any, dims: Any) -> tuple[list[int], list[int]]:
    """Return the dimensions of two tensors over which tensordot sums."""
    if hasattr(dims, "value"):
        dims = dims.value.tolist()
    if isinstance(dims, int):
        if dims < 0:
            raise ArgumentFault(f"tensordot expects dims >= 0, but got dims={dims}")
        if dims > min(len(a.shape), len(b.shape)):
            raise ArgumentFault(f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}")
        return list(range(len(a.shape) - dims, len(a.shape))), list(range(dims))
    if not isinstance(dims, tuple | list) or len(dims) != 2:
        given = dims if isinstance(dims, str) else brief(dims)
        raise ArgumentFault(
            "tensordot expects dims to be int or tuple[list[int], list[int]] or list[list[int]] "
            f"containing two lists, but got dims={given}"
        )
    first, second = (list(d) if isinstance(d, tuple | list) else [d] for d in dims)
    for d in (*first, *second):
        if not isinstance(d, int):
            raise ArgumentFault("tensordot(): the dimensions in `dims` are integers")
    if len(first) != len(second):
        raise ArgumentFault(
            "both dimension lists should have same length",
            hint=f"one has {len(first)} dimensions, the other {len(second)}",
        )
    return [dim_index(d, len(a.shape)) for d in first], [dim_index(d, len(b.shape)) for d in second]


def _tensordot(a: Any, b: Any, dims: Any) -> Any:
    """Sum over pairs of dimensions by one product of matrices, as PyTorch does."""
    first, second = _contracted(a, b, dims)
    for m, n in zip(first, second, strict=True):
        if a.shape[m] != b.shape[n] and 1 not in (a.shape[m], b.shape[n]):
            raise ShapeFault(
                f"contracted dimensions need to match, but first has size {a.shape[m]} in dim "
                f"{m} and second has size {b.shape[n]} in dim {n}"
            )
        if a.shape[m] != b.shape[n]:
            a, b = (sum_to(a, _one(a.shape, m)), b) if b.shape[n] == 1 else (
                a, sum_to(b, _one(b.shape, n)))  # fmt: skip
    rows = [d for d in range(len(a.shape)) if d not in first]
    columns = [d for d in range(len(b.shape)) if d not in second]
    shape = tuple(a.shape[d] for d in rows) + tuple(b.shape[d] for d in columns)
    inner = prod(a.shape[d] for d in first)
    left = permute(a, dims=(*rows, *first))
    right = permute(b, dims=(*second, *columns))
    if len(a.shape) == len(b.shape) == len(first) == 1:
        return reshape(dot(left, right), shape)
    product = mm(reshape(left, (prod(a.shape[d] for d in rows), inner)),
                 reshape(right, (inner, prod(b.shape[d] for d in columns))))  # fmt: skip
    return reshape(product, shape)


def _one(shape: Shape, dim: int) -> Shape:
    return (*shape[:dim], 1, *shape[dim + 1 :])


def _kron(a: Any, b: Any) -> Any:
    """Multiply all pairs of elements: of each block, with a dimension of each between."""
    rank = max(len(a.shape), len(b.shape))
    first, second = ((1,) * (rank - len(x.shape)) + x.shape for x in (a, b))
    left = unsafe_view(a, shape=tuple(n for m in first for n in (m, 1)))
    right = unsafe_view(b, shape=tuple(n for m in second for n in (1, m)))
    whole = tuple(m * n for m, n in zip(first, second, strict=True))
    return unsafe_view(left * right, shape=whole)


def _positions(a: Any, start: int) -> Any:
    places = np.arange(prod(a.shape)).reshape(a.shape)
    return places[..., start : start + 1] if start == 0 else places[..., start:]


def _vander(x: Any, count: Any, increasing: bool) -> Any:
    """Write the powers as `torch.vander` does: ones, x beside them, running products."""
    if len(x.shape) != 1:
        raise ArgumentFault("x must be a one-dimensional tensor.")
    count = x.shape[0] if count is None else count
    if count < 0:
        raise ArgumentFault("N must be non-negative.")
    result = x.constant(np.ones((x.shape[0], count), x.dtype)) if hasattr(x, "constant") else (
        np.ones((x.shape[0], count), x.dtype))  # fmt: skip
    if count > 1:
        after = _positions(result, 1)
        result = copy_slices(result, unsqueeze(x, dim=1), after)
        powers = cumprod(slice_(result, dim=1, start=1, end=count, step=1), dim=1)
        result = copy_slices(result, powers, after)
    return result if increasing else flip(result, dims=(1,))


def _vander_memory(x: Any, count: int | None) -> int:
    """Return the bytes of the powers, their places, and both again while they are multiplied."""
    return 4 * size(x) * max(x.shape[-1] if count is None and x.shape else count or 0, 0)


def _linalg_vander(x: Any, count: Any) -> Any:
    count = x.shape[-1] if count is None and x.shape else count or 0
    if count <= 1:
        raise ArgumentFault("N must be greater than 1.")
    columns = expand(unsqueeze(x, dim=-1), size=(*x.shape, count - 1))
    ones = np.ones((*x.shape, 1), x.dtype)
    return cat(ones, cumprod(columns, dim=-1), dim=-1)


# fmt: off
tensordot = composite("tensordot(a, b, dims: any = 2)", _tensordot,
    refuses="a b: bool", doc="Sum over pairs of dimensions",
    examples="tensordot(M, A, 1); tensordot(T, A, ([1, 2], [0, 1]))")
kron = composite("kron(input, other)", _kron,
    doc="All products of elements, in blocks", examples="kron(M, A); kron(v, M)")
vander = composite("vander(x, N: int = None, increasing: bool = False)", _vander,
    memory=lambda x, count, _: _vander_memory(x, count),
    doc="Powers of each element as rows", examples="vander(v); vander(v, 4, increasing=True)")
linalg_vander = composite("linalg.vander(x, N: int = None)", _linalg_vander,
    memory=lambda x, count: _vander_memory(x, count),
    refuses="bool", doc="Powers of each element as rows, increasing", examples="linalg.vander(v)")
# fmt: on
