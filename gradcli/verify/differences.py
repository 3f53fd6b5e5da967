"""Numeric derivatives with an error bar: central, one-sided, extrapolated, step by step.

Nothing here knows a graph: a function is given by its values at the points of a stencil. Steps
halve from one row to the next, so that the values of one step serve the extrapolation of others
(Richardson; the choice by estimated error is Ridders', Advances in Engineering Software 4, 1982,
and numdifftools'). An error is what three successive estimates differ by, and the round-off of
the values over the step.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from gradcli.rule.dtypes import Array

Sample = Callable[[Array], Array]  # the outputs, shape (k, m), at k steps from the point

EPSILON = float(np.finfo(np.float64).eps)
QUICK_STEP = 2.0**-10  # of an element's size: balances round-off and a truncation of order h⁴
KINK = 1e-5  # one-sided slopes that differ by less are taken for one
STEPS = 20  # halvings below an element's own size,
DEEP = 51  # and where a kink or an edge seems near: down to the last digits
MOST_STEPS = 80  # in one ladder, from an ordinary size down
SUBNORMAL = 2.0**-1000  # below it an element counts as 0: halvings of it have no digits left
LOST = 1e-12  # a round-off, relative, of what has lost its digits
LARGE = 2.0**960  # values above are divided by it
FALL = 8  # halvings that must agree that something grows without end:
GROWTH = 0.9  # its changes hardly shrink; those of a smooth function halve,
ROUNDED = 1.95  # and round-off's double
SAFETY = 4.0
LEAST = 4  # steps from which the order of a Taylor remainder is taken


class Quick(NamedTuple):
    """Derivatives of m outputs by n elements from five points each: arrays of shape (n, m).

    `settled` says where nothing speaks against a smooth function: all values are finite, and
    both sides have the same slope.
    """

    value: Array
    error: Array
    settled: Array


@dataclass(frozen=True)
class Side:
    """One side of a point: what values approach there, and with which slope.

    `slope` ± `error` is infinite where difference quotients grow without end. Both are nan where
    no value is defined on this side.
    """

    slope: float
    error: float
    step: float
    limit: float
    approaching: bool = False  # the value here, at the smallest step still, as a logarithm does

    @property
    def defined(self) -> bool:
        """Whether there are values on this side."""
        return not np.isnan(self.slope)

    def scaled(self, factor: float) -> Side:
        """Return the same of a function that is `factor` times as large."""
        slope, error, limit = self.slope * factor, self.error * factor, self.limit * factor
        return Side(slope, error, self.step, limit, self.approaching)


@dataclass(frozen=True)
class Numeric:
    """The derivative of one output by one element, from as many steps as it took.

    `value` ± `error` is two-sided. `jump` says that the function is not continuous; the slopes of
    the sides then leave the point itself out.
    """

    value: float
    error: float
    step: float
    left: Side
    right: Side
    jump: bool
    ordinary: float  # by how much the output changes over an ordinary step, divided by the step
    rounded: float = 0.0  # by how much the slope changes where x is rounded: ε |x f''|
    telling: bool = True  # whether the function changes more over steps than in its last digits
    resolved: bool = True  # whether any step is smaller than the element itself

    def widened(self, more: float) -> Numeric:
        """Return the same with a wider bar."""
        return replace(self, error=self.error + more)

    @property
    def smooth(self) -> bool:
        """Whether both sides have the same slope, as far as can be told."""
        left, right = self.left, self.right
        if self.jump or not (left.defined and right.defined):
            return False
        if np.isinf(left.slope) or np.isinf(right.slope):
            return left.slope == right.slope
        bar = SAFETY * (left.error + right.error) + self.rounded
        size = max(abs(left.slope), abs(right.slope))
        return abs(left.slope - right.slope) <= bar + KINK * size

    def scaled(self, factor: float) -> Numeric:
        """Return the same of a function that is `factor` times as large."""
        return replace(
            self,
            value=self.value * factor,
            error=self.error * factor,
            left=self.left.scaled(factor),
            right=self.right.scaled(factor),
            ordinary=self.ordinary * factor,
            rounded=self.rounded * factor,
        )


def quick(
    start: Array, stencil: Array, steps: Array, relative_position: Array, noise: Array
) -> Quick:
    """Return fourth-order central differences.

    `stencil` has shape (4, n, m): values at h, 2h, -h and -2h for the n `steps` h; `start` and
    `noise`, shape (m,), are the value at the point and its round-off. `relative_position` is
    |x| / h, by which the rounding of x + h is magnified.
    """
    plus, plus2, minus, minus2 = stencil
    h = steps[:, None]
    with np.errstate(all="ignore"):
        narrow, broad = (plus - minus) / (2 * h), (plus2 - minus2) / (4 * h)
        value = (4 * narrow - broad) / 3
        gap = np.abs(narrow - broad)
        # successive terms of the series fall by about the same factor
        factor = np.minimum(1.0, 10 * gap / np.abs(value))
        roundoff = 2 * noise / h
        rounding = EPSILON * relative_position[:, None] * np.abs(value)
        error = gap * np.where(np.isnan(factor), 1.0, factor) + roundoff + rounding
        right = (4 * plus - 3 * start - plus2) / (2 * h)
        left = (3 * start - 4 * minus + minus2) / (2 * h)
        size = np.maximum(np.abs(left), np.abs(right))
        same = np.abs(right - left) <= KINK * size + 4 * roundoff
        settled = np.isfinite(value) & np.isfinite(start) & same
    return Quick(value, error, settled)


@dataclass(frozen=True)
class Ladder:
    """Values of m outputs at steps that halve: `plus` and `minus` have shape (k, m)."""

    steps: Array
    plus: Array
    minus: Array


def falling(x: float, reach: float) -> Array:
    """Return steps that halve, from a quarter of an element's size to the last digits."""
    top = max(abs(x), 2.0**-7 * reach)
    result: Array = 2.0 ** (np.floor(np.log2(top)) - 2 - np.arange(2 * STEPS))
    return result[result > 0]


