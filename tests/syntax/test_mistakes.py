"""Each mistake is reported where it is, in words, with what to write instead.

`mistakes.txt` holds texts and their reports; `pytest --update-golden` writes the reports anew.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli.errors import Source, SyntaxFault
from gradcli.syntax import parse, parse_expression

GOLDEN = Path(__file__).with_name("mistakes.txt")
BETWEEN = "\n" + "─" * 100 + "\n"
REPORT = "\n" + "·" * 100 + "\n"


def cases() -> list[tuple[str, str]]:
    entries = GOLDEN.read_text(encoding="utf-8").rstrip("\n").split(BETWEEN)
    return [(text, report) for text, _, report in (entry.partition(REPORT) for entry in entries)]


def report_of(text: str) -> str:
    with pytest.raises(SyntaxFault) as raised:
        parse(Source("m.expr", text))
    return str(raised.value)


@pytest.mark.parametrize(("text", "report"), cases(), ids=[text[:40] for text, _ in cases()])
def test_a_mistake_is_reported_as_in_the_golden_file(text: str, report: str) -> None:
    assert report_of(text) == report


def test_the_golden_file_is_written_when_asked(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden", default=False):
        entries = [text + REPORT + report_of(text) for text, _ in cases()]
        GOLDEN.write_text(BETWEEN.join(entries) + "\n", encoding="utf-8")


def test_at_most_twenty_faults_are_reported_of_one_file() -> None:
    assert report_of("x = $\n" * 50).count("error:") == 20


def test_faults_in_separate_lines_are_all_reported_at_their_places() -> None:
    report = report_of("a = 1\nb = )\nc = 2\n\nif c\n    d = 2 3\ne = [1,\n  2\nf = 1\ng = 5 $\n")
    places = [line.partition(" error")[0] for line in report.splitlines() if "error:" in line]
    assert places == ["m.expr:2:5:", "m.expr:5:5:", "m.expr:6:11:", "m.expr:7:5:", "m.expr:10:7:"]


@pytest.mark.parametrize("text", ["", "1 2", "x = 1", "[1,", "1; 2", "if", "  "])
def test_a_value_that_is_no_expression_is_a_fault(text: str) -> None:
    with pytest.raises(SyntaxFault):
        parse_expression(Source("--param", text))
