"""What a check finds of odd parameters, claims and drawn inputs, each at a text."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.errors import GradcliError, Source
from gradcli.verify import Report, Settings, check
from gradcli.verify.run import check_source
from gradcli.verify.verdicts import Verdict
from tests.verify.checking import session_of, with_wrong_rule

SQUARE = "w = param([1., 2.])\ny = sum(w**2)\n"
CLAIMS = {  # a claim, and what its finding says: how it differs, and where most
    "equal(grad(y, w) > 0, w < 0)": ("", [((0,), 1.0, 0.0), ((1,), 1.0, 0.0)]),
    "equal(grad(y, w), ones(3))": ("", []),
    "equal(grad(y, w), w[:1])": ("", [((1,), 4.0, 1.0), ((0,), 2.0, 1.0)]),
    "allclose(grad(y, w), 2*w + 3)": ("", [((0,), 2.0, 5.0), ((1,), 4.0, 7.0)]),
    "allclose(grad(y, w)[0], 2*w[0] + 3)":
        ("`2*w[0] + 3` is `grad(y, w)[0]` plus 3 at every point", [((), 2.0, 5.0)]),
    "grad(y, w)[0].item() == 3": ("`3` is 3/2 times `grad(y, w)[0].item()`", [((), 2.0, 3.0)]),
    "grad(y, w)[0] > 100": ("", []),
    "allclose(grad(y, w), -w.flip(0))": ("", [((1,), 4.0, -1.0), ((0,), 2.0, -2.0)]),
}  # fmt: skip
DRAWN: dict[str, tuple[dict[str, Any], str, tuple[int, ...]]] = {  # inputs, verdict, shape of x
    "x: float64[n]\ny = sum(x**2)/n\n": ({"n": 4}, "OK", (4,)),
    "x: float64[3]\ny = sum(log1p(-x)) + sum(sqrt(1 - x))\n": ({}, "OK", (3,)),
    "x: float64[3]\ny = sum(acosh(x)) + sum(log(x - 1))\n": ({}, "OK", (3,)),
    "x: float64[3]\ny = sum(atanh(x))\n": ({}, "OK", (3,)),
    "x: complex128[3]\ny = sum(abs(x)**2)\n": ({}, "OK", (3,)),
    "x: float64[n, k]\nz: float64[k, n]\ny = sum(x @ z)\n": ({}, "OK", (3, 4)),
    "k = 2\nx: float64[k, 2*k]\ny = sum(x**2)\n": ({}, "OK", (2, 4)),
    "v: float64[m, 3]\nx: float64[m]\ny = sum(x @ v)\n": ({"v": [[1.0, 2, 3]] * 2}, "OK", (2,)),
    "x: float32\ny = exp(x)\n": ({}, "OK", ()),
    "x: Tensor\ny = exp(x)\n": ({}, "OK", ()),
    "x: float64[2]\ny = sum(sqrt(x - 1e9))\n": ({}, "DOMAIN", (2,)),
}
REFUSED = {
    "x: float64[-1]\ny = sum(x**2)\n": "the size `-1` is not a number",
    "x: float64[1.5]\ny = sum(x**2)\n": "the size `1.5` is not a number",
    "x: float64[2]\ny = x[5]\n": "index 5 is out of bounds",
}


def of_text(text: str, bound: dict[str, Any] | None = None, **settings: Any) -> Report:
    return check_source(Source("<test>", text), options_for(set=bound or {}), Settings(**settings))


@pytest.mark.parametrize("claim", CLAIMS)
def test_a_false_claim_says_how_and_where_its_sides_differ(claim: str) -> None:
    (finding,) = of_text(f"{SQUARE}assert {claim}\n").claims
    assert not finding.claim.holds
    assert (finding.note, list(finding.worst)) == CLAIMS[claim]


def test_a_claim_on_complex_numbers_is_tried_at_complex_points() -> None:
    text = "z = param([1.+2.j, 0.5j])\ny = sum(abs(z)**2)\nassert allclose(grad(y, z), {}*z)\n"
    (true,), (false,) = (of_text(text.format(k)).claims for k in (2, 3))
    assert (true.claim.holds, true.points, true.held) == (True, 8, 8)
    assert (false.claim.holds, false.held, false.note) == (False, 0, "")


def test_a_claim_on_real_numbers_alone_does_not_hold_for_complex_ones() -> None:
    text = "z = param([1.+0.j])\ny = sum(abs(z)**2)\nassert allclose(grad(y, z), 2*conj(z))\n"
    (finding,) = of_text(text).claims
    assert (finding.claim.holds, finding.points, finding.held) == (True, 8, 0)
    assert finding.note == "it holds at the file's point, and at 0 of 8 random points"


@pytest.mark.parametrize("text", DRAWN)
def test_inputs_without_values_are_drawn_where_the_file_is_defined(text: str) -> None:
    bound, verdict, shape = DRAWN[text]
    report = of_text(text, bound, points=2)
    x = next(f for f in report.findings if f.parameter == "x")
    assert (report.verdict, x.shape) == (verdict, shape)
    assert report.notes[0].startswith("inputs drawn at 2 points (seed 0): x ")


def test_integers_are_drawn_and_are_no_parameters() -> None:
    report = of_text("k: int64[2]\nw = param(1.)\ny = w*sum(k)\n", points=1)
    assert [f.parameter for f in report.findings] == ["w"]
    assert report.notes == ("inputs drawn at 1 point (seed 0): k [2]",)


@pytest.mark.parametrize("text", REFUSED)
def test_inputs_that_cannot_be_drawn_are_refused(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        of_text(text)
    assert REFUSED[text] in caught.value.message


def test_a_gradient_of_a_gradient_needs_a_real_root() -> None:
    with pytest.raises(GradcliError, match="--order 2 needs a real root"):
        of_text("z = param([1.+2.j])\ny = z*z\n", of=("y",), order=2)


def test_of_many_wrong_elements_the_later_ones_are_judged_at_a_glance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("gradcli.verify.examine.LOOKED_AT", 3)
    session = session_of("w = param(linspace(1., 2., 9))\ny = sum(exp(w))\n")
    assert with_wrong_rule(session.graph, "exp", lambda body: lambda *a: body(*a) * 1.5) == 1
    (finding,) = check(session, Settings(max_elements=9)).findings
    assert (finding.verdict, finding.counts[Verdict.WRONG]) == ("WRONG", 9)
    numbers = sorted(e.numeric for e in finding.worst)
    assert np.all(np.isin(np.round(numbers, 6), np.round(np.exp(np.linspace(1, 2, 9)), 6)))
    assert finding.note.endswith("the gradient is 3/2 times the difference quotient")


def test_progress_is_told_after_each_drawn_point() -> None:
    told: list[tuple[int, int]] = []
    source = Source("<test>", "x: float64[2]\ny = sum(x**2)\n")
    check_source(source, options_for(), Settings(points=3), lambda *at: told.append(at))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_directions_of_large_parameters_are_differences_too() -> None:
    text = "w = param(linspace(-1., 1., 40))\ny = sum(relu(w)**2 + {})\n"
    for more in ("0*w", "0*floor(w + 0.01)"):
        (finding,) = of_text(text.format(more), max_elements=5).findings
        assert (finding.verdict, finding.checked, finding.directions) == ("OK", 5, 8)
