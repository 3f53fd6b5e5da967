"""What a text gives, the report or the error: in a process of its own, which may be ended."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Literal, NamedTuple

from gradcli.errors import GradcliError, Source
from gradcli.session import Request, run
from gradcli.trace import Options

MOST = 150  # cards of a picture


class Text(NamedTuple):
    """What is to be run: a text, its options as a line of words, where `load(…)` reads."""

    name: str
    text: str
    line: str
    folder: Path
    theme: Literal["light", "dark"]


class Shown(NamedTuple):
    """The report of a run: an HTML page, how long the run took in seconds, how many nodes it has.

    `printed` is what the file has printed.
    """

    page: str
    seconds: float
    nodes: int
    printed: tuple[str, ...] = ()


class Failed(NamedTuple):
    """An error as the terminal has it, and the lines of the text, from 1, where it is."""

    message: str
    lines: tuple[int, ...] = ()


# from the line of words and the folder to the options; picklable
Reader = Callable[[str, Path], tuple[Options, Request]]


def evaluated_in(read: Reader, file: Path) -> None:
    """Run the text that a file holds, and put what it gives in its place.

    A process that is ended while it sends much would leave a pipe in the middle of a message, at
    which the other end waits for ever; a file it only leaves behind.
    """
    found = evaluated(read, pickle.loads(file.read_bytes()))
    file.write_bytes(pickle.dumps(found))


def evaluated(read: Reader, what: Text) -> Shown | Failed:
    """Run a text and return its report, or what is wrong with it."""
    from gradcli.api import inspected
    from gradcli.picture.cards import Asked
    from gradcli.picture.page import render

    source = Source(what.name, what.text)
    try:
        began = perf_counter()
        session = run(source, *read(what.line, what.folder))
        seconds = perf_counter() - began
        inspection = inspected(session)
        page = render(inspection, Asked(most=MOST, theme=what.theme), session)
    except GradcliError as error:
        return Failed(str(error), _lines(error, source))
    return Shown(page, seconds, len(session.graph), inspection.printed)


def _lines(error: GradcliError, source: Source) -> tuple[int, ...]:
    """Return the lines of an error and of its notes; an error may be of an option instead."""
    if error.source != source:
        return ()
    spans = [span for span in (error.span, *(span for span, _ in error.notes)) if span is not None]
    return tuple(sorted({source.line_of(span) for span in spans}))


def warm(read: Reader) -> None:
    """Run a line, so that all that is slow to import is there when it is needed."""
    evaluated(read, Text("<text>", "w = param(1.0)\nw * w", "", Path(), "light"))
