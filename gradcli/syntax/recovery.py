"""More than one fault at a time: what is wrong is replaced by what is not, and read again.

The broken line becomes a `pass`, or the head of a block where one follows, and the file is read
on from the last statement that stands in no block. So a fault never makes another one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from gradcli.errors import Span, SyntaxFault
from gradcli.syntax.lexer import Token
from gradcli.syntax.line import Line, line_before

MOST = 20  # faults reported of one file

# heads of blocks that go on with the statement above, and what stands for a broken one
_FOLLOWING = {"elif": "elif 0:", "else": "else:", "except": "except a:", "finally": "finally:",
              "case": "case 0:"}  # fmt: skip
# heads of blocks that others go on with, or that have blocks of their own kind
_HEADS = {"try": "try:", "match": "match 0:"}
_SCAN = re.compile(
    r"#[^\r\n]*|'''.*?'''|\"{3}.*?\"{3}|'(?:\\.|[^'\\\r\n])*'|\"(?:\\.|[^\"\\\r\n])*\""
    r"|\\(?:\r\n?|\n)|[()\[\]{}\r\n]",
    re.DOTALL,
)
_BLANK_LINES = re.compile(r"(?:[ \t\f]*(?:#[^\r\n]*)?(?:\r\n?|\n))*(?P<blanks>[ \t\f]*)")
_BLANKS = re.compile(r"[ \t\f]*")


class SyntaxFaults(SyntaxFault):
    """Several faults of one file; the place and the message are those of the first."""

    def __init__(self, faults: list[SyntaxFault]) -> None:
        first = faults[0]
        super().__init__(first.message, first.span, first.hint, first.source)
        self.faults = tuple(faults)

    def __str__(self) -> str:
        """Return the reports of all faults, a blank line between them."""
        return "\n\n".join(map(str, self.faults))


class Stop(NamedTuple):
    """Where a parse ended, and why; `kind` is the type of the token that could not stand there."""

    fault: SyntaxFault
    at: int
    kind: str


class _Patch(NamedTuple):
    """Text to put between two offsets, so that the parser gets on."""

    begin: int
    end: int
    text: str


def further_faults(
    text: str,
    stop: Stop,
    next_stop: Callable[[str], Stop | None],
    lex: Callable[[str], Iterator[Token]],
) -> Iterator[Stop]:
    """Yield the faults of a text after the first."""
    shift = 0  # how far a place in the rest of the text, after the patch, is from its true place
    for _ in range(MOST - 1):
        line = line_before(text, lex(text), stop.at)
        patch = _patch(text, stop, line)
        if patch is None:
            return
        head = text[line.top : patch.begin] + patch.text
        text = head + text[patch.end :]
        shift += patch.end - len(head)
        following = next_stop(text)
        if following is None or following.at < len(head):
            return
        stop = following
        span = stop.fault.span or Span(stop.at, stop.at)
        stop.fault.span = Span(span.start + shift, span.end + shift)
        yield stop


def _patch(text: str, stop: Stop, line: Line) -> _Patch | None:
    """Return what to change so that the parser gets beyond a fault."""
    if not line.tokens and line.above and line.above[-1].type == "COLON":
        inside = len(_indentation(text, stop.at)) > len(_indentation(text, line.above[0].start))
        if not inside:  # the block is missing
            end = line.above[-1].end
            is_try = line.above[0].type == "TRY"  # where it ends is anyone's guess
            return None if is_try else _Patch(end, end, " pass")
    if not line.tokens and stop.kind == "INDENT":
        start = _line_start(text, stop.at)
        outer = _indentation(text, line.above[0].start) if line.above else ""
        return _Patch(start, start, f"{outer}if 0:\n")
    if not stop.kind and stop.at == _line_start(text, stop.at) and text[stop.at] in " \t\f":
        return None  # an indentation that fits nowhere: what follows is anyone's guess
    begin = line.tokens[0].start if line.tokens else stop.at
    end = _end(text, stop, line)
    outer = _indentation(text, begin)
    following = _BLANK_LINES.match(text, end)
    blanks = following["blanks"] if following else ""
    has_block = len(blanks) > len(outer) and blanks.startswith(outer)
    word = line.tokens[0].value if line.tokens else ""
    if word in _FOLLOWING and line.tokens[0].type != "NAME":
        return _Patch(begin, end, _FOLLOWING[word] + " pass" * (not has_block))
    return _Patch(begin, end, _HEADS.get(word, "if 0:") if has_block else "pass")


def _end(text: str, stop: Stop, line: Line) -> int:
    """Return where the broken line ends: outside brackets, if those are ever closed."""
    at = stop.at
    span = stop.fault.span
    if span and span.start < at and text[span.start] in "([{":  # it was said to be never closed
        start = _line_start(text, at)
        return start - 1 if not text[start:at].strip() and start > span.end else _scan(text, at, 0)
    return _scan(text, at, len(line.open_brackets()))


def _scan(text: str, at: int, depth: int) -> int:
    """Return where the line ends, or the first line if its brackets are never closed."""
    first = None
    for match in _SCAN.finditer(text, at):
        mark = match[0]
        if mark in ("(", "[", "{"):
            depth += 1
        elif mark in (")", "]", "}"):
            depth -= 1
        elif mark in ("\r", "\n"):
            if depth <= 0:
                return match.start()
            if first is None:
                first = match.start()
    return len(text) if first is None else first


def _line_start(text: str, at: int) -> int:
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def _indentation(text: str, at: int) -> str:
    match = _BLANKS.match(text, _line_start(text, at))
    return match[0] if match else ""
