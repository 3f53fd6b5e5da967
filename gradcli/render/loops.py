"""What a folded loop did, above the table of the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import ConsoleOptions, RenderableType
from rich.text import Text

from gradcli.inspection import Inspection
from gradcli.render.cells import shorten
from gradcli.render.rows import Fold
from gradcli.render.turns import changes
from gradcli.render.words import one_line

_NAME = 14  # characters of a name


def loops(
    inspection: Inspection,
    folds: Sequence[Fold],
    options: ConsoleOptions,
    precision: int | None,
) -> Iterator[RenderableType]:
    """Yield for each folded loop which turn is shown, what it changed, and its loss as a line."""
    ascii_only = options.ascii_only
    for fold in folds:
        loop, count = fold.loop, len(fold.loop)
        rows = changes(inspection, loop, precision, ascii_only=ascii_only)
        yield Text(
            f"the loop in line {loop.line}{', from its first turn to its last' if rows else ''}; "
            f"below is turn {fold.turn:,} of {count:,} (--turn N, --all-turns)"
        )
        names = [one_line(row.name, ascii_only=ascii_only) for row in rows]
        margin = min(max(map(cell_len, names), default=0), _NAME) + 4
        for name, row in zip(names, rows, strict=True):
            name = shorten(name, _NAME, ascii_only=ascii_only)
            yield Text("  " + set_cell_size(name, margin - 2), "bold").append(row.text, "not bold")
            if row.line:
                yield Text(" " * margin + row.line)
        yield Text()
