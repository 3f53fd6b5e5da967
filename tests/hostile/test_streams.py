"""Streams that are closed, names and files that no one expects: an error in words, or none."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any, NoReturn

import pytest

from gradcli.syntax import format as formatting
from tests.cli.runner import ROOT, Outcome, run

TEXT = "w = param([1., 2.])\ny = sum(w**2)\nv = abs(w - 1.)\n"
FALSE = TEXT + "assert allclose(grad(y, w), 3*w), 'it is 2*w'\n"
UGLY, NEAT = "w=param(2.)\n", "w = param(2.)\n"
COMMANDS = (  # each way to write: by rich, by bytes, by typer
    ("eval", "a.expr"),
    ("eval", "a.expr", "--json"),
    ("graph", "a.expr", "--tree"),
    ("check", "a.expr"),
    ("check", "a.expr", "--json"),
    ("fmt", "--diff", "ugly.expr"),
    ("ops", "exp"),
    ("--help",),
)
SILENT = (("fmt", "a.expr"), ("fmt", "--check", "a.expr"), ("eval", "a.expr", "-o", "out"))
WRITING = (
    ("eval", "a.expr", "-o"), ("graph", "a.expr", "-o"), ("check", "a.expr", "-o"),
    ("check", "a.expr", "--junit"), ("check", "a.expr", "b.expr", "-o"), ("ops", "exp", "-o"),
)  # fmt: skip
READING = (
    ("eval",),
    ("graph",),
    ("check",),
    ("fmt",),
    ("fmt", "--check"),
    ("eval", "a.expr", "--data"),
)
LONG = f"{'n' * 300}.json"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in (("a", TEXT), ("b", TEXT), ("false", FALSE), ("ugly", UGLY)):
        (tmp_path / f"{name}.expr").write_text(text)
    return tmp_path


# ---- closed streams ------------------------------------------------------------------------


def in_shell(arguments: tuple[str, ...], streams: str, folder: Path) -> Outcome:
    """Run the command with streams as a shell redirects them."""
    done = subprocess.run(
        ["sh", "-c", f'ulimit -v 6000000; exec "$0" "$@" {streams}', sys.executable, "-m",
         "gradcli", *arguments],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return Outcome(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_a_closed_output_is_said(arguments: tuple[str, ...], folder: Path) -> None:
    outcome = in_shell(arguments, ">&-", folder)
    assert outcome == (2, "", "error: cannot write: standard output is closed\n")


@pytest.mark.parametrize("arguments", SILENT, ids=" ".join)
def test_who_writes_nothing_to_a_closed_output_is_not_disturbed(
    arguments: tuple[str, ...], folder: Path
) -> None:
    assert in_shell(arguments, ">&- 2>&- <&-", folder) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "status"),
    [(("check", "a.expr"), 0), (("check", "false.expr", "--json"), 1), (("eval", "none"), 2),
     (("fmt", "--check", "ugly.expr"), 1), (("eval", "--none"), 2)],
)  # fmt: skip
def test_closed_errors_change_neither_output_nor_status(
    arguments: tuple[str, ...], status: int, folder: Path
) -> None:
    outcome = in_shell(arguments, "2>&-", folder)
    assert outcome == (status, run(*arguments, folder=folder).output, "")


@pytest.mark.parametrize("command", ["eval", "check", "fmt"])
def test_a_closed_input_is_said(command: str, folder: Path) -> None:
    outcome = in_shell((command, "-"), "<&-", folder)
    assert outcome == (2, "", "error: standard input is closed\n")


@pytest.mark.parametrize("arguments", [("check",), ("check", "--json"), ("eval",)], ids=" ".join)
def test_a_reader_that_has_gone_does_not_make_a_false_claim_true(
    arguments: tuple[str, ...], folder: Path
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    with os.fdopen(writer, "w", encoding="utf-8") as pipe:
        outcome = run(*arguments, "false.expr", folder=folder, stdout=pipe)
    assert (outcome.status, outcome.errors) == (1, "")


@pytest.mark.parametrize("columns", range(1, 13))
@pytest.mark.parametrize(
    "arguments", [("eval",), ("eval", "--full"), ("graph", "--tree"), ("check", "--verbose")],
    ids=" ".join,
)  # fmt: skip
def test_no_terminal_is_too_narrow(arguments: tuple[str, ...], columns: int, folder: Path) -> None:
    for files in (("false.expr",), ("a.expr", "false.expr")[: 1 + (arguments[0] == "check")]):
        outcome = run(arguments[0], *files, *arguments[1:], folder=folder, columns=columns)
        assert outcome.status in (0, 1)
        assert "w" in outcome.output


# ---- what is read --------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", READING[:-1], ids=" ".join)
def test_no_more_is_read_than_a_file_may_have(arguments: tuple[str, ...], folder: Path) -> None:
    outcome = run(*arguments, "/dev/zero", folder=folder)
    assert (outcome.status, outcome.errors) == (2, "error: /dev/zero: larger than 64 MiB\n")


def test_no_more_of_the_input_is_read_either(folder: Path) -> None:
    outcome = in_shell(("eval", "-"), "</dev/zero", folder)
    assert outcome == (2, "", "error: <stdin>: larger than 64 MiB\n")


@pytest.mark.parametrize("name", ["zero.json", "pipe.npy"])
def test_data_are_files(name: str, folder: Path) -> None:
    (folder / "zero.json").symlink_to("/dev/zero")
    os.mkfifo(folder / "pipe.npy")
    outcome = run("eval", "-e", "x = 1.", "--data", name, folder=folder)
    assert outcome == (2, "", f"error: `{name}` is not a regular file\n")
    outcome = run("eval", "-e", f'x = load("{name}")', "--allow-path", "/dev", folder=folder)
    assert (outcome.status, outcome.output) == (2, "")
    assert f"error: `{name}` is not " in outcome.errors


def test_a_pipe_is_read_and_not_written_to(folder: Path) -> None:
    for arguments, status in ((("eval",), 0), (("fmt", "--check"), 1), (("fmt",), 2)):
        pipe = folder / "pipe"
        os.mkfifo(pipe)
        writer = Thread(target=pipe.write_text, args=(UGLY,))
        writer.start()
        outcome = run(*arguments, "pipe", folder=folder)
        writer.join()
        assert outcome.status == status, outcome.errors
        pipe.unlink()
    assert "not a regular file" in outcome.errors


@pytest.mark.parametrize("arguments", READING, ids=" ".join)
@pytest.mark.parametrize(
    ("name", "said"),
    [("circle.json", "too many levels of symbolic links"), (LONG, "file name too long")],
)
def test_names_that_lead_nowhere_are_said(
    arguments: tuple[str, ...], name: str, said: str, folder: Path
) -> None:
    (folder / "circle.json").symlink_to("circle.json")
    outcome = run(*arguments, name, folder=folder)
    assert (outcome.status, outcome.output) == (2, "")
    assert said in outcome.errors.lower()
    assert "cannot write" not in outcome.errors


def meddle(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Let another process write to a file between the first look at it and the second."""
    look = os.fstat
    looks: list[int] = []

    def fstat(file: int) -> os.stat_result:
        found = look(file)
        if not looks:
            path.write_text("w = param([9., 9., 9.])\n")
        looks.append(file)
        return found

    monkeypatch.setattr("gradcli.source.os.fstat", fstat)


