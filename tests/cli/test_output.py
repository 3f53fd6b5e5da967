"""Where results go, and what happens where they cannot: disks, pipes, folders, terminals, ^C."""

from __future__ import annotations

import io
import json
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from threading import Event, active_count
from typing import Any, NoReturn

import pytest

from gradcli import session
from gradcli.cli import main, output
from gradcli.cli.output import guarded
from gradcli.cli.progress import Progress
from gradcli.errors import Source
from tests.cli.runner import ROOT, run

TEXT = "w = param(2.)\ny = w**2\n"
COMMANDS = (  # one for each way of writing: by rich, by bytes, by typer
    ("eval", "-e", TEXT),
    ("eval", "-e", TEXT, "--json"),
    ("ops", "exp"),
    ("ops", "exp", "--json"),
    ("graph", "-e", TEXT, "--tree"),
    ("check", "-e", TEXT),
    ("--version",),
)
NAMES = [" ".join(a for a in arguments if a != TEXT) for arguments in COMMANDS]
LETTERS = "µ = param([1., 2.])\né = sum(abs(µ - 1.))\nassert allclose(grad(é, µ), 3*µ), 'ß'\n"
ENDINGS = {  # what an error of Python ends a command with, and what is said of it
    KeyboardInterrupt(): (130, "interrupted"),
    MemoryError(): (2, "error: out of memory"),
    BrokenPipeError(): (0, ""),
    OSError(28, "No space left on device"): (2, "error: cannot write: no space left on device"),
    ZeroDivisionError("1/0"): (70, "internal error: ZeroDivisionError: 1/0"),
    SystemExit("a message"): (2, ""),
}


# ---- standard output -----------------------------------------------------------------------


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
@pytest.mark.parametrize("arguments", COMMANDS, ids=NAMES)
def test_a_full_disk_is_said_and_ends_with_status_2(arguments: tuple[str, ...]) -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        outcome = run(*arguments, stdout=full)
    assert outcome.status == 2
    assert outcome.errors == "error: cannot write: no space left on device\n"


@pytest.mark.parametrize("arguments", COMMANDS, ids=NAMES)
def test_a_reader_that_has_gone_is_no_error(arguments: tuple[str, ...]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as pipe:
        outcome = run(*arguments, stdout=pipe)
    assert (outcome.status, outcome.errors) == (0, "")


def test_what_is_written_to_a_file_before_the_output_ends_there_is_all_of_it(
    tmp_path: Path,
) -> None:
    with (tmp_path / "out.json").open("w", encoding="utf-8") as file:
        file.write("")
        assert run("eval", "-e", TEXT, "--json", stdout=file).status == 0
    assert json.loads((tmp_path / "out.json").read_text())["schema"] == "gradcli.eval/1"


@pytest.mark.parametrize("error", ENDINGS, ids=lambda e: type(e).__name__)
def test_no_error_reaches_a_person_as_a_traceback(
    error: BaseException, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def command() -> NoReturn:
        raise error

    monkeypatch.delenv("GRADCLI_TRACEBACK", raising=False)
    monkeypatch.setattr(output, "_discard_output", lambda: None)  # it is pytest's here
    status, message = ENDINGS[error]
    assert guarded(command) == status
    assert capfd.readouterr().err.startswith(message)


def test_a_fault_of_gradcli_shows_where_it_is_when_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def command() -> NoReturn:
        raise ZeroDivisionError

    monkeypatch.setenv("GRADCLI_TRACEBACK", "1")
    with pytest.raises(ZeroDivisionError):
        guarded(command)


def interrupt(*_: Any) -> NoReturn:
    # a background job of a shell has the signal ignored
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    raise AssertionError("the signal came before this")


def test_an_interrupted_command_ends_as_shells_expect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcli.cli.options.source_and_folder", interrupt)
    outcome = run("eval", "-e", TEXT)
    assert (outcome.status, outcome.output, outcome.errors) == (130, "", "")


def test_python_starts_the_command_as_a_module_too() -> None:
    command = [sys.executable, "-m", "gradcli", "eval", "-e", "y = 1."]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == run("eval", "-e", "y = 1.").output


def test_an_interrupted_start_ends_so_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gradcli.cli.output.guarded", interrupt)
    with pytest.raises(SystemExit) as exit:
        main()
    assert exit.value.code == 130


# a command that is in a computation of C, which knows of no signal, when Ctrl-C comes
BUSY = """
import hashlib, sys
from gradcli.cli.output import guarded
def busy():
    print("begun", flush=True)
    hashlib.pbkdf2_hmac("sha256", b"", b"", (1 << 31) - 1)
sys.exit(guarded(busy))
"""


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="signals are POSIX's")
def test_ctrl_c_ends_a_computation_that_does_not_hear_it() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, cwd=ROOT) as busy:
        try:
            assert busy.stdout is not None
            assert busy.stdout.readline() == b"begun\n"
            busy.send_signal(signal.SIGINT)
            assert busy.wait(60) == 130
        finally:
            busy.kill()


def test_a_command_leaves_signals_as_they_were() -> None:
    inside: list[int] = []

    def app() -> None:
        inside.append(signal.set_wakeup_fd(-1))

    assert guarded(app) == 0
    assert inside != [-1]
    assert signal.set_wakeup_fd(-1) == -1


