"""`gradcli diagnose`: where a gradient went wrong, by which mechanism, and what to write."""

from __future__ import annotations

from enum import StrEnum
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gradcli.cli import options as o
from gradcli.cli.output import FALSE, OK, WRONG_INPUT, complain, joined, show, show_each, write
from gradcli.cli.progress import Progress
from gradcli.errors import InputFault, Source

if TYPE_CHECKING:
    from gradcli.diagnose import Diagnosis


class Format(StrEnum):
    """How findings are written."""

    table = "table"
    json = "json"
    markdown = "markdown"


class Level(StrEnum):
    """From which severity on findings make the exit status 1."""

    error = "error"
    warning = "warning"
    note = "note"


@o.runs_files
def diagnose(
    run: o.Running,
    files: o.Files = None,
    of: o.Of = None,
    grad_output: o.GradOutput = None,
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="NAME",
            help="Leave out kinds of findings: a name, or several with commas.",
        ),
    ] = None,
    strict: Annotated[
        Level | None,
        typer.Option(
            "--strict",
            metavar="SEVERITY",
            help="Exit status 1 where a finding is of this severity or worse.",
        ),
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List every kind of finding.")] = False,
    format: Annotated[Format, typer.Option("--format", help="How to write.")] = Format.table,
    json: Annotated[bool, typer.Option("--json", help="The same as --format json.")] = False,
    output: o.Output = None,
) -> None:
    """Find where a value or a gradient goes wrong, by which mechanism, and what to write instead.

    What is proposed was run, and compared with the file where that is fine.

    Exit status: 0, whatever was found, unless --strict says otherwise; 2 the input is wrong, or
    the run ends with an error (what was found until then is shown all the same).
    """
    if json and format not in (Format.table, Format.json):
        raise typer.BadParameter(f"--json and --format {format} exclude each other: give one")
    kind = "json" if json else format.value
    if list_:
        return _list(kind, bool(files) or run != o.Running(), output)
    from gradcli.diagnose import Severity, diagnose_source
    from gradcli.render import DIAGNOSE

    statuses: list[int] = []
    left_out = [name.strip() for given in ignore or () for name in given.split(",")]

    def one(source: Source, folder: Path) -> Diagnosis:
        options = run.options(folder)
        request = o.made_request(options, of, grad_output)
        with Progress("nodes"):
            found = diagnose_source(source, options, request, left_out)
        limit = -1 if strict is None else Severity(strict.value).rank
        bad = found.worst is not None and found.worst.rank <= limit
        statuses.append(WRONG_INPUT if found.fault else FALSE if bad else OK)
        return found

    several = len(files or ()) > 1
    found = list(o.each(files, run.expr, one, statuses))
    if kind == "table":
        show_each((DIAGNOSE[kind](diagnosis) for diagnosis in found), output)
    else:
        texts = (DIAGNOSE[kind].pieces(diagnosis) for diagnosis in found)
        write(joined(kind, texts) if several else chain.from_iterable(texts), output)
    for diagnosis in found:
        if diagnosis.fault is not None:
            complain(diagnosis.fault)
    raise typer.Exit(max(statuses))


def _list(kind: str, given: bool, output: Path | None) -> None:
    """Show the table of findings."""
    from gradcli.diagnose import KINDS as ROWS
    from gradcli.render import KINDS

    if given:
        raise InputFault("--list shows the kinds of findings: there is nothing to run")
    if kind == "table":
        show(KINDS[kind](ROWS), output)
    else:
        write(KINDS[kind](ROWS), output)
