"""A run in a process of its own: whatever it does, it can be ended, and takes nothing with it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from gradcli.watch.loop import Result
from gradcli.watch.saves import Stamp, Stamps

_LONGEST = 1 << 22  # bytes of a page
_GRACE = 0.3  # seconds to end by itself, which puts away what is half written


class Process:
    """`gradcli` with these words, as it would run by itself; what it writes is kept in files.

    With `columns` it writes for a terminal of that width, `coloured` or not. `notes` is a path
    where it may note what it reads. It ends with this process, however this one ends.
    """

    def __init__(
        self, words: Sequence[str], notes: Path, columns: int | None = None, *, coloured: bool
    ) -> None:
        self._notes = notes
        notes.write_text("", encoding="utf-8")
        self._output, self._errors = TemporaryFile(), TemporaryFile()  # noqa: SIM115 (`close`)
        self._at, self._began = time.strftime("%H:%M:%S"), time.monotonic()
        self._process = subprocess.Popen(
            # not from this folder, which may be a stranger's, but from where this process imports
            [sys.executable, "-P", "-m", "gradcli.cli.watched", str(notes),
             "pipe" if columns is None else "terminal", *words],
            stdin=subprocess.PIPE,  # nothing is ever sent: that it is closed is the message
            stdout=self._output,
            stderr=self._errors,
            env=_environment(columns, coloured),
        )  # fmt: skip

    def reads(self) -> Stamps:
        """Return the files that it has read or looked for, as they were then."""
        lines = self._notes.read_text(encoding="utf-8").split("\n")[:-1]  # the last may be half
        noted = [json.loads(line) for line in lines]
        return {path: None if found is None else Stamp(*found) for path, found in noted}

    def ended(self, within: float) -> bool:
        """Say whether it is over, after so many seconds at most."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            return False
        return True

    def result(self) -> Result:
        """Return what it gave, when it is over."""
        status = self._process.wait()
        errors = _text(self._errors)
        if status < 0:
            errors += f"error: the run was ended by a signal: {signal.strsignal(-status)}\n"
        seconds = time.monotonic() - self._began
        return Result(status, _text(self._output), errors, self._at, seconds)

    def close(self) -> None:
        """End it, wherever it is."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        if not self.ended(_GRACE):
            self._process.kill()
            self._process.wait()
        self._output.close()
        self._errors.close()


def _text(file: IO[bytes]) -> str:
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    text = file.read(_LONGEST).decode(sys.stdout.encoding, "backslashreplace")
    more = f"\n… {size - _LONGEST:,} bytes more: watch shows {_LONGEST:,}\n" * (size > _LONGEST)
    return text.replace("\r\n", "\n") + more


def _environment(columns: int | None, coloured: bool) -> dict[str, str]:
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path),
        "PYTHONIOENCODING": sys.stdout.encoding,
    }
    if columns is not None:
        environment["COLUMNS"] = str(columns)
    if coloured:
        environment["FORCE_COLOR"] = "1"  # errors go to a file too
    return environment
