"""What tools say of an expression file in which something may be wrong, and of which line of it."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import NamedTuple

from gradcli.errors import Source
from gradcli.trace import Options


class Said(NamedTuple):
    """Something that a tool says of a file: the line that it names, and which fault, if any."""

    words: str
    line: int | None = None
    fault: str = ""


Says = Callable[[Source, Options], list[Said] | None]  # None: the file cannot be run there


def line_of(error: BaseException, source: Source) -> int | None:
    """Return the innermost line of a file in an error's traceback, in that of its cause first."""
    for one in (error.__cause__, error):
        frames = traceback.extract_tb(one.__traceback__) if one is not None else []
        lines = [f.lineno for f in frames if f.filename == source.name]
        if lines:
            return lines[-1]
    return None
