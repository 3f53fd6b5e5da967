"""What is seen of runs, on a terminal and in a pipe."""

from __future__ import annotations

import io
import os
import sys

import pytest

from gradcli.watch.loop import Result
from gradcli.watch.screen import Log, Screen
from tests.watch.terminal import Terminal

TITLE = "gradcli eval m.expr"
ERROR = "m.expr:1:1: error: no\nhint: another\n"


def result(page: str, status: int = 0, messages: str = "", at: str = "12:00:00") -> Result:
    return Result(status, page, messages, at, 0.25)


def screen(columns: int = 80, rows: int = 10) -> tuple[Terminal, Screen]:
    terminal = Terminal(columns, rows)
    shown = Screen(terminal, TITLE, terminal.size)
    shown.began()
    return terminal, shown


def test_a_page_stands_above_a_line_that_says_what_is_going_on() -> None:
    terminal, shown = screen()
    assert terminal.lines() == [f"running… · {TITLE}"]
    shown.ended(result("a 1\nb 2\n"))
    assert terminal.lines() == [
        "  a 1", "  b 2", f"waiting for changes · 12:00:00, 0.25 s · {TITLE}"]  # fmt: skip
    shown.began()
    assert terminal.lines()[:2] == ["  a 1", "  b 2"]
    assert terminal.lines()[2].startswith("running…")


def test_what_changed_since_the_last_good_run_is_marked_and_counted() -> None:
    terminal, shown = screen(columns=120)
    shown.ended(result("a 1\nb 2\n"))
    shown.ended(result("a 1\nb 3\n", status=1))
    assert terminal.lines() == [
        "  a 1", "* b 3",
        f"waiting for changes · 12:00:00, 0.25 s · 1 line changed · exit status 1 · {TITLE}",
    ]  # fmt: skip
    assert terminal.marked.strip() == "3"
    shown.ended(result("a 1\nb 3\n"))
    assert terminal.lines()[1] == "  b 3"
    assert "nothing changed" in terminal.lines()[2]
    assert terminal.marked.strip() == ""


@pytest.mark.parametrize("status", [2, 70, -9])
def test_an_error_leaves_the_last_good_page(status: int) -> None:
    terminal, shown = screen()
    shown.ended(result("a 1\nb 2\n"))
    shown.ended(result("half of", status, ERROR, at="12:01:00"))
    *above, said, first, second = terminal.lines()
    assert (above, [first, second]) == (["  a 1", "  b 2"], ERROR.splitlines())
    assert "error at 12:01:00 · above: last good run, 12:00:00" in said
    shown.ended(result("a 1\nb 4\n", at="12:02:00"))
    assert terminal.lines()[:2] == ["  a 1", "* b 4"]
    assert len(terminal.lines()) == 3


def test_an_error_of_the_first_run_has_no_page_above() -> None:
    terminal, shown = screen()
    shown.ended(result("", 2, ERROR))
    assert terminal.lines() == [
        f"waiting for changes · error at 12:00:00 · {TITLE}", *ERROR.splitlines()]  # fmt: skip


def test_what_a_good_run_says_beside_its_page_is_shown() -> None:
    terminal, shown = screen()
    shown.ended(result("", 1, "m.expr: would change\n"))
    assert terminal.lines()[1:] == ["m.expr: would change"]


def test_a_file_that_is_not_there_is_said() -> None:
    terminal, shown = screen()
    shown.ended(result("a 1\n"))
    shown.missing()
    above, status = terminal.lines()
    assert above == "  a 1"
    assert not shown.resized()
    assert status.startswith(
        "waiting for changes · the file is not there · above: last good run, 12:00:00"
    )


def test_a_file_that_never_was_there_is_waited_for() -> None:
    terminal = Terminal(80, 10)
    shown = Screen(terminal, TITLE, terminal.size)
    shown.missing()
    assert terminal.lines() == [f"waiting for changes · the file is not there · {TITLE}"]
    assert not shown.resized()
    terminal.columns = 100
    shown.resized()
    shown.missing()
    assert not shown.resized()


def test_of_a_long_page_what_fits_is_shown_and_the_rest_counted() -> None:
    terminal, shown = screen(rows=5)
    shown.ended(result("\n".join(f"line {k}" for k in "abcdefgh")))
    assert terminal.lines()[:4] == [
        "  line a", "  line b", "  line c", "  … 5 lines more: --all shows them"]  # fmt: skip
    shown.ended(result("\n".join(f"line {k}" for k in "abcdefgX")))
    assert terminal.lines()[3] == "  … 5 lines more, 1 of them changed: --all shows them"
    shown.ended(result("\n".join(f"line {k}" for k in "abcd")))
    assert terminal.lines()[:4] == ["  line a", "  line b", "  line c", "  line d"]


