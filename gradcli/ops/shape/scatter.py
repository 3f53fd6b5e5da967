"""Elements written at positions: by index, by mask, by slice."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.pointwise.elementwise import eq, where
from gradcli.ops.shape.indexing import gather, put_at, slice_
from gradcli.ops.shape.shapes import expand, reshape, to, view, zeros_like
from gradcli.rule.costs import fold
from gradcli.rule.dtypes import SCALAR_NAMES
from gradcli.rule.meta import Meta, broadcast, dim_index, own_dim, shown
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, concrete, number

MAX_ZEROS = 8  # a product of more zeros than this has no derivative below that order

# ---- shapes --------------------------------------------------------------------------------


def _like(a: Any, *_: Any, **__: Any) -> Meta:
    return Meta(a.shape, a.dtype)


def same_dtype(name: str, a: Any, b: Any) -> None:
    """Check that what is written has the dtype of what it is written into.

    Raises: DtypeFault, in PyTorch's words.
    """
    if a.dtype != b.dtype:
        first, second = (SCALAR_NAMES.get(x.dtype.name, x.dtype.name) for x in (a, b))
        raise DtypeFault(f"{name}(): Expected self.dtype to be equal to src.dtype, but got "
                         f"{first} and {second}")  # fmt: skip


def _scattered(name: str) -> Any:
    """Return the shape rule of a row that writes `src` where `index`, of one rank, says."""

    def meta(a: Any, places: Any, src: Any = None, dim: int = 0, **_: Any) -> Meta:
        if places.dtype.kind not in "iu":
            raise DtypeFault(f"{name}(): Expected dtype int64 for index")
        if len(places.shape or (1,)) != len(a.shape or (1,)) and prod(places.shape):
            raise ShapeFault("Index tensor must have the same number of dimensions as self tensor")
        if src is not None and len(src.shape or (1,)) != len(places.shape or (1,)):
            raise ShapeFault("Index tensor must have the same number of dimensions as src tensor")
        pairs = enumerate(zip(places.shape, a.shape, strict=False))
        outside = any(d != dim and m > n for d, (m, n) in pairs)
        small = src is not None and any(
            m > n for m, n in zip(places.shape, src.shape or (1,), strict=False)
        )
        if outside or small:
            raise ShapeFault(
                f"Expected index {shown(places.shape)} to be no larger than self {shown(a.shape)} "
                f"apart from dimension {dim}"
                + (
                    f" and to be no larger size than src {shown(src.shape)}"
                    if src is not None
                    else ""
                )
            )
        if src is not None:
            same_dtype(name, a, src)
        return Meta(a.shape, a.dtype)

    return meta


# ---- forward functions ---------------------------------------------------------------------


def _grid(a: Any, places: Any, dim: int) -> tuple[Any, ...]:
    if ((places < 0) | (places >= (a.shape[dim] if a.shape else 1))).any():
        wrong = places[(places < 0) | (places >= (a.shape[dim] if a.shape else 1))].flat[0]
        raise ArgumentFault(
            f"index {wrong} is out of bounds for dimension {dim} with size "
            f"{a.shape[dim] if a.shape else 1}"
        )
    grid = list(np.ogrid[tuple(slice(n) for n in places.shape)])
    if grid:
        grid[dim] = places
    return tuple(grid)


def _source(src: Any, places: Any) -> Any:
    return src[tuple(slice(n) for n in places.shape)] if np.ndim(src) else src


def _scatter(a: Any, places: Any, src: Any, dim: int) -> Any:
    result = a.copy()
    if not a.shape:
        return np.broadcast_to(src, places.shape).reshape(-1)[-1] if places.size else result
    result[_grid(a, places, dim)] = _source(src, places)
    return result


def _scatter_add(a: Any, places: Any, src: Any, dim: int) -> Any:
    result = a.copy()
    if not a.shape:
        return result + np.sum(src)
    np.add.at(result, _grid(a, places, dim), _source(src, places))
    return result


_MEASURES = {"sum": (np.add, 0.0), "mean": (np.add, 0.0), "prod": (np.multiply, 1.0),
             "amax": (np.maximum, -np.inf), "amin": (np.minimum, np.inf)}  # fmt: skip


def _scatter_reduce(
    a: Any, places: Any, src: Any, dim: int, reduce: str, include_self: bool
) -> Any:
    join, start = _MEASURES[reduce]
    result, grid = a.copy(), _grid(a, places, dim)
    if not include_self:
        result[grid] = start
    join.at(result, grid, _source(src, places))
    if reduce == "mean":
        count = np.full(a.shape, int(include_self))
        np.add.at(count, grid, 1)
        result = result / np.maximum(count, 1)
    return result


# ---- rules ---------------------------------------------------------------------------------


def joint(op: Any, first: int = 0, second: int = 2) -> Any:
    """Return the tangent of a row that is linear in two of its arguments together."""

    def tangent(ts: Any, y: Any, *operands: Any, **attrs: Any) -> Any:
        moved = list(operands)
        for slot in (first, second):
            still = 0.0 if number(operands[slot]) else zeros_like(operands[slot])
            moved[slot] = still if ts[slot] is None else ts[slot]
        return op()(*moved, **attrs)

    return tangent


def _reduce_scale(a: Any, places: Any, dim: int, include_self: bool) -> Any:
    """Return how many elements each mean of scatter_reduce is of."""
    count = np.full(a.shape, int(include_self))
    np.add.at(count, _grid(a, concrete(places), dim), 1)
    return np.maximum(count, 1).astype(a.dtype)


def _reduce_share(y: Any, a: Any, places: Any, src: Any, dim: int, include_self: bool) -> Any:
    """Return how many elements share each extremum, and which of `a` and `src` they are."""
    mine = to(eq(a, y), a.dtype)
    theirs = to(eq(src, gather(y, places, dim=dim)), a.dtype)
    if not include_self:
        mine = mine * _untouched(a, places, dim)
    return scatter_add(mine, places, theirs, dim=dim), mine, theirs


def _untouched(a: Any, places: Any, dim: int) -> Any:
    return _scatter(np.ones(a.shape, a.dtype), concrete(places), 0, dim)


def _used(src: Any, places: Any) -> Any:
    """Return the part of a source that an index reaches."""
    for d, n in enumerate(places.shape):
        if n != src.shape[d]:
            src = slice_(src, dim=d, start=0, end=n, step=1)
    return src


def _of_the_last(g: Any, a: Any, places: Any, dim: int) -> Any:
    """Keep the cotangents of the elements that were not written over by later ones."""
    index = concrete(places)
    order = np.arange(index.size).reshape(index.shape)
    kept = gather(_scatter(np.zeros(a.shape, np.int64), index, order, dim), index, dim=dim) == order
    return g if kept.all() else g * kept.astype(g.dtype)


def _own_weight(y: Any, a: Any, places: Any, src: Any, dim: int, reduce: str, own: bool) -> Any:
    """Return the derivative of each result with respect to its element of `a`."""
    if reduce in ("amax", "amin"):
        shares, mine, _ = _reduce_share(y, a, places, src, dim, own)
        return mine / shares
    kept = 1.0 if own else _untouched(a, places, dim)
    return kept / _reduce_scale(a, places, dim, own) if reduce == "mean" else kept


def _source_weight(y: Any, a: Any, places: Any, src: Any, dim: int, reduce: str, own: bool) -> Any:
    """Return the derivative of the result that each element of `src` goes to."""
    if reduce in ("amax", "amin"):
        shares, _, theirs = _reduce_share(y, a, places, src, dim, own)
        return theirs / gather(shares, places, dim=dim)
    scale = _reduce_scale(a, places, dim, own)
    return 1.0 / gather(scale, concrete(places), dim=dim) if reduce == "mean" else 1.0


def _own_factor(g: Any, a: Any, places: Any, src: Any, dim: int, own: bool) -> Any:
    """Carry a cotangent of products to `a`: times the rest of each product, by division."""
    filled = where(eq(a, 0), 1.0, a)
    rest = scatter_reduce(filled, places, src, dim=dim, reduce="prod", include_self=own)
    part = g * rest / filled
    return part if own else scatter_value(part, places, dim=dim, value=0)


def _factors(g: Any, y: Any, a: Any, places: Any, src: Any, dim: int, own: bool) -> Any:
    """Carry a cotangent of products to `src`: times the rest of the product of each.

    By division, and for each of a place's zeros with 1 in its stead.
    """
    ranks = _zero_ranks(a, concrete(places), concrete(src), dim)
    found = gather(g * y, places, dim=dim) / where(ranks > 0, 1.0, src)
    for k in range(1, max(1, min(int(ranks.max(initial=0)), MAX_ZEROS)) + 1):
        filled = where(ranks == k, 1.0, src)
        rest = scatter_reduce(a, places, filled, dim=dim, reduce="prod", include_self=own)
        found = where(ranks == k, gather(g * rest, places, dim=dim), found)
    return found


def _zero_ranks(a: Any, places: Any, src: Any, dim: int) -> Any:
    """Count the zeros of `src` that go to one place: 1, 2, …; 0 where there is no zero."""
    ranks = np.zeros(src.shape, np.int64)
    count: dict[Any, int] = {}
    grid = np.broadcast_arrays(*_grid(a, places, dim)) if a.shape else ()
    for at in np.argwhere(np.equal(src, 0)):
        place = tuple(int(g[tuple(at)]) for g in grid)
        count[place] = ranks[tuple(at)] = count.get(place, 0) + 1
    return ranks


def _own_rule(
    g: Any, y: Any, a: Any, places: Any, src: Any, dim: int, reduce: str, include_self: bool
) -> Any:
    src = _used(src, places)
    if reduce == "prod":
        return _own_factor(g, a, places, src, dim, include_self)
    return g * _own_weight(y, a, places, src, dim, reduce, include_self)


def _reduced_rule(
    g: Any, y: Any, a: Any, places: Any, src: Any, dim: int, reduce: str, include_self: bool
) -> Any:
    used = _used(src, places)
    if reduce == "prod":
        return fitted(_factors(g, y, a, places, used, dim, include_self), src)
    weight = _source_weight(y, a, places, used, dim, reduce, include_self)
    return fitted(gather(g, places, dim=dim) * weight, src)


def _reduce_tangent(
    ts: Any, y: Any, a: Any, places: Any, src: Any, dim: int, reduce: str, include_self: bool
) -> Any:
    used = _used(src, places)
    total, product = zeros_like(y), reduce == "prod"
    if ts[0] is not None:
        total = (
            _own_factor(ts[0], a, places, used, dim, include_self) if product
            else ts[0] * _own_weight(y, a, places, used, dim, reduce, include_self)
        )  # fmt: skip
    if ts[2] is not None:
        ones = np.ones(y.shape, y.dtype)
        weight = (
            _factors(ones, y, a, places, used, dim, include_self) if product
            else _source_weight(y, a, places, used, dim, reduce, include_self)
        )  # fmt: skip
        total = scatter_add(total, places, _used(ts[2], places) * weight, dim=dim)
    return total


# ---- the rows ------------------------------------------------------------------------------
# fmt: off

scatter_src = primitive(Derivative,
    "scatter.src(input, dim: dim, index, src)", "ScatterBackward0",
    _scatter, _scattered("scatter"),
    lambda g, y, a, i, b, dim: scatter_value(g, i, dim=dim, value=0),
    None,
    lambda g, y, a, i, b, dim: fitted(_of_the_last(gather(g, i, dim=dim), a, i, dim), b),
    tangent=joint(lambda: scatter_src), doc="Elements written along a dimension at an index")
scatter_value = primitive(Derivative,
    "scatter.value(input, dim: dim, index, value: number)", "ScatterBackward1",
    lambda a, i, dim, value: _scatter(a, i, value, dim),
    lambda a, i, dim, value: _scattered("scatter")(a, i, None, dim),
    lambda g, y, a, i, dim, value: scatter_value(g, i, dim=dim, value=0),
    tangent=lambda ts, y, a, i, dim, value: scatter_value(ts[0], i, dim=dim, value=0),
    doc="A number written along a dimension at an index")
scatter_add = primitive(Derivative,
    "scatter_add(input, dim: dim, index, src)", "ScatterAddBackward0",
    _scatter_add, _scattered("scatter"),
    lambda g, y, a, i, b, dim: g,
    None,
    lambda g, y, a, i, b, dim: fitted(gather(g, i, dim=dim), b),
    tangent=joint(lambda: scatter_add), doc="Elements added along a dimension at an index",
    examples="scatter_add(v, 0, tensor([0, 1, 0]), v**2)")
scatter_reduce = primitive(Derivative,
    "scatter_reduce(input, dim: dim, index, src, reduce: str, include_self: bool = True)",
    "ScatterReduceBackward0",
    _scatter_reduce, lambda a, i, b, dim, reduce, include_self: _reduce_meta(a, i, b, dim, reduce),
    _own_rule, None, _reduced_rule, tangent=_reduce_tangent,
    saves="input index src result",
    memory=fold(3),
    doc="Elements joined along a dimension at an index: sum, mean, prod, amax or amin",
    kink="a tie of amax and amin is shared evenly",
    examples="scatter_reduce(v, 0, tensor([0, 1, 0]), v**2, 'sum'); "
    "scatter_reduce(v, 0, tensor([0, 1, 0]), v**2, 'mean', include_self=False); "
    "scatter_reduce(v, 0, tensor([0, 1, 0]), v**2, 'prod'); "
    "scatter_reduce(v, 0, tensor([0, 1, 0]), v**2, 'amax')")


# fmt: on


def fitted(part: Any, b: Any) -> Any:
    """Put the cotangents of the elements that were used among zeros for the others."""
    if part.shape == b.shape:
        return part
    if np.prod(part.shape) == np.prod(b.shape):
        return view(part, shape=b.shape)
    places = np.arange(prod(b.shape)).reshape(b.shape)[tuple(slice(n) for n in part.shape)]
    return put_at(part, places, size=b.shape)


def _reduce_meta(a: Any, i: Any, b: Any, dim: int, reduce: str) -> Meta:
    if reduce not in _MEASURES:
        raise ArgumentFault("reduce argument must be either sum, prod, mean, amax or amin, got "
                            f"{reduce}.")  # fmt: skip
    return _scattered("scatter")(a, i, b, dim)  # type: ignore[no-any-return]


# ---- composites ----------------------------------------------------------------------------


def _scatter_any(a: Any, dim: Any, places: Any, src: Any, value: Any, reduce: Any) -> Any:
    src = value if src is None else src
    if reduce is not None:
        joined = {"add": "sum", "multiply": "prod"}.get(reduce)
        if joined is None:
            raise ArgumentFault(f"reduce argument must be either add or multiply, got {reduce}")
        src = np.full(places.shape, src, a.dtype) if number(src) else src
        return scatter_reduce(a, places, src, dim=dim, reduce=joined)
    if src is None:
        raise ArgumentFault("scatter() missing argument 'src' or 'value'")
    if number(src):
        return scatter_value(a, places, dim=dim, value=src)
    return scatter_src(a, places, src, dim=dim)


def _gather(a: Any, dim: int, places: Any, sparse_grad: bool) -> Any:
    if len(places.shape or (1,)) != len(a.shape or (1,)) and prod(places.shape):
        raise ShapeFault("Index tensor must have the same number of dimensions as input tensor")
    for d, (m, n) in enumerate(zip(places.shape, a.shape, strict=False)):
        if d != dim_index(dim, len(a.shape)) and m > n:
            raise ShapeFault(
                f"Size does not match at dimension {d} expected index {shown(places.shape)} to be "
                f"no larger than self {shown(a.shape)} apart from dimension {dim}"
            )
    if a.shape and not places.shape:  # one place in a vector
        return reshape(gather(a, reshape(places, (1,)), dim=dim), ())
    return gather(a, places, dim=dim)


def _take_along(a: Any, places: Any, dim: Any) -> Any:
    if dim is None:
        return gather(view(a, shape=(-1,)), view(places, shape=(-1,)), dim=0)
    rank = len(a.shape)
    if len(places.shape) != rank:
        raise ShapeFault(
            "torch.take_along_dim(): input and indices should have the same number of dimensions, "
            f"but got {rank} dimensions for input, and {len(places.shape)} dimensions for indices"
        )
    dim = own_dim(dim, rank)
    apart = tuple(slice(None) if d != dim else slice(0, 1) for d in range(rank))
    shape = broadcast(*(np.broadcast_to(0, x.shape)[apart].shape for x in (a, places)))

    index = concrete(places)
    if np.any(index < 0):
        places = np.where(index < 0, index + a.shape[dim], index)

    def grown(x: Any) -> Any:
        return expand(x, size=(*shape[:dim], x.shape[dim], *shape[dim + 1 :]))

    return gather(grown(a), grown(places), dim=dim)


# fmt: off
gather_ = composite("gather(input, dim: dim, index: index, sparse_grad: bool = False)", _gather,
    doc="Elements picked along a dimension by an index of the result's shape",
    examples="gather(M, 1, tensor([[0, 2], [1, 1]]))")
scatter = composite(
    "scatter(input, dim: dim, index, src = None, value: number = None, reduce: str = None)",
    _scatter_any, doc="Elements written along a dimension at an index",
    kink="where an index comes twice, the gradient goes to the last (PyTorch: to both)",
    examples="scatter(v, 0, tensor([2, 0, 1]), v**2); scatter(v, 0, tensor([1]), 2.0)")
take_along_dim = composite("take_along_dim(input, indices: index, dim: int = None)", _take_along,
    doc="Elements picked along a dimension, with broadcasting", aliases="take_along_axis",
    examples="take_along_dim(M, M.argsort(1), 1); take_along_dim(M, tensor([5, 0]))")
# fmt: on
