"""The verdict on one derivative, from what differences say of both sides of a point."""

from __future__ import annotations

from math import inf, nan
from typing import Any

import numpy as np
import pytest

from gradcli.verify.compare import farthest, relation, vectors
from gradcli.verify.differences import Numeric, Remainder, Side
from gradcli.verify.judge import Judgement, Tolerance, by_remainder, judge
from gradcli.verify.report import Element
from gradcli.verify.verdicts import Verdict

TOLERANCE = Tolerance(1e-6)


def numeric(value: float, error: float = 1e-9, **more: Any) -> Numeric:
    """Return what a smooth function has, but for what is said; `left` and `right` are slopes."""
    bar = more.pop("bar", 1e-8)
    limits = more.pop("limits", (1.0, 1.0))
    slopes = more.pop("left", value), more.pop("right", value)
    left, right = (Side(slope, bar, 1e-5, at) for slope, at in zip(slopes, limits, strict=True))
    jump = more.pop("jump", False)
    return Numeric(value, error, 1e-3, left, right, jump, abs(value), **more)


# the analytic derivative, what differences find, and the verdict
JUDGED = {
    "the same": (2.0, numeric(2.0), "OK", ""),
    "another": (2.1, numeric(2.0), "WRONG", ""),
    "a wide bar that it lies in": (2.0, numeric(2.0, 1.0), "NOISY", "hides any difference"),
    "beside a wide bar": (3.2, numeric(2.0, 1.0, left=2, right=2), "NOISY", "do not settle"),
    "no number": (2.0, numeric(nan, left=2.0, right=2.0), "NOISY", "do not settle"),
    "a cube root at 0": (inf, numeric(1e5, left=inf, right=inf), "DOMAIN", "infinite"),
    "a cube root at 0, finite": (3.0, numeric(1e5, left=inf, right=inf), "WRONG", ""),
    "a root of |x| at 0": (0.0, numeric(0.0, left=-inf, right=inf), "KINK", "left -inf, right inf"),
    "a root of |x| at 0, nan": (nan, numeric(0.0, left=-inf, right=inf), "DOMAIN", "right inf"),
    "a kink": (0.0, numeric(0.0, left=-1.0, right=1.0), "KINK", "left -1, right 1"),
    "a kink, nan": (nan, numeric(0.0, left=-1.0, right=1.0), "WRONG", "left -1, right 1"),
    "beside a kink": (3.0, numeric(0.0, left=-1.0, right=1.0), "WRONG", "on neither side"),
    "a jump": (
        1.0, numeric(0.0, left=1.0, right=1.0, limits=(1.0, 4.0), jump=True), "KINK",
        "the function jumps from 1 to 4"),
    "a hole": (
        0.0, numeric(0.0, left=0.0, right=0.0, limits=(4.0, 4.0), jump=True), "KINK",
        "the function is 4 on both sides, and is 1 here"),
    "a sign": (
        0.0, numeric(0.0, left=0.0, right=0.0, limits=(-1.0, 3.0), jump=True), "KINK",
        "the function jumps from -1 to 3, and is 1 here"),
    "no side that settles": (
        9.0, numeric(0.0, left=-1.0, right=1.0, bar=inf, jump=True), "KINK", "on both sides"),
    "an edge": (2.0, numeric(nan, left=nan, right=2.0), "DOMAIN", "not defined on the left"),
    "the other edge": (2.0, numeric(nan, right=nan, left=2.0), "DOMAIN", "on the right"),
    "an edge with another slope": (5.0, numeric(nan, left=nan, right=2.0), "WRONG", "on the left"),
    "an edge of infinite slope": (nan, numeric(nan, left=nan, right=inf), "DOMAIN", "on the left"),
    "an edge that does not settle": (
        9.0, numeric(nan, left=nan, right=2.0, bar=1.0), "DOMAIN", "does not settle"),
    "an edge with a jump": (
        nan, numeric(nan, left=nan, right=2.0, limits=(nan, 3.0), jump=True), "DOMAIN",
        "not defined on the left, and jumps from 1 to 3 on the right"),
    "outside": (2.0, numeric(nan, left=nan, right=nan), "DOMAIN", "defined on neither side"),
    "digits that say nothing": (2.1, numeric(2.0, telling=False), "NOISY", "chaotic"),
    "the same, by chance": (2.0, numeric(2.0, telling=False), "NOISY", "chaotic"),
    "a tiny element": (2.1, numeric(2.0, resolved=False), "NOISY", "so small"),
}  # fmt: skip


