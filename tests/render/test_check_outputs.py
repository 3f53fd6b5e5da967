"""The outputs of a check for what is rare: files that need inputs, no gradient, sweeps."""

from __future__ import annotations

from math import inf, nan
from xml.etree import ElementTree

import numpy as np
import pytest

from gradcli.inspection import Claim
from gradcli.render import CHECK
from gradcli.render.check_plot import plot
from gradcli.render.check_words import headline, numeric_text, points_text, sentence
from gradcli.verify.report import ClaimFinding, Element, Finding, Report, Trial
from gradcli.verify.run import Outcome
from gradcli.verify.verdicts import FAILURE, REMARK, Verdict
from tests.render.printing import printed

NEEDS = Outcome("n.expr", None, needs=("w", "x"))
ERROR = Outcome("e.expr", None, "error: e.expr:2: \x1b[2J is wrong\nand more")


def element(**more: object) -> Element:
    given = {"output": "y", "index": (0,), "part": "", "analytic": 1.0, "numeric": 1.0,
             "error": 1e-9, "step": 1e-3, "verdict": Verdict.OK}  # fmt: skip
    return Element(**given | more)  # type: ignore[arg-type]


def finding(**more: object) -> Finding:
    given = {"parameter": "w", "line": 1, "shape": (2,), "dtype": "float64", "mode": "reverse",
             "order": 1, "verdict": Verdict.OK, "elements": 2, "checked": 2, "directions": 0,
             "level": REMARK, "counts": {Verdict.OK: 2}, "worst": (element(),)}  # fmt: skip
    return Finding(**given | more)  # type: ignore[arg-type]


def claim(**more: object) -> ClaimFinding:
    left, right = ("a", np.arange(9.0)), ("b", np.arange(9.0) * 2)
    stated = Claim(3, "allclose(a, b)", bool(more.pop("holds", False)), None, "≈", left, right)
    return ClaimFinding(stated, **more)  # type: ignore[arg-type]


def report(*findings: Finding, claims: tuple[ClaimFinding, ...] = ()) -> Report:
    return Report("f.expr", ("y",), findings, claims, 1)


# ---- files that were not checked -----------------------------------------------------------


def test_a_file_that_needs_inputs_is_skipped_everywhere() -> None:
    text = printed(CHECK["files"]([NEEDS], column=6), 80)
    assert text == ("– n.expr  needs inputs: w, x\n\n0 files checked, 1 skipped (needs inputs)\n")
    assert "Skipped: needs inputs `w`, `x`" in CHECK["markdown"]([NEEDS])
    (suite,) = ElementTree.fromstring(CHECK["junit"]([NEEDS]))
    assert (suite.get("tests"), suite.get("skipped")) == ("1", "1")
    skipped = suite.find("testcase/skipped")
    assert skipped is not None
    assert skipped.get("message") == "needs inputs: w, x"
    assert CHECK["github"]([NEEDS]) == ""
    ascii_only = printed(CHECK["files"]([NEEDS, NEEDS], column=6), 80, encoding="ascii")
    assert ascii_only.startswith("- n.expr")
    assert ascii_only.endswith("2 skipped (need inputs)\n")


def test_an_error_is_told_without_steering_the_terminal() -> None:
    for text in (
        printed(CHECK["files"]([ERROR], column=6), 80), CHECK["markdown"]([ERROR]),
        CHECK["github"]([ERROR]),
    ):  # fmt: skip
        assert "\x1b" not in text
        assert "is wrong" in text


def test_a_file_without_gradients_says_so() -> None:
    assert headline(report()) == "f.expr: no gradient to check"
    assert "nothing was checked" in printed(CHECK["table"](report()), 80).lower()
    assert "|" not in CHECK["markdown"]([Outcome("f.expr", report())])


def test_files_that_were_left_out_are_counted() -> None:
    text = printed(CHECK["files"]([ERROR], column=6, left_out=3), 80)
    assert text.endswith("1 file checked, 1 with an error, 3 left out (--fail-fast)\n")


