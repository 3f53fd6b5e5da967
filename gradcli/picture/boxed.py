"""A graph as boxes and lines of characters, for the terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len, chop_cells
from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from gradcli.inspection import Inspection
from gradcli.picture.cards import Asked, Card, Scene
from gradcli.picture.layout import Gaps, Size, layout
from gradcli.picture.scene import scene
from gradcli.render.words import ASCII_MARKS, harmless
from gradcli.session import Session

MOST = 40  # boxes
WIDTH = 26  # columns of a line in a box
GAPS = Gaps(beside=3.0, below=4.0, edge=2.0)
UP, DOWN, LEFT, RIGHT, DASHED = 1, 2, 4, 8, 16
_LINES = {
    UP | DOWN: "│", LEFT | RIGHT: "─", DOWN | RIGHT: "╭", DOWN | LEFT: "╮", UP | RIGHT: "╰",
    UP | LEFT: "╯", UP | DOWN | RIGHT: "├", UP | DOWN | LEFT: "┤", DOWN | LEFT | RIGHT: "┬",
    UP | LEFT | RIGHT: "┴", UP | DOWN | LEFT | RIGHT: "┼", UP: "│", DOWN: "│", LEFT: "─",
    RIGHT: "─",
}  # fmt: skip
_DASHED = {"│": "╎", "─": "╌"}
_BORDERS = {  # of kinds: corners from the top left, horizontal, vertical
    "parameter": "┏┓┗┛━┃", "data": "┌┐└┘┈┊", "intermediate": "╭╮╰╯─│", "root": "╔╗╚╝═║",
}  # fmt: skip
_ASCII_BORDERS = {
    "parameter": "####=#", "data": ".....:", "intermediate": "++++-|", "root": "@@@@=@",
}  # fmt: skip

_DIGITS = r"\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?"
_NUMBER = re.compile(rf"(?<![\w.])[-+]?{_DIGITS}(?:[-+]{_DIGITS}j|j)?")  # a complex one is one


def render(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> RenderableType:
    """Return the graph for a console: boxes with names, values and gradients, lines between them.

    Raises: InputFault where a name that was asked for is not known.
    """
    asked = asked or Asked()
    asked = replace(asked, most=min(asked.most, MOST), across=False)
    return _Boxes(scene(inspection, asked, session))


@dataclass(frozen=True)
class _Boxes:
    scene: Scene

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        yield Text(harmless(self.scene.answer, ascii_only=options.ascii_only), "bold")
        yield from _Canvas(self.scene, options.ascii_only).lines()
        for note in self.scene.notes if self.scene.notes != (self.scene.answer,) else ():
            yield Text(harmless(note, ascii_only=options.ascii_only), "dim")


class _Canvas:
    """Characters by row and column: lines first, boxes over them."""

    def __init__(self, shown: Scene, ascii_only: bool) -> None:
        self.scene, self.ascii_only = shown, ascii_only
        self.texts = {card.id: self._text(card) for card in shown.cards}
        sizes = {
            i: Size(max(map(cell_len, lines)) + 4, len(lines) + 2)
            for i, lines in self.texts.items()
        }
        edges = [(link.source, link.target) for link in shown.links]
        found = layout(sizes, edges, [c.id for c in shown.cards if c.faint], GAPS)
        self.sizes = sizes
        self.left = {i: round(p.x - sizes[i].width / 2) for i, p in found.places.items()}
        tops = sorted({p.y for p in found.places.values()})
        self.level = {i: tops.index(p.y) for i, p in found.places.items()}
        self.passes = {  # the column of an edge in each layer that it passes
            edge: [
                round(enter.x)
                for enter, leave in zip(points[::2], points[1::2], strict=True)
                for top in tops
                if enter.y <= top <= leave.y
            ]
            for edge, points in found.paths.items()
        }
        self.bits: dict[tuple[int, int], int] = {}
        self.cells: dict[tuple[int, int], tuple[str, str]] = {}

    def _text(self, card: Card) -> list[str]:
        """Return the lines of a box."""
        mark = ASCII_MARKS[card.kind] if self.ascii_only else card.mark
        shape = f" {card.shape}" if card.shape else ""
        lines = [f"{mark} {card.title}{shape}", *filter(None, [card.origin, *card.notes])]
        lines += [card.source] if card.source else []
        lines += card.value
        lines += [f"{'grad' if self.ascii_only else '∂'} {line}" for line in card.gradient]
        safe = (harmless(line, ascii_only=self.ascii_only) for line in lines)
        return [_cut(line, "~" if self.ascii_only else "…") for line in safe]

    def lines(self) -> Iterator[Text]:
        """Yield the rows of the picture."""
        tops = self._tops()
        for card in self.scene.cards:
            self._box(card, tops[self.level[card.id]])
        if not self.cells:
            return
        last_row = max(y for y, _ in (*self.cells, *self.bits))
        last_column = max(x for _, x in (*self.cells, *self.bits))
        for y in range(last_row + 1):
            line = Text(no_wrap=True, overflow="ignore")
            skip = 0
            for x in range(last_column + 1):
                if skip:
                    skip -= 1
                    continue
                if (y, x) in self.cells:
                    letter, style = self.cells[y, x]
                    line.append(letter, style)
                    skip = cell_len(letter) - 1
                else:
                    line.append(self._line(self.bits.get((y, x), 0)), "dim")
            line.rstrip()
            yield line

    def _line(self, bits: int) -> str:
        if not bits:
            return " "
        letter = _LINES[bits & ~DASHED]
        if self.ascii_only:
            return {"│": "|", "─": "-"}.get(letter, "+")
        return _DASHED.get(letter, letter) if bits & DASHED else letter

    # ---- edges ---------------------------------------------------------------------------

    def _tops(self) -> list[int]:
        """Draw the edges, and return the first row of each layer: below the tracks above it."""
        count = max(self.level.values(), default=-1) + 1
        heights = [0] * count
        for i, level in self.level.items():
            heights[level] = max(heights[level], int(self.sizes[i].height))
        turns: list[list[tuple[int, int, bool]]] = [[] for _ in range(count)]  # above a layer
        for link in self.scene.links:
            path = [self._middle(link.source), *self.passes[link.source, link.target],
                    self._port(link.source, link.target)]  # fmt: skip
            first = self.level[link.source]
            for k in range(len(path) - 1):
                turns[first + k + 1].append((path[k], path[k + 1], link.weight is None))
        tops, y = [], 0
        for level in range(count):
            tracks = _tracks(turns[level])
            room = max(tracks.values(), default=-1) + 1
            if level:
                y += room + 1
            for (a, b, dashed), track in tracks.items():
                self._wire(y - room - 1, y, a, b, y - room + track, dashed=dashed)
            tops.append(y)
            y += heights[level]
        for link in self.scene.links:  # through the layers that they pass, and below low boxes
            first = self.level[link.source]
            dashed = link.weight is None
            bottom = tops[first] + int(self.sizes[link.source].height)
            self._down(self._middle(link.source), bottom, tops[first] + heights[first], dashed)
            for k, x in enumerate(self.passes[link.source, link.target], first + 1):
                self._down(x, tops[k], tops[k] + heights[k], dashed)
        return tops

    def _middle(self, card: int) -> int:
        return self.left[card] + int(self.sizes[card].width) // 2

    def _port(self, source: int, target: int) -> int:
        """Return the column in which an edge meets a box: side by side with the others."""
        into = [link for link in self.scene.links if link.target == target]

        def beside(a: int) -> int:
            path = self.passes[a, target]
            return path[-1] if path else self._middle(a)

        order = sorted(dict.fromkeys(link.source for link in into), key=beside)
        width = int(self.sizes[target].width)
        if len(order) == 1:  # straight down, where it can
            at = beside(source)
            return min(max(at, self.left[target] + 1), self.left[target] + width - 2)
        step = max(1, min(4, (width - 4) // max(len(order), 1)))
        at = self._middle(target) + step * order.index(source) - step * (len(order) - 1) // 2
        return min(max(at, self.left[target] + 1), self.left[target] + width - 2)

    def _wire(self, top: int, bottom: int, a: int, b: int, track: int, *, dashed: bool) -> None:
        """Draw an edge through the room above a layer: down, along a track, down."""
        more = DASHED if dashed else 0
        if a == b:
            self._down(a, top, bottom, dashed)
            return
        self._down(a, top, track, dashed)
        self._down(b, track + 1, bottom, dashed)
        self._mark(track, a, UP | (RIGHT if b > a else LEFT) | more)
        self._mark(track, b, DOWN | (LEFT if b > a else RIGHT) | more)
        for x in range(min(a, b) + 1, max(a, b)):
            self._mark(track, x, LEFT | RIGHT | more)

    def _down(self, x: int, top: int, bottom: int, dashed: bool) -> None:
        for y in range(top, bottom):
            self._mark(y, x, UP | DOWN | (DASHED if dashed else 0))

    def _mark(self, y: int, x: int, bits: int) -> None:
        before = self.bits.get((y, x))
        if before is not None and not (before & bits & DASHED):
            bits, before = bits & ~DASHED, before & ~DASHED
        self.bits[y, x] = (before or 0) | bits

    # ---- boxes ---------------------------------------------------------------------------

    def _box(self, card: Card, top: int) -> None:
        left, (width, height) = self.left[card.id], self.sizes[card.id]
        right, bottom = left + int(width) - 1, top + int(height) - 1
        border = (_ASCII_BORDERS if self.ascii_only else _BORDERS)[card.kind]
        style = "red" if card.bad else "dim" if card.faint else _STYLES[card.kind]
        for x in range(left, right + 1):
            for y in (top, bottom):
                self.cells[y, x] = border[4], style
        for y in range(top + 1, bottom):
            self.cells[y, left] = self.cells[y, right] = border[5], style
        for place, letter in zip(((top, left), (top, right), (bottom, left), (bottom, right)),
                                 border, strict=False):  # fmt: skip
            self.cells[place] = letter, style
        for k, text in enumerate(self.texts[card.id]):
            self._write(top + 1 + k, left + 2, text, right - 1, "bold" if not k else (
                "dim" if card.faint else ""))  # fmt: skip

    def _write(self, y: int, x: int, text: str, end: int, style: str) -> None:
        for letter in text:
            wide = cell_len(letter)
            if not wide:
                before, kept = self.cells.get((y, x - 1), (" ", style))
                self.cells[y, x - 1] = before + letter, kept
                continue
            self.cells[y, x] = letter, style
            x += wide
        for column in range(x, end):
            self.cells[y, column] = " ", style


_STYLES: Mapping[str, str] = {
    "parameter": "yellow", "data": "cyan", "intermediate": "", "root": "green",
}  # fmt: skip


def _cut(line: str, end: str) -> str:
    """Return a line as long as there is room for, no number of which is broken."""
    if cell_len(line) <= WIDTH:
        return line
    at = len(chop_cells(line, WIDTH - 1)[0])
    broken = (n.start() for n in _NUMBER.finditer(line) if 0 < n.start() < at < n.end())
    return line[: next(broken, at)] + end


def _tracks(turns: Sequence[tuple[int, int, bool]]) -> dict[tuple[int, int, bool], int]:
    """Return a row for each edge that turns, so that no two lie over each other.

    Those that come from one place share a row where they can.
    """
    found: dict[tuple[int, int, bool], int] = {}
    taken: list[list[tuple[int, int, int]]] = []
    for turn in sorted(set(turns), key=lambda t: (abs(t[1] - t[0]), t)):
        a, b, _ = turn
        low, high = min(a, b), max(a, b)
        if a == b:
            found[turn] = -1  # it needs none
            continue
        free = (
            row
            for row, spans in enumerate(taken)
            if all(high < s or low > e or source == a for s, e, source in spans)
        )
        row = next(free, len(taken))
        if row == len(taken):
            taken.append([])
        taken[row].append((low, high, a))
        found[turn] = row
    return found
