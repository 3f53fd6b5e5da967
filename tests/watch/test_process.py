"""Runs in processes: what they give, what they read, and that they end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from time import sleep

import numpy as np
import pytest

from gradcli.watch.process import Process
from gradcli.watch.saves import stamp
from tests.cli.runner import ROOT, run

LONG = 60.0  # seconds: no machine is slower
ENDLESS = "for i in range(1000000000):\n    y = 1.\n"  # it takes hours
LIMITS = ("--max-steps", str(10**12))


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    (tmp_path / "notes").mkdir()
    return tmp_path / "notes" / "reads"


@pytest.mark.parametrize("columns", [60, 100])
@pytest.mark.parametrize("command", ["eval", "check"])
def test_a_run_writes_what_the_command_would(
    command: str, columns: int, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    file = str(ROOT / "samples" / "linear_regression.expr")
    with closing(Process([command, file], notes, columns, coloured=False)) as process:
        assert process.ended(LONG)
        found = process.result()
    expected = run(command, file, columns=columns)
    assert (found.status, found.page, found.messages) == (0, expected.output, "")


def test_for_a_terminal_it_writes_as_on_one(notes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    file = str(ROOT / "samples" / "linear_regression.expr")
    for columns, begins in ((None, "digraph"), (80, "\x1b[1mloss2_sum = 41")):
        with closing(Process(["graph", file], notes, columns, coloured=False)) as process:
            assert process.result().page.startswith(begins)


def test_an_error_is_in_colours_where_they_are_wanted(notes: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.expr"
    file.write_text("y = = 1")
    for coloured in (False, True):
        with closing(Process(["eval", str(file)], notes, 80, coloured=coloured)) as process:
            found = process.result()
        assert (found.status, found.page, found.good) == (2, "", False)
        assert "m.expr:1:5: " in found.messages
        assert ("\x1b[1;31merror:" in found.messages) == coloured


def test_what_a_run_reads_is_noted_also_where_it_is_not_there(notes: Path, tmp_path: Path) -> None:
    file, data, bound = (str(tmp_path / name) for name in ("m.expr", "x.npy", "b.npz"))
    Path(file).write_text("y = sum(param(load('x.npy')) * b) + load('no.npy')")
    np.save(data, np.ones(2))
    np.savez(bound, b=np.ones(2))
    with closing(Process(["eval", file, "--data", bound], notes, coloured=False)) as process:
        assert process.result().status == 2  # there is no such file
        reads = process.reads()
    paths = [file, data, bound]
    assert reads == {path: stamp(path) for path in paths} | {str(tmp_path / "no.npy"): None}
    assert None not in [stamp(path) for path in paths]


@pytest.mark.parametrize("stopped", [False, True])
def test_a_run_ends_when_it_is_closed(stopped: bool, notes: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.expr"
    file.write_text(ENDLESS)
    process = Process(["eval", str(file), *LIMITS], notes, coloured=False)
    while not process.reads():
        assert not process.ended(0.05)
    if stopped:  # it hears nothing, as in a product of matrices that takes a minute
        os.kill(process._process.pid, signal.SIGSTOP)
    process.close()
    assert process.ended(0)


def test_a_run_that_a_signal_ends_says_so(notes: Path, tmp_path: Path) -> None:
    file = tmp_path / "m.expr"
    file.write_text(ENDLESS)
    with closing(Process(["eval", str(file), *LIMITS], notes, coloured=False)) as process:
        os.kill(process._process.pid, signal.SIGKILL)
        found = process.result()
    assert (found.good, found.page) == (False, "")
    assert found.messages == "error: the run was ended by a signal: Killed\n"


@pytest.mark.parametrize(("trap", "status"), [("", 130), ("trap '' INT;", 1)])
def test_a_run_ends_with_the_process_that_started_it(
    trap: str, status: int, notes: Path, tmp_path: Path
) -> None:
    """Its end of the pipe is closed then; a background job of a shell has Ctrl-C ignored."""
    file = tmp_path / "m.expr"
    file.write_text(ENDLESS)
    command = [sys.executable, "-m", "gradcli.cli.watched", str(notes), "pipe", "eval", str(file)]
    with subprocess.Popen(
        ["sh", "-c", f'{trap} exec "$@"', "sh", *command, *LIMITS], cwd=ROOT,
        stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    ) as process:  # fmt: skip
        try:
            while not (notes.exists() and notes.read_text()):
                assert process.poll() is None
                sleep(0.05)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(LONG) == status
        finally:
            process.kill()


def test_a_module_in_the_folder_is_not_imported(notes: Path, tmp_path: Path) -> None:
    (tmp_path / "random.py").write_text("raise SystemExit('a module of a stranger')")
    (tmp_path / "m.expr").write_text("y = 1.")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        with closing(Process(["eval", "m.expr"], notes, coloured=False)) as process:
            found = process.result()
    finally:
        os.chdir(before)
    assert (found.status, found.messages) == (0, "")


def test_a_page_without_end_is_cut(
    notes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gradcli.watch.process._LONGEST", 20)
    file = tmp_path / "m.expr"
    file.write_text("y = 1.\n")
    with closing(Process(["eval", str(file), "--json"], notes, coloured=False)) as process:
        page = process.result().page
    assert page.startswith("{")
    assert page.endswith(" bytes more: watch shows 20\n")
