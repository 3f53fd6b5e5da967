"""`gradcli watch`: the words it takes, and a few real saves."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from gradcli.cli.app import PLACES
from tests.cli.runner import run
from tests.cli.watching import Watching

LINEAR = "samples/linear_regression.expr"
REFUSED = {
    ("-",): "standard input is never saved",
    ("samples",): "samples: is a folder",
    ("/dev/null",): "/dev/null: not a regular file",
    (LINEAR, "chek"): "did you mean 'check'?",
    (LINEAR, "nothing-like-it"): "no such command 'nothing-like-it'",
    (LINEAR, "ops"): "gradcli ops cannot be watched",
    (LINEAR, "watch"): "gradcli watch cannot be watched",
    (LINEAR, "samples/mlp.expr"): "one FILE is watched, and samples/mlp.expr is another",
    ("check", LINEAR): "FILE goes first: watch FILE check",
    (LINEAR, "check", "--order", "3"): "3 is not in the range",
    (LINEAR, "--retan-grad"): "did you mean --retain-grad?",
    ("--interval", "0", LINEAR): "0.0 is not in the range",
    (): "missing argument 'FILE'",
}


@pytest.mark.parametrize("words", REFUSED, ids=" ".join)
def test_what_cannot_be_watched_is_refused_at_once(words: tuple[str, ...]) -> None:
    outcome = run("watch", *words)
    assert (outcome.status, outcome.output) == (2, "")
    assert REFUSED[words] in outcome.errors


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.expr")
    outcome = run("watch", "pipe.expr", folder=tmp_path)
    assert outcome == (2, "", "error: pipe.expr: not a regular file, and never saved\n")


@pytest.mark.parametrize("name", [name for name in PLACES if name != "watch"])
def test_every_command_that_takes_a_file_can_be_watched(name: str) -> None:
    page = run(name, "--help").output
    outcome = run("watch", LINEAR, name, "--help")
    assert outcome.status == (0 if "FILE" in page.splitlines()[0] else 2)
    assert outcome.output == (page if outcome.status == 0 else "")


# ---- real saves ----------------------------------------------------------------------------


def renamed(path: Path, text: str) -> None:
    """Save as vim and most editors do."""
    new = path.with_suffix(".new")
    new.write_text(text)
    new.replace(path)


def rewritten(path: Path, text: str) -> None:
    """Save as a shell does."""
    path.write_text(text)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    path = tmp_path / "m.expr"
    path.write_text("x = param(3.)\ny = x*x\n")
    return path


@pytest.mark.parametrize("save", [renamed, rewritten])
def test_on_a_terminal_a_save_is_shown_on_the_same_screen(
    model: Path, save: Callable[[Path, str], None]
) -> None:
    with Watching(model.name, folder=model.parent, size=(70, 20)) as watching:
        shown = watching.until("waiting for changes")
        assert shown.startswith("  y = 9 · 1 gradient, finite\n")
        assert "* " not in shown
        save(model, "x = param(5.)\ny = x*x\n")  # y = 25, and its gradient 10
        shown = watching.until(r"\* y = 25 [^~]*waiting .* lines changed")
        assert [line.split()[:5] for line in shown.split("\n") if "● x" in line] == [
            ["*", "●", "x", "leaf", "1"]]  # fmt: skip
        save(model, "x = param(5.)\ny = x*\n")
        shown = watching.until("m.expr:2:7: error: .*\n[^~]*y = x")
        assert shown.startswith("  y = 25 ")
        assert "above: last good run" in shown
        save(model, "x = param(5.)\ny = x*x\n")
        shown = watching.until("nothing changed")
        assert "error" not in shown
        watching.resize(120, 20)
        shown = watching.until(r"expression[^~]*waiting")  # a column for which there was no room
        assert watching.end() == 130


def test_in_a_pipe_run_follows_run_without_escapes(model: Path) -> None:
    model.write_text("x = param(3.)\ny = x*x*x\n")  # whose second derivative is 6x
    with Watching(model.name, "check", "--order", "2", folder=model.parent) as watching:
        watching.until(r"\n  . x +1 +18 [^~]*1 gradient right")
        renamed(model, "x = param(5.)\ny = x*x*x\n")
        watching.until(r"\n\* . x +1 +30 [^~]*\n  1 gradient right")
        renamed(model, "y = = 2")
        watching.until("m.expr:1:5: error")
        assert watching.end() == 130
        assert "\x1b" not in watching.text
        headings = [x for x in watching.text.splitlines() if x.startswith("-- ")]
        assert [" · ".join(x.split(" · ")[1:2]) for x in headings] == [
            "gradcli check m.expr --order 2"] * 3  # fmt: skip


@pytest.mark.parametrize("variables", [{"TERM": "dumb"}, {"TERM": "unknown"}], ids=str)
def test_a_terminal_that_knows_no_orders_gets_none(model: Path, variables: dict[str, str]) -> None:
    with Watching(model.name, folder=model.parent, size=(80, 20), variables=variables) as watching:
        watching.until("y = 9")
        renamed(model, "x = param(5.)\ny = x*x\n")
        watching.until(r"\* y = 25")
        assert watching.end() == 130
        assert "\x1b" not in watching.text


def test_every_run_whole_keeps_the_colours(model: Path) -> None:
    with Watching(
        "--all", model.name, folder=model.parent, size=(80, 8), variables={"NO_COLOR": ""}
    ) as watching:
        watching.until("kept: .grad is None")
        assert "\x1b[1my = 9" in watching.text
        assert "\x1b[H" not in watching.text
        assert watching.end() == 130


def test_data_are_watched_and_a_file_may_come_later(tmp_path: Path) -> None:
    with Watching("m.expr", "--data", "b.npz", folder=tmp_path) as watching:
        watching.until("the file is not there")
        (tmp_path / "m.expr").write_text("y = sum(param(load('x.npy')) * b)")
        watching.until("error")  # there are no data yet
        np.savez(tmp_path / "b.npz", b=np.array([1.0, 2.0]))
        watching.until("`x.npy` does not exist")
        np.save(tmp_path / "x.npy", np.array([1.0, 2.0]))
        watching.until("= 5 ")
        np.save(tmp_path / "x.npy", np.array([3.0, 2.0]))
        watching.until("= 7 ")
        np.savez(tmp_path / "b.npz", b=np.array([1.0, 3.0]))
        watching.until("= 9 ")
        (tmp_path / "m.expr").unlink()
        watching.until("the file is not there[^~]*the file is not there")
        assert watching.end() == 130


@pytest.mark.parametrize("size", [None, (80, 20)], ids=["pipe", "terminal"])
def test_a_save_ends_a_run_that_would_not_end(model: Path, size: tuple[int, int] | None) -> None:
    model.write_text("for i in range(1000000000):\n    y = 1.\n")
    words = (model.name, "--max-steps", str(10**12))
    with Watching(*words, folder=model.parent, size=size) as watching:
        if size is not None:
            watching.until("running")
        renamed(model, "x = param(5.)\ny = x*x\n")
        watching.until("y = 25")
        renamed(model, "for i in range(1000000000):\n    y = 1.\n")
        if size is not None:
            watching.until("running")
        assert watching.end() == 130


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_request_to_end_ends_it(number: int, model: Path) -> None:
    variables = {"TMPDIR": str(model.parent)}
    with Watching(model.name, folder=model.parent, variables=variables) as watching:
        watching.until("y = 9")
        assert watching.end(number) == 128 + number
    assert [path.name for path in model.parent.iterdir()] == ["m.expr"]


def test_it_ends_when_nobody_reads_any_more(model: Path) -> None:
    with Watching(model.name, folder=model.parent) as watching:
        watching.until("y = 9")
        assert watching.leave() == 0
