"""What a function does at a point, from difference quotients with ever smaller steps."""

from __future__ import annotations

from math import inf, nan
from typing import Any, Literal, NamedTuple

Kind = Literal["smooth", "kink", "infinite", "jump", "edge", "undefined"]
JUMP = "jump"  # in a slope's place


class Slopes(NamedTuple):
    """Difference quotients of one run, and the values on the left, here and on the right."""

    central: Any
    left: Any
    right: Any
    values: tuple[Any, Any, Any]
    context: Any

    @property
    def sides(self) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
        """The quotient and the value on the left, and those on the right."""
        return (self.left, self.values[0]), (self.right, self.values[2])


class Limits(NamedTuple):
    """What a function does at a point, its slope there and those on either side."""

    kind: Kind
    value: Any
    left: Any
    right: Any


def limits_of(runs: list[Slopes], digits: int) -> Limits | None:
    """Return what the quotients of runs with ever smaller steps tend to; None: not yet known."""
    if len(runs) < 2:
        return None
    here = runs[-1].values[1]
    if not runs[-1].context.isfinite(here):
        return Limits("undefined", nan, nan, nan)
    central = _number([r.central for r in runs], digits)
    if central is not None and _together(runs[-2], runs[-1], digits):
        return Limits("smooth", central, central, central)
    left, right = (_side([r.sides[k] for r in runs], here, digits) for k in (0, 1))
    if left is None or right is None:
        return None
    if left is JUMP or right is JUMP:
        return Limits("jump", nan, _slope(left, runs[-1].left), _slope(right, runs[-1].right))
    undefined = left != left, right != right
    if any(undefined):
        kind: Kind = "undefined" if all(undefined) else "edge"
        return Limits(kind, right if undefined[0] else left, left, right)
    if abs(left) == inf and left == right:
        return Limits("infinite", left, left, right)
    return Limits("kink", nan, left, right)


def _together(coarse: Slopes, fine: Slopes, digits: int) -> bool:
    """Say whether the quotients of both sides come together as the step falls."""
    gap, before = abs(fine.right - fine.left), abs(coarse.right - coarse.left)
    return bool(gap * 10 ** (digits // 2) <= before or gap * 10**digits <= abs(fine.central))


def _slope(side: Any, quotient: Any) -> Any:
    """Return the slope towards a side, infinite where the function jumps there."""
    return (inf if quotient > 0 else -inf) if side is JUMP else side


def _number(quotients: list[Any], digits: int) -> Any:
    """Return the number that quotients tend to, None where that is not seen."""
    *before, coarse, fine = quotients
    if fine and abs(fine - coarse) * 10**digits <= abs(fine):
        return fine
    # it vanishes with a power of the step; two zeros may be terms that cancel in all the digits
    falls = 10 ** (digits // 2)
    if before and abs(fine) * falls <= abs(coarse) and abs(coarse) * falls <= abs(before[-1]):
        return fine * 0
    return None


def _side(found: list[tuple[Any, Any]], here: Any, digits: int) -> Any:
    """Return the slope on one side, from quotients and values of runs; None: not yet known.

    A step that is not small enough makes the quotients grow as a jump does, and an infinite slope:
    at a jump the values are the same from run to run, and at the other they come close.
    """
    quotients, values = [q for q, _ in found], [v for _, v in found]
    if not all(v.context.isfinite(v) for v in values[-2:]):
        return None if any(v.context.isfinite(v) for v in values[-2:]) else nan
    settled = _number(quotients, digits)
    if settled is not None or len(found) < 3:
        return settled
    *_, first, second, third = (abs(v - here) for v in values)
    close = 10 ** max(digits // 8, 1)
    grows = abs(quotients[-1]) > abs(quotients[-2]) > abs(quotients[-3])
    if grows and third * close <= second and second * close <= first:
        return inf if quotients[-1] > 0 else -inf
    same = abs(values[-1] - values[-2]) * 10 ** (digits // 2) <= third
    return JUMP if same else None
