"""`gradcli explain`: why a gradient is what it is, line by line."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.output import show, write
from gradcli.cli.progress import Progress
from gradcli.errors import InputFault, visible


class Form(StrEnum):
    """How derivations are written."""

    terminal = "terminal"
    markdown = "markdown"
    latex = "latex"
    json = "json"


@o.runs_files
def explain(
    run: o.Running,
    file: o.File = None,
    by: o.Nodes = None,
    of: o.Of = None,
    grad_output: o.GradOutput = None,
    element: Annotated[
        str | None,
        typer.Option("--element", metavar="NAME[I,J]", help="Follow one element: 'w[0,2]'."),
    ] = None,
    depth: Annotated[
        int | None,
        typer.Option("--depth", min=1, metavar="N", help="Go N steps back from the root."),
    ] = None,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out.")] = False,
    concept: Annotated[
        str | None,
        typer.Option(
            "--concept",
            metavar="NAME",
            help="A page on an idea, with a live example: is_leaf, detach, …; list names them all.",
        ),
    ] = None,
    format: Annotated[Form, typer.Option("--format", help="How to write.")] = Form.terminal,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: o.Output = None,
) -> None:
    """Work the backward pass out: each line's local factor, and the gradient so far."""
    form = Form.json if json else format
    names: tuple[str, ...]
    if concept is not None:
        from gradcli.explain import concept as page
        from gradcli.render import CONCEPT

        if (
            full
            or run != o.Running()
            or any(x is not None for x in (file, by, of, grad_output, element, depth))
        ):
            raise InputFault(
                "--concept shows a page of its own: there is nothing to run or to follow",
                hint=f"gradcli explain --concept {visible(concept)}",
            )
        rendered = CONCEPT[form.value](None if concept == "list" else page(concept))
    else:
        if file is not None and run.expr is not None:  # `explain -e 'y = …' x`: x is a node
            names, file = (file, *(by or ())), None
        else:
            names = tuple(by or ())
        source, folder = o.source_and_folder(file, run.expr)
        options = run.options(folder)
        from gradcli.explain import element_of, explained
        from gradcli.render import EXPLAIN

        followed = None if element is None else element_of(element)
        if followed is not None and names:
            raise InputFault("give NODE… or --element, not both")
        request = o.made_request(options, of, grad_output)
        with Progress("nodes") as progress:
            session = o.session(source, options, request, progress)
        inspection, found = explained(
            session, names, element=followed, cotangent=request.grad_output
        )
        rendered = EXPLAIN[form.value](found, inspection=inspection, full=full, depth=depth)
    if isinstance(rendered, str):
        write(rendered, output)
    else:
        show(rendered, output)
