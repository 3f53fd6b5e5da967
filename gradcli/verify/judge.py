"""The verdict on one derivative, from its analytic and its numeric value."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, isinf, isnan, nan
from typing import NamedTuple

from gradcli.verify.differences import SAFETY, Numeric, Remainder
from gradcli.verify.verdicts import Verdict

DECISIVE = 0.01  # an error bar of one per cent of the derivative can tell a wrong one

CLEAR = 0.1  # what the order of a Taylor remainder may be off by
NOTHING = 1e-300  # what is below is 0
VAGUE = 0.1  # an error bar, relative to the derivative, that shows no gradient wrong
CANCELLED = 1e-10  # of the terms of a derivative, that their round-off leaves when they cancel,
INVISIBLE = 1e-4  # and that a derivative may have that counts as none
OUTSIDE = "the gradient lies on neither side"
UNSTEADY = (
    "the function changes as much within the last digits of its argument as over any step: it is "
    "chaotic, oscillates or is steep on that scale"
)


@dataclass(frozen=True)
class Tolerance:
    """What two derivatives may differ by, beside the error bar.

    `relative` to the derivative itself; `absolute` is the round-off of the analytic side.
    `negligible` is a derivative too small to matter: an error bar below it decides; one below
    `still` confirms a derivative of exactly 0.
    """

    relative: float
    absolute: float = 0.0
    negligible: float = 0.0
    still: float = 0.0

    def allows(self, analytic: float, numeric: float, error: float) -> bool:
        """Say whether the two agree."""
        if analytic == numeric:
            return True
        distance = abs(analytic - numeric)
        room = self.relative * max(abs(analytic), abs(numeric)) + self.absolute + error
        return isfinite(distance) and distance <= room

    def decides(self, analytic: float, numeric: float, error: float) -> bool:
        """Say whether an error bar is small enough for agreement to mean something."""
        size = DECISIVE * max(abs(analytic), abs(numeric)) if isfinite(analytic) else inf
        return error <= max(size, self.negligible, 0.0 if analytic else self.still, NOTHING)


class Judgement(NamedTuple):
    """A verdict, the numeric derivative that it rests on, and why."""

    verdict: Verdict
    numeric: float
    error: float
    step: float
    note: str = ""


def judge(analytic: float, start: float, found: Numeric, tolerance: Tolerance) -> Judgement:
    """Return the verdict on an analytic derivative; `start` is the function's own value."""
    left, right = found.left.defined, found.right.defined
    if not isfinite(start):
        return Judgement(Verdict.DOMAIN, nan, inf, found.step, f"the value is {start:g}")
    if not left and not right:
        return Judgement(Verdict.DOMAIN, nan, inf, found.step, "defined on neither side")
    judgement = _decided(analytic, start, found, tolerance)
    if not found.resolved and judgement.verdict is not Verdict.OK:
        note = "the element is so small that no step is smaller"
        return Judgement(Verdict.NOISY, nan, inf, found.step, note)
    if not found.telling and judgement.verdict is not Verdict.DOMAIN:
        return Judgement(Verdict.NOISY, nan, inf, found.step, UNSTEADY)
    return judgement


def _decided(analytic: float, start: float, found: Numeric, tolerance: Tolerance) -> Judgement:
    if not (found.left.defined and found.right.defined):
        return _at_edge(analytic, start, found, tolerance)
    if found.left.approaching or found.right.approaching:
        note = "the function still changes at the smallest step, as a logarithm does"
        return Judgement(Verdict.NOISY, nan, inf, found.step, note)
    if not found.smooth:
        return _at_kink(analytic, start, found, tolerance)
    return _where_smooth(analytic, found, tolerance)


def by_remainder(
    judgement: Judgement, analytic: float, left: Remainder, behind: Remainder
) -> Judgement:
    """Return the verdict of the Taylor remainder where no single step decides.

    `behind` is that of steps back: a wrong derivative is off by the same on both sides; where it is
    not, there is a kink between them, or all steps are beyond the scale of the function.
    """
    if left.order is None:
        return judgement
    note = f"no single step decides; the Taylor remainder is of order {left.order:.2f}"
    if left.order > 2 - CLEAR and left.gap <= DECISIVE * abs(analytic):
        return judgement._replace(verdict=Verdict.OK, error=left.gap, note=note)
    same = abs(left.gap - behind.gap) <= CLEAR * left.gap
    if abs(left.order - 1) < CLEAR / 2 and left.gap > DECISIVE * abs(analytic) and same:
        return judgement._replace(verdict=Verdict.WRONG, error=left.gap, note=note)
    return judgement


def as_loose(judgement: Judgement, rounding: float) -> Judgement:
    """Return NOISY where rounding on the way changes the gradient itself by so much."""
    note = (
        f"rounding on the way changes the gradient itself by {rounding:.0e}: large terms cancel, "
        "or the function is chaotic"
    )
    return Judgement(Verdict.NOISY, nan, inf, judgement.step, note)


