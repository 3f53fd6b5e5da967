"""Elements picked by position, and the transposes: elements put back into zeros."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault
from gradcli.rule.dtypes import SCALAR_NAMES
from gradcli.rule.meta import Meta, Shape, packed, shown, strides_of
from gradcli.rule.rows import primitive
from gradcli.rule.rule import Multilinear, concrete

# ---- shapes of results ---------------------------------------------------------------------


def permuted(a: Any, order: tuple[int, ...]) -> Meta:
    """Return what is known of a view with dimensions in another order, or fewer of them."""
    shape, strides = a.shape, strides_of(a)
    new = tuple(shape[d] for d in order)
    return Meta(new, a.dtype, packed(new, tuple(strides[d] for d in order)))


def _select_meta(a: Any, dim: int, index: int) -> Meta:
    if not a.shape:
        raise ArgumentFault(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or `tensor.item<T>()` "
            "in C++ to convert a 0-dim tensor to a number"
        )
    if not -a.shape[dim] <= index < a.shape[dim]:
        raise ArgumentFault(
            f"index {index} is out of bounds for dimension {dim} with size {a.shape[dim]}"
        )
    kept = tuple(i for i in range(len(a.shape)) if i != dim)
    return permuted(a, kept)


def _slice_meta(a: Any, dim: int, start: int | None, end: int | None, step: int) -> Meta:
    if step <= 0:
        raise ArgumentFault("step must be greater than zero", hint="flip(x, dim) reverses")
    if not a.shape:
        raise ArgumentFault("slice() cannot be applied to a 0-dim tensor.")
    shape, strides = list(a.shape), list(strides_of(a))
    shape[dim] = len(range(*slice(start, end, step).indices(shape[dim])))
    strides[dim] *= step
    return Meta(tuple(shape), a.dtype, packed(tuple(shape), tuple(strides)))


def _index_meta(a: Any, *indices: Any) -> Meta:
    return Meta(indexed_shape(a.shape, indices), a.dtype)


def indexed_shape(shape: Shape, indices: tuple[Any, ...]) -> Shape:
    """Return the shape of the elements at some indices, None where a dimension is taken whole.

    Raises: ArgumentFault, in PyTorch's words, where they do not fit the shape or one another.
    """
    if any(x is not None and x.dtype.kind not in "biu" for x in indices):
        raise ArgumentFault("tensors used as indices must be long, int, byte or bool tensors")
    if wrong := _mask_text(shape, indices):
        raise ArgumentFault(wrong)
    taken = sum(len(x.shape) if x is not None and x.dtype.kind == "b" else 1 for x in indices)
    if taken > len(shape):
        raise ArgumentFault(f"too many indices for tensor of dimension {len(shape)} (got {taken})")
    arrays = [_index_array(x, needs_values=x is not None and x.dtype.kind == "b") for x in indices]
    sizes, dim = list(shape), 0
    for x in arrays:  # where a dimension is empty, there is not even an index 0
        if isinstance(x, np.ndarray) and x.dtype.kind != "b":
            sizes[dim] = max(sizes[dim], 1)
        dim += x.ndim if isinstance(x, np.ndarray) and x.dtype.kind == "b" else 1
    try:
        found = np.broadcast_to(np.int8(0), sizes)[tuple(arrays)]
    except IndexError:
        given = ", ".join(shown(x.shape) for x in indices if x is not None)
        raise ArgumentFault(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {given}"
        ) from None
    return tuple(found.shape)


def check_bounds(shape: Shape, indices: tuple[Any, ...]) -> None:
    """Refuse an index, of arrays that fit a shape, that is beyond the size of its dimension.

    Raises: ArgumentFault, in PyTorch's words.
    """
    dim = 0
    for x in indices:
        if x is not None and x.dtype.kind != "b":
            wrong = x[(x < -shape[dim]) | (x >= shape[dim])]
            if wrong.size and not shape[dim]:
                raise ArgumentFault("index is out of bounds for dimension with size 0")
            if wrong.size:
                raise ArgumentFault(
                    f"index {wrong.flat[0]} is out of bounds for dimension {dim} "
                    f"with size {shape[dim]}"
                )
        dim += x.ndim if x is not None and x.dtype.kind == "b" else 1


def _mask_text(shape: Shape, indices: tuple[Any, ...]) -> str | None:
    """Return PyTorch's sentence for a mask that does not have the shape of what it masks."""
    dim = 0
    for x in indices:
        is_mask = x is not None and x.dtype.kind == "b"
        rank = len(x.shape) if is_mask else 1
        if is_mask and tuple(x.shape) != tuple(shape[dim : dim + rank]):
            wrong = next(i for i, n in enumerate(x.shape) if shape[dim + i : dim + i + 1] != (n,))
            return (
                f"The shape of the mask {shown(x.shape)} at index {wrong} does not match the shape "
                f"of the indexed tensor {shown(shape)} at index {dim + wrong}"
            )
        dim += rank
    return None


