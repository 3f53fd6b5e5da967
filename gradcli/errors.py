"""The error tree: every error has a message, the place in the source it speaks of, and a hint."""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple
from unicodedata import combining, east_asian_width

EXCERPT_WIDTH = 100  # characters of a source line shown around an error; longer lines are cropped
WORD_LENGTH = 200  # characters of a name in a message; longer ones are cropped
MESSAGE_LENGTH = 4000  # characters of a message
SHOWN_CALLS = 5  # of functions that are called within each other
SNIPPET_LENGTH = 500  # characters of a piece of source text that stands for it
_LINE_END = re.compile(r"\r\n?|\n")
_LONG_WORD = re.compile(rf"[^\s]{{{WORD_LENGTH + 1},}}")
_PICTURES = {chr(code): chr(0x2400 + code) for code in range(0x20)} | {"\x7f": "␡"}


def visible(text: str) -> str:
    """Return a text that is safe to print: a character for each that is not printable.

    Those would move a terminal's cursor, clear its screen, turn the order of a text around or
    not be seen at all.
    """
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else _PICTURES.get(c, "·") for c in text)


def cropped(text: str, length: int) -> str:
    """Return a text, or its beginning and an ellipsis: at most `length` characters."""
    return text if len(text) <= length else text[: length - 1] + "…"


def shortened(message: str) -> str:
    """Return a message whose words, such as a name of a megabyte, and which itself are short."""
    short = _LONG_WORD.sub(lambda word: cropped(word[0], WORD_LENGTH), message)
    return cropped(short, MESSAGE_LENGTH)


class Span(NamedTuple):
    """A piece of source text: character offsets, the end excluded."""

    start: int
    end: int

    def to(self, other: Span) -> Span:
        """Return the span from the start of this one to the end of `other`."""
        return Span(self.start, other.end)


NOWHERE = Span(0, 0)  # the place of what is in no file of a user


class Line(int):
    """A line of a notebook, counted through its cells of code; written, it is `CELL:LINE`.

    `cell` and `line` are counted from 1, `line` within the cell.
    """

    cell: int
    line: int

    def __str__(self) -> str:
        return f"{self.cell}:{self.line}"

    def __format__(self, form: str) -> str:
        return format(str(self), form)


