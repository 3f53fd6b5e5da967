"""A run as a page that stands alone: one file that asks no host for anything.

Everything is in the HTML and can be read as lists without scripts; the script makes tabs of them,
links the source, the graph and the tables, and plays the steps. A strict policy in the head lets
nothing run but the script that is there.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256
from importlib.resources import files
from math import isfinite
from typing import Any

from gradcli.errors import GradcliError
from gradcli.inspection import Array, Inspection, NodeFacts
from gradcli.picture.cards import Asked, Scene
from gradcli.picture.layout import Size
from gradcli.picture.panels import ROWS, panels
from gradcli.picture.report import Report, Turns, report
from gradcli.picture.scene import scene
from gradcli.picture.steps import LARGE, largest
from gradcli.picture.svg import Drawing, style, text
from gradcli.picture.themes import THEMES, Theme
from gradcli.render.numbers import lines
from gradcli.render.words import headline, one_line
from gradcli.session import Session

ROOM = Size(940, 480)  # that a window usually has for the graph
READABLE = 0.65  # of its own size, at which a text can be read
MOST_TURNED = 60  # cards that are laid out in both directions
WHOLE, DETAILS = 64, 52  # elements of a matrix that is written line by line, and characters
MOST_WRITTEN = 3000  # rows of a tape that is written as a script
MOST_DERIVED = 300  # and as formulas

_KEYS = (
    ("→ ←", "a step on, a step back"),
    ("Home End", "the first step, the last"),
    ("Space", "play, pause"),
    ("/", "find a node; Enter: the next one"),
    ("Tab", "from card to card"),
    ("c", "hide or show what a card is made of"),
    ("+ − 0", "larger, smaller, the whole graph"),
    ("t", "light or dark"),
    ("?", "this help; Esc closes it"),
)


def render(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> str:
    """Return the page of a run.

    Raises: InputFault where a name that was asked for is not known.
    """
    assert session is not None, "a page says what is known of the run"
    asked = asked or Asked()
    shown = scene(inspection, asked, session)
    found = report(session, inspection, shown, asked)
    return "\n".join(_document(found, shown, asked, session)) + "\n"


def _document(found: Report, shown: Scene, asked: Asked, session: Session) -> Iterator[str]:
    script, page = _own("page.js"), _own("page.css")
    picture, colours = _picture_style(), _colours(asked)
    sheets = " ".join(map(_hash, (colours, picture, page)))
    policy = (
        f"default-src 'none'; script-src {_hash(script)}; style-src {sheets}; "
        "base-uri 'none'; form-action 'none'"
    )
    yield f'<!doctype html>\n<html lang="en" data-theme="{asked.theme}">\n<head>'
    yield '<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>{text(one_line(found.inspection.file))}</title>"
    yield f'<style>{colours}</style>\n<style id="picture">{picture}</style>'
    yield f"<style>{page}</style>\n</head>\n<body>"
    yield from _header(found, shown)
    yield from _main(found, shown, asked)
    yield from _help()
    yield f'<script type="application/json" id="data">{_data(found, shown, session)}</script>'
    yield f"<script>{script}</script>\n</body>\n</html>"


def _own(name: str) -> str:
    return files("gradcli.picture").joinpath(name).read_text("utf-8")


def _hash(content: str) -> str:
    return f"'sha256-{b64encode(sha256(content.encode()).digest()).decode()}'"


# ---- head ----------------------------------------------------------------------------------


def _button(does: str, says: str, name: str = "") -> str:
    label = f' aria-label="{name}" title="{name}"' if name else ""
    return f'<button type="button" data-do="{does}"{label}>{says}</button>'


def _header(found: Report, shown: Scene) -> Iterator[str]:
    yield f"<header><div><h1>{text(one_line(shown.answer))}</h1>"
    yield f"<p>{text(one_line(headline(found.inspection)))}</p></div>"
    yield (
        '<div class="tools" role="toolbar" aria-label="Tools">'
        '<input id="search" type="search" placeholder="Find a node" aria-label="Find a node">'
        f"{_button('out', '−', 'Smaller')}{_button('fit', 'fit', 'Whole graph')}"
        f"{_button('in', '+', 'Larger')}{_button('theme', '◐', 'Light or dark')}"
        f"<span>Copy</span>{_button('copy-torch', 'PyTorch', 'Copy as PyTorch')}"
        f"{_button('copy-latex', 'LaTeX', 'Copy as LaTeX')}"
        f"{_button('copy-svg', 'SVG', 'Copy as SVG')}{_button('help', '?', 'Keys')}"
        '<span id="said" role="status"></span></div></header>'
    )


def _help() -> Iterator[str]:
    yield '<dialog id="help" aria-label="Keys"><h2>Keys</h2><dl>'
    for keys, does in _KEYS:
        shown = " ".join(f"<kbd>{key}</kbd>" for key in keys.split())
        yield f"<dt>{shown}</dt><dd>{does}</dd>"
    yield "</dl><p>Drag to move, the wheel to zoom, a double click is <kbd>c</kbd>.</p>"
    yield f"{_button('close', 'Close')}</dialog>"


# ---- what is looked at ---------------------------------------------------------------------


def _main(found: Report, shown: Scene, asked: Asked) -> Iterator[str]:
    yield '<main><div class="side">'
    yield '<section class="listing" aria-label="Source"><h2>Source</h2><ol>'
    for k, line in enumerate(found.source, 1):
        yield f'<li data-line="{k}" id="line{k}"><code>{text(line) or " "}</code></li>'
    yield "</ol></section>"
    yield '<section class="details" aria-label="Node"><h2>Node</h2>'
    yield '<div id="details" aria-live="polite"><p class="pale">Choose a card, a line or a row.</p>'
    yield "</div></section></div>"
    yield '<div class="divider" data-divides="columns"></div><div class="work">'
    yield from _graph(shown, asked)
    yield from _player(found)
    yield "</section>"
    yield '<div class="divider" data-divides="rows"></div>'
    yield from _tabs(found)
    yield "</div></main>"


def _drawing(shown: Scene, asked: Asked) -> Drawing:
    """Return the picture in the direction asked for, else from the left where only that fits."""
    drawing = Drawing(shown, bool(asked.across))
    if asked.across is not None or len(shown.cards) > MOST_TURNED:
        return drawing
    if _fit(drawing) >= READABLE:
        return drawing
    turned = Drawing(shown, across=True)
    return turned if _fit(turned) >= READABLE else drawing


def _fit(drawing: Drawing) -> float:
    return min(ROOM.width / drawing.size.width, ROOM.height / drawing.size.height)


def _graph(shown: Scene, asked: Asked) -> Iterator[str]:
    drawing = _drawing(shown, asked)
    width, height = drawing.size
    yield '<section class="graph" aria-label="Graph"><h2>Graph</h2><div class="canvas">'
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="gradcli" width="{width:.0f}" '
        f'height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}" role="group" '
        'aria-label="Cards of the graph">'
    )
    yield '<rect class="page" width="100%" height="100%"/>'
    yield from drawing.body()
    yield "</svg></div>"


def _player(found: Report) -> Iterator[str]:
    if found.steps:
        last = len(found.steps) - 1
        yield (
            '<div class="player" role="group" aria-label="Player">'
            f"{_button('first', '|◀', 'First step')}{_button('back', '◀', 'Step back')}"
            f"{_button('on', '▶', 'Step')}{_button('last', '▶|', 'Last step')}"
            f"{_button('play', 'Play')}"
            f'<input id="slider" type="range" min="0" max="{last}" value="{last}" '
            'aria-label="Step of forward and backward">'
            '<output id="count"></output><div id="caption" aria-live="polite"></div></div>'
        )
    for k, turns in enumerate(found.turns):
        if turns.turns > 1 and (turns.series or turns.frames):
            yield (
                f'<div class="turns"><label>turn of the loop in line {turns.line} '
                f'<input type="range" min="1" max="{turns.turns}" value="{turns.turns}" '
                f'data-turn="{k}"></label><output></output></div>'
            )


def _tabs(found: Report) -> Iterator[str]:
    tabs = panels(found)
    yield '<section class="tabs" aria-label="Facts"><div role="tablist" class="tablist">'
    for k, tab in enumerate(tabs):
        yield (
            f'<button type="button" role="tab" id="tab-{tab.id}" aria-controls="panel-{tab.id}" '
            f'aria-selected="{"false" if k else "true"}">{tab.name} ({tab.size:,})</button>'
        )
    yield "</div>"
    for tab in tabs:
        yield (
            f'<div role="tabpanel" id="panel-{tab.id}" aria-labelledby="tab-{tab.id}">'
            f'<h2 class="panel">{tab.name} ({tab.size:,})</h2>'
        )
        yield from tab.rows
        yield "</div>"
    yield "</section>"


def _standing(inspection: Inspection, shown: Scene) -> dict[int, int]:
    """Return the cards that stand for nodes without one.

    A call that is one card stands for what was made in it, a turn of a loop for all of them.
    """
    told = {(card.id if card.node is None else card.node): card.id for card in shown.cards}
    told = {id: card for id, card in told.items() if id >= 0}
    nodes = {id: inspection.node(id) for id in told}
    places = {_place(node): told[id] for id, node in nodes.items()}
    calls = {n.frames[0].number: told[id] for id, n in nodes.items() if n.frames and told[id] < 0}
    found = {}
    for node in inspection.nodes:
        card = told.get(node.id, places.get(_place(node)))
        if card is None and node.frames:
            card = calls.get(node.frames[0].number)
        if card is not None and card != node.id:
            found[node.id] = card
    return found


def _place(node: NodeFacts) -> tuple[str | None, int, str, str]:
    return node.name, node.line, node.source, node.op


# ---- data ----------------------------------------------------------------------------------


def _data(found: Report, shown: Scene, session: Session) -> str:
    """Return what the script reads and no list has, as JSON that can stand in HTML."""
    facts = ((n.id, _facts(n, found)) for n in found.inspection.nodes[:ROWS])
    record = {
        "nodes": {str(id): said for id, said in facts if said},
        "shown": {str(id): card for id, card in _standing(found.inspection, shown).items()},
        "cards": {str(c.id): str(c.node) for c in shown.cards if c.node is not None},
        "turns": [_turns(turns) for turns in found.turns],
        "torch": _torch(session),
        "latex": _latex(session, found.inspection),
    }
    dumped = json.dumps(record, ensure_ascii=True, separators=(",", ":"))
    return dumped.replace("<", "\\u003c")


def _facts(node: NodeFacts, found: Report) -> dict[str, str]:
    """Return what the table does not say of a node: what is long, and why there is no `.grad`."""
    said = {
        "source": "" if node.source == node.label else one_line(node.source),
        "value": _whole(node.value),
        "grad": _whole(node.grad),
        "gradient": "" if node.grad is not None else _whole(node.gradient),
        "formula": found.formulas.get(node.id, ""),
        "why": found.reasons.get(node.id, ""),
    }
    return {name: words for name, words in said.items() if words}


def _whole(array: Array | None) -> str:
    """Return a matrix line by line; what is one line stands in the table."""
    if array is None or array.ndim < 2 or array.size > WHOLE:
        return ""
    written = lines(array, DETAILS, full=True)
    return "\n".join(written) if len(written) > 1 else ""


def _turns(turns: Turns) -> dict[str, Any]:
    return {
        "line": turns.line,
        "count": turns.turns,
        "starts": turns.starts,
        "series": [
            {"name": s.name, "values": [x if isfinite(x) else str(x) for x in s.values]}
            for s in turns.series
        ],
        "cards": {str(id): frames._asdict() for id, frames in turns.frames.items()},
    }


def _torch(session: Session) -> str:
    from gradcli.export import exported

    if len(session.graph) > MOST_WRITTEN:
        return "# the graph is too large: gradcli export --to torch writes it"
    try:
        return exported(session, "torch").text
    except GradcliError as error:
        return f"# {error.message}"


def _latex(session: Session, inspection: Inspection) -> str:
    from gradcli.formula.derive import derived
    from gradcli.render.derive import tex

    if len(session.graph) > MOST_DERIVED or largest(inspection) > LARGE:
        return "% the graph is too large: gradcli derive --format latex writes it"
    try:
        return tex(derived(session, ()))
    except GradcliError as error:
        return f"% {error.message}"


# ---- styles --------------------------------------------------------------------------------


def _picture_style() -> str:
    """Return the style sheet of the picture, with variables for its colours."""
    kinds = {kind: f"var(--{kind})" for kind in THEMES["light"].kinds}
    return style(Theme._make([*(f"var(--{name})" for name in Theme._fields[:-1]), kinds]))


def _colours(asked: Asked) -> str:
    """Return the colours of the themes that the page can have."""
    themes = dict.fromkeys(("light", "dark", asked.theme))
    return "\n".join(
        f'[data-theme="{name}"]{{{"".join(_variables(THEMES[name]))}}}' for name in themes
    )


def _variables(theme: Theme) -> Iterator[str]:
    for name in Theme._fields[:-1]:
        yield f"--{name}:{getattr(theme, name)};"
    for kind, colour in theme.kinds.items():
        yield f"--{kind}:{colour};"
