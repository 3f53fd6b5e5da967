"""Gradients that a check once judged wrongly, a kind at a time: verdict, place and numbers.

The numbers are closed forms, or those of 200-digit arithmetic where that is said.
"""

from __future__ import annotations

from math import cos, exp, inf, isnan, pi, sin
from typing import Any

import pytest

from gradcli.verify import Element, Finding, check
from tests.verify.checking import checked, session_of, with_wrong_rule


def first(text: str, **settings: Any) -> Finding:
    return checked(text, **settings).findings[0]


def element(text: str, index: tuple[int, ...] = ()) -> Element:
    return next(e for e in first(text, verbose=True).worst if e.index == index)


# ---- estimates that do not settle ------------------------------------------------------------


def logistic(turns: int, rate: float = 3.7) -> str:
    return f"x = param(0.3)\nh = x\nfor i in range({turns}):\n    h = {rate}*h*(1 - h)\ny = h"


UNSETTLED = {
    "a chaotic map, 82 turns": logistic(82),
    "a chaotic map, 85 turns": logistic(85),
    "a chaotic sine": "x = param(0.2)\nh = x\nfor i in range(70):\n    h = sin(3.1*h)*0.97\ny = h",
    "a chaotic map, 100 turns": logistic(100),
    "a chaotic map, 120 turns": logistic(120, 3.9),
    "a tent map": (
        "x = param(0.3)\nh = x\nfor i in range(60):\n    h = 1.9999*minimum(h, 1 - h)\ny = h"
    ),
    "sin at 1e16": "x = param(1e16)\ny = sin(x)",
    "cos at 1e20": "x = param(1e20)\ny = cos(x)",
    "tan at 1e18": "x = param(1e18)\ny = tan(x)",
    "sinc at 1e17": "x = param(1e17)\ny = sinc(x)",
    "exp(sin) at 1e20": "x = param(1e20)\ny = exp(sin(x))",
    "a remainder at 1e20": "x = param(1e20)\ny = remainder(x, 2*pi)",
    "x - floor(x) at 1e17": "x = param(1e17)\ny = x - floor(x)",
    "frac at 1e20": "x = param(1e20)\ny = frac(x)",
    "fmod at 1e18": "x = param(1e18)\ny = fmod(x, 1.0)",
    "a root of the least number": "x = param(5e-324)\ny = sqrt(x)",
    "a logarithm of a subnormal one": "x = param(1e-310)\ny = log(x)",
}


# right gradients of which every step that is tried is too large to tell
BEYOND = {
    "a clamp next to the point": "s = param(-1.0)\ny = asin(clamp(s, min=-1+1e-12, max=1-1e-12))",
    "a small element beside a large one": "a = param([1e160, 1.0])\ny = sum(hypot(a, tensor(1.0)))",
}


@pytest.mark.parametrize("case", BEYOND)
def test_what_only_one_side_shows_is_undecided_and_not_wrong(case: str) -> None:
    assert first(BEYOND[case]).verdict == "NOISY"


@pytest.mark.parametrize("case", UNSETTLED)
def test_what_does_not_settle_is_undecided(case: str) -> None:
    finding = first(UNSETTLED[case])
    assert finding.verdict == "NOISY"
    assert finding.worst[0].limits is None
    assert any(word in finding.note for word in ("chaotic", "apart here", "so small"))


SETTLED = {
    # 200-digit arithmetic: -2.393671e6
    "a chaotic map, 50 turns": (logistic(50), -2.393671e6, 2e-4),
    "sin at 1e9": ("x = param(1e9)\ny = sin(x)", cos(1e9), 1e-5),
    "cos at 1e12": ("x = param(1e12)\ny = cos(x)", -sin(1e12), 1e-3),
    "cos at 1e14": ("x = param(1e14)\ny = cos(x)", -sin(1e14), 1e-2),
    "tan at 1e12": ("x = param(1e12)\ny = tan(x)", 1 / cos(1e12) ** 2, 1e-3),
    "exp(sin) at 1e10": (
        "x = param(1e10)\ny = exp(sin(x))", exp(sin(1e10)) * cos(1e10), 1e-4),
    "x - floor(x) at 1e9": ("x = param(1e9 + 0.25)\ny = x - floor(x)", 1.0, 1e-4),
    "a remainder at 1e9": ("x = param(1e9 + 0.3)\ny = remainder(x, 2*pi)", 1.0, 1e-4),
    "a staircase": ("x = param(1e-6)\ny = (x + 1e12) - 1e12", 1.0, 1e-2),
    "1 - cos": ("x = param(1e-4)\ny = 1 - cos(x)", sin(1e-4), 1e-3),
    "the least number, squared": ("x = param(5e-324)\ny = x*x", 0.0, 1e-6),
    "the least number, tripled": ("x = param(5e-324)\ny = 3*x", 3.0, 1e-9),
}  # fmt: skip