def _index_array(x: Any, needs_values: bool) -> Any:
    if x is None:
        return slice(None)
    if needs_values:
        return concrete(x)
    return np.broadcast_to(np.int64(0), x.shape)


def sized(g: Any, *_: Any, size: Shape, **__: Any) -> Meta:
    """Return what is known of a transpose's result: it has the size of the operand."""
    return Meta(size, g.dtype)


def _index_select_meta(a: Any, index: Any, dim: int) -> Meta:
    if len(index.shape) > 1:
        raise ArgumentFault("index_select(): Index is supposed to be a vector")
    if index.dtype.kind not in "iu":
        raise ArgumentFault("index_select(): Expected dtype int32 or int64 for index")
    count = prod(index.shape)
    return Meta((*a.shape[:dim], count, *a.shape[dim + 1 :]) if a.shape else (), a.dtype)


# ---- forward functions -----------------------------------------------------------------------


def _zeros_with(g: Any, size: Shape, where: Any) -> Any:
    result = np.zeros(size, g.dtype)
    result[where] = g
    return result


def _at(dim: int, index: Any) -> tuple[Any, ...]:
    return (*(slice(None),) * dim, index)


def _indexed(a: Any, *indices: Any) -> Any:
    check_bounds(a.shape, indices)
    return a[tuple(slice(None) if x is None else x for x in indices)]


def _index_backward(g: Any, *indices: Any, size: Shape) -> Any:
    result = np.zeros(size, g.dtype)
    places: Any = tuple(slice(None) if x is None else x for x in indices)
    np.add.at(result, places, g)
    return result


def _take(a: Any, index: Any) -> Any:
    wrong = index[(index < -a.size) | (index >= a.size)]
    if wrong.size:
        raise ArgumentFault(
            f"out of range: tried to access index {wrong.flat[0]} on a tensor of {a.size} elements."
        )
    return np.reshape(a, -1)[index]


def _put_at(g: Any, index: Any, size: Shape) -> Any:
    result = np.zeros(prod(size), g.dtype)
    np.add.at(result, index, g)
    return result.reshape(size)


def _index_select(a: Any, index: Any, dim: int) -> Any:
    size = a.shape[dim] if a.shape else 1
    if ((index < 0) | (index >= size)).any():
        raise ArgumentFault("index out of range in self")
    return np.take(a, _vector(index), dim) if a.shape else a


def _vector(index: Any) -> Any:
    return index if len(index.shape) == 1 else np.reshape(concrete(index), -1)


def _gather(a: Any, index: Any, dim: int) -> Any:
    size = a.shape[dim] if a.shape else 1
    wrong = index[(index < 0) | (index >= size)]
    if wrong.size:
        raise ArgumentFault(
            f"index {wrong.flat[0]} is out of bounds for dimension {dim} with size {size}"
        )
    if not index.size:  # whatever its number of dimensions
        return np.empty(index.shape, a.dtype)
    if not a.shape:
        return np.broadcast_to(a, index.shape)
    return np.take_along_axis(a[_within(a, index, dim)], index, dim)


def _within(a: Any, index: Any, dim: int) -> tuple[slice, ...]:
    return tuple(slice(None) if d == dim else slice(n) for d, n in enumerate(index.shape))


def _gather_backward(g: Any, index: Any, dim: int, size: Shape) -> Any:
    result = np.zeros(size, g.dtype)
    if not size or not index.size:
        return result + g.sum()
    grid = list(np.ogrid[tuple(slice(n) for n in index.shape)])
    grid[dim] = index
    np.add.at(result, tuple(grid), g)
    return result


def _take_meta(a: Any, index: Any) -> Meta:
    if index.dtype.kind not in "iu":
        raise DtypeFault(
            "take(): Expected a long tensor for index, but got " + SCALAR_NAMES[index.dtype.name]
        )
    return Meta(index.shape, a.dtype)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

select = primitive(Multilinear,
    "select(input, dim: dim, index: int)", "SelectBackward0",
    lambda a, dim, index: a[_at(dim, index)], _select_meta,
    lambda g, y, a, dim, index: select_backward(g, size=a.shape, dim=dim, index=index),
    view="alias", doc="One slice along a dimension: `x[i]`", examples="M[0]; select(M, 1, -1)")

