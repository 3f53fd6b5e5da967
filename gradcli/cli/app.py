"""The commands, listed; each is read when it is given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup
from typer.main import get_command

from gradcli import __version__

# of click, which typer brings along, in one place or another
_UsageError: Any = typer.BadParameter.__bases__[0]


class _Place(NamedTuple):
    """Where a command stands, and what the list of commands says of it."""

    module: str
    function: str
    help: str


PLACES = {
    "eval": _Place("eval", "evaluate", "Evaluate a file, run backward, and show every node."),
    "graph": _Place("graph", "graph", "Draw the graph of a file."),
    "check": _Place("check", "check", "Compare every gradient with finite differences."),
    "explain": _Place("explain", "explain", "Explain a gradient step by step, or a concept."),
    "derive": _Place("derive", "derive", "Write each gradient as a formula."),
    "export": _Place("export", "export", "Write a run as a script of PyTorch, JAX or NumPy."),
    "ops": _Place("ops", "ops", "Show operations: signature, derivative, grad_fn, domain."),
    "fmt": _Place("fmt", "fmt", "Format expression files, as black does for Python."),
}


class _Read(Mapping[str, Any]):
    """The commands as typer makes them, by name: one is imported when it is asked for."""

    def __getitem__(self, name: str) -> Any:
        place = PLACES[name]
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        function = getattr(import_module(f"gradcli.cli.{place.module}"), place.function)
        alone.command(name)(function)
        return get_command(alone)

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


class _Commands(TyperGroup):
    """The commands; what is wrong in a command line is told in characters that can be seen."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**{**attributes, "commands": _Read()})

    def format_commands(self, _: Any, formatter: Any) -> None:
        """List the commands without reading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in PLACES.items()])

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
        from gradcli.errors import visible

        if type(error).__name__ != "NoArgsIsHelpError":  # whose message is the help, in lines
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