@pytest.mark.parametrize("case", SETTLED)
def test_what_settles_is_right_and_its_bar_holds_the_truth(case: str) -> None:
    text, truth, bar = SETTLED[case]
    e = element(text)
    assert e.verdict == "OK"
    assert abs(e.numeric - truth) <= max(4 * e.error, 1e-15)
    assert e.error <= bar * max(abs(truth), 1.0)


def test_the_error_bar_of_the_complex_step_holds_what_rounding_does() -> None:
    # 50-digit arithmetic
    e = element(
        "x = param(0.31582937101109626)\nh = x\nfor i in range(10):\n    h = 3.782*h*(1 - h)\ny = h"
    )
    assert abs(e.numeric - -70.66579305290067) <= e.error <= 1e-9


# ---- infinite slopes, jumps ------------------------------------------------------------------

INFINITE = {
    "x log x": ("x = param([0.3, 0.0])\ny = sum(special.xlogy(x, x))", (1,), -inf),
    "entr": ("x = param([0.3, 0.0])\ny = sum(special.entr(x))", (1,), inf),
    "kl_div": (
        "x = param([0.0, 0.5])\ny = F.kl_div(log(tensor([.5, .5])), x, reduction='sum')",
        (0,), -inf),
    "a root": ("x = param([0.0, 1.0])\ny = sum(sqrt(x))", (0,), inf),
    "asin": ("x = param([1.0, 0.5])\ny = sum(asin(x))", (0,), inf),
    "a root of a root": ("x = param([0.0, 1.0])\ny = sum(sqrt(sqrt(x)))", (0,), inf),
    "acos": ("x = param([1.0, 0.5])\ny = sum(acos(x))", (0,), -inf),
}  # fmt: skip


@pytest.mark.parametrize("case", INFINITE)
def test_an_infinite_slope_is_no_number_with_a_bar(case: str) -> None:
    text, index, slope = INFINITE[case]
    e = element(text, index)
    assert (e.verdict, e.numeric) == ("DOMAIN", slope)
    assert checked(text).status == 1


# a text, the values on both sides, the words
JUMPS = {
    "atan2": ("x = param(0.)\ny = atan2(x, tensor(-1.))", (-pi, pi), "from -3.14159 to 3.14159"),
    "angle": ("x = param(0.)\ny = angle(x)", (pi, 0.0), "angle (line 2): the function jumps"),
    "sign": ("x = param(0.)\ny = sign(x) + 3*x", (-1.0, 1.0), "jumps from -1 to 1, and is 0 here"),
    "floor": ("x = param(2.)\ny = floor(x)*5 + x", (7.0, 12.0), "floor (line 2)"),
    "where": ("x = param(1.)\ny = where(x > 1, 3*x, x)", (1.0, 3.0), "where (line 2)"),
    "a pole that a mask hides": (
        "x = param(0.)\ny = where(x > 0, 1/x, x)", (0.0, inf), "jumps from 0 to inf"),
    "a hole": ("x = param(0.)\ny = where(x == 0, 5*x + 7, 2*x)", (0.0, 0.0), "is 0 on both sides"),
    "a branch cut": ("x = param(-1+0j)\ny = log(x).imag", (-pi, pi), "log (line 2)"),
    "a remainder": ("x = param(6.)\ny = remainder(x, 3.0)", (3.0, 0.0), "remainder (line 2)"),
}  # fmt: skip


