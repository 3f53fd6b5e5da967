"""`gradcli watch` as a person runs it, on a terminal or into a pipe, until a signal ends it."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from codecs import getincrementaldecoder
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Self

from tests.cli.runner import ROOT
from tests.watch.terminal import Terminal

LONG = 120.0  # seconds: what takes longer will never be


class Watching:
    """A process of `gradcli watch` with these words, in a folder.

    With `size`, columns and rows, it has a terminal; without, what it writes is kept whole.
    """

    def __init__(
        self,
        *words: str,
        folder: Path = ROOT,
        size: tuple[int, int] | None = None,
        variables: dict[str, str] | None = None,
    ) -> None:
        self.text = ""
        self._decoder = getincrementaldecoder("utf-8")()  # a piece may end within a character
        self.terminal = None if size is None else Terminal(*size)
        if size is None:
            self._ours, theirs = os.pipe()
        else:
            self._ours, theirs = pty.openpty()
            self.resize(*size)
        names = ("COLUMNS", "LINES", "FORCE_COLOR")
        environment = {k: v for k, v in os.environ.items() if k not in names}
        environment |= {"TERM": "xterm", "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gradcli", "watch", *words], cwd=folder, stdin=theirs,
            stdout=theirs, stderr=theirs, env=environment | {"PYTHONUTF8": "1"} | (variables or {}),
            preexec_fn=_hears_ctrl_c,
        )  # fmt: skip
        os.close(theirs)

    def resize(self, columns: int, rows: int) -> None:
        """Give the terminal another size."""
        assert self.terminal is not None
        self.terminal.columns, self.terminal.rows = columns, rows
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def until(self, pattern: str) -> str:
        """Wait until what is shown matches; return that."""
        end = monotonic() + LONG
        while not re.search(pattern, self._shown()):
            assert monotonic() < end, f"{pattern} never came:\n{self._shown()}"
            if select.select([self._ours], [], [], 1)[0]:
                assert self._read(), f"{pattern} never came, and it ended:\n{self._shown()}"
        return self._shown()

    def leave(self) -> int:
        """Read no more, and return the exit status."""
        os.close(self._ours)
        self._ours = -1
        return self._process.wait(LONG)

    def end(self, number: int = signal.SIGINT) -> int:
        """Send a signal; return the exit status, when all that is written is read."""
        self._process.send_signal(number)
        while self._read():
            pass
        return self._process.wait(LONG)

    def _shown(self) -> str:
        return self.text if self.terminal is None else "\n".join(self.terminal.lines())

    def _read(self) -> bool:
        try:
            piece = os.read(self._ours, 1 << 16)
        except OSError:  # how a terminal ends
            piece = b""
        text = self._decoder.decode(piece)
        self.text += text
        if self.terminal is not None:
            self.terminal.write(text)
        return bool(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.terminate()  # which puts away its files
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._ours >= 0:
            os.close(self._ours)


def _hears_ctrl_c() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # which a background job ignores
