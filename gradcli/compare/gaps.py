"""How far two arrays lie apart, and how far they may."""

from __future__ import annotations

from math import frexp, inf, isfinite
from typing import NamedTuple

import numpy as np

from gradcli.compare.found import Cause, Gap
from gradcli.rule.dtypes import Array, DType, is_half

SAME = Gap("", 0.0, 0.0, (), None, None, None, True)
MANY = 2.0**20  # units in the last place: so many say less than the relative difference


class Tolerance(NamedTuple):
    """How far numbers may differ: |a - b| ≤ atol + rtol · (the largest element of either).

    None stands for what the precision ε of the coarser dtype gives: ε^(2/3), which is two thirds of
    its digits, relative, and ε^(3/4) absolute.
    """

    rtol: float | None = None
    atol: float | None = None

    def at(self, eps: float) -> tuple[float, float]:
        """Return both tolerances of a precision; integers, whose precision is 0, must be equal."""
        relative = eps ** (2 / 3) if self.rtol is None else self.rtol
        absolute = eps ** (3 / 4) if self.atol is None else self.atol
        return relative, absolute


def precision(dtype: DType) -> float:
    """Return the distance from 1 to the next number of a dtype, 0 of one that is exact."""
    if is_half(dtype) or dtype.kind not in "fc":
        return {"bfloat16": 2.0**-7, "float16": 2.0**-10}.get(dtype.name, 0.0)
    return float(np.finfo(dtype).eps)


def gap(a: Array, b: Array, eps: float, tolerance: Tolerance) -> Gap:
    """Return how far two arrays lie apart; nan equals nan, and an infinity itself.

    `eps` is the precision of the coarsest numbers that led to them.
    """
    if a.shape != b.shape:
        return Gap("shape", inf, inf, (), None, None, None, False)
    if not a.size:
        return SAME
    if not a.shape and a.dtype.kind == b.dtype.kind == "f":
        return _number_gap(float(a), float(b), eps, tolerance)
    kind = np.complex128 if "c" in (a.dtype.kind, b.dtype.kind) else np.float64
    x, y = a.astype(kind), b.astype(kind)
    with np.errstate(all="ignore"):
        apart = np.where((x == y) | (np.isnan(x) & np.isnan(y)), 0.0, np.abs(x - y))
        if a.dtype.kind in "iu" and b.dtype.kind in "iu":  # double precision has not all of these
            apart = np.maximum(apart, a != b)
        if not apart.any():
            return SAME
        apart = np.where(np.isnan(apart), inf, apart)
        broken = np.isfinite(x) != np.isfinite(y)
        broken |= np.isinf(apart) & ~np.isfinite(x) & ~np.isfinite(y)
        place = np.unravel_index(int(np.argmax(np.where(broken, inf, apart))), x.shape)
        sizes = np.maximum(np.abs(x), np.abs(y))
        size = float(sizes[np.isfinite(sizes)].max(initial=0.0))
    index = tuple(int(k) for k in place)
    absolute = inf if broken[place] else float(apart[place])
    relative = absolute / size if size else inf
    rtol, atol = tolerance.at(eps)
    cause: Cause = "finite" if broken.any() else "numbers" if absolute > atol + rtol * size else ""
    left, right = complex(x[place]), complex(y[place])
    return Gap(cause, absolute, relative, index, left, right, _ulps(left, right, eps), False)


def _ulps(left: complex, right: complex, eps: float) -> float | None:
    """Return a distance in units in the last place, None where these are no measure."""
    size = max(abs(left), abs(right))
    if not eps or not isfinite(size) or not size:
        return None
    unit = eps * 2.0 ** (frexp(size)[1] - 1)
    found = abs(left - right) / unit if unit else MANY
    return found if found < MANY else None


def _number_gap(a: float, b: float, eps: float, tolerance: Tolerance) -> Gap:
    """Return how far two numbers lie apart, as `gap` does: most of a long tape's rows are such."""
    if a == b or (a != a and b != b):
        return SAME
    absolute, size = abs(a - b), max(abs(a), abs(b))
    if not isfinite(absolute):
        return Gap("finite", inf, inf, (), a, b, None, False)
    rtol, atol = tolerance.at(eps)
    cause: Cause = "numbers" if absolute > atol + rtol * size else ""
    return Gap(cause, absolute, absolute / size, (), a, b, _ulps(a, b, eps), False)


def missing(present: Array, on_left: bool) -> Gap:
    """Return the gap between an array and none."""
    first = complex(present.flat[0]) if present.size else None
    left, right = (first, None) if on_left else (None, first)
    return Gap("missing", inf, inf, (0,) * present.ndim, left, right, None, False)
