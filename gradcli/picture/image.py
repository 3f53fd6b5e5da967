"""The picture of a run as an image that stands in a page of others: a notebook's."""

from __future__ import annotations

from base64 import b64encode

from gradcli.inspection import Inspection
from gradcli.picture.cards import Asked
from gradcli.picture.scene import scene
from gradcli.picture.svg import Drawing, text
from gradcli.picture.themes import THEMES
from gradcli.session import Session

DRAWN = 3000  # nodes of a run that is drawn
CARDS = 60
LARGEST = 400_000  # bytes of a picture
_FRAME = "overflow:auto;max-height:960px;margin:6px 0"


def render(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> str:
    """Return the picture as an `<img>`, light or dark as the page is; of a large run nothing.

    In an image nothing runs, and its names and styles are its own: several disturb neither each
    other nor the page.
    """
    if not 0 < len(inspection.nodes) <= DRAWN:
        return ""
    shown = scene(inspection, asked or Asked(most=CARDS), session)
    drawing = Drawing(shown)
    file = drawing.file(THEMES["light"], THEMES["dark"]).encode("utf-8", "backslashreplace")
    if len(file) > LARGEST:
        return ""
    width, height = drawing.size
    return (
        f'<div style="{_FRAME}"><img width="{width:.0f}" height="{height:.0f}" '
        f'style="max-width:none" alt="Graph of {text(shown.file)}: {text(shown.answer)}" '
        f'src="data:image/svg+xml;base64,{b64encode(file).decode()}"/></div>'
    )
