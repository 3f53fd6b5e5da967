"""`gradcli export`: a run as a script of PyTorch, JAX or NumPy."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.output import write
from gradcli.cli.progress import Progress
from gradcli.errors import InputFault


class Library(StrEnum):
    """What the script is written for."""

    torch = "torch"
    jax = "jax"
    numpy = "numpy"


@o.runs_files
def export(
    run: o.Running,
    to: Annotated[Library, typer.Option("--to", help="The library to write for.")],
    file: o.File = None,
    of: o.Of = None,
    output: o.Output = None,
) -> None:
    """Write a script that computes and prints the same values and gradients without gradcli."""
    source, folder = o.source_and_folder(file, run.expr)
    options = run.options(folder)
    from gradcli.export import exported

    with Progress("nodes") as progress:
        session = o.session(source, options, o.made_request(options, of, None), progress)
    script = exported(session, to.value)
    if script.data and output is None:
        raise InputFault(
            f"{source.name} has more numbers than a script should: they go into a file beside it",
            hint=f"-o OUT.py writes OUT.py and OUT.npz ({', '.join(script.data)})",
        )
    if output is not None and script.data:
        if output.suffix == ".npz":
            raise InputFault(f"{output}: the numbers are written there", hint="-o OUT.py")
        write(script.archive(), output.with_suffix(".npz"))
    write(script.text, output)
