"""`gradcli explain --format markdown`: a heading and a table a gradient."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gradcli.explain.explanation import Explanation, Passed
from gradcli.inspection import Inspection, NodeFacts
from gradcli.render.explain_places import place_rows
from gradcli.render.explain_rows import Row, Style, cut_sentences, rows
from gradcli.render.markdown import escape

_VALUES = 40  # columns of a value


def render(
    explanations: Sequence[Explanation],
    *,
    inspection: Inspection,
    full: bool = False,
    depth: int | None = None,
) -> str:
    """Return the derivations as Markdown."""
    nodes = {node.id: node for node in inspection.nodes}
    style = Style(values=_VALUES, full=full, depth=depth, record=inspection.record)
    blocks = [block for e in explanations for block in _explanation(e, nodes, style)]
    return "\n\n".join(blocks) + "\n"


def _explanation(
    e: Explanation, nodes: dict[int, NodeFacts], style: Style
) -> Iterator[str]:  # fmt: skip
    label = nodes[e.target].label
    for p in e.passes:
        yield from _pass(p, label, nodes, style)
    if e.gradient is not None and (len(e.passes) > 1 or any(p.times > 1 for p in e.passes)):
        parts = [f"{p.times}·({style.value(p.derivation.gradient)})" for p in e.passes]
        yield escape(f"{label}.grad = {' + '.join(parts)} = {style.value(e.gradient)}")
    if not e.passes:
        yield f"### {escape(style.safe(label))}: no gradient"
    if said := [*cut_sentences(e, nodes), *e.notes]:
        yield "\n".join(f"- {escape(style.safe(s))}" for s in said)


def _pass(p: Passed, label: str, nodes: dict[int, NodeFacts], style: Style) -> Iterator[str]:
    d = p.derivation
    head = f"∂{nodes[d.root].label}/∂{label} = {style.value(d.gradient)}"
    yield f"### {escape(style.safe(head))}"
    yield _table(rows(d, nodes, style))
    for name, formula in (("formula", p.formula), ("in the inputs", p.whole)):
        if formula is not None:
            yield f"{name}: {escape(style.safe(style.formula(formula)))}"
    if p.places:
        yield _table(place_rows(p.places, d, nodes, style))


def _table(lines: Sequence[Row]) -> str:
    found = ["| line | factor | gradient | |", "|---|---|---|---|"]
    for row in lines:
        cells = (row.line, row.factor, row.gradient, "; ".join(row.remarks))
        found.append(f"| {' | '.join(map(escape, cells))} |")
    return "\n".join(found)
