"""What JAX calls convolutions, pooling and interpolation."""

from __future__ import annotations

from math import prod
from typing import Any

import jax
import jax.numpy as jnp
import jax.scipy.ndimage
import numpy as np
from jax import lax

Shape = tuple[int, ...]

# ---- convolutions --------------------------------------------------------------------------


def _convolution(
    a: Any, w: Any, bias: Any, stride: Shape, padding: Shape, dilation: Shape,
    transposed: bool, output_padding: Shape, groups: int,
) -> Any:  # fmt: skip
    if transposed:
        y = _transposed(a, w, stride, padding, dilation, output_padding, groups)
    else:
        y = lax.conv_general_dilated(
            a, w, stride, [(p, p) for p in padding],
            rhs_dilation=dilation, feature_group_count=groups,
        )  # fmt: skip
    return y if bias is None else y + jnp.reshape(bias, (-1, *(1,) * len(stride)))


def _transposed(
    a: Any, w: Any, stride: Shape, padding: Shape, dilation: Shape, more: Shape, groups: int
) -> Any:
    """Convolve with the turned kernel: the input's elements lie `stride` apart among zeros."""
    inputs, outputs, *kernel = w.shape
    spatial = tuple(range(2, w.ndim))
    split = jnp.reshape(jnp.flip(w, spatial), (groups, inputs // groups, outputs, *kernel))
    turned = jnp.reshape(jnp.swapaxes(split, 1, 2), (groups * outputs, inputs // groups, *kernel))
    reach = [d * (k - 1) - p for k, d, p in zip(kernel, dilation, padding, strict=True)]
    return lax.conv_general_dilated(
        a, turned, (1,) * len(kernel), [(r, r + m) for r, m in zip(reach, more, strict=True)],
        lhs_dilation=stride, rhs_dilation=dilation, feature_group_count=groups,
    )  # fmt: skip


def _columns(a: Any, kernel_size: Shape, dilation: Shape, padding: Shape, stride: Shape) -> Any:
    lead = a.shape[:-3]
    found = lax.conv_general_dilated_patches(
        jnp.reshape(a, (prod(lead), *a.shape[-3:])),
        kernel_size, stride, [(p, p) for p in padding], rhs_dilation=dilation,
    )  # fmt: skip
    return jnp.reshape(found, (*lead, found.shape[1], prod(found.shape[2:])))


def _image(columns: Any, output_size: Shape, kernel_size: Shape, **attrs: Any) -> Any:
    """Add columns up where they came from: the transpose of taking them."""
    shape = (*columns.shape[:-2], columns.shape[-2] // prod(kernel_size), *output_size)
    taken = jax.linear_transpose(
        lambda a: _columns(a, kernel_size, **attrs), jax.ShapeDtypeStruct(shape, columns.dtype)
    )
    return taken(columns)[0]


# ---- pooling -------------------------------------------------------------------------------


def _ends(
    a: Any, kernel: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil: bool
) -> list[tuple[int, int]]:
    """Return what is put before and after each dimension, so that the windows just fit."""
    found = []
    size = a.shape[a.ndim - len(kernel) :]
    for n, k, s, p, d in zip(size, kernel, stride, padding, dilation, strict=True):
        reach = d * (k - 1) + 1
        count = (n + 2 * p - reach + (s - 1 if ceil else 0)) // s + 1
        if ceil and (count - 1) * s >= n + p:  # no window begins behind the input
            count -= 1
        found.append((p, (count - 1) * s + reach - n - p))
    return found


def _reduced(
    a: Any, start: Any, join: Any, kernel: Shape, stride: Shape,
    ends: list[tuple[int, int]], dilation: Shape | None = None,
) -> Any:  # fmt: skip
    rank = a.ndim - len(kernel)
    ones = (1,) * rank
    # elements behind the last window are cut off: JAX has no derivative of negative padding
    a = a[(..., *(slice(min(after, 0) or None) for _, after in ends))]
    ends = [(before, max(after, 0)) for before, after in ends]
    return lax.reduce_window(
        a, start, join, (*ones, *kernel), (*ones, *stride), [(0, 0)] * rank + ends,
        window_dilation=None if dilation is None else (*ones, *dilation),
    )  # fmt: skip


def _avg_pool(
    a: Any, kernel_size: Shape, stride: Shape, padding: Shape, ceil_mode: bool,
    count_include_pad: bool, divisor_override: int | None,
) -> Any:  # fmt: skip
    rank = len(kernel_size)
    ends = _ends(a, kernel_size, stride, padding, (1,) * rank, ceil_mode)
    total = _reduced(a, np.zeros((), a.dtype), lax.add, kernel_size, stride, ends)
    if divisor_override:
        return total / divisor_override
    counted, around = jnp.ones(a.shape[a.ndim - rank :], a.dtype), ends
    if count_include_pad:  # but not what rounding up adds
        counted = jnp.pad(counted, [(p, p) for p in padding], constant_values=1)
        around = [(0, after - p) for (_, after), p in zip(ends, padding, strict=True)]
    count = _reduced(counted, np.zeros((), a.dtype), lax.add, kernel_size, stride, around)
    return total / jnp.maximum(count, 1)


def _max_pool(
    a: Any, kernel_size: Shape, stride: Shape, padding: Shape, dilation: Shape, ceil_mode: bool
) -> tuple[Any, Any]:
    ends = _ends(a, kernel_size, stride, padding, dilation, ceil_mode)
    places = []
    for n, k, s, d, (p, after) in zip(
        a.shape[a.ndim - len(kernel_size) :], kernel_size, stride, dilation, ends, strict=True
    ):
        starts = np.arange(0, n + p + after - d * (k - 1), s) - p
        places.append(starts[:, None] + np.arange(k) * d)
    taken, positions = _taken(a, places)
    best = jnp.argmax(taken, -1, keepdims=True)
    indices = jnp.take_along_axis(positions, best, -1)[..., 0]
    if any(d > 1 for d in dilation):  # JAX has no derivative of dilated windows
        return jnp.max(taken, -1), indices
    least = np.asarray(-np.inf if a.dtype.kind not in "iu" else np.iinfo(a.dtype).min, a.dtype)
    return _reduced(a, least, lax.max, kernel_size, stride, ends), indices


def _taken(a: Any, places: list[Any]) -> tuple[Any, Any]:
    """Return the elements of each window, -inf where there are none, and their places."""
    rank, size = len(places), a.shape[a.ndim - len(places) :]
    counts, inside = zip(*(x.shape for x in places), strict=True)
    index, valid = [], np.ones((1,) * 2 * rank, bool)
    for d, x in enumerate(places):
        shape = [1] * (2 * rank)
        shape[d], shape[rank + d] = x.shape
        valid = valid & ((x >= 0) & (x < size[d])).reshape(shape)
        index.append(np.clip(x, 0, size[d] - 1).reshape(shape))
    taken = jnp.where(valid, a[(..., *index)], -jnp.inf)
    flat = jnp.reshape(taken, (*a.shape[: a.ndim - rank], *counts, prod(inside)))
    positions = np.ravel_multi_index(np.broadcast_arrays(*index), size)
    positions = np.broadcast_to(positions, valid.shape).reshape(*counts, prod(inside))
    return flat, jnp.broadcast_to(positions, flat.shape)


def _bounds(n: int, out: int) -> tuple[Any, Any]:
    return np.arange(out) * n // out, -(-(np.arange(out) + 1) * n // out)


def _adaptive_avg_pool(a: Any, output_size: Shape) -> Any:
    rank = len(output_size)
    for d, out in enumerate(output_size, a.ndim - rank):
        starts, ends = _bounds(a.shape[d], out)
        means = [
            jnp.mean(lax.slice_in_dim(a, i, j, axis=d), axis=d, keepdims=True)
            for i, j in zip(starts, ends, strict=True)
        ]
        a = jnp.concatenate(means, d)
    return a


def _adaptive_max_pool(a: Any, output_size: Shape) -> tuple[Any, Any]:
    places = []
    for n, out in zip(a.shape[a.ndim - len(output_size) :], output_size, strict=True):
        starts, ends = _bounds(n, out)
        window = starts[:, None] + np.arange((ends - starts).max(initial=1))
        places.append(np.where(window < ends[:, None], window, n))
    taken, positions = _taken(a, places)
    best = jnp.argmax(taken, -1, keepdims=True)
    return jnp.max(taken, -1), jnp.take_along_axis(positions, best, -1)[..., 0]


# ---- interpolation -------------------------------------------------------------------------


def _upsample(a: Any, output_size: Shape, mode: str, align_corners: bool, scales: Any) -> Any:
    if mode == "bicubic":
        raise NotImplementedError("JAX's cubic is another one (its parameter is -1/2, not -3/4)")
    rank = len(output_size)
    size = a.shape[a.ndim - rank :]
    given = scales or (None,) * rank
    if mode.startswith("nearest"):
        return _nearest(a, size, output_size, given, 0.5 if mode == "nearest-exact" else 0.0)
    scale, shift = [], []
    for n, out, s in zip(size, output_size, given, strict=True):
        if align_corners:
            scale.append((out - 1) / (n - 1) if n > 1 and out > 1 else float(out))
            shift.append(0.5 - 0.5 * scale[-1])
        else:
            scale.append(s or out / n)
            shift.append(0.0)
    return jax.image.scale_and_translate(
        _widened(a, rank), (*a.shape[: a.ndim - rank], *output_size),
        tuple(range(a.ndim - rank, a.ndim)), jnp.asarray(scale),
        jnp.asarray(shift) - jnp.asarray(scale), "linear", antialias=False,
    )  # fmt: skip


def _widened(a: Any, rank: int) -> Any:
    """Repeat the edge once on each side: PyTorch's samples beyond it are those of the edge."""
    return jnp.pad(a, [(0, 0)] * (a.ndim - rank) + [(1, 1)] * rank, "edge")


def _nearest(a: Any, size: Shape, output_size: Shape, scales: Any, shift: float) -> Any:
    for d, (n, out, scale) in enumerate(zip(size, output_size, scales, strict=True)):
        at = (np.arange(out) + shift) * (1 / scale if scale else n / out)
        places = np.minimum(np.floor(at.astype(np.float32)).astype(int), n - 1)
        a = jnp.take(a, places, axis=a.ndim - len(size) + d)
    return a


# ---- sampling ------------------------------------------------------------------------------


def _grid_sample(
    a: Any, grid: Any, mode: str, padding_mode: str, align_corners: bool, orders: Shape
) -> Any:
    if mode == "bicubic":
        raise NotImplementedError("JAX samples between elements linearly alone")
    size = a.shape[2:]
    points = [  # the last dimension of a grid names the image's last dimension first
        (grid[..., -1 - d] + 1) * ((n - 1) / 2 if align_corners else n / 2)
        - (0.0 if align_corners else 0.5)
        for d, n in enumerate(size)
    ]
    reflected = "mirror" if align_corners else "reflect"
    beyond = {"zeros": "constant", "border": "nearest", "reflection": reflected}[padding_mode]

    def sampled(image: Any, *at: Any) -> Any:
        order = int(mode == "bilinear")
        return jax.scipy.ndimage.map_coordinates(image, list(at), order=order, mode=beyond)

    channels = jax.vmap(sampled, (0, *(None,) * len(size)))
    return jax.vmap(channels)(a, *points)


def _affine_grid(theta: Any, size: Shape, align_corners: bool) -> Any:
    lines = [
        jnp.linspace(-1, 1, n, dtype=theta.dtype) * (1 if align_corners else (n - 1) / n)
        if n > 1 else jnp.zeros(1, theta.dtype)
        for n in size[2:]
    ]  # fmt: skip
    points = jnp.meshgrid(*lines, indexing="ij")[::-1]
    base = jnp.stack([*points, jnp.ones_like(points[0])], -1)
    return jnp.einsum("...k,nik->n...i", base, theta)


# fmt: off
ROWS: dict[str, Any] = {
    "convolution":            _convolution,
    "_im2col":                _columns,
    "_col2im":                _image,
    "_avg_pool":              _avg_pool,
    "_max_pool":              _max_pool,
    "_adaptive_avg_pool":     _adaptive_avg_pool,
    "_adaptive_max_pool":     _adaptive_max_pool,
    "_upsample":              _upsample,
    "_grid_sample":           _grid_sample,
    "_affine_grid":           _affine_grid,
}
# fmt: on
