"""`gradcli graph`: the graph as a picture."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.output import show, write
from gradcli.cli.progress import Progress


@o.runs_files
def graph(
    run: o.Running,
    file: o.File = None,
    dot: Annotated[bool, typer.Option("--dot", help="In graphviz's language (default).")] = False,
    tree: Annotated[bool, typer.Option("--tree", help="As a tree in the terminal.")] = False,
    values: Annotated[bool, typer.Option("--values", help="With values and gradients.")] = False,
    backward: Annotated[
        bool, typer.Option("--backward", help="The graph of grad_fn that backward follows.")
    ] = False,
    of: o.Of = None,
    precision: o.Precision = None,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out of a tree.")] = False,
    output: o.Output = None,
) -> None:
    """Draw the graph of a file."""
    if dot and tree:
        raise typer.BadParameter("choose one of --dot and --tree")
    source, folder = o.source_and_folder(file, run.expr)
    options = run.options(folder)
    from gradcli.facts import inspect
    from gradcli.render import GRAPH

    request = o.made_request(options, of, None)
    with Progress("nodes") as progress:
        inspection = inspect(o.session(source, options, request, progress))
    if tree:
        show(GRAPH["tree"](inspection, full=full, precision=precision), output)
        return
    how = {"values": values, "backward": backward, "precision": precision}
    write(GRAPH["dot"].pieces(inspection, **how), output)