@pytest.mark.parametrize("case", JUDGED)
def test_a_derivative_gets_the_verdict_that_both_sides_allow(case: str) -> None:
    analytic, found, verdict, note = JUDGED[case]
    judgement = judge(analytic, 1.0, found, TOLERANCE)
    assert judgement.verdict == verdict
    assert note in judgement.note


@pytest.mark.parametrize("start", [nan, inf])
def test_a_function_that_has_no_value_is_outside(start: float) -> None:
    judgement = judge(2.0, start, numeric(2.0), TOLERANCE)
    assert (judgement.verdict, judgement.note) == ("DOMAIN", f"the value is {start:g}")


@pytest.mark.parametrize(
    ("left", "verdict"),
    [
        (Remainder(2.0, 1e-9), "OK"),
        (Remainder(1.0, 0.5), "WRONG"),
        (Remainder(1.5, 0.5), "NOISY"),
        (Remainder(2.0, 0.5), "NOISY"),
        (Remainder(None, inf), "NOISY"),
    ],
)
def test_a_taylor_remainder_decides_where_no_step_does(left: Remainder, verdict: str) -> None:
    noisy = Judgement(Verdict.NOISY, 1.0, 1.0, 1e-3)
    assert by_remainder(noisy, 1.0, left, left).verdict == verdict


# ---- how two arrays are related ------------------------------------------------------------

A = np.array([[1.0, 2.0], [3.0, 5.0]])
NAMES = ("`a`", "`b`")
RELATED = {
    "`b` is minus `a`": [(A, -A)],
    "`b` is 3/2 times `a`": [(A, 1.5 * A)],
    "`b` is 1/20 times `a` (20 is the batch)": [(A, A / 20)],
    "`b` is 0.15 times `a` (0.15 is `lam`)": [(A, 0.15 * A)],
    "`b` is the transpose of `a`": [(A, A.T)],
    "`b` is 2 times the transpose of `a`": [(A, 2 * A.T)],
    "`b` lacks a sum over dimension 0: summed, it is `a`": [(A.sum(0), A)],
    "`b` lacks a sum over dimensions 0, 1: summed, it is `a`": [(A.sum(), A)],
    "`a` lacks a sum over dimension 1: summed, it is `b`": [(A, A.sum(1))],
    "`b` is `a` plus 2 at every point": [(A[0, :1], A[0, :1] + 2), (A[1, :1], A[1, :1] + 2)],
    "": [(A, A + np.array([[0, 1], [0, 2]]))],
}


@pytest.mark.parametrize("said", RELATED)
def test_a_pattern_between_two_arrays_is_said(said: str) -> None:
    known = {20.0: ["is the batch"], 0.15: ["is `lam`"]} if "is " in said[10:] or not said else {}
    assert relation(RELATED[said], NAMES, known) == said


@pytest.mark.parametrize(
    "pairs",
    [
        [(A, A)],
        [(A, np.pi * A)],
        [(A[:, :1], A[:, :1] / 20)],
        [(A, np.full((2, 2), nan))],
        [(A, np.zeros((2, 2)))],
        [(A[0], A[0] + 2)],
        [(A[0, :1], A[0, :1] + 2), (A[1, :1], A[1, :1] + 3)],
        [(A[0], A[0] + 2), (A[1], A[1] + 2)],
        [(np.zeros(0), np.zeros(0))],
        [(np.ones(3), np.array([1.0, 2.0]))],
    ],
)
def test_nothing_is_said_where_there_is_no_pattern(pairs: Any) -> None:
    assert relation(pairs, NAMES, {}) == ""


def test_the_places_that_differ_most_come_first() -> None:
    found = farthest(A, np.array([1.0, 7.0]), 3)
    assert found == [((0, 1), 2.0, 7.0), ((1, 0), 3.0, 1.0), ((1, 1), 5.0, 7.0)]
    assert farthest(A, np.ones(3), 3) == []
    assert farthest(A, A, 3) == []


def test_gradients_are_compared_as_vectors() -> None:
    def element(analytic: float, other: float, index: tuple[int, ...] | None = (0,)) -> Element:
        return Element("y", index, "", analytic, other, 0.0, 1e-3, Verdict.OK)

    mean, cosine, ratio = vectors([element(3, 4), element(4, 3), element(9, 9, None)])
    assert (mean, cosine, ratio) == pytest.approx((1.0, 24 / 25, 1.0))
    assert vectors([element(0, 2)]) == (2.0, None, None)
    assert vectors([element(nan, 2)]) == (0.0, None, None)
