"""Text to syntax tree; the only user of lark, which is imported where tables are made."""

from __future__ import annotations

from gradcli.errors import Source
from gradcli.syntax.tree import Expression, Program

__all__ = ["parse", "parse_expression"]


def parse(source: Source) -> Program:
    """Return the tree of an expression file, or raise `SyntaxFault`."""
    from gradcli.syntax.parser import program

    return program(source)


def parse_expression(source: Source) -> Expression:
    """Return the tree of one value, such as `[1., 2.]`, or raise `SyntaxFault`."""
    from gradcli.syntax.parser import value

    return value(source)
