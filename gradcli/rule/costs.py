"""What an operation takes while it runs: memory beside its operands and results, and work.

A row states both where the defaults are too small: `memory` in bytes and `work` in elements that
are gone through, functions of the operands and the attributes as its rule of shapes is. Measured
with tracemalloc, to which numpy reports, and against the time that numpy takes for an element.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from gradcli.rule.dtypes import FLOAT64

Cost = Callable[..., int]
FEW = 10_000  # elements
FOLD = 1.5  # of the bytes of operands and results: what most operations take beside them


def elements(x: Any) -> int:
    """Return how many elements an operand has, 0 for what is no tensor; all that it repeats."""
    return prod(getattr(x, "shape", (0,)))


def size(x: Any) -> int:
    """Return the bytes of an operand, as if it repeated nothing."""
    return elements(x) * int(getattr(x, "dtype", FLOAT64).itemsize)


def fold(times: float) -> Cost:
    """Return the memory of a row that takes some times the bytes of its operands."""

    def memory(*operands: Any, **_: Any) -> int:
        return int(times * sum(map(size, operands)))

    return memory


def cubic(times: float) -> Cost:
    """Return the work of a row on matrices, the first operand: n³ multiplications, some times.

    One multiplication takes about a tenth of the time of an element where it is done in blocks, as
    in a product; ten times as long in a decomposition.
    """

    def work(a: Any, *_: Any, **__: Any) -> int:
        return int(times * elements(a) * min(a.shape[-2:], default=1))

    return work


def product(a: Any, b: Any, *_: Any, **__: Any) -> int:
    """Return the work of a product of matrices."""
    return elements(a) * (b.shape[-1] if len(b.shape) > 1 else 1) // 10
