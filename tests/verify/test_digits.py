"""Derivatives to many digits: the truth is mpmath's, by a formula of the derivative or its own."""

from collections.abc import Callable
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from gradcli.verify import Element, Settings, Verdict, check
from gradcli.verify.digits import Decider, Decision, UnsettledFault
from gradcli.verify.target import target_of
from tests.cli.runner import Outcome, run
from tests.verify.checking import checked, session_of, with_wrong_rule

mpmath = pytest.importorskip("mpmath")
mpf = mpmath.mpf

DIGITS = 30


def decision(text: str, element: int = 0, digits: int = DIGITS, **more: Any) -> Decision:
    """Return what is decided of the last scalar's derivative, given 1 as the analytic value."""
    session = session_of(text, more.pop("options", None))
    target = target_of(session, Settings(), np.random.default_rng(0))
    decider = Decider(target, target.parameters[0], digits, 1e-6)
    return decider.decided(element, 0, more.get("analytic", 1.0))


def elements(text: str, options: dict[str, Any] | None = None) -> tuple[Element, ...]:
    return checked(text, options, digits=DIGITS).findings[0].worst


def _logistic(turns: int, start: float = 0.3, rate: float = 3.7) -> Any:
    """The chain rule, with as many digits as are set."""
    h, slope, r = mpf(start), mpf(1), mpf(rate)
    for _ in range(turns):
        slope *= r * (1 - 2 * h)
        h = r * h * (1 - h)
    return slope


def _recurrent() -> Any:
    def net(w: Any) -> Any:
        h = mpf(0)
        for k in range(12):
            h = mpmath.tanh(w * h + mpmath.cos(k))
        return h * h

    return mpmath.diff(net, mpf(1.7), h=mpf(10) ** -60)


LOOP = "x = param(0.3)\nh = x\nfor i in range({}):\n    h = 3.7*h*(1 - h)\ny = h"
RNN = (
    "w = param(1.7)\nh = 0*w\nfor k in range(12):\n"
    "    h = tanh(w*h + cos(tensor(float(k))))\ny = h*h"
)

# a file, and the derivative by its first element
EXACT: dict[str, tuple[str, Callable[[], Any]]] = {
    "fifty turns of a chaotic map": (LOOP.format(50), lambda: _logistic(50)),
    "a hundred turns": (LOOP.format(100), lambda: _logistic(100)),
    "two hundred and fifty turns": (LOOP.format(250), lambda: _logistic(250)),
    "sin at 1e9": ("x = param(1e9)\ny = sin(x)", lambda: mpmath.cos(mpf(1e9))),
    "sin at 1e16": ("x = param(1e16)\ny = sin(x)", lambda: mpmath.cos(mpf(1e16))),
    "sin at 1e20": ("x = param(1e20)\ny = sin(x)", lambda: mpmath.cos(mpf(1e20))),
    "cancellation": ("x = param(0.123)\ny = (x + 1e16) - 1e16", lambda: mpf(1)),
    "a small difference": ("x = param(1e-9)\ny = 1 - cos(x)", lambda: mpmath.sin(mpf(1e-9))),
    "a tail": ("x = param(30.)\ny = exp(-x**2)", lambda: -60 * mpmath.exp(-900)),
    "a subnormal number": ("x = param(5e-324)\ny = x*x", lambda: 2 * mpf(5e-324)),
    "a fourth power at 0": ("x = param(0.)\ny = x*x*x*x", lambda: mpf(0)),
    "a cube at 0": ("x = param(0.)\ny = x*x*x", lambda: mpf(0)),
    "a slope beside a bend": ("x = param(0.)\ny = 1e300*x*x + x", lambda: mpf(1)),
    "a power of 1.5 at 0": ("x = param(0.)\ny = abs(x)**1.5", lambda: mpf(0)),
    "a sine of 1e-200": ("x = param(1e-200)\ny = x - sin(x)", lambda: mpf(1e-200)**2 / 2),
    "a tail beside a large term": (
        "x = param(25.)\ny = 3*exp(-x**2) + cos(x*0 + 1)", lambda: -150 * mpmath.exp(-625)
    ),
    "a matrix product": ("x = param([[1., 2.], [3., 4.]])\ny = ((x @ x)*x)[0, 1]", lambda: mpf(4)),
    "an inverse": ("x = param([[1., 2.], [3., 4.]])\ny = inverse(x)[0, 0]", lambda: mpf(-4)),
    "a recurrent net": (RNN, _recurrent),
    "a relu beside its kink": ("x = param(1e-300)\ny = relu(x)", lambda: mpf(1)),
    "erf": ("x = param(5.5)\ny = erf(x)", lambda: 2 / mpmath.sqrt(mpmath.pi) * mpmath.exp(-30.25)),
}  # fmt: skip


