"""Operands that lie where a change in place writes: PyTorch refuses most, and so does gradcli."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.ops.shape.aliases import Steps, positions
from gradcli.rule.dtypes import Array
from gradcli.rule.meta import Meta, strides_of
from gradcli.trace.storage import Tensor

SHARED_PART = (
    "unsupported operation: some elements of the input tensor and the written-to tensor refer to a "
    "single memory location. Please clone() the tensor before performing the operation."
)
SHARED_ORDER = (
    "the operand shares elements with the tensor that is changed, and the result would depend on "
    "the order in which they are gone through"
)


def check_apart(written: Tensor, operand: Any, *, copied: bool = False) -> None:
    """Check that an operand of a change in place does not change on the way.

    `copied`: it is brought to the shape of what is written, and nothing else is done to it. Source:
    `get_overlap_status` of ATen's MemoryOverlap. Tensors with gaps pass there, and the result
    depends on the order in which elements are gone through; here they do not.

    Raises: ArgumentFault, in PyTorch's words, where it has any.
    """
    if not isinstance(operand, Tensor) or written.storage is None or written is operand:
        return
    if written.storage.memory is not getattr(operand.storage, "memory", None):
        return
    mine, theirs = _places(written), _places(operand)
    if not mine.size or not theirs.size:
        return
    expanded = copied and mine.size != theirs.size
    if not expanded and _is_dense(mine) and _is_dense(theirs):
        same = (
            mine.min() == theirs.min()
            and mine.size == theirs.size
            and _steps(written.meta, copied) == _steps(operand.meta, copied)
        )
        if not same and mine.min() <= theirs.max() and theirs.min() <= mine.max():
            raise ArgumentFault(SHARED_PART, hint="use a copy of the operand: x.clone()")
    elif written.meta.dtype == operand.meta.dtype and _changes(mine, theirs, copied):
        raise ArgumentFault(SHARED_ORDER, hint="use a copy of the operand: x.clone()")


def _steps(meta: Meta, copied: bool) -> list[int]:
    """Return strides; of what is copied, without dimensions that could have been added."""
    pairs = zip(meta.shape, strides_of(meta), strict=True)
    return [stride for size, stride in pairs if size != 1 or not copied]


def _places(tensor: Tensor) -> Array:
    """Return where each element of a tensor lies in the memory that it shares."""
    steps: Steps = tensor.steps
    storage = tensor.storage
    while storage is not None and storage.source is not None:
        steps, storage = (*storage.source.steps, *steps), storage.source.storage
    assert storage is not None, "only tensors that share memory are compared"
    meta = tensor.graph.metas[storage.row]
    return positions(meta.shape, meta.dtype, steps)[0]


def _is_dense(places: Array) -> bool:
    return int(places.max()) - int(places.min()) + 1 == places.size


def _changes(mine: Array, theirs: Array, copied: bool) -> bool:
    """Say whether what is read at some places is changed by what is written at others before."""
    here = np.arange(mine.size).reshape(mine.shape)
    written = np.full(max(mine.max(), theirs.max()) + 1, -1)
    written[mine] = here
    try:
        theirs = np.broadcast_to(theirs, mine.shape)
    except ValueError:  # an operand of another shape: an index says where it goes
        return bool((written[theirs] >= 0).any())
    found = written[theirs]
    moved = theirs.reshape(-1)[found] != theirs if copied else found != here
    return bool(((found >= 0) & moved).any())
