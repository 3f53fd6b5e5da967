"""How the arguments of calls bind to a row's signature, found out once for calls that are alike."""

from __future__ import annotations

from itertools import chain, islice, repeat
from types import NoneType
from typing import Any, NamedTuple

from gradcli.ops import Row
from gradcli.trace.storage import Tensor

# kinds of parameters that take a tensor as it is, whatever its shape, dtype and values
UNTOUCHED = frozenset({"tensor", "operand", "array", "any"})
FIXED: frozenset[type[Any]] = frozenset({int, float, complex, bool, str, NoneType})
MOST = 64  # kinds of calls that are remembered of one function


class _Binding(NamedTuple):
    """What the arguments of a call came to: values by parameter, None where tensors go.

    `places` are the parameters of the arguments that are tensors, in order, "" for the others.
    `given` are those others: as long as they are kept, their ids are no other objects'.
    """

    bound: dict[str, Any]
    places: tuple[str, ...]
    given: tuple[Any, ...]


class Bindings:
    """The bindings of the calls of an operation.

    Calls are alike where tensors are in the same places and everything else is the same object, as
    it is when a loop comes back to a call.
    """

    def __init__(self, row: Row) -> None:
        self.row = row
        self.kinds = {p.name: p.kind.rstrip("?") for p in row.signature.parameters}
        self._known: dict[tuple[Any, ...], _Binding] = {}

    def known(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any] | None:
        """Return a value for each parameter, None where no call like this one was made before."""
        found = self._known.get(_likeness(args, keywords))
        if found is None:
            return None
        bound = found.bound.copy()
        for name, x in zip(found.places, (*args, *keywords.values()), strict=True):
            if name:
                bound[name] = x
        return bound

    def made(self, args: tuple[Any, ...], keywords: dict[str, Any]) -> dict[str, Any]:
        """Return a value for each parameter.

        Raises: ArgumentFault, as the row does.
        """
        signature, bound = self.row.signature, self.row.bind(args, keywords)
        words = [signature.word(word) or word for word in keywords]
        values = (*args, *keywords.values())
        names = *islice(chain(self.kinds, repeat("")), len(args)), *words
        places = tuple(n if type(x) is Tensor else "" for n, x in zip(names, values, strict=True))
        if all(
            type(x) in FIXED or (self.kinds.get(name) in UNTOUCHED and bound[name] is x)
            for name, x in zip(places, values, strict=True)
        ):
            if len(self._known) == MOST:
                self._known.clear()
            rest = bound | dict.fromkeys(filter(None, places))
            given = tuple(None if type(x) is Tensor else x for x in values)
            self._known[_likeness(args, keywords)] = _Binding(rest, places, given)
        return bound


def _likeness(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """Return what is the same for calls whose arguments bind alike."""
    values = (*args, *keywords.values()) if keywords else args
    return (*[None if type(x) is Tensor else id(x) for x in values], *keywords)
