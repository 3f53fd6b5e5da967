"""When there is colour: on a terminal, unless somebody wants otherwise."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.runner import ROOT

ESCAPE = re.compile(r"\x1b\[")
TEXT = "y = param([1., 2.])**2"
COMMANDS = {
    "eval": ("eval", "-e", TEXT, "--of", "y", "--grad-output", "[1., 1.]"),
    "graph": ("graph", "-e", "x = param(2.)\ny = x**2", "--tree"),
    "check": ("check", "-e", "x = param(2.)\ny = x**2"),
    "ops": ("ops", "exp"),
    "error": ("eval", "-e", "y = x +"),
}
# what stands in the environment, what is asked for, and whether there is colour: in a pipe, and
# on a terminal
CASES = {
    "nothing said": ({}, (), False, True),
    "NO_COLOR": ({"NO_COLOR": "1"}, (), False, False),
    "NO_COLOR of nothing": ({"NO_COLOR": ""}, (), False, True),
    "FORCE_COLOR": ({"FORCE_COLOR": "1"}, (), True, True),
    "a dumb terminal": ({"TERM": "dumb"}, (), False, False),
    "always": ({"NO_COLOR": "1"}, ("--color", "always"), True, True),
    "never": ({"FORCE_COLOR": "1"}, ("--color=never",), False, False),
    "auto": ({}, ("--color", "auto"), False, True),
}


def shown(command: tuple[str, ...], variables: dict[str, str], *, terminal: bool) -> str:
    """Return what a process shows on a terminal, or in pipes."""
    names = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLORTERM")
    environment = {k: v for k, v in os.environ.items() if k not in names}
    environment |= {"TERM": "xterm", "PYTHONUTF8": "1"} | variables
    call = [sys.executable, "-m", "gradcli", *command]
    if not terminal:
        done = subprocess.run(call, cwd=ROOT, env=environment, capture_output=True, check=False)
        return (done.stdout + done.stderr).decode()
    ours, theirs = pty.openpty()
    with subprocess.Popen(call, cwd=ROOT, env=environment, stdin=theirs, stdout=theirs,
                          stderr=theirs):  # fmt: skip
        os.close(theirs)
        text = b""
        try:
            while piece := os.read(ours, 1 << 16):
                text += piece
        except OSError:  # how a terminal ends
            pass
        os.close(ours)
    return text.decode()


@pytest.mark.parametrize("case", CASES)
def test_there_is_colour_where_it_is_wanted(case: str) -> None:
    variables, options, in_a_pipe, on_a_terminal = CASES[case]
    command = (*COMMANDS["graph"], *options)
    assert bool(ESCAPE.search(shown(command, variables, terminal=False))) == in_a_pipe
    assert bool(ESCAPE.search(shown(command, variables, terminal=True))) == on_a_terminal


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_and_error_has_colour_and_can_do_without(name: str) -> None:
    always, never = (
        shown((*COMMANDS[name], "--color", when), {}, terminal=False)
        for when in ("always", "never")
    )
    assert ESCAPE.search(always)
    assert not ESCAPE.search(never)
    assert re.sub(r"\x1b\[[0-9;]*m", "", always) == never


def test_a_difference_of_formatting_has_colour(tmp_path: Path) -> None:
    file = tmp_path / "f.expr"
    file.write_text("y = 1\nx=1\n")
    text = shown(("fmt", "--diff", str(file), "--color", "always"), {}, terminal=False)
    assert "\x1b[31m-x=1\x1b[0m\n\x1b[32m+x = 1\x1b[0m\n" in text
    assert "\n y = 1\n" in text


def test_on_a_terminal_a_graph_is_a_tree_unless_graphviz_is_asked_for() -> None:
    command = COMMANDS["graph"][:-1]
    assert "└─" in shown(command, {}, terminal=True)
    assert shown((*command, "--dot"), {}, terminal=True).startswith("digraph")
    assert shown((*command, "--backward"), {}, terminal=True).startswith("digraph")
    assert shown(command, {}, terminal=False).startswith("digraph")