@pytest.mark.parametrize("case", JUMPS)
def test_a_jump_is_told_by_its_two_values(case: str) -> None:
    text, limits, words = JUMPS[case]
    finding = first(text)
    assert finding.verdict in ("KINK", "DOMAIN")
    e = finding.worst[0]
    assert e.limits == pytest.approx(limits, abs=1e-6)
    assert isnan(e.numeric)
    assert words in finding.note


def test_an_edge_may_jump_too() -> None:
    finding = first("x = param(0.)\ny = where(x == 0, x/2, sqrt(x) + 1)")
    assert finding.verdict == "DOMAIN"
    assert "not defined on the left, and jumps from 0 to 1 on the right" in finding.note


# ---- a nan at a kink, and where it begins ------------------------------------------------------

NANS = {
    "a root of a square": ("x = param(0.)\ny = sqrt(x*x)", "sqrt (line 2), taken at 0", (-1, 1)),
    "a power of a square": ("x = param(0.)\ny = (x*x)**0.5", "pow (line 2), taken at 0", (-1, 1)),
    "a column of zeros": (
        "x = param([[0., 1.], [0., 2.]])\ny = sum(sqrt((x*x).sum(0)))",
        "sqrt (line 2) at [0], taken at 0, and nan in that of mul (line 2)", (-1, 1)),
    "a deviation of a constant": (
        "x = param([1., 1., 1.])\ny = sqrt(mean((x - mean(x))**2))",
        "sqrt (line 2), taken at 0, and nan in that of pow (line 2)", (-(2**0.5) / 3, 2**0.5 / 3)),
    "a gradient penalty": (
        "x = param([0., 0.])\nf = sum(x**2)\ng = grad(f, x, create_graph=True)[0]\n"
        "y = (sqrt(sum(g**2)) - 1)**2", "sqrt (line 4), taken at 0", (4, -4)),
    "an angle of itself": ("x = param(0.)\ny = acos(cos(x))", "acos (line 2), taken at 1", (-1, 1)),
    "a chord": ("x = param(0.)\ny = sqrt(2 - 2*cos(x))", "sqrt (line 2), taken at 0", (-1, 1)),
    "a square that is written out": (
        "x = param(1.)\ny = sqrt(x*x - 2*x + 1)", "sqrt (line 2), taken at 0", (-1, 1)),
    "a root of what rounds below 0": (
        "x = param(0.)\ny = sqrt((1 + x)**2 - 1 - 2*x)", "sqrt (line 2), taken at 0", (-1, 1)),
    "a distance to itself": (
        "x = param([1., 2.])\ny = sqrt(sum((x - tensor([1., 2.]))**2))", "sqrt (line 2)", (-1, 1)),
}  # fmt: skip


@pytest.mark.parametrize("case", NANS)
def test_a_nan_at_a_kink_has_a_place_and_two_slopes(case: str) -> None:
    text, words, slopes = NANS[case]
    report = checked(text)
    e = report.findings[0].worst[0]
    assert (e.left, e.right) == pytest.approx(slopes, rel=1e-5)
    assert isnan(e.numeric)
    assert words in e.note
    assert report.status == 1


ORIGINS = {
    "0 log 0": (
        "x = param([0., 1.])\ny = sum(x*log(x))", "log (line 2) is -inf at [0]; mul (line 2)"),
    "a power before it": (
        "x = param([2., 0.])\ny = sum(x**0*log(x))", "log (line 2) is -inf at [1]"),
    "1/x - 1/x": (
        "x = param([0., 2.])\ny = sum(1/x - 1/x)",
        "reciprocal (line 2) is inf at [0]; sub (line 2) makes it nan"),
    "an overflow": (
        "x = param([2., 800.])\ny = sum(log(1 + exp(x)))", "exp (line 2) is inf at [1]"),
    "a softmax by hand": (
        "x = param([1., 900.])\ne = exp(x)\ny = (e/sum(e))[1]", "exp (line 2) is inf at [1]"),
    "0/0": ("x = param([0., 1.])\na = x/x\nb = a*2\ny = sum(b)", "div (line 2) is nan at [0]"),
    "a root of what is below 0": (
        "x = param([1., -1.])\na = sqrt(x)\ny = sum(a*2)", "sqrt (line 2) is nan at [1]"),
    "data": (
        "d = tensor([1., nan])\nx = param([1., 2.])\ny = sum(d*x)", "`d` (line 1) is nan at [1]"),
}  # fmt: skip


