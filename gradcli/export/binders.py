"""The names that a file binds, found in its syntax tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcli.errors import Span
from gradcli.syntax import tree


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
    """Return every name that a file binds; add those of its functions to a set."""
    found: set[str] = set()
    pending: list[Any] = [*statements]
    while pending:
        x = pending.pop()
        targets: tuple[Any, ...] = ()
        if isinstance(x, tree.Assign):
            targets = x.targets
            if isinstance(x.value, tree.Lambda):
                functions |= {t.id for t in targets if isinstance(t, tree.Name)}
        elif isinstance(x, tree.Annotated | tree.Augmented | tree.For | tree.Clause):
            targets = (x.target,)
        elif isinstance(x, tree.Def):
            found.add(x.name)
            functions.add(x.name)
        elif isinstance(x, tree.Parameter):
            found.add(x.name)
        elif isinstance(x, tree.Import):
            found.add(x.name.partition(".")[0])
        while targets:
            first, *rest = targets
            found |= {first.id} if isinstance(first, tree.Name) else set()
            inner = getattr(first, "inner", getattr(first, "value", None))
            inside = isinstance(first, tree.Starred | tree.Group)
            targets = (*getattr(first, "items", ()), *([inner] if inside else []), *rest)
        pending += children(x)
    return found
