"""`jax.lax`: what JAX's other functions are made of."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from .. import differences
from ..arrays import arrays
from . import linalg

__all__ = ["linalg"]

add = np.add
max = np.maximum
stop_gradient = differences.held
complex = arrays(lambda a, b: a + 1j * b)
rsqrt = arrays(lambda a: 1 / np.sqrt(a))
cummax = arrays(lambda a, axis: np.maximum.accumulate(a, axis))
cummin = arrays(lambda a, axis: np.minimum.accumulate(a, axis))
cumlogsumexp = arrays(lambda a, axis: np.logaddexp.accumulate(a, axis))


@arrays
def div(a: Any, b: Any) -> Any:
    """Divide; the quotient of integers is cut off."""
    return np.trunc(a / b).astype(a.dtype) if a.dtype.kind in "iu" else a / b


@arrays
def slice_in_dim(a: Any, start: int, end: int, axis: int) -> Any:
    return np.take(a, np.arange(start, end), axis)


@arrays
def top_k(a: Any, k: int) -> Any:
    order = np.argsort(-a, axis=-1, stable=True)[..., :k]
    return np.take_along_axis(a, order, -1), order.astype(np.int32)


@arrays
def pad(a: Any, value: Any, config: list[tuple[int, int, int]]) -> Any:
    """Pad each dimension before and after, cut off where that is negative."""
    assert not any(between for _, _, between in config), "nothing here asks for it"
    return _widened(a, [(before, after) for before, after, _ in config], value)


def _widened(a: Any, widths: Any, value: Any = 0) -> Any:
    cut = tuple(slice(0 if b >= 0 else -b, None if e >= 0 else e) for b, e in widths)
    grown = [(b if b > 0 else 0, e if e > 0 else 0) for b, e in widths]
    return np.pad(a[cut], grown, constant_values=value)


# ---- windows -------------------------------------------------------------------------------


def _every(steps: Any) -> Any:
    """Return an index that takes every so-manieth element of the last dimensions."""
    return (..., *(slice(None, None, step) for step in steps))


def _windows(a: Any, sizes: Any, strides: Any, dilation: Any) -> Any:
    """Return the windows of the last dimensions: first where they begin, then what is inside."""
    rank, dilation = len(sizes), dilation or (1,) * len(sizes)
    reach = tuple(d * (k - 1) + 1 for k, d in zip(sizes, dilation, strict=True))
    found = sliding_window_view(a, reach, tuple(range(a.ndim - rank, a.ndim)))
    return found[_every((*strides, *dilation))]


@arrays
def reduce_window(
    a: Any, start: Any, join: Any, sizes: Any, strides: Any, padding: Any, window_dilation: Any
) -> Any:
    windows = _windows(_widened(a, padding, start), sizes, strides, window_dilation)
    return join.reduce(windows, tuple(range(a.ndim, 2 * a.ndim)))


@arrays
def conv_general_dilated(
    a: Any, w: Any, strides: Any, padding: Any,
    lhs_dilation: Any = None, rhs_dilation: Any = None, feature_group_count: int = 1,
) -> Any:  # fmt: skip
    """Correlate (N, C, ...) with kernels (O, C / groups, ...)."""
    if lhs_dilation is not None:
        apart = [s * (n - 1) + 1 for n, s in zip(a.shape[2:], lhs_dilation, strict=True)]
        spread = np.zeros((*a.shape[:2], *apart), a.dtype)
        spread[_every(lhs_dilation)] = a
        a = spread
    a = _widened(a, [(0, 0), (0, 0), *padding])
    windows = _windows(a, w.shape[2:], strides, rhs_dilation)
    groups, space = feature_group_count, w.ndim - 2
    inputs, kernels = np.split(windows, groups, 1), np.split(w, groups, 0)
    inside = tuple(range(2 + space, 2 + 2 * space))
    found = [
        np.moveaxis(np.tensordot(x, k, ((1, *inside), (1, *range(2, w.ndim)))), -1, 1)
        for x, k in zip(inputs, kernels, strict=True)
    ]
    return np.concatenate(found, 1)


@arrays
def conv_general_dilated_patches(
    a: Any, sizes: Any, strides: Any, padding: Any, rhs_dilation: Any
) -> Any:
    windows = _windows(_widened(a, [(0, 0), (0, 0), *padding]), sizes, strides, rhs_dilation)
    space = len(sizes)
    turned = np.moveaxis(
        windows, tuple(range(2 + space, 2 + 2 * space)), tuple(range(2, 2 + space))
    )
    count = a.shape[1] * int(np.prod(sizes))
    return turned.reshape(a.shape[0], count, *windows.shape[2 : 2 + space])