@pytest.mark.parametrize("case", ORIGINS)
def test_the_operation_that_is_first_not_finite_is_named_with_its_own_value(case: str) -> None:
    text, words = ORIGINS[case]
    report = checked(text)
    assert report.findings[0].verdict == "DOMAIN"
    assert words in report.findings[0].note
    assert report.status == 1


# ---- neighbours --------------------------------------------------------------------------------

NEIGHBOURS = {
    "nan_to_num": ("x = param([1., 0.])\ny = sum(nan_to_num(-log(x), posinf=0.0))", (0,), -1.0),
    "a mask": ("x = param([0., 2.])\ny = sum(where(x > 0, log(x), x*0))", (1,), 0.5),
    "a pole behind a mask": (
        "x = param([3., 0., 2.])\ny = sum(where(x > 0, 1/x, x))", (2,), -0.25),
    "an overflow behind a clamp": (
        "x = param([1., 800.])\ny = sum(clamp(exp(x), max=100.))", (0,), exp(1.0)),
    "a nan that is skipped": ("x = param([-1., 4.])\ny = nansum(sqrt(x))", (1,), 0.25),
    "its own output": ("x = param([0., 4.])\ny = log(x)", (1,), 0.25),
}  # fmt: skip


@pytest.mark.parametrize("case", NEIGHBOURS)
def test_a_bad_element_does_not_spoil_its_neighbour(case: str) -> None:
    text, index, slope = NEIGHBOURS[case]
    finding = first(text, verbose=True)
    assert finding.counts.get("OK"), finding  # type: ignore[call-overload]
    fine = [e for e in finding.worst if e.index == index and e.analytic]
    assert all(e.verdict == "OK" and e.numeric == pytest.approx(slope) for e in fine)


# ---- zeros ---------------------------------------------------------------------------------------

BATCH_NORM = """
x = randn(8, 3)
w = randn(3, 4)
b = param(zeros(4))
h = x @ w + b
h = (h - h.mean(0))/sqrt(h.var(0, unbiased=False) + 1e-5)
y = sum(tanh(h)*randn(8, 4))
"""
CANCELLED = {
    "a bias before a batch norm": BATCH_NORM,
    "the sum of a layer norm": "x = param([0.3, 1.2, -0.7])\ny = sum(F.layer_norm(x, (3,)))",
    "a determinant of rank 1": "x = param([1.3, -0.7])\ny = det(outer(x, x))",
    "of rank 1 in three dimensions": "x = param([1.3, -0.7, 0.2])\ny = det(outer(x, x))",
    "the sum of a softmax": "x = param([1.3, -0.7, 0.2])\ny = sum(softmax(x, 0))",
    "sin² + cos²": "x = param([0.3, 1.7])\ny = sum(sin(x)**2 + cos(x)**2)",
    "a shift of a softmax": (
        "s = param(0.3)\nx = tensor([1., 2., 4.])\ny = sum(softmax(x + s, 0)*x)"),
}  # fmt: skip


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("case", CANCELLED)
def test_a_gradient_of_terms_that_cancel_is_0_and_right(case: str, dtype: str) -> None:
    finding = checked(CANCELLED[case], {"dtype": dtype}).findings[0]
    assert finding.verdict == "OK", finding


def test_a_wrong_gradient_where_terms_cancel_is_still_wrong() -> None:
    text = "x = param([0.3, 1.7])\ny = sum(sin(x)**2 + 1.001*cos(x)**2)"
    assert first(text).verdict == "OK"
    session = session_of("x = param([0.3, 1.7])\ny = sum(sin(x)**2 + cos(x)**2)")
    with_wrong_rule(session.graph, "cos", lambda body: lambda *a: body(*a) * 1.001)
    assert check(session).findings[0].verdict == "WRONG"


