"""`gradcli diff --format markdown`: the answer, both lines, and a table of what differs."""

from __future__ import annotations

from collections.abc import Iterator

from gradcli.compare import Differences, Divergence
from gradcli.render.diff_words import (
    COLUMNS,
    SIDES,
    answer,
    distance,
    elements,
    followed,
    gradient_cell,
    lines_of,
    summary,
    tolerance,
    turn_of,
    value_cell,
)
from gradcli.render.markdown import code, escape


def render(found: Differences, *, everything: bool = False) -> str:
    """Return the comparison as Markdown; `everything` shows equal rows too."""
    return "\n".join(_lines(found, everything)) + "\n"


def _lines(found: Differences, everything: bool) -> Iterator[str]:
    mark = "✓" if found.same else "✗"
    yield f"**{mark} {escape(answer(found))}**"
    yield ""
    yield f"left: {code(found.left)}, right: {code(found.right)}, within {escape(tolerance(found))}"
    if found.divergence is not None:
        yield ""
        yield from _sides(found.divergence)
    rows = followed(found, everything=everything)
    if rows:
        yield ""
        yield f"| {' | '.join(COLUMNS)} |"
        yield "| " + " | ".join("---" for _ in COLUMNS) + " |"
        for one in rows:
            row = one.row
            cells = (lines_of(row), value_cell(row), gradient_cell(row))
            yield f"| {code(one.label)} | {' | '.join(map(escape, cells))} |"
    lines = list(summary(found))
    if lines:
        yield ""
    yield from (f"- {escape(line)}" for line in lines)


def _sides(first: Divergence) -> Iterator[str]:
    gap = first.gap
    values = ("", "") if gap is None else elements(gap)
    at = f" at {list(gap.at)}" if gap is not None and gap.at else ""
    yield f"| | line | | {escape(f'{first.what}{at}{turn_of(first)}')} |"
    yield "| --- | ---: | --- | ---: |"
    for name, spot, value in zip(SIDES, (first.left, first.right), values, strict=True):
        yield f"| {name} | {spot.line} | {code(spot.text)} | {escape(value)} |"
    if gap is not None:
        yield ""
        yield escape(distance(gap))