@pytest.mark.parametrize("name", EXACT)
def test_the_digits_are_those_of_the_derivative(name: str) -> None:
    text, truth = EXACT[name]
    with mpmath.workdps(1000):
        found = decision(text)
        assert found.exact is not None
        assert mpmath.almosteq(mpf(found.exact), truth(), mpf(10) ** (1 - DIGITS), 0)
        assert found.rule == pytest.approx(float(truth()), rel=1e-14, abs=0)


def test_a_change_that_the_first_runs_round_off_is_found_by_later_ones() -> None:
    """It is e^-657 beside e^-95: 245 digits down."""
    found = decision("x = param([25.639370208357583, 9.745564634190533])\ny = sum(exp(-x*x))",
                     digits=20)  # fmt: skip
    with mpmath.workdps(60):
        x = mpf(25.639370208357583)
        assert found.exact is not None
        assert mpmath.almosteq(mpf(found.exact), -2 * x * mpmath.exp(-x * x), mpf(10) ** -19, 0)


# a file at a point without a derivative, the slopes on the left and the right, and the verdict
# on a gradient of 0
SIDES: dict[str, tuple[str, float, float, Verdict]] = {
    "relu": ("x = param(0.)\ny = relu(x)", 0.0, 1.0, Verdict.KINK),
    "a kink after a large sum": ("x = param(0.)\ny = abs(x) + 1e16", -1.0, 1.0, Verdict.KINK),
    "two slopes with 0 outside": ("x = param(0.)\ny = relu(x) + x", 1.0, 2.0, Verdict.WRONG),
    "an edge": ("x = param(0.)\ny = sqrt(x)", nan, inf, Verdict.WRONG),
    "an infinite slope": ("x = param(0.)\ny = sign(x)*sqrt(abs(x))", inf, inf, Verdict.WRONG),
    "a slope that grows as a logarithm": ("x = param(0.)\ny = xlogy(x, abs(x) + 0*x)",
                                          -inf, -inf, Verdict.WRONG),
    "a jump": ("x = param(2.)\ny = floor(x)", inf, 0.0, Verdict.KINK),
    "no function": ("x = param(-1.)\ny = log(x)", nan, nan, Verdict.DOMAIN),
}  # fmt: skip


@pytest.mark.parametrize("name", SIDES)
def test_a_point_without_a_derivative_has_the_slopes_of_its_sides(name: str) -> None:
    text, left, right, verdict = SIDES[name]
    found = decision(text, analytic=0.0)
    assert (found.left, found.right) == pytest.approx((left, right), nan_ok=True)
    assert found.verdict is verdict


def test_a_jump_is_told_by_its_values() -> None:
    note = decision("x = param(2.)\ny = floor(x)*3").note
    assert note == "the function jumps: 3.0 on the left, 6.0 here, 6.0 on the right"


def test_a_gradient_that_has_lost_its_digits_is_noisy_and_its_rule_right() -> None:
    (found,) = elements(LOOP.format(100))
    assert found.verdict is Verdict.NOISY
    assert "the rule is right; its float64 value has lost 15 of 16 digits" in found.note
    assert found.exact is not None
    assert found.exact.startswith("-2742902830436210.")


def test_a_gradient_that_has_not_lost_them_is_right() -> None:
    (found,) = elements(LOOP.format(50))
    assert found.verdict is Verdict.OK
    assert found.exact is not None
    assert found.exact in found.note


def test_the_numbers_of_a_float32_file_are_those_it_holds() -> None:
    with mpmath.workdps(60):
        truth = mpmath.cos(mpf(float(np.float32(0.1))))
        (found,) = elements("x = param(0.1)\ny = sin(x)", {"dtype": "float32"})
        assert found.exact is not None
        assert mpmath.almosteq(mpf(found.exact), truth, mpf(10) ** (1 - DIGITS))


def test_a_kink_names_its_operation_and_says_its_slopes_once() -> None:
    (found,) = elements("x = param(0.)\ny = relu(x)")
    assert found.note.startswith("relu (line 2)")
    assert "on the left" not in found.note


def test_the_round_off_of_a_float32_file_is_called_that() -> None:
    text = "x = param(0.3)\nh = x\nfor i in range(36):\n    h = 3.9*h*(1 - h)\ny = h"
    (found,) = elements(text, {"dtype": "float32"})
    assert found.verdict is Verdict.NOISY
    assert "round-off of float32" in found.note
    assert found.exact is not None
    with mpmath.workdps(100):
        truth = _logistic(36, float(np.float32(0.3)), 3.9)
        assert mpmath.almosteq(mpf(found.exact), truth, mpf(10) ** (1 - DIGITS))


