"""`gradcli derive`: gradients as formulas."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.complete import nodes
from gradcli.cli.output import write

Nodes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NODE…]",
        help="What to differentiate by (default: every parameter).",
        autocompletion=nodes,
    ),
]


class Form(StrEnum):
    """How formulas are written."""

    gradcli = "gradcli"
    numpy = "numpy"
    torch = "torch"
    jax = "jax"
    latex = "latex"
    json = "json"


@o.runs_files
def derive(
    run: o.Running,
    file: o.File = None,
    by: Nodes = None,
    of: o.Of = None,
    to: Annotated[Form, typer.Option("--to", help="How to write.")] = Form.gradcli,
    claim: Annotated[
        bool, typer.Option("--claim", help="As `assert` lines, to be pasted into the file.")
    ] = False,
    output: o.Output = None,
) -> None:
    """Print each gradient as a formula, compared with the gradient at several points."""
    if claim and to is not Form.gradcli:
        raise typer.BadParameter("--claim writes the language: leave --to out")
    source, folder = o.source_and_folder(file, run.expr)
    options = run.options(folder)
    from gradcli.formula.derive import derived
    from gradcli.render import DERIVE

    session = o.session(source, options, o.made_request(options, of, None))
    found = derived(session, tuple(by or ()))
    write(DERIVE["claim" if claim else to.value](found), output)
