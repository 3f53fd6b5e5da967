"""Formatting changes no program, and what is formatted stays as it is.

`format.txt` holds texts and what they become; `pytest --update-golden` writes the latter anew.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from gradcli.errors import Source, SyntaxFault
from gradcli.syntax import parse
from gradcli.syntax.format import formatted
from tests.syntax.test_any_text import DEEP
from tests.syntax.test_mistakes import BETWEEN, REPORT
from tests.syntax.test_python import BLANKS, EXPRESSIONS, PROGRAMS, joined

GOLDEN = Path(__file__).with_name("format.txt")
ROOT = Path(__file__).parents[2]
FILES = sorted([*ROOT.glob("samples/*.expr"), *ROOT.glob("tests/tutorials/*.expr")])


def cases() -> list[tuple[str, str]]:
    text = GOLDEN.read_bytes().decode("utf-8").removesuffix("\n")
    entries = [entry.partition(REPORT) for entry in text.split(BETWEEN)]
    return [(before, after) for before, _, after in entries]


def of(text: str) -> str:
    return formatted(Source("m.expr", text))


def without_places(node: Any) -> Any:
    """Return a tree without its spans."""
    if hasattr(node, "_fields"):
        fields = [field for field in node._fields if field not in ("span", "header", "name_span")]
        return (type(node), *(without_places(getattr(node, field)) for field in fields))
    if isinstance(node, tuple):
        return tuple(map(without_places, node))
    return repr(node)


def same_program(text: str) -> None:
    """Check that a text means the same when formatted, and changes no more."""
    try:
        program = parse(Source("m.expr", text))
    except SyntaxFault:
        return
    result = of(text)
    again = parse(Source("m.expr", result))
    assert without_places(again.statements) == without_places(program.statements)
    assert of(result) == result
    assert all(line == line.rstrip() for line in result.split("\n")) or "'''" in text
    assert result == "" or (result.endswith("\n") and result.strip())


@pytest.mark.parametrize(("before", "after"), cases())
def test_a_text_is_formatted_as_in_the_golden_file(before: str, after: str) -> None:
    assert of(before) == after
    same_program(before)


def test_what_is_no_token_is_refused_and_not_lost() -> None:
    assert formatted(Source("m.expr", "x = 1  # %time f()\n")) == "x = 1  # %time f()\n"
    with pytest.raises(SyntaxFault, match="`%time` is not formatted"):
        formatted(Source("m.expr", "x = 1\n%time y = x\n"))


def test_the_golden_file_is_written_when_asked(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden", default=False):
        entries = [before + REPORT + of(before) for before, _ in cases()]
        GOLDEN.write_bytes((BETWEEN.join(entries) + "\n").encode())


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_samples_and_tutorials_mean_the_same_when_formatted(path: Path) -> None:
    same_program(path.read_text(encoding="utf-8"))


@given(PROGRAMS)
@settings(max_examples=300, deadline=None)
def test_any_program_means_the_same_when_formatted(text: str) -> None:
    same_program(text)


LINE_ENDS = joined(BLANKS, "\n", BLANKS) | joined("  # c\n#d\n\n", BLANKS)


@given(joined("f(", LINE_ENDS, EXPRESSIONS, ",", LINE_ENDS, "[", EXPRESSIONS, LINE_ENDS, "])"))
@settings(max_examples=300, deadline=None)
def test_any_lines_within_brackets_mean_the_same_when_formatted(text: str) -> None:
    same_program(f"if x:\n  y = {text}  # end\n #f\n  pass\nz")


@pytest.mark.parametrize("text", ["brackets", "a sum", "attributes", "functions", "comments"])
def test_nothing_is_too_deep_or_too_long(text: str) -> None:
    formatted = of(DEEP[text])
    assert formatted.endswith("\n")
    assert of(formatted) == formatted


def test_many_open_brackets_do_not_make_lines_ever_longer() -> None:
    text = "[\n" * 20_000 + "]\n" * 20_000
    assert len(of(text)) < 100 * len(text)


def test_a_text_that_is_no_program_is_a_fault() -> None:
    with pytest.raises(SyntaxFault):
        of("x = (1 +\n")
