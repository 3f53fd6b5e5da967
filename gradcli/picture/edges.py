"""How edges run: where they touch cards, their curves, and where what is said at them stands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from gradcli.picture.cards import Link
from gradcli.picture.layout import Layout, Point, Size
from gradcli.picture.measure import monospace, sans

SMALL = 10.5  # size of the font at edges
CORNER = 9.0  # of cards
LINE = 15.0  # height of a line of text
ARROW = 8.0  # of an edge, straight before its end
STEP = 18.0  # between edges that end side by side
_BESIDE = 6.0  # between an edge and what is said at it


class Said(NamedTuple):
    """A text at an edge: where it begins, or ends where `left`; what of: its `kind`."""

    x: float
    y: float
    text: str
    kind: str
    left: bool = False


def room(links: Iterable[Link]) -> Size:
    """Return how wide and how high is what is said at each of some edges, beside them."""
    found = [link for link in links if link.label or link.back]
    width = max(map(_width, found), default=0.0)
    lines = max((len(link.back) + bool(link.label) for link in found), default=0)
    return Size(width and width + 2 * _BESIDE, LINE * lines)


def spread(links: Sequence[Link], across: bool, beside: float) -> float:
    """Return how wide a card is at least, for what is said at the edges that end there (or high).

    It may stand half of what is `beside` cards out of it.
    """
    step = _step(links, across)
    said = 0.0 if across else step * (len(links) - 1) + 2 * room(links).width - beside
    return max(step * len(links), said)


def _width(link: Link) -> float:
    return max(sans(link.label, SMALL), *(monospace(line, SMALL) for line in link.back), 0.0)


def _step(links: Sequence[Link], across: bool) -> float:
    """Return how far from each other edges end at a card: two have what is said outside."""
    wide, high = room(links)
    if across:
        return max(STEP, high + 3)
    return STEP if len(links) < 3 else max(STEP, wide)


class Edges:
    """The edges of a picture: they touch cards side by side in the order in which they come."""

    def __init__(
        self, links: Sequence[Link], layout: Layout, sizes: Mapping[int, Size], across: bool
    ) -> None:
        self.layout, self.sizes, self.across = layout, sizes, across
        self.into: dict[int, list[Link]] = {}
        self.out: dict[int, list[Link]] = {}
        for link in links:
            self.into.setdefault(link.target, []).append(link)
            self.out.setdefault(link.source, []).append(link)
        self.ends: dict[Link, float] = {}  # along the side of the card
        self.starts: dict[Link, float] = {}
        self.stubs: dict[float, float] = {}  # what is straight before a layer, by where it begins
        for link in links:
            top = layout.bands[link.target][0]
            said = room([link])
            stub = said.width if across else said.height
            self.stubs[top] = max(self.stubs.get(top, ARROW), stub, ARROW)
        for card, found in self.into.items():
            self._spread(card, found, self.ends, incoming=True)
        for card, found in self.out.items():
            self._spread(card, found, self.starts, incoming=False)
        for found in self.out.values():
            self._align_start(found)
        for found in self.into.values():
            self._align_end(found)

    # ---- ports ---------------------------------------------------------------------------

    def _along(self, point: Point) -> float:
        return point.y if self.across else point.x

    def _length(self, card: int) -> float:
        return self.sizes[card].height if self.across else self.sizes[card].width

    def _beside(self, link: Link, incoming: bool) -> float:
        """Return where an edge comes from, or goes to, along the side of a card."""
        path = self.layout.paths[link.source, link.target]
        if path:
            return self._along(path[-1] if incoming else path[0])
        return self._along(self.layout.places[link.source if incoming else link.target])

    def _spread(
        self, card: int, links: Sequence[Link], ports: dict[Link, float], *, incoming: bool
    ) -> None:
        """Give edges their places at a card; those that leave it by one long edge share one."""
        groups: dict[object, list[Link]] = {}
        for link in sorted(links, key=lambda link: self._beside(link, incoming)):
            path = self.layout.paths[link.source, link.target]
            groups.setdefault(link if incoming or not path else path[0], []).append(link)
        step = _step(links, self.across) if incoming else STEP
        step = min(step, (self._length(card) - 2 * CORNER) / max(len(groups), 1))
        middle = self._along(self.layout.places[card])
        for k, group in enumerate(groups.values()):
            ports |= dict.fromkeys(group, middle + step * (k - (len(groups) - 1) / 2))

    def _align_start(self, links: Sequence[Link]) -> None:
        """Let edges that leave a card as one leave it where that makes them straight."""
        link = links[0]
        if len({self.starts[other] for other in links}) > 1:
            return
        path = self.layout.paths[link.source, link.target]
        wanted = self._along(path[0]) if path else self.ends[link]
        if self._reaches(link.source, wanted):
            self.starts |= dict.fromkeys(links, wanted)

    def _align_end(self, links: Sequence[Link]) -> None:
        """Let an edge that is alone where it ends meet the card where that makes it straight."""
        link = links[0]
        path = self.layout.paths[link.source, link.target]
        wanted = self._along(path[-1]) if path else self.starts[link]
        said = 0.0 if self.across else _width(link)
        if len(links) == 1 and self._reaches(link.target, wanted, said):
            self.ends[link] = wanted

    def _reaches(self, card: int, along: float, said: float = 0.0) -> bool:
        off = abs(along - self._along(self.layout.places[card]))
        return off <= self._length(card) / 2 - 2 * CORNER - said

    # ---- curves --------------------------------------------------------------------------

    def points(self, link: Link) -> list[Point]:
        """Return what an edge passes; it bends between layers only, where there are no cards."""
        a, b = self.starts[link], self.ends[link]
        first, last = self.layout.places[link.source], self.layout.places[link.target]
        depth = (self.sizes[link.source].width, self.sizes[link.target].width) if self.across else (
            self.sizes[link.source].height, self.sizes[link.target].height)  # fmt: skip
        near, far = (first.x, last.x) if self.across else (first.y, last.y)
        bottom, top = self.layout.bands[link.source][1], self.layout.bands[link.target][0]
        end = far - depth[1] / 2 - 1
        downs = [near + depth[0] / 2, bottom], [top - self.stubs[top], end]
        ends = [[Point(y, x) if self.across else Point(x, y) for y in ys]
                for x, ys in ((a, downs[0]), (b, downs[1]))]  # fmt: skip
        path = self.layout.paths[link.source, link.target]
        return [*ends[0], *(self._before(p, k) for k, p in enumerate(path)), *ends[1]]

    def _before(self, point: Point, k: int) -> Point:
        """Return where an edge that passes a layer is straight from: before what is said there."""
        if k % 2:
            return point
        if self.across:
            return Point(point.x - self.stubs.get(point.x, 0.0), point.y)
        return Point(point.x, point.y - self.stubs.get(point.y, 0.0))

    def said(self, link: Link) -> Iterator[Said]:
        """Yield what is said at an edge, beside its end: which operand it is, what flows back."""
        lines = [
            *([(link.label, "order")] if link.label else []),
            *((x, "back") for x in link.back),
        ]
        end = self.points(link)[-1]
        found = sorted(self.ends[other] for other in self.into[link.target])
        left = self.across or (len(found) == 2 and self.ends[link] == found[0])
        x = end.x - ARROW - 3 if self.across else end.x - _BESIDE if left else end.x + _BESIDE
        for k, (line, kind) in enumerate(reversed(lines)):
            yield Said(x, end.y - 4 - LINE * k, line, kind, left)


def curve(points: Sequence[Point], across: bool) -> str:
    """Return a path that leaves and enters cards at right angles, smooth where it passes layers."""
    parts = [f"M{points[0].x:.1f} {points[0].y:.1f}"]
    for a, b in pairwise(points):
        straight = abs(a.y - b.y) < 0.05 if across else abs(a.x - b.x) < 0.05
        if straight:
            parts.append(f"L{b.x:.1f} {b.y:.1f}")
        else:
            parts.append("C" + " ".join(f"{p.x:.1f} {p.y:.1f}" for p in (*_bend(a, b, across), b)))
    return "".join(parts)


def _bend(a: Point, b: Point, across: bool) -> tuple[Point, Point]:
    """Return the points that pull the curve between two others."""
    if across:
        m = (a.x + b.x) / 2
        return Point(m, a.y), Point(m, b.y)
    m = (a.y + b.y) / 2
    return Point(a.x, m), Point(b.x, m)
