"""Sequences that keep no more than what their items are made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import Any, Generic, TypeVar, overload

K = TypeVar("K")
T = TypeVar("T")


class Asked(Sequence[T], Generic[K, T]):
    """A sequence whose items are made each time that they are asked for, and not kept.

    `keys` returns what stands for each item; it is called once, when there is a need. `make` makes
    an item of its key. Copies and pickles are tuples of the items.
    """

    def __init__(self, keys: Callable[[], Sequence[K]], make: Callable[[K], T]) -> None:
        self._find, self._make = keys, make

    @cached_property
    def _keys(self) -> Sequence[K]:
        return self._find()

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, place: int) -> T: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...
    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            return tuple(map(self._make, self._keys[place]))
        return self._make(self._keys[place])

    def __iter__(self) -> Iterator[T]:
        return map(self._make, self._keys)

    def __reversed__(self) -> Iterator[T]:
        return map(self._make, reversed(self._keys))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and tuple(self) == tuple(other)

    def __repr__(self) -> str:
        return repr(tuple(self)) if len(self) <= 1 else f"({self[0]}, … {len(self)} of them)"

    def __reduce__(self) -> tuple[Any, ...]:
        return tuple, (tuple(self),)
