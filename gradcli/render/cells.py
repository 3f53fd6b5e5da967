"""Pieces of a table for the terminal: columns of numbers, shortened text, highlights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.cells import cell_len, set_cell_size
from rich.text import Text

from gradcli.inspection import Kind
from gradcli.render.numbers import Shown, align, brief, lines

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


class NumberColumn:
    """A column of values that can be written in any width, and knows what it would like."""

    def __init__(
        self,
        arrays: Sequence[Shown | None],
        digits: int | None = None,
        *,
        full: bool = False,
        brief: bool = False,
        missing: str = "",
    ) -> None:
        self._arrays = arrays
        self._brief = brief
        self._missing = missing
        self._digits = digits
        self._full = full
        self.width = self._widest(_NATURAL)
        self.minimum = self._widest(_MINIMUM)

    def cells(self, width: int) -> list[list[str]]:
        """Return the lines of each cell, the decimal points of the scalars in one column."""
        result = [self._cell(array, width) for array in self._arrays]
        scalars = [
            i for i, array in enumerate(self._arrays) if array is not None and not array.shape
        ]
        for i, text in zip(scalars, align([result[i][0] for i in scalars]), strict=True):
            if len(text) <= width:
                result[i] = [text]
        return result

    def _widest(self, width: int) -> int:
        shown = (cell_len(line) for cell in self.cells(width) for line in cell)
        return max(shown, default=0)

    def _cell(self, array: Shown | None, width: int) -> list[str]:
        if array is None:
            return [self._missing]
        if self._brief:
            return [brief(array, width, self._digits)]
        return lines(array, width, self._digits, full=self._full)


def share(room: int, left: NumberColumn, right: NumberColumn) -> tuple[int, int]:
    """Return the widths of two columns in the room there is for both, no number of them cut."""

    def within(width: int, column: NumberColumn) -> int:
        return max(column.minimum, min(width, column.width))

    first = within(room // 2, left)
    second = within(room - first, right)
    return within(room - second, left), second


def numbers_text(cell: Sequence[str], style: str = "") -> Text:
    """Return the lines of a cell, with what is not finite highlighted."""
    text = Text("\n".join(cell), style="dim" if cell == ["None"] else style, no_wrap=True)
    text.highlight_regex(r"\bnan(?=j?\b)|-?\binf(?=j?\b)", "bold red")
    return text


def shorten(text: str, width: int, *, ascii_only: bool = False) -> str:
    """Return text cut to a width in cells, with an ellipsis where something is missing."""
    if cell_len(text) <= width:
        return text
    ellipsis = "..." if ascii_only else "…"
    return set_cell_size(text, max(width - len(ellipsis), 0)).rstrip() + ellipsis
