"""Colours of what is plain text: errors and differences, on a terminal that shows them."""

from __future__ import annotations

import os
import re
from typing import TextIO

_RED, _GREEN, _CYAN, _BOLD_RED, _PLAIN = (
    f"\x1b[{code}m" for code in ("31", "32", "36", "1;31", "0")
)
# what each line of an error's report has that is coloured
_REPORT = (
    (re.compile(r"\b(error:|internal error:)"), _BOLD_RED),
    (re.compile(r"^(hint:)"), _CYAN),
    (re.compile(r"^ +│ *(\^+)"), _RED),
)


def shows_colours(stream: TextIO) -> bool:
    """Say whether a stream is a terminal with colours, or `FORCE_COLOR` asks for them."""
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or heeds_escapes(stream)


def heeds_escapes(stream: TextIO) -> bool:
    """Say whether a stream is a terminal that can do more than print."""
    return stream.isatty() and os.environ.get("TERM", "") not in ("dumb", "unknown")


def report(text: str) -> str:
    """Return an error's report with its first word, its carets and its hint coloured."""
    return "\n".join(map(_reported, text.split("\n")))


def _reported(line: str) -> str:
    for pattern, colour in _REPORT:
        if found := pattern.search(line):
            start, end = found.span(1)
            return f"{line[:start]}{colour}{line[start:end]}{_PLAIN}{line[end:]}"
    return line


def difference(text: str) -> str:
    """Return a unified difference with what goes in red and what comes in green."""
    colours = {"-": _RED, "+": _GREEN, "@": _CYAN}
    return "".join(
        f"{colours[line[0]]}{line.rstrip(chr(10))}{_PLAIN}\n" if line[0] in colours else line
        for line in text.splitlines(keepends=True)
    )
