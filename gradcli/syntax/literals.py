"""The values of numbers and strings."""

from __future__ import annotations

import re
from unicodedata import lookup

from gradcli.errors import Span, SyntaxFault

MAX_DIGITS = 2000  # of a number in hexadecimal, octal or binary digits
# patterns are compiled by the first string that has an escape: few files have one
_SPECIAL = (
    r"(?s)\r\n?|\\(?:(?P<joined>\r\n|\r|\n)|(?P<octal>[0-7]{1,3})|x(?P<x>[0-9a-fA-F]{2})"
    r"|u(?P<u>[0-9a-fA-F]{4})|U(?P<U>[0-9a-fA-F]{8})|N\{(?P<name>[^{}]+)\}|(?P<plain>.))"
)
_SPECIAL_OR_BRACES = _SPECIAL + r"|\{\{|\}\}"
_RAW_BRACES = r"\r\n?|\{\{|\}\}"
_PLAIN = {
    "\\": "\\",
    "'": "'",
    '"': '"',
    "a": "\a",
    "b": "\b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
}


def number(text: str, span: Span) -> int | float | complex:
    """Return the value of a number as it is written."""
    digits = text.replace("_", "").lower()
    if digits[:2] in ("0x", "0o", "0b"):
        if len(digits) > MAX_DIGITS:
            raise SyntaxFault(f"a whole number of {len(digits)} digits is too long", span)
        return int(digits, 0)
    if digits.endswith("j"):
        return complex(digits)
    if not digits.isdecimal():
        return float(digits)
    if digits[0] == "0" and digits.strip("0"):
        hint = f"write `{digits.lstrip('0')}`, or `0o{digits.lstrip('0')}` for an octal number"
        raise SyntaxFault("a whole number cannot begin with `0`", span, hint)
    try:
        return int(digits)
    except ValueError:
        message = f"a whole number of {len(digits)} digits is too long"
        raise SyntaxFault(
            message, span, f"as a float it is `{digits[0]}e{len(digits) - 1}`"
        ) from None


def split_string(text: str) -> tuple[str, int, int]:
    """Return the prefix of a string in lower case, and where its body begins and ends."""
    quote = min(at for at in (text.find('"'), text.find("'")) if at >= 0)
    width = 3 if text.startswith(text[quote] * 3, quote) else 1
    return text[:quote].lower(), quote + width, len(text) - width


def decode(body: str, start: int, *, raw: bool, braces: bool = False) -> str:
    """Return what the body of a string, which begins at an offset, stands for.

    With `braces`, doubled braces are single ones, as in an f-string.
    """

    def character(match: re.Match[str]) -> str:
        try:
            return _character(match)
        except (KeyError, ValueError, OverflowError):
            span = Span(start + match.start(), start + match.end())
            message = f"`{match[0]}` is no complete escape, or names no character"
            hint = "write `\\\\` for a backslash, or put an `r` before the string"
            raise SyntaxFault(message, span, hint) from None

    if raw:
        return re.sub(_RAW_BRACES, _unescaped, body) if braces else re.sub("\r\n?", "\n", body)
    if not braces and "\\" not in body and "\r" not in body:
        return body
    return re.sub(_SPECIAL_OR_BRACES if braces else _SPECIAL, character, body)


def _unescaped(match: re.Match[str]) -> str:
    return match[0][0] if match[0][0] in "{}" else "\n"


def _character(match: re.Match[str]) -> str:
    """Return the text for an escape, a line end or a doubled brace."""
    kind = match.lastgroup
    if kind is None:
        return _unescaped(match)
    text = match[kind]
    if kind == "joined":
        return ""
    if kind == "octal":
        return chr(int(text, 8))
    if kind == "name":
        return lookup(text)
    if kind != "plain":
        return chr(int(text, 16))
    if text in "xuUN":
        raise ValueError(text)
    return _PLAIN.get(text, match[0])
