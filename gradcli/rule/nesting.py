"""How deep values may lie in one another: Python goes through lists and tuples on the C stack."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from gradcli.errors import LimitFault

MAX_NESTING = 200  # lists, tuples and dictionaries in one another
MAX_ELEMENTS = 1 << 22  # of nested lists: the same list may be many of the rows
GLANCE = 10_000  # items that a new list or tuple is looked through for, so that loops stay fast
NESTED: tuple[type[Any], ...] = (list, tuple, dict)
TOO_DEEP = (
    f"a list is nested too deeply: more than {MAX_NESTING} lists, tuples or dictionaries in one "
    "another"
)


def check_nesting(value: Any) -> None:
    """Refuse a new value that is nested too deeply, as far as a glance shows it.

    Raises: LimitFault.
    """
    level, seen, looked = [value], {id(value)}, 0
    for _ in range(MAX_NESTING):
        below: list[Any] = []
        for each in level:
            for item in islice(_items(each), GLANCE - looked):
                if isinstance(item, NESTED) and id(item) not in seen:
                    seen.add(id(item))
                    below.append(item)
            looked += len(each)
            if looked >= GLANCE:
                return
        if not below:
            return
        level = below
    raise LimitFault(TOO_DEEP)


def check_arguments(values: Iterable[Any]) -> None:
    """Refuse arguments of a call that are nested too deeply, or hold one another too many times.

    Raises: LimitFault.
    """
    for value in values:
        if isinstance(value, NESTED):
            _check_argument(value)


def _check_argument(value: Any) -> None:
    level, total = {id(value): (value, 1)}, 0  # of each, how many times it is there
    for _ in range(MAX_NESTING):
        below: dict[int, tuple[Any, int]] = {}
        for each, times in level.values():
            total += times * len(each)
            if total > MAX_ELEMENTS:
                raise LimitFault(f"nested lists of more than {MAX_ELEMENTS:,} numbers")
            for item in _items(each):
                if isinstance(item, NESTED):
                    before = below.get(id(item), (item, 0))[1]
                    below[id(item)] = item, before + times
        if not below:
            return
        level = below
    raise LimitFault(TOO_DEEP)


def _items(value: Any) -> Iterable[Any]:
    return value.values() if isinstance(value, dict) else value
