"""The Taylor remainder of a derivative, on functions whose remainder is known."""

from collections.abc import Callable

import numpy as np
import pytest

from gradcli.rule.dtypes import Array
from gradcli.verify.differences import Remainder, falling, remainder
from gradcli.verify.judge import Judgement, by_remainder
from gradcli.verify.verdicts import Verdict

Function = Callable[[Array], Array]
NOISE = 1e-16

# a function of a step h, and its derivative at h = 0
FUNCTIONS: dict[str, tuple[Function, float]] = {
    "exp(h)": (np.exp, 1.0),
    "sin(1 + h)": (lambda h: np.sin(1 + h), float(np.cos(1.0))),
    "(2 + h)**2": (lambda h: (2 + h) ** 2, 4.0),
}


def left(f: Function, analytic: float, noise: float = NOISE) -> Remainder:
    h = falling(1.0, 1.0)
    return remainder(float(f(np.zeros(1))[0]), analytic, h, f(h), noise)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_right_derivative_leaves_the_second_order(name: str) -> None:
    f, slope = FUNCTIONS[name]
    found = left(f, slope)
    assert found.order == pytest.approx(2, abs=0.02)
    assert found.gap < 1e-6


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_wrong_derivative_leaves_the_first_and_the_gap_is_its_error(name: str) -> None:
    f, slope = FUNCTIONS[name]
    found = left(f, 1.03 * slope)
    assert found.order == pytest.approx(1, abs=0.02)
    assert found.gap == pytest.approx(0.03 * slope, rel=1e-3)


def test_nothing_is_said_of_what_is_below_round_off() -> None:
    assert left(lambda h: 3 * h, 3.0) == Remainder(None, np.inf)
    assert left(np.exp, 1.0, noise=1.0) == Remainder(None, np.inf)


UNDECIDED = Judgement(Verdict.NOISY, 1.0, 0.1, 1e-3, "the error bar hides any difference")


def test_it_decides_where_no_single_step_does() -> None:
    right, wrong = left(np.exp, 1.0), left(np.exp, 1.03)
    assert by_remainder(UNDECIDED, 1.0, right, right).verdict == "OK"
    assert by_remainder(UNDECIDED, 1.03, wrong, wrong).verdict == "WRONG"
    assert "order 2.00" in by_remainder(UNDECIDED, 1.0, right, right).note


def test_it_leaves_open_what_it_cannot_tell() -> None:
    for unclear in (Remainder(None, np.inf), Remainder(1.5, 1e-9), Remainder(2.0, 0.5)):
        assert by_remainder(UNDECIDED, 1.0, unclear, unclear) == UNDECIDED


def test_a_remainder_that_differs_on_both_sides_shows_no_derivative_wrong() -> None:
    ahead, behind = Remainder(1.0, 0.29), Remainder(1.0, 1.71)
    for other in (behind, Remainder(None, np.inf)):
        assert by_remainder(UNDECIDED, 1.0, ahead, other) == UNDECIDED
