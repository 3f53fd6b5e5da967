"""A run of `gradcli watch`, in a process of its own; see `gradcli/watch/process.py`."""

from __future__ import annotations

import json
import os
import sys
from _thread import interrupt_main
from collections.abc import Callable
from io import TextIOWrapper
from threading import Thread
from time import sleep

from gradcli.source import READS
from gradcli.watch.saves import stamp

_GRACE = 1.0  # seconds that the command has to end by itself


class _Terminal(TextIOWrapper):
    """A file whose text will be shown on a terminal."""

    def isatty(self) -> bool:
        return True


def main() -> None:
    """Run the command, and note what it reads; end with the process that wants to know it."""
    notes, kind, *words = sys.argv[1:]
    parent = os.dup(0)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    Thread(target=_end_with, args=(parent,), daemon=True).start()
    sys.addaudithook(_noting(notes))
    if kind == "terminal":
        sys.stdout = _Terminal(
            sys.stdout.buffer, sys.stdout.encoding, "backslashreplace", write_through=True
        )
    sys.argv = ["gradcli", *words]
    from gradcli.cli import main as gradcli

    gradcli()


def _end_with(parent: int) -> None:
    os.read(parent, 1)  # nothing: the other end is closed
    interrupt_main()
    sleep(_GRACE)
    os._exit(1)


def _noting(notes: str) -> Callable[[str, tuple[object, ...]], None]:
    """Return a hook that notes each file that is about to be read, and how it is then."""
    known: set[object] = set()

    def note(event: str, arguments: tuple[object, ...]) -> None:
        if event == READS and arguments[0] not in known:
            path = str(arguments[0])
            known.add(path)
            with open(notes, "a", encoding="utf-8") as file:
                file.write(json.dumps([path, stamp(path)]) + "\n")

    return note


if __name__ == "__main__":
    main()
