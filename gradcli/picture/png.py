"""A picture as PNG, drawn from the SVG by resvg, which needs no library of the system's."""

from __future__ import annotations

from html import escape
from math import sqrt
from unicodedata import combining
from warnings import warn

from gradcli.errors import InputFault
from gradcli.inspection import Inspection
from gradcli.picture.cards import Asked
from gradcli.picture.scene import scene
from gradcli.picture.svg import Drawing
from gradcli.picture.themes import THEMES
from gradcli.session import Session

_NOWHERE = "\U0005fffe"  # in a plane of Unicode that has no letters
_LETTERS, _NAMED = 300, 8  # of one picture that are tried, that are named
MOST = 50_000_000  # pixels: resvg takes some 50 ns and 4 bytes for each
SCALE = 2  # sharp on screens of today


class MissingFont(UserWarning):
    """A picture has letters that no font is installed for."""


def render(
    inspection: Inspection,
    asked: Asked | None = None,
    session: Session | None = None,
    scale: int = SCALE,
) -> bytes:
    """Return the picture of a run as a PNG file, with so many pixels for each unit, or fewer.

    Raises: InputFault where resvg-py is not installed, or the picture is too large.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise InputFault(
            "PNG needs resvg-py, which is not installed",
            hint="pip install 'gradcli[pictures]', or write .svg, which needs nothing",
        ) from None
    asked = asked or Asked()
    drawing = Drawing(scene(inspection, asked, session), bool(asked.across))
    width, height = drawing.size
    if width * height > MOST:
        raise InputFault(
            f"a PNG of this graph would have {width:,.0f} × {height:,.0f} pixels",
            hint="write .svg or .html, or draw less of it (--max-nodes, --around, --named)",
        )
    scale = max(1, min(scale, int(sqrt(MOST / (width * height)))))
    picture = drawing.file(THEMES[asked.theme])
    if said := unwritten(picture):
        warn(said, MissingFont, stacklevel=2)
    return bytes(svg_to_bytes(svg_string=picture, zoom=scale))


def unwritten(picture: str) -> str:
    """Return what resvg has no font for in a picture, as a sentence; "" where all is drawn.

    A letter without a font is drawn as one that no font can have: as nothing, or as a box.
    """
    from resvg_py import svg_to_bytes

    def drawn(letter: str) -> bytes:
        one = f'<text y="15" font-size="12" font-family="sans-serif">{escape(letter)}</text>'
        head = '<svg xmlns="http://www.w3.org/2000/svg" width="20" height="20">'
        return bytes(svg_to_bytes(svg_string=f"{head}{one}</svg>"))

    none = drawn(_NOWHERE)
    if drawn("n") == none:
        return "no font is installed: the picture has no texts"
    letters = dict.fromkeys(c for c in picture if not c.isascii() and not c.isspace())
    missing = [c for c in list(letters)[:_LETTERS] if not combining(c) and drawn(c) == none]
    if not missing:
        return ""
    more = " and others" * (len(missing) > _NAMED)
    return f"no font that is installed has {' '.join(missing[:_NAMED])}{more}"
