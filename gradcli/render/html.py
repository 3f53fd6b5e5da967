"""The nodes of a run as a table for notebooks, which show it on white or on black."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from gradcli.inspection import Inspection, NodeFacts, summary
from gradcli.render.numbers import Shown, lines, value_of
from gradcli.render.rows import Wanted, excerpt
from gradcli.render.words import (
    MARKS,
    answer,
    claims_headline,
    differing,
    headline,
    legend,
    one_line,
    sides,
    stated,
)

_COLUMNS = ("node", "op", "line", "shape", "value", "grad", "requires_grad", "is_leaf", "grad_fn")
_WIDTH = 60  # characters in a line of numbers
_SMALL = 64  # elements that are written out
# the colours are the notebook's own, whatever they are: paler, bolder, never black or white
_PALE, _BOLD = "opacity:.6", "font-weight:bold"
_TABLE = "border-collapse:collapse;font-family:monospace;text-align:left"
_CELL = "text-align:left;white-space:pre-wrap;vertical-align:top;padding:2px 8px"


def render(inspection: Inspection, picture: str = "") -> str:
    """Return the answer, what was run, a table of its nodes, and its claims, as HTML.

    Below a picture, which is HTML too, the table is closed until it is asked for.
    """
    return "\n".join(_parts(inspection, picture)) + "\n"


def _parts(inspection: Inspection, picture: str) -> Iterator[str]:
    yield "<div>"
    if inspection.printed:
        yield f"<pre>{_text(chr(10).join(inspection.printed))}</pre>"
    yield f'<div style="{_BOLD}">{_line(answer(inspection))}</div>'
    yield f"<div>{_line(headline(inspection))}</div>"
    if values := stated(inspection):
        yield f'<table style="{_TABLE}">'
        for value in values:
            yield _row([value.label, str(value.line), value.type, value.text])
        yield "</table>"
    elif picture:
        yield f"{picture}<details><summary>Table</summary>"
        yield from _nodes(inspection)
        yield "</details>"
    else:
        yield from _nodes(inspection)
    if inspection.claims:
        yield f'<div style="{_BOLD}">{_line(claims_headline(inspection))}</div><ul>'
        yield from (f"<li>{text}</li>" for text in _claims(inspection))
        yield "</ul>"
    for notice in inspection.notices:
        yield f"<div>line {notice.line}: {_line(notice.message)}</div>"
    yield "</div>"


def _nodes(inspection: Inspection) -> Iterator[str]:
    rows = excerpt(inspection, Wanted(all_turns=True), ())
    yield f'<table style="{_TABLE}">'
    heads = (f'<th style="{_CELL}" scope="col">{name}</th>' for name in _COLUMNS)
    yield f"<thead><tr>{''.join(heads)}</tr></thead>"
    for node in rows.first:
        yield _node(node)
    if rows.left_out:
        yield f'<tr><td style="{_CELL}" colspan="{len(_COLUMNS)}">{rows.left_out:,} more</td></tr>'
    for node in rows.last:
        yield _node(node)
    yield "</table>"
    yield f'<div style="{_PALE}">{_line("  ".join(legend(rows.nodes)))}</div>'


def _node(node: NodeFacts) -> str:
    kind = str(node.shape) if node.shape else ""
    cells = [
        f"{MARKS[node.kind]} {node.label}",
        node.op,
        str(node.line),
        kind if node.dtype == "float64" else f"{kind} {node.dtype}".strip(),
        _array(value_of(node)),
        _array(node.grad if node.grad is None or node.grad.size <= _SMALL else summary(node.grad)),
        str(node.requires_grad),
        str(node.is_leaf),
        str(node.grad_fn),
    ]
    return _row(cells, _BOLD if node.kind in ("parameter", "root") else "")


def _row(cells: list[str], first: str = "") -> str:
    styles = [first, *(_PALE if text in ("None", "False") else "" for text in cells[1:])]
    return "<tr>" + "".join(
        f'<td style="{_CELL}{";" * bool(style)}{style}">{_text(text)}</td>'
        for text, style in zip(cells, styles, strict=True)
    ) + "</tr>"  # fmt: skip


def _array(array: Shown | None) -> str:
    return "None" if array is None else "\n".join(lines(array, _WIDTH))


def _claims(inspection: Inspection) -> Iterator[str]:
    for claim in inspection.claims:
        mark = "✓" if claim.holds else "✗"
        parts = [f"{mark} line {claim.line}: <code>{_line(claim.source)}</code>"]
        for source, value in sides(claim, _WIDTH):
            parts.append(f"<code>{_line(source)} = {_line(' '.join(value))}</code>")
        if not claim.holds:
            parts += map(_line, differing(claim, claim.note))
        yield "<br>".join(parts)


def _line(text: str) -> str:
    return escape(one_line(text))


def _text(text: str) -> str:
    """Return text with its lines kept and what is unprintable escaped."""
    return "\n".join(map(_line, text.split("\n")))
