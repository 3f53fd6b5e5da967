"""Fourier transforms. All are linear: a transform's transpose is one in the other direction."""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.ops.pointwise.complex import conj_stored
from gradcli.ops.shape.indexing import slice_
from gradcli.ops.shape.layout import pad_constant, roll
from gradcli.ops.shape.shapes import cat, conj, to
from gradcli.rule.dtypes import SCALAR_NAMES, to_complex, to_real
from gradcli.rule.meta import Meta, dim_index, own_dim
from gradcli.rule.rows import composite, primitive
from gradcli.rule.rule import Composite, Multilinear

# ---- the three transforms ------------------------------------------------------------------

# what the result is divided by: nothing, the root of the number of points, or that number
NONE, ROOT, COUNT = 0, 1, 2
_FORWARD: dict[int, Any] = {NONE: "backward", ROOT: "ortho", COUNT: "forward"}
_BACKWARD: dict[int, Any] = {NONE: "forward", ROOT: "ortho", COUNT: "backward"}


def _c2c(a: Any, dim: Any, normalization: int, forward: bool) -> Any:
    transform, norms = (np.fft.fftn, _FORWARD) if forward else (np.fft.ifftn, _BACKWARD)
    return transform(a, axes=dim, norm=norms[normalization])


def _r2c(a: Any, dim: Any, normalization: int, onesided: bool) -> Any:
    transform = np.fft.rfftn if onesided else np.fft.fftn
    return transform(a, axes=dim, norm=_FORWARD[normalization])


def _c2r(a: Any, dim: Any, normalization: int, size: int) -> Any:
    sizes = (*(a.shape[d] for d in dim[:-1]), size)
    return np.fft.irfftn(a, sizes, dim, norm=_BACKWARD[normalization])


def _c2c_meta(a: Any, dim: Any, normalization: int, forward: bool) -> Meta:
    return Meta(a.shape, a.dtype)


def _last(shape: Any, dim: Any, size: int) -> tuple[int, ...]:
    return tuple(size if d == dim[-1] else n for d, n in enumerate(shape))


