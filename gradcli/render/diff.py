"""The table of `gradcli diff`: the answer, from where on two runs differ, and what follows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from gradcli.compare import Differences, Divergence
from gradcli.render.cells import shorten
from gradcli.render.diff_words import (
    COLUMNS,
    SIDES,
    Shown,
    answer,
    distance,
    elements,
    followed,
    gradient_cell,
    label_of,
    lines_of,
    summary,
    tolerance,
    turn_of,
    value_cell,
)
from gradcli.render.words import one_line

_MARKS = {"root": "★", "parameter": "●", "data": "□", "intermediate": "○"}
_ASCII_MARKS = {"root": "R", "parameter": "P", "data": "D", "intermediate": "."}
_NAME, _MOST = 30, 40  # characters of a name in the table, and rows of it


def render(found: Differences, *, everything: bool = False) -> RenderableType:
    """Return the comparison; `everything` shows equal rows too."""
    return _Report(found, everything)


@dataclass(frozen=True)
class _Report:
    found: Differences
    everything: bool

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        found, plain = self.found, options.ascii_only
        mark = ("v " if plain else "✓ ") if found.same else "x " if plain else "✗ "
        style = "bold green" if found.same else "bold red"
        yield Text(mark + one_line(answer(found), ascii_only=plain), style)
        for name, text in zip(SIDES, (found.left, found.right), strict=True):
            yield Text(f"  {name:<6} {one_line(text, ascii_only=plain)}")
        yield Text(f"  {'within':<6} {tolerance(found)}", "dim")
        if found.divergence is not None:
            yield Text()
            yield from self._sides(found.divergence, options)
        rows = followed(found, everything=self.everything)
        if rows:
            yield Text()
            yield from self._table(rows, plain)
        lines = list(summary(found))
        if lines:
            yield Text()
        for line in lines:
            yield Text(one_line(line, ascii_only=plain))

    def _sides(self, first: Divergence, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Show the lines of both sides one above the other, with the numbers there."""
        plain = options.ascii_only
        row, gap = first.row, first.gap
        label = one_line(label_of(row), ascii_only=plain)
        at = f"{list(gap.at)}" if gap is not None and gap.at else ""
        what = f"gradient of {label}" if first.what == "gradient" else label
        yield Text(f"first  {what}{at}{turn_of(first)}", "bold")
        table = Table.grid(padding=(0, 2, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(overflow="fold")
        table.add_column(no_wrap=True, justify="right")
        values = ("", "") if gap is None else elements(gap)
        if gap is not None and gap.cause == "shape":
            values = str(list(row.shapes[0] or ())), str(list(row.shapes[1] or ()))
        for name, spot, value in zip(SIDES, (first.left, first.right), values, strict=True):
            text = shorten(one_line(spot.text, ascii_only=plain), 2 * options.max_width)
            table.add_row(f"  {name}", f"{spot.line}", Text(text), Text(value, "bold"))
        yield table
        if gap is not None:
            yield Text(f"  {distance(gap)}", "dim")

    def _table(self, rows: list[Shown], plain: bool) -> Iterator[RenderableType]:
        shown = rows if self.everything else rows[:_MOST]
        table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
        for name in COLUMNS:
            header = f"  {name}" if name == "node" else name
            table.add_column(header, no_wrap=name in ("line",), overflow="fold")
        marks = _ASCII_MARKS if plain else _MARKS
        for one in shown:
            row = one.row
            label = shorten(one_line(one.label, ascii_only=plain), _NAME, ascii_only=plain)
            differs = row.differs and not (row.left is None or row.right is None)
            cells = [lines_of(row), value_cell(row), gradient_cell(row)]
            table.add_row(
                Text(f"{marks[row.kind]} {label}", "red" if differs else ""),
                *(Text(one_line(cell, ascii_only=plain)) for cell in cells),
            )
        yield table
        if len(rows) > len(shown):
            yield Text(f"  {len(rows) - len(shown):,} more rows: --all", "dim")
