"""Rows of a table put together bag by bag: their sums, means or maxima."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.shape.indexing import gather, index, index_backward
from gradcli.ops.shape.masks import embedding_
from gradcli.ops.shape.shapes import reshape, unsqueeze
from gradcli.rule.dtypes import INT64, Array
from gradcli.rule.meta import Meta, shown
from gradcli.rule.rows import composite, pullback
from gradcli.rule.rule import concrete

MODES = ("sum", "mean", "max")


def _largest(rows: Array, bag_of: Array, bags: int) -> Array:
    """Return where each bag's largest elements are, the first of equal ones; bags are not empty."""
    found = np.zeros((bags, rows.shape[1]), INT64)
    for bag in np.unique(bag_of):
        places = np.flatnonzero(bag_of == bag)
        found[bag] = places[np.argmax(rows[places], axis=0)]
    return found


def _bagged(
    table: Any, factors: Any, indices: Any, bag_of: Any, kept: Any, bags: int, mode: str,
    scale: bool,
) -> Any:  # fmt: skip
    rows = embedding_(table, indices, padding_idx=None, scale_grad_by_freq=scale)
    if factors is not None:
        rows = rows * unsqueeze(index(reshape(factors, (-1,)), kept), dim=1)
    places, size = concrete(bag_of), (bags, table.shape[1])
    counts = np.bincount(places, minlength=bags)[:, None]
    if mode == "max":
        if not len(places):
            return index_backward(rows, bag_of, size=size)
        found = gather(rows, _largest(concrete(rows), places, bags), dim=0)
        return found * np.asarray(counts > 0, table.dtype)
    total = index_backward(rows, bag_of, size=size)
    return total / np.maximum(counts, 1).astype(table.dtype) if mode == "mean" else total


embedding_bag_ = pullback(
    "_embedding_bag(weight, per_sample_weights, indices, bag_of, kept, bags: int, mode: str, "
    "scale: bool)",
    "EmbeddingBagBackward0",
    _bagged,
    lambda table, *_, bags, **__: Meta((bags, table.shape[1]), table.dtype),
    fixed="indices bag_of kept",
)


def _starts(indices: Any, offsets: Any, include_last_offset: bool) -> Array:
    """Return where each bag begins; a matrix has a bag in each row."""
    if len(indices.shape) == 2:
        if offsets is not None:
            raise ArgumentFault(
                "if input is 2D, then offsets has to be None, as input is treated is a mini-batch "
                "of fixed length sequences."
            )
        return np.arange(int(indices.shape[0])) * int(indices.shape[1])
    if len(indices.shape) != 1:
        raise ShapeFault(
            f"input has to be 1D or 2D Tensor, but got Tensor of dimension {len(indices.shape)}"
        )
    if offsets is None or len(offsets.shape) != 1:
        raise ArgumentFault("offsets has to be a 1D Tensor" + " but got None" * (offsets is None))
    starts: Array = np.asarray(concrete(offsets))
    count = indices.shape[0]
    if include_last_offset and not len(starts):
        raise ArgumentFault("include_last_offset: number of offsets should be at least 1")
    if len(starts) and starts[0]:
        raise ArgumentFault(
            "offsets[0] has to be 0, i.e., the first sequence in the mini-batch has to start from "
            f"position 0. However, got {starts[0]}"
        )
    if len(starts) and (starts[-1] > count or (np.diff(starts) < 0).any()):
        raise ArgumentFault(
            "offsets must not decrease, and offsets[-1] can not be greater than input's length "
            f"{count}, but they are {starts.tolist()}"
        )
    return starts[:-1] if include_last_offset else starts


def _embedding_bag(
    indices: Any, table: Any, offsets: Any, max_norm: Any, norm_type: float, scale: bool,
    mode: str, sparse: bool, factors: Any, include_last_offset: bool, padding_idx: int | None,
) -> Any:  # fmt: skip
    if len(table.shape) != 2:
        raise ShapeFault(
            f"weight has to be a 2D Tensor, but got Tensor of dimension {len(table.shape)}"
        )
    if factors is not None and factors.shape != indices.shape:
        raise ShapeFault(
            f"embedding_bag: If per_sample_weights ({shown(factors.shape)}) is not None, then it "
            f"must have the same shape as the input ({shown(indices.shape)})"
        )
    starts = _starts(indices, offsets, include_last_offset)
    if mode not in MODES:
        raise ArgumentFault("mode has to be one of sum, mean or max")
    if mode == "max" and (scale or sparse):
        what = "scaling the gradient by the frequency" if scale else "sparse weights"
        raise ArgumentFault(f"max mode does not support {what}")
    if scale and sparse:
        raise ArgumentFault("scale_grad_by_freq not supported with sparse gradients")
    if factors is not None and mode != "sum":
        raise ArgumentFault(
            "embedding_bag: per_sample_weights is only supported for mode='sum' "
            f"(got mode='{mode}')."
        )
    if max_norm is not None:
        raise ArgumentFault("embedding_bag(max_norm=...) is not supported", hint="use renorm")
    flat = np.asarray(concrete(indices)).reshape(-1)
    bag_of = np.searchsorted(starts, np.arange(len(flat)), side="right") - 1
    kept = np.flatnonzero(bag_of >= 0)  # none where there are no bags
    if padding_idx is not None:
        if not -table.shape[0] <= padding_idx < table.shape[0]:
            raise ArgumentFault("padding_idx must be within the number of embeddings")
        kept = kept[flat[kept] != padding_idx % table.shape[0]]
    return embedding_bag_(
        table, factors, flat[kept], bag_of[kept], kept, bags=len(starts), mode=mode, scale=scale
    )


# fmt: off
embedding_bag = composite(
    "embedding_bag(input: index, weight, offsets: index = None, max_norm: real = None, "
    "norm_type: real = 2.0, scale_grad_by_freq: bool = False, mode: str = 'mean', "
    "sparse: bool = False, per_sample_weights = None, include_last_offset: bool = False, "
    "padding_idx: int = None)", _embedding_bag,
    refuses="weight: bool integer complex", alike="weight per_sample_weights",
    doc="Sum, mean or maximum of rows of a table, bag by bag",
    kink="in mode max a tie goes to the first",
    examples="F.embedding_bag(tensor([[0, 2], [2, 2]]), A); "
    "F.embedding_bag(tensor([0, 2, 1, 2]), A, tensor([0, 0, 3]), mode='max'); "
    "F.embedding_bag(tensor([0, 2, 2]), A, tensor([0, 1]), mode='sum', per_sample_weights=v)")
# fmt: on