@pytest.mark.parametrize(
    ("arguments", "name"), [(("eval", "a.expr"), "a.expr"), (("check", "a.expr"), "a.expr"),
                            (("eval", "a.expr", "--data", "d.json"), "d.json")],
)  # fmt: skip
def test_a_file_that_changes_while_it_is_read_is_not_believed(
    arguments: tuple[str, ...], name: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "d.json").write_text('{"x": [1.0]}')
    if name == "d.json":
        arguments = ("eval", "-e", "y = 1.", "--data", "d.json")
    meddle(monkeypatch, folder / name)
    outcome = run(*arguments, folder=folder)
    assert outcome.status == 2
    assert "was written to while it was read" in outcome.errors


def test_a_file_that_changes_while_it_is_formatted_is_left_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    formatted, other = formatting.formatted, "z = 1\n"

    def slowly(source: Any) -> str:
        (folder / "ugly.expr").write_text(other)
        return formatted(source)

    monkeypatch.setattr(formatting, "formatted", slowly)
    outcome = run("fmt", "ugly.expr", folder=folder)
    assert (outcome.status, (folder / "ugly.expr").read_text()) == (2, other)
    assert "was written to while it was formatted" in outcome.errors


# ---- what is written -----------------------------------------------------------------------


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_a_circle_of_links_is_not_written_to(arguments: tuple[str, ...], folder: Path) -> None:
    (folder / "circle").symlink_to("round")
    (folder / "round").symlink_to("circle")
    outcome = run(*arguments, "circle", folder=folder)
    assert outcome.status == 2
    assert outcome.errors == "error: circle: cannot write: too many levels of symbolic links\n"


