"""Pictures of a run: what they show, where it stands, how it is drawn; imported when it is drawn.

Every entry of `PICTURES` takes an inspection, `asked` (a `cards.Asked`: what is shown and how) and
the `session` of the run, which knows what flows through edges, and gives a text, or bytes.
"""

from __future__ import annotations

from collections.abc import Mapping

from gradcli.render import Renderer

_ROOM = "gradcli.picture"
PICTURES: Mapping[str, Renderer] = {
    "svg": Renderer("svg", room=_ROOM),
    "image": Renderer("image", room=_ROOM),  # for notebooks
    "png": Renderer("png", room=_ROOM),
    "mermaid": Renderer("mermaid", room=_ROOM),
    "markdown": Renderer("mermaid", "fenced", room=_ROOM),
    "pdf": Renderer("pdf", room=_ROOM),
    "html": Renderer("page", room=_ROOM),
    "ascii": Renderer("boxed", room=_ROOM),  # for a console
    "json": Renderer("data", room=_ROOM),
}