def _r2c_meta(a: Any, dim: Any, normalization: int, onesided: bool) -> Meta:
    shape = _last(a.shape, dim, a.shape[dim[-1]] // 2 + 1) if onesided else a.shape
    return Meta(shape, to_complex(a.dtype))


def _c2r_meta(a: Any, dim: Any, normalization: int, size: int) -> Meta:
    return Meta(_last(a.shape, dim, size), to_real(a.dtype))


def _r2c_rule(g: Any, y: Any, a: Any, dim: Any, normalization: int, onesided: bool) -> Any:
    """Return a complex cotangent: the engine takes its real part."""
    if onesided:
        g = _padded(g, dim[-1], a.shape[dim[-1]])
    return c2c(g, dim=dim, normalization=normalization, forward=False)


def _c2r_rule(g: Any, y: Any, a: Any, dim: Any, normalization: int, size: int) -> Any:
    """Count twice what stands for itself and for its mirror in the whole spectrum."""
    twice = np.ones(a.shape[dim[-1]], g.dtype)
    twice[1 : 1 + size - a.shape[dim[-1]]] = 2
    twice = twice.reshape(-1, *(1,) * (len(a.shape) - 1 - dim[-1]))
    found = r2c(g, dim=dim, normalization=normalization, onesided=True)
    return found * (found.constant(twice) if hasattr(found, "constant") else twice)


def _padded(a: Any, dim: int, size: int) -> Any:
    """Append zeros along a dimension."""
    short = size - a.shape[dim]
    if short <= 0:
        return a
    zeros = np.zeros((*a.shape[:dim], short, *a.shape[dim + 1 :]), a.dtype)
    return cat(a, zeros, dim=dim)


# fmt: off
c2c = primitive(Multilinear, "_fft_c2c(input, dim: dims, normalization: int, forward: bool)",
    "FftC2CBackward0", _c2c, _c2c_meta,
    lambda g, y, a, dim, normalization, forward:
        c2c(g, dim=dim, normalization=normalization, forward=not forward),
    doc="Fourier transform of complex numbers, in either direction")
r2c = primitive(Multilinear, "_fft_r2c(input, dim: dims, normalization: int, onesided: bool)",
    "FftR2CBackward0", _r2c, _r2c_meta, _r2c_rule,
    saves="input",
    doc="Fourier transform of real numbers, without its mirrored half or with it")
c2r = primitive(Multilinear,
    "_fft_c2r(input, dim: dims, normalization: int, last_dim_size: int)", "FftC2RBackward0",
    lambda a, dim, normalization, last_dim_size: _c2r(a, dim, normalization, last_dim_size),
    lambda a, dim, normalization, last_dim_size: _c2r_meta(a, dim, normalization, last_dim_size),
    lambda g, y, a, dim, normalization, last_dim_size:
        _c2r_rule(g, y, a, dim, normalization, last_dim_size),
    doc="Real numbers from half of their Fourier transform")
# fmt: on

# ---- arguments -----------------------------------------------------------------------------


def _normalization(norm: str | None, forward: bool) -> int:
    if norm in (None, "backward"):
        return NONE if forward else COUNT
    if norm == "forward":
        return COUNT if forward else NONE
    if norm != "ortho":
        raise ArgumentFault(
            f'Invalid normalization mode: "{norm}"', hint="'forward', 'backward' or 'ortho'"
        )
    return ROOT


def _promoted(a: Any, to_a_complex: bool = False) -> Any:
    if a.dtype.kind in "biu":
        a = to(a, getattr(a, "default_dtype", np.dtype(float)))
    if SCALAR_NAMES.get(a.dtype.name) in ("Half", "BFloat16"):
        raise DtypeFault(f"Unsupported dtype {SCALAR_NAMES[a.dtype.name]}")
    return to(a, to_complex(a.dtype)) if to_a_complex and a.dtype.kind != "c" else a


def _real_only(name: str, a: Any) -> Any:
    if a.dtype.kind == "c":
        kind = SCALAR_NAMES.get(a.dtype.name, a.dtype.name)
        raise DtypeFault(f"{name} expects a real input tensor, but got {kind}")
    return _promoted(a)


def _resized(a: Any, dims: tuple[int, ...], sizes: tuple[int, ...]) -> Any:
    """Cut dimensions off or pad them with zeros."""
    pads = [0] * (2 * len(a.shape))
    for dim, size in zip(dims, sizes, strict=True):
        if size < 1:
            raise ShapeFault(f"Invalid number of data points ({size}) specified")
        if a.shape[dim] > size:
            a = slice_(a, dim=dim, start=0, end=size, step=1)
        pads[2 * (len(a.shape) - 1 - dim) + 1] = max(size - a.shape[dim], 0)
    if not any(pads):
        return a
    return pad_constant(a, pad=tuple(pads), value=0)


def _dims(a: Any, s: Any, dim: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the dimensions of an n-dimensional transform, and their sizes."""
    rank = len(a.shape)
    if dim is None:
        count = rank if s is None else len(s)
        if count > rank:
            raise ArgumentFault(
                f"Got shape with {count} values but input tensor only has {rank} dimensions."
            )
        dim = tuple(range(rank - count, rank))
    dims = tuple(own_dim(d, rank) for d in dim)
    if len(set(dims)) < len(dims):
        raise ArgumentFault("FFT dims must be unique")
    if s is not None and len(s) != len(dims):
        raise ArgumentFault("When given, dim and shape arguments must have the same length")
    sizes = (-1,) * len(dims) if s is None else s
    return dims, tuple(a.shape[d] if n == -1 else n for d, n in zip(dims, sizes, strict=True))


# ---- transforms along one dimension ----------------------------------------------------------


def _whole(forward: bool) -> Any:
    def expand(a: Any, n: int | None, dim: int, norm: str | None) -> Any:
        a, dim = _promoted(a), own_dim(dim, len(a.shape))
        a = _resized(a, (dim,), (a.shape[dim] if n is None else n,))
        mode = _normalization(norm, forward)
        if a.dtype.kind == "c":
            return c2c(a, dim=(dim,), normalization=mode, forward=forward)
        found = r2c(a, dim=(dim,), normalization=mode, onesided=False)
        return found if forward else conj(found)

    return expand


def _to_half(name: str, forward: bool) -> Any:
    def expand(a: Any, n: int | None, dim: int, norm: str | None) -> Any:
        a, dim = _real_only(name, a), own_dim(dim, len(a.shape))
        a = _resized(a, (dim,), (a.shape[dim] if n is None else n,))
        found = r2c(a, dim=(dim,), normalization=_normalization(norm, forward), onesided=True)
        return found if forward else conj(found)

    return expand


def _from_half(forward: bool) -> Any:
    def expand(a: Any, n: int | None, dim: int, norm: str | None) -> Any:
        a, dim = _promoted(a, True), own_dim(dim, len(a.shape))
        size = 2 * (a.shape[dim] - 1) if n is None else n
        if size < 1:
            raise ShapeFault(f"Invalid number of data points ({size}) specified")
        a = a if n is None else _resized(a, (dim,), (size // 2 + 1,))
        a = conj(a) if forward else a
        return c2r(a, dim=(dim,), normalization=_normalization(norm, forward), last_dim_size=size)

    return expand


# ---- transforms along several dimensions -----------------------------------------------------


def _whole_n(forward: bool) -> Any:
    def expand(a: Any, s: Any, dim: Any, norm: str | None) -> Any:
        a = _promoted(a, True)
        dims, sizes = _dims(a, s, dim)
        a = _resized(a, dims, sizes)
        if not dims:
            return a
        return c2c(a, dim=dims, normalization=_normalization(norm, forward), forward=forward)

    return expand


def _to_half_n(name: str, forward: bool) -> Any:
    def expand(a: Any, s: Any, dim: Any, norm: str | None) -> Any:
        a = _real_only(name, a)
        dims, sizes = _dims(a, s, dim)
        if not dims:
            raise ArgumentFault(f"{name} must transform at least one axis")
        a, mode = _resized(a, dims, sizes), _normalization(norm, forward)
        if forward:
            return r2c(a, dim=dims, normalization=mode, onesided=True)
        found = conj_stored(r2c(a, dim=dims[-1:], normalization=mode, onesided=True))
        if len(dims) == 1:
            return found
        return c2c(found, dim=dims[:-1], normalization=mode, forward=False)

    return expand


def _from_half_n(name: str, forward: bool) -> Any:
    def expand(a: Any, s: Any, dim: Any, norm: str | None) -> Any:
        a = _promoted(a, True)
        dims, sizes = _dims(a, s, dim)
        if not dims:
            raise ArgumentFault(f"{name} must transform at least one axis")
        given = s is not None and s[-1] != -1
        last = sizes[-1] if given else 2 * (a.shape[dims[-1]] - 1)
        if last < 1:
            raise ShapeFault(f"Invalid number of data points ({last}) specified")
        a = _resized(a, dims, (*sizes[:-1], last // 2 + 1))
        mode = _normalization(norm, forward)
        if not forward:
            return c2r(a, dim=dims, normalization=mode, last_dim_size=last)
        if len(dims) > 1:
            a = c2c(a, dim=dims[:-1], normalization=mode, forward=True)
        return c2r(conj(a), dim=dims[-1:], normalization=mode, last_dim_size=last)

    return expand


def _shift(sign: int) -> Any:
    def expand(a: Any, dim: Any) -> Any:
        rank = len(a.shape)
        dims = tuple(range(rank)) if dim is None else tuple(dim_index(d, rank) for d in dim)
        halves = tuple(a.shape[d] // 2 if sign > 0 else (a.shape[d] + 1) // 2 for d in dims if rank)
        return roll(a, shifts=halves, dims=dims)

    return expand


# ---- the rows ------------------------------------------------------------------------------


def _one(name: str, expand: Any, doc: str, examples: str) -> Composite:
    signature = f"fft.{name}(input, n: int = None, dim: int = -1, norm: str = None)"
    return composite(signature, expand, doc=doc, examples=examples)


def _two(name: str, expand: Any, doc: str, examples: str) -> Composite:
    def last_two(a: Any, s: Any, dim: Any, norm: str | None) -> Any:
        return expand(a, s, (-2, -1) if dim is None else dim, norm)

    signature = f"fft.{name}(input, s: sizes = None, dim: dims = None, norm: str = None)"
    return composite(signature, last_two, doc=doc, examples=examples)


def _many(name: str, expand: Any, doc: str, examples: str) -> Composite:
    signature = f"fft.{name}(input, s: sizes = None, dim: dims = None, norm: str = None)"
    return composite(signature, expand, doc=doc, examples=examples)


# fmt: off
fft   = _one("fft",   _whole(True),  "Fourier transform",
    "fft.fft(v); fft.fft(M, dim=0, norm='ortho'); fft.fft(fft.fft(v)); fft.fft(v, 5)")
ifft  = _one("ifft",  _whole(False), "Inverse Fourier transform",
    "fft.ifft(v); fft.ifft(fft.fft(M), norm='forward'); fft.ifft(v, 2)")
rfft  = _one("rfft",  _to_half("rfft", True), "Half of the Fourier transform of real numbers",
    "fft.rfft(v); fft.rfft(M, 4); fft.rfft(T, dim=0, norm='forward')")
irfft = _one("irfft", _from_half(False), "Real numbers from half of their Fourier transform",
    "fft.irfft(v); fft.irfft(fft.rfft(v), 3); fft.irfft(fft.fft(M), norm='ortho')")
hfft  = _one("hfft",  _from_half(True), "Fourier transform, real, of half a Hermitian signal",
    "fft.hfft(v); fft.hfft(fft.fft(v), 5)")
ihfft = _one("ihfft", _to_half("ihfft", False), "Inverse of hfft",
    "fft.ihfft(v); fft.ihfft(M, norm='ortho')")

fft2   = _two("fft2",   _whole_n(True),  "Fourier transform along two dimensions",
    "fft.fft2(M); fft.fft2(T, norm='ortho')")
ifft2  = _two("ifft2",  _whole_n(False), "Inverse Fourier transform along two dimensions",
    "fft.ifft2(M)")
rfft2  = _two("rfft2",  _to_half_n("rfft2", True),
    "Half of the Fourier transform of real numbers, along two dimensions", "fft.rfft2(T)")
irfft2 = _two("irfft2", _from_half_n("irfft2", False),
    "Real numbers from half of their Fourier transform, along two dimensions",
    "fft.irfft2(M); fft.irfft2(fft.fft2(T), (2, 3))")
hfft2  = _two("hfft2",  _from_half_n("hfft2", True),
    "Fourier transform, real, of half a Hermitian signal, along two dimensions", "fft.hfft2(M)")
ihfft2 = _two("ihfft2", _to_half_n("ihfft2", False), "Inverse of hfft2", "fft.ihfft2(M)")

fftn   = _many("fftn",   _whole_n(True),  "Fourier transform along several dimensions",
    "fft.fftn(T); fft.fftn(T, (4, 2), dim=(0, 2))")
ifftn  = _many("ifftn",  _whole_n(False), "Inverse Fourier transform along several dimensions",
    "fft.ifftn(T, norm='ortho')")
rfftn  = _many("rfftn",  _to_half_n("rfftn", True),
    "Half of the Fourier transform of real numbers, along several dimensions",
    "fft.rfftn(T); fft.rfftn(T, dim=(2, 0))")
irfftn = _many("irfftn", _from_half_n("irfftn", False),
    "Real numbers from half of their Fourier transform, along several dimensions",
    "fft.irfftn(T)")
hfftn  = _many("hfftn",  _from_half_n("hfftn", True),
    "Fourier transform, real, of half a Hermitian signal, along several dimensions",
    "fft.hfftn(T)")
ihfftn = _many("ihfftn", _to_half_n("ihfftn", False), "Inverse of hfftn", "fft.ihfftn(T)")

fftshift  = composite("fft.fftshift(input, dim: dims = None)", _shift(1),
    doc="Frequency 0 moved to the middle", examples="fft.fftshift(v); fft.fftshift(M, dim=1)")
ifftshift = composite("fft.ifftshift(input, dim: dims = None)", _shift(-1),
    doc="Inverse of fftshift", examples="fft.ifftshift(v); fft.ifftshift(T)")
# fmt: on
