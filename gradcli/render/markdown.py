"""`--format markdown`: a GitHub table, one row a node, then the claims and notices as lists."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from gradcli.inspection import Inspection, NodeFacts, ValueFacts
from gradcli.render.numbers import Flow, Shown, bracketed, grad_of, lines, value_of
from gradcli.render.replayed import differs, place, replayed
from gradcli.render.rows import Excerpt, Wanted, excerpt, folds, left_out
from gradcli.render.turns import changes, root_of_turn
from gradcli.render.values import COLUMNS, cells
from gradcli.render.words import (
    MARKS,
    answer,
    differing,
    harmless_lines,
    headline,
    legend,
    notes,
    one_line,
    sides,
    stated,
)

_FLAGS = ("requires_grad", "is_leaf", "grad_fn")
_COLUMNS = ("", "node", "op", "line", "shape", "dtype", "value", "grad", *_FLAGS)
_RIGHT = ("line", "value", "grad")
_WIDTH = 60


def render(
    inspection: Inspection,
    *,
    named: bool = False,
    full: bool = False,
    precision: int | None = None,
    pytorch: bool = False,
    turn: int | None = None,
    all_turns: bool = False,
) -> Iterator[str]:
    """Yield the nodes as a table; the options are those of the terminal's.

    Raises: InputFault where no loop has the turn that is asked for.
    """
    wanted = Wanted(named, full, turn, all_turns)
    for line in _lines(inspection, wanted, precision, pytorch):
        yield f"{line}\n"


def _lines(
    inspection: Inspection, wanted: Wanted, precision: int | None, pytorch: bool
) -> Iterator[str]:
    found = folds(inspection, wanted)
    rows = excerpt(inspection, wanted, found)
    grads = {node.id: grad_of(node, full=wanted.full, pytorch=pytorch) for node in rows.nodes}
    yield from _printed(inspection)
    first = answer(inspection, precision, root_of_turn(inspection, found))
    yield from (f"**{escape(first)}**", "")
    yield from (escape(headline(inspection)), "")
    if said := replayed(inspection):
        yield from (escape(said), "")
    for loop, shown in found:
        yield from (f"Of the loop in line {loop.line}: turn {shown:,} of {len(loop):,}.", "")
        for name, text, line in changes(inspection, loop, precision):
            yield f"- {code(name)}: {escape(text)} {line}".rstrip()
        yield ""
    record = inspection.record
    more = () if record is None else ("program", "record")

    def cells_of(node: NodeFacts) -> str:
        told = "" if record is None else (
            f" {escape(place(record, node))} | {escape(differs(record, node.id))} |"
        )  # fmt: skip
        return _row(node, rows, grads[node.id], wanted.full, precision) + told

    values = stated(inspection)
    yield from _values(values, wanted.full) if values else _header((*_COLUMNS, *more))
    yield from (cells_of(n) for n in rows.first)
    if rows.last:
        yield f"| | {left_out(rows.left_out)} |" + " |" * (len(_COLUMNS) + len(more) - 2)
    yield from (cells_of(n) for n in rows.last)
    yield ""
    remarks = notes(inspection, rows.nodes, flowed=[n for n in rows.nodes if grads[n.id].passed])
    yield "<br>".join(escape(text) for text in ["  ".join(legend(rows.nodes)), *remarks])
    yield from _claims(inspection, precision)
    if inspection.notices:
        yield from ("", *(f"- line {n.line}: {escape(n.message)}" for n in inspection.notices))


def _header(columns: tuple[str, ...]) -> Iterator[str]:
    yield "| " + " | ".join(columns) + " |"
    yield "| " + " | ".join("---:" if name in _RIGHT else "---" for name in columns) + " |"


def _values(values: Sequence[ValueFacts], full: bool) -> Iterator[str]:
    """Yield the numbers, lists and texts of a file that has no tensor."""
    yield from _header(COLUMNS)
    for value in values:
        label, line, kind, text = cells(value)
        text = text if full or len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"
        yield f"| {code(label)} | {line} | {kind} | {escape(text)} |"


def escape(text: str) -> str:
    """Return text in one line with every character that Markdown gives a meaning escaped."""
    return re.sub(r"([\\`*_{}\[\]<>|#~&])", r"\\\1", one_line(text))


def code(text: str) -> str:
    """Return text as a code span that may stand in a table (where `|` ends a cell even in code)."""
    text = one_line(text).replace("|", r"\|")
    fence = _fence(text)
    pad = " " if text.startswith("`") or text.endswith("`") else ""
    return f"{fence}{pad}{text}{pad}{fence}"


def block(text: str, language: str = "") -> str:
    """Return text of several lines as a block of code."""
    text = harmless_lines(text)
    fence = _fence(text, at_least=3)
    return f"{fence}{language}\n{text}\n{fence}"


def _fence(text: str, at_least: int = 1) -> str:
    """Return more backticks than the text has in a row."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    return "`" * max(longest + 1, at_least)


def _row(node: NodeFacts, rows: Excerpt, grad: Flow, full: bool, precision: int | None) -> str:
    cells = (
        MARKS[node.kind],
        code(node.label),
        rows.ops.get(node.id, node.op),
        str(node.line),
        str(node.shape) if node.shape else "",
        node.dtype,
        "" if (value := value_of(node, full=full)) is None else _array(value, full, precision),
        _grad(grad, full, precision),
        str(node.requires_grad),
        str(node.is_leaf),
        str(node.grad_fn),
    )
    return "| " + " | ".join(cells) + " |"


def _grad(grad: Flow, full: bool, precision: int | None) -> str:
    if grad.shown is None:
        return "None"
    written = lines(grad.shown, _WIDTH, precision, full=full)
    return escape(" ".join(bracketed(written) if grad.passed else written))


def _array(array: Shown, full: bool, precision: int | None) -> str:
    return escape(" ".join(lines(array, _WIDTH, precision, full=full)))


def _printed(inspection: Inspection) -> Iterator[str]:
    text = "\n".join(inspection.printed)
    if text:
        yield from (block(text), "")


def _claims(inspection: Inspection, precision: int | None) -> Iterator[str]:
    if inspection.claims:
        yield ""
    for claim in inspection.claims:
        mark = "✓" if claim.holds else "✗"
        parts = [f"- {mark} line {claim.line}: {code(claim.source)}"]
        for source, value in sides(claim, _WIDTH, precision):
            parts.append(f"({code(source)} = {escape(' '.join(value))})")
        if not claim.holds:
            parts += map(escape, differing(claim, claim.note))
        yield " ".join(parts)
