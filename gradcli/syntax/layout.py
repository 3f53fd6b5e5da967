"""Indentation: marks where blocks begin and end, and drops line ends within brackets."""

from __future__ import annotations

from collections.abc import Iterator

from lark import Token
from lark.lark import PostLex

from gradcli.errors import Span, SyntaxFault

OPENING = frozenset({"LPAR", "LSQB"})
CLOSING = frozenset({"RPAR", "RSQB"})


class Layout(PostLex):
    """What lark's `Indenter` does, but blanks are compared as text, not by a width of tabs.

    A line end is passed on when the next token is seen, so that blanks at the end of a file
    are no indentation. It keeps no state, so that a parse may run within another.
    """

    always_accept = ("NEWLINE",)

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        """Yield the tokens of a text with `INDENT` and `DEDENT` among them."""
        depth = 0
        levels = [""]
        line_end = last = None
        for token in stream:
            kind = token.type
            if kind == "NEWLINE":
                if depth == 0:
                    line_end = token
                continue
            if line_end is not None:
                if last is not None:
                    yield line_end
                yield from _change_level(line_end, levels)
                line_end = None
            yield token
            last = token
            if kind in OPENING:
                depth += 1
            elif kind in CLOSING and depth:
                depth -= 1
        if last is not None:
            yield line_end or _mark("NEWLINE", last, last.end_pos or 0)
            for _ in levels[1:]:
                yield _mark("DEDENT", last, last.end_pos or 0)


def _change_level(line_end: Token, levels: list[str]) -> Iterator[Token]:
    """Yield the tokens for the indentation of the line that begins after `line_end`."""
    blanks = line_end[max(line_end.rfind(end) for end in "\n\r\f") + 1 :]
    if blanks == levels[-1]:
        return
    end = line_end.end_pos or 0
    start = end - len(blanks)
    if blanks.startswith(levels[-1]):
        levels.append(blanks)
        yield _mark("INDENT", line_end, start, blanks)
        return
    if blanks not in levels:
        message = "this line is indented less than its block, but not as any block around it"
        if not levels[-1].startswith(blanks):
            message = "the indentation of this line mixes tabs and spaces unlike the lines above"
        raise SyntaxFault(
            message, Span(start, end), "indent the lines of a block by the same blanks"
        )
    while blanks != levels[-1]:
        levels.pop()
        yield _mark("DEDENT", line_end, end)


def _mark(kind: str, near: Token, start: int, value: str = "") -> Token:
    """Return a token that stands at an offset, on the line of another."""
    return Token(
        kind, value, start, near.line, near.column, near.end_line, None, start + len(value)
    )
