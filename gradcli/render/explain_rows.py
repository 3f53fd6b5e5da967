"""The lines of a derivation as short texts, for every output: what repeats is folded."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from gradcli.explain.derivation import Derivation, Step
from gradcli.explain.explanation import Explanation
from gradcli.formula.dialects import ASCII, MATHEMATICS, Dialect
from gradcli.formula.expressions import Formula, Number
from gradcli.formula.text import text
from gradcli.inspection import Array, NodeFacts, RecordFacts
from gradcli.render.cells import shorten
from gradcli.render.numbers import brief
from gradcli.render.replayed import where
from gradcli.render.words import one_line

LABEL = 24  # columns of the operand that something is passed on to
LONGEST = 64  # rows of a loop's turn that are looked for
TURNS = 3  # from so many turns on, those between the first and the last are folded
MOST, LAST = 60, 10  # lines that are shown unless all are asked for, and how many from the end
_DIGITS = re.compile(r"\d+\.\d{6,}(e[-+]?\d+)?")
WAYS = 5  # that meet and are written out


@dataclass(frozen=True)
class Row:
    """A line of a derivation: what was computed, the local factor, what flows on, and remarks.

    `depth` is 1 for what has no name of its own in the file. A row that stands for others has only
    a `line`. Texts are one line each, and harmless to a terminal.
    """

    line: str
    factor: str = ""
    gradient: str = ""
    remarks: tuple[str, ...] = ()
    depth: int = 0


@dataclass(frozen=True)
class Style:
    """How rows are written: in ASCII, values in so many columns, nothing left out, how far."""

    ascii_only: bool = False
    values: int = 24
    full: bool = False
    depth: int | None = None
    record: RecordFacts | None = None  # where the lines of a replay are in the program

    @property
    def dialect(self) -> Dialect:
        """How formulas are written."""
        return ASCII if self.ascii_only else MATHEMATICS

    def safe(self, said: str) -> str:
        """Return a text in one line that steers no terminal."""
        return one_line(said, ascii_only=self.ascii_only)

    def formula(self, formula: Formula) -> str:
        """Return a formula, its long numbers rounded as values are."""
        return _DIGITS.sub(lambda x: f"{float(x[0]):.6g}", text(formula, self.dialect))

    def value(self, array: Array) -> str:
        """Return an array in few columns."""
        return brief(array, self.values)

    @property
    def dots(self) -> str:
        """An ellipsis."""
        return "..." if self.ascii_only else "…"


def rows(derivation: Derivation, nodes: Mapping[int, NodeFacts], style: Style) -> list[Row]:
    """Return the lines of a derivation, those of sums where several ways meet among them."""
    steps, left = list(derivation.steps), 0
    if style.depth is not None:
        steps = [s for s in steps if s.distance < style.depth]
        left = len(derivation.steps) - len(steps)
    groups = _chains(steps)
    uses: dict[int, int] = {}
    for group in groups:
        uses[group[0].row] = uses.get(group[0].row, 0) + 1
    writer = _Writer(derivation, nodes, style, uses)
    found = writer.written(groups)
    if not style.full and len(found) > MOST:
        hidden = len(found) - MOST
        more = Row(f"{style.dots} {hidden} more lines (--full shows them)")
        found = [*found[: MOST - LAST], more, *found[-LAST:]]
    if left:
        plural = "step" if left == 1 else "steps"
        found.append(Row(f"{style.dots} {left} more {plural}, further from {writer.root}"))
    return found


def each(
    derivation: Derivation, nodes: Mapping[int, NodeFacts], style: Style
) -> Iterator[tuple[Step, Row, Row | None]]:
    """Yield every step with its line, and with that of the sum where it is the last of several."""
    uses: dict[int, int] = {}
    for step in derivation.steps:
        uses[step.row] = uses.get(step.row, 0) + 1
    writer = _Writer(derivation, nodes, style, uses)
    for step in derivation.steps:
        found = writer.row([step], again=False)
        yield step, found[0], found[1] if len(found) > 1 else None


def line_of(node: NodeFacts) -> str:
    """Return what the file says of a node: `loss2 = loss**2`."""
    bound = node.name is not None and node.source != node.name
    return f"{node.label} = {node.source}" if bound else node.label


def _chains(steps: Sequence[Step]) -> list[list[Step]]:
    """Return steps in groups: views one behind the other together, any other alone."""
    found: list[list[Step]] = []
    for step in steps:
        before = found[-1][-1] if found else None
        follows = before is not None and before.operand == step.row and before.way is None
        if before is not None and follows and before.view and step.view:
            found[-1].append(step)
        else:
            found.append([step])
    return found


def cut_sentences(e: Explanation, nodes: Mapping[int, NodeFacts]) -> list[str]:
    """Return what is said of the rows that pass nothing back; once of those in a loop."""
    found: dict[tuple[str, int, str], int] = {}
    for cut in e.cuts:
        node = nodes.get(cut.row)
        if node is not None:
            name = node.source if node.name is None else f"{node.name} = {node.source}"
            shown = node.name if node.name is not None and node.op == "leaf" else name
            key = (shown or name, node.line, cut.why)
            found[key] = found.get(key, 0) + 1
    return [
        f"nothing comes back through `{said}` (line {line}{f', {n} times' if n > 1 else ''}): it "
        f"{why}."
        for (said, line, why), n in found.items()
    ]


class _Writer:
    def __init__(
        self,
        derivation: Derivation,
        nodes: Mapping[int, NodeFacts],
        style: Style,
        uses: Mapping[int, int],
    ) -> None:
        self.nodes, self.style, self.uses = nodes, style, uses
        self.first = derivation.steps[0] if derivation.steps else None
        self.one = derivation.start.size == 1 and derivation.start.item() == 1
        self.root = style.safe(nodes[derivation.root].label)

    def written(self, groups: Sequence[list[Step]]) -> list[Row]:
        """Return the rows of groups of steps, the turns of loops folded."""
        found: list[Row] = []
        k = 0
        for start, period, turns in [*self._loops(groups), (len(groups), 0, 0)]:
            found += self._each(groups, range(k, start))
            if turns:
                last = start + period * (turns - 1)
                found += self._each(groups, range(start, start + period))
                found.append(self._repeat(groups[start : start + period], turns - 2))
                found += self._each(groups, range(last, last + period))
            k = start + period * turns
        return found

    def _each(self, groups: Sequence[list[Step]], places: range) -> list[Row]:
        found: list[Row] = []
        for k in places:
            before = groups[k - 1] if k else groups[k]
            again = k > 0 and before[0].row == groups[k][0].row and before[-1].total is None
            found += self.row(groups[k], again=again)
        return found

    def _loops(self, groups: Sequence[list[Step]]) -> Iterator[tuple[int, int, int]]:
        """Yield where turns of a loop begin, of how many groups each is, and how many they are."""
        if self.style.full:
            return
        keys = [
            tuple((self._place(s.row), self._place(s.operand), s.way is None) for s in group)
            for group in groups
        ]
        k = 0
        while k < len(keys):
            period, turns = next(
                ((p, t) for p in range(1, LONGEST + 1) if (t := _repeats(keys, k, p)) > TURNS),
                (0, 0),
            )
            if turns:
                yield k, period, turns
            k += max(period * turns, 1)

    def _place(self, id: int) -> tuple[int, str, str]:
        node = self.nodes[id]
        return node.line, node.op, node.source

    def _repeat(self, groups: Sequence[list[Step]], turns: int) -> Row:
        lines = [self.nodes[s.row].line for group in groups for s in group]
        first, last = min(lines), max(lines)
        where = f"line {first}" if first == last else f"lines {first} to {last}"
        times = "*" if self.style.ascii_only else "×"
        return Row(f"{self.style.dots} {times} {turns} more turns of {where}")

    def row(self, group: list[Step], *, again: bool) -> list[Row]:
        """Return the line of a group, and that of the sum where several ways end in it."""
        first, last, style = group[0], group[-1], self.style
        node, operand = self.nodes[first.row], self.nodes[last.operand]
        to = ""
        if self.uses[first.row] > 1:
            to = shorten(style.safe(operand.label), LABEL, ascii_only=style.ascii_only) + ": "
        way = f"  ({last.way})" if last.way else ""
        found = [
            Row(
                "" if again else style.safe(line_of(node)),
                style.safe(self._factor(group)),
                f"{to}{style.value(last.passed)}{way}",
                tuple(map(style.safe, self._remarks(group))),
                int(node.name is None),
            )
        ]
        if last.total is not None:
            count = last.way or 0
            ways = [f"({k + 1})" for k in range(count)]
            if count > WAYS:
                ways = [*ways[:2], style.dots, ways[-1]]
            line = style.safe(f"{operand.label}: {' + '.join(ways)}")
            found.append(Row(line, "", style.value(last.total), (), int(operand.name is None)))
        return found

    def _factor(self, group: list[Step]) -> str:
        step, style = group[0], self.style
        if len(group) > 1:
            ops = ", ".join(dict.fromkeys(self.nodes[s.row].op for s in group))
            return f"back through {ops}"
        times = "*" if style.ascii_only else "×"
        if step.factor is None:
            return style.formula(step.formula)
        said = style.formula(step.factor)
        first = self.one and self.first is not None and step.row == self.first.row
        loose = (" + ", " − ", " - ", " > ", " < ", " >= ", " <= ", " == ")
        if not first and any(sign in said for sign in loose):
            said = f"({said})"
        shown = said if first else f"{times} {said}"
        numbers = "" if step.numbers is None else style.value(step.numbers)
        plain = said.replace("−", "-") == numbers or not _named(step)
        if not plain and numbers:
            shown += f" = {numbers}"
        return shown + (", summed" if step.summed else "")

    def _remarks(self, group: list[Step]) -> Iterator[str]:
        for step in group:
            row, operand = self.nodes[step.row], self.nodes[step.operand]
            if row.name is not None and (said := where(self.style.record, row)):
                yield said
            if step.summed:
                yield f"({_sizes(row, operand)})"
            if step.kink is not None and step.kink.places:
                count = step.kink.places
                places = "" if not operand.shape else f" at {count} element{'s' * (count > 1)}"
                yield f"a kink of {row.op}{places}; the convention: {step.kink.convention}"
            elif step.kink is not None:
                yield f"the derivative of {row.op} is {step.kink.convention}"
            if step.breaks:
                yield f"{'nan' if np.isnan(step.passed).any() else 'inf'} begins here"


def _named(step: Step) -> bool:
    """Say whether a factor is more than a number, whose value would only repeat it."""
    return step.factor is not None and not isinstance(step.factor, Number)


def _sizes(row: NodeFacts, operand: NodeFacts) -> str:
    """Return how two shapes differ, of which one was broadcast to the other."""
    few = len(row.shape) < 2 and len(operand.shape) < 2

    def size(node: NodeFacts) -> str:
        count = node.shape[0] if node.shape else 1
        return f"{count}" if few else ("1" if not node.shape else str(list(node.shape)))

    verb, noun = ("has", " elements") if few else ("is", "")
    return f"{row.label} {verb} {size(row)}{noun}, {operand.label} {verb} {size(operand)}"


def _repeats(keys: Sequence[object], start: int, period: int) -> int:
    """Return how often a piece of keys follows itself, the first time included."""
    turns, end = 1, start + period
    while end + period <= len(keys) and keys[end : end + period] == keys[start : start + period]:
        turns, end = turns + 1, end + period
    return turns


def for_width(style: Style, width: int) -> Style:
    """Return a style whose values leave room for the rest of a line."""
    return replace(style, values=22 if width <= 90 else 24 if width <= 140 else 40)
