"""The corpus: each broken formula gives its finding, with line, element and remedy; no other any.

A remedy is checked here once more, by the check of gradients and by the finding being gone.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import pytest

from gradcli.api import options_for
from gradcli.diagnose import KINDS, Diagnosis, Finding, Kind, Severity, diagnose_source
from gradcli.errors import Source
from gradcli.source import read_source
from gradcli.verify.run import check_source
from gradcli.verify.target import Settings
from gradcli.verify.verdicts import Verdict
from tests.diagnose.corpus import HERE, Case, cases, healthy

CASES = tuple(cases())
SAMPLES = sorted((HERE.parent.parent / "samples").glob("*.expr"))


@cache
def diagnosis(case: Case) -> Diagnosis:
    return diagnose_source(read_source(case.path), case.options)


def finding(case: Case) -> Finding:
    found = diagnosis(case).findings
    names = [f"{f.name} (line {f.line}): {f.words}" for f in found]
    assert len(found) > case.place, names
    assert found[case.place].name == case.finding, names
    return found[case.place]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_broken_formula_gives_its_finding_at_its_line_and_element(case: Case) -> None:
    found = finding(case)
    assert (found.line, found.index or None) == (case.line, case.element or None), found.words
    if case.severity is not None:
        assert found.severity == case.severity


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_remedy_is_the_one_expected_and_its_gradients_are_right(case: Case) -> None:
    remedy = finding(case).remedy
    if case.remedy is None:
        assert remedy is None
        return
    assert remedy is not None
    lines = [line.strip() for line in remedy.text.splitlines()]
    assert case.remedy in lines, remedy.lines
    options = case.options
    mended = Source("mended", remedy.text)
    report = check_source(mended, options, Settings(points=0))
    assert report.verdict not in (Verdict.WRONG, Verdict.ERROR)
    again = diagnose_source(mended, options).findings
    worse = [f.words for f in again if f.name == case.finding and f.severity is not Severity.NOTE]
    assert not worse, worse


@pytest.mark.parametrize("path", [*SAMPLES, *healthy()], ids=lambda path: path.stem)
def test_nothing_is_found_where_nothing_is_wrong(path: Path) -> None:
    param = {"w": "2.0", "x": "[1.0, 2.0]", "y": "[5.0, 7.0]", "b": "0.0"}
    inputs = param if path.stem == "one_liner" else {}
    options = options_for(folder=path.parent, param=inputs)
    found = diagnose_source(read_source(path), options).findings
    assert not found, [f"{f.name} (line {f.line}): {f.words}" for f in found]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_every_kind_has_a_case_and_an_example_that_gives_it(kind: Kind) -> None:
    assert kind.name in {case.finding for case in CASES}
    found = diagnose_source(Source("example", kind.example), options_for()).findings
    assert kind.name in {f.name for f in found}
