"""The commands, listed; each is read when it is given."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stdout
from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any, NamedTuple

import typer
from typer.core import TyperGroup, TyperOption
from typer.main import get_command

from gradcli import __version__

# of click, which typer brings along, in one place or another
_UsageError: Any = typer.BadParameter.__bases__[0]


class _Place(NamedTuple):
    """Where a command stands, what the list of commands says of it, and how it is called."""

    module: str
    function: str
    help: str
    examples: tuple[str, ...] = ()
    passes_on: bool = False  # whether all that follows its first argument is for another command


_LINEAR = "samples/linear_regression.expr"
PLACES = {
    "eval": _Place("eval", "evaluate", "Evaluate a file, run backward, and show every node.", (
        f"gradcli eval {_LINEAR}",
        "gradcli eval -e 'y = sin(x)**2; grad(grad(y, x), x)' -p x=0.5",
        f"gradcli eval {_LINEAR} --retain-grad --json",
    )),
    "graph": _Place("graph", "graph", "Draw the graph of a file.", (
        f"gradcli graph {_LINEAR} --ascii",
        f"gradcli graph {_LINEAR} --format svg --combined",
        f"gradcli graph {_LINEAR} --backward",
    )),
    "check": _Place("check", "check", "Compare every gradient with finite differences.", (
        f"gradcli check {_LINEAR}",
        f"gradcli check {_LINEAR} samples/mlp.expr --fail-fast",
        "gradcli check -e 'y = exp(x); assert isclose(grad(y, x), exp(x))' -p x=1.0",
    )),
    "explain": _Place("explain", "explain", "Work the backward pass out, line by line.", (
        f"gradcli explain {_LINEAR} w",
        "gradcli explain samples/mlp.expr --element 'W1[0,2]'",
        "gradcli explain --concept is_leaf",
    )),
    "diagnose": _Place("diagnose", "diagnose", "Find where a gradient went wrong, and why.", (
        "gradcli diagnose -e 'y = where(x > 0, sqrt(x), 0)' -p 'x=[0., 4.]'",
        f"gradcli diagnose {_LINEAR} --strict warning",
        "gradcli diagnose --list",
    )),
    "diff": _Place("diff", "diff", "Compare two runs: from where on they differ, and why.", (
        f"gradcli diff {_LINEAR} --dtype float32",
        f"gradcli diff {_LINEAR} --seed 1",
        "gradcli diff -e 'y = x**2' -p x=3.0 --dtype float32 --json",
    )),
    "derive": _Place("derive", "derive", "Print each gradient as a formula.", (
        f"gradcli derive {_LINEAR}",
        "gradcli derive samples/mlp.expr W1 --to numpy",
        "gradcli derive -e 'f = norm(x)' -p 'x=[3., 4.]' --hessian",
    )),
    "export": _Place("export", "export", "Write a run as a script of PyTorch, JAX or NumPy.", (
        f"gradcli export {_LINEAR} --to torch",
        "gradcli export samples/mlp.expr --to numpy",
    )),
    "record": _Place("record", "record", "Run a PyTorch program; its run becomes a file.", (
        "gradcli record samples/train.py",
        "gradcli record --step 3 -o step3 samples/train.py --rate 0.01",
        "gradcli record --on-nan samples/train.py",
    ), passes_on=True),
    "watch": _Place("watch", "watch", "Run a command again on every save of a file.", (
        f"gradcli watch {_LINEAR}",
        f"gradcli watch {_LINEAR} check --order 2",
        f"gradcli watch {_LINEAR} explain w",
    ), passes_on=True),
    "play": _Place("play", "play", "Open a page where one types and sees the run.", (
        "gradcli play",
        f"gradcli play {_LINEAR}",
        "gradcli play -e 'y = sin(x)**2' -p x=0.5",
    )),
    "ops": _Place("ops", "ops", "Show operations: signature, derivative, grad_fn, domain.", (
        "gradcli ops",
        "gradcli ops logsumexp",
        "gradcli ops softmax --json",
    )),
    "fmt": _Place("fmt", "fmt", "Format expression files, as black does for Python.", (
        f"gradcli fmt --check {_LINEAR}",
        f"gradcli fmt --diff {_LINEAR}",
    )),
}  # fmt: skip
# what stands for the value of an option that does not say it itself
_METAVARS = {"int": "N", "int range": "N", "float": "X", "float range": "X", "str": "TEXT"}
_METAVARS |= {"integer": "N", "integer range": "N", "text": "TEXT"}  # click's names of the same


class _Read(Mapping[str, Any]):
    """The commands as typer makes them, by name: one is imported when it is asked for.

    Each takes the `common` options too.
    """

    def __init__(self, common: Iterable[Any]) -> None:
        self.common = list(common)

    def __getitem__(self, name: str) -> Any:
        place = PLACES[name]
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        function = getattr(import_module(f"gradcli.cli.{place.module}"), place.function)
        settings = {"allow_interspersed_args": not place.passes_on}
        alone.command(name, epilog=_listed(place.examples), context_settings=settings)(function)
        command = get_command(alone)
        for option in command.params:
            if isinstance(option, TyperOption):
                option.metavar = option.metavar or _METAVARS.get(option.type.name)
        command.params += self.common
        return command

    def __iter__(self) -> Iterator[str]:
        return iter(PLACES)

    def __len__(self) -> int:
        return len(PLACES)


def _listed(examples: tuple[str, ...]) -> str | None:
    """Return the end of a page of help; its lines are not filled."""
    return "\n  ".join(["\b\nExamples:", *examples]) if examples else None


class _Commands(TyperGroup):
    """The commands; a file or a text in the place of one is given to `eval`."""

    def __init__(self, **attributes: Any) -> None:
        common = [p for p in attributes["params"] if p.name in ("quiet", "color")]
        super().__init__(**{**attributes, "commands": _Read(common)})

    def format_commands(self, _: Any, formatter: Any) -> None:
        """List the commands without reading them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, place.help) for name, place in PLACES.items()])

    def parse_args(self, ctx: Any, args: list[str]) -> Any:
        """Read the options that stand before the command, and find it."""
        place = self._own(args)
        if _names_a_file(args[place:]):
            args = [*args[:place], "eval", *args[place:]]
        return super().parse_args(ctx, args)

    def _own(self, args: list[str]) -> int:
        """Return how many of the arguments are options that stand before a command."""
        options = [p for p in self.params if isinstance(p, TyperOption)]
        valued = {text: not option.is_flag for option in options for text in option.opts}
        place = 0
        while place < len(args) and (name := args[place].partition("=")[0]) in valued:
            place += 1 + (valued[name] and name == args[place])
        return place

    def make_context(self, *args: Any, **more: Any) -> Any:
        with in_our_words():
            return super().make_context(*args, **more)

    def invoke(self, ctx: Any) -> Any:
        with in_our_words():
            return super().invoke(ctx)


