"""What `torch.nn.init` fills tensors with.

Source: the formulas of `torch/nn/init.py` in PyTorch 2.13, whose sentences the errors are.
"""

from __future__ import annotations

from math import ceil, erf, prod, sqrt

import numpy as np

from gradcli.errors import ArgumentFault
from gradcli.random import Generator, Shape
from gradcli.rule.dtypes import Array, DType

_GAINS = {"tanh": 5 / 3, "relu": sqrt(2), "selu": 3 / 4} | dict.fromkeys(
    ("linear", "sigmoid", *(f"conv{t}{d}d" for t in ("", "_transpose") for d in (1, 2, 3))), 1.0
)


def gain(nonlinearity: str, param: float | None = None) -> float:
    """Return by how much an activation wants the weights in front of it scaled."""
    if nonlinearity == "leaky_relu":
        slope = 0.01 if param is None else param
        return sqrt(2 / (1 + slope**2))
    if nonlinearity not in _GAINS:
        raise ArgumentFault(f"Unsupported nonlinearity {nonlinearity}")
    return _GAINS[nonlinearity]


def fans(shape: Shape) -> tuple[int, int]:
    """Return how many numbers an output of a layer is made of, and how many an input goes into."""
    if len(shape) < 2:
        raise ArgumentFault(
            "Fan in and fan out can not be computed for tensor with fewer than 2 dimensions"
        )
    field = prod(shape[2:])
    return shape[1] * field, shape[0] * field


def xavier_std(shape: Shape, gain: float = 1.0) -> float:
    """Return the standard deviation of Glorot and Bengio (2010)."""
    return gain * sqrt(2.0 / float(sum(fans(shape))))


def kaiming_std(shape: Shape, a: float, mode: str, nonlinearity: str) -> float:
    """Return the standard deviation of He et al. (2015)."""
    modes = ["fan_in", "fan_out"]
    if mode.lower() not in modes:
        raise ArgumentFault(f"Mode {mode} not supported, please use one of {modes}")
    return gain(nonlinearity, a) / sqrt(fans(shape)[modes.index(mode.lower())])


def dirac(shape: Shape, groups: int) -> Array:
    """Return the weights of a convolution that keeps its input, as far as channels allow."""
    if len(shape) not in (3, 4, 5):
        raise ArgumentFault("Only tensors with 3, 4, or 5 dimensions are supported")
    if groups < 1 or shape[0] % groups:
        raise ArgumentFault("dim 0 must be divisible by groups")
    found, each = np.zeros(shape), shape[0] // groups
    middle = tuple(n // 2 for n in shape[2:])
    for group in range(groups):
        for d in range(min(each, shape[1])):
            found[(group * each + d, d, *middle)] = 1
    return found


def orthogonal(generator: Generator, shape: Shape, dtype: DType, gain: float) -> Array:
    """Return a matrix with orthogonal rows or columns; more dimensions are taken as columns.

    The numbers are PyTorch's up to the rounding of a QR factorisation.
    """
    if len(shape) < 2:
        raise ArgumentFault("Only tensors with 2 or more dimensions are supported")
    if 0 in shape:
        return np.zeros(shape, dtype)
    rows, columns = shape[0], prod(shape[1:])
    drawn = generator.randn((rows, columns), dtype)
    q, r = np.linalg.qr(drawn.T if rows < columns else drawn)
    q = q * np.sign(np.diag(r))
    return np.asarray((q.T if rows < columns else q).reshape(shape) * gain)


def sparse(generator: Generator, shape: Shape, dtype: DType, sparsity: float, std: float) -> Array:
    """Return normal numbers, of which each column has a share of zeros."""
    if len(shape) != 2:
        raise ArgumentFault("Only tensors with 2 dimensions are supported")
    found = generator.normal(0.0, std, shape, dtype)
    for column in range(shape[1]):
        found[generator.randperm(shape[0])[: ceil(sparsity * shape[0])], column] = 0
    return found


def below(mean: float, std: float, x: float) -> float:
    """Return the share of normal numbers below `x`."""
    if not std:
        raise ArgumentFault("float division by zero", hint="a standard deviation is not 0")
    return (1.0 + erf((x - mean) / std / sqrt(2.0))) / 2.0
