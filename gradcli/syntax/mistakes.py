"""What a person probably meant, where the parser could not go on.

Each recogniser looks at a scene, the unexpected token and what leads to it, and returns a fault
if it knows the mistake. The first that does is believed; if none does, the fault says what could
have stood there.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from gradcli.errors import Span, SyntaxFault
from gradcli.syntax.lexer import CLOSING, Token
from gradcli.syntax.line import Line
from gradcli.syntax.words import check_name

_HEADS = {kind: kind.lower() for kind in (
    "IF", "ELIF", "ELSE", "FOR", "WHILE", "WITH", "DEF", "CLASS", "TRY", "EXCEPT", "FINALLY",
    "MATCH", "CASE"
)}  # fmt: skip
# the words that go on with a statement, and what must stand before them
_FOLLOWING = {
    "ELSE": "`if`, loop or `try`", "ELIF": "`if`", "EXCEPT": "`try`", "FINALLY": "`try`",
}  # fmt: skip
_ENDS = frozenset({"NEWLINE", "DEDENT", "$END"})
_PAIRS = {"(": ")", "[": "]", "{": "}"}
# what two operators in a row mean in other languages
_FOREIGN = {
    "&&": ("`&&` is not part of the language", "write `and`"),
    "||": ("`||` is not part of the language", "write `or`"),
    "<>": ("`<>` is not part of the language", "write `!=`"),
    "=>": (
        "`=>` is not part of the language",
        "write `>=` to compare, `lambda x: …` for a function",
    ),
    "=<": ("`=<` is not part of the language", "write `<=`"),
    "===": ("`===` is not part of the language", "write `==`"),
    "!==": ("`!==` is not part of the language", "write `!=`"),
    "==!": ("`==!` is not part of the language", "write `!=`"),
    ":=": (
        "`:=` cannot stand here",
        "write `=` on a line of its own, round brackets around `:=` in an expression",
    ),
    "->": (
        "`->` cannot stand here",
        "it follows the parameters of a `def`; write `lambda x: …` for a function",
    ),
}


@dataclass(frozen=True)
class Scene:
    """An unexpected token, the line before it, and what could have stood in its place."""

    text: str
    token: Token
    line: Line
    accepts: frozenset[str]
    spelling: dict[str, str]

    @property
    def kind(self) -> str:
        """The type of the unexpected token."""
        return self.token.type

    @property
    def place(self) -> Span:
        """The unexpected token, or the end of the line before it."""
        start = self.token.start
        if self.kind in _ENDS and self.line.tokens:
            start = self.line.tokens[-1].end
            return Span(start, start)
        return Span(start, max(start, self.token.end))

    @property
    def first(self) -> str:
        """The type of the first token of the line."""
        return self.line.tokens[0].type if self.line.tokens else self.kind

    @property
    def last(self) -> Token | None:
        """The token before the unexpected one, on its line."""
        return self.line.tokens[-1] if self.line.tokens else None

    @cached_property
    def open_brackets(self) -> list[Token]:
        """The brackets that are open where the token stands."""
        return self.line.open_brackets()

    @property
    def wants_expression(self) -> bool:
        """Whether an expression could have begun here."""
        return "NUMBER" in self.accepts

    def is_word(self, token: Token) -> bool:
        """Say whether a token is a keyword."""
        return self.spelling.get(token.type, "").isalpha()

    def touches(self) -> bool:
        """Say whether the token follows the one before it without a blank."""
        return self.last is not None and self.last.end == self.token.start


def explain(scene: Scene) -> SyntaxFault:
    """Return the fault for a token that cannot stand where it does."""
    for recognise in _RECOGNISERS:
        fault = recognise(scene)
        if fault is not None:
            return fault
    return SyntaxFault(f"expected {expected(scene)} here", scene.place)


# ---- recognisers, in the order of the table at the end -------------------------------------


def _bad_name(scene: Scene) -> SyntaxFault | None:
    if scene.kind == "NAME":
        try:
            check_name(scene.token.value, scene.place)
        except SyntaxFault as fault:
            return fault
    return None


def _indentation(scene: Scene) -> SyntaxFault | None:
    above = scene.line.above
    if scene.kind == "INDENT":
        message = "this line is indented, but no block begins above it"
        return SyntaxFault(message, scene.place, "indent it like the line above")
    if "INDENT" in scene.accepts and above:
        word = _HEADS.get(above[0].type, "block")
        span = Span(above[0].start, above[-1].end)
        return SyntaxFault(
            f"this `{word}` has no block", span, "indent the lines below it, or write `pass`"
        )
    return None


def _foreign_operator(scene: Scene) -> SyntaxFault | None:
    start, end = scene.token.start, scene.token.end
    last = scene.last if scene.touches() else None
    begin = last.start if last else start
    for at, stop in ((begin, end + 1), (begin, end), (start, end + 1)):
        found = scene.text[at:stop]
        if found in _FOREIGN:
            message, hint = _FOREIGN[found]
            return SyntaxFault(message, Span(at, at + len(found)), hint)
    if scene.kind in _ENDS and len(scene.line.tokens) > 2:
        *_, target, one, two = scene.line.tokens
        if one.type == two.type in ("PLUS", "MINUS") and one.end == two.start:
            span = Span(one.start, two.end)
            message = f"`{one}{two}` is not part of the language"
            return SyntaxFault(message, span, f"write `{target} {one}= 1`")
    return None


def _mismatched(scene: Scene) -> SyntaxFault | None:
    if scene.kind not in CLOSING:
        return None
    if not scene.open_brackets:
        return SyntaxFault(f"`{scene.token}` closes nothing: no bracket is open", scene.place)
    opening = scene.open_brackets[-1]
    if _PAIRS[opening.value] == scene.token.value:
        return None
    message = f"`{scene.token}` does not close `{opening}`"
    return SyntaxFault(message, scene.place, f"write `{_PAIRS[opening.value]}`")


def _never_closed(scene: Scene) -> SyntaxFault | None:
    if not scene.open_brackets:
        return None
    start = scene.token.start
    line_start = max(scene.text.rfind(end, 0, start) for end in "\r\n") + 1
    blanks = scene.text[line_start:start]
    head = scene.line.tokens[0].start
    outdented = not blanks.strip() and head < line_start and len(blanks) <= _column(scene, head)
    if not (outdented or scene.kind in _ENDS or (scene.kind == "COLON" and scene.first in _HEADS)):
        return None
    opening = scene.open_brackets[-1]
    span = Span(opening.start, opening.end)
    hint = f"write `{_PAIRS[opening.value]}` where it ends"
    return SyntaxFault(f"`{opening}` is never closed", span, hint)


def _column(scene: Scene, at: int) -> int:
    return at - max(scene.text.rfind(end, 0, at) for end in "\r\n") - 1


def _colon(scene: Scene) -> SyntaxFault | None:
    if scene.first not in _HEADS or scene.open_brackets or "COLON" not in scene.accepts:
        return None
    word = _HEADS[scene.first]
    if scene.first == "ELSE" and scene.kind == "IF":
        return SyntaxFault("expected `:` here", scene.place, "write `elif` for `else if`")
    if scene.kind in _ENDS:
        return SyntaxFault(f"expected `:` at the end of this `{word}` line", scene.place)
    return None


def _equal(scene: Scene) -> SyntaxFault | None:
    last = scene.last
    if scene.kind == "AUGMENTED" and last and scene.is_word(last):
        return _keyword_fault(last)
    if scene.kind != "EQUAL" or last is None:
        return None
    if scene.is_word(last):
        return _keyword_fault(last)
    if scene.first in _HEADS or scene.first in ("ASSERT", "RETURN") or scene.open_brackets:
        hint = "write `==` to compare"
        if scene.open_brackets and scene.open_brackets[-1].type == "LPAR":
            hint += "; an argument is named by a single name: `f(name=value)`"
        return SyntaxFault("`=` cannot stand here", scene.place, hint)
    return None


def _keyword(scene: Scene) -> SyntaxFault | None:
    word = scene.token
    if scene.accepts == {"EXCEPT", "FINALLY"}:
        hint = "write `except RuntimeError as error:` below its block, or `finally:`"
        return SyntaxFault("this `try` has neither `except` nor `finally`", scene.place, hint)
    if not scene.is_word(word):
        return None
    if scene.kind in _FOLLOWING and scene.first == scene.kind:
        before = _FOLLOWING[scene.kind]
        return SyntaxFault(f"this `{word}` has no {before} before it", scene.place)
    if "NAME" not in scene.accepts:
        return None
    if not scene.wants_expression:
        return _keyword_fault(word)
    following = scene.text[word.end :][:9].lstrip(" ")
    if following[:1] == "=" and following[:2] != "==":
        return _keyword_fault(word)
    return None


def _keyword_fault(word: Token) -> SyntaxFault:
    span = Span(word.start, word.end)
    hint = f"choose another name, such as `{word.value.lower()}_`"
    return SyntaxFault(f"`{word}` is a word of the language, and cannot be a name", span, hint)


# the rest of a `match` line that lacks its colon: a line that begins with `case` follows
_CASES = re.compile(r"([^\r\n#:]*[^\r\n#:\s])[ \t]*(?:#[^\r\n]*)?(?:\r\n?|\n)\s*case\b")


def _not_in_the_language(scene: Scene) -> SyntaxFault | None:
    kind, last = scene.kind, scene.last
    if "AT" in scene.accepts and scene.accepts <= {"AT", "DEF", "CLASS"}:
        hint = "a decorator stands on a line of its own, right above a `def` or a `class`"
        return SyntaxFault("expected a `def` or a `class` after the decorator", scene.place, hint)
    if (
        kind == "STAR"
        and last is not None
        and last.type == "IMPORT"
        and len(scene.line.tokens) == 1
    ):
        return SyntaxFault("`*` is no module", scene.place, "write `from module import *`")
    if kind == "COMMA" and scene.first == "EXCEPT":
        hint = "write `except (A, B):`"
        return SyntaxFault("several kinds of errors stand in round brackets", scene.place, hint)
    is_match = last is not None and last.value == "match" and len(scene.line.tokens) == 1
    if is_match and (end := _CASES.match(scene.text, scene.token.start)):
        span = Span(end.end(1), end.end(1) + 1)
        return SyntaxFault("expected `:` at the end of this `match` line", span)
    if scene.token.value == "case" and "CASE" in scene.accepts:
        return SyntaxFault("this `case` has no `:` at its end", scene.place)
    if scene.accepts == {"COMMA"} and any(t.value == ":=" for t in scene.line.tokens):
        message, hint = _FOREIGN[":="]
        return SyntaxFault(message, scene.place, hint)
    if kind == "YIELD" and scene.wants_expression:
        hint = "write it in round brackets: `(yield x)`"
        return SyntaxFault("`yield` needs round brackets here", scene.place, hint)
    if kind == "COMMA" and any(token.type == "COLON" for token in scene.line.tokens):
        if scene.first not in _HEADS and not scene.open_brackets:
            hint = "annotate each name on a line of its own"
            return SyntaxFault("an annotation takes one name, not several", scene.place, hint)
        return None
    return None


def _missing_operator(scene: Scene) -> SyntaxFault | None:
    last, token = scene.last, scene.token
    if last is None or scene.wants_expression:
        return None
    if (
        last.type == "NUMBER"
        and scene.touches()
        and (scene.kind == "NUMBER" or token.value.startswith("_"))
    ):
        span = Span(last.start, scene.place.end)
        return SyntaxFault(f"`{last}{token}` is no number", span)
    if scene.kind == "NAME" and last.type in CLOSING | {"NUMBER"}:
        one = last if last.type == "NUMBER" else f"…{last}"
        hint = f"write `{one}*{token}` for a product"
        return SyntaxFault(f"expected {expected(scene)} here", scene.place, hint)
    if last.value == "print" and len(scene.line.tokens) == 1:
        return SyntaxFault("expected `(` here", scene.place, "write `print(…)`")
    if scene.kind in ("STRING", "FORMATTED") and last.value.lower() in ("b", "br", "rb", "u", "t"):
        message = f"`{last}` strings are not part of the language"
        return SyntaxFault(message, Span(last.start, last.end), "leave it out")
    return None


_RECOGNISERS: tuple[Callable[[Scene], SyntaxFault | None], ...] = (
    _bad_name,
    _indentation,
    _foreign_operator,
    _mismatched,
    _never_closed,
    _colon,
    _equal,
    _keyword,
    _not_in_the_language,
    _missing_operator,
)

# ---- what could have stood there -----------------------------------------------------------

# what may follow any expression, and so goes without saying
_UNSAID = frozenset(
    [
        "IF",
        "LPAR",
        "LSQB",
        "DOT",
        "AND",
        "OR",
        "NOT",
        "IN",
        "IS",
        "EQUAL",
        "AUGMENTED",
        "SEMICOLON",
        "STRING",
        "FORMATTED",
        "FOR",
    ]
)


def expected(scene: Scene) -> str:
    """Return in words what could have stood in place of the unexpected token."""
    words: list[str] = []
    left = {kind for kind in scene.accepts if not _is_operator(scene.spelling.get(kind, ""))}
    if scene.wants_expression:
        words.append("an expression")
        left &= CLOSING
    elif "ELSE" in left:
        left = {"ELSE"}
    elif "IN" in left and "AND" not in left:  # after the targets of a `for`, or after `not`
        left = {"IN"}
    elif "PLUS" in scene.accepts:
        words.append("an operator")
        left -= _UNSAID
        if scene.first not in _HEADS and not scene.open_brackets:
            left.discard("COLON")
    elif "NAME" in left:
        words.append("a name")
        left.discard("NAME")
    named = {"NEWLINE": "the end of the line", "INDENT": "an indented block", "$END": "the end"}
    words += sorted(f"`{scene.spelling[kind]}`" for kind in left if kind in scene.spelling)
    words += [named[kind] for kind in named.keys() & left - scene.spelling.keys()]
    words = words or ["something else"]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"


def _is_operator(spelling: str) -> bool:
    return spelling != "" and not spelling.isalnum() and spelling not in ",:;=)]"
