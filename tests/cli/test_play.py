"""`gradcli play` as a command: where it is found, what it refuses, how it ends."""

from __future__ import annotations

import os
import shlex
import signal
import socket
from pathlib import Path
from time import sleep

import pytest

from tests.cli.runner import run
from tests.play.command import PATIENCE, Command

LINEAR = "samples/linear_regression.expr"


def below(parent: int) -> set[int]:
    """Return the processes that a process has started, and those that these have."""
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended meanwhile
                continue
            parents[int(folder.name)] = int(fields[1])
    found, new = set[int](), {parent}
    while new := {child for child, its in parents.items() if its in new} - found:
        found |= new
    return found


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 0), (signal.SIGTERM, 128 + signal.SIGTERM)]
)
def test_it_ends_on_a_signal_with_all_its_processes(number: int, status: int) -> None:
    command = Command(LINEAR)
    assert command.name == LINEAR
    assert "gradcli play" in command.ask("")
    started = below(command.process.pid) if Path("/proc").is_dir() else set()
    assert command.end(number) == (status, "")
    waited = 0.0
    while alive := [pid for pid in started if Path(f"/proc/{pid}").exists()]:
        sleep(0.05)
        waited += 0.05
        assert waited < PATIENCE, alive


def test_its_processes_end_when_it_is_killed() -> None:
    if not Path("/proc").is_dir():
        pytest.skip("the system does not say which processes there are")
    command = Command()
    while len(started := below(command.process.pid)) < 2:
        sleep(0.05)
    os.kill(command.process.pid, signal.SIGKILL)
    command.process.communicate(timeout=PATIENCE)
    waited = 0.0
    while alive := [pid for pid in started if Path(f"/proc/{pid}").exists()]:
        sleep(0.05)
        waited += 0.05
        assert waited < PATIENCE, alive


def test_the_page_begins_with_the_file_and_the_options() -> None:
    command = Command("-e", "y = w * x", "-p", "w=2.0", "-s", "x=[1., 2.]", "--seed", "3")
    try:
        start = command.ask("start")
        assert '"text": "y = w * x"' in start
        assert '"line": "-p w=2.0 -s \'x=[1., 2.]\' --seed 3"' in start
        assert '"file": false' in start
    finally:
        command.end(signal.SIGINT)


def test_a_port_that_another_program_has_is_an_error() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = run("play", "--no-open", "--port", str(port))
    assert done.status == 2
    assert f"error: --port {port}: address already in use" in done.errors


REFUSED = {
    "play missing.expr": "missing.expr: there is no such file",
    "play samples": "samples: is a folder",
    "play -p w": "expected NAME=VALUE",
    "play -e 1 -p 'w=('": "`(` is never closed",
    "play --port 70000": "--port",
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_is_wrong_is_told_before_there_is_a_page(words: str) -> None:
    done = run(*shlex.split(words))
    assert (done.status, done.output) == (2, "")
    assert REFUSED[words] in done.errors
