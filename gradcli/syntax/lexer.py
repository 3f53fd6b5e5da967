"""Text to tokens, with marks where blocks begin and end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from gradcli.errors import Span, SyntaxFault
from gradcli.syntax.tables import Tables
from gradcli.syntax.words import stray_character

# Words and signs that mean something at the start of a line alone. A `match` is one where a line
# that begins with `case` follows; `%` and `!` begin a line for IPython or the shell.
_TO_COLON = (
    r"(?:(?>\\(?:\r\n?|\n)|'{3}(?s:.{0,2000}?)'{3}|\"{3}(?s:.{0,2000}?)\"{3}|\([^()]{0,2000}\)"
    r"|\[[^\[\]]{0,2000}\]|[^\r\n]))*:"
)
_MATCH = re.compile(
    r"(?![ \t]*[=.,:\])])" + _TO_COLON + r"[ \t]*(?:#[^\r\n]*)?"
    r"(?:(?:\r\n?|\n)[ \t\f]*(?:#[^\r\n]*)?)+case\b(?![ \t]*[=.,:])"
)
_CASE = re.compile(r"(?![ \t]*[=.,:])" + _TO_COLON)
_MAGIC = re.compile(
    r"(?:%{1,2}[A-Za-z_]|!|\?|[A-Za-z_][\w.]*\?\??[ \t]*(?![^\r\n])"
    r"|[A-Za-z_]\w*[ \t]*=[ \t]*%(?!time[ \t])[A-Za-z_])[^\r\n]*"
)
_TIMED = re.compile(r"%time[ \t]+(?=[^\s#])")  # before a statement, which is run

OPENING = frozenset({"LPAR", "LSQB", "LBRACE"})
CLOSING = frozenset({"RPAR", "RSQB", "RBRACE"})


class Token(NamedTuple):
    """A piece of text: its terminal in the grammar, and its place, the end excluded."""

    type: str
    value: str
    start: int
    end: int

    def __str__(self) -> str:
        """Return the text."""
        return self.value

    @property
    def span(self) -> Span:
        """The place in the source."""
        return Span(self.start, self.end)


class Lexer:
    """Cuts a text into tokens; comments, blanks and the line ends within brackets are left out."""

    def __init__(self, tables: Tables) -> None:
        # a class of characters up to the last of Unicode takes re four milliseconds to compile: the
        # grammar says of a name which characters of ASCII it does not have
        self._next = re.compile(tables.pattern).finditer
        self._literals = tables.literals

    def tokens(self, text: str, begin: int = 0, end: int | None = None) -> Iterator[Token]:
        """Yield the tokens of a piece of text, `INDENT` and `DEDENT` among them, and `$END`.

        A line end is passed on when the next token is seen, so that blanks at the end of a file
        are no indentation.
        """
        literals = self._literals
        depth = 0
        levels = [""]
        line_end: Token | None = None
        matches = False
        magical = end is None and any(sign in text for sign in "%!?")
        equals = False  # whether the last token is `=`
        last = begin
        stop = len(text) if end is None else end
        found = self._next(text, begin, stop)
        while (match := next(found, None)) is not None:
            kind: str = match.lastgroup  # type: ignore[assignment]  # one group always matches
            value: str = match[kind]
            token_end = match.end()
            if kind == "NEWLINE":
                if depth == 0:
                    line_end = Token(kind, value, token_end - len(value), token_end)
                continue
            if kind == "END":
                break
            if line_end is not None or last == begin:
                if line_end is not None:
                    if last > begin:
                        yield line_end
                    yield from _change_level(line_end, levels)
                    line_end = None
                start = token_end - len(value)
                if value == "%" and (timed := _TIMED.match(text, start)):
                    found = self._next(text, timed.end(), stop)
                    continue
                if magical and (line := _MAGIC.match(text, start)):
                    last = line.end()
                    yield Token("MAGIC", line[0], start, last)
                    found = self._next(text, last, stop)
                    continue
                if value == "match" and _MATCH.match(text, token_end):
                    kind, matches = "MATCH", True
                elif value == "case" and matches and _CASE.match(text, token_end):
                    kind = "CASE"
            elif value == "%" and equals and (timed := _TIMED.match(text, token_end - 1)):
                found = self._next(text, timed.end(), stop)
                continue
            if kind == "NAME" or kind == "LITERAL":
                kind = literals.get(value, kind)
                if kind in OPENING:
                    depth += 1
                elif kind in CLOSING and depth:
                    depth -= 1
            elif kind == "STRAY":
                raise _stray(text, token_end - 1)
            yield Token(kind, value, token_end - len(value), token_end)
            last = token_end
            equals = value == "="
        if last > begin:
            yield line_end or Token("NEWLINE", "", last, last)
            for _ in levels[1:]:
                yield Token("DEDENT", "", last, last)
        yield Token("$END", "", stop, stop)


def _change_level(line_end: Token, levels: list[str]) -> Iterator[Token]:
    """Yield the tokens for the indentation of the line that begins after `line_end`.

    Blanks are compared as text, not by a width of tabs.
    """
    blanks = line_end.value[max(map(line_end.value.rfind, "\n\r\f")) + 1 :]
    if blanks == levels[-1]:
        return
    end = line_end.end
    start = end - len(blanks)
    if blanks.startswith(levels[-1]):
        levels.append(blanks)
        yield Token("INDENT", blanks, start, end)
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
        yield Token("DEDENT", "", end, end)


def _stray(text: str, at: int) -> SyntaxFault:
    """Return the fault for a character with which no token begins."""
    character = text[at]
    if character not in "\"'":
        if text[at : at + 2] == "\\\0":
            return stray_character("\0", at + 1)
        return stray_character(character, at)
    quote = character * 3 if text.startswith(character * 3, at) else character
    hint = f"write `{quote}` where it ends"
    if quote == character:
        hint += f", or begin it with `{quote * 3}` if it has several lines"
    return SyntaxFault("this string is never closed", Span(at, at + len(quote)), hint)
