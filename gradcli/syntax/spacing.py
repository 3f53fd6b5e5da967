"""Where a blank stands between the tokens of a line, as black has it."""

from __future__ import annotations

from collections.abc import Sequence

from gradcli.syntax.lexer import CLOSING, OPENING, Token

_ENDS_OPERAND = CLOSING | {
    "NAME", "NUMBER", "STRING", "FORMATTED", "NONE", "TRUE", "FALSE", "ELLIPSIS"
}  # fmt: skip
_SIGNS = frozenset({"+", "-", "~", "*", "**"})


class _Bracket:
    """What is known of an open bracket while its contents are read; `opening` may be none."""

    def __init__(self, opening: str = "") -> None:
        self.opening = opening
        self.lambdas = 0  # whose colon is to come
        self.annotated = False  # whether the parameter at hand is
        self.colons: list[int] = []  # those of the slice at hand
        self.is_simple = True  # whether that slice is one of names and numbers


def spaces(tokens: Sequence[Token]) -> list[bool]:
    """Say for each token whether a blank stands before it."""
    roles = _roles(tokens)
    found = [False]
    for at in range(1, len(tokens)):
        found.append(_space(tokens[at - 1], roles[at - 1], tokens[at], roles[at]))
    return found


def _space(before: Token, role_before: str, token: Token, role: str) -> bool:
    if token.type == "DOT":
        return before.type == "NUMBER"  # or the dot would be the number's
    if token.type in CLOSING or token.type == "COMMA" or before.type in OPENING | {"DOT"}:
        return False
    if before.type == "COMMA":
        return True
    if role_before in ("prefix", "tight") or role in ("tight", "label"):
        return False
    if role == role_before == "slice":
        return False
    return not (token.type in OPENING and before.type in _ENDS_OPERAND)


def _roles(tokens: Sequence[Token]) -> list[str]:
    """Say what each token is: a `prefix`, a `label` (a colon), `tight`, a `slice` colon, or not.

    A `label` has a blank on its right, what is `tight` none at all, the colon of a `slice` where
    the other side is not empty.
    """
    roles = [""] * len(tokens)
    brackets = [_Bracket()]
    for at, token in enumerate(tokens):
        kind = token.type
        bracket = brackets[-1]
        after_operand = at > 0 and tokens[at - 1].type in _ENDS_OPERAND
        if kind in OPENING:
            bracket.is_simple = False
            brackets.append(_Bracket(kind))
        elif kind in CLOSING:
            _end_slice(bracket, roles)
            brackets.pop()
        elif kind == "COMMA":
            _end_slice(bracket, roles)
            bracket.annotated = bracket.annotated and bracket.lambdas > 0
        elif kind == "LAMBDA":
            bracket.lambdas += 1
            bracket.is_simple = False
        elif kind == "COLON":
            if bracket.opening == "LSQB" and not bracket.lambdas:
                bracket.colons.append(at)
            else:
                roles[at] = "label"
                bracket.annotated = bracket.opening == "LPAR" and not bracket.lambdas
                bracket.lambdas = max(0, bracket.lambdas - 1)
        elif kind == "EQUAL":
            names = bracket.opening and not bracket.annotated
            roles[at] = "tight" if names or bracket.lambdas else ""
        elif (token.value in _SIGNS and not after_operand) or (token.value == "@" and not at):
            roles[at] = "prefix"  # a sign, or the `@` of a decorator
        elif kind not in _ENDS_OPERAND:
            bracket.is_simple = False
            if token.value == "**" and _is_simple_power(tokens, at):
                roles[at] = "tight"
    return roles


def _end_slice(bracket: _Bracket, roles: list[str]) -> None:
    """Give the colons of a slice their role, now that all of it is known."""
    for at in bracket.colons:
        roles[at] = "tight" if bracket.is_simple else "slice"
    bracket.colons = []
    bracket.is_simple = True


def _is_simple_power(tokens: Sequence[Token], at: int) -> bool:
    """Say whether both sides of a `**` are numbers or names, with their attributes."""
    left = at - 1
    while tokens[left].type == "NAME" and left > 1 and tokens[left - 1].type == "DOT":
        left -= 2
    right = at + 1
    if tokens[right].type == "MINUS" and tokens[right + 1].type == "NUMBER":
        right += 1
    if not {tokens[left].type, tokens[right].type} <= {"NAME", "NUMBER"}:
        return False
    while right + 2 < len(tokens) and tokens[right + 1].type == "DOT":
        right += 2
    return right + 1 == len(tokens) or tokens[right + 1].type not in OPENING
