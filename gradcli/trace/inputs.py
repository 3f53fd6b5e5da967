"""Names that a file reads but never assigns: its inputs."""

from __future__ import annotations

from typing import Any

from gradcli.errors import Span
from gradcli.syntax import tree
from gradcli.syntax.tree import nodes_of


def assigned_names(program: tree.Program) -> set[str]:
    """Return every name that the file binds anywhere."""
    found: set[str] = set()
    for item in nodes_of(program.statements):
        if isinstance(item, tree.Assign):
            for target in item.targets:
                found |= _targets(target)
        elif isinstance(item, tree.Annotated):
            found |= _targets(item.target) if item.value is not None else set()
        elif isinstance(item, tree.Augmented | tree.For | tree.Clause):
            found |= _targets(item.target)
        elif isinstance(item, tree.Def | tree.Class | tree.Import | tree.Parameter):
            found.add(item.name)
    return found


def free_names(program: tree.Program) -> dict[str, Span]:
    """Return the names that are read and never bound, each with its first place, in order."""
    bound = assigned_names(program)
    found: dict[str, Span] = {}
    annotations = _annotation_names(program)
    for item in nodes_of(program.statements):
        if isinstance(item, tree.Name) and item.id not in bound and item.span not in annotations:
            known = found.get(item.id)
            if known is None or item.span.start < known.start:
                found[item.id] = item.span
    return dict(sorted(found.items(), key=lambda pair: pair[1].start))


def called_names(program: tree.Program) -> set[str]:
    """Return the names that stand for the function of a call."""
    return {
        item.function.id
        for item in nodes_of(program.statements)
        if isinstance(item, tree.Call) and isinstance(item.function, tree.Name)
    }


def calls(expression: tree.Expression) -> bool:
    """Say whether a call is in an expression: to evaluate it twice may not be the same."""
    return any(isinstance(item, tree.Call) for item in nodes_of((expression,)))


def _annotation_names(program: tree.Program) -> set[Span]:
    """Return the places of names inside annotations: those are dtypes and sizes."""
    found: set[Span] = set()
    for item in nodes_of(program.statements):
        if isinstance(item, tree.Annotated | tree.Parameter) and item.annotation is not None:
            found |= {x.span for x in nodes_of((item.annotation,)) if isinstance(x, tree.Name)}
    return found


def _targets(target: Any) -> set[str]:
    names: set[str] = set()
    stack = [target]
    while stack:
        item = stack.pop()
        if isinstance(item, tree.Name):
            names.add(item.id)
        elif isinstance(item, tree.Group):
            stack.append(item.inner)
        elif isinstance(item, tree.TupleDisplay | tree.ListDisplay):
            stack.extend(item.items)
    return names
