"""Images in other sizes: interpolation, pixel shuffles, and windows as columns."""

from __future__ import annotations

from math import floor, prod
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, ShapeFault
from gradcli.ops.nn.convolution import from_windows, per_dim, window_counts, windows
from gradcli.ops.nn.pooling import adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d
from gradcli.ops.nn.separable import Taps, separable
from gradcli.rule.meta import Meta, Shape, shown
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Multilinear

# ---- interpolation -------------------------------------------------------------------------

MODES = {"nearest": (3, 4, 5), "nearest-exact": (3, 4, 5), "area": (3, 4, 5), "linear": (3,),
         "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}  # fmt: skip
_CUBIC = -0.75  # PyTorch's parameter of the cubic convolution


def _nearest(n: int, out: int, scale: float | None, exact: bool) -> Taps:
    ratio = np.float32(1 / scale if scale else n / out)
    at = np.arange(out, dtype=np.float32) + np.float32(0.5 if exact else 0)
    places = np.minimum(np.floor(at * ratio).astype(int), n - 1)
    return places[:, None], np.ones((out, 1))


def _sources(n: int, out: int, scale: float | None, align: bool) -> Any:
    """Return where each result lies among the elements."""
    at = np.arange(out)
    if align:
        return at * ((n - 1) / (out - 1) if out > 1 else 0.0)
    return (at + 0.5) * (1 / scale if scale else n / out) - 0.5


def _linear(n: int, out: int, scale: float | None, align: bool) -> Taps:
    if n == out:
        return np.arange(n)[:, None], np.ones((n, 1))
    at = np.maximum(_sources(n, out, scale, align), 0)
    low = np.minimum(np.floor(at).astype(int), n - 1)
    part = np.clip(at - low, 0, 1)
    return np.stack((low, np.minimum(low + 1, n - 1)), 1), np.stack((1 - part, part), 1)


def _cubic(n: int, out: int, scale: float | None, align: bool) -> Taps:
    at = _sources(n, out, scale, align)
    low = np.floor(at).astype(int)
    x = np.abs((at - low)[:, None] - np.arange(-1, 3))
    near = ((_CUBIC + 2) * x - (_CUBIC + 3)) * x * x + 1
    far = ((x - 5) * x + 8) * x * _CUBIC - 4 * _CUBIC
    return np.clip(low[:, None] + np.arange(-1, 3), 0, n - 1), np.where(x <= 1, near, far)


def _upsample_taps(
    size: Shape, output_size: Shape, mode: str, align_corners: bool, scales: Any
) -> list[Taps]:
    scales = scales or (None,) * len(size)
    found = []
    for n, out, scale in zip(size, output_size, scales, strict=True):
        if mode.startswith("nearest"):
            found.append(_nearest(n, out, scale, mode == "nearest-exact"))
        else:
            along = _cubic if mode == "bicubic" else _linear
            found.append(along(n, out, scale, align_corners))
    return found


def _upsample_kind(output_size: Shape, mode: str, **_: Any) -> tuple[int, str]:
    name = "".join(part.title() for part in mode.split("-"))
    return len(output_size), f"Upsample{name}{len(output_size)}DBackward0"


upsample_, upsample_backward = separable(
    "upsample",
    "output_size: sizes, mode: str, align_corners: bool, scales: any",
    _upsample_kind,
    _upsample_taps,
    doc="Elements in between, from those nearby",
)


def _sizes(
    a: Any, size: Any, scale_factor: Any, recompute: bool
) -> tuple[Shape, tuple[float, ...] | None]:
    """Return the output's sizes, and the scales that positions are computed with, if given."""
    rank = len(a.shape) - 2
    if size is not None and scale_factor is not None:
        raise ArgumentFault("only one of size or scale_factor should be defined")
    if size is None and scale_factor is None:
        raise ArgumentFault("either size or scale_factor should be defined")
    given = size if size is not None else scale_factor
    values = tuple(given) if isinstance(given, tuple | list) else (given,) * rank
    if len(values) != rank:
        names = (
            ("output", "output size of", "output size", "(o1, o2, ...,oK)")
            if size is not None
            else ("scale_factor", "scale_factor of shape", "scale_factor", "(s1, s2, ...,sK)")
        )
        raise ArgumentFault(
            f"Input and {names[0]} must have the same number of spatial dimensions, but got input "
            f"with spatial dimensions of {shown(a.shape[2:])} and {names[1]} {_pair(values)}. "
            "Please provide input tensor in (N, C, d1, d2, ...,dK) format and "
            f"{names[2]} in {names[3]} format."
        )
    if size is not None:
        if recompute:
            raise ArgumentFault("recompute_scale_factor is not meaningful with an explicit size.")
        return tuple(int(n) for n in values), None
    sizes = tuple(floor(n * s) for n, s in zip(a.shape[2:], values, strict=True))
    return sizes, None if recompute else tuple(float(s) for s in values)


def _named(sizes: Shape) -> str:
    return f"({', '.join(f'{d}: {n}' for d, n in zip('DHW'[-len(sizes) :], sizes, strict=True))})"


def _interpolate(
    a: Any, size: Any, scale_factor: Any, mode: str, align_corners: bool | None,
    recompute_scale_factor: bool | None, antialias: bool,
) -> Any:  # fmt: skip
    rank = len(a.shape)
    if mode in ("nearest", "area", "nearest-exact") and align_corners is not None:
        raise ArgumentFault(
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear"
        )
    if antialias:
        raise ArgumentFault("interpolate(): antialias=True is not supported")
    if rank not in (3, 4, 5) or mode not in MODES:
        raise ArgumentFault(
            f"Input Error: Only 3D, 4D and 5D input Tensors supported (got {rank}D) for the "
            "modes: nearest | linear | bilinear | bicubic | trilinear | lanczos | area | "
            f"nearest-exact (got {mode})"
        )
    if rank not in MODES[mode]:
        raise ArgumentFault(f"Got {rank}D input, but {mode} mode needs {MODES[mode][0]}D input")
    recompute = bool(recompute_scale_factor) or (mode == "area" and size is None)
    sizes, scales = _sizes(a, size, scale_factor, recompute)
    if min(*sizes, *a.shape[2:]) <= 0:
        raise ShapeFault(
            f"Input and output sizes should be greater than 0, but got input {_named(a.shape[2:])} "
            f"{'and ' if rank == 3 else ''}output {_named(sizes)}"
        )
    if mode == "area":
        return (adaptive_avg_pool1d, adaptive_avg_pool2d, adaptive_avg_pool3d)[rank - 3](a, sizes)
    return upsample_(a, output_size=sizes, mode=mode, align_corners=bool(align_corners),
                     scales=scales)  # fmt: skip


# ---- shuffles ------------------------------------------------------------------------------


def _shuffle(a: Any, factor: int) -> Any:
    *lead, c, h, w = a.shape
    split = np.reshape(a, (*lead, c // factor**2, factor, factor, h, w))
    k = len(lead)
    moved = np.transpose(split, (*range(k), k, k + 3, k + 1, k + 4, k + 2))
    return np.reshape(moved, (*lead, c // factor**2, h * factor, w * factor))


def _unshuffle(a: Any, factor: int) -> Any:
    *lead, c, h, w = a.shape
    split = np.reshape(a, (*lead, c, h // factor, factor, w // factor, factor))
    k = len(lead)
    moved = np.transpose(split, (*range(k), k, k + 2, k + 4, k + 1, k + 3))
    return np.reshape(moved, (*lead, c * factor**2, h // factor, w // factor))


def _shuffle_meta(a: Any, upscale_factor: int) -> Meta:
    if len(a.shape) < 3:
        raise ShapeFault(
            "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(a.shape)} dimension(s)"
        )
    if upscale_factor <= 0:
        raise ArgumentFault(
            f"pixel_shuffle expects a positive upscale_factor, but got {upscale_factor}"
        )
    *lead, c, h, w = a.shape
    if c % upscale_factor**2:
        raise ShapeFault(
            "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square "
            f"of upscale_factor, but input.size(-3)={c} is not divisible by {upscale_factor**2}"
        )
    return Meta((*lead, c // upscale_factor**2, h * upscale_factor, w * upscale_factor), a.dtype)


def _unshuffle_meta(a: Any, downscale_factor: int) -> Meta:
    if len(a.shape) < 3:
        raise ShapeFault(
            "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
            f"{len(a.shape)} dimension(s)"
        )
    if downscale_factor <= 0:
        raise ArgumentFault(
            f"pixel_unshuffle expects a positive downscale_factor, but got {downscale_factor}"
        )
    *lead, c, h, w = a.shape
    for name, n, d in (("height", h, -2), ("width", w, -1)):
        if n % downscale_factor:
            raise ShapeFault(
                f"pixel_unshuffle expects {name} to be divisible by downscale_factor, but "
                f"input.size({d})={n} is not divisible by {downscale_factor}"
            )
    return Meta((*lead, c * downscale_factor**2, h // downscale_factor, w // downscale_factor),
                a.dtype)  # fmt: skip


def _channel_meta(a: Any, groups: int) -> Meta:
    if len(a.shape) < 3:
        raise ShapeFault(
            "channel_shuffle expects input with > 2 dims, but got input with sizes "
            f"{shown(a.shape)}"
        )
    if groups <= 0 or a.shape[1] % groups:
        raise ShapeFault(
            "Number of channels must be divisible by groups. Got "
            f"{a.shape[1]} channels and {groups} groups."
        )
    return Meta(a.shape, a.dtype)


def _channel_shuffle(a: Any, groups: int) -> Any:
    split = np.reshape(a, (a.shape[0], groups, a.shape[1] // groups, *a.shape[2:]))
    return np.reshape(np.swapaxes(split, 1, 2), a.shape)


# ---- windows as columns --------------------------------------------------------------------


def _columns_meta(
    a: Any, kernel_size: Shape, dilation: Shape, padding: Shape, stride: Shape
) -> Meta:
    counts = window_counts(a.shape[-2:], kernel_size, stride, padding, dilation)
    return Meta((*a.shape[:-3], a.shape[-3] * prod(kernel_size), prod(counts)), a.dtype)


def _columns(a: Any, kernel_size: Shape, dilation: Shape, padding: Shape, stride: Shape) -> Any:
    batch = np.reshape(a, (prod(a.shape[:-3]), *a.shape[-3:]))
    found = windows(batch, kernel_size, stride, padding, dilation)
    counts = found.shape[2 + len(kernel_size) :]
    return np.reshape(found, (*a.shape[:-3], a.shape[-3] * prod(kernel_size), prod(counts)))


def _from_columns(
    g: Any, output_size: Shape, kernel_size: Shape, dilation: Shape, padding: Shape, stride: Shape
) -> Any:
    counts = window_counts(output_size, kernel_size, stride, padding, dilation)
    lead = (*g.shape[:-2], g.shape[-2] // prod(kernel_size))
    split = np.reshape(g, (prod(lead[:-1]), lead[-1], *kernel_size, *counts))
    image = from_windows(split, output_size, stride, padding, dilation)
    return np.reshape(image, (*lead, *output_size))


# fmt: off
pixel_shuffle = primitive(Multilinear,
    "pixel_shuffle(input, upscale_factor: int)", "PixelShuffleBackward0",
    lambda a, upscale_factor: _shuffle(a, upscale_factor), _shuffle_meta,
    lambda g, y, a, upscale_factor: pixel_unshuffle(g, downscale_factor=upscale_factor),
    doc="Channels laid out as pixels of a finer image",
    examples="F.pixel_shuffle(reshape(T[:, :2, :2], (1, 4, 1, 2)), 2)")
pixel_unshuffle = primitive(Multilinear,
    "pixel_unshuffle(input, downscale_factor: int)", "PixelUnshuffleBackward0",
    lambda a, downscale_factor: _unshuffle(a, downscale_factor), _unshuffle_meta,
    lambda g, y, a, downscale_factor: pixel_shuffle(g, upscale_factor=downscale_factor),
    doc="Pixels laid out as channels of a coarser image",
    examples="F.pixel_unshuffle(T[:, :2, :2], 2)")
channel_shuffle = primitive(Multilinear,
    "channel_shuffle(input, groups: int)", "ChannelShuffleBackward0",
    _channel_shuffle, _channel_meta,
    lambda g, y, a, groups: channel_shuffle(g, groups=a.shape[1] // groups),
    doc="Channels dealt out from groups in turn",
    examples="F.channel_shuffle(reshape(T, (1, 6, 3)), 2)")
im2col = primitive(Multilinear,
    "_im2col(input, kernel_size: sizes, dilation: sizes, padding: sizes, stride: sizes)",
    "Im2ColBackward0",
    _columns, _columns_meta,
    lambda g, y, a, **attrs: col2im(g, output_size=a.shape[-2:], **attrs),
    doc="Each window of an image as a column")
col2im = primitive(Multilinear,
    "_col2im(input, output_size: sizes, kernel_size: sizes, dilation: sizes, padding: sizes, "
    "stride: sizes)", "Col2ImBackward0", _from_columns,
    lambda g, output_size, kernel_size, **_:
        Meta((*g.shape[:-2], g.shape[-2] // prod(kernel_size), *output_size), g.dtype),
    lambda gg, y, g, output_size, **attrs: im2col(gg, **attrs),
    doc="Columns added up as windows of an image")
# fmt: on


# ---- what a file can call ------------------------------------------------------------------


def _in_pair(value: Any) -> Shape:
    return per_dim("size", value, 2)


def _check_blocks(kernel: Shape, wide: Shape, pad: Shape, step: Shape) -> None:
    """Refuse settings of unfold and fold that no block has, in PyTorch's words."""
    checks = (("kernel size", "kernel", kernel), ("dilation", "dilation", wide))
    for what, name, (height, width) in (*checks, ("stride", "stride", step)):
        if min(height, width) <= 0:
            raise ArgumentFault(
                f"{what} should be greater than zero, but got {name}_height: {height} "
                f"{name}_width: {width}"
            )
    if min(pad) < 0:
        raise ArgumentFault(
            f"padding should be non-negative, but got pad_height: {pad[0]} pad_width: {pad[1]}"
        )


def _unfold(a: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    if len(a.shape) not in (3, 4) or 0 in a.shape[-3:]:
        raise ShapeFault(
            "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
            f"dimensions for input, but got: {shown(a.shape)}"
        )
    kernel, wide, pad, step = map(_in_pair, (kernel_size, dilation, padding, stride))
    _check_blocks(kernel, wide, pad, step)
    counts = window_counts(a.shape[-2:], kernel, step, pad, wide)
    if min(counts) < 1:
        raise ShapeFault(
            f"Given input with spatial size {_pair(a.shape[-2:])}, kernel_size={_pair(kernel)}, "
            f"dilation={_pair(wide)}, padding={_pair(pad)}, calculated shape of the array of "
            f"sliding blocks as {_pair(counts)}, but its components must be at least one."
        )
    return im2col(a, kernel_size=kernel, dilation=wide, padding=pad, stride=step)


def _pair(values: Shape) -> str:
    return f"({', '.join(map(str, values))})"


def _fold(
    a: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any
) -> Any:
    if len(a.shape) not in (2, 3):
        raise ShapeFault(
            "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and "
            f"non-zero dimensions for input, but got: {shown(a.shape)}"
        )
    sizes = (output_size, kernel_size, dilation, padding, stride)
    size, kernel, wide, pad, step = map(_in_pair, sizes)
    _check_blocks(kernel, wide, pad, step)
    if a.shape[-2] % prod(kernel):
        raise ShapeFault(
            "Expected size of input's dimension 1 to be divisible by the product of kernel_size, "
            f"but got input.size(1)={a.shape[-2]} and kernel_size={_pair(kernel)}."
        )
    counts = window_counts(size, kernel, step, pad, wide)
    if prod(counts) != a.shape[-1]:
        raise ShapeFault(
            f"Given output_size={_pair(size)}, kernel_size={_pair(kernel)}, dilation="
            f"{_pair(wide)}, padding={_pair(pad)}, stride={_pair(step)}, expected size of input's "
            f"dimension 2 to match the calculated number of sliding blocks "
            f"{' * '.join(map(str, counts))} = {prod(counts)}, but got input.size(2)={a.shape[-1]}."
        )
    return col2im(a, output_size=size, kernel_size=kernel, dilation=wide, padding=pad,
                  stride=step)  # fmt: skip


# fmt: off
interpolate = composite(
    "interpolate(input, size: axes = None, scale_factor: number|numbers = None, "
    "mode: str = 'nearest', align_corners: bool = None, "
    "recompute_scale_factor: bool = None, antialias: bool = False)",
    _interpolate, aliases="upsample",
    refuses="bool integer complex", doc="An image in another size, from elements nearby",
    examples="F.interpolate(T, size=5); F.interpolate(T, scale_factor=1.5, mode='linear'); "
    "F.interpolate(reshape(T, (1, 2, 3, 3)), size=(2, 4), mode='bilinear', align_corners=True); "
    "F.interpolate(reshape(T, (1, 2, 3, 3)), size=5, mode='bicubic')")
unfold = composite(
    "nn.functional.unfold(input, kernel_size: dims, dilation: dims = 1, padding: dims = 0, "
    "stride: dims = 1)", _unfold, refuses="integer", doc="Each window of an image as a column",
    examples="F.unfold(T, kernel_size=2)")
fold = composite(
    "fold(input, output_size: dims, kernel_size: dims, dilation: dims = 1, padding: dims = 0, "
    "stride: dims = 1)", _fold, refuses="integer", doc="Columns added up as windows of an image",
    examples="F.fold(reshape(T, (2, 3, 3))[:, :2], (4, 1), (2, 1))")
# fmt: on
