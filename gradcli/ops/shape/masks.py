"""Elements chosen by a mask, rows of tables by their number, and where elements are not 0."""

from __future__ import annotations

from dataclasses import replace
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.pointwise.elementwise import (
    masked_fill_number,
    masked_fill_tensor,
    masked_meta,
    where,
)
from gradcli.ops.shape.indexing import index_backward, put_at, select
from gradcli.ops.shape.scatter import joint, same_dtype
from gradcli.ops.shape.shapes import sum_to, zeros_like
from gradcli.rule.dtypes import INT64, SCALAR_NAMES
from gradcli.rule.meta import Meta, Shape, broadcast
from gradcli.rule.rows import composite, primitive, pullback
from gradcli.rule.rule import Derivative, Multilinear, concrete, number

# ---- shapes and forward functions ----------------------------------------------------------


def _masked_select_meta(a: Any, mask: Any) -> Meta:
    if mask.dtype.kind != "b":
        raise DtypeFault("masked_select: expected BoolTensor for mask")
    shape = broadcast(a.shape, mask.shape)
    return Meta((int(np.broadcast_to(mask.value, shape).sum()),), a.dtype)


def _masked_scatter_meta(a: Any, mask: Any, source: Any) -> Meta:
    meta = masked_meta("masked_scatter_")(a, mask)
    same_dtype("masked_scatter", a, source)
    count = int(np.broadcast_to(mask.value, meta.shape).sum())
    if prod(source.shape) < count:
        raise ShapeFault(
            "masked_scatter: expected self and source to have same dtypes, and source to have at "
            f"least {count} elements, but it has {prod(source.shape)}"
        )
    return meta  # type: ignore[no-any-return]


def _masked_scatter(a: Any, mask: Any, source: Any) -> Any:
    shape = np.broadcast_shapes(a.shape, mask.shape)
    result, mask = np.broadcast_to(a, shape).copy(), np.broadcast_to(mask, shape)
    result[mask] = source.reshape(-1)[: mask.sum()]
    return result


def _masked_select(a: Any, mask: Any) -> Any:
    shape = np.broadcast_shapes(a.shape, mask.shape)
    return np.broadcast_to(a, shape)[np.broadcast_to(mask, shape)]


def _embed(a: Any, indices: Any, padding_idx: Any, scale_grad_by_freq: bool) -> Any:
    if ((indices < 0) | (indices >= len(a))).any():
        raise ArgumentFault("index out of range in self",
                            hint=f"there are {len(a)} embeddings")  # fmt: skip
    return a[indices]


def _select_backward(g: Any, a: Any, mask: Any) -> Any:
    shape = np.broadcast_shapes(a.shape, mask.shape)
    return sum_to(masked_select_back(g, mask, size=shape), a.shape)


def _put_where(g: Any, mask: Any, size: Shape) -> Any:
    result = np.zeros(size, g.dtype)
    result[np.broadcast_to(mask, size)] = g
    return result


def _nonzero_meta(a: Any) -> Meta:
    return Meta((int(np.count_nonzero(a.value)), len(a.shape)), INT64)


def _classes(a: Any, num_classes: int) -> int:
    if a.dtype.kind not in "iu":
        raise DtypeFault("one_hot is only applicable to index tensor.",
                         hint="classes are integers: .long()")  # fmt: skip
    if a.size and a.min() < 0:
        raise ArgumentFault("Class values must be non-negative.")
    count = int(a.max()) + 1 if a.size else 0
    if num_classes != -1 and count > num_classes:
        raise ArgumentFault("Class values must be smaller than num_classes.")
    return count if num_classes == -1 else num_classes


# ---- rules ---------------------------------------------------------------------------------


def _scatter_source(g: Any, mask: Any, source: Any) -> Any:
    """Give the cotangents where a mask holds to the first elements of a source."""
    picked = masked_select(g, mask)
    return put_at(picked, np.arange(picked.shape[0]), size=source.shape)


def _weighted(g: Any, indices: Any, padding_idx: Any, scale: bool, count: int) -> Any:
    values = concrete(indices)
    if padding_idx is not None:
        kept = np.not_equal(values, padding_idx)[..., None]
        g = where(kept, g, 0.0)  # which a product with 0 would not keep from nan
    if scale:
        counts = np.bincount(values.reshape(-1), minlength=count)[values][..., None]
        g = g / counts.astype(g.dtype)
    return g


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

masked_select_back = primitive(Multilinear,
    "_masked_select_back(grad, mask, size: sizes)", "MaskedScatterBackward0",
    _put_where, lambda g, mask, size: Meta(size, g.dtype),
    lambda g, y, a, mask, size: masked_select(g, mask),
    doc="Zeros with elements put where a mask holds: the transpose of masked_select")
masked_select = primitive(Multilinear,
    "masked_select(input, mask)", "MaskedSelectBackward0",
    _masked_select, _masked_select_meta,
    lambda g, y, a, mask: _select_backward(g, a, mask),
    saves="input mask",
    doc="Elements where a mask holds", examples="masked_select(v, v > 0); M.masked_select(M > v)")
masked_scatter = primitive(Derivative,
    "masked_scatter(input, mask, source)", "MaskedScatterBackward0",
    _masked_scatter, _masked_scatter_meta,
    lambda g, y, a, mask, b: sum_to(masked_fill_number(g, mask, value=0), a.shape),
    None,
    lambda g, y, a, mask, b: _scatter_source(g, mask, b),
    tangent=joint(lambda: masked_scatter),
    doc="Elements of a source, in order, where a mask holds",
    examples="masked_scatter(v, tensor([True, False, True]), v**2)")
