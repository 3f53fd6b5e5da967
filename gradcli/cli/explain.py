"""`gradcli explain`: why a gradient is what it is, line by line."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.complete import nodes
from gradcli.cli.output import show
from gradcli.cli.progress import Progress

Nodes = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NODE…]",
        help="What to differentiate by (default: every parameter).",
        autocompletion=nodes,
    ),
]


@o.runs_files
def explain(
    run: o.Running,
    file: o.File = None,
    by: Nodes = None,
    of: o.Of = None,
    output: o.Output = None,
) -> None:
    """Work the backward pass out: each line's local factor, and the gradient so far."""
    source, folder = o.source_and_folder(file, run.expr)
    options = run.options(folder)
    from gradcli.explain import explained
    from gradcli.render import EXPLAIN

    with Progress("nodes") as progress:
        session = o.session(source, options, o.made_request(options, of, None), progress)
    inspection, found = explained(session, tuple(by or ()))
    show(EXPLAIN["terminal"](found, inspection=inspection), output)
