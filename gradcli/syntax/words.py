"""Words and characters that Python, mathematics or another language has, and what to write here."""

from __future__ import annotations

from unicodedata import category, name, normalize

from gradcli.errors import Span, SyntaxFault

# Python's keywords that the language does without: why, and what to write.
RESERVED = {
    "async": ("a file runs from top to bottom", "leave it out"),
    "await": ("a file runs from top to bottom", "leave it out"),
}

# Characters outside names, numbers and operators, and what is written for them.
CHARACTERS = {
    "!": "write `not` for a negation, `!=` for an inequality",
    "$": "a name is letters, digits and `_`",
    "?": "write `a if test else b` for a choice",
    "`": "write a string in `'` or `\"`",
    "\\": "a `\\` joins two lines only as the very last character of the first",
    "\0": "is this an expression file?",
    "×": "write `*`, or `@` for matrices",
    "·": "write `*`, or `@` for matrices",
    "⋅": "write `*`, or `@` for matrices",
    "∙": "write `*`, or `@` for matrices",
    "÷": "write `/`",
    "−": "write `-`",
    "–": "write `-`",
    "—": "write `-`",
    "±": "write `+` and `-` in two formulas",
    "²": "write `**2`",
    "³": "write `**3`",
    "⁻": "write `**-1` for a power of -1",
    "√": "write `sqrt(…)`",
    "≤": "write `<=`",
    "≥": "write `>=`",
    "≠": "write `!=`",
    "≈": "write `allclose(a, b)`",
    "→": "write `lambda x: …` for a function",
    "⇒": "write `lambda x: …` for a function",
    "←": "write `=`",
    "∧": "write `and`",
    "∨": "write `or`",
    "¬": "write `not`",
    "∈": "write `in`",
    "∞": "write `inf`",
    "∑": "write `sum(…)`",
    "∏": "write `prod(…)`",
    "∂": "write `grad(y, x)`",
    "∇": "write `grad(y, x)`",
    "“": 'write `"`',
    "”": 'write `"`',
    "„": 'write `"`',
    "«": 'write `"`',
    "»": 'write `"`',
    "‘": "write `'`",
    "’": "write `'`",
}


def spelled(name: str) -> str:
    """Return a name in the one spelling that Python gives it: the signs `µ` and `ﬁ` are letters."""
    return name if name.isascii() else normalize("NFKC", name)


def check_name(text: str, span: Span) -> None:
    """Raise `SyntaxFault` for a word that is no name, at what is wrong with it."""
    if text in RESERVED:
        why, hint = RESERVED[text]
        raise SyntaxFault(f"`{text}` is not part of the language: {why}", span, hint)
    if text.isascii() or text.isidentifier():
        return
    for at, character in enumerate(text):
        if not (f"_{character}" if at else character).isidentifier():
            raise stray_character(character, span.start + at)


def stray_character(character: str, at: int) -> SyntaxFault:
    """Return the fault for a character that has no meaning where it stands."""
    shown = f"`{character}`"
    if category(character)[0] in "CZ":
        shown = f"U+{ord(character):04X} ({name(character, 'a control character').lower()})"
    plain = normalize("NFKC", character)
    hint = CHARACTERS.get(character)
    if hint is None and character != plain and plain.isascii():
        hint = f"write `{plain}`" if plain.strip() else "write an ordinary space"
    return SyntaxFault(f"{shown} is not part of the language", Span(at, at + 1), hint)
