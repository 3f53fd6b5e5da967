"""`gradcli derive`: gradients as formulas."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.complete import nodes
from gradcli.cli.output import UNDECIDED, write
from gradcli.cli.progress import Progress
from gradcli.errors import InputFault

Of = Annotated[
    str | None,
    typer.Option(
        "--of",
        metavar="NODE,…",
        help="What to differentiate (default: see docs/language.md).",
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
    by: o.Nodes = None,
    of: Of = None,
    to: Annotated[Form, typer.Option("--to", help="How to write.")] = Form.gradcli,
    claim: Annotated[
        bool, typer.Option("--claim", help="As `assert` lines, to be pasted into the file.")
    ] = False,
    hessian: Annotated[
        bool, typer.Option("--hessian", help="The matrices of second derivatives instead.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="The same as --to json.")] = False,
    output: o.Output = None,
) -> None:
    """Print each gradient as a formula, compared with the gradient at several points."""
    form = Form.json if json else to
    if claim and form is not Form.gradcli:
        raise InputFault("--claim writes the language", hint="leave --to out")
    names = tuple(by or ())
    if run.expr is not None and file is not None:  # with -e there is no FILE before the nodes
        names, file = (file, *names), None
    names = names or tuple(run.wrt or ())
    source, folder = o.source_and_folder(file, run.expr)
    options = run.options(folder)
    from gradcli.formula.claims import tried
    from gradcli.formula.derive import derived
    from gradcli.render import DERIVE

    first, *others = [name.strip() or None for name in (of or "").split(",")]
    with Progress("nodes") as progress:
        session = o.session(source, options, o.made_request(options, first, None), progress)
        found = derived(session, names, tuple(name for name in others if name), hessian=hessian)
    text = DERIVE["claim" if claim else form.value](found)
    write(tried(source, options, text) if claim else text, output)
    if not found.found:
        raise typer.Exit(UNDECIDED)
