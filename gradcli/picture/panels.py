"""The lists of a page: problems, steps, the table of nodes, claims, what was printed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from gradcli.diagnose import Finding
from gradcli.inspection import Inspection, NodeFacts
from gradcli.picture.charts import charts
from gradcli.picture.figures import is_finite
from gradcli.picture.report import Report
from gradcli.picture.steps import MOST, Step
from gradcli.picture.svg import text
from gradcli.render.numbers import bracketed, grad_of, lines, value_of
from gradcli.render.words import (
    differing,
    dtype_and_shape,
    nothing,
    one_line,
    sides,
    stated,
)

ROWS = 12_000  # of the table of nodes
WIDTH = 60  # characters of a value in the table
# as in `gradcli eval`; those that are sorted as numbers
COLUMNS = ("node", "op", "line", "type", "value", "grad", "requires_grad", "is_leaf", "grad_fn")
NUMBERS = frozenset({"line", "value", "grad"})


class Panel(NamedTuple):
    """A tab: the end of its ids, its name and count, and what is in it."""

    id: str
    name: str
    size: int
    rows: Iterable[str]


def panels(found: Report) -> list[Panel]:
    """Return the tabs of a page, problems first where there are any."""
    inspection = found.inspection
    count = len(found.diagnosis.findings) if found.diagnosis is not None else 0
    problems = Panel("problems", "Problems", count, _problems(found))
    others = [
        Panel("steps", "Steps", len(found.steps), _steps(found)),
        Panel("table", "Table", len(inspection.nodes), _table(inspection)),
        Panel("gradients", "Gradients", len(found.gradients), charts(found.gradients)),
        Panel("claims", "Claims", len(inspection.claims), _claims(inspection)),
    ]
    if inspection.printed:
        printed = Panel("printed", "Printed", len(inspection.printed), _printed(inspection))
        others.append(printed)
    return [problems, *others] if count else [*others, problems]


def _link(line: int) -> str:
    return f'<a href="#line{line}" data-line="{line}">line {line}</a>'


# ---- problems ------------------------------------------------------------------------------


def _problems(found: Report) -> Iterator[str]:
    if found.diagnosis is None:
        yield '<p class="pale">The graph is too large to look here: gradcli diagnose does.</p>'
    elif not found.diagnosis.findings and not found.inspection.notices:
        yield f'<p class="pale">Nothing was found ({text(found.diagnosis.looked)}).</p>'
    else:
        for finding in found.diagnosis.findings:
            yield from _problem(finding)
    for notice in found.inspection.notices:
        yield f'<p class="notice">{_link(notice.line)}: {text(one_line(notice.message))}</p>'


def _problem(finding: Finding) -> Iterator[str]:
    node = "" if finding.row is None else f' data-node="{finding.row}"'
    yield (
        f'<article class="{finding.severity}"{node} data-line="{finding.line}">'
        f"<h3>{finding.severity}: {text(finding.title)}</h3>"
        f"<p>{_link(finding.line)}: <code>{text(finding.source)}</code></p>"
        f"<p>{_prose(finding.words)}</p>"
    )
    if finding.spoils:
        yield f"<p>Spoils {text(', '.join(finding.spoils[:8]))}.</p>"
    if finding.remedy is not None:
        why = f" ({_prose(finding.remedy.why)})" if finding.remedy.why else ""
        yield f'<div class="remedy"><p>Instead{why}:</p><pre>'
        for line in finding.remedy.lines:
            if line.before:
                yield f"<del><i>{line.line:>4} − </i>{text(line.before)}</del>"
            if line.after is not None:
                yield f"<ins><i>{line.line:>4} + </i><b>{text(line.after)}</b></ins>"
        yield '</pre><button type="button" data-do="copy-remedy">Copy the new lines</button>'
        yield f"<p>Tried: {_prose(finding.remedy.checked)}.</p></div>"
    elif finding.advice:
        yield f"<p>What to do: {_prose(finding.advice)}.</p>"
    if finding.more:
        yield f"<p>So at {finding.more:,} places more.</p>"
    yield "</article>"


def _prose(sentences: str) -> str:
    """Return sentences; what stands between backticks is code."""
    parts = sentences.split("`")
    if len(parts) % 2 == 0:
        return text(sentences)
    return "".join(f"<code>{text(p)}</code>" if k % 2 else text(p) for k, p in enumerate(parts))


# ---- steps ---------------------------------------------------------------------------------


def _steps(found: Report) -> Iterator[str]:
    if not found.steps:
        said = (
            f"There are more than {MOST:,} rows to step through: gradcli explain NAME shows the "
            "way to one gradient."
        )
        if not found.inspection.nodes:
            said = f"There is nothing to step through: {nothing(found.inspection)}."
        yield f'<p class="pale">{said}</p>'
    yield '<ol class="steps">'
    for step in found.steps:
        other = "" if step.other is None else f' data-other="{step.other}"'
        yield (
            f'<li class="{step.kind}" data-node="{step.node}" data-line="{step.line}"{other}>'
            f"{_told(step)}</li>"
        )
    yield "</ol>"


def _told(step: Step) -> str:
    """Return a step in a line, each of its parts with what it is called."""
    parts = "".join(
        f'<span class="pair">{f"<i>{p.sign}</i> " if p.sign else ""}'
        f'<span class="part"><small>{text(p.label)}</small> <b>{text(p.text)}</b></span></span> '
        for p in step.parts
    )
    working = "".join(f'<span class="working">{text(w)}</span> ' for w in step.working)
    remarks = "".join(f'<span class="remark">{text(r)}</span> ' for r in step.remarks)
    head = f'<span class="head">{text(step.head)}</span> '
    return f'{head}<span class="parts">{parts}</span>{working}{remarks}'.rstrip()


# ---- the table -----------------------------------------------------------------------------


def _table(inspection: Inspection) -> Iterator[str]:
    yield (
        '<p class="filter"><input id="filter" type="search" placeholder="Filter: w, mul, nan …" '
        'aria-label="Filter the table"></p><div class="wide"><table id="nodes"><thead><tr>'
    )
    for name in COLUMNS:
        kind = "number" if name in NUMBERS else "text"
        button = f'<button type="button" aria-label="Sort by {name}">{name}</button>'
        yield f'<th scope="col" data-kind="{kind}">{button}</th>'
    yield "</tr></thead><tbody>"
    for node in inspection.nodes[:ROWS]:
        yield _row(node)
    yield '</tbody></table></div><p id="more" class="pale"></p>'
    if (more := len(inspection.nodes) - ROWS) > 0:
        yield f'<p class="pale">{more:,} nodes more: gradcli eval --json has them.</p>'
    yield '<p class="pale">(…) flowed, not kept: .grad is None.</p>'
    if values := stated(inspection):
        yield '<table class="values">'
        for value in values:
            cells = (value.label, str(value.line), value.type, value.text)
            yield f"<tr>{''.join(f'<td>{text(one_line(c))}</td>' for c in cells)}</tr>"
        yield "</table>"


def _row(node: NodeFacts) -> str:
    flow = grad_of(node)
    value = "" if (shown := value_of(node)) is None else " ".join(lines(shown, WIDTH))
    grad = "None"
    if flow.shown is not None:
        shown_grad = lines(flow.shown, WIDTH)
        grad = " ".join(bracketed(shown_grad) if flow.passed else shown_grad)
    cells = (
        one_line(node.label), node.op, str(node.line), dtype_and_shape(node), value, grad,
        str(node.requires_grad), str(node.is_leaf), node.grad_fn or "None",
    )  # fmt: skip
    odd = not (is_finite(node.value) and is_finite(node.grad) and is_finite(node.gradient))
    written = "</td><td>".join(map(text, cells))
    return (
        f'<tr class="{node.kind}{" bad" if odd else ""}" data-node="{node.id}" '
        f'data-line="{node.line}"><td>{written}</td></tr>'
    )


# ---- claims, and what was printed ----------------------------------------------------------


def _claims(inspection: Inspection) -> Iterator[str]:
    if not inspection.claims:
        yield '<p class="pale">The file has no assert.</p>'
    for claim in inspection.claims:
        mark, kind = ("✓", "holds") if claim.holds else ("✗", "error")
        yield (
            f'<article class="{kind}" data-line="{claim.line}"><p>{mark} {_link(claim.line)}: '
            f"<code>{text(claim.source)}</code></p>"
        )
        for source, value in sides(claim, WIDTH, None):
            yield f"<p><code>{text(source)} = {text(' '.join(value))}</code></p>"
        if not claim.holds:
            yield from (f"<p>{text(said)}</p>" for said in differing(claim, claim.note))
        yield "</article>"


def _printed(inspection: Inspection) -> Iterator[str]:
    printed = (line for one in inspection.printed for line in one.split("\n"))
    yield f"<pre>{'<br>'.join(map(text, printed))}</pre>"