select_backward = primitive(Multilinear,
    "_select_backward(grad, size: sizes, dim: int, index: int)", "SelectBackwardBackward0",
    lambda g, size, dim, index: _zeros_with(g, size, _at(dim, index)), sized,
    lambda g, y, a, size, dim, index: select(g, dim=dim, index=index),
    doc="Zeros with one slice filled: the transpose of select")

slice_ = primitive(Multilinear,
    "_slice(input, dim: dim, start: int = None, end: int = None, step: int = 1)", "SliceBackward0",
    lambda a, dim, start, end, step: a[_at(dim, slice(start, end, step))], _slice_meta,
    lambda g, y, a, dim, start, end, step:
        slice_backward(g, size=a.shape, dim=dim, start=start, end=end, step=step),
    view="alias", doc="A range along a dimension: `x[1:]`", examples="v[1:]; M[:, ::2]")

slice_backward = primitive(Multilinear,
    "_slice_backward(grad, size: sizes, dim: int, start: int = None, end: int = None, "
    "step: int = 1)", "SliceBackwardBackward0",
    lambda g, size, dim, start, end, step: _zeros_with(g, size, _at(dim, slice(start, end, step))),
    sized,
    lambda g, y, a, size, dim, start, end, step:
        slice_(g, dim=dim, start=start, end=end, step=step),
    doc="Zeros with a range filled: the transpose of slice")

index = primitive(Multilinear,
    "_index(input, indices: tensors)", "IndexBackward0",
    _indexed, _index_meta,
    lambda g, y, a, *indices: index_backward(g, *indices, size=a.shape),
    doc="Elements at integer or boolean indices: `x[k]`", examples="v[[0, 2, 2]]; M[:, [1, 1]]")

index_backward = primitive(Multilinear,
    "_index_backward(grad, indices: tensors, size: sizes = ())", "IndexPutBackward0",
    _index_backward, sized,
    lambda g, y, a, *indices, size: index(g, *indices),
    doc="Zeros with elements added at indices: the transpose of index")

take = primitive(Multilinear,
    "take(input, index)", "TakeBackward0",
    _take, _take_meta,
    lambda g, y, a, index: put_at(g, index, size=a.shape),
    saves="input index",
    doc="Elements at positions in the flat tensor", examples="M.take(tensor([0, 5, -1, 0]))")

put_at = primitive(Multilinear,
    "_put_at(grad, index, size: sizes)", "PutBackward0",
    _put_at, lambda g, index, size: Meta(size, g.dtype),
    lambda g, y, a, index, size: take(g, index),
    doc="Zeros with elements added at flat positions: the transpose of take")

index_select = primitive(Multilinear,
    "index_select(input, dim: dim, index)", "IndexSelectBackward0",
    _index_select, _index_select_meta,
    lambda g, y, a, index, dim:
        index_select_backward(g, _vector(index), dim=dim, size=a.shape) if a.shape else g,
    doc="Slices at indices along a dimension",
    examples="index_select(v, 0, tensor([2, 0, 0])); M.index_select(1, tensor([1, 2]))")

index_select_backward = primitive(Multilinear,
    "_index_select_backward(grad, index, dim: int, size: sizes)", "IndexAddBackward0",
    lambda g, index, dim, size: _index_backward(g, *(None,) * dim, index, size=size),
    lambda g, index, dim, size: Meta(size, g.dtype),
    lambda g, y, a, index, dim, size: index_select(g, index, dim=dim),
    doc="Zeros with slices added at indices: the transpose of index_select")

gather = primitive(Multilinear,
    "_gather(input, index, dim: dim)", "GatherBackward0",
    _gather, lambda a, index, dim: Meta(index.shape, a.dtype),
    lambda g, y, a, index, dim: gather_backward(g, index, dim=dim, size=a.shape),
    saves="input index",
    doc="Elements picked along a dimension by an index of the result's shape")

gather_backward = primitive(Multilinear,
    "_gather_backward(grad, index, dim: int, size: sizes)", "ScatterAddBackward0",
    _gather_backward, lambda g, index, dim, size: Meta(size, g.dtype),
    lambda g, y, a, index, dim, size: gather(g, index, dim=dim),
    doc="Zeros with elements added along a dimension: the transpose of gather")

scatter_back = primitive(Multilinear,
    "_scatter_back(grad, index, dim: int, size: sizes)", "ScatterBackward0",
    _gather_backward, lambda g, index, dim, size: Meta(size, g.dtype),
    lambda g, y, a, index, dim, size: gather(g, index, dim=dim),
    doc="Zeros with elements put along a dimension: the same, where no index comes twice")

# fmt: on
