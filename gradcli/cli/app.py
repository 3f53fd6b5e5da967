"""The commands, listed."""

from __future__ import annotations

from typing import Annotated

import typer

from gradcli import __version__
from gradcli.cli.check import check
from gradcli.cli.eval import evaluate
from gradcli.cli.fmt import fmt
from gradcli.cli.graph import graph
from gradcli.cli.ops import ops

app = typer.Typer(
    name="gradcli",
    help="See and verify every gradient of a formula.",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich help costs 60 ms at every start
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("eval")(evaluate)
app.command("graph")(graph)
app.command("check")(check)
app.command("ops")(ops)
app.command("fmt")(fmt)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gradcli {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """See and verify every gradient of a formula."""
