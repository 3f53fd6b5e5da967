"""What a row of the table is given: a primitive's call, with the words for its operands."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from gradcli.rule.dtypes import Array

Shape = tuple[int, ...]


@dataclass(frozen=True)
class Word:
    """An operand: a name or a number of the file, and the value it has."""

    name: str
    value: Array
    is_number: bool = False

    @property
    def shape(self) -> Shape:
        """Its sizes."""
        return self.value.shape

    @property
    def dtype(self) -> str:
        """The name of its dtype."""
        return self.value.dtype.name

    @property
    def tensor(self) -> str:
        """The words for it where a number will not do."""
        return f"tensor({self.name}, dtype={self.dtype})" if self.is_number else self.name

    @property
    def factor(self) -> str:
        """The words for it beside an operator, which binds a sign more loosely than a power."""
        return f"({self.name})" if self.name.startswith("-") else self.name

    def __str__(self) -> str:
        return self.tensor


class Said(NamedTuple):
    """A proposal: the words for each result, and arrays that they read, by placeholder."""

    texts: tuple[str, ...]
    data: Mapping[str, Array] = {}


@dataclass(frozen=True)
class Call:
    """A primitive's call: its operands as words, its parameters, the values of its results."""

    name: str
    params: Mapping[str, Any]
    operands: tuple[Word, ...]
    results: tuple[Array, ...]

    def __getitem__(self, k: int) -> Word:
        return self.operands[k]

    @property
    def result(self) -> Array:
        """The value of the first result."""
        return self.results[0]

    @property
    def shape(self) -> Shape:
        """The sizes of the first result."""
        return self.result.shape


Row = Callable[[Call], Iterable[Said]]


def one(text: str, **data: Array) -> Said:
    """Return a proposal for a primitive with one result."""
    return Said((text,), data)


def written(value: Array) -> str:
    """Return a number as the language writes it."""
    number = value.item()
    if isinstance(number, bool | int):
        return str(number)
    if isinstance(number, complex):
        return str(number).strip("()").replace("nan", "0")
    if np.isnan(number):
        return "nan"
    if np.isinf(number):
        return "inf" if number > 0 else "-inf"
    return repr(float(str(value)))


def sizes(shape: Iterable[int]) -> str:
    """Return sizes as a tuple of the language."""
    items = [str(int(n)) for n in shape]
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"