def test_a_long_error_leaves_its_beginning() -> None:
    terminal, shown = screen(rows=4)
    shown.ended(result("a 1\n"))
    shown.ended(result("", 2, "one\ntwo\nthree\nfour\nfive\n"))
    assert terminal.lines()[1:] == ["one", "two", "…"]


@pytest.mark.parametrize("text", ["0123456789" * 3, "漢字" * 7, "\x1b[31m" + "0123456789" * 3])
def test_a_line_that_is_too_long_goes_on_in_the_next(text: str) -> None:
    terminal, shown = screen(columns=23)
    shown.ended(result(text))
    lines = terminal.lines()[:2]
    assert all(line.startswith("  ") for line in lines)
    assert "".join(line[2:] for line in lines) in text


def test_a_colour_goes_on_in_the_next_line(
    capsys: pytest.CaptureFixture[str],
) -> None:
    shown = Screen(sys.stdout, TITLE, lambda: (13, 10))
    shown.ended(result("\x1b[31m0123456789abc\x1b[0m"))
    assert "  \x1b[31mabc\x1b[0m" in capsys.readouterr().out


def test_a_page_of_a_run_before_is_dim(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Screen(sys.stdout, TITLE, lambda: (40, 10))
    shown.ended(result("\x1b[31ma\x1b[0m"))
    shown.missing()
    assert "  \x1b[2ma\x1b[0m" in capsys.readouterr().out


def test_what_stood_on_the_terminal_before_is_not_lost() -> None:
    terminal = Terminal(40, 4)
    terminal.write("$ before\n$ gradcli watch\n")
    Screen(terminal, TITLE, terminal.size).began()
    assert terminal.scrolled[:2] == ["$ before", "$ gradcli watch"]


def test_a_terminal_of_another_size_is_drawn_anew() -> None:
    terminal, shown = screen()
    shown.ended(result("a 1\nb 2\nc 3\n"))
    assert not shown.resized()
    terminal.rows = 3
    assert not shown.resized()  # the page is as wide as before
    assert terminal.lines()[:2] == ["  a 1", "  … 2 lines more: --all shows them"]
    terminal.columns = 60
    assert shown.resized()
    assert shown.resized()  # until there is a run for it
    shown.began()
    assert not shown.resized()
    shown.ended(result("a\n1\nb 2\nc 3\n"))  # of which no line is marked: all are laid out anew
    assert terminal.lines()[0] == "  a"


def test_the_cursor_is_left_on_a_line_of_its_own() -> None:
    terminal, shown = screen()
    shown.ended(result("a 1\n"))
    shown.close()
    assert (terminal.row, terminal.column) == (2, 0)


def test_a_log_has_run_after_run() -> None:
    out, errors = io.StringIO(), io.StringIO()
    log = Log(out, errors, TITLE)
    log.began()
    log.ended(result("a 1\n\nb 2\n"))
    log.ended(result("", 2, ERROR))
    log.missing()
    log.ended(result("a 1\n\nb 3\n", 1, at="12:00:05"))
    assert out.getvalue() == (
        f"-- 12:00:00 · {TITLE} · 0.25 s\n  a 1\n\n  b 2\n"
        f"-- 12:00:00 · {TITLE} · 0.25 s · error\n"
        f"-- {TITLE} · the file is not there · waiting for changes\n"
        f"-- 12:00:05 · {TITLE} · 0.25 s · 1 line changed · exit status 1\n  a 1\n\n* b 3\n"
    )
    assert errors.getvalue() == ERROR


def test_a_log_on_a_terminal_marks_the_words_too() -> None:
    out = io.StringIO()
    log = Log(out, io.StringIO(), TITLE, escapes=True)
    log.ended(result("b 2\n"))
    log.ended(result("b 3\n"))
    assert out.getvalue().splitlines()[-1] == "* b \x1b[7m3\x1b[27m"


def test_a_terminal_of_ascii_gets_signs_that_it_has() -> None:
    out = io.TextIOWrapper(io.BytesIO(), encoding="ascii", write_through=True)
    log = Log(out, io.StringIO(), TITLE)
    log.missing()
    assert isinstance(out.buffer, io.BytesIO)
    said = out.buffer.getvalue().decode("ascii")
    assert said == f"-- {TITLE} | the file is not there | waiting for changes\n"


def test_a_reader_that_has_gone_is_noticed_before_the_next_save() -> None:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w", encoding="utf-8") as pipe:
        log = Log(pipe, io.StringIO(), TITLE)
        assert not log.resized()
        os.close(reader)
        with pytest.raises(BrokenPipeError):
            log.resized()
