"""`gradcli watch`: another command again on every save."""

from __future__ import annotations

import os
import shlex
import sys
from contextlib import closing
from io import TextIOWrapper
from pathlib import Path
from shutil import get_terminal_size
from stat import S_ISDIR, S_ISREG
from tempfile import TemporaryDirectory
from typing import Annotated, Any

import typer

from gradcli.cli.colour import heeds_escapes, shows_colours
from gradcli.cli.complete import files
from gradcli.cli.interrupt import ended_by_signals
from gradcli.errors import InputFault, visible
from gradcli.source import SUFFIX
from gradcli.watch import Log, Process, Saves, Screen, follow
from gradcli.watch.saves import INTERVAL
from gradcli.watch.screen import TAKEN

_DEFAULT = "eval"


def _commands(ctx: typer.Context, incomplete: str) -> list[str]:
    """Return what the shell may offer."""
    return [name for name in _group(ctx).commands if name.startswith(incomplete)]


def watch(
    ctx: typer.Context,
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="An expression file.", autocompletion=files)
    ],
    command: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[COMMAND [ARGS]...]",
            help="What to run for it, with its options (default: eval).",
            autocompletion=_commands,
        ),
    ] = None,
    interval: Annotated[
        float, typer.Option("--interval", min=0.01, help="Seconds between two looks at the files.")
    ] = INTERVAL,
    all: Annotated[
        bool,
        typer.Option("--all", help="Show every run whole, one after the other, not on one screen."),
    ] = False,
) -> None:
    """Run a command for a file, again on every save of it or of data it reads, until Ctrl-C.

    What changed since the last good run is marked; an error leaves that run's page where it is.
    Options of watch go before FILE.
    """
    words = _words(ctx, file, list(command or ()))
    _check(file)
    title = f"gradcli {shlex.join(map(visible, words))}"
    terminal = heeds_escapes(sys.stdout)
    if isinstance(sys.stdout, TextIOWrapper):  # no character is beyond any terminal
        sys.stdout.reconfigure(errors="backslashreplace")
    shown: Screen | Log = Log(sys.stdout, sys.stderr, title, escapes=terminal)
    if terminal and not all:
        shown = Screen(sys.stdout, title, get_terminal_size)
    with ended_by_signals(), TemporaryDirectory(prefix="gradcli.") as folder, closing(shown):

        def start() -> Process:
            columns = max(1, get_terminal_size()[0] - TAKEN) if terminal else None
            coloured = terminal and shows_colours(sys.stdout)
            return Process(words, Path(folder) / "reads", columns, coloured=coloured)

        follow(file, start, shown, Saves(interval))


def _group(ctx: typer.Context) -> Any:
    assert ctx.parent is not None
    return ctx.parent.command


def _words(ctx: typer.Context, file: str, rest: list[str]) -> list[str]:
    """Return the command line to run.

    Raises: InputFault, and the errors of the library that reads command lines, where it is wrong.
    """
    if not rest or rest[0].startswith("-"):
        rest = [_DEFAULT, *rest]
    name, *options = rest
    commands = _group(ctx).commands
    if file in commands and not os.path.exists(file):
        raise InputFault(f"{file} is a command", hint=f"FILE goes first: watch FILE {file} …")
    if name not in commands and ("." in name or "/" in name):
        raise InputFault(
            f"one FILE is watched, and {name} is another", hint=f"gradcli watch {file} COMMAND …"
        )
    _group(ctx).resolve_command(ctx.parent, rest)  # which tells what is misspelt
    command = commands[name]
    if name == ctx.command.name or not any(
        x.param_type_name == "argument" and (x.metavar or "").startswith("FILE")
        for x in command.params
    ):
        raise InputFault(f"gradcli {name} cannot be watched: it is not run for a FILE")
    words = [file, *options]
    with command.make_context(name, list(words), parent=ctx.parent):
        pass  # what is wrong in it is told now, and not on every save
    return [name, *words]


def _check(file: str) -> None:
    """Refuse what is never saved.

    Raises: InputFault.
    """
    if file == "-":
        raise InputFault("standard input is never saved", hint="give a FILE to watch")
    try:
        mode = os.stat(file).st_mode
    except (OSError, ValueError):
        return  # it may come
    if S_ISDIR(mode):
        raise InputFault(f"{file}: is a folder", hint=f"watch one of its files, {file}/*{SUFFIX}")
    if not S_ISREG(mode):
        raise InputFault(f"{file}: not a regular file, and never saved")
