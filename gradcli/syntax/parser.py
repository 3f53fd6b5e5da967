"""The parser: the tables of the grammar, with the tree built as they are run."""

from __future__ import annotations

import gc
import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from gradcli.errors import Source, Span, SyntaxFault
from gradcli.syntax.build import Build
from gradcli.syntax.lexer import Lexer, Token
from gradcli.syntax.tables import State, Tables, tables
from gradcli.syntax.tree import Expression, FormattedString, Program

if TYPE_CHECKING:
    from gradcli.syntax.recovery import Stop

_INDENTED = r"\ufeff?\f*([ \t]+)[^\s#\\]"  # a first line that begins with blanks
# a rule of the tables, with its callback
_Rule: TypeAlias = tuple[int, str, Callable[..., Any] | None, bool]


def program(source: Source) -> Program:
    """Return the tree of a file, or raise `SyntaxFault`."""
    return Program(source, _parser().run(source, "program"))


def value(source: Source) -> Expression:
    """Return the tree of one expression, or raise `SyntaxFault`."""
    tree: Expression = _parser().run(source, "value")
    return tree


class Parser:
    """An LALR parser, as in any textbook, with the callbacks of `Build`."""

    def __init__(self, tables: Tables) -> None:
        build = Build()
        self._lexer = Lexer(tables)
        self._states = tables.states
        self._starts = tables.starts
        self._spelling = {kind: text for text, kind in tables.literals.items()}
        self._rules: list[_Rule] = [
            (size, origin, _callback(build, name) if name else None, spreads)
            for size, origin, name, spreads in tables.rules
        ]
        kinds = ("NAME", "NUMBER", "STRING", "NONE", "TRUE", "FALSE", "ELLIPSIS")
        self._made_of_tokens = {kind: getattr(build, kind) for kind in kinds}

    def run(self, source: Source, start: str) -> Any:
        """Return the tree of a source for a start rule, or raise `SyntaxFault`."""
        with _no_collector():
            try:
                return self._parse(source.text, start)
            except (Unexpected, SyntaxFault) as error:
                first = error
            raise self._faults(first, source, start)

    def _faults(self, error: Unexpected | SyntaxFault, source: Source, start: str) -> SyntaxFault:
        """Return the fault where a parse ended, or several where more of a program is wrong."""
        from gradcli.syntax.recovery import SyntaxFaults, further_faults

        faults = [self._stop(error, source.text)]
        if start == "program":
            lex = self._lexer.tokens
            faults += further_faults(source.text, faults[0], self._next_stop, lex)
        found = [stop.fault for stop in faults]
        for fault in found:
            fault.source = source
        return SyntaxFaults(found) if len(found) > 1 else found[0]

    def _parse(self, text: str, start: str) -> Any:
        if start == "program" and (indented := re.match(_INDENTED, text)):
            message = "the first line is indented, but no block begins above it"
            raise SyntaxFault(message, Span(*indented.span(1)), "begin it without blanks")
        return self._reduced(self._lexer.tokens(text), start, text)

    def _reduced(self, tokens: Iterable[Token], start: str, text: str) -> Any:
        """Return what the callbacks make of tokens."""
        states, rules = self._states, self._rules
        convert = self._made_of_tokens | {"FORMATTED": partial(self._formatted, text)}
        state = states[self._starts[start]]
        below = [state]
        parts: list[Any] = []
        for token in tokens:
            kind = token.type
            action = state.get(kind)
            while action is not None and action < 0:
                size, origin, function, spreads = rules[action]
                made: Any = parts[len(parts) - size :]
                if size:
                    del parts[-size:], below[-size:]
                    if spreads:
                        made = _spread(made)
                parts.append(function(*made) if function else made)
                state = states[below[-1][origin]]
                below.append(state)
                action = state.get(kind)
            if action is None:
                raise Unexpected(token, self._accepted(below))
            parts.append(convert[kind](token) if kind in convert else token)
            state = states[action]
            below.append(state)
        return parts[0]

    def _accepted(self, below: list[State]) -> frozenset[str]:
        """Return the terminals that can stand next; not all those of a state can."""
        return frozenset(kind for kind in below[-1] if kind.isupper() and self._fits(kind, below))

    def _fits(self, kind: str, below: list[State]) -> bool:
        """Say whether a terminal can stand next: run the parser, but leave its stack as it is."""
        depth = len(below)
        above: list[State] = []  # what stands on the first `depth` states
        while True:
            action = (above[-1] if above else below[depth - 1]).get(kind)
            if action is None or action >= 0:
                return action is not None
            size, origin, _, _ = self._rules[action]
            depth -= max(0, size - len(above))
            del above[max(0, len(above) - size) :]
            above.append(self._states[(above[-1] if above else below[depth - 1])[origin]])

    def _next_stop(self, text: str) -> Stop | None:
        try:
            self._parse(text, "program")
        except (Unexpected, SyntaxFault) as error:
            return self._stop(error, text)
        return None

    def _stop(self, error: Unexpected | SyntaxFault, text: str) -> Stop:
        """Return where and why a parse ended."""
        from gradcli.syntax.recovery import Stop

        if isinstance(error, SyntaxFault):
            return Stop(error, error.span.start if error.span else 0, "")
        fault = self._explained(error, text, self._lexer.tokens(text), self._spelling)
        return Stop(fault, error.token.start, error.token.type)

    def _explained(
        self, error: Unexpected, text: str, tokens: Iterator[Token], spelling: dict[str, str]
    ) -> SyntaxFault:
        """Return the fault for a token that could not stand where it does."""
        from gradcli.syntax.line import line_before
        from gradcli.syntax.mistakes import Scene, explain

        line = line_before(text, tokens, error.token.start)
        return explain(Scene(text, error.token, line, error.accepted, spelling))

    def _formatted(self, text: str, token: Token) -> FormattedString:
        from gradcli.syntax.fstring import formatted_string

        return formatted_string(token.value, token.start, partial(self._field, text))

    def _field(self, text: str, begin: int, end: int) -> Expression:
        """Return the tree of an expression within an f-string."""
        tokens = partial(self._lexer.tokens, text, begin, end)
        try:
            tree: Any = self._reduced(tokens(), "value", text)
        except Unexpected as error:
            spelling = self._spelling | {"NEWLINE": "}"}
            raise self._explained(error, text, tokens(), spelling) from None
        return cast(Expression, tree)


class Unexpected(Exception):
    """A token that cannot stand where it does, and the terminals that could."""

    def __init__(self, token: Token, accepted: frozenset[str]) -> None:
        super().__init__(token, accepted)
        self.token = token
        self.accepted = accepted


@cache
def _parser() -> Parser:
    return Parser(tables())


def _callback(build: Build, name: str) -> Callable[..., Any]:
    """Return what makes a node of the parts of a rule; some names of rules are Python's words."""
    function: Callable[..., Any] = getattr(build, name, None) or getattr(build, f"{name}_")
    return function


def _spread(parts: list[Any]) -> list[Any]:
    """Put the items of lists in their place; a list at the front grows, and is not copied."""
    found = parts[0] if type(parts[0]) is list else [parts[0]]
    for part in parts[1:]:
        if type(part) is list:
            found += part
        else:
            found.append(part)
    return found


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
