"""`gradcli explain`: the backward pass as a derivation, in three columns.

The line of the file, its local factor as a formula and with its numbers, and the gradient so far.
Where there is no room for three columns beside each other, the last two stand below the first.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.text import Text

from gradcli.explain.derivation import Derivation, Step
from gradcli.formula.dialects import ASCII, MATHEMATICS, Dialect
from gradcli.formula.text import text
from gradcli.inspection import Array, Inspection, NodeFacts
from gradcli.render.cells import numbers_text, shorten
from gradcli.render.numbers import brief
from gradcli.render.words import one_line

_GAP = 3
_NUMBERS = 24  # columns that a value takes at most
_LINE = 40  # and the line that it belongs to


class Row(NamedTuple):
    """A line of the derivation: what was computed, by what, what flows on, and a remark."""

    line: str
    factor: str
    gradient: str
    remark: str


def rows(derivation: Derivation, inspection: Inspection, *, ascii_only: bool = False) -> list[Row]:
    """Return the lines of a derivation, those of sums where several ways meet among them."""
    dialect = ASCII if ascii_only else MATHEMATICS
    nodes = {node.id: node for node in inspection.nodes}
    found = []
    for step in derivation.steps:
        operand = nodes[step.operand]
        found.append(
            Row(
                line_of(nodes[step.row]),
                _factor(step, dialect, first=step.row == derivation.root),
                _value(step.passed) + (f"  ({step.way})" if step.way else ""),
                _remark(step, nodes),
            )
        )
        if step.total is not None:
            ways = " + ".join(f"({k + 1})" for k in range(step.way or 0))
            found.append(Row(f"{operand.label}: {ways}", "", _value(step.total), ""))
    return found


def line_of(node: NodeFacts) -> str:
    """Return what the file says of a node: `loss2 = loss**2`."""
    bound = node.name is not None and node.source != node.name
    return one_line(f"{node.label} = {node.source}" if bound else node.label)


def _factor(step: Step, dialect: Dialect, *, first: bool) -> str:
    times = "*" if dialect is ASCII else "×"
    if step.factor is None:
        return text(step.formula, dialect)
    said = text(step.factor, dialect)
    if " " in said and not first:
        said = f"({said})" if any(sign in said for sign in (" + ", " − ", " - ")) else said
    shown = said if first else f"{times} {said}"
    numbers = "" if step.numbers is None else brief(step.numbers, _NUMBERS)
    plain = said.replace("−", "-") == numbers or (step.factor.key == 1 and not step.factor.shape)
    return shown if plain or not numbers else f"{shown} = {numbers}"


def _value(array: Array) -> str:
    return brief(array, _NUMBERS)


def _remark(step: Step, nodes: dict[int, NodeFacts]) -> str:
    if not step.summed:
        return ""
    row, operand = nodes[step.row], nodes[step.operand]
    own = "1 element" if not operand.shape else f"shape {list(operand.shape)}"
    return f"summed: {row.label} has shape {list(row.shape)}, {operand.label} {own}"


@dataclass(frozen=True)
class _Page:
    derivations: Sequence[Derivation]
    inspection: Inspection

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        for position, derivation in enumerate(self.derivations):
            if position:
                yield Text()
            yield from self._derivation(derivation, options)

    def _derivation(self, d: Derivation, options: ConsoleOptions) -> Iterator[Text]:
        plain = options.ascii_only
        sign = "d" if plain else "∂"
        root, target = self.inspection.node(d.root), self.inspection.node(d.target)
        head = f"{sign}{root.label}/{sign}{target.label} = {brief(d.gradient, options.max_width)}"
        yield Text(one_line(head, ascii_only=plain), style="bold")
        lines = rows(d, self.inspection, ascii_only=plain)
        widths = [max((cell_len(row[k]) for row in lines), default=0) for k in range(3)]
        widths[0] = min(widths[0], _LINE)
        wide = sum(widths) + 2 + 2 * _GAP + 2 <= options.max_width
        arrow = "->" if plain else "→"
        for row in lines:
            line = shorten(row.line, widths[0], ascii_only=plain)
            yield from (
                self._wide(row, line, widths, arrow, options)
                if wide
                else self._narrow(row, arrow, options)
            )
        yield from self._formulas(d, options)

    def _wide(
        self, row: Row, line: str, widths: list[int], arrow: str, options: ConsoleOptions
    ) -> Iterator[Text]:
        text = Text(f"  {_padded(line, widths[0] + _GAP)}", no_wrap=True)
        text.append(_padded(row.factor, widths[1] + _GAP - 1), "cyan")
        text.append_text(numbers_text([f"{arrow} {row.gradient}"]))
        room = options.max_width - text.cell_len - _GAP
        if row.remark and room >= cell_len(row.remark):
            text.append(" " * _GAP + row.remark, "dim")
            yield text
        else:
            yield text
            if row.remark:
                yield Text(f"    {shorten(row.remark, options.max_width - 4)}", "dim")

    def _narrow(self, row: Row, arrow: str, options: ConsoleOptions) -> Iterator[Text]:
        width = options.max_width
        yield Text(f"  {shorten(row.line, width - 2, ascii_only=options.ascii_only)}")
        below = Text("      ")
        if row.factor:
            below.append(row.factor, "cyan")
        gradient = f"{arrow} {row.gradient}"
        if below.cell_len + len(gradient) + 2 > width:
            yield from below.wrap(Console(width=width), width)
            below = Text("      ")
        else:
            below.append("  " if row.factor else "")
        yield below.append_text(numbers_text([gradient]))
        if row.remark:
            yield Text(f"      {shorten(row.remark, width - 6)}", "dim")

    def _formulas(self, d: Derivation, options: ConsoleOptions) -> Iterator[Text]:
        dialect = ASCII if options.ascii_only else MATHEMATICS
        short, long = text(d.short, dialect), text(d.formula, dialect)
        yield Text("  formula  ", "dim").append(short, "bold")
        if long != short and len(long) <= 2 * options.max_width:
            yield Text("         = ", "dim").append(long)


def _padded(text: str, width: int) -> str:
    return text + " " * max(width - cell_len(text), 0)


def render(derivations: Sequence[Derivation], *, inspection: Inspection) -> RenderableType:
    """Return the derivations of some gradients of a run, one below the other."""
    return _Page(derivations, inspection)
