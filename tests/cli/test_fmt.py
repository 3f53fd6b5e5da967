"""`gradcli fmt`: files are formatted whole or left alone, and the exit status says which."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.runner import run

UGLY, NEAT = "x=1 # one\n", "x = 1  # one\n"
WRONG = "x = (1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "deeper").mkdir()
    for name, text in [("a", UGLY), ("b", NEAT), ("deeper/c", UGLY), ("wrong", WRONG)]:
        (tmp_path / f"{name}.expr").write_text(text)
    return tmp_path


def texts(folder: Path) -> list[str]:
    return [(folder / f"{name}.expr").read_text() for name in ("a", "b", "deeper/c", "wrong")]


def test_files_are_formatted(folder: Path) -> None:
    assert run("fmt", "a.expr", "b.expr", folder=folder) == (0, "", "")
    assert texts(folder) == [NEAT, NEAT, UGLY, WRONG]


def test_a_file_that_needs_no_change_is_not_written(folder: Path) -> None:
    before = (folder / "b.expr").stat()
    run("fmt", "b.expr", folder=folder)
    after = (folder / "b.expr").stat()
    assert (after.st_mtime_ns, after.st_ino) == (before.st_mtime_ns, before.st_ino)


def test_a_folder_is_searched_and_a_wrong_file_stops_no_other(folder: Path) -> None:
    outcome = run("fmt", ".", folder=folder)
    assert texts(folder) == [NEAT, NEAT, NEAT, WRONG]
    assert outcome.status == 2
    assert outcome.errors.startswith("wrong.expr:1:5: error: `(` is never closed\n")


def test_check_writes_nothing_and_names_what_would_change(folder: Path) -> None:
    outcome = run("fmt", "--check", "a.expr", "b.expr", "deeper", folder=folder)
    names = ["a.expr", "deeper/c.expr"]
    assert outcome == (1, "", "".join(f"{name}: would change\n" for name in names))
    assert texts(folder) == [UGLY, NEAT, UGLY, WRONG]
    assert run("fmt", "--check", "b.expr", folder=folder) == (0, "", "")


def test_diff_writes_nothing_and_shows_what_would_change(folder: Path) -> None:
    shown = "--- a.expr\n+++ a.expr (formatted)\n@@ -1 +1 @@\n-x=1 # one\n+x = 1  # one\n"
    assert run("fmt", "--diff", "a.expr", "b.expr", folder=folder) == (0, shown, "")
    assert run("fmt", "--diff", "--check", "a.expr", folder=folder).status == 1
    assert texts(folder) == [UGLY, NEAT, UGLY, WRONG]


def test_diff_of_a_last_line_without_an_end_says_so() -> None:
    outcome = run("fmt", "--diff", "-", stdin=b"x = 1")
    assert outcome.output.endswith("-x = 1\n\\ No newline at end of file\n+x = 1\n")


def test_standard_input_goes_to_standard_output() -> None:
    assert run("fmt", "-", stdin=UGLY.encode()) == (0, NEAT, "")
    assert run("fmt", "-", stdin=NEAT.encode()) == (0, NEAT, "")
    assert run("fmt", "--check", "-", stdin=UGLY.encode()) == (1, "", "<stdin>: would change\n")


@pytest.mark.parametrize("arguments", [[], ["missing.expr"], ["empty"], ["--check", "wrong.expr"]])
def test_what_cannot_be_formatted_is_an_error(folder: Path, arguments: list[str]) -> None:
    (folder / "empty").mkdir()
    outcome = run("fmt", *arguments, folder=folder)
    assert outcome.status == 2
    assert outcome.output == ""
    assert "rror" in outcome.errors
