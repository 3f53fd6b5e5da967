"""A scene as data: the schema `gradcli.graph/1`, strict JSON.

Top level: `schema`, `file`, `answer` (a sentence), `root` (what it is called), `width`, `height`,
`line` (below it stands what does not lead to the root, null where nothing does not), `notes`,
`cards` and `links`.

A card: `id` (of the node, as in `gradcli.eval/1`), `kind`, `title`, `shape`, `source`, `line`,
`value` and `gradient` (lines of text), `passed` (the gradient flowed and was not kept), `faint` (it
does not lead to the root), `bad` (something in it is not finite), `origin` (what begins here, or
""), `notes`, and its box: `x`, `y` (of its top left corner), `width`, `height`.

A link: `source` and `target` (ids), `weight` (0 to 1, null where no gradient flows), `label`, `bad`
and `points` that it passes, from card to card.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from gradcli.inspection import Inspection
from gradcli.picture.cards import Asked, Card
from gradcli.picture.scene import scene
from gradcli.picture.svg import Drawing
from gradcli.render.words import json_text
from gradcli.session import Session

SCHEMA = "gradcli.graph/1"


def render(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> str:
    """Return what a picture shows and where as JSON (see the module for every key)."""
    asked = asked or Asked()
    drawing = Drawing(scene(inspection, asked, session), bool(asked.across))
    shown, placed = drawing.scene, drawing.layout
    record = {
        "schema": SCHEMA,
        "file": shown.file,
        "answer": shown.answer,
        "root": shown.root,
        "width": placed.size.width,
        "height": placed.size.height,
        "line": placed.line,
        "notes": shown.notes,
        "cards": [_card(drawing, card) for card in shown.cards],
        "links": [
            asdict(link) | {"points": placed.paths[link.source, link.target]}
            for link in shown.links
        ],
    }
    return json_text(record, indent=1) + "\n"


def _card(drawing: Drawing, card: Card) -> dict[str, Any]:
    size, middle = drawing.boxes[card.id].size, drawing.layout.places[card.id]
    box = {"x": middle.x - size.width / 2, "y": middle.y - size.height / 2,
           "width": size.width, "height": size.height}  # fmt: skip
    record = asdict(card)
    del record["fold"]
    return record | box