@dataclass(frozen=True)
class Source:
    """The text of an expression file and the name it is known by in messages.

    `cells` are the lines, counted from 1, at which the cells of code of a notebook begin.
    """

    name: str
    text: str = field(repr=False)
    cells: tuple[int, ...] = field(default=(), repr=False)

    @cached_property
    def line_starts(self) -> list[int]:
        r"""Offsets at which the lines begin; they end in `\n`, `\r\n` or `\r`."""
        return [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def position(self, offset: int) -> tuple[int, int]:
        """Return the line and the column of an offset, both counted from 1."""
        line = bisect_right(self.line_starts, offset)
        return line, offset - self.line_starts[line - 1] + 1

    def line_of(self, span: Span) -> int:
        """Return the line, counted from 1, on which a span begins: of a notebook a `Line`."""
        return self.numbered(bisect_right(self.line_starts, span.start))

    def numbered(self, line: int) -> int:
        """Return a line counted from 1: of a notebook a `Line`."""
        if not self.cells:
            return line
        found = Line(line)
        found.cell, found.line = self.place(line)
        return found

    def place(self, line: int) -> tuple[int, int]:
        """Return the cell of a notebook that a line is in, and its line there, from 1.

        The cell is 0 where there are none.
        """
        cell = bisect_right(self.cells, line)
        return cell, line - self.cells[cell - 1] + 1 if cell else line

    def line_text(self, line: int) -> str:
        """Return the text of a line counted from 1, without its end."""
        end = self.line_starts[line] if line < len(self.line_starts) else None
        return self.text[self.line_starts[line - 1] : end].rstrip("\r\n")

    def snippet(self, span: Span) -> str:
        """Return the text of a span on one line, runs of white space folded, a long one cropped."""
        end = min(span.end, span.start + 4 * SNIPPET_LENGTH)  # 4: white space is folded
        text = " ".join(self.text[span.start : end].split())
        return cropped(text if end == span.end else text + "…", SNIPPET_LENGTH)


class GradcliError(Exception):
    """Something a person can put right; the command line ends with exit status 2.

    Attributes: `message`, one sentence; `span` and `source`, the place, where there is one;
    `hint`, what to do about it; `notes`, further places, each with what happened there; `calls`,
    where the functions of the file that it has left were called, the innermost first; `python`,
    the class that Python or PyTorch raise here, where it is known; `given`, that one's arguments.
    """

    python: str = ""
    given: tuple[object, ...] | None = None

    def __init__(
        self,
        message: str,
        span: Span | None = None,
        hint: str | None = None,
        source: Source | None = None,
        notes: tuple[tuple[Span, str], ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = shortened(message)
        self.span = span
        self.hint = hint and shortened(hint)
        self.source = source
        self.notes = notes
        self.calls: list[Span] = []

    def at(self, source: Source | None, span: Span | None) -> GradcliError:
        """Complete the place of an error raised where the place was not known; return it."""
        if self.span is None or self.span is NOWHERE:
            self.span = span
        if self.source is None:
            self.source = source
        return self

    def __str__(self) -> str:
        """Return the whole report: place, message, the line underlined, the hint."""
        report = [f"{self._place()}error: {self.message}", *self._excerpt(self.span)]
        for span, words in self.notes:
            report += self._excerpt(span, f" {words}")
        if self.calls and self.source is not None:
            report.append(f"called from {self._callers(self.source)}")
        if self.hint:
            report.append(f"hint: {self.hint}")
        return "\n".join(map(visible, report))

    def _place(self) -> str:
        if self.source is None:
            return ""
        if self.span is None:
            return f"{visible(self.source.name)}: "
        line, column = self.source.position(self.span.start)
        cell, line = self.source.place(line)
        inside = f"cell {cell}:" if cell else ""
        return f"{visible(self.source.name)}:{inside}{line}:{column}: "

    def _callers(self, source: Source) -> str:
        """Return the lines of the calls, a long recursion cut short."""
        lines = [f"line {source.line_of(span)}" for span in self.calls]
        if len(lines) <= SHOWN_CALLS:
            return ", from ".join(lines)
        return f"{', from '.join(lines[: SHOWN_CALLS - 1])}, …, from {lines[-1]}"

    def _excerpt(self, span: Span | None, words: str = "") -> list[str]:
        if self.source is None or span is None:
            return []
        line, column = self.source.position(span.start)
        text = self.source.line_text(line)
        begin = min(column - 1, len(text))
        end = max(begin + 1, min(begin + span.end - span.start, len(text)))
        text, begin, end = _crop(visible(text.replace("\t", " ")), begin, end)
        _, line = self.source.place(line)
        margin = " " * len(str(line))
        return [
            f"{line} │ {text}",
            f"{margin} │ {' ' * _columns(text[:begin])}{'^' * max(1, _columns(text[begin:end]))}"
            + words,
        ]


class SyntaxFault(GradcliError):
    """The text is not in the language."""


class NameFault(GradcliError):
    """A name, function, method or attribute is not known."""


class ArgumentFault(GradcliError):
    """A function is called with arguments that it does not take, or of a wrong kind."""


class ShapeFault(GradcliError):
    """The shapes of operands do not fit."""


class DtypeFault(GradcliError):
    """The dtypes of operands do not fit."""


class AutogradFault(GradcliError):
    """A gradient is asked for that does not exist."""


class InputFault(GradcliError):
    """A binding, a data file or an option is wrong, or an input is not bound."""


class LimitFault(GradcliError):
    """The file asks for more nodes, memory or nesting than is allowed."""


def _crop(text: str, begin: int, end: int) -> tuple[str, int, int]:
    """Cut a long line to a window around [begin, end), with an ellipsis where text is left out."""
    if len(text) <= EXCERPT_WIDTH:
        return text, begin, end
    left = max(0, min(begin - EXCERPT_WIDTH // 3, len(text) - EXCERPT_WIDTH))
    window = text[left : left + EXCERPT_WIDTH]
    begin, end = begin - left, min(end - left, len(window))
    if left + EXCERPT_WIDTH < len(text):
        window = window[:-1] + "…"
    if left:
        window = "…" + window[1:]
    return window, begin, end


def _columns(text: str) -> int:
    """Return how many terminal columns a text takes."""
    return sum(
        0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text
    )
