"""The parser: the grammar read by lark, with the tree built as it goes."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import RLock
from typing import Any, cast

from lark import Lark, Token, UnexpectedInput, UnexpectedToken
from lark.lexer import PatternStr
from lark.utils import TextSlice

from gradcli.errors import Source, Span, SyntaxFault
from gradcli.syntax.build import Build
from gradcli.syntax.fstring import formatted_string
from gradcli.syntax.layout import Layout
from gradcli.syntax.line import line_before
from gradcli.syntax.mistakes import explain
from gradcli.syntax.recovery import Stop, SyntaxFaults, further_faults
from gradcli.syntax.tree import Expression, FormattedString, Program

_INDENTED = re.compile(r"\ufeff?\f*([ \t]+)[^\s#\\]")  # a first line that begins with blanks


def program(source: Source) -> Program:
    """Return the tree of a file, or raise `SyntaxFault`."""
    return Program(source, _parser().run(source, "program"))


def value(source: Source) -> Expression:
    """Return the tree of one expression, or raise `SyntaxFault`."""
    tree: Expression = _parser().run(source, "value")
    return tree


def grammar() -> str:
    """Return the text of the grammar, from the wheel or from the top of the checkout."""
    packaged = files("gradcli") / "grammar" / "expr.lark"
    if packaged.is_file():
        return packaged.read_text(encoding="utf-8")
    checkout = Path(__file__).parents[2] / "grammar" / "expr.lark"
    return checkout.read_text(encoding="utf-8")


class Parser:
    """Lark with the callbacks of `Build`; one text at a time."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._text = ""
        self._lark = Lark(
            grammar(),
            parser="lalr",
            lexer="basic",  # a contextual lexer takes `if` for a name where no `if` can stand
            start=["program", "value"],
            keep_all_tokens=True,
            postlex=Layout(),
            transformer=_Inline(Build(self._formatted)),
        )
        self._spelling = {
            terminal.name: terminal.pattern.value
            for terminal in self._lark.terminals
            if isinstance(terminal.pattern, PatternStr)
        }

    def run(self, source: Source, start: str) -> Any:
        """Return the tree of a source for a start rule, or raise `SyntaxFault`."""
        with self._lock, _no_collector():
            try:
                return self._parse(source.text, start)
            except (UnexpectedInput, SyntaxFault) as error:
                faults = [self._stop(error)]
            if start == "program":
                faults += further_faults(source.text, faults[0], self._next_stop, self._lex)
        found = [stop.fault for stop in faults]
        for fault in found:
            fault.source = source
        raise SyntaxFaults(found) if len(found) > 1 else found[0]

    def _parse(self, text: str, start: str) -> Any:
        self._text = text
        if start == "program" and (indented := _INDENTED.match(text)):
            message = "the first line is indented, but no block begins above it"
            raise SyntaxFault(message, Span(*indented.span(1)), "begin it without blanks")
        return self._lark.parse(text, start=start)

    def _next_stop(self, text: str) -> Stop | None:
        try:
            self._parse(text, "program")
        except (UnexpectedInput, SyntaxFault) as error:
            return self._stop(error)
        return None

    def _stop(self, error: UnexpectedInput | SyntaxFault) -> Stop:
        """Return where and why a parse ended."""
        if isinstance(error, SyntaxFault):
            return Stop(error, error.span.start if error.span else 0, "")
        return self._explained(error, 0, len(self._text))

    def _explained(
        self, error: UnexpectedInput, begin: int, end: int, spelling: dict[str, str] | None = None
    ) -> Stop:
        """Return where and why lark could not go on in a piece of the text."""
        token = error.token if isinstance(error, UnexpectedToken) else None
        at = (token.start_pos if token else error.pos_in_stream) or 0
        line = line_before(self._text, self._lex(self._text, begin, end), at)
        fault = explain(error, self._text, line, self._spelling | (spelling or {}))
        return Stop(fault, at, token.type if token else "")

    def _lex(self, text: str, begin: int = 0, end: int | None = None) -> Iterator[Token]:
        return self._lark.lex(TextSlice(text, begin, len(text) if end is None else end))

    def _formatted(self, token: Token) -> FormattedString:
        return formatted_string(token.value, token.start_pos or 0, self._field)

    def _field(self, begin: int, end: int) -> Expression:
        """Return the tree of an expression within an f-string."""
        try:
            tree: Any = self._lark.parse(TextSlice(self._text, begin, end), start="value")
        except UnexpectedInput as error:
            raise self._explained(error, begin, end, {"NEWLINE": "}"}).fault from None
        return cast(Expression, tree)


_parser = cache(Parser)


class _Inline:
    """Gives lark the callbacks of `Build`, which take the parts of a rule as their arguments."""

    def __init__(self, build: Build) -> None:
        self._build = build

    def __getattr__(self, name: str) -> Callable[[Any], Any]:
        function: Callable[..., Any]
        function = getattr(self._build, name, None) or getattr(self._build, f"{name}_")
        if name.isupper():
            return function
        return lambda parts: function(*parts)


@contextmanager
def _no_collector() -> Iterator[None]:
    """Keep the cyclic garbage collector off: a tree has no cycles, and to walk it is slow."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
