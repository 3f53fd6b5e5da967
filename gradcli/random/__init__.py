"""Random tensors that are the same every time: streams of numbers given by a seed and a count.

These are the numbers of a file that neither imports PyTorch nor calls `manual_seed`; those have
PyTorch's own (`mersenne.py`). The n-th random tensor of a file is drawn from Philox 4x64 with the
seed as its key and n in its counter. So the same file gives the same numbers, and a random tensor
added below the others leaves theirs as they were.

NumPy promises Philox's bits on every platform and in every version. `rand` and `bernoulli` are
made of them by exact arithmetic, and share the promise. The other methods use the algorithms of
NumPy's Generator, which are the same on every platform up to the last digit of a logarithm, and
which NumPy may improve in a later version (NEP 19); a test notices if it does.

Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3" (2011). The
sentences of the errors are PyTorch 2.13's.
"""

from __future__ import annotations

from math import prod, sqrt
from typing import Any

import numpy as np

from gradcli.errors import ArgumentFault, DtypeFault, ShapeFault
from gradcli.rule.dtypes import FLOAT64, INT64, SCALAR_NAMES, Array, DType, is_complex, to_real

Shape = tuple[int, ...]

PRECISION = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}  # bits of a significand
C_NAMES = {  # as these sentences call the dtypes
    "float16": "c10::Half", "bfloat16": "c10::BFloat16", "float32": "float", "float64": "double",
    "uint8": "unsigned char", "int8": "signed char", "int16": "short int", "int32": "int",
    "int64": "long int", "bool": "bool",
}  # fmt: skip


class Generator:
    """A source of random tensors; each call of a method but `manual_seed` has its own stream."""

    def __init__(self, seed: int = 0) -> None:
        self._calls = 0
        self.manual_seed(seed)

    @property
    def seed(self) -> int:
        """The seed that the numbers began with."""
        return self._seed

    def manual_seed(self, seed: int) -> None:
        """Start anew with the first stream of a seed, an integer from -2**63 to 2**64 - 1.

        A negative seed means the same as 2**64 more, as in PyTorch. Raises ArgumentFault.
        """
        if not -(2**63) <= seed < 2**64:
            raise ArgumentFault(
                "Overflow when unpacking long long",
                hint="a seed is an integer from -2**63 to 2**64 - 1",
            )
        self._seed = seed % 2**64
        self._calls = 0

    def kept(self) -> tuple[Any, ...]:
        """Return what it takes to draw the same numbers again."""
        return (vars(self).copy(),)

    def restore(self, kept: tuple[Any, ...]) -> None:
        """Go back to what `kept` has returned."""
        vars(self).update(kept[0])

    def rand(self, shape: Shape, dtype: DType = FLOAT64) -> Array:
        """Return numbers spread evenly over [0, 1); complex ones have such parts.

        In a narrower dtype they are the numbers of float64 rounded down, so never 1.
        Raises DtypeFault for integers and booleans, ShapeFault for a negative size.
        """
        bits = PRECISION.get(to_real(dtype).name)
        if bits is None:
            raise not_implemented("check_uniform_bounds", dtype)
        uniform = self._stream().random(_parts(shape, dtype))
        return _joined(np.floor(uniform * 2.0**bits) / 2.0**bits, dtype)

    def randn(self, shape: Shape, dtype: DType = FLOAT64) -> Array:
        """Return numbers of the normal distribution with mean 0 and variance 1.

        The parts of a complex number have the variance 1/2. Raises DtypeFault for integers and
        booleans, ShapeFault for a negative size.
        """
        if to_real(dtype).name not in PRECISION:
            raise not_implemented("normal_kernel_cpu", dtype)
        normal = self._stream().standard_normal(_parts(shape, dtype))
        return _joined(normal * sqrt(0.5) if is_complex(dtype) else normal, dtype)

    def randint(self, low: int, high: int, shape: Shape, dtype: DType = INT64) -> Array:
        """Return integers from `low` to `high - 1`, each as likely, in any dtype but a complex one.

        Raises ArgumentFault for an empty range or one that the dtype does not hold, DtypeFault
        for complex numbers, ShapeFault for a negative size.
        """
        check_range(low, high, dtype)
        return np.asarray(self._stream().integers(low, high, _parts(shape, dtype)), dtype)

    def randperm(self, n: int) -> Array:
        """Return the integers from 0 to n - 1 in random order: shape (n,), int64.

        Raises ShapeFault for a negative `n`.
        """
        _parts((n,), INT64)
        return self._stream().permutation(n).astype(INT64)

    def bernoulli(self, p: Array) -> Array:
        """Return 1 with the probability `p` and 0 otherwise: shape and dtype of `p`.

        Raises DtypeFault where `p` is not of a real floating point dtype, ArgumentFault where a
        probability is not between 0 and 1.
        """
        check_p(p)
        return np.asarray(self._stream().random(p.shape) < p.astype(FLOAT64), p.dtype)

    def normal(
        self, mean: Array | float, std: Array | float, shape: Shape, dtype: DType = FLOAT64
    ) -> Array:
        """Return normal numbers of a shape to which the mean and the standard deviation broadcast.

        Raises ArgumentFault for a negative deviation, and what `randn` raises.
        """
        check_deviation(std)
        spread = np.broadcast_to(std, shape) * self.randn(shape, dtype)
        with np.errstate(over="ignore"):
            return np.asarray(np.broadcast_to(mean, shape) + spread).astype(dtype)

    def gauss(self, mean: float, std: float, shape: Shape) -> Array:
        """Return normal numbers in float64, one drawn after the other."""
        return self.normal(mean, std, shape)

    def uniform(self, low: float, high: float, shape: Shape, dtype: DType = FLOAT64) -> Array:
        """Return numbers spread evenly over [low, high)."""
        start, end = np.asarray(low, dtype), np.asarray(high, dtype)
        return np.asarray(start + (end - start) * self.rand(shape, dtype), dtype)

    def integers(self, shape: Shape, dtype: DType) -> Array:
        """Return integers from 0 to the greatest of a dtype, or to the last that is exact in it."""
        return self.randint(0, most(dtype) + 1, shape, dtype)

    def slopes(self, a: Array, low: float, high: float) -> Array:
        """Return a slope for each element of an operand of rrelu in training."""
        return np.asarray(low + (high - low) * self.rand(a.shape, a.dtype), a.dtype)

    def _stream(self) -> np.random.Generator:
        """Return the stream of this call: 2**128 blocks of Philox that no other call reaches."""
        counter = np.array([0, 0, self._calls, 0], np.uint64)
        self._calls += 1
        return np.random.Generator(np.random.Philox(counter=counter, key=self._seed))


