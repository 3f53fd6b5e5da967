"""A picture as PDF, drawn from the SVG by svg2pdf: lines stay lines, and texts can be copied."""

from __future__ import annotations

from warnings import warn

from gradcli.errors import InputFault
from gradcli.inspection import Inspection
from gradcli.picture import svg
from gradcli.picture.cards import Asked
from gradcli.picture.png import MissingFont
from gradcli.session import Session


def render(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> bytes:
    """Return the picture of a run as a PDF file of one page.

    Raises: InputFault where svg2pdf-py is not installed.
    """
    try:
        from svg2pdf_py import FontDatabase, svg_to_pdf
    except ImportError:
        raise InputFault(
            "PDF needs svg2pdf-py, which is not installed",
            hint="pip install 'gradcli[pdf]', or write .svg, which needs nothing",
        ) from None
    fonts = FontDatabase()
    fonts.load_system_fonts()
    if not fonts.len():
        warn("no font is installed: the picture has no texts", MissingFont, stacklevel=2)
    return bytes(svg_to_pdf(svg.render(inspection, asked, session), fonts))
