"""A picture as PNG, drawn from the SVG by resvg, which needs no library of the system's."""

from __future__ import annotations

from gradcli.errors import InputFault
from gradcli.inspection import Inspection
from gradcli.picture import svg
from gradcli.picture.cards import Asked
from gradcli.session import Session

SCALE = 2  # sharp on screens of today


def render(
    inspection: Inspection,
    asked: Asked | None = None,
    session: Session | None = None,
    scale: int = SCALE,
) -> bytes:
    """Return the picture of a run as a PNG file, with so many pixels for each unit.

    Raises: InputFault where resvg-py is not installed.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise InputFault(
            "PNG needs resvg-py, which is not installed",
            hint="pip install 'gradcli[pictures]', or write .svg, which needs nothing",
        ) from None
    drawn = svg_to_bytes(svg_string=svg.render(inspection, asked, session), zoom=scale)
    return bytes(drawn)
