"""Rows of a fixed number of dimensions, written so that operands may have one more in front.

`LEADING` gives for such a row a function of which operands have the leading axis, then of the
operands and attributes: what the row gives for each slice, along the same axis. Whoever uses one
tries it first; what is not here is made otherwise, at worst slice by slice.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from gradcli.ops.linalg.linalg import bmm, dot, matmul, mm, mv
from gradcli.ops.linalg.products import addmm, vdot
from gradcli.ops.shape.indexing import index, index_backward, put_at, take
from gradcli.ops.shape.layout import diagonal, repeat, trace
from gradcli.ops.shape.shapes import (
    conj,
    expand,
    reshape,
    squeeze_all,
    squeeze_dim,
    sum_,
    t,
    transpose,
    unsqueeze,
)
from gradcli.ops.shape.writes import copy_slices, index_put_
from gradcli.rule.rule import Body, Primitive, concrete

Leads = tuple[bool, ...]


def _mm(leads: Leads, a: Any, b: Any) -> Any:
    return matmul(a, b)


def _mv(leads: Leads, a: Any, b: Any) -> Any:
    if leads[0] and leads[1]:
        return squeeze_dim(bmm(a, unsqueeze(b, dim=2)), dim=(2,))
    return matmul(a, b) if leads[0] else mm(b, t(a))


def _dot(leads: Leads, a: Any, b: Any) -> Any:
    if leads[0] and leads[1]:
        return sum_(a * b, dim=(1,))
    return mv(a, b) if leads[0] else mv(b, a)


def _addmm(leads: Leads, c: Any, a: Any, b: Any, beta: Any, alpha: Any) -> Any:
    if leads[0] and len(c.shape) == 2:
        c = unsqueeze(c, dim=1)
    return c * beta + matmul(a, b) * alpha


def _expand(leads: Leads, a: Any, size: Any) -> Any:
    new = len(size) - len(a.shape) + 1
    return expand(reshape(a, (a.shape[0], *(1,) * new, *a.shape[1:])), size=(a.shape[0], *size))


def _t(leads: Leads, a: Any) -> Any:
    return transpose(a, dim0=1, dim1=2) if len(a.shape) == 3 else a


def _squeeze_all(leads: Leads, a: Any) -> Any:
    return squeeze_dim(a, dim=tuple(d for d, n in enumerate(a.shape) if n == 1 and d))


def _trace(leads: Leads, a: Any) -> Any:
    return sum_(diagonal(a, dim1=1, dim2=2), dim=(1,))


def _vdot(leads: Leads, a: Any, b: Any) -> Any:
    return _dot(leads, conj(a), b)


def _repeat(leads: Leads, a: Any, repeats: Any) -> Any:
    new = len(repeats) - len(a.shape) + 1
    return repeat(reshape(a, (a.shape[0], *(1,) * new, *a.shape[1:])), repeats=(1, *repeats))


def _copy_slices(leads: Leads, a: Any, b: Any, places: Any) -> Any:
    count, at = (a if leads[0] else b).shape[0], concrete(places)
    a = a if leads[0] else expand(a, size=(count, *a.shape))
    if leads[1]:
        b = reshape(b, (count, *(1,) * (at.ndim - len(b.shape) + 1), *b.shape[1:]))
    starts = prod(a.shape[1:]) * np.arange(count).reshape(-1, *(1,) * at.ndim)
    return copy_slices(a, b, starts + at)


def _index(leads: Leads, a: Any, *indices: Any) -> Any:
    return index(a, None, *indices)


def _index_backward(leads: Leads, g: Any, *indices: Any, size: Any) -> Any:
    return index_backward(g, None, *indices, size=(g.shape[0], *size))


def _flat(x: Any) -> Any:
    return reshape(x, (x.shape[0], prod(x.shape[1:])))


def _take(leads: Leads, a: Any, places: Any) -> Any:
    return index(_flat(a), None, places)


def _put_at(leads: Leads, g: Any, places: Any, size: Any) -> Any:
    found = index_backward(g, None, places, size=(g.shape[0], prod(size)))
    return reshape(found, (g.shape[0], *size))


def _index_put(leads: Leads, a: Any, values: Any, *indices: Any, accumulate: bool) -> Any:
    a = a if leads[0] else expand(a, size=(values.shape[0], *a.shape))
    return index_put_(a, values, None, *indices, accumulate=accumulate)


LEADING: dict[Primitive, Body] = {
    mm: _mm,
    bmm: _mm,
    mv: _mv,
    dot: _dot,
    vdot: _vdot,
    addmm: _addmm,
    expand: _expand,
    t: _t,
    squeeze_all: _squeeze_all,
    trace: _trace,
    repeat: _repeat,
    copy_slices: _copy_slices,
    index: _index,
    index_put_: _index_put,
    index_backward: _index_backward,
    take: _take,
    put_at: _put_at,
}
