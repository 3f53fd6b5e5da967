"""Quotients that are not finite: by 0, of 0 and 0, and those that have a limit there."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Index, Rewrite, Sighting
from gradcli.diagnose.nonfinite.events import Event
from gradcli.diagnose.nonfinite.forms import Form, Operand, alike, form
from gradcli.diagnose.nonfinite.patterns import edit, matched_text, replaced, text_of
from gradcli.diagnose.nonfinite.spelling import bracketed, compared, filled
from gradcli.diagnose.nonfinite.steps import Step, step
from gradcli.diagnose.nonfinite.told import number
from gradcli.diagnose.subject import Subject
from gradcli.execute import Replay
from gradcli.rule.dtypes import Array
from gradcli.verify.wide import double

STEPS = 1e-2, 1e-3, 1e-4  # from the point, at which a quotient is computed
DIGITS = 1e-6  # to which it must come to the same from both sides
SLOPE = 1e-4  # that is taken for one
WAYS, NEAR = 4, 0.02  # directions from which a limit is looked at, how far they may differ
MOST = 4096  # elements of a quotient of which a limit is looked for


class Limit(NamedTuple):
    """What a quotient goes to, and its slope by the divisor.

    It stands `alone` where it is the same at every 0/0, whatever else there is.
    """

    value: float
    slope: float
    alone: bool = False


def removable(at: Step) -> str:
    """Tell of 0/0, of which there is a limit."""
    if (found := _limit(at)) is None:
        return ""
    a, b = (at.label(x) for x in at.form.operands)
    return (
        f"`{at.text}` is 0/0 = nan{at.place}, because {a} and {b} are both 0 there; on both sides "
        f"it goes to {found.value:.6g}."
    )


def has_limit(subject: Subject, event: Event) -> bool:
    """Say whether what begins is 0/0, of which there is a limit."""
    at = step(subject, event)
    return at is not None and _limit(at) is not None


def zero_over_zero(at: Step) -> str:
    """Tell of 0/0."""
    if not _by_zero(at) or at.value(0) != 0:
        return ""
    a, b = (at.label(x) for x in at.form.operands)
    both = f"{a} is" if a == b else f"{a} and {b} are both"
    return f"`{at.text}` is 0/0 = nan{at.place}: {both} 0 there."


def division_by_zero(at: Step) -> str:
    """Tell of a number that is not 0, divided by 0; also as a negative power of 0."""
    if _by_zero(at):
        top = at.value(0)
        what = "" if top is None else f"{number(top)}/0 is {number(at.event.value)}"
        return f"{at.label(at.form.operands[1])} is 0{at.place}, and `{at.text}` divides by it: " \
               f"{what}."  # fmt: skip
    power = -0.5 if at.name == "rsqrt" else at.real(1) if at.name == "pow" else None
    if at.event.stage == 1 or at.value(0) != 0 or power is None or power >= 0:
        return ""
    return (
        f"{at.label(at.form.operands[0])} is 0{at.place}, and `{at.text}` is 0 to the power of "
        f"{power:g}, which is {number(at.event.value)}."
    )


def infinite_difference(at: Step) -> str:
    """Tell of an infinity less an infinity."""
    if at.event.stage == 1 or not at.event.is_nan or at.name not in {"sub", "add"}:
        return ""
    a, b = at.value(0), at.value(1)
    if a is None or b is None or not (np.isinf(a) and np.isinf(b)):
        return ""
    return (
        f"{at.label(at.form.operands[0])} is {number(a)} and {at.label(at.form.operands[1])} is "
        f"{number(b)}{at.place}: `{at.text}` has no value."
    )


def _by_zero(at: Step) -> bool:
    return at.name == "div" and at.value(1) == 0 and at.event.stage == 0


def _limit(at: Step) -> Limit | None:
    """Return what 0/0 goes to on both sides, None where it does not, or nobody can say."""
    if not _by_zero(at) or at.value(0) != 0:
        return None
    top, bottom = at.form.operands
    subject, row, index = at.subject, at.event.row, at.event.inner
    if (
        top.row is None
        or bottom.row is None
        or index is None
        or alike(subject, top.row, bottom.row)
    ):
        return None
    by, only = _variable(subject, top.row, bottom.row)
    if by is None or subject.value(row).size > MOST:
        return None
    graph = double(subject.graph)  # a limit takes more digits than float32 has
    if not only and not _from_anywhere(subject, row, index):
        return None
    shape = graph.metas[row].shape
    both = [np.broadcast_to(subject.value(i), shape) == 0 for i in (top.row, bottom.row)]
    places = [index, *(tuple(map(int, k)) for k in np.argwhere(both[0] & both[1]))]
    near, replay = [], Replay(graph, (by,), (row, bottom.row))
    for h in STEPS:
        moved = [replay.run({by: np.asarray(graph.value(by) + sign * h)}) for sign in (1, -1)]
        near.append([np.broadcast_to(np.real(y), shape) for pair in moved for y in pair])
    limits = [_at_one(near, place) for place in places]
    first = limits[0]
    if first is None:
        return None
    alone = only and all(x is not None and np.allclose(x[:2], first[:2], 0, 1e-6) for x in limits)
    return first._replace(alone=alone)


def _at_one(near: list[list[Array]], place: Index) -> Limit | None:
    """Return the limit of one element, of what the quotient and its divisor are close by."""
    values = [[float(y[place]) for y in ys] for ys in near]
    if not np.isfinite(values).all() or any(x[1] == 0 == x[3] for x in values):
        return None
    a, _, b, _ = values[1]
    if not abs(a - b) <= 1e-2 * max(1.0, abs(a)):
        return None
    means = [(x[0] + x[2]) / 2 for x in values]
    limit, again = ((100 * y - x) / 99 for x, y in pairwise(means))
    if not abs(limit - again) <= 1e-5 * max(1.0, abs(limit)):  # as with a kink
        return None
    slope, wide = (
        (x[0] - x[2]) / (x[1] - x[3]) if x[1] != x[3] else 0.0 for x in (values[1], values[0])
    )
    return Limit(_simple(limit), _simple((100 * slope - wide) / 99))


def _from_anywhere(subject: Subject, row: int, index: Index) -> bool:
    """Say whether a quotient goes to the same whichever way its parameters come close."""
    graph = double(subject.graph)
    leaves = [i for i in _behind(subject, [row], -1) if graph.requires_grad[i] and not graph.ops[i]]
    replay, found, generator = Replay(graph, leaves, (row,)), [], np.random.default_rng(0)
    for _ in range(WAYS):
        moved = {
            i: graph.value(i) + STEPS[1] * generator.standard_normal(graph.metas[i].shape)
            for i in leaves
        }
        found.append(float(np.real(replay.run(moved)[0][index])))
    return bool(np.ptp(found) <= NEAR * (1 + np.abs(found).max()))


def _simple(x: float) -> float:
    """Return a fraction of small numbers where one is meant."""
    near = Fraction(x).limit_denominator(24)
    return float(near) if abs(x - near) < DIGITS else x


def _variable(subject: Subject, top: int, bottom: int) -> tuple[int | None, bool]:
    """Return the last row that both depend on, and whether no parameter comes in beside it.

    It is the divisor itself, or what it is made from.
    """
    graph, shape = subject.graph, subject.graph.metas[bottom].shape
    common = [
        i
        for i in _behind(subject, [top], -1) & _behind(subject, [bottom], -1)
        if graph.metas[i].shape == shape and graph.metas[i].dtype.kind == "f"
    ]
    by = max(common, default=None)
    if by is None:
        return None, False
    beside = _behind(subject, [top, bottom], by)
    return by, not any(graph.requires_grad[i] and graph.ops[i] is None for i in beside - {by})


def _behind(subject: Subject, rows: list[int], but: int) -> set[int]:
    """Return rows and those that they are computed from, not beyond one of them."""
    found, pending = set[int](), list(rows)
    while pending:
        i = pending.pop()
        if i >= 0 and i not in found:
            found.add(i)
            if i != but:
                pending += subject.graph.inputs[i]
    return found


def with_limit(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Yield the function that has the limit, else the quotient with it put in."""
    event = sighting.evidence
    assert isinstance(event, Event), "these kinds are about beginnings"
    at = step(subject, event)
    found = None if at is None else _limit(at)
    if at is None or found is None or at.form.whole is None or not found.alone:
        return
    span, it = at.form.whole.span, at.form
    for written, better in NAMED:
        text = matched_text(subject, written, better, it)
        if text is not None:
            yield Rewrite((edit(subject, span, text),), "it has the limit in it")
    yield from _put_in(subject, it, found)


