"""A run as a page that stands alone: one file that asks no host for anything.

Everything is in the HTML and can be read as lists without scripts; the script makes tabs of them,
links the source, the graph and the tables, and plays the steps. A strict policy in the head lets
nothing run but the script that is there.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from math import isfinite, log10
from typing import Any

from gradcli.diagnose import Finding
from gradcli.errors import GradcliError
from gradcli.inspection import Inspection, NodeFacts
from gradcli.picture.cards import Asked
from gradcli.picture.report import BINS, Gradient, Report, Step, report, text_of
from gradcli.picture.scene import scene
from gradcli.picture.svg import Drawing, style, text
from gradcli.picture.themes import THEMES, Theme
from gradcli.render.numbers import SCALAR_DIGITS, bracketed, grad_of, lines, number, value_of
from gradcli.render.words import MARKS, differing, headline, one_line, sides, stated
from gradcli.session import Session

MOST_WRITTEN = 3000  # rows of a tape that is written as a script, and as formulas
ROWS = 3000  # of the table of nodes
WIDTH = 60  # characters of a value in the table
COLUMNS = ("", "node", "op", "line", "type", "value", "grad", "requires_grad", "is_leaf", "grad_fn")
SORTED = {"line": "number"}  # columns that are no texts


def render(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> str:
    """Return the page of a run.

    Raises: InputFault where a name that was asked for is not known.
    """
    assert session is not None, "a page says what is known of the run"
    return "\n".join(_document(report(session, inspection), asked or Asked(), session)) + "\n"


def _document(found: Report, asked: Asked, session: Session) -> Iterator[str]:
    css, script = _sheet(asked), files("gradcli.picture").joinpath("page.js").read_text("utf-8")
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {_hash(css)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    inspection = found.inspection
    yield f'<!doctype html>\n<html lang="en" data-theme="{asked.theme}">\n<head>'
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{text(one_line(inspection.file))}</title>"
    yield f"<style>{css}</style>\n</head>\n<body>"
    yield from _header(found)
    yield from _main(found, asked, session)
    yield f'<script type="application/json" id="data">{_data(found, session)}</script>'
    yield f"<script>{script}</script>\n</body>\n</html>"


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


# ---- head ----------------------------------------------------------------------------------


def _header(found: Report) -> Iterator[str]:
    inspection = found.inspection
    shown = scene(inspection)
    yield "<header>"
    yield f"<h1>{text(one_line(shown.answer))}</h1><p>{text(one_line(headline(inspection)))}</p>"
    yield (
        '<div class="tools" role="toolbar" aria-label="Tools">'
        '<input id="search" type="search" placeholder="Find a node" aria-label="Find a node">'
        '<button type="button" data-do="out" aria-label="Smaller">−</button>'
        '<button type="button" data-do="fit" aria-label="Whole graph">fit</button>'
        '<button type="button" data-do="in" aria-label="Larger">+</button>'
        '<button type="button" data-do="theme" aria-label="Light or dark">◐</button>'
        '<button type="button" data-do="copy-torch">Copy PyTorch</button>'
        '<button type="button" data-do="copy-latex">Copy LaTeX</button>'
        '<button type="button" data-do="copy-svg">Copy SVG</button>'
        '<span id="said" role="status"></span></div>'
    )
    yield "</header>"


def _main(found: Report, asked: Asked, session: Session) -> Iterator[str]:
    yield "<main>"
    yield '<section class="source" aria-label="Source"><h2>Source</h2><ol>'
    for k, line in enumerate(found.source, 1):
        yield f'<li data-line="{k}" id="line{k}"><code>{text(line) or " "}</code></li>'
    yield "</ol></section>"
    drawing = Drawing(scene(found.inspection, asked, session), asked.across)
    width, height = drawing.size
    yield '<section class="graph" aria-label="Graph"><h2>Graph</h2><div class="canvas">'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gradcli" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="group" '
        'aria-label="Cards of the graph">'
    )
    yield from drawing.body()
    yield "</svg></div>"
    yield from _player(found)
    yield "</section>"
    yield '<section class="details" aria-label="Node" aria-live="polite"><h2>Node</h2>'
    yield '<div id="details"><p class="pale">Choose a card, a line or a row.</p></div></section>'
    yield from _panels(found)
    yield "</main>"


def _player(found: Report) -> Iterator[str]:
    last = max(len(found.steps) - 1, 0)
    yield (
        '<div class="player" role="group" aria-label="Player">'
        '<button type="button" data-step="first" aria-label="First step">|◀</button>'
        '<button type="button" data-step="back" aria-label="Step back">◀</button>'
        '<button type="button" data-step="on" aria-label="Step">▶</button>'
        '<button type="button" data-step="last" aria-label="Last step">▶|</button>'
        f'<input id="slider" type="range" min="0" max="{last}" value="{last}" '
        'aria-label="Step of forward and backward">'
        '<output id="count"></output><p id="caption" aria-live="polite"></p></div>'
    )
    for k, turns in enumerate(found.turns):
        if turns.turns > 1 and turns.series:
            yield (
                f'<div class="turns" data-loop="{k}"><label>turn of the loop in line {turns.line} '
                f'<input type="range" min="1" max="{turns.turns}" value="{turns.turns}" '
                f'data-turn="{k}"></label><output></output></div>'
            )


# ---- panels --------------------------------------------------------------------------------


def _panels(found: Report) -> Iterator[str]:
    inspection = found.inspection
    problems = [*found.diagnosis.findings]
    panels: list[tuple[str, str, Iterable[str]]] = []
    problem_panel = ("problems", f"Problems ({len(problems)})", _problems(found))
    if problems:
        panels.append(problem_panel)
    panels.append(("steps", f"Steps ({len(found.steps)})", _steps(found.steps)))
    panels.append(("table", f"Table ({len(inspection.nodes)})", _table(inspection)))
    panels.append(("gradients", f"Gradients ({len(found.gradients)})", _gradients(found)))
    panels.append(("claims", f"Claims ({len(inspection.claims)})", _claims(inspection)))
    if not problems:
        panels.append(problem_panel)
    yield '<section class="tabs" aria-label="Facts"><div role="tablist" class="tablist">'
    for k, (name, label, _) in enumerate(panels):
        chosen = "true" if not k else "false"
        yield (
            f'<button type="button" role="tab" id="tab-{name}" aria-controls="panel-{name}" '
            f'aria-selected="{chosen}">{label}</button>'
        )
    yield "</div>"
    for name, label, rows in panels:
        yield (
            f'<div role="tabpanel" id="panel-{name}" aria-labelledby="tab-{name}">'
            f'<h2 class="panel">{label}</h2>'
        )
        yield from rows
        yield "</div>"
    yield "</section>"


def _problems(found: Report) -> Iterator[str]:
    if not found.diagnosis.findings and not found.inspection.notices:
        yield f'<p class="pale">Nothing was found ({text(found.diagnosis.looked)}).</p>'
    for finding in found.diagnosis.findings:
        yield from _problem(finding)
    for notice in found.inspection.notices:
        line = f'<a href="#line{notice.line}" data-line="{notice.line}">line {notice.line}</a>'
        yield f'<p class="notice">{line}: {text(one_line(notice.message))}</p>'


def _problem(finding: Finding) -> Iterator[str]:
    node = "" if finding.row is None else f' data-node="{finding.row}"'
    yield f'<article class="{finding.severity}"{node} data-line="{finding.line}">'
    yield (
        f"<h3>{finding.severity}: {text(finding.title)}</h3>"
        f'<p><a href="#line{finding.line}" data-line="{finding.line}">line {finding.line}</a>: '
        f"<code>{text(finding.source)}</code></p><p>{_prose(finding.words)}</p>"
    )
    if finding.spoils:
        yield f"<p>Spoils {text(', '.join(finding.spoils[:8]))}.</p>"
    if finding.remedy is not None:
        why = f" ({_prose(finding.remedy.why)})" if finding.remedy.why else ""
        yield f"<p>Instead{why}:</p><pre>"
        for line in finding.remedy.lines:
            yield f"<del>{line.line:>4} − {text(line.before)}</del>" if line.before else ""
            if line.after is not None:
                yield f"<ins>{line.line:>4} + {text(line.after)}</ins>"
        yield f"</pre><p>Tried: {_prose(finding.remedy.checked)}.</p>"
    elif finding.advice:
        yield f"<p>What to do: {_prose(finding.advice)}.</p>"
    yield "</article>"


def _prose(sentences: str) -> str:
    """Return sentences; what stands between backticks is code."""
    parts = sentences.split("`")
    if len(parts) % 2 == 0:
        return text(sentences)
    return "".join(f"<code>{text(p)}</code>" if k % 2 else text(p) for k, p in enumerate(parts))


def _steps(steps: Iterable[Step]) -> Iterator[str]:
    yield '<ol class="steps">'
    for step in steps:
        other = "" if step.other is None else f' data-other="{step.other}"'
        yield (
            f'<li class="{step.kind}" data-node="{step.node}" data-line="{step.line}"{other}>'
            f"{_told(step)}</li>"
        )
    yield "</ol>"


def _told(step: Step) -> str:
    """Return a step in a line: what was computed, or what arrives, what is local, what goes on."""
    head = f'<span class="head">{text(step.head)}</span>'
    result = f'<b class="result">{text(step.result)}</b>'
    remarks = "".join(f' <i class="remark">{text(r)}</i>' for r in step.remarks)
    if step.kind in ("leaf", "forward"):
        return f"{head} <span>=</span> {result}{remarks}" if step.kind == "forward" else (
            f"{head} <span>is</span> {result}{remarks}"
        )  # fmt: skip
    if step.kind == "start":
        return f"backward begins with {result} at {head}"
    if step.kind == "sum":
        return f"{head} <span>added up:</span> {result}"
    return (
        f'{head} <span class="arrives">{text(step.arrives)}</span> '
        f'<span class="factor">{text(step.factor)}</span> <span>→</span> {result}{remarks}'
    )


def _table(inspection: Inspection) -> Iterator[str]:
    yield (
        '<p class="filter"><input id="filter" type="search" placeholder="Filter" '
        'aria-label="Filter the table"></p><div class="wide"><table id="nodes"><thead><tr>'
    )
    for name in COLUMNS:
        kind = SORTED.get(name, "text")
        label = name or "kind"
        button = f'<button type="button" aria-label="Sort by {label}">{name or "&nbsp;"}</button>'
        yield f'<th scope="col" data-kind="{kind}">{button}</th>'
    yield "</tr></thead><tbody>"
    for node in inspection.nodes[:ROWS]:
        yield _row(node)
    yield "</tbody></table></div>"
    if (more := len(inspection.nodes) - ROWS) > 0:
        yield f'<p class="pale">{more:,} nodes more: gradcli eval --json has them.</p>'
    if values := stated(inspection):
        yield "<table>"
        for value in values:
            cells = (value.label, str(value.line), value.type, value.text)
            yield f"<tr>{''.join(f'<td>{text(one_line(c))}</td>' for c in cells)}</tr>"
        yield "</table>"


def _row(node: NodeFacts) -> str:
    flow = grad_of(node)
    value = "" if (shown := value_of(node)) is None else " ".join(lines(shown, WIDTH))
    grad = "None"
    if flow.shown is not None:
        written = lines(flow.shown, WIDTH)
        grad = " ".join(bracketed(written) if flow.passed else written)
    shape = f"{node.shape}" if node.shape else ""
    dtype = "" if node.dtype == "float64" else node.dtype
    cells = (
        MARKS[node.kind], one_line(node.label), node.op, str(node.line), f"{shape} {dtype}".strip(),
        value, grad, str(node.requires_grad), str(node.is_leaf), node.grad_fn or "None",
    )  # fmt: skip
    bad = " bad" if "nan" in value or "inf" in value or "nan" in grad or "inf" in grad else ""
    return (
        f'<tr class="{node.kind}{bad}" data-node="{node.id}" data-line="{node.line}">'
        f"{''.join(f'<td>{text(cell)}</td>' for cell in cells)}</tr>"
    )


def _gradients(found: Report) -> Iterator[str]:
    gradients = found.gradients
    if not gradients:
        yield '<p class="pale">No parameter has a gradient.</p>'
        return
    sizes = [g.norm for g in gradients if isfinite(g.norm) and g.norm > 0]
    low, high = (min(map(log10, sizes)), max(map(log10, sizes))) if sizes else (0.0, 0.0)
    yield (
        '<table class="gradients"><thead><tr><th>parameter</th><th>‖gradient‖</th>'
        "<th>log scale</th><th>‖value‖</th><th>ratio</th><th>distribution</th><th>where</th></tr>"
        "</thead><tbody>"
    )
    for g in gradients:
        ratio = g.norm / g.value_norm if g.value_norm else float("inf")
        cells = (_bar(g, low, high), _short(g.value_norm), _short(ratio), _bars(g), _map(g))
        yield (
            f'<tr data-node="{g.id}"><td>{text(g.name)}</td><td>{_short(g.norm)}</td>'
            f"{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>"
        )
    yield "</tbody></table>"


def _short(value: float) -> str:
    return number(float(f"{value:.4g}"), SCALAR_DIGITS) if isfinite(value) else str(value)


def _bar(g: Gradient, low: float, high: float) -> str:
    """Return a bar by the logarithm of a gradient's size."""
    if not isfinite(g.norm):
        return '<svg width="120" height="12" class="bar bad"><rect width="120" height="12"/></svg>'
    part = 0.0 if g.norm <= 0 else 0.1 + 0.9 * (log10(g.norm) - low) / max(high - low, 1.0)
    rect = f'<rect width="{120 * part:.0f}" height="12"/>'
    return f'<svg width="120" height="12" class="bar">{rect}</svg>'