embedding_backward = pullback(
    "_embedding_backward(grad, indices, size: sizes, padding_idx: int = None, scale: bool = False)",
    "EmbeddingDenseBackwardBackward0",
    lambda g, i, size, padding_idx, scale:
        index_backward(_weighted(g, i, padding_idx, scale, size[0]), i, size=size),
    lambda g, i, size, **_: Meta(size, g.dtype), fixed="indices")
embedding_ = primitive(Derivative,
    "_embedding(weight, indices, padding_idx: int = None, scale_grad_by_freq: bool = False)",
    "EmbeddingBackward0",
    _embed, lambda a, indices, **_: Meta((*indices.shape, *a.shape[1:]), a.dtype),
    lambda g, y, a, i, padding_idx, scale_grad_by_freq:
        embedding_backward(g, i, size=a.shape, padding_idx=padding_idx, scale=scale_grad_by_freq),
    tangent=lambda ts, y, a, i, padding_idx, scale_grad_by_freq:
        _weighted(embedding_(ts[0], i), i, padding_idx, scale_grad_by_freq, a.shape[0]),
    held=lambda a, i, padding_idx, **_:
        None if padding_idx is None else (np.arange(len(a)) == padding_idx)[:, None],
    doc="Rows of a table by their number", kink="0 for the padding's row")
nonzero_ = primitive(Derivative, "_nonzero(input)", "",
    lambda a: np.argwhere(a), lambda a: _nonzero_meta(a), doc="Where elements are not 0")
one_hot = primitive(Derivative, "one_hot(tensor, num_classes: int = -1)", "",
    lambda a, num_classes:
        (np.asarray(a)[..., None] == np.arange(_classes(a, num_classes))).astype(INT64),
    lambda a, num_classes: Meta((*a.shape, _classes(a.value, num_classes)), INT64),
    doc="Vectors of zeros with a 1 at each integer")

normal_ = replace(primitive(Derivative,
    "_normal(mean, std, drawn)",
    lambda mean, std, drawn: "NormalBackward1" if number(std) else
        "NormalBackward2" if number(mean) else "NormalBackward3",
    lambda mean, std, drawn: drawn, lambda mean, std, drawn: Meta(drawn.shape, drawn.dtype),
    lambda g, y, mean, std, drawn: zeros_like(mean),
    lambda g, y, mean, std, drawn: zeros_like(std),
    tangent=lambda ts, y, mean, std, drawn: zeros_like(y),
    numbers=True, doc="Numbers drawn from normal distributions", kink="0 everywhere"), wraps=False)

# fmt: on

# ---- composites ----------------------------------------------------------------------------


def _masked_fill(a: Any, mask: Any, value: Any) -> Any:
    if number(value):
        return masked_fill_number(a, mask, value=value)
    if value.shape:
        raise ArgumentFault(
            "masked_fill only supports a 0-dimensional value tensor, but got tensor with "
            f"{len(value.shape)} dimension(s)."
        )
    return masked_fill_tensor(a, mask, value)


def _embedding(indices: Any, weight: Any, padding_idx: Any, *others: Any) -> Any:
    max_norm, _, scale, _ = others
    if len(weight.shape) != 2:
        raise ShapeFault("'weight' must be 2-D")
    if max_norm is not None:
        raise ArgumentFault("embedding(max_norm=...) is not supported", hint="use renorm")
    if padding_idx is not None:
        if not -weight.shape[0] <= padding_idx < weight.shape[0]:
            raise ArgumentFault("Padding_idx must be within num_embeddings")
        padding_idx %= weight.shape[0]
    return embedding_(weight, indices, padding_idx=padding_idx, scale_grad_by_freq=scale)


def nonzero_tuple(a: Any) -> tuple[Any, ...]:
    """Return the indices of elements that are not 0, one vector a dimension."""
    found = nonzero_(a)
    return tuple(select(found, dim=1, index=d) for d in range(len(a.shape)))


def _where(condition: Any, a: Any, b: Any) -> Any:
    if a is None and b is None:
        return nonzero_tuple(condition)
    if a is None or b is None:
        raise ArgumentFault("where() takes a condition alone, or a condition and two tensors")
    if not hasattr(condition, "dtype"):
        raise ArgumentFault(f"where(): argument 'condition' must be a Tensor, not {condition!r}")
    if condition.dtype.kind != "b" and condition.dtype.name != "uint8":
        raise DtypeFault(
            "where expected condition to be a boolean tensor, but got a tensor with dtype "
            + SCALAR_NAMES[condition.dtype.name],
            hint="write a comparison: x != 0",
        )
    return where(condition, a, b)


# fmt: off
masked_fill = composite("masked_fill(input, mask, value)", _masked_fill,
    doc="A number where a mask holds",
    examples="masked_fill(v, v > 0, 2.0); masked_fill(M, M > 0, s)")
embedding = composite(
    "embedding(input: index, weight, padding_idx: int = None, max_norm: real = None, "
    "norm_type: real = 2.0, scale_grad_by_freq: bool = False, sparse: bool = False)", _embedding,
    doc="Rows of a table by their number", kink="0 for the padding's row",
    examples="F.embedding(tensor([0, 2, 2]), A); F.embedding(tensor([0, 2]), A, padding_idx=2)")
where_ = composite("where(condition, input: tensor? = None, other: tensor? = None)",
    _where,
    doc="a where a condition holds, b elsewhere; of a condition alone, where it holds",
    examples="where(v > 0, v, v**2); where(M > 0, M, 0.5)")
nonzero = composite("nonzero(input, as_tuple: bool = False)",
    lambda a, as_tuple: nonzero_tuple(a) if as_tuple else nonzero_(a),
    doc="Where elements are not 0; no gradient", aliases="argwhere")
# fmt: on
