"""A scene as SVG: cards with their numbers, edges as wide as what flows back through them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from typing import NamedTuple

from gradcli.inspection import Inspection
from gradcli.picture.cards import Asked, Card, Link, Scene
from gradcli.picture.cards import Box as Call
from gradcli.picture.layout import Gaps, Layout, Point, Size, layout
from gradcli.picture.measure import fitting, monospace, sans
from gradcli.picture.scene import scene
from gradcli.picture.themes import THEMES, Theme
from gradcli.render.words import harmless
from gradcli.session import Session

SANS = "'DejaVu Sans',Verdana,'Segoe UI',Helvetica,Arial,'Noto Sans CJK SC',sans-serif"
MONO = "'DejaVu Sans Mono',Menlo,Consolas,'Liberation Mono','Noto Sans Mono CJK SC',monospace"
TITLE, SMALL, NUMBER = 13.0, 10.5, 11.5  # sizes of fonts
PAD, GAP, CORNER = 10.0, 12.0, 9.0
HEAD, LINE, ROW = 24.0, 15.0, 5.0  # heights: of the title, of a line, around rows of numbers
MARGIN = 24.0
LABEL = 96.0  # widest label of a row of numbers
ARROW = 7.0


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
        boxes = {card.id: self._measured(card) for card in self.scene.cards}
        sizes = {i: box.size for i, box in boxes.items()}
        if self.across:
            sizes = {i: Size(size.height, size.width) for i, size in sizes.items()}
        edges = [(link.source, link.target) for link in self.scene.links]
        aside = [card.id for card in self.scene.cards if card.faint]
        beside = [monospace(line, SMALL) for link in self.scene.links for line in link.back]
        lines = max((len(link.back) for link in self.scene.links), default=0)
        gaps = Gaps()
        if beside:  # room for what stands at the edges
            gaps = Gaps(max(gaps.beside, max(beside) / 2), gaps.below + LINE * lines, max(beside))
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
        notes = len(self.scene.notes)
        return Size(
            max(width, 160.0) + 2 * MARGIN, height + 2 * MARGIN + LINE * notes + GAP * (notes > 0)
        )

    # ---- measures ------------------------------------------------------------------------

    @property
    def label(self) -> str:
        """What a row of gradients is called."""
        name = f"∂{self.scene.root}"
        return name if self.scene.root and sans(name, SMALL) <= LABEL else "grad"

    def _measured(self, card: Card) -> Box:
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
        return Box(Size(width + 2 * PAD, height), column)

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
        ports = _Ports(self)
        yield '<g class="edges">'
        for link in self.scene.links:
            yield self._edge(link, ports)
        yield "</g>"
        for card in self.scene.cards:
            yield from self._card(card)
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
        points = [*right, *reversed(left)]
        if self.across:
            points = [(y, x) for x, y in points]
        x, y = left[0][::-1] if self.across else left[0]
        path = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        yield f'<g class="call" data-line="{box.line}"><path d="M{path}z"/>'
        yield f'<text x="{x + 6:.1f}" y="{y + 10.5:.1f}">{text(box.title)}</text></g>'

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
                f'<rect class="outer" x="-3.5" y="-3.5" width="{width + 7:.1f}" '
                f'height="{height + 7:.1f}" rx="{CORNER + 3:.1f}"/>'
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

    def _edge(self, link: Link, ports: _Ports) -> str:
        start, end = ports.start(link), ports.end(link)
        points = [start, *self.layout.paths[link.source, link.target], end]
        wide = 1.2 if link.weight is None else 1.0 + 3.0 * link.weight
        names = ["edge"] + ["still"] * (link.weight is None and not link.saved) + ["bad"] * link.bad
        names += ["saved"] * link.saved
        faint = next(c for c in self.scene.cards if c.id == link.target).faint
        names += ["faint"] * faint
        marker = "bad-arrow" if link.bad else "arrow"
        path = (
            f'<path class="{" ".join(names)}" data-from="{link.source}" data-to="{link.target}" '
            f'd="{_curve(points, self.across)}" stroke-width="{wide:.1f}" '
            f'marker-end="url(#{marker})"/>'
        )
        path += "".join(self._back(link, points))
        if not link.label:
            return path
        x, y, anchor = end.x + 5, end.y - 9, ""
        if self.across:
            x, y, anchor = end.x - 9, end.y - 4, ' text-anchor="end"'
        elif ports.is_first(link):
            x, anchor = end.x - 5, ' text-anchor="end"'
        return (
            f'{path}<text class="order" x="{x:.1f}" y="{y:.1f}"{anchor}>{text(link.label)}</text>'
        )

    def _back(self, link: Link, points: Sequence[Point]) -> Iterator[str]:
        """Yield what is said beside an edge of what flows back through it: half-way along it."""
        k = len(points) // 2
        x, y = ((points[k - 1][d] + points[k][d]) / 2 for d in (0, 1))
        y -= LINE * (len(link.back) - 1) / 2
        for number, line in enumerate(link.back):
            yield (
                f'<text class="back" x="{x + 8:.1f}" y="{y + 4 + LINE * number:.1f}">{text(line)}'
                "</text>"
            )


class _Ports:
    """Where edges touch cards: side by side in the order in which they come."""

    def __init__(self, drawing: Drawing) -> None:
        self.drawing = drawing
        self.ends: dict[tuple[int, int, str], Point] = {}
        self.starts: dict[tuple[int, int, str], Point] = {}
        into: dict[int, list[Link]] = {}
        out: dict[int, list[Link]] = {}
        for link in drawing.scene.links:
            into.setdefault(link.target, []).append(link)
            out.setdefault(link.source, []).append(link)
        for card, links in into.items():
            self._spread(card, links, self.ends, incoming=True)
        for card, links in out.items():
            self._spread(card, links, self.starts, incoming=False)

    def _spread(
        self, card: int, links: Sequence[Link], ports: dict[tuple[int, int, str], Point],
        *, incoming: bool,
    ) -> None:  # fmt: skip
        across = self.drawing.across
        middle, size = self.drawing.layout.places[card], self.drawing.boxes[card].size

        def beside(link: Link) -> float:
            path = self.drawing.layout.paths[link.source, link.target]
            other = link.source if incoming else link.target
            point = (path[-1] if incoming else path[0]) if path else (
                self.drawing.layout.places[other]
            )  # fmt: skip
            return point.y if across else point.x

        keys = [(x.source, x.target, x.label) for x in sorted(links, key=beside)]
        length = size.height if across else size.width
        labelled = max((sans(x.label, SMALL) + 12 for x in links), default=0) if incoming else 0
        step = min(max(18.0, 0 if across or len(keys) < 3 else labelled),
                   (length - 2 * CORNER) / max(len(keys), 1))  # fmt: skip
        for k, key in enumerate(keys):
            shift = step * (k - (len(keys) - 1) / 2)
            if across:
                x = middle.x + (-size.width / 2 - 1 if incoming else size.width / 2)
                ports[key] = Point(x, middle.y + shift)
            else:
                y = middle.y + (-size.height / 2 - 1 if incoming else size.height / 2)
                ports[key] = Point(middle.x + shift, y)

    def start(self, link: Link) -> Point:
        """Return where an edge begins."""
        return self.starts[link.source, link.target, link.label]

    def is_first(self, link: Link) -> bool:
        """Say whether an edge is the leftmost of two that end at a card."""
        ends = [p.x for (_, target, _), p in self.ends.items() if target == link.target]
        return len(ends) == 2 and self.end(link).x == min(ends)

    def end(self, link: Link) -> Point:
        """Return where an edge ends."""
        return self.ends[link.source, link.target, link.label]


def _curve(points: Sequence[Point], across: bool) -> str:
    """Return a path that leaves and enters cards at right angles, smooth where it passes layers."""
    parts = [f"M{points[0].x:.1f} {points[0].y:.1f}"]
    for a, b in pairwise(points):
        if across:
            m = (a.x + b.x) / 2
            controls = f"{m:.1f} {a.y:.1f} {m:.1f} {b.y:.1f}"
        else:
            m = (a.y + b.y) / 2
            controls = f"{a.x:.1f} {m:.1f} {b.x:.1f} {m:.1f}"
        straight = a.y == b.y if across else a.x == b.x
        parts.append(f"L{b.x:.1f} {b.y:.1f}" if straight else f"C{controls} {b.x:.1f} {b.y:.1f}")
    return "".join(parts)


def _tint(width: float, y: float, height: float, *, last: bool) -> str:
    """Return the ground of a row of gradients, rounded where the card is."""
    c, w, b = CORNER - 1, width - 1, y + height + ROW - 1
    if not last:
        return f'<path class="tint" d="M1 {y:.1f}H{w:.1f}V{b:.1f}H1z"/>'
    return (
        f'<path class="tint" d="M1 {y:.1f}H{w:.1f}V{b - c:.1f}a{c} {c} 0 0 1 -{c} {c}'
        f'H{1 + c:.1f}a{c} {c} 0 0 1 -{c} -{c}z"/>'
    )


def _turned(found: Layout) -> Layout:
    places = {i: Point(p.y, p.x) for i, p in found.places.items()}
    paths = {e: [Point(p.y, p.x) for p in points] for e, points in found.paths.items()}
    return Layout(places, paths, Size(found.size.height, found.size.width), found.line, found.boxes)


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
        f".label,.order,.note,.fold,.origin{{font-size:{SMALL}px;fill:{theme.pale}}}"
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
        f".call path{{fill:{theme.pale};fill-opacity:.07;stroke:{theme.pale};stroke-opacity:.5;"
        f"stroke-linejoin:round}}.call text{{font-size:{SMALL}px;fill:{theme.pale}}}"
        f".line{{stroke:{theme.pale};stroke-dasharray:2 4;opacity:.7}}.faint{{opacity:.5}}"
    )
