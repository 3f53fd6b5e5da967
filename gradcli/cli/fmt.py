"""`gradcli fmt`: canonical formatting of expression files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from gradcli.cli import complete
from gradcli.cli.colour import difference, shows_colours
from gradcli.cli.options import collect_garbage, standard_input
from gradcli.cli.output import FALSE, WRONG_INPUT, complain, write
from gradcli.errors import GradcliError, InputFault, Source, visible
from gradcli.source import NOTEBOOK, read_source


def fmt(
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE...",
            help="Expression files, or folders of them; - is standard input.",
            autocompletion=complete.files,
        ),
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit status 1 if a file would change.")
    ] = False,
    diff: Annotated[
        bool, typer.Option("--diff", help="Write nothing; show what would change.")
    ] = False,
) -> None:
    """Format expression files: blanks, indentation and blank lines, as black does for Python."""
    collect_garbage()
    statuses: list[int] = []
    for name in files:
        for file in _found(name):
            gap = "\n" * (WRONG_INPUT in statuses)  # between the reports of errors
            statuses.append(_format(file, gap, check=check, diff=diff))
    raise typer.Exit(max(statuses))


def _found(name: str) -> Iterator[str]:
    """Yield a file, or those of a folder and the folders in it."""
    if name == "-" or not os.path.isdir(name):
        yield name
        return
    paths = sorted(str(path) for path in Path(name).rglob("*.expr") if path.is_file())
    if not paths:
        raise InputFault(f"{name}: there is no .expr file in this folder")
    yield from paths


def _format(name: str, gap: str, *, check: bool, diff: bool) -> int:
    """Format one file; return the exit status on its account."""
    from gradcli.syntax.format import formatted

    try:
        source = _read(name)
        text = formatted(source)
        if diff:
            found = _difference(source, text)
            write(difference(found) if shows_colours(sys.stdout) else found, None)
        elif name == "-" and not check:
            write(_harmless(text) if sys.stdout.isatty() else text, None)
        elif text != source.text and not check:
            _put(source, text)
    except GradcliError as error:
        complain(f"{gap}{error}")
        return WRONG_INPUT
    if text == source.text:
        return 0
    if check:
        complain(f"{visible(source.name)}: would change")
    return FALSE if check else 0


def _read(name: str) -> Source:
    if name.endswith(NOTEBOOK):
        raise InputFault(f"{name}: a notebook is not formatted", hint="Jupyter has its cells")
    return standard_input() if name == "-" else read_source(Path(name))


def _put(source: Source, text: str) -> None:
    """Write a text in place of a file's own, which is still what was formatted.

    Raises: InputFault where it is not, or the file is a pipe or a device.
    """
    if not os.path.isfile(source.name):
        raise InputFault(
            f"{source.name}: not a regular file, and not written to",
            hint="gradcli fmt - formats standard input",
        )
    if _read(source.name) != source:
        raise InputFault(
            f"{source.name}: was written to while it was formatted", hint="run it again"
        )
    write(text, Path(source.name))


def _harmless(text: str) -> str:
    from gradcli.render.words import harmless_lines

    return harmless_lines(text)


def _difference(source: Source, text: str) -> str:
    from difflib import unified_diff

    name = visible(source.name)
    old, new = (_harmless(t).splitlines(keepends=True) for t in (source.text, text))
    lines = unified_diff(old, new, name, f"{name} (formatted)")
    whole = (
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )
    return "".join(whole)
