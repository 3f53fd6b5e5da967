"""`gradcli graph --tree`: the graph as a tree for the terminal, from the root to the leaves."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from gradcli.inspection import Inspection, NodeFacts
from gradcli.render.cells import STYLES, NumberColumn, numbers_text, share, shorten
from gradcli.render.modules import Group, Groups, grouped, module_of, module_text
from gradcli.render.numbers import Flow, filled, grad_of, value_of
from gradcli.render.table import first_lines
from gradcli.render.words import ASCII_MARKS, MARKS, dtype_and_shape, legend, one_line, plural

_MAX_LINES = 200
_MAX_DEPTH = 16
_GAP = 2
# the width that value and grad each want before other columns have any
_COMFORT = 20


def render(
    inspection: Inspection, *, full: bool = False, precision: int | None = None
) -> RenderableType:
    """Return the tree under the root: each line a node with its operation, value and grad.

    A node that has several uses is expanded at the first of them. `full` shows any depth and any
    number of lines, and every element of tensors. Where there are too many lines, modules of a
    model are one each.
    """
    return _Tree(inspection, full, precision)


class _Line(NamedTuple):
    """A line of the tree: what stands before the node, and whether its operands are elsewhere.

    One that stands for a module of a model has its `group`, and what that gives as its node.
    """

    prefix: str
    node: NodeFacts
    repeated: bool
    group: Group | None = None


@dataclass(frozen=True)
class _Tree:
    inspection: Inspection
    full: bool
    precision: int | None

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        ascii_only = options.ascii_only
        yield from first_lines(self.inspection, options, self.precision)
        yield Text()
        drawn, left_out = self._lines(ascii_only)
        yield _table(drawn, options, self.precision, self.full)
        if left_out:
            yield Text(f"{left_out:,} nodes left out (--full shows them)", "italic")
        yield Text()
        words = legend([line.node for line in drawn], ASCII_MARKS if ascii_only else MARKS)
        if any(line.repeated for line in drawn):
            words.append(f"{_again(ascii_only)} expanded above")
        if any(grad_of(line.node).passed for line in drawn):
            words.append("(…) flowed, not kept".replace("…", "..." if ascii_only else "…"))
        if any(line.group is not None for line in drawn):
            words.append(f"{_module(ascii_only)} a module, its rows")
        for text in filled(words, options.max_width):
            yield Text(text, style="dim")

    def _lines(self, ascii_only: bool) -> tuple[list[_Line], int]:
        """Return the lines, and how many nodes were left out of them; a stack, no recursion."""
        tee, corner, bar = ("|-", "`-", "| ") if ascii_only else ("├─", "└─", "│ ")
        groups = self._groups
        drawn: list[_Line] = []
        expanded: set[int] = set()
        # id, the prefix of its own line, the prefix of its operands' lines, depth
        stack = [(root, "", "", 0) for root in self._roots()]
        while stack and (self.full or len(drawn) < _MAX_LINES):
            id, prefix, below, depth = stack.pop()
            group = groups.get(id)
            node = self.inspection.node(id) if group is None else group.output
            id, operands = node.id, node.inputs if group is None else group.inputs
            drawn.append(_Line(prefix, node, id in expanded and bool(operands), group))
            if id in expanded or (not self.full and depth == _MAX_DEPTH):
                continue
            expanded.add(id)
            for place, operand in reversed(list(enumerate(operands))):
                last = place == len(operands) - 1
                guide, more = (corner, "  ") if last else (tee, bar)
                stack.append((operand, below + guide, below + more, depth + 1))
        shown = {line.node.id for line in drawn}
        for line in drawn:
            if line.group is not None:
                shown |= {node.id for node in (*line.group.rows, *line.group.leaves)}
        return drawn, len(_reachable(self.inspection.nodes, self._roots()) - shown)

    @cached_property
    def _groups(self) -> Groups:
        """The modules that are one line each, where there are more lines than are shown."""
        if self.full or not self.inspection.modules:
            return {}
        found = _reachable(self.inspection.nodes, self._roots())
        nodes = [node for node in self.inspection.nodes if node.id in found]
        return grouped(nodes, _MAX_LINES)

    def _roots(self) -> list[int]:
        """Return the root, or what nothing else uses where there is none."""
        if self.inspection.root is not None:
            return [self.inspection.root]
        used = {operand for node in self.inspection.nodes for operand in node.inputs}
        return [node.id for node in reversed(self.inspection.nodes) if node.id not in used]


def _reachable(nodes: Sequence[NodeFacts], roots: Sequence[int]) -> set[int]:
    found = set(roots)
    for node in reversed(nodes):  # operands come before what they are used for
        if node.id in found:
            found.update(node.inputs)
    return found


def _again(ascii_only: bool) -> str:
    return "^" if ascii_only else "↑"


def _module(ascii_only: bool) -> str:
    return "+" if ascii_only else "▸"


def _head(line: _Line, ascii_only: bool) -> tuple[Text, int]:
    """Return the tree and the node (its name, and what it is), and the width without the latter."""
    marks = ASCII_MARKS if ascii_only else MARKS
    node = line.node
    label = one_line(node.label, ascii_only=ascii_only)
    text = Text(line.prefix, "dim", no_wrap=True)
    if line.group is None:
        text.append(f"{marks[node.kind]} {label}", STYLES[node.kind] or "default")
    else:
        path = one_line(module_text(line.group.frame), ascii_only=ascii_only)
        text.append(f"{_module(ascii_only)} {path}", "bold")
    width = text.cell_len
    if line.repeated:
        text.append(f" {_again(ascii_only)}", "dim")
    elif line.group is not None:
        text.append(f": {plural(len(line.group.rows), 'row')}", "default")
    elif node.op != "leaf" and node.source != node.label:
        text.append(f" = {one_line(node.source, ascii_only=ascii_only)}", "default")
    module = None if line.repeated or line.group is not None else module_of(node)
    if module is not None:
        text.append(f"  in {one_line(module_text(module), ascii_only=ascii_only)}", "dim")
    return text, width


def _table(
    drawn: Sequence[_Line], options: ConsoleOptions, precision: int | None, full: bool
) -> Table:
    """Return the lines in columns: the tree, value, grad, and what else there is room for."""
    heads = [_head(line, options.ascii_only) for line in drawn]
    nodes = [None if line.repeated else line.node for line in drawn]
    value, grad = (
        NumberColumn(arrays, precision, full=full, brief=not full)
        for arrays in (
            [Flow(value_of(node, full=full) if node else None) for node in nodes],
            [grad_of(node, full=full) if node else Flow(None) for node in nodes],
        )
    )
    wanted = min(value.width, _COMFORT) + min(grad.width, _COMFORT)
    width = options.max_width - 2 * _GAP
    tree = max((head.cell_len for head, _ in heads), default=0)
    if tree + wanted > width:  # the sources give way first, and then the numbers' elements
        names = max(name for _, name in heads)
        tree = max(min(names, width // 2), width - wanted)
    extra = list(_extra(nodes, width - tree - wanted))
    room = width - tree - sum(taken for _, _, taken in extra)
    left, right = share(room, value, grad)

    table = Table(box=None, pad_edge=False, padding=(0, _GAP, 0, 0), header_style="dim")
    for name, taken in (("", tree), ("value", left), ("grad", right)):
        table.add_column(name, width=max(taken, len(name)), no_wrap=True)
    for name, _, _ in extra:
        table.add_column(name, no_wrap=True, style="dim")
    values, grads = value.cells(left), grad.cells(right)
    for i, (line, (head, _)) in enumerate(zip(drawn, heads, strict=True)):
        head.plain = shorten(head.plain, tree, ascii_only=options.ascii_only)
        emphasis = "bold" if line.node.kind == "parameter" else ""
        numbers = (numbers_text(values[i]), numbers_text(grads[i], emphasis))
        table.add_row(head, *numbers, *(cells[i] for _, cells, _ in extra))
    return table


def _extra(nodes: Sequence[NodeFacts | None], room: int) -> Iterator[tuple[str, list[str], int]]:
    """Yield the further columns that fit: their names, cells, and widths with the gap."""
    texts: tuple[tuple[str, Callable[[NodeFacts], str]], ...] = (
        ("grad_fn", lambda node: node.grad_fn or ""),
        ("type", dtype_and_shape),
    )
    for name, text in texts:
        cells = [text(node) if node else "" for node in nodes]
        taken = max(map(len, [name, *cells])) + _GAP
        if taken <= room:
            room -= taken
            yield name, cells, taken
