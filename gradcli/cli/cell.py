"""The options of `%%gradcli`, which runs a cell of a notebook: those of `eval`, and two more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from gradcli.cli import options as o
from gradcli.cli.line import called
from gradcli.errors import InputFault

if TYPE_CHECKING:
    from gradcli.session import Request
    from gradcli.trace import Binding, Options

MAGIC = "%%gradcli"


class Cell(NamedTuple):
    """How a cell is run, and the name that its run is bound to."""

    options: Options
    request: Request
    name: str | None


def read(line: str, variables: Mapping[str, Any]) -> Cell:
    """Read the line of a cell; `variables` are the notebook's, for `--use`.

    Raises: GradcliError where it is wrong, SystemExit after help was shown.
    """

    @o.runs_files
    def cell(
        run: o.Running,
        use: Annotated[
            list[str] | None,
            typer.Option(
                "--use", metavar="X,Y", help="Bind inputs to the notebook's variables of that name."
            ),
        ] = None,
        name: Annotated[
            str | None, typer.Option("--as", metavar="NAME", help="Call the run so afterwards.")
        ] = None,
        of: o.Of = None,
        grad_output: o.GradOutput = None,
        backward: o.Backward = True,
        retain_grad: o.RetainGrad = False,
    ) -> Any:  # typer reads it, where the type is not known
        """Run the cell below, and show its graph and its nodes.

        A variable of the notebook that is to have a gradient: --use w --wrt w.
        """
        if run.expr is not None:
            raise InputFault("the text is the cell's: leave out -e")
        if name is not None and not name.isidentifier():
            raise InputFault(f"--as {name}: no name of a variable")
        made = run.options(Path(), retain_grad=retain_grad)
        used = _used(use or [], variables, run.dtype)
        made = replace(made, bindings={**used, **made.bindings})
        request = o.made_request(made, of, grad_output, backward=backward)
        return Cell(made, request, name)

    found: Cell = called(cell, MAGIC, line, helps=True)
    return found


def _used(
    given: list[str], variables: Mapping[str, Any], dtype: str | None
) -> Mapping[str, Binding]:
    """Return what names are bound to by variables: arrays and numbers of any library.

    Raises: InputFault where there is none of a name, or it holds anything else.
    """
    from gradcli.api import options_for

    names = [name.strip() for names in given for name in names.split(",") if name.strip()]
    for name in names:
        if name not in variables:
            raise InputFault(f"--use {name}: the notebook has no variable of that name")
        if isinstance(variables[name], str):  # which would be read as an expression
            raise InputFault(f"--use {name}: is a text, and no array and no number")
    values = {name: variables[name] for name in names}
    return options_for(dtype=dtype, set=values).bindings
