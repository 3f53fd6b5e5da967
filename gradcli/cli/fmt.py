"""`gradcli fmt`: canonical formatting of expression files."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gradcli.cli.output import FALSE, WRONG_INPUT, complain, write
from gradcli.errors import GradcliError, InputFault, Source, visible


def fmt(
    files: Annotated[
        list[str],
        typer.Argument(metavar="FILE…", help="Files, folders of them, or - for standard input."),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit status 1 if a file would change.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Write nothing; show what would change.")
    ] = False,
) -> None:
    """Format expression files: blanks, indentation and blank lines, as black does for Python."""
    statuses = [_format(file, check=check, diff=diff) for name in files for file in _found(name)]
    raise typer.Exit(max(statuses))


def _found(name: str) -> Iterator[str]:
    """Yield a file, or those of a folder and the folders in it."""
    if name == "-" or not Path(name).is_dir():
        yield name
        return
    paths = sorted(str(path) for path in Path(name).rglob("*.expr") if path.is_file())
    if not paths:
        raise InputFault(f"{name}: there is no .expr file in this folder")
    yield from paths


def _format(name: str, *, check: bool, diff: bool) -> int:
    """Format one file; return the exit status on its account."""
    from gradcli.syntax.format import formatted

    try:
        source = _read(name)
        text = formatted(source)
        if diff:
            write(_difference(source, text), None)
        elif name == "-" and not check:
            write(text, None)
        elif text != source.text and not check:
            write(text, Path(name))
    except GradcliError as error:
        complain(str(error))
        return WRONG_INPUT
    if text == source.text:
        return 0
    if check:
        complain(f"{visible(source.name)}: would change")
    return FALSE if check else 0


def _read(name: str) -> Source:
    from gradcli.api import decoded, read_source

    return decoded("<stdin>", sys.stdin.buffer.read()) if name == "-" else read_source(Path(name))


def _difference(source: Source, text: str) -> str:
    from difflib import unified_diff

    lines = unified_diff(
        source.text.splitlines(keepends=True),
        text.splitlines(keepends=True),
        source.name,
        f"{source.name} (formatted)",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