# ---- cells and sentences -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        ({"numeric": nan}, "none"),
        ({"numeric": inf}, "inf"),
        ({"numeric": 2.0, "error": 0.0}, "2"),
        ({"numeric": 2.0, "error": inf}, "2 ± ?"),
        ({"numeric": 2.0, "error": 1e-9}, "2 ± 1e-09"),
        ({"verdict": Verdict.KINK, "left": -1.0, "right": 1.0}, "-1 | 1"),
    ],
)
def test_a_numeric_derivative_is_shown_with_its_bar(numbers: dict[str, object], text: str) -> None:
    assert numeric_text(element(**numbers)) == text


def test_a_sentence_says_how_many_why_and_the_remainder() -> None:
    wrong = finding(
        verdict=Verdict.WRONG,
        level=FAILURE,
        counts={Verdict.WRONG: 1, Verdict.OK: 1},
        note="why",
        slope=1.004,
    )
    assert sentence(wrong) == (
        "w: 1 of 2 derivatives; why; Taylor remainder of order 1.00 (2 is right, 1 is wrong)"
    )
    assert sentence(finding()) is None
    assert sentence(finding(verdict="CUT", counts={})) is None


@pytest.mark.parametrize(
    ("counts", "text"),
    [
        ((8, 8, 0), "and at 8 random points"),
        ((1, 1, 0), "and at 1 random point"),
        ((8, 3, 0), "it holds at 3 of 8 random points"),
        ((6, 6, 2), "and at 6 random points; 2 more lie outside the domain, and decide nothing"),
        ((0, 0, 8), "undecided at 8 random points: outside the domain"),
        ((0, 0, 0), ""),
    ],
)
def test_the_points_of_a_claim_are_counted(counts: tuple[int, int, int], text: str) -> None:
    points, held, outside = counts
    assert points_text(claim(holds=True, points=points, held=held, outside=outside)) == text


def test_where_large_sides_of_a_claim_differ_is_listed() -> None:
    worst = (((8,), 8.0, 16.0), ((7,), 7.0, 14.0))
    shown = printed(CHECK["table"](report(claims=(claim(worst=worst, note="n"),))), 80)
    assert "largest difference 8 (relative 0.5) at [8]: 8 and 16\n" in shown
    assert "then at [7]: 7 and 14\n" in shown
    assert "largest difference" not in printed(
        CHECK["table"](report(claims=(claim(holds=True),))), 80
    )
    assert "line 3: allclose(a, b) is false: n" in " ".join(
        printed(CHECK["files"]([Outcome("f", report(claims=(claim(note="n"),)))], column=6)).split()
    )


# ---- the sweep -----------------------------------------------------------------------------


def test_a_bar_is_as_long_as_the_logarithm_of_the_difference() -> None:
    trials = [Trial(10.0**-k, 2.0, d, 1e-16) for k, d in enumerate((1e-2, 1e-4, 0.0, nan, 1e-6))]
    head, *lines = plot(trials, 61)  # 11 columns for bars: ten steps over four decades
    assert head.split() == ["step", "estimate", "difference"]
    assert [line.count("▇") for line in lines] == [11, 6, 0, 0, 1]
    assert [line.count("#") for line in list(plot(trials, 61, ascii_only=True))[1:]] == [
        11, 6, 0, 0, 1,
    ]  # fmt: skip


def test_a_sweep_without_differences_has_no_bars() -> None:
    assert list(plot([Trial(0.1, 2.0, 0.0, 0.0)] * 3, 80)) == ["  the same at every step"]


def test_a_long_sweep_is_thinned_out() -> None:
    trials = [Trial(2.0**-k, 2.0, 1e-3, 0.0) for k in range(60)]
    lines = list(plot(trials, 80))
    assert len(lines) == 1 + 20
    assert lines[1].split()[0] == "1.0e+00"
