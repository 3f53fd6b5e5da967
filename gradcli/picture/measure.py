"""How wide texts are, in fonts that nobody has asked: as wide as the widest of the usual ones.

The widths are those of DejaVu, in units of the font's size: other sans-serif fonts are narrower,
and fonts of one width have 0.6.
"""

from __future__ import annotations

from unicodedata import combining, east_asian_width

MONOSPACE = 0.603
_BANDS = (
    (0.40, " ',./:;IJ\\ijl|"),
    (0.55, '!"()*-[]_`frt'),
    (0.66, "?Lcsvxyz"),
    (0.82, "ABKRUVX"),
    (0.90, "#&+<=>DGHNOQ^~"),
    (1.11, "%@MWmw"),
)
_WIDTHS = {letter: width for width, letters in _BANDS for letter in letters}
_OTHER = 0.74  # of digits and the other letters
_WIDE = 1.0  # of Chinese, and of what is drawn as a picture
_PICTURE = 0x1F000  # where emoji begin


def sans(text: str, size: float) -> float:
    """Return the width of a bold text in a sans-serif font."""
    return size * sum(map(_bold, text))


def monospace(text: str, size: float) -> float:
    """Return the width of a text in a font of one width."""
    return size * sum(_wide(c) if not c.isascii() else MONOSPACE for c in text)


def fitting(text: str, size: float, room: float) -> str:
    """Return a bold text, or its beginning and an ellipsis, that is no wider than there is room."""
    if sans(text, size) <= room:
        return text
    while text and sans(text + "…", size) > room:
        text = text[:-1]
    return text + "…"


def _bold(letter: str) -> float:
    if letter.isascii():
        return _WIDTHS.get(letter, _OTHER)
    return max(_wide(letter), _OTHER) if not combining(letter) else 0.0


def _wide(letter: str) -> float:
    if combining(letter):
        return 0.0
    if ord(letter) >= _PICTURE:
        return 1.3 * _WIDE
    return _WIDE if east_asian_width(letter) in "WF" else MONOSPACE
