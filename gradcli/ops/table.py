"""The table: families of rows, each read when a name of it is used.

Which name stands where is known ahead of time, from `index.txt` (gradcli/ops/index.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import import_module
from pathlib import Path
from types import ModuleType

from gradcli.rule.rule import Primitive, Row

INDEX = Path(__file__).with_name("index.txt")


class Functions(Mapping[str, Row]):
    """What a file can call, by name; the names are known without the rows."""

    def __init__(self, families: Mapping[str, Iterable[str]]) -> None:
        self.homes = {name: family for family, names in families.items() for name in names}
        self._read: dict[str, Row] = {}

    def __getitem__(self, name: str) -> Row:
        row = self._read.get(name)
        if row is None:
            self._read |= named(rows_of(module_of(self.homes[name])))
            row = self._read[name]
        return row

    def __contains__(self, name: object) -> bool:
        return name in self.homes

    def __iter__(self) -> Iterator[str]:
        return iter(self.homes)

    def __len__(self) -> int:
        return len(self.homes)


def module_of(family: str) -> ModuleType:
    """Return the module of a family."""
    return import_module(f"gradcli.ops.{family}")


def rows_of(module: ModuleType) -> list[Row]:
    """Return the rows that a module has, its own and those that it calls."""
    return [value for value in vars(module).values() if isinstance(value, Row)]


def named(rows: Iterable[Row]) -> dict[str, Row]:
    """Return rows by the names that a file can call: without an overload or an underscore."""
    return {
        name: row
        for row in rows
        if not row.name.startswith("_")
        if not (isinstance(row, Primitive) and row.label != row.name)
        for name in (row.name, *row.aliases)
    }


def families() -> dict[str, list[str]]:
    """Return the names that each family has, as the index has them."""
    lines = map(str.split, INDEX.read_text(encoding="utf-8").splitlines())
    return {family: names for family, *names in lines}


@cache
def every_row() -> tuple[Row, ...]:
    """Return all rows, in the order of the files; a row that other families call counts once."""
    found = {id(row): row for family in families() for row in rows_of(module_of(family))}
    return tuple(found.values())
