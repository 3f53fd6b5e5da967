"""A terminal that shows what is written to it: the few orders that `gradcli watch` gives."""

from __future__ import annotations

import io
import re

_TOKEN = re.compile(r"\x1b\[([0-9;:]*)([A-Za-z])|\r|\n|[^\x1b]")


class Terminal(io.StringIO):
    """So many columns and rows of cells, and those of them that are reversed."""

    encoding = "utf-8"

    def __init__(self, columns: int, rows: int) -> None:
        super().__init__()
        self.columns, self.rows = columns, rows
        self.cells: list[list[str]] = [[] for _ in range(rows)]
        self.scrolled: list[str] = []  # lines that have left it at the top
        self.row = self.column = 0
        self.reversed = False
        self.marked = ""  # what is written reversed since the last time at home

    def size(self) -> tuple[int, int]:
        """Return columns and rows."""
        return self.columns, self.rows

    def write(self, text: str) -> int:
        """Show a text."""
        for found in _TOKEN.finditer(text):
            if found[2]:
                self._order(found[1], found[2])
            elif found[0] == "\r":
                self.column = 0
            elif found[0] == "\n":
                self._down()
            else:
                self._put(found[0])
        return len(text)

    def lines(self) -> list[str]:
        """Return what is shown, without the empty lines below."""
        return "\n".join("".join(row).rstrip() for row in self.cells).rstrip("\n").split("\n")

    def _down(self) -> None:
        self.column = 0  # as the system's line discipline does
        if self.row == self.rows - 1:
            self.scrolled.append("".join(self.cells.pop(0)).rstrip())
            self.cells.append([])
        else:
            self.row += 1

    def _put(self, char: str) -> None:
        assert self.column < self.columns - 1, "the last column stays free"
        row = self.cells[self.row]
        row += " " * (self.column + 1 - len(row))
        row[self.column] = char
        self.column += 1
        self.marked += char * self.reversed

    def _order(self, numbers: str, order: str) -> None:
        match order:
            case "H":
                self.row, self.column, self.marked = 0, 0, ""
            case "K":
                assert numbers == "2"
                self.cells[self.row] = []
            case "J":
                self.cells[self.row] = self.cells[self.row][: self.column]
                self.cells[self.row + 1 :] = [[] for _ in self.cells[self.row + 1 :]]
            case "m":
                on = {"7": True, "27": False, "0": False, "": False}
                self.reversed = on.get(numbers, self.reversed)
                self.marked += " " * (not self.reversed)
            case _:
                raise AssertionError(f"\\x1b[{numbers}{order} is not known here")