NOT_NOISE = {
    "a saturated divergence": (
        "z = param(tensor([20., .3]))\np = sigmoid(z)\n"
        "y = sum(p*log(2*p) + (1 - p)*log(2*(1 - p)))",
        "in float32 log (line 3) is -inf at [0]"),
    "an overflow": (
        "z = param(tensor([90.]))\ny = sum(log(1 + exp(z)))", "in float32 exp (line 2)"),
    "an underflow": (
        "z = param(tensor([1e-30]))\ny = sum(log(z*z))", "in float32 log (line 2) is -inf"),
    "a square": ("z = param(tensor([1e30]))\ny = sum(sqrt(z*z))", "in float32 mul (line 2) is inf"),
    "a gradient alone": ("z = param(tensor([1e-25]))\ny = sum(sqrt(z*z))", "in float32"),
}  # fmt: skip


@pytest.mark.parametrize("case", NOT_NOISE)
def test_a_nan_of_the_file_s_own_precision_is_no_noise(case: str) -> None:
    text, words = NOT_NOISE[case]
    report = checked(text, {"dtype": "float32"})
    assert report.findings[0].verdict == "WRONG"
    assert words in report.findings[0].note
    assert report.status == 1


def test_another_precision_is_a_hint_only_where_it_changes_something() -> None:
    text = "x = param(tensor(0.0123{}))\ny = ((x + 1e4) - 1e4)**2"
    given = checked(text.format(", dtype=float32")).findings[0]
    assert (given.verdict, "--dtype" in given.note) == ("NOISY", False)
    default = checked(text.format(""), {"dtype": "float32"}).findings[0]
    assert (default.verdict, "--dtype" in default.note) == ("NOISY", True)


FLAT = {
    "a dead relu": ("x = param([-1., -2.])\ny = sum(relu(x))", "0: relu (line 2) has slope 0 here"),
    "a saturated softmax": ("x = param([1000., 0.])\ny = softmax(x, 0)[0]", "softmax (line 2)"),
    "clamp": ("x = param([5., 7.])\ny = sum(clamp(x, 0, 1))", "0: clamp (line 2) has slope 0 here"),
    "a sigmoid": ("x = param(800.)\ny = sigmoid(x)", "0: sigmoid (line 2) has slope 0 here"),
    "an underflow": ("x = param(-1000.)\ny = exp(x)", "0: exp (line 2) has slope 0 here"),
    "tanh": ("x = param(40.)\na = 2*x\ny = tanh(a)", "0: tanh (line 3) has slope 0 here"),
}


@pytest.mark.parametrize("case", FLAT)
def test_a_flat_gradient_is_right_tests_nothing_and_has_a_place(case: str) -> None:
    text, words = FLAT[case]
    report = checked(text)
    assert (report.verdict, report.status, report.tested) == ("OK", 0, False)
    assert words in report.findings[0].note
    assert checked(text, strict=True).status == 1


def test_one_element_that_is_flat_is_named_beside_others_that_are_not() -> None:
    report = checked("x = param([1., -2., 3.])\ny = sum(relu(x))", strict=True)
    assert report.findings[0].note == "0 at [1]: relu (line 2) has slope 0 here"
    assert (report.tested, report.status) == (True, 0)


# ---- cuts ----------------------------------------------------------------------------------------

CUTS = {
    "indices": (
        "W = param([[.3, 2.], [1.2, .1]])\nv = param([1., 2.])\ny = sum(v[torch.max(W, 0)[1]])",
        "max's indices (line 3) stops"),
    "argmax": (
        "W = param([.3, 2.])\nv = param([1., 2.])\ny = v[argmax(W)]*2",
        "read from argmax (line 3)"),
    "a leaf of its own": (
        "x = param([1., 2.])\nd = (x*2).detach()\nd.requires_grad_(True)\ny = sum(d**2)",
        "detach (line 2) stops"),
    "a new tensor": (
        "x = param(2.)\nd = torch.tensor(x.detach()*3, requires_grad=True)\ny = d**2",
        "detach (line 2) stops"),
    "no_grad": (
        "x = param(2.)\nd = param(1.)\nwith torch.no_grad():\n    c = x**2\ny = c*d",
        "pow (line 4) stops"),
    "a sort's indices": (
        "x = param([3., 1.])\nv = param([1., 2.])\ny = sum(v[torch.sort(x)[1]]**2)",
        "sort's indices (line 3) stops"),
}  # fmt: skip