def _times(factor: float) -> Any:
    return lambda body: lambda *arguments: body(*arguments) * factor


@pytest.mark.parametrize("factor", [1.00001, 1.5, -1.0, 0.0])
def test_a_wrong_rule_is_wrong_where_differences_see_nothing(factor: float) -> None:
    session = session_of("x = param(1e16)\ny = sin(x)")
    changed = with_wrong_rule(session.graph, "sin", _times(factor))
    (found,) = check(session, Settings(digits=DIGITS)).findings
    assert changed == 1
    assert found.verdict is Verdict.WRONG
    assert "and the rule gives" in found.note


def test_forward_mode_is_decided_by_its_own_rule() -> None:
    session = session_of("x = param([1e16, 2.])\ny = sum(sin(x))")
    (found,) = check(session, Settings(modes=("forward",), digits=DIGITS)).findings
    assert found.verdict is Verdict.OK
    with_wrong_rule(session.graph, "sin", _times(2.0))
    (found,) = check(session, Settings(modes=("forward",), digits=DIGITS)).findings
    assert found.verdict is Verdict.WRONG
    assert "and the rule gives" in found.note


@pytest.mark.parametrize(("element", "truth"), [(0, 0.0), (1, 0.25), (2, 0.25)])
def test_a_matrix_of_which_one_half_is_read_moves_as_its_rule_says(
    element: int, truth: float
) -> None:
    text = "x = param([[4., 0.], [0., 3.]])\ny = linalg.cholesky(x)[1, 0]"
    found = decision(text, element, analytic=truth)
    assert (found.verdict, found.numeric) == (Verdict.OK, truth)


def test_a_row_that_an_embedding_leaves_out_does_not_move() -> None:
    text = "x = param([[1.], [2.]])\ny = F.embedding(tensor([0, 1]), x, padding_idx=0).sum()"
    assert decision(text, 0, analytic=0.0).verdict is Verdict.OK
    assert decision(text, 1).exact == "1.0"


def test_what_is_detached_stays_where_it_is() -> None:
    assert decision("x = param(3.)\ny = x*x.detach()").exact == "3.0"


def test_what_does_not_settle_is_left_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcli.verify.digits.REFINEMENTS", 1)
    with pytest.raises(UnsettledFault, match="does not settle to 15 digits, with numbers of 110"):
        decision(LOOP.format(5), digits=15)
    (finding,) = checked(LOOP.format(5), digits=15).findings
    assert "does not settle to 15 digits" in finding.note
    assert finding.worst[0].exact is None


def test_in_a_large_graph_only_what_is_not_ok_is_decided(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcli.verify.digits.WORK", 10)
    report = checked("x = param([0., 1., 2.])\ny = sum(relu(x))", digits=DIGITS)
    assert [e.note != "" for e in report.findings[0].worst] == [True]
    assert "would take too long" in report.notes[0]


def command(*arguments: str) -> Outcome:
    return run("check", *arguments)


def test_the_table_shows_the_digits() -> None:
    result = command("-e", "y = exp(x)", "-p", "x=1.", "--digits", "40")
    assert result.status == 0
    assert "2.71828182845904523536028747135266249775" in result.output


def test_an_operation_without_digits_is_an_error_with_its_place() -> None:
    result = command(
        "-e", "y = linalg.svd(x)[1].sum()", "-p", "x=[[4.,2.],[2.,3.]]", "--digits", "20"
    )
    assert result.status == 2
    assert "<expr>:1:5: error: linalg.svd cannot be computed" in result.errors


@pytest.mark.parametrize("digits", ["14", "1001"])
def test_digits_have_a_range(digits: str) -> None:
    assert command("-e", "y = x", "-p", "x=1.", "--digits", digits).status == 2


def test_without_mpmath_the_way_to_install_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "mpmath.ctx_mp", None)
    result = command("-e", "y = x*x", "-p", "x=1.", "--digits", "20")
    assert result.status == 2
    assert "pip install 'gradcli[digits]'" in result.errors


def test_a_number_too_small_for_steps_in_double_precision_is_decided() -> None:
    # half the inverse of the root of 2**-1074, which is exactly 2**-537
    report = checked("x = param(5e-324)\ny = sqrt(x)", digits=20)
    (element,) = report.findings[0].worst
    assert element.verdict == "OK"
    assert element.numeric == 2.0**536
