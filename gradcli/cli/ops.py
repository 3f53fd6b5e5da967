"""`gradcli ops`: the table of operations."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.complete import operations
from gradcli.cli.output import show, write
from gradcli.errors import NameFault


def ops(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME...", help="Names, or parts of them.", autocompletion=operations
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
    output: o.Output = None,
) -> None:
    """Show operations: signature, derivative, grad_fn, kinks, domain."""
    from gradcli.ops import FUNCTIONS
    from gradcli.reference import matching
    from gradcli.render.ops import render, to_json

    o.collect_garbage()
    for name in names or ():
        if not any(matching((name,))):
            from difflib import get_close_matches

            near = get_close_matches(name, FUNCTIONS, 1)
            raise NameFault(
                f"no operation is called {name}",
                hint=f"did you mean `{near[0]}`?" if near else "gradcli ops lists them all",
            )
    found, others = matching(tuple(names or ()))
    if json:
        write(to_json(found), output)
    else:
        show(render(found, others), output)