def ladders(sample: Sample, x: float, reach: float, depth: int = STEPS) -> list[Ladder]:
    """Return values at steps from an ordinary size, `reach`, down to 2^-depth of the element's own.

    Where these are far apart, as for 1e-20 among ones, there is a ladder at each.
    """
    own = abs(x) if abs(x) >= SUBNORMAL else reach * 2.0**-24
    top = max(reach, own) / 4
    count = int(np.ceil(np.log2(top / own))) + depth
    if count <= MOST_STEPS:
        return [_ladder(sample, x, top, count)]
    return [_ladder(sample, x, own / 4, depth), _ladder(sample, x, top, 2 * STEPS)]


def _ladder(sample: Sample, x: float, top: float, count: int) -> Ladder:
    steps = 2.0 ** (np.floor(np.log2(top)) - np.arange(count))
    steps = steps[steps >= 2 * np.spacing(abs(x))]  # x ± h is exact
    values = sample(np.concatenate([steps, -steps]))
    return Ladder(steps, values[: len(steps)], values[len(steps) :])


def numeric(
    x: float, start: float, rungs: list[Ladder], output: int, noise: float, seen: float
) -> Numeric:
    """Return the derivative of one output at `x`, where it is `start`, from ladders of values.

    `noise` is the round-off of the values, `seen` what of it shows at neighbouring points. The
    steps are powers of two, but the function rounds what it makes of x ± h as it does x: a slope D
    turns that into a noise of ε |x D|.
    """
    values = np.concatenate([v[:, output] for r in rungs for v in (r.plus, r.minus)])
    largest = np.abs(values[np.isfinite(values)]).max(initial=0.0)
    if largest > LARGE:  # extrapolation would overflow
        rungs = [Ladder(r.steps, r.plus / LARGE, r.minus / LARGE) for r in rungs]
        small = numeric(x, start / LARGE, rungs, output, noise / LARGE, seen / LARGE)
        return small.scaled(LARGE)
    candidates = []
    for r in rungs:
        plus, minus = r.plus[:, output], r.minus[:, output]
        with np.errstate(all="ignore"):
            slopes = np.abs(plus - minus) / (2 * r.steps)
        slope = float(np.median(slopes[np.isfinite(slopes)])) if np.isfinite(slopes).any() else 0.0
        bar = noise + EPSILON * abs(x) * slope
        candidates.append(_on_ladder(x, start, r.steps, plus, minus, bar))
    # the ladder at the element's own size speaks of what happens here; others are for round-off
    own = candidates[0]
    for other in candidates[1:]:
        if own.smooth and other.smooth and other.error < own.error:
            own = other
    last = _last(own, rungs[0], output, start)
    return replace(
        own,
        rounded=_rounded(x, start, rungs[0], output),
        telling=all(_telling(start, values, y) for y in (seen, last)),
        resolved=not x or bool(rungs[0].steps[-1] <= abs(x) / 8),
    )


def _last(found: Numeric, rung: Ladder, output: int, start: float) -> float:
    """Return by how much the function changes over the smallest step, but for jumps and poles."""
    if found.jump or np.isinf(found.left.slope) or np.isinf(found.right.slope):
        return 0.0
    with np.errstate(all="ignore"):
        changes = np.abs([rung.plus[-1, output] - start, rung.minus[-1, output] - start])
    return float(np.nan_to_num(changes, posinf=0.0).max())


