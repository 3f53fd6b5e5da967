"""What JAX calls shapes, views, copies, joining and padding."""

from __future__ import annotations

from itertools import accumulate
from math import prod
from typing import Any

import jax.numpy as jnp
import jax.scipy.linalg
import numpy as np
from jax import lax

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def cut(dim: int, index: Any) -> tuple[Any, ...]:
    """Return an index that is of one dimension, and takes all of those before it."""
    return (*(slice(None),) * dim, index)


def _cast(a: Any, dtype: Any) -> Any:
    if a.dtype.kind == "c" and dtype.kind not in "cb":
        a = jnp.real(a)
    return a.astype(dtype)


def _squeeze(a: Any, dim: Any) -> Any:
    return jnp.squeeze(a, tuple(d for d in dim if a.ndim and a.shape[d] == 1))


def _expand(a: Any, size: Any) -> Any:
    lead = len(size) - a.ndim
    return jnp.broadcast_to(a, [a.shape[i - lead] if n == -1 else n for i, n in enumerate(size)])


def _roll(a: Any, shifts: Any, dims: Any) -> Any:
    return jnp.roll(a, shifts, dims) if dims else jnp.roll(a, sum(shifts))


def _diag_embed(a: Any, offset: int, dim1: int, dim2: int) -> Any:
    rank, n = a.ndim + 1, a.shape[-1] + abs(offset)
    places = jnp.arange(a.shape[-1])
    rows, columns = places + max(-offset, 0), places + max(offset, 0)
    matrix = jnp.zeros((*a.shape[:-1], n, n), a.dtype).at[..., rows, columns].set(a)
    return jnp.moveaxis(matrix, (-2, -1), (dim1 % rank, dim2 % rank))


def _unfold(a: Any, dimension: int, size: int, step: int) -> Any:
    if not a.ndim:
        return jnp.reshape(a, (1,))[:size]
    starts = np.arange(0, a.shape[dimension] - size + 1, step)
    windows = jnp.take(a, starts[:, None] + np.arange(size), axis=dimension)
    return jnp.moveaxis(windows, dimension + 1, -1)


def _split(a: Any, split_size: Any, dim: int) -> tuple[Any, ...]:
    sizes = split_size
    if isinstance(split_size, int):
        n = a.shape[dim]
        sizes = [min(split_size, n - i) for i in range(0, n, split_size)] if n else [0]
    ends = list(accumulate(sizes))
    return tuple(a[cut(dim, slice(end - n, end))] for n, end in zip(sizes, ends, strict=True))


def _widths(rank: int, pad: Any) -> list[tuple[int, int]]:
    """Return what is added before and after each dimension; PyTorch names the last one first."""
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    return [(0, 0)] * (rank - len(pairs)) + pairs


def _constant_pad(a: Any, pad: Any, value: Any) -> Any:
    config = [(before, after, 0) for before, after in _widths(a.ndim, pad)]
    return lax.pad(a, jnp.asarray(value, a.dtype), config)


def _pad(a: Any, pad: Any, mode: str) -> Any:
    widths = _widths(a.ndim, pad)
    cuts = tuple(
        slice(max(-b, 0), n - max(-e, 0)) for n, (b, e) in zip(a.shape, widths, strict=True)
    )
    return jnp.pad(a[cuts], [(max(b, 0), max(e, 0)) for b, e in widths], MODES[mode])


