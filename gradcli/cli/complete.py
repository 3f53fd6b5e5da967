"""What the shell may offer: expression files, the names in one, and operations."""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

READ = 1_000_000  # bytes of a file: a shell does not wait
_NAME = r"[^\W\d]\w*+"
# names that are bound at the start of a statement; reading text keeps numpy and lark out
_TARGET = rf"(?m)^[ \t]*(?:for[ \t]+)?({_NAME}(?:[ \t]*,[ \t]*{_NAME})*)[ \t]*(?:=(?!=)|:|in\b)"


def files(incomplete: str) -> Iterator[str]:
    """Return expression files and folders that begin so."""
    folder = Path(incomplete).parent if "/" in incomplete else Path()
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return
    for path in paths:
        hidden = path.name.startswith(".") or not path.name.isprintable()
        if str(path).startswith(incomplete) and not hidden:
            if os.path.isdir(path):
                yield f"{path}/"
            elif path.suffix == ".expr":
                yield str(path)


def nodes(incomplete: str) -> list[str]:
    """Return the names that the command's files bind, and begin so."""
    text = ""
    for word in _words():
        if word.endswith(".expr") and os.path.isfile(word):
            with suppress(OSError), open(word, "rb") as file:
                text += file.read(READ).decode("utf-8", "replace") + "\n"
    found = {
        name.strip()
        for target in re.findall(_TARGET, text)
        for name in target.split(",")
        if name.strip() not in ("if", "else", "elif", "with", "def", "lambda")
    }
    return sorted(name for name in found if name.startswith(incomplete))


def _words() -> list[str]:
    """Return the words of the command line: an option without its value hides them from typer."""
    line = os.environ.get("_TYPER_COMPLETE_ARGS") or os.environ.get("COMP_WORDS") or ""
    try:
        return shlex.split(line)
    except ValueError:  # an open quote
        return line.split()


def operations(incomplete: str) -> list[str]:
    """Return the operations whose names begin so."""
    from gradcli.ops import FUNCTIONS

    return sorted(name for name in FUNCTIONS if name.startswith(incomplete))
