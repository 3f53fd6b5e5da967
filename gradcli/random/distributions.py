"""What is made of uniform and of normal numbers, as PyTorch makes it: in float64, then rounded.

The sentences of the errors are PyTorch 2.13's.
"""

from __future__ import annotations

import math

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.random import Generator, Shape
from gradcli.random.fused import fused, mapped
from gradcli.rule.dtypes import FLOAT32, FLOAT64, Array


def exponential(generator: Generator, shape: Shape, lambd: float = 1.0) -> Array:
    """Return numbers of the exponential distribution with a rate, in float64."""
    if lambd <= 0:
        raise ArgumentFault(f"exponential_ expects lambda > 0.0, but found lambda={lambd:g}")
    return np.asarray(-1.0 / lambd * mapped(math.log1p, -generator.rand(shape)))


def cauchy(generator: Generator, shape: Shape, median: float = 0.0, sigma: float = 1.0) -> Array:
    """Return numbers of the Cauchy distribution, in float64."""
    if sigma <= 0:
        raise ArgumentFault(f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    slope = mapped(math.tan, math.pi * (generator.rand(shape) - 0.5))
    return fused(np.full(shape, sigma), slope, median)


def log_normal(generator: Generator, shape: Shape, mean: float = 1.0, std: float = 2.0) -> Array:
    """Return numbers whose logarithms are normal, in float64."""
    if std <= 0:
        raise ArgumentFault(f"log_normal_ expects std > 0.0, but found std={std:g}")
    return mapped(_exp, generator.gauss(mean, std, shape))


def geometric(generator: Generator, shape: Shape, p: float) -> Array:
    """Return how many trials a first success takes, in float64."""
    if not 0 < p < 1:
        raise ArgumentFault(f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    return np.ceil(mapped(_log, generator.rand(shape)) / math.log(1.0 - p))


def multinomial(generator: Generator, p: Array, count: int, *, replacement: bool) -> Array:
    """Return indices drawn with probabilities in proportion to the rows of `p`.

    `p` has shape (n,) or (rows, n), the result (count,) or (rows, count), int64.
    Raises ArgumentFault.
    """
    if p.ndim not in (1, 2):
        raise ArgumentFault("prob_dist must be 1 or 2 dim")
    if p.dtype.kind != "f" and p.dtype.name != "bfloat16":
        raise ArgumentFault(
            f"multinomial only supports floating-point dtypes for input, got: {p.dtype.name}"
        )
    if count <= 0:
        raise ArgumentFault("cannot sample n_sample <= 0 samples")
    if not replacement and count > p.shape[-1]:
        raise ArgumentFault(
            "cannot sample n_sample > prob_dist.size(-1) samples without replacement"
        )
    if not (np.isfinite(p) & (p >= 0)).all():
        raise ArgumentFault("probability tensor contains either `inf`, `nan` or element < 0")
    if (p.sum(-1) == 0).any():
        raise ArgumentFault("invalid multinomial distribution (sum of probabilities <= 0)")
    if replacement and count > 1:  # one draw is made in the way that needs no replacement
        return _with_replacement(generator, p, count)
    weights = p / exponential(generator, p.shape).astype(p.dtype)
    if count == 1:
        return np.asarray(np.argmax(weights, -1, keepdims=True))
    order = np.argsort(-weights, -1, kind="stable")[..., : count + 1]
    if (np.diff(np.take_along_axis(weights, order, -1)) == 0).any():
        raise ArgumentFault(
            "multinomial(): categories are equally far up, and PyTorch promises no order of them",
            hint="take probabilities above 0 in float32 or float64, or replacement=True",
        )
    return np.asarray(order[..., :count])


def _with_replacement(generator: Generator, p: Array, count: int) -> Array:
    """Look uniform numbers up in the sums of the probabilities so far."""
    wide = FLOAT32 if p.dtype.itemsize == 2 else p.dtype
    sums = np.cumsum(p, -1, dtype=wide)
    sums = np.atleast_2d(sums / sums[..., -1:])
    sums[:, -1] = 1
    u = generator.rand((len(sums), count))
    found = [np.searchsorted(row.astype(FLOAT64), x) for row, x in zip(sums, u, strict=True)]
    return np.asarray(found, np.int64).reshape(*p.shape[:-1], count)


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _log(x: float) -> float:
    return math.log(x) if x else -math.inf
