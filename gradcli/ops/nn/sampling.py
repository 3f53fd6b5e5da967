"""Images sampled at points of a grid, and the grids of affine maps: spatial transformers.

Source: Jaderberg, Simonyan, Zisserman and Kavukcuoglu, Spatial Transformer Networks (NeurIPS
2015), equations 1 and 3 to 7. Steps, rounding and conventions at kinks are those of PyTorch 2.13's
`grid_sampler` and `affine_grid_generator` on the CPU.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.linalg.linalg import bmm
from gradcli.ops.shape.indexing import select
from gradcli.ops.shape.shapes import reshape, stack, sum_, transpose, unsqueeze, zeros_like
from gradcli.rule.dtypes import SCALAR_NAMES, is_floating
from gradcli.rule.meta import Meta, Shape, shown
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Derivative, Multilinear, warn

MODES = ("bilinear", "nearest", "bicubic")
PADDINGS = ("zeros", "border", "reflection")
_CUBIC = -0.75  # PyTorch's parameter of the cubic convolution
# weights of elements at a distance below 1, and at one from 1 to 2: polynomials of the distance
_NEAR = np.array([_CUBIC + 2, -(_CUBIC + 3), 0.0, 1.0])
_FAR = np.array([_CUBIC, -5 * _CUBIC, 8 * _CUBIC, -4 * _CUBIC])
_SPLIT = 2.0**27 + 1  # cuts a float64 into two halves (Veltkamp)

DEFAULT_CHANGED = (
    "Default grid_sample and affine_grid behavior has changed to align_corners=False since 1.3.0. "
    "Please specify align_corners=True if the old behavior is desired. See the documentation of "
    "grid_sample for details."
)
UNIT_SIZE = (
    "Since version 1.3.0, affine_grid behavior has changed for unit-size grids when "
    "align_corners=True. This is not an intended use case of affine_grid. See the documentation of "
    "affine_grid for details."
)

# ---- positions -----------------------------------------------------------------------------


def _fused(a: Any, b: float, c: float) -> Any:
    """Return a·b + c rounded once, as PyTorch's vectorised kernels do.

    A grid of an affine map lies on centres of pixels, up to this rounding: it decides which of
    two slopes a bilinear sample has there. Source: Dekker's product, Knuth's sum.
    """
    if a.dtype != np.float64:
        return (a.astype(np.float64) * b + c).astype(a.dtype)
    high, upper = _SPLIT * a - (_SPLIT * a - a), _SPLIT * b - (_SPLIT * b - b)
    low, lower = a - high, b - upper
    y = a * b
    total = y + c
    rest = ((high * upper - y) + high * lower + low * upper) + low * lower
    rest = rest + (y - (total - (total - y))) + (c - (total - y))
    return np.where(np.isfinite(rest), total + rest, total)


def _unnormalised(x: Any, n: int, align: bool, rank: int) -> Any:
    """Return where -1 to 1 lies among n elements, 0 at the centre of the first."""
    scale, shift = ((n - 1) / 2, 0.0) if align else (n / 2, -0.5)
    return _fused(x + 1, scale, shift) if rank == 2 else (x + 1) * scale + shift


def _bounded(x: Any, n: int, padding: str, align: bool) -> tuple[Any, Any]:
    """Return positions brought inside, and the slope of doing so: 0 on the border and outside."""
    slope: Any = np.ones_like(x)
    if padding == "reflection":
        low, span = (0.0, n - 1) if align else (-0.5, n)
        if span == 0:
            return np.zeros_like(x), np.zeros_like(x)
        away = np.fmod(np.abs(x - low), 2 * span)
        back = away > span
        slope = np.where(back ^ (x < low), -slope, slope)
        x = np.where(back, 2 * span - away, away) + low
    slope = np.where((x > 0) & (x < n - 1), slope, 0)
    return np.fmin(np.fmax(x, 0), n - 1), slope  # NaN counts as the first element


class _Tap(NamedTuple):
    """Elements that samples read, whether they are there, and what they count."""

    places: Any
    inside: Any
    weights: Any


def _tap(places: Any, n: int, weights: Any) -> _Tap:
    inside = (places >= 0) & (places < n)
    return _Tap(np.where(inside, places, 0).astype(np.intp), inside, weights)


def _cubic(x: Any, n: int, padding: str, align: bool, order: int) -> list[_Tap]:
    low = np.floor(x)
    taps = []
    for k in (-1, 0, 1, 2):
        distance, sign = (x - low - k, 1) if k <= 0 else (low + k - x, -1)
        terms = np.polyder(_NEAR if k in (0, 1) else _FAR, order)
        places = low + k
        if padding != "zeros":
            places = _bounded(places, n, padding, align)[0]
        taps.append(_tap(places, n, np.polyval(terms, distance) * sign**order))
    return taps


def _taps(
    x: Any, n: int, rank: int, mode: str, padding_mode: str, align_corners: bool, order: int
) -> list[_Tap]:
    """Return what is read along one dimension, with weights differentiated `order` times."""
    at = _unnormalised(x, n, align_corners, rank)
    slope = np.full_like(at, (n - 1) / 2 if align_corners else n / 2)
    if mode == "bicubic":
        taps = _cubic(at, n, padding_mode, align_corners, order)
        return [tap._replace(weights=tap.weights * slope**order) for tap in taps]
    if padding_mode != "zeros":
        at, inner = _bounded(at, n, padding_mode, align_corners)
        slope = slope * inner
    if order > (mode == "bilinear"):
        return []  # weights that do not change, or change by a line
    if mode == "nearest":
        return [_tap(np.rint(at), n, np.ones_like(at))]
    low = np.floor(at)
    before, after = (-slope, slope) if order else (low + 1 - at, at - low)
    return [_tap(low, n, before), _tap(low + 1, n, after)]


def _joined(grid: Any, size: Shape, orders: Shape, **how: Any) -> Iterator[_Tap]:
    """Return what is read along all dimensions together, places counted in the flat image."""
    rank = len(size)
    along = [
        _taps(grid[..., d], size[rank - 1 - d], rank, order=orders[d], **how) for d in range(rank)
    ]
    for taps in product(*along):
        places: Any = 0
        inside: Any = True
        weights: Any = 1
        for tap, n in zip(taps[::-1], size, strict=True):
            places, inside = places * n + tap.places, inside & tap.inside
            weights = weights * tap.weights
        yield _Tap(places, inside, weights)


# ---- samples -------------------------------------------------------------------------------


def _flat_grid(grid: Any) -> Any:
    return np.reshape(grid, (grid.shape[0], prod(grid.shape[1:-1]), grid.shape[-1]))


def _sample(a: Any, grid: Any, **how: Any) -> Any:
    batch, channels, *size = a.shape
    flat, points = np.reshape(a, (batch, channels, prod(size))), _flat_grid(grid)
    total = np.zeros((batch, channels, points.shape[1]), a.dtype)
    for tap in _joined(points, tuple(size), **how):
        found = np.take_along_axis(flat, tap.places[:, None], 2)
        total += np.where(tap.inside[:, None], found, 0) * tap.weights[:, None]
    return np.reshape(total, (batch, channels, *grid.shape[1:-1]))


def _spread(g: Any, grid: Any, size: Shape, **how: Any) -> Any:
    batch, channels = g.shape[:2]
    points = _flat_grid(grid)
    flat = np.reshape(g, (batch, channels, points.shape[1]))
    total = np.zeros((batch, channels, prod(size)), g.dtype)
    images, layers, _ = np.ogrid[:batch, :channels, :1]
    for tap in _joined(points, size, **how):
        share = np.where(tap.inside[:, None], flat * tap.weights[:, None], 0)
        np.add.at(total, (images, layers, tap.places[:, None]), share)
    return np.reshape(total, (batch, channels, *size))


def _raised(how: dict[str, Any], dim: int) -> dict[str, Any]:
    """Return the attributes of a sample whose weights are differentiated once more."""
    orders = how["orders"]
    return how | {"orders": (*orders[:dim], orders[dim] + 1, *orders[dim + 1 :])}


def _grid_rule(g: Any, a: Any, grid: Any, how: dict[str, Any]) -> Any:
    """Return the cotangent of the grid, of samples of `a` with the cotangent `g`."""
    rank = len(how["orders"])
    along = (sum_(g * sample(a, grid, **_raised(how, d)), dim=(1,)) for d in range(rank))
    return stack(*along, dim=rank + 1)


def _along_grid(t: Any, dim: int, rank: int) -> Any:
    return unsqueeze(select(t, dim=rank + 1, index=dim), dim=1)


def _sample_tangent(ts: Any, y: Any, a: Any, grid: Any, **how: Any) -> Any:
    moved = zeros_like(y) if ts[0] is None else sample(ts[0], grid, **how)
    rank = len(how["orders"])
    for d in range(rank) if ts[1] is not None else ():
        moved = moved + sample(a, grid, **_raised(how, d)) * _along_grid(ts[1], d, rank)
    return moved


def _spread_tangent(ts: Any, y: Any, g: Any, grid: Any, size: Shape, **how: Any) -> Any:
    moved = zeros_like(y) if ts[0] is None else spread_samples(ts[0], grid, size=size, **how)
    rank = len(how["orders"])
    for d in range(rank) if ts[1] is not None else ():
        part = g * _along_grid(ts[1], d, rank)
        moved = moved + spread_samples(part, grid, size=size, **_raised(how, d))
    return moved


# fmt: off
sample = primitive(Derivative,
    "_grid_sample(input, grid, mode: str, padding_mode: str, align_corners: bool, "
    "orders: sizes)",
    lambda a, grid, **_: f"GridSampler{len(a.shape) - 2}DBackward0",
    _sample, lambda a, grid, **_: Meta((*a.shape[:2], *grid.shape[1:-1]), a.dtype),
    lambda g, y, a, grid, **how: spread_samples(g, grid, size=a.shape[2:], **how),
    lambda g, y, a, grid, **how: _grid_rule(g, a, grid, how),
    tangent=_sample_tangent,
    doc="An image sampled at the points of a grid, or the derivative of given orders by these")
spread_samples = primitive(Derivative,
    "_grid_sample_backward(grad, grid, size: sizes, mode: str, padding_mode: str, "
    "align_corners: bool, orders: sizes)",
    lambda g, grid, **_: f"GridSampler{len(g.shape) - 2}DBackwardBackward0",
    _spread, lambda g, grid, size, **_: Meta((*g.shape[:2], *size), g.dtype),
    lambda gg, y, g, grid, size, **how: sample(gg, grid, **how),
    lambda gg, y, g, grid, size, **how: _grid_rule(g, gg, grid, how),
    tangent=_spread_tangent,
    doc="Samples added to the elements of an image that they were read from")
# fmt: on

# ---- affine grids --------------------------------------------------------------------------


def _line(n: int, align: bool, dtype: Any) -> Any:
    """Return n positions from -1 to 1: of the pixels' centres, or with the ends on these."""
    if n == 1:
        return np.zeros(1, dtype)
    step = float(np.asarray(2, dtype) / np.asarray(n - 1, dtype))
    at = np.arange(n).astype(dtype)
    line = np.where(at < n // 2, _fused(at, step, -1.0), _fused(n - 1 - at, -step, 1.0))
    return line if align else line * (n - 1) / n


def _base(size: Shape, align: bool, dtype: Any) -> Any:
    """Return the points of the grid that is not transformed: (points, 3), or 4; the last is 1."""
    lines = [_line(n, align, dtype) for n in size[2:]]
    points = np.meshgrid(*lines, np.ones(1, dtype), indexing="ij")
    flat = [np.reshape(x, -1) for x in points]
    return np.stack((*flat[-2::-1], flat[-1]), 1)


def _affine_meta(theta: Any, size: Shape, align_corners: bool) -> Meta:
    rank = len(size) - 2
    if theta.shape[0] != size[0]:
        raise ShapeFault(
            "Expected size for first two dimensions of batch2 tensor to be: "
            f"{shown((size[0], rank + 1))} but got: {shown((theta.shape[0], rank + 1))}.",
            hint="theta has a matrix for each image of size[0]",
        )
    return Meta((size[0], *size[2:], rank), theta.dtype)


def _affine(theta: Any, size: Shape, align_corners: bool) -> Any:
    points = _base(size, align_corners, theta.dtype) @ np.swapaxes(theta, 1, 2)
    return np.reshape(points, (size[0], *size[2:], len(size) - 2))


def _affine_rule(g: Any, y: Any, theta: Any, size: Shape, align_corners: bool) -> Any:
    base = _base(size, align_corners, theta.dtype)
    flat = reshape(g, (size[0], base.shape[0], len(size) - 2))
    every = np.broadcast_to(base, (size[0], *base.shape))
    return bmm(transpose(flat, dim0=1, dim1=2), every)


# fmt: off
affine_grid_ = primitive(Multilinear,
    "_affine_grid(theta, size: sizes, align_corners: bool)",
    "AffineGridGeneratorBackward0", _affine, _affine_meta, _affine_rule,
    doc="The points that affine maps send those of a grid to")
# fmt: on

# ---- what a file can call ------------------------------------------------------------------


def _said(name: str, a: Any, grid: Any) -> str:
    return f"{name}, but got input with sizes {shown(a.shape)} and grid with sizes " + shown(
        grid.shape
    )


def _check_sample(a: Any, grid: Any, mode: str) -> None:
    """Refuse shapes and dtypes, in PyTorch's words and order."""
    rank = len(a.shape)
    if not rank or not grid.shape:
        raise ShapeFault("Dimension specified as 0 but tensor has no dimensions")
    if a.shape[0] != grid.shape[0]:
        raise ShapeFault(
            _said("grid_sampler(): expected grid and input to have same batch size", a, grid)
        )
    if grid.shape[-1] != rank - 2:
        raise ShapeFault(
            f"grid_sampler(): expected grid to have size {rank - 2} in last dimension, but got "
            f"grid with sizes {shown(grid.shape)}",
            hint="the last dimension of a grid has the coordinates x, y (and z), from -1 to 1",
        )
    empty = next((d for d in range(2, rank) if not a.shape[d]), None)
    if empty is not None:
        raise ShapeFault(
            "grid_sampler(): expected input to have non-empty spatial dimensions, but input has "
            f"sizes {shown(a.shape)} with dimension {empty} being empty"
        )
    wanted = 4 if rank == 4 else 5
    if rank != wanted or len(grid.shape) != rank:
        raise ShapeFault(
            _said(f"grid_sampler(): expected {wanted}D input and grid with same number of "
                  "dimensions", a, grid)
        )  # fmt: skip
    if mode == "bicubic" and rank == 5:
        raise ShapeFault("grid_sampler(): bicubic interpolation only supports 4D input")
    first, second = (SCALAR_NAMES.get(x.dtype.name, x.dtype.name) for x in (a, grid))
    if not is_floating(a.dtype):
        kernel = "grid_sampler_2d_cpu_kernel_impl" if rank == 4 else "grid_sampler3d_cpu"
        raise DtypeFault(f"\"{kernel}\" not implemented for '{first}'",
                         hint="it takes floats: write `1.0` for `1`, or .double()")  # fmt: skip
    if a.dtype != grid.dtype:
        raise DtypeFault(f"expected scalar type {first} but found {second}",
                         hint="input and grid have one dtype: grid.to(input.dtype)")  # fmt: skip


def _grid_sample(a: Any, grid: Any, mode: str, padding_mode: str, align: bool | None) -> Any:
    if mode not in MODES:
        raise ArgumentFault("nn.functional.grid_sample(): expected mode to be 'bilinear', "
                            f"'nearest' or 'bicubic', but got: '{mode}'")  # fmt: skip
    if padding_mode not in PADDINGS:
        raise ArgumentFault(
            "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
            f"'reflection', but got: '{padding_mode}'"
        )
    if align is None:
        warn(a, DEFAULT_CHANGED)
    _check_sample(a, grid, mode)
    return sample(a, grid, mode=mode, padding_mode=padding_mode, align_corners=bool(align),
                  orders=(0,) * grid.shape[-1])  # fmt: skip


def _affine_grid(theta: Any, size: Shape, align: bool | None) -> Any:
    if align is None:
        warn(theta, DEFAULT_CHANGED)
    if not is_floating(theta.dtype):
        raise DtypeFault("Expected theta to have floating point type, but got "
                         f"torch.{theta.dtype.name}")  # fmt: skip
    if len(size) not in (4, 5):
        raise ArgumentFault(
            "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, "
            f"respectively. Got size {size}."
        )
    rank = len(size) - 2
    if len(theta.shape) != 3 or theta.shape[1:] != (rank, rank + 1):
        raise ShapeFault(
            f"Expected a batch of {rank}D affine matrices of shape Nx{rank}x{rank + 1} for size "
            f"{size}. Got torch.Size({shown(theta.shape)})."
        )
    if align and min(size[2:]) == 1:
        warn(theta, UNIT_SIZE)
    elif min(size) <= 0:
        raise ShapeFault(f"Expected non-zero, positive output size. Got {size}")
    return affine_grid_(theta, size=size, align_corners=bool(align))


# fmt: off
grid_sample = composite(
    "grid_sample(input, grid, mode: str = 'bilinear', padding_mode: str = 'zeros', "
    "align_corners: bool = None)", _grid_sample,
    doc="An image sampled at the points of a grid, whose coordinates run from -1 to 1",
    kink="of the grid: at the centre of a pixel the slope towards the next one, on a border that "
    "is repeated or reflects 0, and 0 everywhere of the nearest pixel",
    examples="F.grid_sample(T[None], A[:, :2].reshape(1, 3, 1, 2)); "
    "F.grid_sample(T[None], A[:, 1:].reshape(1, 1, 3, 2), mode='bicubic', align_corners=False); "
    "F.grid_sample(T[None], A[:, :2].reshape(1, 3, 1, 2), padding_mode='border', "
    "align_corners=True); "
    "F.grid_sample(T[None], A[:, 1:].reshape(1, 3, 1, 2), 'bicubic', 'reflection', False); "
    "F.grid_sample(T[None], A[:, :2].reshape(1, 3, 1, 2), 'nearest', 'reflection', False); "
    "F.grid_sample(T[None, None], A.reshape(1, 1, 3, 1, 3), padding_mode='reflection'); "
    "F.grid_sample(T[None, None], A.reshape(1, 3, 1, 1, 3), 'nearest', align_corners=True)")
affine_grid = composite(
    "affine_grid(theta, size: dims, align_corners: bool = None)", _affine_grid,
    doc="The points that an affine map sends those of a grid to, for grid_sample",
    examples="F.affine_grid(T[:, :2], (2, 1, 2, 3)); "
    "F.affine_grid(M[None], (1, 1, 3, 2), align_corners=True); "
    "F.affine_grid(cat([A, v.unsqueeze(1)], 1)[None], (1, 1, 2, 1, 3), align_corners=False)")
# fmt: on
