"""Lines are counted as the parser counts them, and no report disturbs a terminal."""

from __future__ import annotations

import pytest

from gradcli.errors import GradcliError, Source, Span, SyntaxFault, visible
from gradcli.syntax import parse

LINES = {
    "": [""],
    "a": ["a"],
    "a\n": ["a", ""],
    "a\r\nb\r\n": ["a", "b", ""],
    "a\rb\r\rc": ["a", "b", "", "c"],
    "a\n\rb": ["a", "", "b"],
    "a\x0bb\x0cc\x85d\u2028e": ["a\x0bb\x0cc\x85d\u2028e"],  # not line ends in this language
}


@pytest.mark.parametrize("text", LINES)
def test_lines_end_as_the_parser_ends_them(text: str) -> None:
    source = Source("m.expr", text)
    assert [source.line_text(n + 1) for n in range(len(source.line_starts))] == LINES[text]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_fault_is_reported_on_its_line_whatever_ends_lines(end: str) -> None:
    with pytest.raises(SyntaxFault) as raised:
        parse(Source("m.expr", end.join(["x = 1", "", "y = $", "z = 2"])))
    assert str(raised.value).startswith(
        "m.expr:3:5: error: `$` is not part of the language\n3 │ y = $\n  │     ^\n"
    )


def test_control_characters_are_shown_and_not_sent() -> None:
    text = "x = '\x1b[31m\x07\x00' + \x9b\u202e y"
    error = GradcliError(
        "bad \x1b]0;title\x07", Span(4, 13), "hint \x1b[2J", Source("\x1b[1m\n", text)
    )
    assert str(error) == (
        "␛[1m␊:1:5: error: bad ␛]0;title␇\n"
        "1 │ x = '␛[31m␇␀' + ·· y\n"
        "  │     ^^^^^^^^^\n"
        "hint: hint ␛[2J"
    )


def test_ordinary_text_is_left_as_it_is() -> None:
    assert visible("θ₁ = 损失 — “é” 😀") == "θ₁ = 损失 — “é” 😀"
