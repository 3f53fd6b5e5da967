"""Reads `cookbook.txt`: programs, and gradients in closed form."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from gradcli.errors import Source
from gradcli.formula.derive import Derivatives, derived
from gradcli.session import Session, run

LINE = re.compile(r"^(by hand|derived) (\w+): (.*)$")


class Entry(NamedTuple):
    """A program, and for each parameter the gradient by hand and what is printed."""

    title: str
    program: str
    by_hand: dict[str, str]
    printed: dict[str, str]


def _entry(block: str) -> Entry:
    title, *lines = block.strip().split("\n")
    found: dict[str, dict[str, str]] = {"by hand": {}, "derived": {}}
    program = []
    for line in lines:
        if match := LINE.match(line):
            found[match[1]][match[2]] = match[3]
        else:
            program.append(line)
    return Entry(title, "\n".join(program), found["by hand"], found["derived"])


_TEXT = Path(__file__).with_name("cookbook.txt").read_text(encoding="utf-8")
ENTRIES = {e.title: e for e in map(_entry, re.split(r"^== ", _TEXT, flags=re.MULTILINE)[1:])}


@cache
def session(title: str) -> Session:
    """Return a run of a program."""
    return run(Source(title, ENTRIES[title].program))


@cache
def derivatives(title: str) -> Derivatives:
    """Return what is derived of a program."""
    return derived(session(title), tuple(ENTRIES[title].printed))
