"""F-strings: their texts, and the places of the expressions in their fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from gradcli.errors import Span, SyntaxFault
from gradcli.syntax.literals import decode, split_string
from gradcli.syntax.tree import Expression, Field, FormattedString

_TEXT = re.compile(r"(?:[^{}\\]+|\{\{|\}\}|\\N\{[^{}]*\}|\\(?![{}])(?:\r\n|.)|\\)*", re.DOTALL)
_RAW_TEXT = re.compile(r"(?:[^{}]+|\{\{|\}\})*")
# what tells where the expression of a field ends: strings and comparisons are passed over
_MARK = re.compile(
    r"""'''.*?'''|"{3}.*?"{3}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*"|[=!<>]=|[()\[\]{}:!=]""",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^{}]+")
_CONVERSION = re.compile(r"!([A-Za-z]*)")
_BLANKS = re.compile(r"\s*")

ParseValue = Callable[[int, int], Expression]


def formatted_string(text: str, offset: int, parse: ParseValue) -> FormattedString:
    """Return the tree of an f-string that stands at an offset; `parse` parses a piece of file."""
    prefix, start, end = split_string(text)
    parts = tuple(_parts(text[:end], offset, start, "r" in prefix, parse))
    return FormattedString(parts, Span(offset, offset + len(text)))


def _parts(text: str, offset: int, at: int, raw: bool, parse: ParseValue) -> Iterator[str | Field]:
    """Yield the texts and the fields of the body of an f-string."""
    pattern = _RAW_TEXT if raw else _TEXT
    while at < len(text):
        match = pattern.match(text, at)
        plain = match[0] if match else ""
        if plain:
            yield decode(plain, offset + at, raw=raw, braces=True)
        at += len(plain)
        if at == len(text):
            return
        if text[at] == "}":
            span = Span(offset + at, offset + at + 1)
            raise SyntaxFault("`}` closes no field of the f-string", span, "write `}}` for a brace")
        field, at = _field(text, offset, at, parse)
        yield field


def _field(
    text: str, offset: int, opening: int, parse: ParseValue, *, inner: bool = False
) -> tuple[Field, int]:
    """Return the field that begins with the brace at `opening`, and where it ends.

    An `inner` one stands in the format of another.
    """
    mark, at = _end_of_expression(text, offset, opening)
    end = at
    label = conversion = ""
    form: str | FormattedString = ""
    if mark == "=":
        at += 1 + len(_BLANKS.match(text, at + 1)[0])  # type: ignore[index]
        label = text[opening + 1 : at]
    if text[at : at + 1] == "!":
        conversion = _CONVERSION.match(text, at)[1]  # type: ignore[index]
        at += 1 + len(conversion)
        if conversion not in ("s", "r", "a"):
            span = Span(offset + at - len(conversion) - 1, offset + at)
            raise SyntaxFault("a conversion is `!s`, `!r` or `!a`", span)
    if text[at : at + 1] == ":":
        form, at = _format(text, offset, at + 1, parse, inner)
    if text[at : at + 1] != "}":
        raise _unclosed(offset + opening)
    if not text[opening + 1 : end].strip():
        span = Span(offset + opening, offset + at + 1)
        raise SyntaxFault("a field of an f-string needs an expression", span)
    value = parse(offset + opening + 1, offset + end)
    span = Span(offset + opening, offset + at + 1)
    return Field(value, conversion, form, label, span), at + 1


def _format(
    text: str, offset: int, begin: int, parse: ParseValue, inner: bool
) -> tuple[str | FormattedString, int]:
    """Return the format that begins behind a colon, and where it ends; it may have fields."""
    parts: list[str | Field] = []
    at = begin
    while at < len(text) and text[at] != "}":
        if text[at] == "{":
            if inner:
                span = Span(offset + at, offset + at + 1)
                raise SyntaxFault("f-string: expressions nested too deeply", span)
            field, at = _field(text, offset, at, parse, inner=True)
            parts.append(field)
        else:
            end = _PLAIN.match(text, at).end()  # type: ignore[union-attr]  # it is never empty
            parts.append(text[at:end])
            at = end
    if all(isinstance(part, str) for part in parts):
        return text[begin:at], at
    return FormattedString(tuple(parts), Span(offset + begin, offset + at)), at


def _end_of_expression(text: str, offset: int, opening: int) -> tuple[str, int]:
    """Return the mark after the expression of a field, and its place."""
    depth = 0
    for match in _MARK.finditer(text, opening + 1):
        mark = match[0]
        if depth == 0 and mark in ("}", ":", "!", "="):
            return mark, match.start()
        if mark in "([{":
            depth += 1
        elif mark in ")]}":
            depth -= 1
    raise _unclosed(offset + opening)


def _unclosed(at: int) -> SyntaxFault:
    hint = "write `{{` for a brace"
    return SyntaxFault("`{` begins a field that is never closed", Span(at, at + 1), hint)
