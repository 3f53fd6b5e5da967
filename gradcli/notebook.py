"""Notebooks: after `%load_ext gradcli`, `%%gradcli` runs the text of a cell."""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

from gradcli.errors import GradcliError, Source


class Shell(Protocol):
    """What is used of IPython's shell: its variables, and how a magic is made known."""

    user_ns: MutableMapping[str, Any]

    def register_magic_function(
        self, func: Callable[[str, str], object], magic_kind: str, magic_name: str
    ) -> None:
        """Make a magic known by a name."""


class CellError(Exception):
    """An error in a cell, which a notebook shows as the terminal does: without a traceback."""

    def _render_traceback_(self) -> list[str]:
        return str(self).split("\n")


def load_ipython_extension(shell: Shell) -> None:
    """Make `%%gradcli` known, as `%load_ext gradcli` asks for."""

    def magic(line: str, cell: str) -> object:
        """Run a cell as an expression file; `%%gradcli --help` lists the options."""
        return run_cell(line, cell, shell.user_ns)

    shell.register_magic_function(magic, magic_kind="cell", magic_name="gradcli")


def run_cell(line: str, cell: str, variables: MutableMapping[str, Any]) -> object:
    """Run the text of a cell with the options of its line; return the run, None after help.

    Raises: CellError where either is wrong.
    """
    from gradcli.api import inspected
    from gradcli.cli.cell import read
    from gradcli.run import Run
    from gradcli.session import run

    try:
        options, request, name = read(line, variables)
        session = run(Source("<cell>", cell), options, request)
        found = Run(session, inspected(session), request.of)
    except SystemExit:
        return None
    except GradcliError as error:
        raise CellError(str(error)) from None
    if name is not None:
        variables[name] = found
    return found