def as_cancelled(judgement: Judgement, analytic: float, size: float, found: Numeric) -> Judgement:
    """Return OK where both derivatives are 0 beside the `size` of the terms that cancel in them."""
    error = SAFETY * found.error
    if not found.smooth or not isfinite(error) or abs(found.value) > error:
        return judgement
    if size and abs(analytic) <= CANCELLED * size and error <= INVISIBLE * size:
        note = f"0: terms of size {size:.1g} cancel"
        return judgement._replace(verdict=Verdict.OK, note=note)
    return judgement


def _where_smooth(analytic: float, found: Numeric, tolerance: Tolerance) -> Judgement:
    value, error, step = found.value, found.error, found.step
    if isinf(found.left.slope):  # on both sides, as of a cube root
        value, error = found.left.slope, 0.0
        if analytic == value:
            return Judgement(Verdict.DOMAIN, value, error, step, "the slope is infinite")
    if tolerance.allows(analytic, value, error):
        if tolerance.decides(analytic, value, error):
            return Judgement(Verdict.OK, value, error, step)
        return Judgement(Verdict.NOISY, value, error, step, "the error bar hides any difference")
    vague = isfinite(analytic) and error > VAGUE * max(abs(analytic), abs(value))
    if isnan(value) or vague or abs(analytic - value) <= SAFETY * error:
        return Judgement(Verdict.NOISY, nan, inf, step, "the differences do not settle")
    return Judgement(Verdict.WRONG, value, error, step)


def _at_kink(analytic: float, start: float, found: Numeric, tolerance: Tolerance) -> Judgement:
    left, right = found.left, found.right
    low, high = sorted((left.slope, right.slope))
    bar = SAFETY * max(left.error, right.error)
    slack = bar + tolerance.absolute + tolerance.relative * max(
        (abs(x) for x in (low, high, analytic) if isfinite(x)), default=0.0
    )  # fmt: skip
    step = min(left.step, right.step)
    what = jump_text(start, found) if found.jump else slopes_text(found)
    # a jump has no slope, and of two slopes the mean says nothing
    middle = nan if found.jump or isnan(analytic) else (left.slope + right.slope) / 2
    bar = inf if isnan(middle) else bar
    if low - slack <= analytic <= high + slack:
        return Judgement(Verdict.KINK, middle, bar, step, what)
    if not isfinite(analytic) and (found.jump or isinf(left.slope) or isinf(right.slope)):
        return Judgement(Verdict.DOMAIN, middle, bar, step, what)
    if not found.jump and not isfinite(bar) and isfinite(analytic):
        return Judgement(Verdict.NOISY, middle, bar, step, "neither side settles")
    return Judgement(Verdict.WRONG, middle, bar, step, f"{what}, and {OUTSIDE}")


def slopes_text(found: Numeric) -> str:
    """Return both slopes of a kink in words."""
    left, right = found.left.slope, found.right.slope
    return f"the slope jumps: left {left:.6g}, right {right:.6g}"


def jump_text(start: float, found: Numeric) -> str:
    """Return the values of a jump in words: on both sides, and here where it is another."""
    left, right = found.left.limit, found.right.limit
    near = 1e-6 * max((abs(x) for x in (left, right, start) if isfinite(x)), default=0.0)
    same = left == right or abs(left - right) <= near
    text = f"is {left:.6g} on both sides" if same else f"jumps from {left:.6g} to {right:.6g}"
    here = same or not min(abs(start - left), abs(start - right)) <= near
    return f"the function {text}" + (f", and is {start:.6g} here" if here else "")


def _at_edge(analytic: float, start: float, found: Numeric, tolerance: Tolerance) -> Judgement:
    missing, side = ("right", found.left) if found.left.defined else ("left", found.right)
    value, error = side.slope, side.error
    note = f"not defined on the {missing}"
    other = "left" if missing == "right" else "right"
    if isinf(value) and isfinite(analytic):
        note += f", and the slope is {value:g} on the {other}"
    if side.approaching:
        note += f", and still changing at the smallest step on the {other}"
        return Judgement(Verdict.DOMAIN, nan, inf, side.step, note)
    if found.jump:
        note += f", and jumps from {start:.6g} to {side.limit:.6g} on the {other}"
        return Judgement(Verdict.DOMAIN, nan, inf, side.step, note)
    if (isinf(value) and isnan(analytic)) or tolerance.allows(analytic, value, SAFETY * error):
        return Judgement(Verdict.DOMAIN, value, error, side.step, note)
    if not tolerance.decides(analytic, value, error) and isfinite(analytic):
        note += "; the other side does not settle"
        return Judgement(Verdict.DOMAIN, value, error, side.step, note)
    return Judgement(Verdict.WRONG, value, error, side.step, note)