NAMED = (
    ("sin(3.141592653589793*x)/(3.141592653589793*x)", "sinc(x)"),
    ("sin(x)/x", "sinc(x/3.141592653589793)"),
)


PRECISE = (  # dividends that lose all their digits where they vanish, and the same without
    ("exp(x) - 1", "expm1(x)"),
    ("log(1 + x)", "log1p(x)"),
    ("1 - cos(x)", "2.0*sin(0.5*x)**2"),
    ("sqrt(1 + x) - 1", "x/(sqrt(1.0 + x) + 1.0)"),
)


def _put_in(subject: Subject, it: Form, limit: Limit) -> Iterator[Rewrite]:
    top, bottom = it.operands
    if it.whole is None or bottom.text is None or top.text is None:
        return
    d, span = text_of(subject, bottom), it.whole.span
    value = repr(limit.value)
    if abs(limit.slope) > SLOPE:
        sign = "+" if limit.slope > 0 else "-"
        linear = f"{abs(limit.slope)!r}*{bracketed(d)}"
        value = f"{value} {sign} {linear}" if limit.value or sign == "-" else linear
    condition = f"{compared(d)} == 0"
    safe = filled(subject, "where(c, 1.0, d)", {"c": condition, "d": d})
    if safe is None:
        return
    for dividend in (*_precise(subject, top), None):
        edits = [(bottom.text.span, safe)]
        if dividend is not None:
            edits.append((top.text.span, bracketed(dividend)))
        quotient = replaced(subject, span, edits)
        text = filled(subject, "where(c, v, q)", {"c": condition, "v": value, "q": quotient})
        if text is not None:
            yield Rewrite((edit(subject, span, text),), f"it goes to {limit.value:.6g} there")


def _precise(subject: Subject, top: Operand) -> Iterator[str]:
    it = None if top.row is None else form(subject, top.row)
    if it is not None:
        for written, better in PRECISE:
            text = matched_text(subject, written, better, it)
            if text is not None:
                yield text