def _bars(g: Gradient) -> str:
    """Return a histogram of a gradient's elements."""
    if not g.counts:
        return ""
    top, parts = max(g.counts), []
    for k, count in enumerate(g.counts):
        height = 0 if not count else max(2.0, 28 * count / top)
        parts.append(f'<rect x="{k * 5}" y="{30 - height:.1f}" width="4" height="{height:.1f}"/>')
    said = f"{_short(g.low)} to {_short(g.high)}"
    return (
        f'<svg width="{5 * max(len(g.counts), BINS)}" height="30" class="histogram" role="img">'
        f"<title>{said}</title>{''.join(parts)}</svg>"
    )


def _map(g: Gradient) -> str:
    """Return a heat map of a matrix: orange above 0, blue below, as strong as it is large."""
    if not g.heat:
        return ""
    top = max((abs(x) for row in g.heat for x in row if isfinite(x)), default=0.0) or 1.0
    side = max(3, min(12, 96 // max(len(g.heat), len(g.heat[0]))))
    parts = []
    for i, row in enumerate(g.heat):
        for j, x in enumerate(row):
            kind = "odd" if not isfinite(x) else "above" if x > 0 else "under"
            strong = 1.0 if not isfinite(x) else abs(x) / top
            parts.append(
                f'<rect class="{kind}" x="{j * side}" y="{i * side}" width="{side}" '
                f'height="{side}" opacity="{strong:.2f}"><title>{_short(x)}</title></rect>'
            )
    return (
        f'<svg width="{side * len(g.heat[0])}" height="{side * len(g.heat)}" class="heat" '
        f'role="img">{"".join(parts)}</svg>'
    )


def _claims(inspection: Inspection) -> Iterator[str]:
    if not inspection.claims:
        yield '<p class="pale">The file has no assert.</p>'
    for claim in inspection.claims:
        mark = "✓" if claim.holds else "✗"
        yield (
            f'<article class="{"holds" if claim.holds else "error"}" data-line="{claim.line}"><p>'
            f'{mark} <a href="#line{claim.line}" data-line="{claim.line}">line {claim.line}</a>: '
            f"<code>{text(claim.source)}</code></p>"
        )
        for source, value in sides(claim, WIDTH, None):
            yield f"<p><code>{text(source)}</code> = {text(' '.join(value))}</p>"
        if not claim.holds:
            yield from (f"<p>{text(said)}</p>" for said in differing(claim, claim.note))
        yield "</article>"


# ---- data ----------------------------------------------------------------------------------


def _data(found: Report, session: Session) -> str:
    """Return what the script reads, as JSON that can stand in HTML."""
    record = {
        "nodes": {str(n.id): _facts(n) for n in found.inspection.nodes[:ROWS]},
        "turns": [
            {"line": t.line, "count": t.turns,
             "series": [{"name": s.name, "values": [x if isfinite(x) else str(x) for x in s.values]}
                        for s in t.series]}
            for t in found.turns
        ],
        "torch": _torch(session),
        "latex": _latex(session),
    }  # fmt: skip
    dumped = json.dumps(record, ensure_ascii=False, separators=(",", ":"))
    return dumped.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def _facts(node: NodeFacts) -> dict[str, Any]:
    grad = node.grad
    return {
        "label": one_line(node.label),
        "source": one_line(node.source),
        "line": node.line,
        "op": node.op,
        "type": f"{list(node.shape)} {node.dtype}",
        "leaf": node.is_leaf,
        "requires": node.requires_grad,
        "fn": node.grad_fn,
        "inputs": node.inputs,
        "value": text_of(node.value),
        "grad": text_of(grad),
        "gradient": "" if grad is not None else text_of(node.gradient),
    }


def _torch(session: Session) -> str:
    from gradcli.export import exported

    if len(session.graph) > MOST_WRITTEN:
        return "# the graph is too large: gradcli export writes it"
    try:
        return exported(session, "torch").text
    except GradcliError as error:
        return f"# {error.message}"


def _latex(session: Session) -> str:
    from gradcli.formula.derive import derived
    from gradcli.render.derive import tex

    if len(session.graph) > MOST_WRITTEN:
        return "% the graph is too large"
    try:
        return tex(derived(session, ()))
    except GradcliError as error:
        return f"% {error.message}"


def _sheet(asked: Asked) -> str:
    """Return the style sheet: the page's, the picture's, and the colours of both themes."""
    css = files("gradcli.picture").joinpath("page.css").read_text("utf-8")
    kinds = {kind: f"var(--{kind})" for kind in THEMES["light"].kinds}
    names = Theme._make([*(f"var(--{name})" for name in Theme._fields[:-1]), kinds])
    themes = dict.fromkeys(("light", "dark", asked.theme))
    colours = [f'[data-theme="{name}"]{{{"".join(_variables(THEMES[name]))}}}' for name in themes]
    return "\n".join([*colours, style(names), css])


def _variables(theme: Theme) -> Iterator[str]:
    for name in Theme._fields[:-1]:
        yield f"--{name}:{getattr(theme, name)};"
    for kind, colour in theme.kinds.items():
        yield f"--{kind}:{colour};"
