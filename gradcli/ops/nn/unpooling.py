"""Maxima put back to where they were taken from, and pooling that names its places."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.nn.pooling import (
    MAX_POOLS,
    adaptive_max_pool1d,
    adaptive_max_pool2d,
    adaptive_max_pool3d,
    each,
)
from gradcli.ops.shape.indexing import gather
from gradcli.ops.shape.shapes import reshape, squeeze_dim, unsqueeze
from gradcli.rule.dtypes import INT64
from gradcli.rule.meta import Meta, Shape, shown
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Composite, Multilinear

# ---- the row -------------------------------------------------------------------------------


def _flat(x: Any, rank: int) -> Any:
    lead = x.shape[: len(x.shape) - rank]
    return reshape(x, (*lead, prod(x.shape[len(lead) :])))


def _unpool_meta(a: Any, indices: Any, output_size: Shape) -> Meta:
    rank = len(output_size)
    if indices.dtype != INT64:
        raise DtypeFault(
            f"elements in indices should be type int64 but got: {indices.dtype.name}",
            hint="they are what max_pool gives with return_indices=True",
        )
    if len(a.shape) not in (rank + 1, rank + 2):
        raise ShapeFault(
            f"Input to max_unpooling{rank}d should be a {rank + 1}d or {rank + 2}d Tensor, but got "
            f"a tensor with {len(a.shape)} dimensions"
        )
    if a.shape != indices.shape:
        raise ShapeFault(
            "Expected shape of indices to be same as that of the input tensor "
            f"({shown(a.shape)}) but got indices tensor with shape: {shown(indices.shape)}"
        )
    return Meta((*a.shape[:-rank], *output_size), a.dtype)


def _unpool(a: Any, indices: Any, output_size: Shape) -> Any:
    rank, size = len(output_size), prod(output_size)
    if indices.size and not (indices.min() >= 0 and indices.max() < size):
        raise ArgumentFault(
            f"Found an invalid max index among {indices.min()} to {indices.max()} (output volumes "
            f"are of size {'x'.join(map(str, output_size))})"
        )
    result = np.zeros((*a.shape[:-rank], size), a.dtype)
    np.put_along_axis(result, _flat(indices, rank), _flat(a, rank), -1)
    return result.reshape(*a.shape[:-rank], *output_size)


def _taken(g: Any, indices: Any, rank: int) -> Any:
    picked = gather(_flat(g, rank), _flat(indices, rank), dim=len(indices.shape) - rank)
    return reshape(picked, indices.shape)


# fmt: off
unpool = primitive(Multilinear,
    "_max_unpool(input, indices, output_size: sizes)",
    lambda a, indices, output_size: f"MaxUnpool{len(output_size)}DBackward0",
    _unpool, _unpool_meta,
    lambda g, y, a, indices, output_size: _taken(g, indices, len(output_size)), None,
    saves="indices", doc="Elements at given places, zeros elsewhere",
    kink="of two elements at one place, the last one stays")
# fmt: on

# ---- what a file can call ------------------------------------------------------------------


def _unpooled_size(
    sizes: Shape, kernel: Shape, stride: Shape, padding: Shape, wanted: Any
) -> Shape:  # fmt: skip
    """Return the size that a pooling came from, or the one asked for, which must be near it."""
    usual = tuple(
        (n - 1) * s + k - 2 * p for n, k, s, p in zip(sizes, kernel, stride, padding, strict=True)
    )
    found = usual if wanted is None else tuple(wanted)
    found = found[2:] if len(found) == len(usual) + 2 else found
    if len(found) != len(usual):
        raise ArgumentFault(
            f"output_size should be a sequence containing {len(usual)} or {len(usual) + 2} "
            f"elements, but it has a length of '{len(found)}'"
        )
    for d, (n, middle, s) in enumerate(zip(found, usual, stride, strict=True)):
        if wanted is not None and not middle - s < n < middle + s:
            raise ArgumentFault(
                f'invalid output_size "{list(found)}" (dim {d} must be between {middle - s} and '
                f"{middle + s})"
            )
        if n < 0:
            raise ArgumentFault(
                "max_unpooling: output_size must contain non-negative spatial dimensions, but got "
                f"output_size[{d}]={n}"
            )
    return found


def _max_unpool(rank: int) -> Composite:
    name = f"max_unpool{rank}d"

    def expand(
        a: Any, indices: Any, kernel_size: Any, stride: Any, padding: Any, output_size: Any
    ) -> Any:
        kernel = each(name, "kernel_size", kernel_size, rank)
        step = kernel if stride is None else each(name, "stride", stride, rank)
        pad = each(name, "padding", padding, rank)
        if len(a.shape) not in (rank + 1, rank + 2):
            raise ShapeFault(
                f"Input to {name} should be a {rank + 1}d or {rank + 2}d Tensor, but got a tensor "
                f"with {len(a.shape)} dimensions"
            )
        size = _unpooled_size(a.shape[-rank:], kernel, step, pad, output_size)
        if rank > 1:
            return unpool(a, indices, output_size=size)
        wide = unpool(unsqueeze(a, dim=-1), unsqueeze(indices, dim=-1), output_size=(*size, 1))
        return squeeze_dim(wide, dim=(-1,))

    return composite(
        f"{name}(input, indices: index, kernel_size: dims, stride: dims = None, "
        "padding: dims = 0, output_size: ints = None)",
        expand,
        refuses="bool integer complex",
        doc=f"The maxima of windows of {rank} dimensions where they were, zeros elsewhere",
        examples=_EXAMPLES[rank],
    )


_EXAMPLES = {
    1: "F.max_unpool1d(v[None, :2], tensor([[1, 2]]), 2)",
    2: "F.max_unpool2d(T[:, None, :2, :2].reshape(1, 2, 2, 2), "
       "tensor([[[[1, 2], [8, 15]], [[0, 7], [9, 10]]]]), 2)",
    3: "F.max_unpool3d(T[:, :2, :2].reshape(1, 2, 2, 2), "
       "tensor([[[[1, 2], [8, 15]], [[0, 7], [9, 63]]]]), 2)",
}  # fmt: skip


def _with_indices(row: Composite, refuses: str = "") -> Composite:
    """Return a pooling that gives the places of its maxima in every case, as PyTorch names it."""
    name, _, arguments = row.signature.text.partition("(")

    def expand(*given: Any) -> Any:
        return row(*given[:-1], True)

    return composite(
        f"{name}_with_indices({arguments}",
        expand,
        refuses=refuses or row.refuses,
        doc=f"{row.doc}, and where it is",
        kink=row.kink,
        examples=";".join(
            text.replace(name, f"{name}_with_indices") + "[0]" for text in row.examples
        ),
    )


max_unpool1d, max_unpool2d, max_unpool3d = map(_max_unpool, (1, 2, 3))
max_pool1d_with_indices = _with_indices(MAX_POOLS[1], "bool complex")
max_pool2d_with_indices = _with_indices(MAX_POOLS[2])
max_pool3d_with_indices = _with_indices(MAX_POOLS[3])
adaptive_max_pool1d_with_indices = _with_indices(adaptive_max_pool1d)
adaptive_max_pool2d_with_indices = _with_indices(adaptive_max_pool2d)
adaptive_max_pool3d_with_indices = _with_indices(adaptive_max_pool3d)
