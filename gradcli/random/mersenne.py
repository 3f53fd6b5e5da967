"""PyTorch's random numbers of the CPU: the Mersenne twister, and what ATen makes of its words.

The stream is one for all calls, so what an earlier call draws moves what a later one gives. The
numbers are those of PyTorch 2.13 for x86 with AVX2, to the last bit where the C library's `log`,
`log1p`, `sin` and `cos` are those that PyTorch uses: uniform numbers, integers, permutations and
`randn` in float32 from 16 elements on need none of them.

Source: the steps of ATen's `DistributionsHelper.h` and `DistributionTemplates.h`, measured against
PyTorch; Matsumoto, Nishimura, "Mersenne twister" (1998); Box, Muller (1958).
"""

from __future__ import annotations

import math
from math import sqrt
from typing import Any

import numpy as np

from gradcli.errors import LimitFault
from gradcli.random import (
    PRECISION,
    Generator,
    Shape,
    check_deviation,
    check_p,
    check_range,
    checked_count,
    most,
    not_implemented,
)
from gradcli.random.fused import fused, log32, mapped, sin_cos32
from gradcli.rule.dtypes import FLOAT32, FLOAT64, INT64, Array, DType, is_complex, to_real

BLOCK = 16  # from so many elements on normal numbers come in blocks
WIDE = 2**28  # from such a range on an integer takes two words
FEW = (2**32 - 1) // 20  # permutations of so many swap forwards