def _telling(start: float, values: Array, noise: float) -> bool:
    """Say whether the noise is small beside the function, or beside its changes."""
    values = values[np.isfinite(values)]
    if not values.size or not np.isfinite(start):
        return True
    changes = float(np.abs(values - start).max())
    largest = max(abs(start), float(np.abs(values).max()))
    return noise <= max(1e-2 * changes, 1e-6 * largest, SUBNORMAL)


class Remainder(NamedTuple):
    """What a derivative g leaves of f(x + h) - f(x) beside h g.

    `order` is the power of h with which it vanishes: 2 where g is right, 1 where it is wrong. `gap`
    is what g may be off by, its smallest ratio to h. None and infinite where it is round-off.
    """

    order: float | None
    gap: float


def remainder(start: float, analytic: float, h: Array, values: Array, bar: float) -> Remainder:
    """Return the Taylor remainder of a derivative, from values at steps `h` that fall in size.

    `bar` is the round-off of the values.
    """
    with np.errstate(all="ignore"):
        left = np.abs(values - start - h * analytic)
        usable = np.flatnonzero(np.isfinite(left) & (left > 20 * bar))
    if len(usable) < LEAST:
        return Remainder(None, np.inf)
    smallest = usable[-LEAST:]
    size = np.abs(h[smallest])
    order = np.polyfit(np.log2(size), np.log2(left[smallest]), 1)[0]
    return Remainder(float(order), float(np.min(left[smallest] / size)))


def _rounded(x: float, start: float, rung: Ladder, output: int) -> float:
    """Return by how much rounding moves a slope, where a loop has ended at a minimum say."""
    near = np.flatnonzero(rung.steps <= 2.0**-12 * abs(x))  # f'' of here
    if not near.size:
        return 0.0
    k, h = near[0], rung.steps[near[0]]
    with np.errstate(all="ignore"):
        bend = float(abs(rung.plus[k, output] - 2 * start + rung.minus[k, output]) / h)
        bend *= abs(x) / float(h)
    return 16 * EPSILON * bend if np.isfinite(bend) else 0.0


def _on_ladder(
    x: float, start: float, h: Array, plus: Array, minus: Array, noise: float
) -> Numeric:
    with np.errstate(all="ignore"):
        jump = _jumps(start, plus, noise) or _jumps(start, minus, noise)
        if jump:
            right, left = _beside(start, h, plus, noise), _beside(start, -h, minus, noise)
        else:
            right, left = (_one_sided(start, k, y, noise) for k, y in ((h, plus), (-h, minus)))
        # where a step is larger than the element, x ± h is rounded to the step's last digit
        moved = EPSILON * (np.abs(plus - start) + np.abs(minus - start)) * (h > abs(x))
        value, error, step = _central(start, h, plus, minus, noise + moved)
        apart = abs(value - (left.slope + right.slope) / 2)
        if apart > SAFETY * max(error, left.error, right.error):
            error = apart  # what the sides contradict
        change = np.maximum(np.abs(plus - start), np.abs(minus - start)) / h
        # the least of a few: at one the function may lie beyond a pole
        ordinary = float(change[np.isfinite(change)][:4].min(initial=np.inf))
    return Numeric(value, error, step, left, right, jump, ordinary)


def _central(
    start: float, h: Array, plus: Array, minus: Array, noise: Array
) -> tuple[float, float, float]:
    """Return value, error and step of the best two-sided estimate.

    A one-sided estimate has to agree too: a narrow bump between two far points is no slope of 0.
    """
    first = (plus - minus) / (2 * h)
    second = (4 * first[1:] - first[:-1]) / 3
    third = (16 * second[1:] - second[:-1]) / 15
    sides = np.abs(_third_order((plus - start) / h) - _third_order((start - minus) / h))
    lower = np.abs(second - first[1:])[2:] + np.abs(np.diff(second))[1:]
    upper = np.abs(third - second[1:])[1:] + np.abs(np.diff(third))
    values = np.concatenate([second[2:], third[1:]])
    bars = np.concatenate([lower, upper]) + np.tile(0.1 * sides[1:] + 2 * noise[3:] / h[3:], 2)
    return _best(values, bars, np.tile(h[3:], 2))


def _third_order(quotients: Array) -> Array:
    second = 2 * quotients[1:] - quotients[:-1]
    result: Array = (4 * second[1:] - second[:-1]) / 3
    return result


