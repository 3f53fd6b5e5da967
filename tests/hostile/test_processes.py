"""Processes end: at a signal to the first of them alone, and where one of the others is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic, sleep
from typing import NamedTuple

import pytest

from gradcli.verify.report import Report
from gradcli.verify.run import Outcome, outcomes
from tests.cli.runner import ROOT

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")

# a check that nobody waits for, of one file or of several
SLOW = """
w = param(randn(60, 60))
y = w
for i in range(100):
    y = tanh(y @ w)
loss = sum(y**2)
"""
ONE, SEVERAL = ("a.expr",), ("a.expr", "b.expr", "c.expr")
ENDS = [
    (ONE, signal.SIGINT, 130),
    (SEVERAL, signal.SIGINT, 130),
    (ONE, signal.SIGTERM, -signal.SIGTERM),
    (SEVERAL, signal.SIGKILL, -signal.SIGKILL),
]
PATIENCE = 60.0  # seconds: much more than any of this takes


class Process(NamedTuple):
    """A process of a session: its id, its parent's, and whether it has worked for a while."""

    id: int
    parent: int
    busy: bool


def processes(session: int) -> list[Process]:
    """Return the processes of a session that have not ended."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            state, parent, _, of, *rest = path.read_text().rpartition(")")[2].split()
            if int(of) == session and state not in "ZX":
                ticks = int(rest[7]) + int(rest[8])
                found.append(Process(int(path.parent.name), int(parent), ticks > 20))
    return found


def workers(session: int) -> list[int]:
    """Return the processes that do the work: those of a server that the command has started."""
    found = processes(session)
    of = {p.id: p for p in found}
    return [p.id for p in found if p.busy and p.parent in of and of[p.parent].parent == session]


@contextmanager
def running(
    folder: Path, files: Sequence[str], ready: Callable[[int], bool]
) -> Iterator[subprocess.Popen[str]]:
    """Start a check, and wait until its session is ready."""
    for name in files:
        (folder / name).write_text(SLOW)
    command = [sys.executable, "-m", "gradcli", "check", "-j", "2", *files]
    started = subprocess.Popen(
        command, cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True,
        # a background job of a shell has the signal ignored
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )  # fmt: skip
    try:
        until(lambda: ready(started.pid))
        yield started
    finally:
        for process in processes(started.pid):
            with suppress(ProcessLookupError):
                os.kill(process.id, signal.SIGKILL)
        started.communicate()


def until(true: Callable[[], bool]) -> None:
    start = monotonic()
    while not true():
        assert monotonic() - start < PATIENCE
        sleep(0.02)


@pytest.mark.parametrize(("files", "number", "status"), ENDS)
def test_a_signal_to_the_parent_alone_ends_all(
    files: Sequence[str], number: int, status: int, tmp_path: Path
) -> None:
    with running(tmp_path, files, lambda session: len(workers(session)) == 2) as check:
        check.send_signal(number)
        assert check.wait(PATIENCE) == status
        until(lambda: processes(check.pid) == [])
        if number == signal.SIGINT:
            assert check.communicate() == ("", "")


def test_ctrl_c_while_processes_start_shows_no_traceback(tmp_path: Path) -> None:
    with running(tmp_path, SEVERAL, lambda session: len(processes(session)) > 2) as check:
        os.killpg(check.pid, signal.SIGINT)  # as a terminal does
        assert (*check.communicate(), check.returncode) == ("", "", 130)
        until(lambda: processes(check.pid) == [])


# ---- a worker is killed --------------------------------------------------------------------


def checked(file: str) -> Outcome:
    """Find that a file is well, or be killed: the first time, or every time."""
    mark = Path(file)
    if mark.suffix == ".twice" or (mark.suffix == ".once" and not mark.exists()):
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return Outcome(file, Report(file, (), (), ()))


def test_what_a_killed_worker_had_to_do_is_done_again_and_said(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("a", "b.once", "c", "d")]
    told: list[str] = []
    found = list(outcomes(files, checked, 2, fail_fast=False, tell=told.append))
    assert [(o.file, o.error) for o in found] == [(file, None) for file in files]
    assert len(told) == 1
    assert "a process ended before its work was done" in told[0]


def test_a_file_that_kills_every_worker_is_an_error_and_the_others_are_checked(
    tmp_path: Path,
) -> None:
    files = [str(tmp_path / name) for name in ("a", "b.twice", "c")]
    found = list(outcomes(files, checked, 2, fail_fast=False))
    assert [o.file for o in found] == files
    assert [o.verdict for o in found] == ["OK", "ERROR", "OK"]
    assert "a process ended before its work was done" in str(found[1].error)


def test_a_run_that_stops_at_the_first_bad_file_does_not_wait_for_others(tmp_path: Path) -> None:
    files = [str(tmp_path / name) for name in ("a.bad", "b.slow")]
    found = list(outcomes(files, hurried, 2, fail_fast=True))
    assert [o.file for o in found] == files[:1]
    assert not Path(files[1]).exists()


def hurried(file: str) -> Outcome:
    if file.endswith("slow"):
        sleep(10.0)
        Path(file).touch()
    return Outcome(file, None, "an error")
