"""Private names: in a class's body `__x` stands for `_Class__x`, as in Python.

So a class and one derived from it may each have a `__x` of its own.
"""

from __future__ import annotations

from typing import Any

from gradcli.errors import Span
from gradcli.syntax import tree

# where a node of the tree has a name that the file gives to something
_NAMES: dict[type, str] = {
    tree.Name: "id",
    tree.Attribute: "name",
    tree.Parameter: "name",
    tree.Def: "name",
    tree.Import: "name",
}


def told_apart(body: tuple[tree.Statement, ...], class_name: str) -> tuple[tree.Statement, ...]:
    """Return the body of a class with its private names in full; classes within keep theirs."""
    nodes = list(tree.nodes_of(body))
    if not any(_is_private(_name(node)) for node in nodes) or not class_name.strip("_"):
        return body
    full = f"_{class_name.lstrip('_')}"
    made: dict[int, Any] = {}

    def part(value: Any) -> Any:
        if isinstance(value, Span) or not isinstance(value, tuple):
            return value
        if hasattr(value, "_fields"):
            return made[id(value)]
        return tuple(part(x) for x in value)

    for node in reversed(nodes):  # what is within comes first
        parts = {field: part(x) for field, x in zip(node._fields, node, strict=True)}
        if isinstance(node, tree.Class):
            parts["body"] = node.body
        elif _is_private(_name(node)):
            parts[_NAMES[type(node)]] = full + _name(node)
        made[id(node)] = type(node)(**parts)
    return tuple(made[id(statement)] for statement in body)


def _name(node: Any) -> str:
    return getattr(node, _NAMES.get(type(node), ""), None) or ""


def _is_private(name: str) -> bool:
    return name.startswith("__") and not name.endswith("__") and "." not in name
