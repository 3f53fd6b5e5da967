"""The colours of pictures.

They are of Okabe and Ito's palette, which people with any sight tell apart; marks and borders say
the same for those who see no colours.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from gradcli.inspection import Kind


class Theme(NamedTuple):
    """Colours by what they are for. `kinds` has a border for each kind of node."""

    page: str
    text: str
    pale: str
    card: str
    gradient: str
    gradient_text: str
    edge: str
    bad: str
    kinds: Mapping[Kind, str]


THEMES: Mapping[str, Theme] = {
    "light": Theme(
        "#ffffff", "#17202a", "#5d6975", "#ffffff", "#fff3cd", "#7a4a00", "#7d8ca3", "#c81e1e",
        {"parameter": "#b45309", "data": "#0369a1", "intermediate": "#64748b", "root": "#047857"},
    ),
    "dark": Theme(
        "#0f141a", "#e6edf3", "#9aa7b4", "#18212b", "#3a2f10", "#ffd98a", "#6b7a8d", "#ff6b6b",
        {"parameter": "#f0a044", "data": "#56b4e9", "intermediate": "#8291a5", "root": "#2bc492"},
    ),
    "print": Theme(
        "#ffffff", "#000000", "#444444", "#ffffff", "#f2f2f2", "#000000", "#555555", "#b00020",
        {"parameter": "#8a4500", "data": "#004d80", "intermediate": "#555555", "root": "#00583f"},
    ),
    "mono": Theme(
        "#ffffff", "#000000", "#555555", "#ffffff", "#eeeeee", "#000000", "#555555", "#000000",
        {"parameter": "#000000", "data": "#000000", "intermediate": "#777777", "root": "#000000"},
    ),
}  # fmt: skip
