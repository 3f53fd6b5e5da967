"""`gradcli explain`: the backward pass as a derivation, in three columns.

The line of the file, its local factor as a formula and with its numbers, and the gradient so far.
A cell that is too long goes on below; where there is no room for three columns, the last two stand
below the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from gradcli.explain.explanation import Explanation, Passed, called
from gradcli.inspection import Inspection
from gradcli.render.cells import numbers_text, shorten
from gradcli.render.explain_places import place_rows
from gradcli.render.explain_rows import Row, Style, cut_sentences, for_width, rows
from gradcli.render.numbers import brief

_GAP = 2
_NARROW = 64  # columns below which three of them have no room
_SAME = 5  # lines that two gradients begin with alike, from which on they stand there once
_LONG = 400  # characters of a formula that is shown


def render(
    explanations: Sequence[Explanation],
    *,
    inspection: Inspection,
    full: bool = False,
    depth: int | None = None,
) -> RenderableType:
    """Return the derivations of some gradients of a run, one below the other."""
    return _Page(explanations, inspection, Style(full=full, depth=depth, record=inspection.record))


@dataclass(frozen=True)
class _Page:
    explanations: Sequence[Explanation]
    inspection: Inspection
    style: Style

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        plain = options.ascii_only
        style = for_width(self.style, options.max_width)
        style = replace(style, ascii_only=plain)
        writer = _Writer(self.inspection, style, options.max_width, console)
        for position, explanation in enumerate(self.explanations):
            if position:
                yield Text()
            yield from writer.explanation(explanation)
        if writer.arriving:
            yield Text()
            said = " and ".join(writer.arriving)
            yield from writer.sentence(f"{said} is what arrives at a line from those above it.")


class _Writer:
    def __init__(self, inspection: Inspection, style: Style, width: int, console: Console) -> None:
        self.inspection, self.nodes = inspection, {node.id: node for node in inspection.nodes}
        self.style, self.width, self.console = style, width, console
        self.sign = "d" if style.ascii_only else "∂"
        self.arrow = "->" if style.ascii_only else "→"
        self.above: tuple[str, list[Row]] = ("", [])
        self.arriving: dict[str, None] = {}  # what formulas call that: g

    def explanation(self, e: Explanation) -> Iterator[Text]:
        """Yield the lines of one gradient."""
        label = called(self.inspection, e.target)
        if len(e.passes) > 1:
            assert e.gradient is not None, "a pass gives a gradient"
            head = f"{label}.grad, of {len(e.passes)} backward() passes: "
            yield self._bold(head + brief(e.gradient, self.width))
        if not e.passes:
            yield self._bold(f"{label}: no gradient")
        for p in e.passes:
            yield from self._pass(p, label)
        if len(e.passes) > 1 or any(p.times > 1 for p in e.passes):
            yield from self._sum(e, label)
        cuts = [line for said in cut_sentences(e, self.nodes) for line in self.sentence(said)]
        notes = [line for note in e.notes for line in self.sentence(note)]
        yield from [*cuts, *notes] if e.passes else [*notes, *cuts]

    def _bold(self, said: str) -> Text:
        return Text(shorten(self.style.safe(said), self.width, ascii_only=self.style.ascii_only),
                    "bold")  # fmt: skip

    def _pass(self, p: Passed, label: str) -> Iterator[Text]:
        d = p.derivation
        root = called(self.inspection, d.root)
        times = f"  (backward() ran {p.times} times)" if p.times > 1 else ""
        head = f"{self.sign}{root}/{self.sign}{label} = "
        room = max(self.width - cell_len(self.style.safe(head)) - len(times), 8)
        yield self._bold(f"{head}{brief(d.gradient, room)}{times}")
        if not d.steps:
            yield from self.sentence(f"{label} is the root itself: its gradient is 1.")
            return
        if d.start.size != 1 or d.start.item() != 1:
            yield self._dim(f"backward starts with {self.style.value(d.start)} at {root}")
        lines = self._unseen(rows(d, self.nodes, self.style), label)
        if any(s.factor is None for s in d.steps):
            self.arriving[self.style.safe(d.arriving)] = None
        yield from self._columns(lines)
        yield from self._formulas(p)
        if p.places:
            yield from self._columns(place_rows(p.places, d, self.nodes, self.style))

    def _unseen(self, lines: list[Row], label: str) -> list[Row]:
        """Return rows without those that the gradient above begins with too, if they are many."""
        (above, seen), self.above = self.above, (label, lines)
        same = next((k for k, pair in enumerate(zip(lines, seen, strict=False))
                     if pair[0] != pair[1]), min(len(lines), len(seen)))  # fmt: skip
        if self.style.full or same < _SAME:
            return lines
        more = Row(f"{self.style.dots} {same - 1} lines as for {above}")
        return [more, *lines[same - 1 :]]

    def _columns(self, lines: Sequence[Row]) -> Iterator[Text]:
        wants = [
            max((cell_len(c) for c in column), default=0)
            for column in (
                ["  " * (1 + r.depth) + r.line for r in lines if r.factor or r.gradient],
                [r.factor for r in lines],
                [f"{self.arrow} {r.gradient}" for r in lines if r.gradient],
            )
        ]
        widths = _shares(wants, self.width - 2 * _GAP)
        for row in lines:
            if not row.gradient:
                yield from self.sentence(row.line)
            elif self.width < _NARROW:
                yield from self._stacked(row)
            else:
                yield from self._beside(row, widths)

    def _beside(self, row: Row, widths: Sequence[int]) -> Iterator[Text]:
        indent = "  " * (1 + row.depth)
        line = shorten(row.line, 3 * (widths[0] - len(indent)), ascii_only=self.style.ascii_only)
        cells = [
            self._wrapped(line, widths[0] - len(indent)),
            self._wrapped(row.factor, widths[1]),
            self._wrapped(f"{self.arrow} {row.gradient}", widths[2]),
        ]
        remark = "  ".join(row.remarks)
        end = sum(widths) + 2 * _GAP
        height = max(map(len, cells))
        beside = height == 1 and remark and end + 2 + cell_len(remark) <= self.width
        for k in range(height):
            first, second, third = (cell[k] if k < len(cell) else "" for cell in cells)
            found = Text(_padded(indent * bool(first) + first, widths[0] + _GAP), no_wrap=True)
            found.append(_padded(second, widths[1] + _GAP), "cyan")
            found.append_text(numbers_text([("  " if k and third else "") + third]))
            if beside:
                found.append(" " * max(end + 2 - found.cell_len, 2) + remark, "dim")
            found.rstrip()
            yield found
        if remark and not beside:
            yield from self.sentence(remark, 2 * (2 + row.depth))

    def _stacked(self, row: Row) -> Iterator[Text]:
        indent = 2 * (1 + row.depth)
        for said, more, style in (
            (row.line, 0, ""), (row.factor, 2, "cyan"), (f"{self.arrow} {row.gradient}", 2, "")
        ):  # fmt: skip
            for line in self._wrapped(said, self.width - indent - more):
                yield Text(" " * (indent + more) + line, style, no_wrap=True)
        for remark in row.remarks:
            yield from self.sentence(remark, indent + 2)

    def _wrapped(self, said: str, width: int) -> list[str]:
        """Return a text in lines of at most so many columns."""
        if not said:
            return []
        return [line.plain.rstrip() for line in Text(said).wrap(self.console, max(width, 4))]

    def _formulas(self, p: Passed) -> Iterator[Text]:
        if p.formula is None:
            return
        short = self.style.formula(p.formula)
        yield from self._labelled("formula", short, "bold")
        long = "" if p.whole is None else self.style.formula(p.whole)
        if long and long != short and len(long) <= _LONG:
            yield from self._labelled("=", long)
        if p.numbers is not None:
            terms = [self.style.formula(x) for x in p.numbers.terms]
            said = " + ".join(terms) if p.numbers.added else ", ".join(terms)
            if p.derivation.gradient.ndim:
                said = f"[{said}]"
            value = self.style.value(p.derivation.gradient)
            if said != value and said != long:
                yield from self._labelled("elements", f"{said} = {value}")

    def _labelled(self, name: str, said: str, style: str = "") -> Iterator[Text]:
        for k, line in enumerate(self._wrapped(self.style.safe(said), self.width - 12)):
            found = Text(f"  {'' if k else name:>8}  ", "dim", no_wrap=True)
            yield found.append(line, style)

    def _sum(self, e: Explanation, label: str) -> Iterator[Text]:
        assert e.gradient is not None, "a pass gives a gradient"
        parts: list[str] = []
        for p in e.passes:
            value = self.style.value(p.derivation.gradient)
            value = f"({value})" if value.startswith("-") and parts else value
            times = "*" if self.style.ascii_only else "·"
            parts.append(value if p.times == 1 else f"{p.times}{times}{value}")
        said = f"{label}.grad = {' + '.join(parts)} = {self.style.value(e.gradient)}"
        for line in self._wrapped(self.style.safe(said), self.width):
            yield Text(line, "bold")

    def _dim(self, said: str) -> Text:
        said = shorten(self.style.safe(said), self.width - 2, ascii_only=self.style.ascii_only)
        return Text(f"  {said}", "dim")

    def sentence(self, said: str, indent: int = 2) -> Iterator[Text]:
        """Yield a sentence in as many lines as it takes."""
        for line in self._wrapped(self.style.safe(said), self.width - indent):
            yield Text(" " * indent + line, "dim", no_wrap=True)


def _shares(wants: list[int], room: int) -> list[int]:
    """Return the widths of three columns: what they want, or what there is, shared."""
    if sum(wants) <= room:
        return wants
    found = list(wants)
    found[2] = min(wants[2], max(room // 3, 20))
    found[0] = min(wants[0], (room - found[2]) // 2)
    found[1] = min(wants[1], room - found[0] - found[2])
    spare = room - sum(found)
    for k in (0, 2):
        more = min(spare, wants[k] - found[k])
        found[k], spare = found[k] + more, spare - more
    return found


def _padded(said: str, width: int) -> str:
    return said + " " * max(width - cell_len(said), 0)
