"""A scene in the language of Mermaid, which GitHub and many notebooks draw by themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from gradcli.inspection import Inspection, Kind
from gradcli.picture.cards import Asked, Card, Scene
from gradcli.picture.scene import scene
from gradcli.picture.themes import THEMES
from gradcli.render.words import harmless
from gradcli.session import Session

# brackets that make the shape of a kind: a round one, a box, …
_SHAPES: Mapping[Kind, tuple[str, str]] = {
    "parameter": ("[[", "]]"),
    "data": ("[/", "/]"),
    "intermediate": ("(", ")"),
    "root": ("([", "])"),
}


def render(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> str:
    """Return a flowchart of a run."""
    asked = asked or Asked()
    return (
        "\n".join(_lines(scene(inspection, asked, session), asked.theme, bool(asked.across))) + "\n"
    )


def fenced(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> str:
    """Return the flowchart as a block of Markdown."""
    return f"```mermaid\n{render(inspection, asked, session)}```\n"


def _lines(shown: Scene, theme: str, across: bool) -> Iterator[str]:
    yield f"flowchart {'LR' if across else 'TB'}"
    for card in shown.cards:
        left, right = _SHAPES[card.kind]
        yield f'  n{card.id}{left}"{"<br/>".join(_texts(card, shown.root))}"{right}:::{card.kind}'
    for number, link in enumerate(shown.links):
        arrow = "-.->" if link.weight is None else "-->"
        said = "<br/>".join(_quoted(line) for line in (link.label, *link.back) if line)
        label = f'|"{said}"|' if said else ""
        yield f"  n{link.source} {arrow}{label} n{link.target}"
        if link.weight is not None:
            yield f"  linkStyle {number} stroke-width:{1 + 3 * link.weight:.1f}px"
    colours = THEMES[theme]
    for kind, colour in colours.kinds.items():
        wide = 3 if kind == "parameter" else 1
        yield (
            f"  classDef {kind} fill:{colours.card},stroke:{colour},color:{colours.text},"
            f"stroke-width:{wide}px"
        )
    bad = [f"n{card.id}" for card in shown.cards if card.bad]
    if bad:
        yield f"  classDef bad stroke:{colours.bad},stroke-width:3px"
        yield f"  class {','.join(bad)} bad"


def _texts(card: Card, root: str) -> Iterator[str]:
    shape = f" {_quoted(card.shape)}" if card.shape else ""
    yield f"{card.mark} <b>{_quoted(card.title)}</b>{shape}"
    if card.source:
        yield _quoted(card.source)
    yield from map(_quoted, (*([card.origin] if card.origin else []), *card.notes))
    if card.value:
        yield _quoted(" ".join(card.value))
    if card.gradient:
        yield _quoted(f"∂{root}: {' '.join(card.gradient)}")


def _quoted(text: str) -> str:
    """Return a text of the file in which Mermaid and a browser find nothing but letters."""
    return "".join(
        c if c.isalnum() or c in " .,:=+-/()[]∂×·…−_|↑←" else f"#{ord(c)};" for c in harmless(text)
    )
