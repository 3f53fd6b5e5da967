"""The logical line on which a parse ended."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from gradcli.errors import SyntaxFault
from gradcli.syntax.lexer import CLOSING, OPENING, Token

_FOLLOWING = frozenset({"ELIF", "ELSE", "EXCEPT", "FINALLY"})  # they go on with a statement


class Line(NamedTuple):
    """The tokens of a line before some place, those of the line above, and where to begin again.

    `top` is the offset of the last statement that stands in no block.
    """

    tokens: list[Token]
    above: list[Token]
    top: int

    def open_brackets(self) -> list[Token]:
        """Return the brackets of the line that are still open."""
        found: list[Token] = []
        for token in self.tokens:
            if token.type in OPENING:
                found.append(token)
            elif token.type in CLOSING and found:
                found.pop()
        return found


def line_before(text: str, tokens: Iterator[Token], at: int) -> Line:
    """Return the line that leads to an offset, given the tokens of the text."""
    line: list[Token] = []
    above: list[Token] = []
    top = 0
    try:
        for token in tokens:
            start = token.start
            if start >= at:
                break
            if token.type == "NEWLINE":
                above, line = line, []
            elif token.type not in ("INDENT", "DEDENT"):
                if not line and token.type not in _FOLLOWING and text[start - 1] in "\r\n":
                    top = start
                line.append(token)
    except SyntaxFault:
        pass  # the place that the parse reached
    return Line(line, above, top)
