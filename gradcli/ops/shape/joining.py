"""Tensors put together and taken apart: stacks, grids, blocks, splits."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations as subsets
from math import comb, prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, LimitFault, ShapeFault
from gradcli.ops.shape.indexing import permuted, slice_
from gradcli.ops.shape.masks import masked_select
from gradcli.ops.shape.shapes import cat, detach, expand, reshape, stack, view, zeros_like
from gradcli.ops.shape.views import at_least
from gradcli.rule.costs import elements, fold
from gradcli.rule.dtypes import INT64, promote
from gradcli.rule.meta import Meta, Shape, dim_index, packed, shown, strides_of
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Body, Composite, Multilinear, Primitive, Variadic, concrete

# ---- several results of one operation ------------------------------------------------------


def _pieces(sizes: Shape) -> list[tuple[int, int]]:
    """Return where each piece starts and ends."""
    ends = np.cumsum(sizes, dtype=int).tolist()
    return list(zip([0, *ends[:-1]], ends, strict=True))


def _split_sizes(length: int, size: int) -> Shape:
    if size < 0 or (size == 0 and length):
        raise ArgumentFault(
            f"split expects split_size be non-negative, but got split_size={size}" if size < 0
            else f"split_size can only be 0 if dimension size is 0, but got dimension size of "
            f"{length}"
        )  # fmt: skip
    if not length:
        return (0,)
    return tuple(min(size, length - start) for start in range(0, length, size))


def _sizes(a: Any, split_size: Any, dim: int) -> Shape:
    if not a.shape:
        raise ArgumentFault("split expects at least a 1-dimensional tensor")
    length = a.shape[dim]
    if isinstance(split_size, int):
        return _split_sizes(length, split_size)
    if sum(split_size) != length or min(split_size, default=0) < 0:
        raise ArgumentFault(
            f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size "
            f"at dimension {dim}), but got split_sizes={list(split_size)}"
        )
    return tuple(split_size)


def _split_meta(a: Any, split_size: Any, dim: int) -> tuple[Meta, ...]:
    strides, found = strides_of(a), []
    for size in _sizes(a, split_size, dim):
        shape = (*a.shape[:dim], size, *a.shape[dim + 1 :])
        found.append(Meta(shape, a.dtype, packed(shape, strides)))
    if not found:
        raise ArgumentFault("split() into no pieces has no result")
    return tuple(found)


def _split(a: Any, split_size: Any, dim: int) -> tuple[Any, ...]:
    cut = (slice(None),) * dim
    return tuple(a[(*cut, slice(*ends))] for ends in _pieces(_sizes(a, split_size, dim)))


def _unbind_meta(a: Any, dim: int) -> tuple[Meta, ...]:
    if not a.shape:
        raise ArgumentFault("Dimension specified as 0 but tensor has no dimensions")
    one: Meta = permuted(a, tuple(d for d in range(len(a.shape)) if d != dim))
    return (one,) * int(a.shape[dim])


def _all(g: Any, y: Any) -> list[Any]:
    """Return the cotangents of several results, zeros for those that have none."""
    return [zeros_like(part) if x is None else x for x, part in zip(g, y, strict=True)]


# ---- blocks --------------------------------------------------------------------------------


def _block_sizes(a: Any) -> tuple[int, int]:
    if len(a.shape) > 2:
        raise ArgumentFault(
            "torch.block_diag: Input tensors must have 2 or fewer dimensions. Input 0 has "
            f"{len(a.shape)} dimensions"
        )
    rows, columns = (1, 1, *a.shape)[-2:]
    return rows, columns


def _block_meta(*tensors: Any) -> Meta:
    sizes = [_block_sizes(a) for a in tensors]
    shape = sum(m for m, _ in sizes), sum(n for _, n in sizes)
    return Meta(shape, promote(tensors, tensors[0].dtype))


def _corner(tensors: tuple[Any, ...], slot: int) -> tuple[int, int]:
    before = [_block_sizes(a) for a in tensors[:slot]]
    return sum(m for m, _ in before), sum(n for _, n in before)


def _block_diag(*tensors: Any) -> Any:
    rows, columns = _corner(tensors, len(tensors))
    result = np.zeros((rows, columns), np.result_type(*tensors))
    for slot, a in enumerate(tensors):
        (i, j), (m, n) = _corner(tensors, slot), _block_sizes(a)
        result[i : i + m, j : j + n] = a
    return result


def _block_rule(slot: int, g: Any, y: Any, *tensors: Any) -> Any:
    (i, j), (m, n) = _corner(tensors, slot), _block_sizes(tensors[slot])
    rows = slice_(g, dim=0, start=i, end=i + m, step=1)
    return reshape(slice_(rows, dim=1, start=j, end=j + n, step=1), tensors[slot].shape)


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

split_ = primitive(Multilinear,
    "split.Tensor(input, split_size: any, dim: dim = 0)",
    lambda a, split_size, dim:
        "SplitBackward0" if isinstance(split_size, int) else "SplitWithSizesBackward0",
    _split, _split_meta,
    lambda g, y, a, split_size, dim: cat(*_all(g, y), dim=dim),
    outputs="*", view="alias", memory=fold(4), doc="Pieces of a size along a dimension")
unsafe_split_ = primitive(Multilinear,
    "unsafe_split.Tensor(input, split_size: any, dim: dim = 0)",
    lambda a, split_size, dim: "UnsafeSplitBackward0" if isinstance(split_size, int)
        else "UnsafeSplitWithSizesBackward0",
    lambda a, split_size, dim: tuple(np.copy(x) for x in _split(a, split_size, dim)), _split_meta,
    lambda g, y, a, split_size, dim: cat(*_all(g, y), dim=dim),
    outputs="*", doc="Pieces of a size along a dimension, which are no views")
unbind_ = primitive(Multilinear,
    "unbind.int(input, dim: dim = 0)", "UnbindBackward0",
    lambda a, dim: tuple(np.moveaxis(a, dim, 0)), _unbind_meta,
    lambda g, y, a, dim: stack(*_all(g, y), dim=dim),
    outputs="*", view="alias", doc="All slices along a dimension")
block_diag_ = primitive(Variadic,
    "_block_diag(tensors: tensors)", "BlockDiagBackward0",
    _block_diag, _block_meta, _block_rule,
    doc="A matrix with tensors on its diagonal", promotes=True)

# fmt: on

# ---- composites ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Gathering(Composite):
    """A composite of a list of tensors, which may also be given one by one: `meshgrid(x, y)`."""

    def bind(self, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        one_by_one = arguments and all(hasattr(x, "dtype") for x in arguments)
        arguments = (arguments,) if one_by_one else arguments
        return super().bind(arguments, keywords)


MOST_PARTS = 1_000_000  # of one tensor
MOST_DIMS = 32  # that NumPy gives an array


def _gathering(signature: str, expand: Any, **facts: Any) -> Gathering:
    row = composite(signature, expand, **facts)
    return Gathering(**{name: getattr(row, name) for name in row.__dataclass_fields__})


def _split_any(a: Any, size: Any, dim: int) -> Any:
    size = tuple(int(n) for n in size) if isinstance(size, tuple | list) else int(size)
    return split_(a, split_size=size, dim=dim)


def _chunked(row: Primitive) -> Body:
    return lambda a, chunks, dim: row(a, split_size=_chunk_size(a, chunks, dim), dim=dim)


def _affordable(parts: int) -> int:
    if parts > MOST_PARTS:
        raise LimitFault(f"{parts:,} parts of a tensor: more than the limit of {MOST_PARTS:,}")
    return parts


def _chunk_size(a: Any, chunks: int, dim: int) -> int | Shape:
    if chunks < 1:
        raise ArgumentFault(f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    if not a.shape:
        raise ArgumentFault("chunk expects at least a 1-dimensional tensor")
    length = a.shape[dim_index(dim, len(a.shape))]
    if not length:
        return (0,) * _affordable(chunks)
    return -(-int(length) // chunks)


def _tensor_split(a: Any, places: Any, dim: int) -> tuple[Any, ...]:
    if not a.shape:
        raise ArgumentFault(
            "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims"
        )
    dim = dim_index(dim, len(a.shape))
    length = a.shape[dim]
    if hasattr(places, "dtype"):
        if places.dtype != INT64 or len(places.shape) > 1:
            raise ArgumentFault(
                "tensor_split expected tensor_indices_or_sections to be a 0-d or 1-d tensor of "
                f"int64, but got a {len(places.shape)}-d tensor of {places.dtype.name}"
            )
        places = tuple(concrete(places).tolist()) if places.shape else int(concrete(places))
    if isinstance(places, tuple | list):
        ends = [*(int(n) for n in places), length]
    else:
        sections = places
        if sections < 1:
            raise ArgumentFault(f"number of sections must be larger than 0, got {sections}")
        ends = np.cumsum([length // sections + (i < length % sections)
                          for i in range(_affordable(sections))]).tolist()  # fmt: skip
    starts = [0, *ends[:-1]]
    return tuple(slice_(a, dim=dim, start=s, end=e, step=1)
                 for s, e in zip(starts, ends, strict=True))  # fmt: skip


def _unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    if input.shape and not input.shape[dim_index(dim, len(input.shape))]:
        return ()
    return unbind_(input, dim=dim)  # type: ignore[no-any-return]


def _split_along(name: str, dim: int, least: int) -> Any:
    def expand(a: Any, places: Any) -> Any:
        if len(a.shape) < least:
            raise ArgumentFault(
                f"torch.{name} requires a tensor with at least {least} dimension, but got a "
                f"tensor with {len(a.shape)} dimensions!"
            )
        along = 0 if name == "hsplit" and len(a.shape) == 1 else dim
        if hasattr(places, "dtype"):
            raise ArgumentFault(
                f"{name}() takes an integer or a list of integers, not a tensor",
                hint="tensor_split(x, t) takes a tensor",
            )
        if isinstance(places, int) and (places <= 0 or a.shape[along] % places):
            raise ArgumentFault(
                f"torch.{name} attempted to split along dimension {along}, but the size of the "
                f"dimension {a.shape[along]} is not divisible by the split_size {places}!"
            )
        return _tensor_split(a, places, along)

    return expand


def _some(name: str, tensors: Any) -> Any:
    if not tensors:
        raise ArgumentFault(f"{name} expects a non-empty TensorList")
    return tensors


def _hstack(tensors: Any) -> Any:
    _some("hstack", tensors)
    grown = [at_least(a, 1) for a in tensors]
    return cat(*grown, dim=0 if len(grown[0].shape) == 1 else 1)


def _column_stack(tensors: Any) -> Any:
    grown = [
        reshape(a, (prod(a.shape), 1)) if len(a.shape) < 2 else a
        for a in _some("column_stack", tensors)
    ]
    return cat(*grown, dim=1)


def _grid(tensors: Any, indexing: str) -> list[Any]:
    """Return each vector along its own dimension of a grid: views, with zero strides."""
    if indexing not in ("ij", "xy"):
        raise ArgumentFault(
            'torch.meshgrid: indexing must be one of "xy" or "ij", but received: ' + indexing
        )
    if any(len(a.shape) > 1 for a in tensors):
        raise ArgumentFault(
            "torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: "
            f"{list(next(a.shape for a in tensors if len(a.shape) > 1))}"
        )
    swap = indexing == "xy" and len(tensors) >= 2
    order = [1, 0, *range(2, len(tensors))] if swap else list(range(len(tensors)))
    size = tuple(prod(tensors[i].shape) for i in order)
    grids = []
    for i, a in enumerate(tensors):
        shape = tuple(prod(a.shape) if k == i else 1 for k in order)
        grids.append(expand(view(a, shape=shape), size=size))
    return grids


def _meshgrid(tensors: Any, indexing: str) -> tuple[Any, ...]:
    return tuple(_grid(tensors, indexing))


def _cartesian(tensors: Any) -> Any:
    if len(tensors) == 1:
        return tensors[0]
    if any(len(a.shape) != 1 for a in _some("meshgrid", tensors)):
        wrong = next(a.shape for a in tensors if len(a.shape) != 1)
        raise ArgumentFault(f"Expect a 1D vector, but got shape {shown(wrong)}")
    return stack(*(reshape(x, (-1,)) for x in _grid(tensors, "ij")), dim=1)


def _combinations(a: Any, r: int, with_replacement: bool) -> Any:
    if len(a.shape) != 1:
        raise ArgumentFault(f"Expect a 1D vector, but got shape {shown(a.shape)}")
    if r < 0:
        raise ArgumentFault(f"Expect a non-negative number, but got {r}")
    if r == 0:
        return detach(slice_(a, dim=0, start=0, end=0, step=1))
    if r > MOST_DIMS:
        raise LimitFault(f"combinations of {r}: more than {MOST_DIMS} dimensions to choose in")
    n = a.shape[0]
    mask = np.zeros((n,) * r, bool)
    for chosen in subsets(range(n + (r - 1) * with_replacement), r):
        mask[tuple(k - i * with_replacement for i, k in enumerate(chosen))] = True
    grids = _grid((a,) * r, "ij")
    return stack(*(masked_select(x, mask) for x in grids), dim=1)


def _combinations_memory(a: Any, r: int, with_replacement: bool) -> int:
    """Return the bytes of a mask of all choices, and of what it takes from a grid of them."""
    return elements(a) ** max(r, 0) * (1 + a.dtype.itemsize) if r <= MOST_DIMS else 0


def _combinations_work(a: Any, r: int, with_replacement: bool) -> int:
    """Return the elements gone through: the choices are made one by one, at 100 times the cost."""
    if not 0 < r <= MOST_DIMS:
        return 0
    choices = comb(elements(a) + (r - 1) * with_replacement, r)
    return int(100 * choices + r * elements(a) ** r)


def _broadcast_tensors(tensors: Any) -> tuple[Any, ...]:
    try:
        shape = np.broadcast_shapes(*(a.shape for a in tensors))
    except ValueError:
        raise ShapeFault(
            "The sizes of the tensors do not match: " + ", ".join(shown(a.shape) for a in tensors)
        ) from None
    return tuple(a if a.shape == shape else expand(a, size=shape) for a in tensors)


# fmt: off
split = composite("split(tensor, split_size_or_sections: int|ints, dim: int = 0)", _split_any,
    doc="Pieces of a size, or of several sizes, along a dimension",
    examples="split(v, 2)[0]; M.split([1, 2], dim=1)[1]")
split_with_sizes = composite("split_with_sizes(input, split_sizes: sizes, dim: int = 0)",
    lambda a, sizes, dim: split_(a, split_size=sizes, dim=dim),
    doc="Pieces of several sizes along a dimension")
unbind = composite("unbind(input, dim: int = 0)", _unbind,
    doc="All slices along a dimension", examples="unbind(M)[0]; M.unbind(1)[2]")
chunk = composite("chunk(input, chunks: int, dim: int = 0)", _chunked(split_),
    doc="A number of pieces along a dimension", examples="chunk(v, 3)[1]; M.chunk(2, 1)[1]")
unsafe_split = composite("unsafe_split(tensor, split_size: int, dim: int = 0)",
    lambda a, size, dim: unsafe_split_(a, split_size=size, dim=dim),
    doc="Pieces of a size along a dimension, which are no views",
    examples="unsafe_split(v, 2)[0]; M.unsafe_split(1, dim=1)[1]")
unsafe_split_with_sizes = composite(
    "unsafe_split_with_sizes(input, split_sizes: ints, dim: int = 0)",
    lambda a, sizes, dim: unsafe_split_(a, split_size=sizes, dim=dim),
    doc="Pieces of several sizes along a dimension, which are no views",
    examples="M.unsafe_split_with_sizes((1, 2), 1)[1]")
unsafe_chunk = composite("unsafe_chunk(input, chunks: int, dim: int = 0)", _chunked(unsafe_split_),
    doc="A number of pieces along a dimension, which are no views",
    examples="unsafe_chunk(v, 3)[1]; M.unsafe_chunk(2, 1)[1]")
tensor_split = composite(
    "tensor_split(input, indices_or_sections: array|int|ints, dim: int = 0)", _tensor_split,
    doc="Pieces along a dimension, cut at indices or into a number of them", aliases="array_split",
    examples="tensor_split(v, 2)[0]; tensor_split(M, (1,), dim=1)[1]")
hsplit = composite("hsplit(input, indices_or_sections: array|int|ints)",
    _split_along("hsplit", 1, 1),
    doc="Pieces side by side", examples="hsplit(M, 3)[1]")
vsplit = composite("vsplit(input, indices_or_sections: array|int|ints)",
    _split_along("vsplit", 0, 2),
    doc="Pieces above each other", examples="vsplit(M, 2)[0]")
dsplit = composite("dsplit(input, indices_or_sections: array|int|ints)",
    _split_along("dsplit", 2, 3),
    doc="Pieces behind each other", examples="dsplit(T, (1,))[1]")
hstack = composite("hstack(tensors: arrays)", _hstack,
    doc="Tensors side by side", examples="hstack([v, v**2]); hstack([s, s])")
vstack = composite("vstack(tensors: arrays)",
    lambda tensors: cat(*(at_least(a, 2) for a in _some("vstack", tensors)), dim=0),
    aliases="row_stack",
    doc="Tensors above each other", examples="vstack([v, M])")
dstack = composite("dstack(tensors: arrays)",
    lambda tensors: cat(*(at_least(a, 3) for a in _some("dstack", tensors)), dim=2),
    doc="Tensors behind each other", examples="dstack([M, M**2])")
column_stack = composite("column_stack(tensors: arrays)", _column_stack,
    doc="Vectors as columns side by side", examples="column_stack([v, v**2])")
meshgrid = _gathering("meshgrid(tensors: tensors, indexing: str = 'ij')", _meshgrid,
    doc="Coordinates of the points of a grid", examples="meshgrid(v, v**2)[1]; "
    "meshgrid(v, M[0], indexing='xy')[0]")
broadcast_tensors = _gathering("broadcast_tensors(tensors: tensors)", _broadcast_tensors,
    doc="Views of one shape", examples="broadcast_tensors(v, M)[0]")
cartesian_prod = _gathering("cartesian_prod(tensors: tensors)", _cartesian,
    doc="All combinations of elements of vectors", examples="cartesian_prod(v, v**2)")
combinations = composite(
    "combinations(input, r: int = 2, with_replacement: bool = False)", _combinations,
    memory=_combinations_memory, work=_combinations_work,
    doc="All choices of r elements of a vector",
    examples="combinations(v); combinations(v, 2, True)")
block_diag = _gathering("block_diag(tensors: tensors)",
    lambda tensors: block_diag_(*_some("block_diag", tensors)),
    doc="A matrix with tensors on its diagonal", examples="block_diag(A, v, s)")
# fmt: on
