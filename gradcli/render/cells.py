"""Pieces of a table for the terminal: columns of numbers, shortened text, highlights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from gradcli.inspection import Kind
from gradcli.render.numbers import Flow, Shown, align, bracketed, shortened, summarised, whole

STYLES: Mapping[Kind, str] = {
    "parameter": "bold magenta",
    "data": "cyan",
    "intermediate": "",
    "root": "bold green",
}

# what a column of numbers takes where there is room
_NATURAL = 60
# less holds none of the headers
_MINIMUM = 5
_BRACKETS = 2  # that a gradient stands in which has flowed and was not kept


class NumberColumn:
    """A column of values that can be written in any width, and knows what it would like.

    Matrices of one shape are written out, or summarised, all of them. `flows` are values, or
    gradients with whether they have passed without being kept.
    """

    def __init__(
        self,
        flows: Sequence[Flow],
        digits: int | None = None,
        *,
        full: bool = False,
        brief: bool = False,
        missing: str = "",
    ) -> None:
        self._flows = flows
        self._brief = brief
        self._missing = missing
        self._digits = digits
        self._full = full
        # never less than a header
        self.width = max(self._widest(_NATURAL), _MINIMUM)
        self.minimum = min(max(self._widest(_MINIMUM), _MINIMUM), self.width)

    def cells(self, width: int) -> list[list[str]]:
        """Return the lines of each cell, the decimal points of the scalars in one column."""
        written: list[list[str] | None] = []
        no_room: set[tuple[int, ...]] = set()
        for array, _ in self._flows:
            cell = None if array is None else self._whole(array, width)
            written.append(cell)
            if array is not None and cell is None and len(array.shape) > 1:
                no_room.add(array.shape)
        result = [
            self._cell(flow, None if flow.shown is None or flow.shown.shape in no_room else cell,
                       width)
            for flow, cell in zip(self._flows, written, strict=True)
        ]  # fmt: skip
        scalars = [
            i for i, (array, _) in enumerate(self._flows) if array is not None and not array.shape
        ]
        for i, text in zip(scalars, align([result[i][0] for i in scalars]), strict=True):
            if len(text) <= width:
                result[i] = [text]
        return result

    def _widest(self, width: int) -> int:
        shown = (cell_len(line) for cell in self.cells(width) for line in cell)
        return max(shown, default=0)

    def _whole(self, array: Shown, room: int) -> list[str] | None:
        return whole(array, room, self._digits, full=self._full, brief=self._brief)

    def _shortened(self, array: Shown, room: int) -> list[str]:
        if self._brief:
            return [summarised(array, room, self._digits)]
        return shortened(array, room, self._digits)

    def _cell(self, flow: Flow, written: list[str] | None, width: int) -> list[str]:
        array, passed = flow
        if array is None:
            return [self._missing]
        room = width - _BRACKETS * passed
        cell = written or self._shortened(array, room)
        return bracketed(cell) if passed else cell


class Column(Protocol):
    """What shares the room for numbers: the width that it would like, and that it needs."""

    width: int
    minimum: int


def share(room: int, left: Column, right: Column) -> tuple[int, int]:
    """Return the widths of two columns in the room there is for both, no number of them cut."""

    def within(width: int, column: Column) -> int:
        return max(column.minimum, min(width, column.width))

    first = within(room // 2, left)
    second = within(room - first, right)
    return within(room - second, left), second


def numbers_text(cell: Sequence[str], style: str = "") -> Text:
    """Return the lines of a cell, with what is not finite highlighted."""
    passed = cell == ["None"] or cell[0].lstrip().startswith("(")
    text = Text("\n".join(cell), style="dim" if passed else style, no_wrap=True)
    text.highlight_regex(r"\bnan(?=j?\b)|-?\binf(?=j?\b)", "bold red")
    return text


def is_path(text: str) -> bool:
    """Say whether a name is that of a module's parameter or part."""
    return "." in text and all(part.isalnum() for part in text.replace("_", "a").split("."))


def shorten(text: str, width: int, *, ascii_only: bool = False) -> str:
    """Return text cut to a width in cells, with an ellipsis where something is missing.

    Of the path of a parameter, `net.fc1.weight`, the end stays.
    """
    if cell_len(text) <= width:
        return text
    ellipsis = "..." if ascii_only else "…"
    mark, gap, name = text.partition(" ") if text[1:2] == " " else ("", "", text)
    if is_path(name):
        room = max(width - len(mark + gap + ellipsis), 0)
        return mark + gap + ellipsis + name[len(name) - room :]
    return set_cell_size(text, max(width - len(ellipsis), 0)).rstrip() + ellipsis
