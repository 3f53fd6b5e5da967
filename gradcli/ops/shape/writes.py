"""Slices and elements written into a tensor, which stays as it was: the result is a new one."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.shape.indexing import (
    check_bounds,
    index,
    index_select,
    indexed_shape,
    select,
    slice_,
    take,
)
from gradcli.ops.shape.layout import diagonal
from gradcli.ops.shape.scatter import fitted, joint, same_dtype
from gradcli.ops.shape.shapes import expand, reshape, sum_, sum_to, view, zeros_like
from gradcli.rule.meta import Meta, Shape, shown
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, concrete, number

TWICE = "where an index comes twice, the gradient goes to the last (PyTorch: to both)"


def _like(a: Any, *_: Any, **__: Any) -> Meta:
    return Meta(a.shape, a.dtype)


# ---- shapes --------------------------------------------------------------------------------


def _written(name: str) -> Any:
    """Return the shape rule of a row that writes slices at a vector of indices."""

    def meta(a: Any, places: Any, source: Any, dim: int, **_: Any) -> Meta:
        if len(places.shape) > 1:
            raise ShapeFault(
                f"{name}(): Index is supposed to be a vector, but got dim: {len(places.shape)} "
                f"with type: Long and size: {shown(places.shape)}"
            )
        same_dtype(name, a, source)
        expected = (*a.shape[:dim], prod(places.shape), *a.shape[dim + 1 :]) if a.shape else ()
        if len(source.shape) != len(a.shape) and source.shape and a.shape:
            raise ShapeFault(
                f"{name}(): When source and destination are not scalars, their dimensionality must "
                f"match. Source dimensionality ({len(source.shape)}), destination dimensionality "
                f"({len(a.shape)})"
            )
        if prod(source.shape) != prod(expected):
            raise ShapeFault(
                f"{name}(): Number of indices ({prod(places.shape)}) should be equal to "
                f"source.size(dim): ({source.shape[dim] if source.shape else 1}), for dim: {dim}"
            )
        return Meta(a.shape, a.dtype)

    return meta


def _part_meta(part: Any) -> Any:
    """Return the shape rule of a row that writes into what `part` selects."""

    def meta(a: Any, src: Any, **attrs: Any) -> Meta:
        expected = part.meta(a, **attrs).shape
        if src.shape != expected:
            raise ShapeFault(
                f"expected src to have a size equal to the slice of self. src size = "
                f"{shown(src.shape)}, slice size = {shown(expected)}"
            )
        return Meta(a.shape, a.dtype)

    return meta


def _slices_meta(a: Any, source: Any, places: Any) -> Meta:
    if not number(source):
        expand.meta(source, size=places.shape)  # its shape must fit
    return Meta(a.shape, a.dtype)


# ---- forward functions ---------------------------------------------------------------------


def _along(a: Any, dim: int, places: Any) -> tuple[Any, ...]:
    size = a.shape[dim] if a.shape else 1
    if ((places < 0) | (places >= size)).any():
        raise ArgumentFault("index out of range in self",
                            hint=f"dimension {dim} has {size} elements")  # fmt: skip
    return (*(slice(None),) * dim, np.reshape(places, -1))


def _slices(a: Any, source: Any, dim: int, places: Any) -> Any:
    count = np.size(places)
    return np.reshape(source, (*a.shape[:dim], count, *a.shape[dim + 1 :]) if a.shape else (count,))


def _index_add(a: Any, places: Any, source: Any, dim: int, alpha: float) -> Any:
    result = np.atleast_1d(a.copy())
    np.add.at(result, _along(a, dim, places), alpha * _slices(a, source, dim, places))
    return result.reshape(a.shape)


def _index_copy(a: Any, places: Any, source: Any, dim: int) -> Any:
    result = np.atleast_1d(a.copy())
    result[_along(a, dim, places)] = _slices(a, source, dim, places)
    return result.reshape(a.shape)


def _index_fill(a: Any, places: Any, dim: int, value: Any) -> Any:
    result = np.atleast_1d(a.copy())
    result[_along(a, dim, places)] = value
    return result.reshape(a.shape)


def _index_put(a: Any, values: Any, *indices: Any, accumulate: bool) -> Any:
    result = a.copy()
    places: Any = tuple(slice(None) if x is None else x for x in indices)
    check_bounds(a.shape, indices)
    if accumulate:
        np.add.at(result, places, values)
    else:
        result[places] = values
    return result


def _without_ones(shape: Shape, rank: int) -> Shape:
    """Return a shape without the leading sizes of 1 that make it longer than a rank."""
    while len(shape) > rank and shape[0] == 1:
        shape = shape[1:]
    return shape


def _index_put_meta(a: Any, values: Any, *indices: Any, accumulate: bool) -> Meta:
    shape = indexed_shape(a.shape, indices)
    given = _without_ones(getattr(values, "shape", ()), len(shape))
    pairs = zip(given[::-1], shape[::-1], strict=False)
    if len(given) > len(shape) or any(m not in (1, n) for m, n in pairs):
        raise ShapeFault(
            f"shape mismatch: value tensor of shape {shown(given)} cannot be broadcast to indexing "
            f"result of shape {shown(shape)}"
        )
    return Meta(a.shape, a.dtype)


def _put(a: Any, places: Any, source: Any, accumulate: bool) -> Any:
    result = a.reshape(-1).copy()
    if ((places < -a.size) | (places >= a.size)).any():
        raise ArgumentFault("out of range: tried to access an index outside of a tensor of "
                            f"{a.size} elements.")  # fmt: skip
    if accumulate:
        np.add.at(result, places.reshape(-1), source.reshape(-1))
    else:
        result[places.reshape(-1)] = source.reshape(-1)
    return result.reshape(a.shape)


def _put_meta(a: Any, places: Any, source: Any, accumulate: bool) -> Meta:
    if prod(places.shape) != prod(source.shape):
        raise ShapeFault(
            "put_(): Expected source and index to have the same number of elements, but got "
            f"source.numel() = {prod(source.shape)}, index.numel() = {prod(places.shape)}"
        )
    return Meta(a.shape, a.dtype)


def _with_part(part: Any) -> Any:
    """Return the forward function that writes into a view."""

    def forward(a: Any, src: Any, **attrs: Any) -> Any:
        places = part(np.arange(a.size).reshape(a.shape), **attrs)
        result = a.reshape(-1).copy()
        result[places] = src
        return result.reshape(a.shape)

    return forward


def _put_at_indices(a: Any, indices: Any, values: Any, accumulate: bool) -> Any:
    """Write at indices, as PyTorch does: values may have dimensions of size 1 too many in front."""
    count = len(indexed_shape(a.shape, indices))
    if len(given := getattr(values, "shape", ())) > count:
        values = reshape(values, _without_ones(given, count))
    return index_put_(a, values, *indices, accumulate=accumulate)


def _source_rule(g: Any, places: Any, dim: int, source: Any, last: bool = False) -> Any:
    """Return the cotangent of slices, with `last` only of those that no later one is over."""
    picked = index_select(g, places, dim=dim)
    if last and picked.shape:
        picked = _where_last(picked, concrete(places).reshape(-1), len(picked.shape) - dim - 1)
    return picked if picked.shape == source.shape else view(picked, shape=source.shape)


def _where_last(g: Any, positions: Any, trailing: int = 0) -> Any:
    """Keep the cotangents of what no later element was written over, at the same position."""
    flat = positions.reshape(-1)
    final = np.zeros(flat.max(initial=-1) + 1, np.int64)
    final[flat] = order = np.arange(flat.size)
    kept = (final[flat] == order).reshape((*positions.shape, *(1,) * trailing))
    return g if kept.all() else g * kept.astype(g.dtype)


def _values_rule(g: Any, a: Any, values: Any, indices: tuple[Any, ...], accumulate: bool) -> Any:
    picked = index(g, *indices)
    if not accumulate:
        places = [None if x is None else concrete(x) for x in indices]
        picked = _where_last(picked, index(np.arange(prod(a.shape)).reshape(a.shape), *places))
    return sum_to(picked, values.shape)


def _put_rule(g: Any, a: Any, places: Any, source: Any, accumulate: bool) -> Any:
    picked = take(g, places)
    if not accumulate:
        picked = _where_last(picked, concrete(places) % max(prod(a.shape), 1))
    return fitted(picked, source)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

index_add = primitive(Derivative,
    "index_add(input, dim: dim, index: index, source, alpha: number = 1)", "IndexAddBackward0",
    _index_add, _written("index_add"),
    lambda g, y, a, i, b, dim, alpha: g,
    None,
    lambda g, y, a, i, b, dim, alpha: _source_rule(g, i, dim, b) * alpha,
    tangent=joint(lambda: index_add), doc="Slices added at indices along a dimension",
    examples="index_add(v, 0, tensor([0, 1, 0]), v**2, alpha=2)")
index_copy = primitive(Derivative,
    "index_copy(input, dim: dim, index: index, source)", "IndexCopyBackward0",
    _index_copy, _written("index_copy"),
    lambda g, y, a, i, b, dim: index_fill_number(g, i, dim=dim, value=0),
    None,
    lambda g, y, a, i, b, dim: _source_rule(g, i, dim, b, last=True),
    tangent=joint(lambda: index_copy), doc="Slices written at indices along a dimension",
    kink=TWICE,
    examples="index_copy(M, 1, tensor([2, 0]), M[:, :2] ** 2)")
index_fill_number = primitive(Derivative,
    "index_fill.int_Scalar(input, dim: dim, index, value: number)", "IndexFillBackward0",
    _index_fill, _like,
    lambda g, y, a, i, dim, value: index_fill_number(g, i, dim=dim, value=0),
    tangent=lambda ts, y, a, i, dim, value: index_fill_number(ts[0], i, dim=dim, value=0),
    doc="A number written at indices along a dimension")
index_fill_tensor = primitive(Derivative,
    "index_fill.int_Tensor(input, dim: dim, index, value)", "IndexFillBackward1",
    lambda a, i, value, dim: _index_fill(a, i, dim, value), _like,
    lambda g, y, a, i, b, dim: index_fill_number(g, i, dim=dim, value=0),
    None,
    lambda g, y, a, i, b, dim: sum_(index_select(g, np.unique(concrete(i)), dim=dim)),
    tangent=joint(lambda: index_fill_tensor), doc="A number written at indices along a dimension")
index_put_ = primitive(Derivative,
    "_index_put(input, values, indices: tensors, accumulate: bool = False)", "IndexPutBackward0",
    _index_put, _index_put_meta,
    lambda g, y, a, b, *indices, accumulate:
        g if accumulate else index_put_(g, np.zeros((), g.dtype), *indices, accumulate=False),
    lambda g, y, a, b, *indices, accumulate: _values_rule(g, a, b, indices, accumulate),
    tangent=joint(lambda: index_put_, 0, 1), numbers=True, doc="Values written at indices",
    kink=TWICE)
put = primitive(Derivative,
    "put(input, index: index, source, accumulate: bool = False)", "PutBackward0",
    _put, _put_meta,
    lambda g, y, a, i, b, accumulate:
        g if accumulate else put(g, i, zeros_like(b), accumulate=False),
    None,
    lambda g, y, a, i, b, accumulate: _put_rule(g, a, i, b, accumulate),
    tangent=joint(lambda: put), saves="index source", alike="input source",
    doc="Elements written at positions in the flat tensor", kink=TWICE,
    examples="M.put(tensor([4, 0]), v[:2] ** 2); put(M, tensor([4, 4]), v[:2], accumulate=True)")
copy_slices = primitive(Derivative,
    "_copy_slices(input, source, positions)", "CopySlices",
    lambda a, b, i: _put(a, i, np.broadcast_to(b, i.shape), False), _slices_meta,
    lambda g, y, a, b, i: copy_slices(g, np.zeros((), g.dtype), i),
    lambda g, y, a, b, i: sum_to(take(g, i), b.shape),
    tangent=joint(lambda: copy_slices, 0, 1), doc="A tensor written into a view: `x[1:] = y`",
    numbers=True)
select_scatter = primitive(Derivative,
    "select_scatter(input, src, dim: dim, index: int)", "SelectScatterBackward0",
    _with_part(select), _part_meta(select),
    lambda g, y, a, b, dim, index: select_scatter(g, zeros_like(b), dim=dim, index=index),
    lambda g, y, a, b, dim, index: select(g, dim=dim, index=index),
    tangent=joint(lambda: select_scatter, 0, 1), doc="A slice replaced",
    examples="select_scatter(M, v, 0, 1)")
slice_scatter = primitive(Derivative,
    "slice_scatter(input, src, dim: dim = 0, start: int = None, end: int = None, step: int = 1)",
    "SliceScatterBackward0",
    _with_part(slice_), _part_meta(slice_),
    lambda g, y, a, b, **at: slice_scatter(g, zeros_like(b), **at),
    lambda g, y, a, b, **at: slice_(g, **at),
    tangent=joint(lambda: slice_scatter, 0, 1), doc="A range replaced",
    examples="slice_scatter(v, v[:2] ** 2, 0, 1)")
diagonal_scatter = primitive(Derivative,
    "diagonal_scatter(input, src, offset: int = 0, dim1: dim = 0, dim2: dim = 1)",
    "DiagonalScatterBackward0",
    _with_part(diagonal), _part_meta(diagonal),
    lambda g, y, a, b, **at: diagonal_scatter(g, zeros_like(b), **at),
    lambda g, y, a, b, **at: diagonal(g, **at),
    tangent=joint(lambda: diagonal_scatter, 0, 1), doc="A diagonal replaced",
    examples="diagonal_scatter(A, v)")

# fmt: on


def _index_fill_any(a: Any, dim: int, places: Any, value: Any) -> Any:
    if len(places.shape) > 1:
        raise ShapeFault("Index has to be a vector/scalar")
    if not number(value) and value.shape:
        raise ShapeFault(
            "index_fill_ only supports a 0-dimensional value tensor, but got tensor with "
            f"{len(value.shape)} dimension(s)."
        )
    if number(value):
        return index_fill_number(a, places, dim=dim, value=value)
    return index_fill_tensor(a, places, value, dim=dim)


# fmt: off
index_fill = composite("index_fill(input, dim: dim, index: index, value)", _index_fill_any,
    doc="A number written at indices along a dimension",
    examples="index_fill(v, 0, tensor([0, 2]), 3.0); index_fill(M, 1, tensor([1]), s)")
index_put = composite("index_put(input, indices: tensors, values, accumulate: bool = False)",
    _put_at_indices,
    alike="input values", doc="Values written at indices: `x[k] = y`", kink=TWICE,
    examples="index_put(v, (tensor([0, 2]),), v[:2] ** 2); "
    "index_put(v, (tensor([0, 0]),), v[:2] ** 2, accumulate=True)")
# fmt: on
