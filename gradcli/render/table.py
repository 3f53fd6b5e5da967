"""The table of `eval`: one row a node, as much of it as the terminal has room for.

`render` returns a rich renderable that chooses its columns when it is printed: the first of
`_LAYOUTS` in which the numbers fit. Numbers are never cut or broken: where there is little room a
tensor shows fewer of its elements, and the columns with least to say give way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from rich.box import Box
from rich.cells import cell_len
from rich.console import Console, ConsoleOptions, RenderableType
from rich.table import Table
from rich.text import Text

from gradcli.inspection import Inspection, Kind, NodeFacts
from gradcli.render.cells import STYLES, NumberColumn, numbers_text, share, shorten
from gradcli.render.claims import claims, notices
from gradcli.render.numbers import filled, grad_of, value_of
from gradcli.render.values import table
from gradcli.render.words import (
    ASCII_MARKS,
    MARKS,
    Excerpt,
    dtype_and_shape,
    excerpt,
    harmless,
    headline,
    left_out,
    legend,
    notes,
    one_line,
    shown,
    stated,
)

_GAP = 2

_RULE = Box("    \n    \n ── \n    \n    \n    \n    \n    \n")
_ASCII_RULE = Box("    \n    \n -- \n    \n    \n    \n    \n    \n", ascii=True)


def render(
    inspection: Inspection,
    *,
    named: bool = False,
    full: bool = False,
    precision: int | None = None,
) -> RenderableType:
    """Return the table, with what was printed, the claims and the notices.

    `full` shows every row and every element; `precision` is the number of significant digits
    (by default 6 for scalars and 4 for the elements of tensors).
    """
    return _Report(inspection, named, full, precision)


class _Layout(NamedTuple):
    """Columns, and the width that value and grad each want before the layout is taken."""

    columns: tuple[str, ...]
    comfort: int


_BOOLEANS = ("requires\n_grad", "is_leaf")
_NUMBERS = ("value", "grad")
_FACTS = ("op", "line", "inputs", "shape", "dtype")
_LAYOUTS = (
    _Layout(("node", "expression", *_FACTS, *_NUMBERS, *_BOOLEANS, "grad_fn"), 30),
    _Layout(("node", "expression", "op:line", "type", *_NUMBERS, *_BOOLEANS, "grad_fn"), 30),
    _Layout(("node", "op:line", "type", *_NUMBERS, *_BOOLEANS, "grad_fn"), 30),
    _Layout(("node", "op:line", "type", *_NUMBERS, "grad_fn"), 24),
    _Layout(("node", "grad_fn:line", *_NUMBERS), 19),
    _Layout(("node", *_NUMBERS), 0),
)

# the columns that may be shortened, and to what
_CAPS = {"node": 14, "grad_fn:line": 19, "expression": 24, "inputs": 16}


def _lines(node: NodeFacts) -> str:
    """Return a node's line; in a function's body, after the line that called it."""
    return str(node.line) if node.call_line is None else f"{node.call_line}>{node.line}"


_TEXTS: Mapping[str, Callable[[NodeFacts, Mapping[int, str]], str]] = {
    "expression": lambda node, _: "" if node.source == node.label else node.source,
    "op": lambda node, _: node.op,
    "line": lambda node, _: _lines(node),
    "op:line": lambda node, _: f"{node.op}:{_lines(node)}",
    "grad_fn:line": lambda node, _: f"{node.grad_fn or node.op}:{_lines(node)}",
    "inputs": lambda node, labels: ", ".join(labels[i] for i in node.inputs),
    "shape": lambda node, _: str(node.shape) if node.shape else "",
    "dtype": lambda node, _: node.dtype,
    "type": lambda node, _: dtype_and_shape(node),
    "requires\n_grad": lambda node, _: str(node.requires_grad),
    "is_leaf": lambda node, _: str(node.is_leaf),
    "grad_fn": lambda node, _: str(node.grad_fn),
}


@dataclass(frozen=True)
class _Report:
    """Everything `eval` shows, for a console of any width and encoding."""

    inspection: Inspection
    named: bool
    full: bool
    precision: int | None

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        inspection, ascii_only = self.inspection, options.ascii_only
        for line in "\n".join(inspection.printed).splitlines():
            line = harmless(line.expandtabs(), ascii_only=ascii_only)
            yield Text(line, no_wrap=True, overflow="ignore")
        yield Text(one_line(headline(inspection), ascii_only=ascii_only), style="bold")
        yield Text()
        rows = excerpt(shown(inspection, self.named, derived=self.full), full=self.full)
        nodes = [*rows.first, *rows.last]
        marks = ASCII_MARKS if ascii_only else MARKS
        if nodes:
            yield from self._tables(rows, marks, options)
            yield Text()
        elif values := stated(inspection):
            box = _ASCII_RULE if ascii_only else _RULE
            yield table(values, box, options.max_width, ascii_only=ascii_only, full=self.full)
            yield Text()
        for line in filled(legend(nodes, marks), options.max_width):
            yield Text(line, style="dim")
        steps = 0 if self.named else len(inspection.nodes) - len(nodes) - rows.left_out
        if steps:
            yield Text(f"{steps:,} steps of differentiation are left out (--full)", style="dim")
        for note in notes(inspection):
            yield Text(one_line(note, ascii_only=ascii_only), style="dim")
        yield from claims(inspection, options, self.precision)
        yield from notices(inspection, options)

    def _tables(
        self, shown: Excerpt, marks: Mapping[Kind, str], options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        nodes, end = [*shown.first, *shown.last], len(shown.first)
        rows = _Rows(self, nodes, marks, options)
        yield rows.table(0, end)
        if shown.last:
            yield Text(f"  {left_out(shown.left_out)}", "italic")
            yield rows.table(end, len(nodes), header=False)


class _Labels(dict[int, str]):
    """The labels of nodes by their ids, those that are asked for."""

    def __init__(self, inspection: Inspection, ascii_only: bool) -> None:
        self._inspection, self._ascii_only = inspection, ascii_only

    def __missing__(self, id: int) -> str:
        label = one_line(self._inspection.node(id).label, ascii_only=self._ascii_only)
        self[id] = label
        return label


def _header(name: str) -> str:
    return "  node" if name == "node" else name  # the mark stands before a node


class _Rows:
    """The cells of the nodes, laid out for a width."""

    def __init__(
        self,
        report: _Report,
        nodes: Sequence[NodeFacts],
        marks: Mapping[Kind, str],
        options: ConsoleOptions,
    ) -> None:
        self.nodes = nodes
        self.ascii_only = options.ascii_only
        labels = _Labels(report.inspection, self.ascii_only)
        self.texts = {
            name: [one_line(text(node, labels), ascii_only=self.ascii_only) for node in nodes]
            for name, text in _TEXTS.items()
        }
        self.texts["node"] = [f"{marks[node.kind]} {labels[node.id]}" for node in nodes]
        full, digits = report.full, report.precision
        value = NumberColumn([value_of(n, full=full) for n in nodes], digits, full=full)
        grads = [grad_of(n, full=full) for n in nodes]
        grad = NumberColumn(grads, digits, full=full, missing="None")
        self.widths = self._choose(options.max_width, value, grad)
        self.numbers = {
            "value": value.cells(self.widths["value"]),
            "grad": grad.cells(self.widths["grad"]),
        }

    def _choose(self, width: int, value: NumberColumn, grad: NumberColumn) -> dict[str, int]:
        """Return the columns of the first layout that has room for the numbers, and their widths.

        What is left then goes to the numbers first, and to shortened text after them.
        """
        for layout, comfort in _LAYOUTS:
            columns = [name for name in layout if name in _NUMBERS or any(self.texts[name])]
            natural = {name: self._width(name) for name in columns if name not in _NUMBERS}
            widths = {name: min(w, _CAPS.get(name, w)) for name, w in natural.items()}
            room = width - sum(widths.values()) - _GAP * (len(columns) - 1)
            if room >= min(value.width, comfort) + min(grad.width, comfort):
                break
        widths["value"], widths["grad"] = share(room, value, grad)
        room -= widths["value"] + widths["grad"]
        for name in _CAPS:
            more = min(room, natural.get(name, 0) - widths.get(name, 0))
            if more > 0:
                widths[name] += more
                room -= more
        return {name: widths[name] for name in columns}

    def _width(self, name: str) -> int:
        return max(map(cell_len, [*_header(name).split("\n"), *self.texts[name]]))

    def table(self, start: int, end: int, *, header: bool = True) -> Table:
        """Return some of the rows."""
        table = Table(
            box=_ASCII_RULE if self.ascii_only else _RULE,
            show_header=header,
            show_edge=False,
            pad_edge=False,
            padding=(0, 1, 0, 0),  # and one column of the box: the gap
            header_style="bold",
        )
        for name, width in self.widths.items():
            table.add_column(
                _header(name),
                width=width,
                no_wrap=True,
                justify="right" if name == "line" else "left",
            )
        for i in range(start, end):
            table.add_row(*(self._cell(name, i) for name in self.widths))
        return table

    def _cell(self, name: str, i: int) -> Text:
        node = self.nodes[i]
        if name in self.numbers:
            emphasis = "bold" if name == "grad" and node.kind == "parameter" else ""
            return numbers_text(self.numbers[name][i], emphasis)
        width = self.widths[name]
        if name == "grad_fn:line":
            return Text("\n".join(self._stacked(node, i, width)))
        text = shorten(self.texts[name][i], width, ascii_only=self.ascii_only)
        if name == "node":
            return Text(text, style=STYLES[node.kind])
        return Text(text, style="dim" if text in ("None", "False") else "")

    def _stacked(self, node: NodeFacts, i: int, width: int) -> list[str]:
        """Return `MmBackward0:9` and below it what has no column of its own: shape and dtype."""
        cell = [self.texts["grad_fn:line"][i]]
        if cell_len(cell[0]) > width:
            made_by = shorten(node.grad_fn or node.op, width, ascii_only=self.ascii_only)
            cell = [made_by, f"line {node.line}"]
        tall = any(len(self.numbers[name][i]) > 1 for name in _NUMBERS)
        if dtype_and_shape(node) and (tall or node.dtype != "float64" or 0 in node.shape):
            cell.append(dtype_and_shape(node))
        return cell
