"""Errors and differences have colours on a terminal, and nowhere else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from gradcli.cli.colour import difference, report, shows_colours
from tests.cli.runner import run

REPORT = "a.expr:1:5: error: no\n1 │ y = ^x\n  │     ^\nhint: write `x`"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "shown"),
    [
        (Terminal(), {}, True),
        (Terminal(), {"NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {}, False),
        (io.StringIO(), {"FORCE_COLOR": "1"}, True),
        (Terminal(), {"FORCE_COLOR": "1", "NO_COLOR": "1"}, False),
    ],
)
def test_colours_are_for_terminals_that_show_them(
    stream: io.StringIO,
    environment: dict[str, str],
    shown: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert shows_colours(stream) is shown


def test_a_report_is_coloured_where_the_eye_should_land() -> None:
    first, line, carets, hint = report(REPORT).split("\n")
    assert first == "a.expr:1:5: \x1b[1;31merror:\x1b[0m no"
    assert line == "1 │ y = ^x"
    assert carets == "  │     \x1b[31m^\x1b[0m"
    assert hint == "\x1b[36mhint:\x1b[0m write `x`"


def test_a_difference_is_red_and_green() -> None:
    text = "--- a\n+++ b\n@@ -1 +1 @@\n-x=1\n+x = 1\n y\n"
    assert difference(text).split("\n")[3:6] == [
        "\x1b[31m-x=1\x1b[0m",
        "\x1b[32m+x = 1\x1b[0m",
        " y",
    ]


def test_an_empty_line_stands_between_errors(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / f"{name}.expr").write_text("y = (\n", encoding="utf-8")
    outcome = run("fmt", "--check", "a.expr", "b.expr", folder=tmp_path)
    first, second = outcome.errors.split("\n\n")
    assert first.startswith("a.expr:1:")
    assert second.startswith("b.expr:1:")
    assert "\x1b" not in outcome.errors
