"""Pictures of a run: what they show, where it stands, how it is drawn; imported when it is drawn.

Every entry of `PICTURES` takes an inspection, `asked` (`scene.Asked`: what is shown), `theme` (a
name of `themes.THEMES`) and `across` (from left to right), and gives a text, or bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradcli.render import Renderer

_ROOM = "gradcli.picture"
PICTURES: Mapping[str, Renderer] = {
    "svg": Renderer("svg", room=_ROOM),
    "png": Renderer("png", room=_ROOM),
}
THEMES = ("light", "dark", "print", "mono")
