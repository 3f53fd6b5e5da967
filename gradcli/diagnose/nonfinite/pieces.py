"""The text of an operation: its name or operator, its operands, and how to write it otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from gradcli.diagnose.findings import Edit
from gradcli.diagnose.subject import Subject
from gradcli.errors import Span
from gradcli.syntax.tree import (
    Attribute,
    Augmented,
    Binary,
    Call,
    Expression,
    ExpressionStatement,
    Group,
    Name,
    Return,
    Starred,
    Unary,
)
from gradcli.trace.builtins import MODULES
from gradcli.trace.values import Namespace

FUNCTIONAL = "torch.nn.functional"


@dataclass(frozen=True)
class Piece:
    """An operation as it is written; the receiver of a method is its first operand.

    `name` is an operator (`/`), or the last part of what is called; `name_span` is its place.
    """

    name: str
    operands: tuple[Expression, ...]
    keywords: Mapping[str, Expression]
    span: Span
    name_span: Span | None = None

    def operand(self, slot: int, keyword: str = "") -> Expression | None:
        """Return an operand by position or by keyword, None where it is not written."""
        if slot < len(self.operands):
            return self.operands[slot]
        return self.keywords.get(keyword)


def piece(subject: Subject, row: int) -> Piece | None:
    """Return the operation that made a row as the file has it, None where it is no operation."""
    return piece_of(subject, subject.expression(subject.span(row)))


def piece_of(subject: Subject, node: Any) -> Piece | None:
    """Return an expression as an operation, None where it is none."""
    while isinstance(node, ExpressionStatement | Group | Return):
        node = node.inner if isinstance(node, Group) else node.value
    if isinstance(node, Binary):
        return Piece(node.operator, (node.left, node.right), {}, node.span)
    if isinstance(node, Augmented):
        return Piece(node.operator, (node.target, node.value), {}, node.span)
    if isinstance(node, Unary):
        return Piece(node.operator, (node.operand,), {}, node.span)
    if not isinstance(node, Call) or any(isinstance(x, Starred) for x in node.arguments):
        return None
    keywords = {k.name: k.value for k in node.keywords if k.name is not None}
    if len(keywords) < len(node.keywords):
        return None
    called = node.function
    if isinstance(called, Attribute):
        receiver = () if _is_module(subject, called.value) else (called.value,)
        operands = (*receiver, *node.arguments)
        return Piece(called.name, operands, keywords, node.span, called.name_span)
    if isinstance(called, Name):
        return Piece(called.id, node.arguments, keywords, node.span, called.span)
    return None


def _is_module(subject: Subject, node: Expression) -> bool:
    """Say whether an expression names a module, as `torch.linalg` does."""
    while isinstance(node, Attribute):
        node = node.value
    if not isinstance(node, Name):
        return False
    scope = subject.session.tracer.scope
    if node.id in scope:
        return isinstance(scope[node.id], Namespace)
    return node.id in MODULES


def inner(node: Expression) -> Expression:
    """Return an expression without the brackets around it."""
    while isinstance(node, Group):
        node = node.inner
    return node


def text(subject: Subject, node: Expression) -> str:
    """Return an expression's text without the brackets around it, as an argument has it."""
    return subject.written(inner(node).span)


def factor(subject: Subject, node: Expression) -> str:
    """Return an expression's text in brackets where something may follow it."""
    found = text(subject, node)
    return f"({found})" if isinstance(inner(node), Binary | Unary) else found


def replaced(node: Expression, new: str) -> Edit:
    """Return the edit that puts another text in the place of an expression."""
    return Edit(node.span, new)


def functional(subject: Subject, name: str) -> str:
    """Return how the file calls a function of torch.nn.functional: `F.normalize`."""
    for own, value in subject.session.tracer.scope.items():
        if isinstance(value, Namespace) and value.path == FUNCTIONAL:
            return f"{own}.{name}"
    called = subject.function(name)
    return called.replace(f".{name}", f".nn.functional.{name}") if "." in called else called


def is_numpy(subject: Subject) -> bool:
    """Say whether the file calls functions as NumPy and JAX do: `np.maximum` for `torch.clamp`."""
    scope = subject.session.tracer.scope
    paths = [value.path for value in scope.values() if isinstance(value, Namespace)]
    numpy = any("numpy" in path.split(".") for path in paths)
    return numpy and "torch" not in {path.partition(".")[0] for path in paths}


def at_least(subject: Subject, node: Expression, least: str) -> Edit:
    """Return the edit that keeps an operand from falling below a number."""
    written = text(subject, node)
    if is_numpy(subject):
        return replaced(node, f"{subject.function('maximum')}({written}, {least})")
    return replaced(node, f"{subject.function('clamp')}({written}, min={least})")


def with_keyword(written: Piece, name: str, value: str) -> Edit:
    """Return the edit that gives a call a keyword, or another value to one that it has."""
    if name in written.keywords:
        return replaced(written.keywords[name], value)
    end = written.span.end - 1  # its closing bracket
    return Edit(Span(end, end), f", {name}={value}" if written.operands else f"{name}={value}")
