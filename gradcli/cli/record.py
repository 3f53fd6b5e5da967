"""`gradcli record`: the run of a PyTorch program as a file that replays without PyTorch."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gradcli.cli.line import called
from gradcli.errors import InputFault

if TYPE_CHECKING:
    from gradcli.record.api import record as recording
    from gradcli.record.settings import Settings

Step = Annotated[int | None, typer.Option(
    "--step", min=1, metavar="N", show_default=False,
    help="The step to record, counted from 1. A step ends with optimizer.step(); without "
    "optimizers, where the program computes again after a backward() and an update.",
)]  # fmt: skip
Steps = Annotated[str | None, typer.Option(
    "--steps", metavar="A:B", show_default=False, help="Several steps, both ends included.",
)]  # fmt: skip
OnNan = Annotated[bool, typer.Option(
    "--on-nan", help="The first step whose loss or gradient is not finite, and no other.",
)]  # fmt: skip
SaveData = Annotated[str, typer.Option(
    "--save-data", metavar="WHICH", show_default=False,
    help="Values to keep: none (shapes only), small (the default) or all.",
)]  # fmt: skip
MaxRows = Annotated[int, typer.Option(
    "--max-rows", min=1, metavar="N", help="Rows at most; the record ends there.",
)]  # fmt: skip
Verify = Annotated[bool, typer.Option(
    "--verify", help="Hold gradients of opaque rows against differences, in the program.",
)]  # fmt: skip


def record(
    context: typer.Context,
    script: Annotated[Path, typer.Argument(
        metavar="SCRIPT.py", show_default=False, help="The program, which is run as Python.")],
    arguments: Annotated[list[str] | None, typer.Argument(
        metavar="[ARGS]...", show_default=False, help="The program's own arguments.")] = None,
    output: Annotated[Path, typer.Option(
        "-o", "--output", metavar="OUT", show_default=False,
        help="Write OUT.expr and OUT.npz (default: run); OUT.safetensors names the other kind.",
    )] = Path("run"),
    step: Step = None,
    steps: Steps = None,
    on_nan: OnNan = False,
    function: Annotated[str | None, typer.Option(
        "--function", metavar="NAME", show_default=False,
        help="Calls of this function of the program, in the place of steps.",
    )] = None,
    save_data: SaveData = "small",
    max_rows: MaxRows = 10_000,
    verify: Verify = False,
    jax: Annotated[bool, typer.Option(
        "--jax", help="The program is one of JAX: record a call of --function NAME, which --step "
        "counts.",
    )] = False,
) -> None:  # fmt: skip
    """Run a PyTorch program and write what it computes as an expression file.

    This is the one command that runs Python: SCRIPT.py, with all that it may do. The files that it
    writes hold none: they are evaluated as any expression file is, without PyTorch. The first step
    is recorded where no other is asked for.
    """
    if script.is_dir():
        raise InputFault(f"{script} is a folder", hint="gradcli record SCRIPT.py")
    for words in _late(context.command.params, arguments or []):
        print(f"gradcli: {words} stands after {script.name} and is the program's own: gradcli's "
              "options stand before it", file=sys.stderr)  # fmt: skip
    if jax:
        if steps is not None or on_nan or verify:
            raise InputFault("--steps, --on-nan and --verify are of PyTorch's programs",
                             hint="--step N: which call of --function is recorded")  # fmt: skip
        from gradcli.record.settings import settings

        made = settings(step, max_rows=max_rows, save_data=save_data)
        raise typer.Exit(_jax(script, arguments or [], output, function, made))
    from gradcli.record.api import record as recording

    if step is None and steps is None and not on_nan:
        step = 1
    begun = recording(output, step=step, steps=steps, on_nan=on_nan, max_rows=max_rows,
                      save_data=save_data, verify=verify)  # fmt: skip
    from gradcli.record.script import run

    raise typer.Exit(run(script, arguments or [], begun, function))


def _late(options: Sequence[Any], arguments: Sequence[str]) -> Iterator[str]:
    """Yield what gradcli would have read of the program's arguments, had it stood before."""
    values = {name: x.is_flag for x in options if x.param_type_name == "option" for name in x.opts}
    for word, after in zip(arguments, [*arguments, ""][1:], strict=True):
        name, sign, _ = word.partition("=")
        if name in values:
            alone = values[name] or sign or not after or after.startswith("-")
            yield word if alone else f"{word} {after}"


def _jax(
    script: Path, arguments: list[str], output: Path, function: str | None, made: Settings
) -> int:
    """Record a call in a program of JAX."""
    if function is None:
        raise InputFault("which function of the program is to be recorded?",
                         hint=f"gradcli record --jax --function loss {script}")  # fmt: skip
    from gradcli.record.files import paths

    paths(output)
    try:
        from gradcli.record.jax.script import run
    except ImportError as error:
        raise InputFault("JAX is not installed where gradcli runs",
                         hint=f"{sys.executable} -m pip install jax") from error  # fmt: skip
    return run(script, arguments, output, function, made)


def read_cell(line: str) -> recording:
    """Return what the line of a cell asks for, `%%gradcli_record run --steps 1:2`.

    Raises: GradcliError where it is wrong, SystemExit after help was shown.
    """

    def cell(
        output: Annotated[Path, typer.Argument(
            metavar="[OUT]", help="Write OUT.expr and OUT.npz.")] = Path("run"),
        step: Step = None,
        steps: Steps = None,
        on_nan: OnNan = False,
        save_data: SaveData = "small",
        max_rows: MaxRows = 10_000,
        verify: Verify = False,
    ) -> Any:  # fmt: skip  # typer reads it, where the type is not known
        """Run the cell below as Python, and record the PyTorch in it."""
        from gradcli.record.api import record as recording

        return recording(output, step=step, steps=steps, on_nan=on_nan, max_rows=max_rows,
                         save_data=save_data, verify=verify)  # fmt: skip

    found: recording = called(cell, "%%gradcli_record", line, helps=True)
    return found