class Mersenne(Generator):
    """PyTorch's generator of the CPU, under the methods of ours."""

    def manual_seed(self, seed: int) -> None:
        super().manual_seed(seed)
        self._engine = np.random.MT19937()
        self._engine._legacy_seeding(self._seed % 2**32)
        self._spare: float | None = None  # the second of a pair of normal numbers

    def kept(self) -> tuple[Any, ...]:
        return (*super().kept(), self._engine.state)

    def restore(self, kept: tuple[Any, ...]) -> None:
        super().restore(kept)
        self._engine.state = kept[1]

    def rand(self, shape: Shape, dtype: DType = FLOAT64) -> Array:
        return self.uniform(0.0, 1.0, shape, dtype)

    def uniform(self, low: float, high: float, shape: Shape, dtype: DType = FLOAT64) -> Array:
        """Return numbers spread evenly from `low` to `high`, of 24 bits, or 53 in float64."""
        real = to_real(dtype)
        if real.name not in PRECISION:
            raise not_implemented("check_uniform_bounds", dtype)
        parts = self._unit(checked_count(shape) * (2 if is_complex(dtype) else 1), real)
        start, end = (np.asarray(x, parts.dtype) for x in (low, high))
        parts = fused(parts, end - start, start).astype(real)
        parts[parts == end.astype(real)] = start  # what is rounded up to the end
        return _shaped(parts, shape, dtype)

    def randn(self, shape: Shape, dtype: DType = FLOAT64) -> Array:
        return self._normal(0.0, 1.0, shape, dtype)

    def normal(
        self, mean: Array | float, std: Array | float, shape: Shape, dtype: DType = FLOAT64
    ) -> Array:
        check_deviation(std)
        if np.ndim(mean) == np.ndim(std) == 0:
            return self._normal(float(mean), float(std), shape, dtype)
        if np.ndim(std):
            drawn = self.randn(shape, dtype) * np.asarray(std, dtype)
        else:
            drawn = self._normal(0.0, float(std), shape, dtype)
        return np.asarray(drawn + np.asarray(mean, dtype), dtype)

    def gauss(self, mean: float, std: float, shape: Shape) -> Array:
        """Return normal numbers in float64 one after the other, as fewer than 16 are drawn."""
        count = checked_count(shape)
        check_deviation(std)
        held = [] if self._spare is None or not count else [self._spare]
        pairs = (count - len(held) + 1) // 2
        u = self._unit(2 * pairs, FLOAT64).reshape(-1, 2)
        radius = np.sqrt(-2.0 * mapped(math.log1p, -u[:, 1]))
        drawn = _polar(radius, 2.0 * math.pi * u[:, 0]).T.ravel()
        drawn = np.concatenate([np.asarray(held, FLOAT64), drawn])
        if count:
            self._spare = float(drawn[count]) if len(drawn) > count else None
        return fused(drawn[:count], std, mean).reshape(shape)

    def randint(self, low: int, high: int, shape: Shape, dtype: DType = INT64) -> Array:
        check_range(low, high, dtype)
        count, span = checked_count(shape), high - low
        words = self._words64(count) if span >= WIDE else self._words(count)
        drawn = (words % np.uint64(span)).view(INT64) if span < 2**64 else words.view(INT64)
        with np.errstate(over="ignore"):
            return np.asarray(drawn + np.int64(low)).astype(dtype).reshape(shape)

    def integers(self, shape: Shape, dtype: DType) -> Array:
        """Return integers from 0 to the greatest of a dtype, or that is exact in it."""
        count = checked_count(shape)
        words = self._words64(count) if dtype in (INT64, FLOAT64) else self._words(count)
        return (words % np.uint64(most(dtype) + 1)).astype(dtype).reshape(shape)

    def randperm(self, n: int) -> Array:
        count = checked_count((n,))
        if count >= FEW:
            raise LimitFault(f"permutations are of fewer than {FEW:,} numbers")
        found, words = list(range(count)), self._words(max(count - 1, 0)).tolist()
        for i, word in enumerate(words):
            j = i + word % (count - i)
            found[i], found[j] = found[j], found[i]
        return np.asarray(found, INT64)

    def bernoulli(self, p: Array) -> Array:
        check_p(p)
        wide = p.dtype == FLOAT64
        drawn = self._unit(p.size, FLOAT64 if wide else FLOAT32).reshape(p.shape)
        return np.asarray(drawn < p.astype(drawn.dtype), p.dtype)

    def slopes(self, a: Array, low: float, high: float) -> Array:
        below = a <= 0  # the others take no number
        low, high = (float(np.asarray(x, a.dtype)) for x in (low, high))
        found = np.ones(a.shape, a.dtype)
        drawn = self._unit(int(below.sum()), FLOAT64)
        found[below] = drawn * (high - low) + low  # this kernel rounds the product too
        return found

    # ---- words and what they make ----------------------------------------------------------

    def _words(self, count: int) -> Array:
        """Return words of 32 bits, as uint64."""
        self._calls += 1
        return np.asarray(self._engine.random_raw(count), np.uint64)

    def _words64(self, count: int) -> Array:
        """Return words of 64 bits: the upper half is drawn first."""
        pairs = self._words(2 * count).reshape(-1, 2)
        return (pairs[:, 0] << np.uint64(32)) | pairs[:, 1]

    def _unit(self, count: int, dtype: DType) -> Array:
        """Return numbers in [0, 1): in float64 if asked for, else in float32."""
        if dtype == FLOAT64:
            return (self._words64(count) & np.uint64(2**53 - 1)) * 2.0**-53
        return (self._words(count) & np.uint64(2**24 - 1)).astype(FLOAT32) * np.float32(2.0**-24)

    def _normal(self, mean: float, std: float, shape: Shape, dtype: DType) -> Array:
        real = to_real(dtype)
        if real.name not in PRECISION:
            raise not_implemented("normal_kernel_cpu", dtype)
        count = checked_count(shape)
        if is_complex(dtype):
            count, std = 2 * count, std / sqrt(2)
        if count >= BLOCK:
            return _shaped(self._blocks(mean, std, count, real), shape, dtype)
        return _shaped(self.gauss(mean, std, (count,)), shape, dtype)

    def _blocks(self, mean: float, std: float, count: int, dtype: DType) -> Array:
        """Return normal numbers of blocks of 16; the last 16 are drawn anew where some remain.

        What remains was drawn before in float32 and float64, and was not in narrower dtypes.
        """
        whole = count // BLOCK * BLOCK
        u = self._unit(whole if dtype.itemsize == 2 else count, dtype)
        made = np.empty(count, u.dtype)
        made[:whole] = _block(u[:whole], mean, std, dtype)
        if whole < count:
            made[-BLOCK:] = _block(self._unit(BLOCK, dtype), mean, std, dtype)
        return made


def _block(u: Array, mean: float, std: float, dtype: DType) -> Array:
    """Return normal numbers of uniform ones: 8 radii and 8 angles make 8 cosines and 8 sines."""
    first, second = 1 - u.reshape(-1, 2, 8)[:, 0], u.reshape(-1, 2, 8)[:, 1]
    if dtype == FLOAT64:
        radius = np.sqrt(-2.0 * mapped(math.log, first))
        cos, sin = _polar(radius, 2.0 * math.pi * second)
    else:
        radius = np.sqrt(np.float32(-2) * log32(first))
        sin, cos = (radius * x for x in sin_cos32(np.float32(2 * math.pi) * second))
    return fused(np.stack([cos, sin], 1), std, mean).ravel()


def _polar(radius: Array, angle: Array) -> Array:
    """Return x and y, each with the C library's cosine and sine, which NumPy's may differ from."""
    return np.stack([radius * mapped(math.cos, angle), radius * mapped(math.sin, angle)])


def _shaped(parts: Array, shape: Shape, dtype: DType) -> Array:
    real = parts.astype(to_real(dtype))
    return (real.view(dtype) if is_complex(dtype) else real).reshape(shape)