@pytest.mark.parametrize("case", CUTS)
def test_a_cut_names_what_stops_the_gradient(case: str) -> None:
    text, words = CUTS[case]
    finding = next(f for f in checked(text).findings if f.verdict == "CUT")
    assert words in finding.note


def test_a_second_derivative_of_0_is_no_cut() -> None:
    finding = first("x = param(0.5)\ny = atan2(x*0, 1 + x*0) + 2*x", order=2)
    assert finding.verdict == "OK"


# ---- conventions ---------------------------------------------------------------------------------

CONVENTIONS = {
    "relu6 - clamp at 0": (
        "x = param(0.)\ny = relu6(x) - clamp(x, 0, 6)", "KINK",
        ["relu6", "clamp", "0 at either end", "1 at either end"]),
    "relu6 - clamp at 6": (
        "x = param(6.)\ny = relu6(x) - clamp(x, 0, 6)", "KINK", ["relu6", "clamp"]),
    "maximum - where": (
        "x = param(1.)\nb = tensor(1.)\ny = maximum(x, b) - where(x > b, x, b)", "KINK",
        ["maximum (line 3)", "where (line 3)", "a tie is halved"]),
    "relu - relu": ("x = param(0.)\ny = relu(x) - relu(-x)", "KINK", ["relu (line 2)", "0 at 0"]),
    "abs and maximum": (
        "x = param(0.)\ny = abs(x) + maximum(x, -x)", "KINK", ["abs (line 2)", "maximum (line 2)"]),
    "a tie of a sort": (
        "x = param([1., 1.])\ny = sum(x.sort().values*tensor([1., 2.]))", "KINK",
        ["sort's values (line 2)"]),
    "cross entropy of nearly 0": (
        "x = param(-50.)\ny = F.binary_cross_entropy(sigmoid(x), tensor(0.))", "WRONG",
        ["binary_cross_entropy (line 2)", "1e-12"]),
}  # fmt: skip


@pytest.mark.parametrize("case", CONVENTIONS)
def test_conventions_are_named_where_they_are_the_cause(case: str) -> None:
    text, verdict, words = CONVENTIONS[case]
    finding = first(text)
    assert finding.verdict == verdict
    assert all(word in finding.note for word in words), finding.note


def test_a_wrong_rule_is_not_excused_by_a_kink_and_is_named() -> None:
    session = session_of("x = param([0., 0.5])\ny = sum(relu(x)*2 + sin(x))")
    with_wrong_rule(session.graph, "sin", lambda body: lambda *a: body(*a) * 1.5 + 4)
    finding = check(session).findings[0]
    assert finding.verdict == "WRONG"
    assert "the rule of sin (line 2) is not the derivative of its values" in finding.note


# ---- points that an operation refuses ----------------------------------------------------------

SLOW = {
    "a clamped logarithm": "x = param([1., 0.])\ny = clamp(-log(x), max=100.).sum()",
    "an angle of a logarithm": "x = param([1., 0.])\ny = atan(log(x)).sum()",
    "a loss of PyTorch's": (
        "x = param([0.3, 1.])\ny = F.binary_cross_entropy(x, tensor([1., 0.]))"
    ),
}


@pytest.mark.parametrize("case", SLOW)
def test_what_goes_on_as_a_logarithm_does_has_no_limit_that_nobody_has_seen(case: str) -> None:
    finding = first(SLOW[case])
    assert finding.verdict == "DOMAIN"
    assert "still changing at the smallest step" in finding.note
    assert "to inf" not in finding.note


