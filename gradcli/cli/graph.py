"""`gradcli graph`: the graph as a picture."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.output import OK, joined, show_each, write
from gradcli.cli.progress import Progress
from gradcli.errors import InputFault, Source

if TYPE_CHECKING:
    from gradcli.inspection import Inspection

# endings of files that a graph is written to; graphviz makes pictures
_ENDINGS = ("", ".dot", ".gv", ".txt")
_PICTURES = (".bmp", ".eps", ".gif", ".jpeg", ".jpg", ".pdf", ".png", ".ps", ".svg", ".tif",
             ".tiff", ".webp")  # fmt: skip


@o.runs_files
def graph(
    run: o.Running,
    files: o.Files = None,
    dot: Annotated[
        bool, typer.Option("--dot", help="In graphviz's language (default, but on a terminal).")
    ] = False,
    tree: Annotated[
        bool, typer.Option("--tree", help="As a tree (default on a terminal).")
    ] = False,
    values: Annotated[
        bool, typer.Option("--values", help="With values and gradients, in graphviz's language.")
    ] = False,
    backward: Annotated[
        bool,
        typer.Option(
            "--backward",
            help="The graph of grad_fn that backward follows, in graphviz's language.",
        ),
    ] = False,
    of: o.Of = None,
    precision: o.Precision = None,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out of a tree.")] = False,
    output: o.Output = None,
) -> None:
    """Draw the graph of a file: a tree on a terminal, else the language of graphviz."""
    if tree and (dot or backward):
        raise typer.BadParameter(f"choose one of {'--dot' if dot else '--backward'} and --tree")
    if output is not None:
        _check_ending(output)
    elsewhere = dot or values or backward or output is not None or not sys.stdout.isatty()
    from gradcli.facts import inspect
    from gradcli.render import GRAPH

    statuses = [OK]

    def one(source: Source, folder: Path) -> Inspection:
        options = run.options(folder)
        request = o.made_request(options, of, None)
        with Progress("nodes") as progress:
            return inspect(o.session(source, options, request, progress))

    found: Iterable[Inspection] = o.each(files, run.expr, one, statuses)
    if output is not None:
        found = list(found)  # who writes to a file has a bar of its own
    if tree or not elsewhere:
        trees = (GRAPH["tree"](graph, full=full, precision=precision) for graph in found)
        show_each(trees, output)
    else:
        how = {"values": values, "backward": backward, "precision": precision}
        write(joined("dot", (GRAPH["dot"].pieces(graph, **how) for graph in found)), output)
    raise typer.Exit(max(statuses))


def _check_ending(path: Path) -> None:
    """Refuse to write a text under a name that promises something else."""
    ending = path.suffix.lower()
    if ending in _ENDINGS:
        return
    made = f"gradcli graph … --dot | dot -T{ending[1:]} -o {path}"
    raise InputFault(
        f"{path}: a graph is written as text, and {ending} is something else",
        hint=f"graphviz makes it: {made}" if ending in _PICTURES else "name it .dot, .gv or .txt",
    )
