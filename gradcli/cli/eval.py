"""`gradcli eval`: every node's value and gradient."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.output import FALSE, OK, joined, show_each, write
from gradcli.cli.progress import Progress
from gradcli.errors import Source

if TYPE_CHECKING:
    from gradcli.inspection import Inspection


class Format(StrEnum):
    """How the nodes are written."""

    table = "table"
    json = "json"
    csv = "csv"
    markdown = "markdown"


@o.runs_files
def evaluate(
    run: o.Running,
    files: o.Files = None,
    of: o.Of = None,
    grad_output: o.GradOutput = None,
    backward: o.Backward = True,
    retain_grad: o.RetainGrad = False,
    format: Annotated[
        Format | None, typer.Option("--format", help="How to write (default: table).")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    precision: o.Precision = None,
    named: Annotated[bool, typer.Option("--named", help="Named nodes only.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Leave nothing out.")] = False,
    pytorch: Annotated[
        bool, typer.Option("--pytorch", help="No gradient that PyTorch's .grad does not hold.")
    ] = False,
    turn: Annotated[
        int | None,
        typer.Option("--turn", min=1, metavar="N", help="Turn N of a loop instead of the last."),
    ] = None,
    all_turns: Annotated[
        bool, typer.Option("--all-turns", help="Every turn of the loops.")
    ] = False,
    heat: Annotated[
        bool, typer.Option("--heat", help="Tensors as coloured blocks and histograms.")
    ] = False,
    output: o.Output = None,
) -> None:
    """Evaluate a file, run backward, and show every node."""
    if json and format not in (None, Format.json):
        raise typer.BadParameter(f"--json and --format {format} exclude each other: give one")
    kind = "json" if json else (format or Format.table).value
    if heat and kind != "table":
        raise typer.BadParameter(f"--heat is of the table: leave it out with {kind}")
    several = len(files or ()) > 1
    if several and kind == "csv":
        raise typer.BadParameter("csv has no column for the file: give one FILE at a time")
    from gradcli.api import inspected
    from gradcli.render import EVAL

    statuses: list[int] = []

    def one(source: Source, folder: Path) -> Inspection:
        options = run.options(folder, retain_grad=retain_grad)
        request = o.made_request(options, of, grad_output, backward=backward)
        with Progress("nodes") as progress:
            inspection = inspected(o.session(source, options, request, progress))
        held = inspection.record is None or inspection.record.holds
        fine = held and all(claim.holds for claim in inspection.claims)
        statuses.append(OK if fine else FALSE)
        return inspection

    found: Iterable[Inspection] = o.each(files, run.expr, one, statuses)
    if output is not None:
        found = list(found)  # who writes to a file has a bar of its own
    how = {"named": named, "full": full, "precision": precision, "pytorch": pytorch}
    how |= {"turn": turn, "all_turns": all_turns}
    if kind == "table":
        how["heat"] = heat
        show_each((EVAL[kind](inspection, **how) for inspection in found), output)
    else:
        texts = (EVAL[kind].pieces(inspection, **how) for inspection in found)
        write(joined(kind, texts) if several else chain.from_iterable(texts), output)
    raise typer.Exit(max(statuses))
