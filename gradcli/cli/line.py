"""Options as a line of words, where there is no command line: in a page, in a notebook."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from typing import Any, TypeVar

import typer
from typer.main import get_command

from gradcli.cli.app import in_our_words
from gradcli.errors import InputFault

T = TypeVar("T")


def called(command: Callable[..., T], name: str, line: str, *, helps: bool = False) -> T:
    """Call what takes options as commands do, with those of a line; `name` is for its errors.

    Raises: InputFault where they are wrong; SystemExit where it `helps` and help was shown.
    """
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise InputFault(f"{name}: {str(error).lower()}", hint="-s 'x=[1., 2.]'") from None
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name, add_help_option=helps)(command)
    made: Any = get_command(alone)
    with in_our_words():
        try:
            with made.make_context(name, words) as context:
                found: T = made.invoke(context)
                return found
        except typer.Exit as done:
            raise SystemExit(done.exit_code) from None
