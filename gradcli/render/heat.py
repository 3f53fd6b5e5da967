"""Tensors as coloured blocks with a scale, large ones as histograms: `eval --heat`.

Orange is above 0, blue below, as strong as a number is large; where there is no colour a sign and a
shade say the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np
from rich.cells import cell_len
from rich.text import Text

from gradcli.inspection import Array, Summary
from gradcli.render.cells import numbers_text
from gradcli.render.numbers import Flow, Shown, bracketed, inline, number, shortest, summarised

ROWS, COLUMNS = 8, 16  # of a matrix whose elements have a block each
BINS = 16  # of a histogram
_SHADES, _ASCII_SHADES = " ░▒▓█", " .:+#"
_BARS, _ASCII_BARS = " ▁▂▃▄▅▆▇█", " _.-=+*#@"
_ABOVE, _BELOW, _ZERO = (213, 94, 0), (0, 114, 178), (120, 120, 120)
_STEPS = (-1.0, -0.5, 0.0, 0.5, 1.0)  # of a scale
_WIDEST = 40


class HeatColumn:
    """A column of values as blocks, histograms and, where there is one number, numbers."""

    def __init__(
        self,
        flows: Sequence[Flow],
        *,
        colours: bool,
        ascii_only: bool,
        missing: str = "",
        room: int = _WIDEST,
    ) -> None:
        self._colours, self._ascii_only = colours, ascii_only
        self._room = min(room, _WIDEST)  # characters of values that are written
        self.texts = [self._text(flow, missing) for flow in flows]
        lines = (line for text in self.texts for line in text.plain.splitlines())
        self.width = self.minimum = max(map(cell_len, lines), default=0)

    def _text(self, flow: Flow, missing: str) -> Text:
        array = flow.shown
        if array is None:
            return numbers_text([missing])
        if not array.shape or prod(array.shape) < 2 or array.dtype.kind not in "fiu":
            plain = None if isinstance(array, Summary) else inline(array, self._room)
            cell = [plain or summarised(array, self._room)]
            return numbers_text(bracketed(cell) if flow.passed else cell)
        if isinstance(array, Summary) or not _is_small(array.shape):
            return self._histogram(array)
        return self._blocks(shortest(array))

    def _blocks(self, array: Array) -> Text:
        """Return an element a block, the rows of a matrix below each other, and a scale."""
        top = float(np.abs(array[np.isfinite(array)]).max(initial=0.0))
        found = Text(no_wrap=True)
        rows = array.shape[-2] if array.ndim > 2 else 0  # of a slice
        for k, row in enumerate(array.reshape(-1, array.shape[-1]).tolist()):
            if rows and k and k % rows == 0:
                found.append("\n")
            for x in row:
                found.append_text(self._block(x, top))
            found.append("\n")
        if not top:
            finite = np.isfinite(array)
            others = "all finite ones 0" if finite.any() else "none finite"
            return found.append("all 0" if finite.all() else others, "dim")
        found.append(f"{number(-top, 3)} ", "dim")
        for step in _STEPS:
            found.append_text(self._block(step * top, top))
        return found.append(f" {number(top, 3)}", "dim")

    def _block(self, value: float, top: float) -> Text:
        if not np.isfinite(value):
            return Text("??" if np.isnan(value) else "!!", "bold red")
        part = abs(value) / top if top else 0.0
        if self._colours:
            colour = _ABOVE if value > 0 else _BELOW
            mixed = (round(z + (c - z) * part) for z, c in zip(_ZERO, colour, strict=True))
            return Text("  ", f"on rgb({','.join(map(str, mixed))})")
        shades = _ASCII_SHADES if self._ascii_only else _SHADES
        sign = " " if not value else "+" if value > 0 else "-"
        return Text(sign + shades[min(round(part * 4 + 0.49), 4) if value else 0])

    def _histogram(self, array: Shown) -> Text:
        """Return how many elements are where between the least and the largest one."""
        words = summarised(array, self._room)
        if isinstance(array, Summary):
            return numbers_text([words])
        finite = array[np.isfinite(array)].astype(np.float64)
        bars = _ASCII_BARS if self._ascii_only else _BARS
        if not finite.size or finite.min() == finite.max():
            return numbers_text([words])
        counts, _ = np.histogram(finite, BINS)
        last = len(bars) - 1
        line = "".join(bars[int(np.ceil(c / counts.max() * last))] for c in counts)
        return numbers_text([words, line])


def _is_small(shape: tuple[int, ...]) -> bool:
    return shape[-1] <= COLUMNS and prod(shape[:-1]) <= ROWS