@pytest.mark.parametrize("arguments", WRITING, ids=" ".join)
def test_names_may_be_as_long_as_the_system_lets_them(
    arguments: tuple[str, ...], folder: Path
) -> None:
    outcome = run(*arguments, "n" * 250, folder=folder)
    assert (outcome.status, outcome.errors) == (0, "")
    assert (folder / ("n" * 250)).stat().st_size


def test_a_link_that_leads_to_no_file_yet_is_followed(folder: Path) -> None:
    (folder / "link").symlink_to("target")
    assert run("eval", "a.expr", "-o", "link", folder=folder).status == 0
    assert (folder / "link").is_symlink()
    assert (folder / "target").stat().st_size


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o666])
def test_a_file_that_is_replaced_keeps_its_permissions_and_its_owner(
    mode: int, folder: Path
) -> None:
    names = ("ugly.expr", "out.json")
    (folder / "out.json").write_text("before")
    for name in names:
        (folder / name).chmod(mode)
        if os.geteuid() == 0:
            os.chown(folder / name, 12345, 54321)
    before = [(folder / name).stat() for name in names]
    assert run("fmt", "ugly.expr", folder=folder).status == 0
    assert run("eval", "a.expr", "--json", "-o", "out.json", folder=folder).status == 0
    assert (folder / "ugly.expr").read_text() == NEAT
    for name, was in zip(names, before, strict=True):
        now = (folder / name).stat()
        assert (now.st_uid, now.st_gid, stat.S_IMODE(now.st_mode)) == (was.st_uid, was.st_gid, mode)


def test_a_file_whose_owner_cannot_be_kept_is_left_as_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> NoReturn:
        raise PermissionError(1, "Operation not permitted")

    owner = os.fstat

    def another(file: int) -> os.stat_result:
        return os.stat_result([*owner(file)[:4], 4321, *owner(file)[5:]])

    monkeypatch.setattr("gradcli.cli.output.os.fchown", refuse)
    monkeypatch.setattr("gradcli.cli.output.os.fstat", another)
    outcome = run("fmt", "ugly.expr", folder=folder)
    assert outcome.status == 2
    assert outcome.errors == "error: ugly.expr: cannot write: operation not permitted\n"
    assert (folder / "ugly.expr").read_text() == UGLY
    assert not list(folder.glob(".gradcli*"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_file_that_may_not_be_written_to_is_not_replaced(folder: Path) -> None:
    (folder / "ugly.expr").chmod(0o444)
    outcome = run("fmt", "ugly.expr", folder=folder)
    assert (outcome.status, (folder / "ugly.expr").read_text()) == (2, UGLY)
    assert "permission denied" in outcome.errors


SHOWING = (
    ("eval",), ("eval", "--json"), ("eval", "--format", "csv"), ("eval", "--format", "markdown"),
    ("graph",), ("graph", "--tree"), ("check",), ("check", "--json"), ("check", "--github"),
    ("check", "--format", "junit"), ("check", "--format", "markdown"),
)  # fmt: skip


@pytest.mark.parametrize("arguments", SHOWING, ids=" ".join)
def test_a_name_and_a_text_that_are_not_utf_8_are_written_as_utf_8(
    arguments: tuple[str, ...], folder: Path
) -> None:
    name = os.fsdecode(b"caf\xe9.expr")
    (folder / name).write_text(r'print("\ud800 \udcff \ud83d\ude00")' + f"\n{FALSE}")
    for output in ((), ("-o", "out")):
        outcome = run(*arguments, name, *output, folder=folder)
        assert (outcome.status, outcome.errors) == (int(arguments[0] != "graph"), "")
        text = (folder / "out").read_bytes().decode() if output else outcome.output
        assert r"caf\udce9.expr" in text.replace(r"\\", "\\") or "csv" in arguments
        if "--json" in arguments:
            json.loads(text)
