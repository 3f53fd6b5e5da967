"""JAX's random numbers: Threefry 2x32, whose words are a function of a key and a count.

As JAX 0.10 has it with `jax_threefry_partitionable`, its default: element n of a result comes from
the count n, whatever the result's shape. Words, keys, whole numbers and float32 are JAX's to the
bit on a processor with FMA; in float64 `normal` and what needs a logarithm may differ in the last.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011).
"""

from __future__ import annotations

from math import ceil, log, prod

import numpy as np

from gradcli.random.fused import fused
from gradcli.rule.dtypes import Array, DType

Shape = tuple[int, ...]

ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
PARITY = 0x1BD11BDA
WORD = np.dtype(np.uint32)


def hashed(key: Array, high: Array, low: Array) -> tuple[Array, Array]:
    """Return both words that a key makes of pairs of words."""
    a, b = WORD.type(key[0]), WORD.type(key[1])
    keys = (a, b, a ^ b ^ WORD.type(PARITY))
    with np.errstate(over="ignore"):
        x, y = high + keys[0], low + keys[1]
        for i in range(5):
            for r in ROTATIONS[i % 2]:
                x = x + y
                y = x ^ ((y << WORD.type(r)) | (y >> WORD.type(32 - r)))
            x = x + keys[(i + 1) % 3]
            y = y + keys[(i + 2) % 3] + WORD.type(i + 1)
    return x, y


def key_of(seed: int) -> Array:
    """Return the key of a seed, an integer of at most 64 bits: its upper and its lower word."""
    return np.array([seed >> 32 & 0xFFFFFFFF, seed & 0xFFFFFFFF], WORD)


def split(key: Array, shape: Shape) -> Array:
    """Return new keys, of shape `(*shape, 2)`."""
    return np.stack(hashed(key, *_counts(shape)), axis=-1)


def fold_in(key: Array, data: int) -> Array:
    """Return the key that a key and a number of 32 bits make."""
    low = np.array([data & 0xFFFFFFFF], WORD)
    return np.concatenate(hashed(key, np.zeros_like(low), low))


def bits(key: Array, width: int, shape: Shape) -> Array:
    """Return random words of 8, 16, 32 or 64 bits."""
    high, low = hashed(key, *_counts(shape))
    if width == 64:
        return np.asarray(high.astype(np.uint64) << np.uint64(32) | low)
    return (high ^ low).astype(f"uint{width}")


def _counts(shape: Shape) -> tuple[Array, Array]:
    count = np.arange(prod(shape), dtype=np.uint64).reshape(shape)
    return (count >> np.uint64(32)).astype(WORD), count.astype(WORD)


def uniform(
    key: Array, shape: Shape, dtype: DType, low: Array | float = 0.0, high: Array | float = 1.0
) -> Array:
    """Return numbers from `low` up to `high`, which are of shapes that fit `shape`."""
    info = np.finfo(dtype)
    drawn = bits(key, info.bits, shape)
    exponent = np.ones((), dtype).view(drawn.dtype)
    drawn = drawn >> drawn.dtype.type(info.bits - info.nmant) | exponent
    unit = drawn.view(dtype) - dtype.type(1)
    low, high = np.asarray(low, dtype), np.asarray(high, dtype)
    return np.asarray(np.maximum(low, fused(unit, high - low, low)), dtype)


def symmetric(key: Array, shape: Shape, dtype: DType) -> Array:
    """Return numbers between -1 and 1, whose inverse error function is normally distributed."""
    return uniform(key, shape, dtype, np.nextafter(dtype.type(-1), dtype.type(0)), 1.0)


def integers(key: Array, shape: Shape, low: Array, high: Array, dtype: DType) -> Array:
    """Return whole numbers from `low` up to, but without, `high`; `low` where there are none."""
    info, bounds = np.iinfo(dtype), (np.asarray(low, np.int64), np.asarray(high, np.int64))
    beyond = bounds[1] > info.max
    low, high = (np.clip(x, info.min, info.max).astype(dtype) for x in bounds)
    width = info.bits
    first, second = (bits(k, width, shape) for k in split(key, (2,)))
    word = first.dtype.type
    with np.errstate(over="ignore"):
        span = np.where(high <= low, word(1), (high - low).astype(word))
        span = np.where(beyond & (high > low), span + word(1), span).astype(word)
        whole = span == 0  # of all numbers there are: the remainder is the number
        by = np.where(whole, word(1), span)
        factor = word(1 << (width // 2)) % by
        factor = (factor * factor) % by
        offset = ((first % by) * factor + second % by) % by
        offset = np.where(whole, second, offset).astype(word)
        return np.asarray(low + offset.astype(dtype), dtype)


def order(key: Array, count: int) -> Array:
    """Return a random order of `count` items: as many sorts by random words as keep it fair."""
    found = np.arange(count)
    for _ in range(ceil(3 * log(max(1, count)) / log(2**32 - 1))):
        key, own = split(key, (2,))
        found = found[np.argsort(bits(own, 32, (count,)), kind="stable")]
    return found
