"""Where the cards of a graph stand: in layers, each below what it is made of.

The method of Sugiyama, Tagawa and Toda (1981): layers, an order within each that has few crossings,
then places. Long edges have a point in every layer that they pass, and the edges of one card share
those points. Cards have sizes of their own. Nothing is random.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from math import inf
from types import MappingProxyType
from typing import NamedTuple

from gradcli.picture.layers import layers

SWEEPS = 12  # down and up through the layers, for the order and for the places
PATIENCE = 3  # sweeps without fewer crossings, after which the order stays
BORDER = 14.0  # around the cards of a box
SAME = 0.01  # places that are nearer to each other are one
STRAIGHT = 4.0  # how much more a point on a long edge weighs than a card: long edges are straight


class Size(NamedTuple):
    """Width and height of a card."""

    width: float
    height: float


class Point(NamedTuple):
    """A place in a picture, from the top left."""

    x: float
    y: float


class Gaps(NamedTuple):
    """Room between neighbours in a layer, between layers, around edges that pass, over boxes."""

    beside: float = 28.0
    below: float = 40.0
    edge: float = 16.0
    title: float = 28.0


class Extent(NamedTuple):
    """What a box takes of a layer: from left to right, from top to bottom."""

    left: float
    right: float
    top: float
    bottom: float


class Layout(NamedTuple):
    """`places` are the centres of cards, `paths` the points of edges, of which the ends are known.

    The points of an edge are pairs: where each straight piece of it enters the first layer that it
    passes, and where it leaves the last one. `line` is
    where those aside begin, None where there are none. `boxes` has what each box takes of the
    layers from its first to its last, `bands` where the layer of a card begins and ends: what
    is between two layers has no cards.
    """

    places: Mapping[int, Point]
    paths: Mapping[tuple[int, int], Sequence[Point]]
    size: Size
    line: float | None = None
    boxes: Mapping[int, Sequence[Extent]] = MappingProxyType({})
    bands: Mapping[int, tuple[float, float]] = MappingProxyType({})


Edge = tuple[int, int]
Path = tuple[int, ...]
_GAPS = Gaps()


def layout(
    sizes: Mapping[int, Size],
    edges: Sequence[Edge],
    aside: Collection[int] = (),
    gaps: Gaps = _GAPS,
    boxes: Mapping[int, Path] = MappingProxyType({}),
) -> Layout:
    """Return places for cards, of edges from what is used to what is made of it.

    Cards come in an order in which each stands after those that it is made of. Those `aside` stand
    below all the others; nothing but such is made of them. `boxes` are those that a card is in, the
    outermost first: no other card comes between the cards of a box.
    """
    graph = _Layers(sizes, edges, frozenset(aside), gaps, boxes)
    graph.order()
    return graph.placed()


class _Layers:
    """The cards in layers, and points on long edges: ids that are no card's."""

    def __init__(
        self,
        sizes: Mapping[int, Size],
        edges: Sequence[Edge],
        aside: frozenset[int],
        gaps: Gaps,
        boxes: Mapping[int, Path],
    ) -> None:
        self.sizes, self.gaps = sizes, gaps
        self.boxes: dict[int, Path] = {i: boxes.get(i, ()) for i in sizes}
        self.edges = list(dict.fromkeys((a, b) for a, b in edges if a != b))
        first = [i for i in sizes if i not in aside]
        self.level = layers(first, [e for e in self.edges if aside.isdisjoint(e)])
        self.floor = max(self.level.values(), default=-1) + 1  # the first layer of those aside
        within = [e for e in self.edges if aside.issuperset(e)]
        under = layers([i for i in sizes if i in aside], within)
        self.level |= {i: k + self.floor for i, k in under.items()}
        self.rows: list[list[int]] = [[] for _ in range(max(self.level.values(), default=-1) + 1)]
        self.above: dict[int, list[int]] = {i: [] for i in sizes}
        self.below: dict[int, list[int]] = {i: [] for i in sizes}
        self.points: dict[Edge, int] = {}  # on the edges of a card, by the card and the layer
        self.far: dict[int, int] = {}  # the last layer that has such a point, by the card
        self.next = max(sizes, default=0) + 1
        for id in sizes:
            self.rows[self.level[id]].append(id)
        for a, b in self.edges:
            self._connect(self._last(a, b), b)

    def _last(self, card: int, target: int) -> int:
        """Return the point on a card's edges just above another, made where it is not there."""
        first, last = self.far.get(card, self.level[card]), self.level[target] - 1
        above = self.points.get((card, first), card)
        for k in range(first + 1, last + 1):
            point = self.points[card, k] = self.next
            self.next += 1
            self.level[point] = k
            self.boxes[point] = _shared(self.boxes[card], self.boxes[target])
            self.rows[k].append(point)
            self.above[point], self.below[point] = [], []
            self._connect(above, point)
            above = point
        self.far[card] = max(first, last)
        return self.points.get((card, last), card)

    def _connect(self, a: int, b: int) -> None:
        self.below[a].append(b)
        self.above[b].append(a)

    # ---- the order -----------------------------------------------------------------------

    def order(self) -> None:
        """Order each layer so that few edges cross."""
        self._start()
        best, rows, without = self._crossings(), [list(row) for row in self.rows], 0
        for k in range(SWEEPS):
            if not best or without == PATIENCE:
                break
            down = k % 2 == 0
            for level in range(len(self.rows)) if down else reversed(range(len(self.rows))):
                self._sort(level, self.above if down else self.below)
            found = self._crossings()
            without += 1
            if found < best:
                best, rows, without = found, [list(row) for row in self.rows], 0
        self.rows = rows

    def _start(self) -> None:
        """Order layers as a walk back from the last cards meets them, operands left to right."""
        seen: dict[int, int] = {}
        for row in reversed(self.rows):
            for last in row:
                stack = [last] if not self.below[last] else []
                while stack:
                    id = stack.pop()
                    if id not in seen:
                        seen[id] = len(seen)
                        stack.extend(reversed(self.above[id]))
        self.rows = [self._together(row, lambda i: (float(seen[i]), 0.0)) for row in self.rows]

    def _sort(self, level: int, neighbours: Mapping[int, Sequence[int]]) -> None:
        """Order a layer by the mean place of each one's neighbours; who has none stays."""
        row = self.rows[level]
        place = {i: float(k) for k, i in enumerate(row)}
        beside = {i for n in row for i in neighbours[n]}
        ranks: dict[int, float] = {}
        for other in (level - 1, level + 1):
            if 0 <= other < len(self.rows):
                scale = max(len(self.rows[other]), 1)
                ranks |= {i: k / scale for k, i in enumerate(self.rows[other]) if i in beside}
        scale = max(len(row), 1)
        mean = {
            i: sum(ranks[n] for n in neighbours[i]) / len(neighbours[i])
            if neighbours[i]
            else place[i] / scale
            for i in row
        }
        self.rows[level] = self._together(row, lambda i: (mean[i], place[i]))

    def _together(
        self, row: Sequence[int], key: Callable[[int], tuple[float, float]], depth: int = 0
    ) -> list[int]:
        """Return a layer in an order, those of a box side by side, at the mean of their places."""
        groups: dict[tuple[bool, int], list[int]] = {}
        for i in row:
            path = self.boxes[i]
            inside = len(path) > depth
            groups.setdefault((inside, path[depth] if inside else i), []).append(i)

        def mean(group: list[int]) -> tuple[float, float]:
            keys = [key(i) for i in group]
            return sum(k[0] for k in keys) / len(keys), min(k[1] for k in keys)

        found: list[int] = []
        for (inside, _), group in sorted(groups.items(), key=lambda item: mean(item[1])):
            found += self._together(group, key, depth + 1) if inside else group
        return found

    def _crossings(self) -> int:
        """Return how many pairs of edges between neighbouring layers cross."""
        total = 0
        for upper, lower in pairwise(self.rows):
            place = {i: k for k, i in enumerate(lower)}
            ends = [k for i in upper for k in sorted(place[b] for b in self.below[i])]
            seen: list[int] = []
            for k in ends:  # inversions, by insertion: layers are short
                at = bisect_right(seen, k)
                total += len(seen) - at
                seen.insert(at, k)
        return total

    # ---- the places ----------------------------------------------------------------------

    def placed(self) -> Layout:
        """Return where everything stands."""
        middles = self._middles()
        heights = [max((self._size(i).height for i in row), default=0.0) for row in self.rows]
        begun, over = self._borders()
        tops, y = [], begun[0] if begun else 0.0
        for k, (row, height) in enumerate(zip(self.rows, heights, strict=True)):
            tops.append(y)
            y += height + self.gaps.below + min(2.0 * len(row), self.gaps.below)
            y += over[k] + (begun[k + 1] if k + 1 < len(begun) else 0.0)
        line = None
        if 0 < self.floor < len(self.rows):
            line = tops[self.floor] - begun[self.floor] - self.gaps.below / 2
        bottom = tops[-1] + heights[-1] + over[-1] if tops else 0.0
        left = min((middles[i] - self._reach(i) for i in middles), default=0.0)
        right = max((middles[i] + self._reach(i) for i in middles), default=0.0)
        places = {
            i: Point(middles[i] - left, tops[self.level[i]] + heights[self.level[i]] / 2)
            for i in self.sizes
        }
        paths = self._paths(middles, left, tops, heights)
        bands = {i: (tops[k], tops[k] + heights[k]) for i, k in self.level.items()}
        return Layout(places, paths, Size(right - left, bottom), line,
                      self._extents(middles, left, tops, heights), bands)  # fmt: skip

    def _paths(
        self,
        middles: Mapping[int, float],
        left: float,
        tops: Sequence[float],
        heights: Sequence[float],
    ) -> dict[Edge, list[Point]]:
        """Return what edges pass: where each straight piece begins and ends."""
        pieces: dict[int, list[list[int]]] = {}  # of a card's long edges: first and last points
        for (card, _), point in self.points.items():  # from the card on
            found = pieces.setdefault(card, [])
            if found and abs(middles[found[-1][1]] - middles[point]) < SAME:
                found[-1][1] = point
            else:
                found.append([point, point])
        paths: dict[Edge, list[Point]] = {}
        for a, b in self.edges:
            path = paths[a, b] = []
            for first, last in pieces.get(a, ()):
                k, end = self.level[first], min(self.level[last], self.level[b] - 1)
                if k > end:
                    break
                x = middles[first] - left
                path += [Point(x, tops[k]), Point(x, tops[end] + heights[end])]
        return paths

    def _reach(self, id: int) -> float:
        """Return how far one reaches to either side, with the boxes around it."""
        return self._size(id).width / 2 + BORDER * len(self.boxes[id])

    def _spans(self) -> dict[int, tuple[int, int]]:
        """Return the first and the last layer that has cards of a box."""
        found: dict[int, tuple[int, int]] = {}
        for i in self.sizes:
            k = self.level[i]
            for box in self.boxes[i]:
                first, last = found.get(box, (k, k))
                found[box] = min(first, k), max(last, k)
        return found

    def _borders(self) -> tuple[list[float], list[float]]:
        """Return for each layer the room that boxes take that begin with it, and that end."""
        spans = self._spans()

        def most(level: int, end: int) -> int:
            paths = [self.boxes[i] for i in self.rows[level]]
            return max((sum(spans[b][end] == level for b in path) for path in paths), default=0)

        levels = range(len(self.rows))
        return [self.gaps.title * most(k, 0) for k in levels], [BORDER * most(k, 1) for k in levels]

    def _extents(
        self,
        middles: Mapping[int, float],
        left: float,
        tops: Sequence[float],
        heights: Sequence[float],
    ) -> dict[int, list[Extent]]:
        """Return what boxes take of layers: of those without a card of one, as of the one above."""
        found: dict[int, dict[int, list[int]]] = {}
        for level, row in enumerate(self.rows):
            for i in row:
                for box in self.boxes[i]:
                    found.setdefault(box, {}).setdefault(level, []).append(i)
        result: dict[int, list[Extent]] = {}
        spans = self._spans()
        for box, levels in found.items():
            first, last = spans[box]
            ids = levels[first]
            for k in range(first, last + 1):
                ids = levels.get(k, ids)
                paths = [self.boxes[i][self.boxes[i].index(box) :] for i in ids]
                above, below = (
                    max(sum(spans[b][end] == k for b in path) for path in paths) for end in (0, 1)
                )
                pad = BORDER * max(map(len, paths))
                result.setdefault(box, []).append(Extent(
                    min(middles[i] - self._size(i).width / 2 for i in ids) - left - pad,
                    max(middles[i] + self._size(i).width / 2 for i in ids) - left + pad,
                    tops[k] - self.gaps.title * above, tops[k] + heights[k] + BORDER * below,
                ))  # fmt: skip
        return result

    def _size(self, id: int) -> Size:
        return self.sizes.get(id, Size(0.0, 0.0))

    def _middles(self) -> dict[int, float]:
        """Return the middle of each on the axis of its layer: near those of its neighbours."""
        middle: dict[int, float] = {}
        apart = [self._apart(row) for row in self.rows]
        for row, offsets in zip(self.rows, apart, strict=True):
            middle |= {i: x - offsets[-1] / 2 for i, x in zip(row, offsets, strict=True)}
        for k in range(SWEEPS):
            levels = range(len(self.rows)) if k % 2 == 0 else reversed(range(len(self.rows)))
            for level in levels:
                self._settle(level, apart[level], middle, both=k > SWEEPS // 2)
        self._straighten(apart, middle)
        return middle

    def _straighten(self, apart: Sequence[Sequence[float]], middle: dict[int, float]) -> None:
        """Let the points of a long edge stand below each other, as far as their neighbours allow.

        They do in runs, each as long as it can be; the last one stands where the edge ends.
        """
        at = {i: (level, k) for level, row in enumerate(self.rows) for k, i in enumerate(row)}

        def room(point: int) -> tuple[float, float]:
            level, k = at[point]
            row, offsets = self.rows[level], apart[level]
            low = middle[row[k - 1]] + offsets[k] - offsets[k - 1] if k else -inf
            after = k + 1 < len(row)
            high = middle[row[k + 1]] - offsets[k + 1] + offsets[k] if after else inf
            return low, high

        lines: dict[int, list[int]] = {}
        for (card, _), point in self.points.items():
            lines.setdefault(card, []).append(point)
        for card, line in lines.items():
            runs: list[tuple[float, float, list[int]]] = []
            for point in line:
                low, high = room(point)
                if runs and max(runs[-1][0], low) <= min(runs[-1][1], high):
                    before = runs.pop()
                    low, high = max(before[0], low), min(before[1], high)
                    runs.append((low, high, [*before[2], point]))
                else:
                    runs.append((low, high, [point]))
            for k, (low, high, points) in enumerate(runs):
                ends = self.below[points[-1]] if k == len(runs) - 1 else [card]
                wanted = sum(middle[i] for i in ends) / len(ends)
                middle |= dict.fromkeys(points, min(max(wanted, low), high))

    def _apart(self, row: Sequence[int]) -> list[float]:
        """Return how far from the first one each one of a layer stands at least."""
        found = [0.0] if row else []
        for a, b in pairwise(row):
            passing = a not in self.sizes or b not in self.sizes
            gap = self.gaps.edge if passing else self.gaps.beside
            shared = len(_shared(self.boxes[a], self.boxes[b]))
            gap += BORDER * (len(self.boxes[a]) + len(self.boxes[b]) - 2 * shared)
            found.append(found[-1] + (self._size(a).width + self._size(b).width) / 2 + gap)
        return found

    def _settle(
        self, level: int, apart: Sequence[float], middle: dict[int, float], *, both: bool
    ) -> None:
        """Move a layer so that each is as near to its neighbours as those beside it allow.

        It is a regression with the order kept: neighbours that would be too close move together.
        """
        row = self.rows[level]
        blocks: list[tuple[float, float, int]] = []  # weighted sum, weight, how many
        for i, offset in zip(row, apart, strict=True):
            wanted, weight = self._wanted(i, middle, both)
            block = ((wanted - offset) * weight, weight, 1)
            while blocks and blocks[-1][0] / blocks[-1][1] >= block[0] / block[1]:
                last = blocks.pop()
                block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
            blocks.append(block)
        starts = [total / weight for total, weight, count in blocks for _ in range(count)]
        for i, start, offset in zip(row, starts, apart, strict=True):
            middle[i] = start + offset

    def _wanted(self, id: int, middle: Mapping[int, float], both: bool) -> tuple[float, float]:
        """Return where one would stand, and how much that counts."""
        total = weight = 0.0
        for n in (*self.above[id], *self.below[id]) if both else self.above[id] or self.below[id]:
            w = STRAIGHT if id not in self.sizes and n not in self.sizes else 1.0
            total, weight = total + w * middle[n], weight + w
        return (total / weight, weight) if weight else (middle[id], 0.1)


def _shared(a: Path, b: Path) -> Path:
    """Return the boxes that two are both in."""
    count = 0
    while count < min(len(a), len(b)) and a[count] == b[count]:
        count += 1
    return a[:count]
