"""The verdict on one derivative, from its analytic and its numeric value."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, isinf, isnan
from typing import NamedTuple

from gradcli.verify.differences import SAFETY, Numeric, Remainder
from gradcli.verify.verdicts import Verdict

DECISIVE = 0.01  # an error bar of one per cent of the derivative can tell a wrong one

CLEAR = 0.1  # what the order of a Taylor remainder may be off by


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
        return error <= max(size, self.negligible, 0.0 if analytic else self.still)


class Judgement(NamedTuple):
    """A verdict, the numeric derivative that it rests on, and why."""

    verdict: Verdict
    numeric: float
    error: float
    step: float
    note: str = ""


def judge(analytic: float, start: float, found: Numeric, tolerance: Tolerance) -> Judgement:
    """Return the verdict on an analytic derivative; `start` is the function's own value."""
    undefined = isnan(found.left), isnan(found.right)
    if not isfinite(start) or all(undefined):
        what = "the function is not defined here" if isfinite(start) else f"the value is {start:g}"
        return Judgement(Verdict.DOMAIN, float("nan"), float("inf"), found.step, what)
    if any(undefined):
        return _at_edge(analytic, found, tolerance)
    if not found.smooth:
        return _at_kink(analytic, found, tolerance)
    return _where_smooth(analytic, found, tolerance)


def by_remainder(judgement: Judgement, analytic: float, left: Remainder) -> Judgement:
    """Return the verdict of the Taylor remainder where no single step decides."""
    if left.order is None:
        return judgement
    note = f"no single step decides; the Taylor remainder is of order {left.order:.2f}"
    if left.order > 2 - CLEAR and left.gap <= DECISIVE * abs(analytic):
        return judgement._replace(verdict=Verdict.OK, error=left.gap, note=note)
    if abs(left.order - 1) < CLEAR and left.gap > DECISIVE * abs(analytic):
        return judgement._replace(verdict=Verdict.WRONG, error=left.gap, note=note)
    return judgement


def _where_smooth(analytic: float, found: Numeric, tolerance: Tolerance) -> Judgement:
    value, error, step = found.value, found.error, found.step
    if isinf(found.left):  # an infinite slope on both sides, as of a cube root
        value, error = found.left, 0.0
    if tolerance.allows(analytic, value, error):
        if tolerance.decides(analytic, value, error):
            return Judgement(Verdict.OK, value, error, step)
        return Judgement(Verdict.NOISY, value, error, step, "the error bar hides any difference")
    if isnan(value) or (abs(analytic - value) <= SAFETY * error):
        return Judgement(Verdict.NOISY, value, error, step, "the differences do not settle")
    return Judgement(Verdict.WRONG, value, error, step)


def _at_kink(analytic: float, found: Numeric, tolerance: Tolerance) -> Judgement:
    low, high = sorted((found.left, found.right))
    bar = SAFETY * max(found.left_error, found.right_error)
    slack = bar + tolerance.absolute + tolerance.relative * max(
        (abs(x) for x in (low, high, analytic) if isfinite(x)), default=0.0
    )  # fmt: skip
    middle = found.left if found.jump else (found.left + found.right) / 2
    what = "the function jumps" if found.jump else "the slope jumps"
    inside = low - slack <= analytic <= high + slack
    if not inside and not isfinite(bar):
        return Judgement(Verdict.NOISY, middle, bar, found.one_sided_step, "neither side settles")
    note = what if inside else f"{what}, and the gradient lies on neither side"
    verdict = Verdict.KINK if inside else Verdict.WRONG
    return Judgement(verdict, middle, bar, found.one_sided_step, note)


def _at_edge(analytic: float, found: Numeric, tolerance: Tolerance) -> Judgement:
    side, value, error = ("left", found.right, found.right_error)
    if isnan(found.right):
        side, value, error = ("right", found.left, found.left_error)
    note = f"not defined on the {side}"
    step = found.one_sided_step
    if (isinf(value) and isnan(analytic)) or tolerance.allows(analytic, value, SAFETY * error):
        return Judgement(Verdict.DOMAIN, value, error, step, note)
    if not tolerance.decides(analytic, value, error) and isfinite(analytic):
        note += "; the other side does not settle"
        return Judgement(Verdict.DOMAIN, value, error, step, note)
    return Judgement(Verdict.WRONG, value, error, step, note)
