"""The names that a file binds, found in its syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcli.errors import Span
from gradcli.syntax import tree
from gradcli.syntax.tree import nodes_of
from gradcli.trace.inputs import bound_names


def children(x: Any) -> Iterator[Any]:
    """Yield the parts of a node of the syntax tree."""
    for part in x:
        if isinstance(part, Span):
            continue
        if hasattr(part, "span"):
            yield part
        elif isinstance(part, tuple):
            yield from (y for one in part for y in (one if isinstance(one, tuple) and not (
                hasattr(one, "span")) else (one,)) if hasattr(y, "span"))  # fmt: skip


def bound(statements: Any, functions: set[str]) -> set[str]:
    """Return every name that a file binds; add those of its functions and classes to a set."""
    for x in nodes_of(statements):
        if isinstance(x, tree.Assign) and isinstance(x.value, tree.Lambda):
            functions |= {t.id for t in x.targets if isinstance(t, tree.Name)}
        elif isinstance(x, tree.Def | tree.Class):
            functions.add(x.name)
    return bound_names(statements)
