"""Arrays in nested lists, tuples and dictionaries: what JAX calls a tree."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.trace.standard.collections import Named
from gradcli.trace.values import described

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer

NESTS: tuple[type[Any], ...] = (list, tuple, type({}.values()))


def flat(value: Any) -> list[Node]:
    """Return the arrays in nested lists, tuples and dictionaries, in order."""
    return [x for _, x in paths(value)]


def paths(value: Any, path: str = "") -> Iterator[tuple[str, Node]]:
    """Yield the arrays of a nest, each with the keys that lead to it: `.0.w`."""
    if isinstance(value, Node):
        yield path, value
    elif isinstance(value, dict):
        for k, x in value.items():
            yield from paths(x, f"{path}.{k}")
    elif isinstance(value, Named):
        for k, x in zip(value.fields, value, strict=True):
            yield from paths(x, f"{path}.{k}")
    elif isinstance(value, NESTS):
        for k, x in enumerate(value):
            yield from paths(x, f"{path}.{k}")


def filled(value: Any, nodes: Iterator[Any], sort: bool = False) -> Any:
    """Return the same nest with other values; `sort` orders keys, as JAX does in what it gives.

    Raises: ArgumentFault where keys have no order.
    """
    if isinstance(value, Node):
        return next(nodes)
    if isinstance(value, dict):
        found = {k: filled(x, nodes, sort) for k, x in value.items()}
        if sort and not isinstance(value, OrderedDict):
            try:
                return {k: found[k] for k in sorted(found)}
            except TypeError:
                said = "the keys of a dictionary of arrays must be of one kind, to be sorted"
                raise ArgumentFault(said) from None
        return OrderedDict(found) if isinstance(value, OrderedDict) else found
    if isinstance(value, Named):
        return value.replaced([filled(x, nodes, sort) for x in value])
    if isinstance(value, list | tuple):
        items = [filled(x, nodes, sort) for x in value]
        return items if isinstance(value, list) else tuple(items)
    return value


def of_arrays(tracer: Tracer, value: Any) -> Any:
    """Return a nest of arrays of a nest whose numbers may be Python's.

    Raises: ArgumentFault for a text or another value in it that is no array.
    """
    if value is None or isinstance(value, Node):
        return value
    if isinstance(value, dict):
        items = {k: of_arrays(tracer, x) for k, x in value.items()}
        return OrderedDict(items) if isinstance(value, OrderedDict) else items
    if isinstance(value, Named):
        return value.replaced([of_arrays(tracer, x) for x in value])
    if isinstance(value, list | tuple):
        items_ = [of_arrays(tracer, x) for x in value]
        return items_ if isinstance(value, list) else tuple(items_)
    return tracer.tensor(value)


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
