"""A picture as PNG, drawn from the SVG by resvg, which needs no library of the system's."""

from __future__ import annotations

from typing import Any

from gradcli.errors import InputFault
from gradcli.inspection import Inspection
from gradcli.picture import svg

SCALE = 2.0  # pixels for each unit: sharp on screens of today


def render(inspection: Inspection, *, scale: float = SCALE, **options: Any) -> bytes:
    """Return the picture of a run as a PNG file. Options are those of `svg.render`.

    Raises: InputFault where resvg-py is not installed.
    """
    try:
        from resvg_py import svg_to_bytes
    except ImportError:
        raise InputFault(
            "PNG needs resvg-py, which is not installed",
            hint="pip install 'gradcli[pictures]', or write .svg, which needs nothing",
        ) from None
    drawn = svg_to_bytes(svg_string=svg.render(inspection, **options), zoom=round(scale))
    return bytes(drawn)
