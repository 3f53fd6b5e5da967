"""The numbers, lists and texts of a file that has no tensor: one row a name, or an expression."""

from __future__ import annotations

from collections.abc import Sequence

from rich.box import Box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from gradcli.inspection import ValueFacts
from gradcli.render.cells import shorten
from gradcli.render.words import one_line

COLUMNS = ("name", "line", "type", "value")
_GAP = 2
_COMFORT = 30  # what a value wants before a name gives way
_CAP = 12  # to which a name is shortened where there is little room


def cells(value: ValueFacts) -> tuple[str, str, str, str]:
    """Return the texts of a row, in the order of the columns."""
    return value.label, str(value.line), value.type, value.text


def table(
    values: Sequence[ValueFacts], box: Box, width: int, *, ascii_only: bool, full: bool
) -> Table:
    """Return the rows for a width; a value that has no room is cut, or goes on below if `full`."""
    rows = [[one_line(text, ascii_only=ascii_only) for text in cells(v)] for v in values]
    widths = [max(map(cell_len, column)) for column in zip(COLUMNS, *rows, strict=True)]
    room = width - sum(widths[:3]) - 3 * _GAP
    if room < min(widths[3], _COMFORT):
        widths[0] = min(widths[0], _CAP)
    widths[3] = max(min(widths[3], width - sum(widths[:3]) - 3 * _GAP), 1)
    found = Table(box=box, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0),
                  header_style="bold")  # fmt: skip
    for name, w in zip(COLUMNS, widths, strict=True):
        wraps = full and name == "value"
        found.add_column(
            name, width=w, no_wrap=not wraps, justify="right" if name == "line" else "left"
        )
    for row in rows:
        texts = [shorten(t, w, ascii_only=ascii_only) for t, w in zip(row, widths, strict=True)]
        found.add_row(*map(Text, [*texts[:3], row[3]] if full else texts))
    return found