def _shuffle(a: Any, upscale_factor: int) -> Any:
    r, (*lead, c, h, w) = upscale_factor, a.shape
    split = jnp.reshape(a, (prod(lead), c // r**2, r, r, h, w))
    moved = jnp.einsum("ncijhw->nchiwj", split)
    return jnp.reshape(moved, (*lead, c // r**2, h * r, w * r))


def _unshuffle(a: Any, downscale_factor: int) -> Any:
    r, (*lead, c, h, w) = downscale_factor, a.shape
    split = jnp.reshape(a, (prod(lead), c, h // r, r, w // r, r))
    moved = jnp.einsum("nchiwj->ncijhw", split)
    return jnp.reshape(moved, (*lead, c * r**2, h // r, w // r))


def _channel_shuffle(a: Any, groups: int) -> Any:
    split = jnp.reshape(a, (a.shape[0], groups, a.shape[1] // groups, *a.shape[2:]))
    return jnp.reshape(jnp.swapaxes(split, 1, 2), a.shape)


def _filled(a: Any, value: Any) -> Any:
    return jnp.broadcast_to(jnp.asarray(value, a.dtype), a.shape)


def _swap(a: Any, dim0: int, dim1: int) -> Any:
    return jnp.swapaxes(a, dim0, dim1) if a.ndim else a


# fmt: off
def _counting(tensors: tuple[Any, ...]) -> list[Any]:
    """Leave out the empty vectors among tensors of more dimensions."""
    rank = max(x.ndim for x in tensors)
    return [x for x in tensors if x.ndim == rank]


ROWS: dict[str, Any] = {
    "detach":                 lax.stop_gradient,
    "clone":                  jnp.copy,
    "_contiguous_copy":       jnp.copy,
    "_grad_copy":             jnp.copy,
    "_alias":                 lambda a: a,
    "_to_copy":               _cast,
    "zeros_like":             lambda a, dtype: jnp.zeros(a.shape, dtype or a.dtype),
    "ones_like":              lambda a, dtype: jnp.ones(a.shape, dtype or a.dtype),
    "view":                   lambda a, shape: jnp.reshape(a, shape),
    "_unsafe_view":           lambda a, shape: jnp.reshape(a, shape),
    "_reshape_alias":         lambda a, shape: jnp.reshape(a, shape),
    "expand":                 _expand,
    "permute":                lambda a, dims: jnp.transpose(a, dims),
    "t":                      jnp.transpose,
    "t_":                     jnp.transpose,
    "transpose":              _swap,
    "transpose_":             _swap,
    "unsqueeze":              lambda a, dim: jnp.expand_dims(a, dim),
    "unsqueeze_":             lambda a, dim: jnp.expand_dims(a, dim),
    "squeeze.all":            jnp.squeeze,
    "squeeze_.all":           jnp.squeeze,
    "squeeze.dim":            _squeeze,
    "squeeze_.dim":           _squeeze,
    "squeeze.dims":           _squeeze,
    "squeeze_.dims":          _squeeze,
    "_squeeze_":              _squeeze,
    "flip":                   lambda a, dims: jnp.flip(a, dims) if a.ndim else a,
    "_roll":                  _roll,
    "rot90":                  lambda a, k, dims: jnp.rot90(a, k, dims or (0, 1)),
    "repeat":                 lambda a, repeats: jnp.tile(a, repeats),
    "diagonal":               lambda a, offset, dim1, dim2: jnp.diagonal(a, offset, dim1, dim2),
    "diagonal_copy":          lambda a, offset, dim1, dim2: jnp.diagonal(a, offset, dim1, dim2),
    "diag_embed":             _diag_embed,
    "tril":                   lambda a, diagonal: jnp.tril(a, diagonal),
    "triu":                   lambda a, diagonal: jnp.triu(a, diagonal),
    "trace":                  jnp.trace,
    "unfold":                 _unfold,
    "fill.Scalar":            _filled,
    "fill.Tensor":            _filled,
    "fill_.Scalar":           _filled,
    "fill_.Tensor":           _filled,
    "copy_":                  _filled,
    # joining and padding
    "cat":                    lambda *tensors, dim: jnp.concatenate(_counting(tensors), dim),
    "stack":                  lambda *tensors, dim: jnp.stack(tensors, dim),
    "split.Tensor":           _split,
    "unbind.int":             lambda a, dim: tuple(jnp.moveaxis(a, dim, 0)),
    "_block_diag":            lambda *tensors: jax.scipy.linalg.block_diag(*tensors),
    "constant_pad_nd":        _constant_pad,
    "_pad":                   _pad,
    "pixel_shuffle":          _shuffle,
    "pixel_unshuffle":        _unshuffle,
    "channel_shuffle":        _channel_shuffle,
}
# fmt: on
