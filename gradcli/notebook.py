"""Notebooks: after `%load_ext gradcli`, `%%gradcli` runs the text of a cell as a file.

`%%gradcli_record` runs a cell as Python, and records the PyTorch in it.
"""

from __future__ import annotations

from collections.abc import Callable, MutableMapping
from typing import Any, Protocol

from gradcli.errors import GradcliError, Source


class Shell(Protocol):
    """What is used of IPython's shell: its variables, and how a magic is made known."""

    user_ns: MutableMapping[str, Any]

    def run_cell(self, raw_cell: str) -> Any:
        """Run a cell's text as Python."""

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

    def recorded(line: str, cell: str) -> None:
        """Run a cell as Python and record it: `%%gradcli_record run --steps 1:2`."""
        record_cell(line, cell, shell)

    shell.register_magic_function(magic, magic_kind="cell", magic_name="gradcli")
    shell.register_magic_function(recorded, magic_kind="cell", magic_name="gradcli_record")


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


def record_cell(line: str, cell: str, shell: Shell) -> None:
    """Run a cell as Python, and record the PyTorch in it as the options of its line say.

    Raises: CellError where these are wrong, or where the cell cannot be recorded; an error of the
    cell's own is shown by the notebook, and what had run is written.
    """
    from gradcli.cli.record import read_cell

    try:
        with read_cell(line) as recording:
            recording.script = "<cell>"
            if not shell.run_cell(cell).success:
                raise _CellRaisedError
    except (SystemExit, _CellRaisedError):
        return
    except GradcliError as error:
        raise CellError(str(error)) from None


class _CellRaisedError(Exception):
    """A cell's own error, which the notebook has shown."""
