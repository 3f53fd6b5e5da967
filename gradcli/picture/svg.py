"""A scene as SVG: cards with their numbers, edges as wide as what flows back through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from typing import NamedTuple

from gradcli.inspection import Inspection
from gradcli.picture.cards import Asked, Card, Link, Scene
from gradcli.picture.cards import Box as Call
from gradcli.picture.edges import CORNER, LINE, SMALL, Edges, curve, room, spread
from gradcli.picture.layout import Gaps, Layout, Point, Size, layout
from gradcli.picture.measure import fitting, monospace, sans
from gradcli.picture.scene import scene
from gradcli.picture.themes import THEMES, Theme
from gradcli.render.words import harmless
from gradcli.session import Session

SANS = "'DejaVu Sans',Verdana,'Segoe UI',Helvetica,Arial,'Noto Sans CJK SC',sans-serif"
MONO = "'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono','Noto Sans Mono CJK SC',monospace"
TITLE, NUMBER = 13.0, 11.5  # sizes of fonts
PAD, GAP = 10.0, 12.0
HEAD, ROW = 24.0, 5.0  # heights: of the title, around rows of numbers
MARGIN = 24.0
OUTER = 3.5  # between the two borders of the root
LABEL = 96.0  # widest label of a row of numbers


def render(
    inspection: Inspection, asked: Asked | None = None, session: Session | None = None
) -> str:
    """Return the picture of a run as an SVG file.

    Raises: InputFault where a name that was asked for is not known.
    """
    asked = asked or Asked()
    return Drawing(scene(inspection, asked, session), bool(asked.across)).file(THEMES[asked.theme])


class Box(NamedTuple):
    """A card as it is measured: its size, and where the numbers begin."""

    size: Size
    numbers: float


@dataclass(frozen=True)
class Drawing:
    """A scene with its places."""

    scene: Scene
    across: bool = False

    def __post_init__(self) -> None:
        links = self.scene.links
        into: dict[int, list[Link]] = {}
        for link in links:
            into.setdefault(link.target, []).append(link)
        gaps = self._gaps()
        beside = gaps.beside - Gaps().beside
        boxes = {c.id: self._measured(c, into.get(c.id, ()), beside) for c in self.scene.cards}
        sizes = {i: box.size for i, box in boxes.items()}
        if self.across:
            sizes = {i: Size(size.height, size.width) for i, size in sizes.items()}
        edges = [(link.source, link.target) for link in links]
        aside = [card.id for card in self.scene.cards if card.faint]
        known = {box.id for box in self.scene.boxes}
        inside = {c.id: tuple(b for b in c.boxes if b in known) for c in self.scene.cards}
        placed = layout(sizes, edges, aside, gaps, inside)
        if self.across:
            placed = _turned(placed)
        object.__setattr__(self, "boxes", boxes)
        object.__setattr__(self, "layout", placed)

    boxes: Mapping[int, Box] = None  # type: ignore[assignment]
    layout: Layout = None  # type: ignore[assignment]

    @property
    def size(self) -> Size:
        """The size of the whole."""
        width, height = self.layout.size
        notes = self.scene.notes
        width = max(width, 160.0, *(sans(note, SMALL) for note in notes))
        below = LINE * len(notes) + GAP * bool(notes)
        return Size(width + 2 * MARGIN, height + 2 * MARGIN + below)

    # ---- measures ------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """What a row of gradients is called."""
        name = f"∂{self.scene.root}"
        return name if self.scene.root and sans(name, SMALL) <= LABEL else "grad"

    def _gaps(self) -> Gaps:
        """Return the room around cards, with that for what stands at edges."""
        gaps, said = Gaps(), room(self.scene.links)
        wide = any(link.back for link in self.scene.links)
        if self.across:
            beside = gaps.beside + said.height * wide
            return Gaps(beside, gaps.below + said.width, gaps.edge + said.height, gaps.title)
        more = said.width * wide
        title = max(gaps.title, said.height + 13)
        return Gaps(gaps.beside + more, gaps.below + said.height, gaps.edge + more, title)

    def _measured(self, card: Card, into: Sequence[Link], beside: float) -> Box:
        """Return how large a card is, with room for the edges that end at it."""
        title = sans(f"{card.mark} {card.title}", TITLE)
        head = title + (GAP + monospace(card.shape, SMALL) if card.shape else 0.0)
        source = monospace(card.source, SMALL)
        labels = [sans(text, SMALL) for text, lines in self._rows(card) if lines]
        column = max(labels, default=0.0) + GAP * bool(labels)
        numbers = [monospace(x, NUMBER) for _, lines in self._rows(card) for x in lines]
        notes = [sans(note, SMALL) for note in self._notes(card)]
        width = max(head, source, column + max(numbers, default=0.0), *notes, 0.0)
        height = HEAD + LINE * bool(card.source) + LINE * len(notes) + ROW
        height += sum(LINE * len(lines) + ROW for _, lines in self._rows(card) if lines)
        least = spread(into, self.across, beside) + 2 * CORNER
        if self.across:
            return Box(Size(width + 2 * PAD, max(height, least)), column)
        return Box(Size(max(width + 2 * PAD, least), height), column)

    def _rows(self, card: Card) -> tuple[tuple[str, tuple[str, ...]], ...]:
        return ("value", card.value), (self.label, card.gradient)

    def _notes(self, card: Card) -> list[str]:
        return [*([f"{card.origin}"] if card.origin else []), *card.notes]

    # ---- drawing -------------------------------------------------------------------------

    def file(self, theme: Theme, dark: Theme | None = None) -> str:
        """Return a file of its own, in the colours of `dark` where its reader wants them so."""
        width, height = self.size
        sheet = style(theme)
        if dark is not None:
            sheet += f"@media (prefers-color-scheme:dark){{{style(dark)}}}"
        return "\n".join((
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
            f'viewBox="0 0 {width:.0f} {height:.0f}" role="img" class="gradcli">',
            f"<title>{text(self.scene.file)}: {text(self.scene.answer)}</title>",
            f"<style>{sheet}</style>",
            '<rect class="page" width="100%" height="100%"/>',
            *self.body(),
            "</svg>\n",
        ))  # fmt: skip

    def body(self) -> Iterator[str]:
        """Yield everything that is drawn: edges first, cards over them."""
        yield (
            '<defs><marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" '
            'markerHeight="8" markerUnits="userSpaceOnUse" orient="auto"><path class="arrow" '
            'd="M0 0.5 8 4 0 7.5z"/></marker><marker id="bad-arrow" viewBox="0 0 8 8" refX="7" '
            'refY="4" markerWidth="8" markerHeight="8" markerUnits="userSpaceOnUse" '
            'orient="auto"><path class="bad-arrow" d="M0 0.5 8 4 0 7.5z"/></marker></defs>'
        )
        yield f'<g transform="translate({MARGIN:.0f} {MARGIN:.0f})">'
        if self.layout.line is not None:
            end = self.layout.size.height if self.across else self.layout.size.width
            at = self.layout.line
            line = f"M{at:.1f} 0V{end:.1f}" if self.across else f"M0 {at:.1f}H{end:.1f}"
            yield f'<path class="line" d="{line}"/>'
        for box in self.scene.boxes:
            yield from self._box(box)
        edges = Edges(
            self.scene.links, self.layout, {c.id: self._outer(c) for c in self.scene.cards},
            self.across,
        )  # fmt: skip
        yield '<g class="edges">'
        for link in self.scene.links:
            yield self._edge(link, edges)
        yield "</g>"
        for box in self.scene.boxes:
            yield from self._name(box)
        for card in self.scene.cards:
            yield from self._card(card)
        yield from self._sayings(edges)
        y = self.layout.size.height + GAP + LINE
        for k, note in enumerate(self.scene.notes):
            yield f'<text class="note" x="0" y="{y + k * LINE:.1f}">{text(note)}</text>'
        yield "</g>"

    def _box(self, box: Call) -> Iterator[str]:
        """Yield what is drawn around the cards of a call: down its right side, up its left one."""
        extents = self.layout.boxes.get(box.id, ())
        if not extents:
            return
        right, left = [], []
        for k, e in enumerate(extents):
            top = (extents[k - 1].bottom + e.top) / 2 if k else e.top
            bottom = (e.bottom + extents[k + 1].top) / 2 if k + 1 < len(extents) else e.bottom
            right += [(e.right, top), (e.right, bottom)]
            left += [(e.left, top), (e.left, bottom)]
        points = [Point(*p) for p in (*right, *reversed(left))]
        if self.across:
            points = [Point(p.y, p.x) for p in points]
        yield f'<path class="call" data-line="{box.line}" d="{rounded(points, CORNER)}"/>'

    def _name(self, box: Call) -> Iterator[str]:
        """Yield what a box is called: in its top left corner, over the edges."""
        extents = self.layout.boxes.get(box.id, ())
        if not extents:
            return
        first = extents[0]
        x, y = (first.top, first.left) if self.across else (first.left, first.top)
        room = first.bottom - first.top if self.across else first.right - first.left
        said = fitting(box.title, SMALL, room - CORNER - 4)
        yield f'<text class="call-name" x="{x + CORNER:.1f}" y="{y + 11:.1f}">{text(said)}</text>'

    def _card(self, card: Card) -> Iterator[str]:
        width, height = self.boxes[card.id].size
        middle = self.layout.places[card.id]
        x, y = middle.x - width / 2, middle.y - height / 2
        names = [card.kind, *(["faint"] if card.faint else []), *(["bad"] if card.bad else [])]
        yield (
            f'<g class="card {" ".join(names)}" id="n{card.id}" data-line="{card.line}" '
            f'transform="translate({x:.1f} {y:.1f})">'
        )
        said = f"line {card.line}: {card.title} {card.source}".rstrip()
        yield f"<title>{text(said)}</title>"
        if card.kind == "root":
            yield (
                f'<rect class="outer" x="-{OUTER}" y="-{OUTER}" width="{width + 2 * OUTER:.1f}" '
                f'height="{height + 2 * OUTER:.1f}" rx="{CORNER + 3:.1f}"/>'
            )
        yield f'<rect class="box" width="{width:.1f}" height="{height:.1f}" rx="{CORNER}"/>'
        yield from self._texts(card, width)
        yield "</g>"

    def _texts(self, card: Card, width: float) -> Iterator[str]:
        shape = GAP + monospace(card.shape, SMALL) if card.shape else 0.0
        room = width - 2 * PAD - shape - sans(f"{card.mark} ", TITLE)
        title = fitting(card.title, TITLE, room + 0.5)
        yield (
            f'<text class="title" x="{PAD}" y="{HEAD - 7:.1f}"><tspan class="mark">{card.mark}'
            f"</tspan> {text(title)}</text>"
        )
        if card.shape:
            yield (
                f'<text class="shape" x="{width - PAD:.1f}" y="{HEAD - 7:.1f}" '
                f'text-anchor="end">{text(card.shape)}</text>'
            )
        y = HEAD
        if card.source:
            y += LINE
            yield f'<text class="source" x="{PAD}" y="{y - 4:.1f}">{text(card.source)}</text>'
        for k, note in enumerate(self._notes(card)):
            y += LINE
            kind = "origin" if card.origin and not k else "fold"
            yield f'<text class="{kind}" x="{PAD}" y="{y - 4:.1f}">{text(note)}</text>'
        for kind, (label, lines) in zip(("value", "gradient"), self._rows(card), strict=True):
            if not lines:
                continue
            height = LINE * len(lines) + ROW
            if kind == "gradient":
                yield _tint(width, y, height, last=True)
            at = y + height / 2 + 3.5
            yield f'<text class="label" x="{PAD}" y="{at:.1f}">{text(label)}</text>'
            x = PAD + self.boxes[card.id].numbers
            passed = " passed" if kind == "gradient" and card.passed else ""
            for k, line in enumerate(lines):
                yield (
                    f'<text class="number {kind}{passed}" x="{x:.1f}" '
                    f'y="{y + LINE * (k + 1) - 1:.1f}" xml:space="preserve">{text(line)}</text>'
                )
            y += height

    def _edge(self, link: Link, edges: Edges) -> str:
        wide = 1.2 if link.weight is None else 1.0 + 3.0 * link.weight
        names = ["edge"] + ["still"] * (link.weight is None and not link.saved) + ["bad"] * link.bad
        names += ["saved"] * link.saved + ["faint"] * (link.target in self._faint)
        marker = "bad-arrow" if link.bad else "arrow"
        return (
            f'<path class="{" ".join(names)}" data-from="{link.source}" data-to="{link.target}" '
            f'd="{curve(edges.points(link), self.across)}" stroke-width="{wide:.1f}" '
            f'marker-end="url(#{marker})"/>'
        )

    def _outer(self, card: Card) -> Size:
        """Return the size of a card with all its borders."""
        width, height = self.boxes[card.id].size
        return Size(width + 2 * OUTER, height + 2 * OUTER) if card.kind == "root" else (
            Size(width, height))  # fmt: skip

    def _sayings(self, edges: Edges) -> Iterator[str]:
        """Yield what is said at edges: which operand each is, what flows back through it."""
        for link in self.scene.links:
            faint = " faint" * (link.target in self._faint)
            for said in edges.said(link):
                anchor = ' text-anchor="end"' * said.left
                yield (
                    f'<text class="{said.kind}{faint}" x="{said.x:.1f}" y="{said.y:.1f}"{anchor}>'
                    f"{text(said.text)}</text>"
                )

    @cached_property
    def _faint(self) -> frozenset[int]:
        return frozenset(card.id for card in self.scene.cards if card.faint)


def _tint(width: float, y: float, height: float, *, last: bool) -> str:
    """Return the ground of a row of gradients, rounded where the card is."""
    c, w, b = CORNER - 1, width - 1, y + height + ROW - 1
    if not last:
        return f'<path class="tint" d="M1 {y:.1f}H{w:.1f}V{b:.1f}H1z"/>'
    return (
        f'<path class="tint" d="M1 {y:.1f}H{w:.1f}V{b - c:.1f}a{c} {c} 0 0 1 -{c} {c}'
        f'H{1 + c:.1f}a{c} {c} 0 0 1 -{c} -{c}z"/>'
    )


def rounded(points: Sequence[Point], radius: float) -> str:
    """Return a closed path along right angles with round corners."""
    points = [p for p, q in zip(points, [*points[1:], points[0]], strict=True) if p != q]
    path = []
    for before, p, after in zip([points[-1], *points], points, [*points[1:], points[0]],
                                strict=False):  # fmt: skip
        if (before.x == p.x == after.x) or (before.y == p.y == after.y):
            continue
        ends = []
        for other in (before, after):
            length = abs(other.x - p.x) + abs(other.y - p.y)
            part = min(radius, length / 2) / length
            ends.append(Point(p.x + (other.x - p.x) * part, p.y + (other.y - p.y) * part))
        path.append(f"{ends[0].x:.1f} {ends[0].y:.1f}Q{p.x:.1f} {p.y:.1f} "
                    f"{ends[1].x:.1f} {ends[1].y:.1f}")  # fmt: skip
    return f"M{'L'.join(path)}z"


def _turned(found: Layout) -> Layout:
    return found._replace(
        places={i: Point(p.y, p.x) for i, p in found.places.items()},
        paths={e: [Point(p.y, p.x) for p in points] for e, points in found.paths.items()},
        size=Size(found.size.height, found.size.width),
    )


def text(value: str) -> str:
    """Return a text of the file as it may stand in a picture."""
    return escape(harmless(value), quote=True)


def style(theme: Theme) -> str:
    """Return the style sheet of a picture."""
    kinds = "".join(
        f".{kind} .box,.{kind} .outer{{stroke:{colour}}}.{kind} .mark{{fill:{colour}}}"
        for kind, colour in theme.kinds.items()
    )
    return (
        f"text{{font-family:{SANS};fill:{theme.text}}}.page{{fill:{theme.page}}}"
        f".title{{font-size:{TITLE}px;font-weight:bold}}"
        f".shape,.source{{font-family:{MONO};font-size:{SMALL}px;fill:{theme.pale}}}"
        f".label,.note,.fold,.origin{{font-size:{SMALL}px;fill:{theme.pale}}}"
        f".number{{font-family:{MONO};font-size:{NUMBER}px;white-space:pre}}"
        f".gradient{{fill:{theme.gradient_text}}}.passed{{font-style:italic}}"
        f".tint{{fill:{theme.gradient}}}.box{{fill:{theme.card};stroke-width:1.2}}"
        f".outer{{fill:none;stroke-width:1.4}}.parameter .box{{stroke-width:2.8}}"
        f".data .box{{stroke-width:1.4;stroke-dasharray:1.5 2.5;stroke-linecap:round}}"
        f".root .box{{stroke-width:1.8}}{kinds}"
        f".bad .box,.bad .outer{{stroke:{theme.bad};stroke-width:2.2}}"
        f".origin{{fill:{theme.bad};font-weight:bold}}.fold{{font-weight:bold}}"
        f".back{{font-family:{MONO};font-size:{SMALL}px;fill:{theme.gradient_text};"
        f"paint-order:stroke;stroke:{theme.page};stroke-width:4px;stroke-linejoin:round}}"
        f".edge.saved{{stroke-dasharray:1 4;stroke-linecap:round}}"
        f".edge{{fill:none;stroke:{theme.edge}}}.edge.still{{stroke-dasharray:4 3.5}}"
        f".edge.bad{{stroke:{theme.bad}}}.arrow{{fill:{theme.edge}}}.bad-arrow{{fill:{theme.bad}}}"
        f".call{{fill:{theme.pale};fill-opacity:.07;stroke:{theme.pale};stroke-opacity:.5}}"
        f".call-name,.order{{font-size:{SMALL}px;fill:{theme.pale};paint-order:stroke;"
        f"stroke:{theme.page};stroke-width:3px;stroke-linejoin:round}}"
        f".line{{stroke:{theme.pale};stroke-dasharray:2 4;opacity:.7}}.faint{{opacity:.5}}"
    )