# ---- files ---------------------------------------------------------------------------------


def refused(tmp_path: Path, target: Path) -> str:
    """Return what is said of a file that cannot be written to, and see that nothing is left."""
    before = sorted(tmp_path.rglob("*"))
    outcome = run("eval", "-e", TEXT, "--json", "-o", str(target))
    assert (outcome.status, outcome.output) == (2, "")
    assert sorted(tmp_path.rglob("*")) == before
    return outcome.errors


def test_a_folder_is_not_written_to_as_a_file(tmp_path: Path) -> None:
    assert refused(tmp_path, tmp_path) == f"error: {tmp_path}: cannot write: is a directory\n"


def test_a_file_is_not_a_folder_to_write_in(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "there is no folder" in refused(tmp_path, tmp_path / "file" / "out.json")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_without_permission_is_said(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir(mode=0o500)
    assert "permission denied" in refused(tmp_path, inside / "out.json")


def test_a_disk_that_fills_up_leaves_the_file_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.json"
    target.write_text("before")

    def full(*_: Any) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fchmod", full)  # the last step before the file takes its place
    assert "no space left" in refused(tmp_path, target)
    assert target.read_text() == "before"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_device_is_written_to_as_it_is(tmp_path: Path) -> None:
    assert "no space left" in refused(tmp_path, Path("/dev/full"))
    assert run("eval", "-e", TEXT, "-o", "/dev/null").status == 0
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def test_a_table_goes_to_a_file_without_colours(tmp_path: Path) -> None:
    target = tmp_path / "out.txt"
    outcome = run("check", "-e", TEXT, "-o", str(target))
    assert (outcome.status, outcome.output) == (0, "")
    assert "1 gradient right" in target.read_text()
    assert "\x1b" not in target.read_text()


def test_a_link_is_followed_and_the_file_has_the_usual_permissions(tmp_path: Path) -> None:
    target, link = tmp_path / "out.json", tmp_path / "link.json"
    link.symlink_to(target)
    assert run("eval", "-e", TEXT, "--json", "-o", str(link)).status == 0
    assert link.is_symlink()
    plain = tmp_path / "plain"
    plain.write_text("")
    assert target.stat().st_mode == plain.stat().st_mode


# ---- terminals -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments",
    [
        ("eval",),
        ("eval", "--named"),
        ("graph", "--tree"),
        ("check",),
        ("check", "--verbose"),
        ("check", "--mode", "reverse,forward"),
        ("check", "--of", "é,µ"),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("columns", [40, 100])
def test_a_terminal_of_ascii_shows_names_of_other_alphabets(
    arguments: tuple[str, ...], columns: int, tmp_path: Path
) -> None:
    file = tmp_path / "é.expr"
    file.write_text(LETTERS, encoding="utf-8")
    outcome = run(arguments[0], file.name, *arguments[1:],
                  folder=tmp_path, columns=columns, encoding="ascii")  # fmt: skip
    assert outcome.status in (0, 1)
    assert outcome.output.isascii()
    assert "\\xe9" in outcome.output


def test_a_terminal_of_ascii_shows_many_files(tmp_path: Path) -> None:
    for name in ("é", "ß"):
        (tmp_path / f"{name}.expr").write_text(LETTERS, encoding="utf-8")
    outcome = run("check", ".", folder=tmp_path, encoding="ascii")
    assert outcome.status == 1
    assert "\\xe9.expr" in outcome.output
    assert "2 files checked, 2 wrong" in outcome.output


# ---- progress ------------------------------------------------------------------------------


class Terminal(io.StringIO):
    """Standard error that is a terminal, and says when something is drawn on it."""

    def __init__(self, wanted: str) -> None:
        super().__init__()
        self.wanted, self.drawn = wanted, Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        count = super().write(text)
        if self.wanted in self.getvalue():
            self.drawn.set()
        return count


def test_a_bar_is_shown_to_people_when_the_work_takes_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = Terminal("50%")
    monkeypatch.setattr(sys, "stderr", terminal)
    with Progress("files") as progress:
        progress.advance(1, 4)
    assert terminal.getvalue() == ""
    monkeypatch.setattr("gradcli.cli.progress.PATIENCE", 0.0)
    with Progress("files") as progress:
        progress.advance(1, 4)
        progress.advance(2, 4)
        assert terminal.drawn.wait(60)
    assert "files" in terminal.getvalue()


def test_what_has_no_known_end_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal("1,234 nodes")
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setattr("gradcli.cli.progress.PATIENCE", 0.0)
    with Progress("nodes") as progress:
        progress.watch(lambda: 1234)
        assert terminal.drawn.wait(60)


def test_a_run_gives_its_tape_before_anything_is_on_it() -> None:
    sizes: list[int] = []
    session.run(Source("f", "y = param(1.)*2\n"), begun=lambda graph: sizes.append(len(graph)))
    assert sizes == [0]


def test_a_pipe_gets_no_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    pipe = io.StringIO()
    monkeypatch.setattr(sys, "stderr", pipe)
    monkeypatch.setattr("gradcli.cli.progress.PATIENCE", 0.0)
    threads = active_count()
    with Progress("files") as progress:
        progress.advance(1, 4)
        assert active_count() == threads
    assert pipe.getvalue() == ""
