"""The table of `eval`: one row a node, as much of it as the terminal has room for.

`render` returns a rich renderable that chooses its columns when it is printed: the first of
`_LAYOUTS` in which the numbers fit. Numbers are never cut or broken: where there is little room a
tensor is summarised, and the columns with least to say give way.
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

from gradcli.inspection import Array, Inspection, Kind, NodeFacts, RecordFacts
from gradcli.render.cells import STYLES, Column, NumberColumn, is_path, numbers_text, share, shorten
from gradcli.render.claims import claims, notices
from gradcli.render.loops import loops
from gradcli.render.modules import Groups, modules_note
from gradcli.render.numbers import Flow, filled, grad_of, number, value_of
from gradcli.render.rows import Excerpt, Wanted, excerpt, folds, left_out
from gradcli.render.turns import root_of_turn
from gradcli.render.values import table
from gradcli.render.words import (
    ASCII_MARKS,
    MARKS,
    TurnsRoot,
    answer,
    dtype_and_shape,
    harmless,
    headline,
    legend,
    notes,
    one_line,
    plural,
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
    pytorch: bool = False,
    turn: int | None = None,
    all_turns: bool = False,
    depth: int | None = None,
    heat: bool = False,
) -> RenderableType:
    """Return the table, with what was printed, the claims and the notices.

    `full` shows every row and every element; `precision` is the number of significant digits
    (by default 6 for scalars and 4 for the elements of tensors); `pytorch` shows no gradient that
    `.grad` does not hold. A long loop is shown by its last turn, by `turn` or by `all_turns`,
    a module of a model that is `depth` deep by one row.
    `heat` shows tensors as coloured blocks and histograms.

    Raises: InputFault where no loop has that turn.
    """
    wanted = Wanted(named, full, turn, all_turns, depth)
    folds(inspection, wanted)  # refused before anything is printed
    return _Report(inspection, wanted, precision, pytorch, heat)


class _Layout(NamedTuple):
    """Columns that are left out, and the width that value and grad want each before it is taken."""

    without: tuple[str, ...]
    comfort: int


_BOOLEANS = ("requires\n_grad", "is_leaf")
_NUMBERS = ("value", "grad")
_COLUMNS = ("node", "record", "expression", "times", "op", "rows", "line", "program", "inputs",
            "type", "norm", *_NUMBERS, *_BOOLEANS, "grad_fn")  # fmt: skip
# the first that has room is taken: columns go, those that stay keep their names and their order
_WIDE = ("inputs", "expression")
_LAYOUTS = (
    _Layout((), 30),
    _Layout(("inputs",), 30),
    _Layout(_WIDE, 28),
    _Layout((*_WIDE, "op"), 26),
    _Layout((*_WIDE, "op", *_BOOLEANS), 24),
    _Layout((*_WIDE, *_BOOLEANS, "grad_fn"), 22),
    _Layout((*_WIDE, "op", *_BOOLEANS, "grad_fn"), 17),
    _Layout((*_WIDE, "op", *_BOOLEANS, "grad_fn", "type"), 15),
    _Layout((*_WIDE, "op", *_BOOLEANS, "grad_fn", "type", "line", "times", "program"), 0),
)

# the columns that may be shortened, and to what
_PATH = 28  # columns of a module's path
_BESIDE_HEAT = 24  # columns for what stands beside values as blocks
_CAPS = {"node": 14, "op": 12, "expression": 24, "inputs": 16, "grad_fn": 20, "program": 16,
         "record": 20}  # fmt: skip
_CAP_OF_PATHS = 22


def _lines(node: NodeFacts) -> str:
    """Return a node's line; in a function's body, after the line that called it."""
    return str(node.line) if node.call_line is None else f"{node.call_line}>{node.line}"


_TEXTS: Mapping[str, Callable[[NodeFacts, Mapping[int, str]], str]] = {
    "expression": lambda node, _: "" if node.source == node.label else node.source,
    "op": lambda node, _: node.op,
    "line": lambda node, _: _lines(node),
    "inputs": lambda node, labels: ", ".join(labels[i] for i in node.inputs),
    "type": lambda node, _: dtype_and_shape(node),
    "requires\n_grad": lambda node, _: str(node.requires_grad),
    "is_leaf": lambda node, _: str(node.is_leaf),
    "grad_fn": lambda node, _: str(node.grad_fn),
}


@dataclass(frozen=True)
class _Report:
    """Everything `eval` shows, for a console of any width and encoding."""

    inspection: Inspection
    wanted: Wanted
    precision: int | None
    pytorch: bool
    heat: bool = False

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        inspection, ascii_only = self.inspection, options.ascii_only
        for line in "\n".join(inspection.printed).splitlines():
            line = harmless(line.expandtabs(), ascii_only=ascii_only)
            yield Text(line, no_wrap=True, overflow="ignore")
        found = folds(inspection, self.wanted)
        shown = root_of_turn(inspection, found)
        yield from first_lines(inspection, options, self.precision, shown)
        yield Text()
        yield from loops(inspection, found, options, self.precision)
        rows = excerpt(inspection, self.wanted, found)
        if rows.first:
            yield from self._nodes(rows, console, options)
        elif values := stated(inspection):
            box = _ASCII_RULE if ascii_only else _RULE
            full = self.wanted.full
            yield table(values, box, options.max_width, ascii_only=ascii_only, full=full)
        yield from claims(inspection, options, self.precision)
        yield from notices(inspection, options)

    def _nodes(
        self, shown: Excerpt, console: Console, options: ConsoleOptions
    ) -> Iterator[RenderableType]:
        """Yield the table of the nodes, and what is to be said of it."""
        ascii_only = options.ascii_only
        marks = ASCII_MARKS if ascii_only else MARKS
        end = len(shown.first)
        colours = console.color_system is not None and not console.no_color
        rows = _Rows(self, shown, marks, options, colours)
        yield rows.table(0, end)
        if shown.last:
            yield Text(f"  {left_out(shown.left_out)}", "italic")
            yield rows.table(end, len(rows.nodes), header=False)
        yield Text()
        for line in filled(legend(rows.nodes, marks), options.max_width):
            yield Text(line, style="dim")
        for note in [
            *(["?? is nan, !! is inf or -inf"] if rows.odd else []),
            *(modules_note(shown.groups, ascii_only=ascii_only)),
            *self._left_out(shown),
            *notes(self.inspection, rows.nodes, flowed=rows.flowed),
        ]:
            yield Text(one_line(note, ascii_only=ascii_only), style="dim")

    def _left_out(self, shown: Excerpt) -> Iterator[str]:
        if shown.folded == 1:
            yield "1 view or first value stands in the row of what is made of it (--full)"
        elif shown.folded:
            yield (
                f"{shown.folded:,} views and first values stand in the rows of what is made of "
                "them (--full)"
            )
        if steps := shown.steps:
            text = "step of differentiation is" if steps == 1 else "steps of differentiation are"
            yield f"{steps:,} {text} left out (--full)"


def first_lines(
    inspection: Inspection,
    options: ConsoleOptions,
    precision: int | None = None,
    shown: TurnsRoot | None = None,
) -> Iterator[Text]:
    """Yield the answer, of the root of the turn that is shown, and below it what was run."""
    fine = all(claim.holds for claim in inspection.claims)
    ascii_only = options.ascii_only
    said = answer(inspection, precision, shown)
    yield Text(one_line(said.replace("·", "|") if ascii_only else said, ascii_only=ascii_only),
               style="bold" if fine else "bold red")  # fmt: skip
    yield Text(one_line(headline(inspection), ascii_only=ascii_only), style="dim")
    if inspection.record is not None:
        from gradcli.render.replayed import replayed

        style = "bold red" if inspection.record.differing else "dim"
        yield Text(one_line(replayed(inspection), ascii_only=ascii_only), style=style)


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
        shown: Excerpt,
        marks: Mapping[Kind, str],
        options: ConsoleOptions,
        colours: bool,
    ) -> None:
        self.nodes = nodes = shown.nodes
        self.ascii_only = options.ascii_only
        times = "x" if self.ascii_only else "×"
        labels = _Labels(report.inspection, self.ascii_only)
        self.texts = {
            name: [one_line(text(node, labels), ascii_only=self.ascii_only) for node in nodes]
            for name, text in _TEXTS.items()
        }
        self.texts["node"] = [f"{marks[node.kind]} {labels[node.id]}" for node in nodes]
        self.texts["times"] = [
            f"{times} {shown.times[n.id]:,}" if n.id in shown.times else "" for n in nodes
        ]
        self.texts |= {"record": [], "program": [], "rows": [], "norm": []}  # of few runs
        self.texts["op"] = [shown.ops.get(node.id, node.op) for node in nodes]
        if (record := report.inspection.record) is not None:
            from gradcli.render.replayed import differs, place

            mark = "x" if self.ascii_only else "✗"
            self.texts["record"] = [differs(record, n.id, mark) for n in nodes]
            self.texts["program"] = [place(record, n) for n in nodes]
        if shown.groups:
            self._fold(shown.groups, record)
        full, digits = report.wanted.full, report.precision
        if report.heat:
            grads = [Flow(n.grad if n.grad is not None else n.gradient, n.grad is None)
                     for n in nodes]  # fmt: skip
            self._heat([n.value for n in nodes], grads, options.max_width, colours)
            return
        values = [Flow(value_of(n, full=full)) for n in nodes]
        grads = [grad_of(n, full=full, pytorch=report.pytorch) for n in nodes]
        self.odd = False  # whether blocks stand for nan or infinity
        self.flowed = [n for n, (_, passed) in zip(nodes, grads, strict=True) if passed]
        value = NumberColumn(values, digits, full=full)
        grad = NumberColumn(grads, digits, full=full, missing="None")
        self.widths = self._choose(options.max_width, value, grad)
        self.numbers = {
            name: [
                numbers_text(cell, "bold" if name == "grad" and n.kind == "parameter" else "")
                for n, cell in zip(nodes, column.cells(self.widths[name]), strict=True)
            ]
            for name, column in (("value", value), ("grad", grad))
        }

    def _fold(self, groups: Groups, record: RecordFacts | None) -> None:
        """Let rows that stand for modules say so."""
        mark = "+" if self.ascii_only else "▸"
        for key in ("rows", "norm"):
            self.texts[key] = [""] * len(self.nodes)
        for k, node in enumerate(self.nodes):
            if (group := groups.get(node.id)) is not None:
                path = group.frame.name or group.frame.module
                if record is not None:
                    own = (record.rows.get(n.id) for n in (*group.rows, *group.leaves))
                    odd = sum(bool(row and row.differs) for row in own)
                    cross = "x" if self.ascii_only else "✗"
                    self.texts["record"][k] = f"{cross} {plural(odd, 'row')}" if odd else ""
                    self.texts["program"][k] = ""
                told = {"node": f"{mark} {path}", "op": group.frame.module, "expression": "",
                        "rows": f"{len(group.rows):,}",
                        "norm": "" if group.norm is None else number(group.norm, 3)}  # fmt: skip
                for key, text in told.items():
                    self.texts[key][k] = one_line(text, ascii_only=self.ascii_only)

    def _heat(
        self, values: Sequence[Array | None], grads: Sequence[Flow], width: int, colours: bool
    ) -> None:
        """Let the columns of numbers be blocks."""
        from gradcli.render.heat import HeatColumn

        flowed = zip(self.nodes, grads, strict=True)
        self.flowed = [n for n, (shown, passed) in flowed if passed and shown is not None]
        room, only = (width - _BESIDE_HEAT) // 2, self.ascii_only
        value = HeatColumn([Flow(x) for x in values], colours=colours, ascii_only=only, room=room)
        grad = HeatColumn(grads, colours=colours, ascii_only=only, missing="None", room=room)
        self.widths = self._choose(width, value, grad)
        self.numbers = {"value": value.texts, "grad": grad.texts}
        plain = [text.plain for text in (*value.texts, *grad.texts)]
        self.odd = any(sign in text for text in plain for sign in ("??", "!!"))

    def _choose(self, width: int, value: Column, grad: Column) -> dict[str, int]:
        """Return the columns of the first layout that has room for the numbers, and their widths.

        What is left then goes to the numbers first, and to shortened text after them.
        """
        for without, comfort in _LAYOUTS:
            columns = [
                name
                for name in _COLUMNS
                if name in _NUMBERS or (name not in without and any(self.texts[name]))
            ]
            natural = {name: self._width(name) for name in columns if name not in _NUMBERS}
            wide = {"node": _PATH} if any(self.texts["rows"]) else {"node": self._cap_of_names()}
            caps = _CAPS | wide
            widths = {name: min(w, caps.get(name, w)) for name, w in natural.items()}
            room = width - sum(widths.values()) - _GAP * (len(columns) - 1)
            if room >= sum(max(c.minimum, min(c.width, comfort)) for c in (value, grad)):
                break
        widths["value"], widths["grad"] = share(room, value, grad)
        room -= widths["value"] + widths["grad"]
        for name in _CAPS:
            more = min(room, natural.get(name, 0) - widths.get(name, 0))
            if more > 0:
                widths[name] += more
                room -= more
        return {name: widths[name] for name in columns}

    def _cap_of_names(self) -> int:
        """Return to what names may be shortened: paths of modules say less where they are cut."""
        paths = [text for text in self.texts["node"] if is_path(text.partition(" ")[2])]
        return max([_CAPS["node"], *(min(len(text), _CAP_OF_PATHS) for text in paths)])

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
            return self.numbers[name][i]
        width = self.widths[name]
        text = shorten(self.texts[name][i], width, ascii_only=self.ascii_only)
        if name == "record":
            return Text(text, style="bold red")
        if name == "node":
            return Text(text, style=STYLES[node.kind])
        return Text(text, style="dim" if text in ("None", "False") else "")