def _one_sided(start: float, h: Array, values: Array, noise: float) -> Side:
    """Return the best estimate from one side; `h` has its sign."""
    last, limit = float(abs(h[-1])), _limit(values)
    if np.isnan(limit) and noise > LOST * np.nanmax(np.abs(values), initial=0.0):
        defined = int(np.argmax(np.isnan(values)))  # what round-off alone has left the domain
        if defined >= 2 * FALL:
            return _one_sided(start, h[:defined], values[:defined], noise)
    if not np.isfinite(start) or np.isnan(limit):
        return Side(np.nan, np.inf, last, limit)
    quotients = (values - start) / h
    if not np.isfinite(limit):
        return Side(float(np.copysign(np.inf, quotients[-1])), 0.0, last, limit)
    second = 2 * quotients[1:] - quotients[:-1]
    third = (4 * second[1:] - second[:-1]) / 3
    bars = np.abs(third - second[1:])[1:] + np.abs(np.diff(third)) + 8 * noise / np.abs(h[3:])
    value, error, step = _best(third[1:], bars, np.abs(h[3:]))
    if error > 1e-3 * abs(value):
        usable = np.abs(np.diff(quotients)) > 16 * noise / np.abs(h[1:])
        if _diverges(quotients[1:][usable]):
            way = quotients[1:][usable][-1]
            return Side(float(np.copysign(np.inf, way)), 0.0, last, limit)
    return Side(value, error, step, limit)


def _beside(start: float, h: Array, values: Array, noise: float) -> Side:
    """Return the slope of one side from points beside a jump, the point itself left out."""
    if _approaches(start, values):
        return Side(np.inf, np.inf, float(abs(h[-1])), start, approaching=True)
    limit = _limit(values)
    if not np.isfinite(limit):
        return Side(float(limit * np.sign(h[-1])), np.inf, float(abs(h[-1])), limit)
    slopes = np.diff(values) / np.diff(h)
    second = 2 * slopes[1:] - slopes[:-1]
    bars = np.abs(np.diff(second)) + 16 * noise / np.abs(h[3:])
    value, error, step = _best(second[1:], bars, np.abs(h[3:]))
    return Side(value, error, step, limit)


def _limit(values: Array) -> float:
    """Return what values approach as steps fall: nan where there are none, maybe infinite."""
    last = float(values[-1])
    if _diverges(values, np.inf):
        return float(np.copysign(np.inf, last))
    further = float(2 * values[-1] - values[-2])
    return further if np.isfinite(further) else last


def _best(values: Array, bars: Array, steps: Array) -> tuple[float, float, float]:
    # a bar beside much wider ones is narrow by chance: round-off doubles at a halving
    bars = np.fmax(bars, np.append(bars[1:], 0.0) * (np.append(steps[1:], np.inf) < steps) / 4)
    usable = np.where(np.isfinite(values) & np.isfinite(bars), bars, np.inf)
    with np.errstate(all="ignore"):
        apart = np.abs(values[:, None] - values) > SAFETY * (usable[:, None] + usable)
        # what smaller steps contradict is an accident of larger ones, such as aliasing
        contradicted = np.any(apart & (steps < steps[:, None]), axis=1)
    usable = np.where(contradicted, np.inf, usable)
    k = int(np.argmin(usable))
    if not np.isfinite(usable[k]):
        return float("nan"), float("inf"), float(steps[k])
    return float(values[k]), float(usable[k]), float(steps[k])


def _approaches(start: float, values: Array) -> bool:
    """Say whether the last values go on towards that of the point, and hardly more slowly."""
    changes = np.diff(values[-FALL:])
    if len(changes) < FALL - 1 or not np.all(np.isfinite(changes)) or not np.all(changes):
        return False
    towards = np.sign(changes) == np.sign(start - values[-1])
    return bool(towards.all() and np.all(changes[1:] / changes[:-1] > GROWTH))


def _diverges(values: Array, most: float = ROUNDED) -> bool:
    """Say whether the last values grow and grow as steps halve: as a power of h, or as log h.

    Then their changes do not shrink. Of quotients, what doubles at every halving is a round-off
    over the step: their changes grow by less than `most`.
    """
    last = values[-FALL:]
    changes = np.diff(last)
    if len(last) < FALL or not np.all(np.isfinite(changes)) or not changes[-1] * last[-1] > 0:
        return False
    growth = changes[1:] / changes[:-1]
    return bool(np.all((growth > GROWTH) & (growth < most)))


def _jumps(start: float, values: Array, noise: float) -> bool:
    """Say whether the values do not approach that of the point."""
    change = np.abs(values[-6:] - start)
    if not np.all(np.isfinite(change)):
        return False
    return bool(change[-1] > 100 * noise and change[-1] > 0.8 * np.max(change[:-1]))
