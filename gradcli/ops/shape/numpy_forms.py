"""Functions of NumPy and jax.numpy that mean something else than PyTorch's of the same name."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.reduce.scans import cumprod, cumsum
from gradcli.ops.reduce.sorting import sort_unstable
from gradcli.ops.reduce.statistics import nanquantile, quantile
from gradcli.ops.shape.indexing import index, take
from gradcli.ops.shape.layout import flip, roll
from gradcli.ops.shape.padding import pad
from gradcli.ops.shape.shapes import permute, reshape, to
from gradcli.ops.shape.views import ravel_
from gradcli.rule.dtypes import is_differentiable
from gradcli.rule.meta import dim_index, shown
from gradcli.rule.rows import composite
from gradcli.rule.rule import concrete


def _transpose(a: Any, axes: Any) -> Any:
    order = range(len(a.shape))[::-1] if axes is None else axes
    return permute(a, dims=tuple(int(d) for d in order))


def _flat(a: Any, axis: int | None) -> tuple[Any, int]:
    """Return a tensor and a dimension of it; without one, all elements in one dimension."""
    return (a if len(a.shape) == 1 else ravel_(a), 0) if axis is None else (a, axis)


def _scanned(row: Any) -> Any:
    def expand(a: Any, axis: Any, dtype: Any) -> Any:
        a, axis = _flat(a, axis)
        return row(a, dim=axis, dtype=dtype)

    return expand


def _sort(a: Any, axis: Any, kind: Any, stable: Any) -> Any:
    a, axis = _flat(a, axis)
    return sort_unstable(a, dim=axis)[0]


def _middle(row: Any) -> Any:
    return lambda a, axis, keepdims: row(_floats(_ordered(a)), 0.5, axis, keepdims, "linear")


def _ordered(a: Any) -> Any:
    if a.dtype.kind == "c":
        raise DtypeFault("complex numbers have no order", hint="take x.real, x.imag or x.abs()")
    return a


def _floats(a: Any) -> Any:
    return a if is_differentiable(a.dtype) else to(a, a.default_dtype)


def _percentile(a: Any, q: Any, axis: Any, method: str, keepdims: bool) -> Any:
    q = [x / 100 for x in q] if isinstance(q, tuple | list) else q / 100
    return quantile(_floats(_ordered(a)), q, axis, keepdims, method)


def _roll(a: Any, shift: tuple[int, ...], axis: tuple[int, ...]) -> Any:
    if not axis:
        return roll(a, (sum(shift),), ())
    n = max(len(shift), len(axis))
    shift, axis = (tuple(x) * n if len(x) == 1 else tuple(x) for x in (shift, axis))
    return roll(a, shift, axis)


def _whole_numbers(given: Any) -> Any:
    """Return nested lists of integers as an array, None where they are something else."""
    try:
        found = np.asarray(given)
    except (TypeError, ValueError, OverflowError):  # lists of unlike lengths, tensors
        return None
    return found if found.dtype.kind in "iu" else None


def _take(a: Any, indices: Any, axis: Any) -> Any:
    if isinstance(indices, str | None):
        raise ArgumentFault(f"np.take(): indices are integers, not {indices!r}")
    if isinstance(indices, int | tuple | list):
        indices = _whole_numbers(indices)
    if np.dtype(getattr(indices, "dtype", object)).kind not in "iu":
        raise ArgumentFault("np.take(): indices are integers", hint="use .long()")
    if axis is None:
        return take(a, indices)
    axis = dim_index(axis, len(a.shape))
    return index(a if a.shape else reshape(a, (1,)), *(None,) * axis, indices)


_MODES = {"constant": "constant", "reflect": "reflect", "edge": "replicate", "wrap": "circular"}


def _pad(a: Any, pad_width: Any, mode: str, constant_values: float) -> Any:
    if mode not in _MODES:
        raise ArgumentFault(f"mode '{mode}' is not supported", hint=f"modes are {[*_MODES]}")
    given = _whole_numbers(concrete(pad_width))
    if given is None:
        raise ArgumentFault("`pad_width` must be of integral type.")
    if given.shape not in ((), (1,), (2,), (1, 2), (len(a.shape), 1), (len(a.shape), 2)):
        raise ShapeFault(
            f"np.pad(): pad_width is a number, a pair, or a pair for each of {len(a.shape)} "
            f"dimensions, not of shape {shown(given.shape)}"
        )
    if (given < 0).any():
        raise ArgumentFault("index can't contain negative values")
    widths = np.broadcast_to(given, (len(a.shape), 2))[::-1].reshape(-1).tolist()
    if mode == "constant":
        return pad(a, tuple(widths), "constant", constant_values)
    while len(widths) > 2 and widths[-2:] == [0, 0]:  # PyTorch pads the last dimensions only
        widths = widths[:-2]
    batched = a
    for _ in range(max(len(widths) // 2 + 1 - len(a.shape), 0)):
        batched = reshape(batched, (1, *batched.shape))
    padded = pad(batched, tuple(widths), _MODES[mode], None)
    return reshape(padded, padded.shape[len(batched.shape) - len(a.shape) :])


# fmt: off
np_transpose = composite("np.transpose(a, axes: ints = None)", _transpose,
    doc="View with dimensions in another order, reversed where none is given",
    examples="np.transpose(T); np.transpose(T, (2, 0, 1))")
np_cumsum = composite("np.cumsum(a, axis: int = None, dtype: dtype = None)", _scanned(cumsum),
    doc="Running sum, over all elements where no axis is given", examples="np.cumsum(M)")
np_cumprod = composite("np.cumprod(a, axis: int = None, dtype: dtype = None)", _scanned(cumprod),
    doc="Running product, over all elements where no axis is given", examples="np.cumprod(M, 1)")
np_sort = composite("np.sort(a, axis: int? = -1, kind: str = None, stable: bool = None)", _sort,
    doc="Elements in order along an axis", kink="ties keep their order", examples="np.sort(M)")
np_median = composite("np.median(a, axis: int = None, keepdims: bool = False)", _middle(quantile),
    doc="The middle element, or the mean of the two", kink="as sort, at ties",
    examples="np.median(M); np.median(M, axis=1)")
np_nanmedian = composite("np.nanmedian(a, axis: int = None, keepdims: bool = False)",
    _middle(nanquantile), doc="Median of the elements that are not NaN", kink="as sort, at ties",
    examples="np.nanmedian(M)")
np_percentile = composite(
    "np.percentile(a, q: array|number|numbers, axis: int = None, method: str = 'linear', "
    "keepdims: bool = False)",
    _percentile, doc="Value below which q percent of the elements lie", kink="as sort, at ties",
    examples="np.percentile(M, 30)")
np_flip = composite("np.flip(m, axis: dims = None)", lambda m, axis: flip(m, dims=axis),
    doc="Order of elements reversed along axes, along all where none is given",
    examples="np.flip(M); np.flip(M, axis=1)")
np_roll = composite("np.roll(a, shift: dims, axis: dims = ())",
    _roll,
    doc="Elements moved along axes, from the end to the start", examples="np.roll(M, 1, axis=1)")
np_take = composite("np.take(a, indices: any, axis: int = None)", _take,
    doc="Elements at indices along an axis, or in the flat tensor",
    examples="np.take(M, [0, 4]); np.take(M, [[0, 2]], axis=1)")
np_pad = composite(
    "np.pad(a, pad_width: any, mode: str = 'constant', constant_values: number = 0)", _pad,
    doc="Elements put around a tensor; widths begin with the first axis",
    examples="np.pad(v, 1); np.pad(M, ((1, 0), (0, 2))); np.pad(v, (1, 2), mode='edge')")
# fmt: on
