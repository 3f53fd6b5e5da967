"""Canonical formatting, in black's style: blanks and line ends change, tokens do not.

Brackets and the line ends within them are kept, so no line is ever too long or too short for it.
A comment beside a line keeps its column where there is room, so that comments stay in line.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import NamedTuple

from gradcli.errors import Source, Span, SyntaxFault
from gradcli.syntax.lexer import CLOSING, OPENING, Lexer, Token
from gradcli.syntax.parser import program
from gradcli.syntax.spacing import spaces
from gradcli.syntax.tables import tables

_INDENT = "    "
_WIDEST = 80  # a margin within brackets; beyond it, lines no longer show what they are in
_LINE_END = re.compile(r"\r\n?|\n")
_COMMENT = re.compile(r"#[^\r\n]*")
_HEADS = frozenset(
    {"IF", "ELIF", "ELSE", "FOR", "WHILE", "WITH", "DEF", "CLASS", "TRY", "EXCEPT", "FINALLY",
     "MATCH", "CASE"}
)  # fmt: skip
_FOLLOWING = frozenset({"ELIF", "ELSE", "EXCEPT", "FINALLY"})  # the heads of what goes on


def formatted(source: Source) -> str:
    """Return the text of a file in canonical form, or raise `SyntaxFault`."""
    program(source)
    rows = _Rows(source.text)
    try:
        for statement in _statements(source.text):
            rows.add(statement)
    except SyntaxFault as fault:
        raise fault.at(source, None) from None
    return "".join(_texts(rows.found))


def _refuse_timing(text: str, begin: int, end: int) -> None:
    """Refuse a `%time` between two tokens: it is none, and would be lost."""
    if "%time" in text[begin:end] and "%time" in _COMMENT.sub("", text[begin:end]):
        at = text.index("%time", begin)
        hint = "leave it out: the statement after it is run as it is"
        raise SyntaxFault("`%time` is not formatted", Span(at, at + 5), hint)


class _Statement(NamedTuple):
    """The tokens of a statement, or of the head of a block, and where it stands.

    `levels` are the columns of the blocks that the statement stands in, as they were written;
    `level` is one more where it follows the colon of its block on the same line.
    """

    tokens: list[Token]
    level: int
    levels: tuple[int, ...]


def _statements(text: str) -> Iterator[_Statement]:
    """Yield the statements of a text; the last is its end, `$END`."""
    found: list[Token] = []
    levels: tuple[int, ...] = ()
    inline = 0
    depth = lambdas = last = 0
    for token in Lexer(tables()).tokens(text):
        kind = token.type
        _refuse_timing(text, last, token.start)
        last = max(last, token.end)
        if kind == "INDENT":
            levels += (len(token.value.expandtabs()),)
        elif kind == "DEDENT":
            levels = levels[:-1]
        elif kind in ("NEWLINE", "SEMICOLON"):
            if found:
                yield _Statement(found, len(levels) + inline, levels)
            found = []
            inline *= kind == "SEMICOLON"
        else:
            found.append(token)
            depth += (kind in OPENING) - (kind in CLOSING)
            if depth == 0 and kind == "LAMBDA":
                lambdas += 1
            elif depth == 0 and kind == "COLON" and lambdas:
                lambdas -= 1
            elif depth == 0 and kind == "COLON" and found[0].type in _HEADS:
                yield _Statement(found, len(levels), levels)
                found, inline = [], 1
    yield _Statement(found, 0, ())


class _Row(NamedTuple):
    """A line of the result: its code, and the comment beside it with the column it had."""

    code: str
    comment: str = ""
    column: int = 0

    @property
    def width(self) -> int:
        """The length of the code; of its last line where a string has several."""
        return len(self.code) - self.code.rfind("\n") - 1


class _Between(NamedTuple):
    """A comment on its own line, or the statement after it; `blank`: with a blank line before."""

    code: str
    level: int
    blank: bool


class _Bracket(NamedTuple):
    """The columns at which lines begin within a bracket, and at which one with its end does."""

    inner: int
    closing: int


class _Rows:
    """The lines of the result, to which statements are added from first to last."""

    def __init__(self, text: str) -> None:
        self.found: list[_Row] = []
        self._text = text
        self._end = 0  # of the last token
        self._previous = _Statement([], 0, ())
        self._definitions: list[int] = []  # the levels of those that the last statement is in

    def add(self, statement: _Statement) -> None:
        """Add a statement, with the comments and blank lines before it."""
        first = statement.tokens[0]
        lines = _LINE_END.split(self._text[self._end : first.start])
        if self._previous.tokens:
            self._beside(lines.pop(0))
        self._add_between([*self._comments(lines, statement)], statement)
        if first.type == "$END":
            return
        if first.type in ("DEF", "CLASS"):
            self._definitions.append(statement.level)
        self._add_code(statement)
        self._previous = statement

    def _comments(self, lines: list[str], statement: _Statement) -> Iterator[_Between]:
        """Yield the comments on lines of their own, and the place of the statement after them."""
        level = len(self._previous.levels)
        blank = False
        for line in lines[:-1] if statement.tokens[0].type != "$END" else lines:
            comment = _COMMENT.search(line)
            if comment is None:
                blank = True
                continue
            column = len(line[: comment.start()].expandtabs())
            fitting = sum(column >= block for block in self._previous.levels)
            level = max(statement.level, min(level, fitting))
            yield _Between(_normal(comment[0]), level, blank)
            blank = False
        yield _Between("", statement.level, blank)

    def _add_between(self, found: list[_Between], statement: _Statement) -> None:
        """Add comments, and the blank lines before them and before the statement."""
        kind = statement.tokens[0].type
        decorated = bool(self._previous.tokens) and self._previous.tokens[0].value == "@"
        heading = len(found) - 1  # the first of the comments that belong to the statement
        while heading and not found[heading].blank and found[heading - 1].level == statement.level:
            heading -= 1
        for at, item in enumerate(found):
            if kind == "$END" and not item.code:
                return
            blanks = int(item.blank and (bool(item.code) or kind not in _FOLLOWING))
            apart = 1 if item.level else 2
            if self._definitions and item.level <= self._definitions[-1]:
                blanks = apart
                while self._definitions and item.level <= self._definitions[-1]:
                    self._definitions.pop()
            if (kind in ("DEF", "CLASS") or statement.tokens[0].value == "@") and at == heading:
                blanks = apart
            if decorated or not self.found or (at == 0 and statement.level > self._previous.level):
                blanks = 0
            self.found += [_Row("")] * blanks
            if item.code:
                self.found.append(_Row(_INDENT * item.level + item.code))

    def _add_code(self, statement: _Statement) -> None:
        """Add the lines of a statement."""
        line = _INDENT * statement.level
        brackets: list[_Bracket] = []
        before: Token | None = None
        for token, space in zip(statement.tokens, spaces(statement.tokens), strict=True):
            gap = self._text[self._end : token.start] if before else ""
            if before and _breaks(before, gap, token):
                if brackets:
                    if before.type in OPENING:
                        margin = _margin(line)
                        brackets[-1] = _Bracket(min(margin + len(_INDENT), _WIDEST), margin)
                    self._add_line(line, gap, brackets[-1].inner)
                    line = " " * brackets[-1][token.type in CLOSING]
                else:
                    self.found.append(_Row(f"{line} \\"))
                    line = _INDENT * (statement.level + 1)
            elif space:
                line += " "
            if token.type in OPENING:
                column = min(_Row(line).width, _WIDEST)
                brackets.append(_Bracket(column + 1, column))
            elif token.type in CLOSING:
                brackets.pop()
            line += _LINE_END.sub("\n", token.value) if token.type == "STRING" else token.value
            before = token
            self._end = token.end
        self.found.append(_Row(line))

    def _add_line(self, code: str, gap: str, inner: int) -> None:
        """Add a line that ends within brackets, and the comments that follow it."""
        beside, *lines = _LINE_END.split(gap)
        self.found.append(_Row(code))
        self._beside(beside)
        for line in lines:
            if comment := _COMMENT.search(line):
                self.found.append(_Row(" " * inner + _normal(comment[0])))

    def _beside(self, text: str) -> None:
        """Put a comment beside the last line, as far from its margin as it was."""
        comment = _COMMENT.search(text)
        if comment is None:
            return
        row = self.found[-1]
        end = self._end
        start = max(self._text.rfind(end_of_line, 0, end) for end_of_line in "\r\n") + 1
        column = end - start + comment.start() + _margin(row.code) - _margin(self._text[start:end])
        self.found[-1] = _Row(row.code, _normal(comment[0]), max(1, column))


def _breaks(before: Token, gap: str, token: Token) -> bool:
    """Say whether a line ends between two tokens, and should: not so in an empty pair."""
    if before.type in OPENING and token.type in CLOSING:
        return "#" in gap
    return _LINE_END.search(gap) is not None


def _margin(code: str) -> int:
    last = code[code.rfind("\n") + 1 :]
    return len(last) - len(last.lstrip())


def _normal(comment: str) -> str:
    """Return a comment with a blank after its `#`, unless it is one of another kind."""
    comment = comment.rstrip()
    return comment if comment[1:2] in ("", *" !:#'") else f"# {comment[1:]}"


def _texts(rows: Iterable[_Row]) -> Iterator[str]:
    """Yield the lines; comments that stand below each other do so again."""
    for column, group in groupby(rows, key=lambda row: row.column):
        together = list(group)
        column = max(column, *(row.width + 2 for row in together))
        for row in together:
            padding = " " * (column - row.width) if row.comment else ""
            yield f"{row.code}{padding}{row.comment}\n"
