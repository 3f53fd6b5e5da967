"""The commands, listed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from gradcli import __version__
from gradcli.cli.check import check
from gradcli.cli.derive import derive
from gradcli.cli.eval import evaluate
from gradcli.cli.explain import explain
from gradcli.cli.fmt import fmt
from gradcli.cli.graph import graph
from gradcli.cli.ops import ops
from gradcli.errors import visible

# of click, which typer brings along, in one place or another
_UsageError: Any = typer.BadParameter.__bases__[0]


class _Commands(TyperGroup):
    """The commands; what is wrong in a command line is told in characters that can be seen."""

    def make_context(self, *args: Any, **more: Any) -> Any:
        with _seen():
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:
        with _seen():
            return super().invoke(ctx)


@contextmanager
def _seen() -> Iterator[None]:
    try:
        yield
    except _UsageError as error:
        error.message = visible(error.message)
        raise


app = typer.Typer(
    cls=_Commands,
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
app.command("explain")(explain)
app.command("derive")(derive)
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