CHOSEN = {
    "a mask": ("x = param(2.)\ny = x*(x > 2).float()", "gt (line 2)"),
    "a comparison": ("x = param(2.)\ny = (x >= 2)*x", "ge (line 2)"),
    "a cast": ("x = param([1., 2.])\ny = (x.long()*1.0).sum() + x.sum()", "long (line 2)"),
    "where": ("x = param(1.)\ny = where(x > 1, x, 2*x)", "where (line 2)"),
    "of the gradient": ("x = param(2.)\ny = F.huber_loss(x, tensor(1.))", "(line 2)"),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_what_jumps_is_named_and_not_what_is_multiplied_with_it(case: str) -> None:
    text, words = CHOSEN[case]
    finding = first(text, order=2) if "huber" in text else first(text)
    assert finding.verdict == "KINK"
    assert words in finding.note


CANCELLING = {
    "median": "x = param([3., 1., 2.])\ny = median(x)",
    "of the middle": "x = param([1., 4., 9.])\ny = nanmedian(x)*2",
    "abs and relu": "a = param(0.)\ny = abs(a) - relu(a) - relu(-a) + a",
    "max and min": "x = param([2., 2.])\ny = x.max() + x.min()",
    "max and amax": "x = param([1., 1., 0.])\ny = max(x) - amax(x) + x[2]",
}


@pytest.mark.parametrize("case", CANCELLING)
def test_choices_that_rounding_does_not_change_leave_no_doubt(case: str) -> None:
    assert first(CANCELLING[case]).verdict == "OK"


def test_neighbours_of_an_overflow_in_float32_are_right() -> None:
    text = "p = param(tensor([0.3, 100.]))\ny = log(1 + exp(p)).sum()"
    finding = checked(text, {"dtype": "float32"}, verbose=True).findings[0]
    assert {e.index: e.verdict for e in finding.worst} == {(0,): "OK", (1,): "WRONG"}


REFUSED = {
    "a probability of 1": (
        "y = param([1., .3])\nl = F.binary_cross_entropy(y, tensor([1., 0.]))", -0.5),
    "a probability of 0": (
        "y = param([0., .3])\nl = F.binary_cross_entropy(y, tensor([0., 0.]))", 0.5),
    "its target": ("y = param([1., .3])\nl = F.binary_cross_entropy(tensor([.5, .5]), y)", 0.0),
    "a sum over both": (
        "y = param([1., .3])\nl = F.binary_cross_entropy(y, tensor([1., 0.]), reduction='sum')",
        -1.0),
    "several outputs": (
        "y = param([1., .3])\nl = F.binary_cross_entropy(y, tensor([1., 0.]), reduction='none')",
        -1.0),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_a_point_that_an_operation_refuses_leaves_one_side(case: str) -> None:
    text, slope = REFUSED[case]
    report = checked(text)
    e = next(e for f in report.findings for e in f.worst if e.index == (0,))
    assert e.verdict == "DOMAIN"
    assert e.numeric == pytest.approx(slope, abs=1e-6)


# ---- exit status -------------------------------------------------------------------------------

NOT_FINITE = {
    "a gradient of inf": "x = param(0.)\ny = sqrt(x)",
    "a gradient of nan": "x = param(0.)\ny = sqrt(x*x)",
    "a root of -inf": "x = param([0., 1.])\ny = sum(log(x))",
    "a root of nan": "x = param([-1., 1.])\ny = sum(sqrt(x))",
    "a root that is too large": "x = param(800.)\ny = exp(x)",
}


@pytest.mark.parametrize("case", NOT_FINITE)
def test_what_is_not_finite_is_never_well(case: str) -> None:
    text = NOT_FINITE[case]
    report = checked(text)
    assert report.verdict in ("DOMAIN", "WRONG")
    assert report.status == 1
    allowed = checked(text, allow_nonfinite=True)
    assert allowed.status == 0


# ---- shapes that depend on the values ---------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("x = param([0.0, 2.0])\ny = log(x[x > 0]).sum()", "DOMAIN"),
        ("x = param([0.5, 2.0])\ny = log(x[x > 0]).sum()", "OK"),
        ("x = param([[0.0, 1.0], [2.0, -1.0]])\ny = (x[x >= 0]**2 + 1).sum()", "DOMAIN"),
    ],
)
def test_a_step_that_changes_how_many_elements_a_mask_chooses_has_no_value(
    text: str, verdict: str
) -> None:
    assert first(text).verdict == verdict
