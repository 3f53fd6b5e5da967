"""The file that a page was opened for: it is written only when that is asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Literal

from gradcli.errors import GradcliError, Source
from gradcli.source import read_source

FIRST = """\
x = tensor([1.0, 2.0])
y = tensor([5.0, 7.0])
w = param(1.0)
b = param(0.0)

loss = ((w * x + b - y)**2).sum()
"""
Saved = Literal["saved", "changed"]


class Document:
    """A text with a name, and the file that it is of, where there is one.

    `write` puts a text into the file, whole or not at all.
    """

    def __init__(
        self, source: Source, path: Path | None, write: Callable[[str, Path], None]
    ) -> None:
        self.name, self.path, self._write = source.name, path, write
        self._ends = "\r\n" if "\r\n" in source.text else "\n"
        self._text = _plain(source.text)

    @property
    def folder(self) -> Path:
        """Where `load(…)` reads."""
        return self.path.parent if self.path else Path()

    def read(self) -> str:
        """Return the text, of a file as it is now, or as it was where it cannot be read."""
        if self.path is not None:
            with suppress(GradcliError):
                self._text = _plain(read_source(self.path).text)
        return self._text

    def mark(self) -> str:
        """Return what tells the file's text from others; where it cannot be read it is empty."""
        assert self.path is not None
        try:
            return mark_of(_plain(read_source(self.path).text))
        except GradcliError:
            return ""

    def save(self, text: str, seen: str) -> Saved:
        """Write a text to the file, unless what is there is not what was `seen`, by its mark.

        Raises: GradcliError where it cannot be written.
        """
        assert self.path is not None
        if self.mark() not in (seen, mark_of(text)):
            return "changed"
        self._write(text.replace("\n", self._ends), self.path)
        return "saved"


def mark_of(text: str) -> str:
    """Return what tells a text from others."""
    return sha256(text.encode()).hexdigest()


def _plain(text: str) -> str:
    r"""Return a text with the ends of lines that an editor in a page has: `\n` alone."""
    return text.replace("\r\n", "\n").replace("\r", "\n")
