"""Arrays in nested lists, tuples and dictionaries: what JAX calls a tree."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.trace.values import described

NESTS: tuple[type[Any], ...] = (list, tuple, type({}.values()))


def flat(value: Any) -> list[Node]:
    """Return the arrays in nested lists, tuples and dictionaries, in order."""
    if isinstance(value, Node):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    return [x for part in items for x in flat(part)] if isinstance(items, NESTS) else []


def filled(value: Any, nodes: Iterator[Any]) -> Any:
    """Return the same nest with other arrays."""
    if isinstance(value, Node):
        return next(nodes)
    if isinstance(value, dict):
        return {k: filled(x, nodes) for k, x in value.items()}
    if isinstance(value, list | tuple):
        return type(value)([filled(x, nodes) for x in value])
    return value


def matched(name: str, like: Any, found: Any) -> Iterator[Node | None]:
    """Yield what belongs to each array of a nest; None and 0 stand for zeros."""
    if isinstance(like, Node):
        if found is None or (isinstance(found, int | float) and not found):
            yield None
        elif not isinstance(found, Node) or found.shape != like.shape:
            raise ArgumentFault(
                f"the rule of `{name}` gave {described(found)} for an array of shape "
                f"{list(like.shape)}: it must have the same shape"
            )
        else:
            yield found
    elif isinstance(like, dict | list | tuple):
        keys = like if isinstance(like, dict) else range(len(like))
        for k in keys:
            if found is not None and (not isinstance(found, dict | list | tuple)
                                      or len(found) != len(like)):  # fmt: skip
                raise ArgumentFault(f"the rule of `{name}` gave another structure than it is for")
            yield from matched(name, like[k], None if found is None else found[k])