def _parts(shape: Shape, dtype: DType) -> Shape:
    """Return the shape of the real numbers that a tensor takes: a complex one takes two each."""
    checked_count(shape)
    return (*shape, 2) if is_complex(dtype) else shape


def _joined(parts: Array, dtype: DType) -> Array:
    """Return real numbers in a dtype, pairs of them as complex ones."""
    real = np.asarray(parts).astype(to_real(dtype))
    return real.view(dtype)[..., 0] if is_complex(dtype) else real


def checked_count(shape: Shape) -> int:
    """Return how many elements a shape has. Raises ShapeFault for a negative size."""
    negative = next((size for size in shape if size < 0), None)
    if negative is not None:
        raise ShapeFault(
            f"Trying to create tensor with negative dimension {negative}: {list(shape)}"
        )
    return prod(shape)


def check_range(low: int, high: int, dtype: DType) -> None:
    """Refuse a range that is empty, or that a dtype does not hold."""
    if is_complex(dtype):
        raise DtypeFault(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )
    if low >= high:
        raise ArgumentFault(
            f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}",
            hint="`high` itself is never drawn: randint(0, 6, ...) gives 0 to 5",
        )
    for name, bound in ("from", low), ("to - 1", high - 1):
        if not _holds(dtype, bound):
            raise ArgumentFault(f"{name} is out of bounds for {C_NAMES[dtype.name]}")


def check_p(p: Array) -> None:
    """Refuse what are no probabilities."""
    if p.dtype.name not in PRECISION:
        raise not_implemented("bernoulli_tensor_cpu_p_", p.dtype)
    if not ((p >= 0) & (p <= 1)).all():
        raise ArgumentFault(
            "Expected p_in >= 0 && p_in <= 1 to be true, but got false.",
            hint="each element is a probability: between 0 and 1, and not nan",
        )


def check_deviation(std: Array | float) -> None:
    """Refuse a standard deviation below 0."""
    if np.less(std, 0).any():
        found = f"normal expects std >= 0.0, but found std {std}"
        raise ArgumentFault("normal expects all elements of std >= 0.0" if np.ndim(std) else found)


def most(dtype: DType) -> int:
    """Return the greatest integer of a dtype, or the last up to which all are exact in it."""
    if dtype.name in PRECISION:
        return 1 << PRECISION[dtype.name]
    return 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)


def _holds(dtype: DType, number: int) -> bool:
    """Say whether integers up to a number are exact in a dtype."""
    if dtype.name in PRECISION:
        return abs(number) <= most(dtype)
    least = 0 if dtype.kind == "b" else int(np.iinfo(dtype).min)
    return least <= number <= most(dtype)


def not_implemented(kernel: str, dtype: DType) -> DtypeFault:
    """Return the error of a kernel that PyTorch has not for a dtype."""
    return DtypeFault(
        f"\"{kernel}\" not implemented for '{SCALAR_NAMES[dtype.name]}'",
        hint="ask for a floating point dtype, such as `dtype=float64`",
    )