def _names_a_file(args: list[str]) -> bool:
    """Return whether a command line has a file, or a text, where a command should stand."""
    if not args or args[0] in PLACES:
        return False
    if args[0].startswith("-") and args[0] != "-":
        texts = any(word.startswith(("-e", "--expr")) for word in args)
        return texts or (any(map(_is_file, args)) and not PLACES.keys() & set(args))
    return _is_file(args[0])


def _is_file(word: str) -> bool:
    """Return whether a word is a file, or is meant to be one: no command has a `.` or a `/`."""
    return word == "-" or (word[:1] != "-" and ("." in word or "/" in word)) or os.path.exists(word)


@contextmanager
def in_our_words() -> Iterator[None]:
    """Let what is wrong in a command line be told as all else is.

    Raises: InputFault instead of the errors of the library that reads command lines.
    """
    try:
        yield
    except _UsageError as error:
        if type(error).__name__ == "NoArgsIsHelpError":  # whose message is the help
            raise
        from gradcli.errors import InputFault, visible

        near = list(getattr(error, "possibilities", None) or ())
        error.possibilities = None
        message, _, meant = error.format_message().partition(" Did you mean ")
        near += [meant.rstrip("?")] if meant else []
        hint = f"see {error.ctx.command_path if error.ctx else 'gradcli'} --help"
        message, _, choices = message.partition(". Choose from:")
        if choices:  # of an option that is missing, each on a line
            option = message.split()[-1].strip("'")
            hint = f"{option} {'|'.join(choices.replace(',', ' ').split())}"
        message = visible(message[:1].lower() + message[1:].rstrip("."))
        hint = f"did you mean {' or '.join(near)}?" if near else hint
        raise InputFault(message, hint=hint) from None


app = typer.Typer(
    cls=_Commands,
    name="gradcli",
    help="See and verify every gradient of a formula.",
    epilog=_listed((f"gradcli {_LINEAR}", *(p.examples[0] for p in PLACES.values() if p.examples))),
    subcommand_metavar="COMMAND|FILE [ARGS]...",
    no_args_is_help=True,
    rich_markup_mode=None,  # rich help costs 60 ms at every start
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


class When(StrEnum):
    """When there is colour."""

    auto = "auto"
    always = "always"
    never = "never"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"gradcli {__version__}")
        raise typer.Exit


def _quiet(ctx: typer.Context, wanted: bool) -> None:
    """Leave out the results, as `grep -q` does: errors and the exit status are all that is told."""
    if wanted and not ctx.resilient_parsing:
        ctx.with_resource(_nowhere())


@contextmanager
def _nowhere() -> Iterator[None]:
    with open(os.devnull, "w", encoding="utf-8") as null, redirect_stdout(null):
        yield


def _color(when: When | None) -> None:
    """Decide about colour as people do for all programs: rich and other processes heed it too."""
    decisions = {When.always: ("FORCE_COLOR", "NO_COLOR"), When.never: ("NO_COLOR", "FORCE_COLOR")}
    if when in decisions:
        wanted, unwanted = decisions[when]
        os.environ[wanted] = "1"
        os.environ.pop(unwanted, None)


@app.callback()
def options(
    version: Annotated[
        bool,
        typer.Option(
            "-V", "--version", callback=_version, is_eager=True, expose_value=False,
            help="Show the version.",
        ),
    ] = False,
    quiet: Annotated[
        bool,
        typer.Option(
            "-q", "--quiet", callback=_quiet, expose_value=False,
            help="Show no results: errors and the exit status tell all.",
        ),
    ] = False,
    color: Annotated[
        When | None,
        typer.Option(
            "--color", metavar="WHEN", callback=_color, is_eager=True, expose_value=False,
            show_default=False, help="auto (on a terminal, and as NO_COLOR and FORCE_COLOR say), "
            "always or never.",
        ),
    ] = None,
) -> None:  # fmt: skip
    """See and verify every gradient of a formula."""
