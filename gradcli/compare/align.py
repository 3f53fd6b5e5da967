"""Which rows of two tapes belong together: by name, and by what they are made of."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gradcli.compare.side import Side

NEAR = 16  # rows of a name among which one of the same value is looked for
TERMS = 64  # of a sum whose order is looked at
COMMUTING = {"add", "mul", "maximum", "minimum", "eq", "ne", "logical_and", "logical_or"}
Agree = Callable[[int, int], bool]


class Alignment:
    """Pairs of rows, found in time that is about linear in their number.

    Names anchor them: the k-th row of a name belongs to the k-th of the other run, or where there
    are not as many, to the next with the same text. What has no name, or another one, belongs to
    what has the same operation on operands that belong together. What is left below a pair stands
    for the same operand where it has the same value, or where that pair differs too.
    `right` maps rows of the left run to those of the right one, `left` the other way.
    """

    def __init__(self, a: Side, b: Side, agree: Agree) -> None:
        self.a, self.b, self.agree = a, b, agree
        self.right: dict[int, int] = {}
        self.left: dict[int, int] = {}
        self._roots()
        self._by_name()
        self._starts()
        self._renamed_leaves()
        self._by_structure(doubtful=False)
        self._from_above()
        self._by_structure(doubtful=True)

    def pairs(self) -> Iterator[tuple[int, int]]:
        """Yield the pairs in the order of the left run."""
        return ((i, self.right[i]) for i in self.a.ids if i in self.right)

    def _pair(self, i: int, j: int) -> None:
        if i not in self.right and j not in self.left:
            self.right[i], self.left[j] = j, i

    # ---- names ---------------------------------------------------------------------------

    def _by_name(self) -> None:
        one, other = _named(self.a), _named(self.b)
        for name, rows in one.items():
            if name in other:
                free = [i for i in rows if i not in self.right]
                open_ = [j for j in other[name] if j not in self.left]
                for i, j in self._matched(free, open_):
                    self._pair(i, j)

    def _matched(self, left: Sequence[int], right: Sequence[int]) -> Iterator[tuple[int, int]]:
        """Yield the pairs of one name's rows, none of which cross."""
        if len(left) == len(right):
            yield from zip(left, right, strict=True)
            return
        if len(left) > len(right):
            yield from ((i, j) for j, i in self._matched_texts(self.b, right, self.a, left))
        else:
            yield from self._matched_texts(self.a, left, self.b, right)

    def _matched_texts(
        self, short: Side, few: Sequence[int], long: Side, many: Sequence[int]
    ) -> Iterator[tuple[int, int]]:
        """Yield for each row of the run that has fewer the next one with the same text.

        Between two of these the others go by their order.
        """
        places: dict[Hashable, list[int]] = {}
        for k, j in enumerate(many):
            places.setdefault(_text(long, j), []).append(k)
        last, left_over = -1, list[int]()
        for i in few:
            found = places.get(_text(short, i), [])
            at = bisect_right(found, last)
            if at == len(found):
                left_over.append(i)
                continue
            yield from self._nearest(short, left_over, many[last + 1 : found[at]])
            yield i, many[found[at]]
            last, left_over = found[at], []
        yield from self._nearest(short, left_over, many[last + 1 :])

    def _nearest(
        self, short: Side, few: Sequence[int], many: Sequence[int]
    ) -> Iterator[tuple[int, int]]:
        """Yield for each of few rows the next one with the same value, or the very next one."""
        place = 0
        for count, i in enumerate(few):
            room = len(many) - place - (len(few) - count - 1)  # one is left for each of the others
            near = range(place, place + max(0, min(room, NEAR)))
            alike = (k for k in near if self._equal(short, i, many[k]))
            place = next(alike, place)
            if place < len(many):
                yield i, many[place]
            place += 1

    def _equal(self, short: Side, i: int, j: int) -> bool:
        return self.agree(i, j) if short is self.a else self.agree(j, i)

    def _roots(self) -> None:
        """Pair what is differentiated, unless a name says that it is something else.

        Where a loop has more turns in one run, its last turn is not that of the other.
        """
        i, j = self.a.root, self.b.root
        if i is None or j is None:
            return
        one, other = self.a.names.get(i), self.b.names.get(j)
        same = one is not None and one == other
        known = one in set(self.b.names.values()) or other in set(self.a.names.values())
        turns = same and _text(self.a, i) == _text(self.b, j)
        turns = turns and _count(self.a, i) != _count(self.b, j)
        if not (known and not same) and not turns:
            self._pair(i, j)

    def _starts(self) -> None:
        """Pair what the passes started from, in their order, where it has no name."""
        left, right = (side.session.passes for side in (self.a, self.b))
        if len(left) == len(right):
            for one, other in zip(left, right, strict=True):
                if one.root not in self.a.names and other.root not in self.b.names:
                    self._pair(one.root, other.root)

    def _renamed_leaves(self) -> None:
        """Pair leaves that are left: by value, then parameters in their order by shape."""
        for key in (self._leaf_value, self._leaf_shape):
            waiting: defaultdict[Hashable, deque[int]] = defaultdict(deque)
            for i in self._free_leaves(self.a, self.right):
                if (found := key(self.a, i)) is not None:
                    waiting[found].append(i)
            for j in self._free_leaves(self.b, self.left):
                found = key(self.b, j)
                if found is not None and waiting[found]:
                    self._pair(waiting[found].popleft(), j)

    def _free_leaves(self, side: Side, known: dict[int, int]) -> list[int]:
        return [i for i in side.ids if i not in known and not side.parents[i]
                and side.graph.ops[i] is None]  # fmt: skip

    def _leaf_value(self, side: Side, id: int) -> Hashable:
        value = side.value(id)
        kind = np.complex64 if value.dtype.kind == "c" else np.float32
        with np.errstate(all="ignore"):
            short = value.astype(kind)
        return side.graph.requires_grad[id], value.shape, short.tobytes()

    def _leaf_shape(self, side: Side, id: int) -> Hashable:
        if not side.graph.requires_grad[id] and id not in side.names:
            return None
        return side.graph.requires_grad[id], side.graph.metas[id].shape

    # ---- structure -----------------------------------------------------------------------

    def _by_structure(self, *, doubtful: bool) -> None:
        """Give rows of the same operation on the same operands one number, and pair these.

        Where one run has more rows of a number than the other it is in doubt which are meant.
        """
        numbers: dict[Hashable, int] = {}
        attributes = _Attributes()
        left = _numbered(self.a, {i: i for i in self.right}, numbers, attributes)
        right = _numbered(self.b, self.left, numbers, attributes)
        for number, rows in left.items():
            others = right.get(number, [])
            if doubtful or len(rows) == len(others):
                for i, j in zip(rows, others, strict=False):
                    self._pair(i, j)

    def _from_above(self) -> None:
        """Pair operands that stand at the same place below a pair, the last rows first."""
        for i in reversed(self.a.ids):
            j = self.right.get(i)
            if j is None:
                continue
            left, right = self.a.parents[i], self.b.parents[j]
            free = [p for p in dict.fromkeys(left) if p not in self.right]
            open_ = [q for q in dict.fromkeys(right) if q not in self.left]
            if not free or not open_:
                continue
            if len(left) == len(right) and self.a.graph.label(i) == self.b.graph.label(j):
                below = [(p, q) for p, q in zip(left, right, strict=True)
                         if p not in self.right and q not in self.left]  # fmt: skip
                below = below or [(free[0], open_[0])] * (len(free) == len(open_) == 1)
            elif len(free) == len(open_) == 1:
                below = [(free[0], open_[0])]
            else:
                continue
            apart = not self.agree(i, j)
            if apart and self._reordered(i, j):
                continue
            for p, q in below:
                if p in self.a.parents and q in self.b.parents and self._may_be(p, q, apart):
                    self._pair(p, q)

    def _reordered(self, i: int, j: int) -> bool:
        """Say whether both are sums, or products, of the same paired terms in another order."""
        left = _terms(self.a, i, self.right)
        right = _terms(self.b, j, self.left)
        return bool(left) and left == Counter(self.left[q] for q in right.elements())

    def _may_be(self, p: int, q: int, apart: bool) -> bool:
        """Say whether operands of a pair stand for each other: those of equal ones must agree."""
        shapes = self.a.graph.metas[p].shape, self.b.graph.metas[q].shape
        if not apart:
            return shapes[0] == shapes[1] and self.agree(p, q)
        return shapes[0] == shapes[1] or self._have_in_common(p, q)

    def _have_in_common(self, p: int, q: int) -> bool:
        """Say whether rows of other shapes have the operation or an operand in common."""
        if self.a.graph.label(p) == self.b.graph.label(q):
            return True
        return any(self.right.get(i) in self.b.parents[q] for i in self.a.parents[p])


def _terms(side: Side, id: int, known: Mapping[int, int]) -> Counter[int]:
    """Return the paired terms of a sum or product of several, nothing where one is not paired."""
    graph, found = side.graph, Counter[int]()
    label, pending = graph.label(id), list(side.parents[id])
    if label not in ("add", "mul"):
        return found
    for _ in range(TERMS):
        if not pending:
            return found
        i = pending.pop()
        if i in known:
            found[i] += 1
        elif i in side.parents and graph.label(i) == label and min(graph.inputs[i]) >= 0:
            pending.extend(side.parents[i])
        else:
            break
    return Counter()


def _named(side: Side) -> dict[str, list[int]]:
    """Return the rows of each name, in their order."""
    found: dict[str, list[int]] = {}
    aliases = side.graph.notes.aliases
    for id in side.ids:
        for name in (side.names.get(id), *aliases.get(id, ())):
            if name is not None:
                found.setdefault(name, []).append(id)
    return found


def _count(side: Side, id: int) -> int:
    """Return how often the line of a named row has bound its name."""
    spans, name = side.graph.notes.spans, side.names[id]
    return sum(other == name and spans[k] == spans[id] for k, other in side.names.items())


def _text(side: Side, id: int) -> Hashable:
    return side.graph.label(id), side.session.source.snippet(side.graph.notes.spans[id])


class _Attributes:
    """The attributes of operations as text; many rows share one dictionary."""

    def __init__(self) -> None:
        self._known: dict[int, str] = {}

    def of(self, attrs: dict[str, Any]) -> str:
        found = self._known.get(id(attrs))
        if found is None:
            shown = {k: v for k, v in sorted(attrs.items()) if not isinstance(v, np.dtype)}
            found = self._known[id(attrs)] = repr(shown) if shown else ""
        return found


def _numbered(
    side: Side, paired: Mapping[int, int], numbers: dict[Hashable, int], attributes: _Attributes
) -> dict[int, list[int]]:
    """Return the rows that are not paired by the numbers of what they are, in their order.

    `paired` maps others to the left run's rows, whose numbers are below 0.
    """
    known: dict[int, int] = {}
    found: dict[int, list[int]] = {}
    for id in side.ids:
        if id in paired:
            known[id] = -1 - paired[id]
        else:
            number = numbers.setdefault(_key(side, id, known, attributes), len(numbers) + 1)
            known[id] = number
            found.setdefault(number, []).append(id)
    return found


def _key(side: Side, id: int, known: dict[int, int], attributes: _Attributes) -> Hashable:
    """Return what a row is: its operation, with what attributes, on which operands."""
    graph = side.graph
    row = graph.producer(id)
    op = graph.ops[row]
    if op is None:
        if parents := side.parents[id]:
            return "leaf", known.get(parents[0])
        value = side.value(id)
        text = side.session.source.snippet(graph.notes.spans[id])
        return "leaf", graph.requires_grad[id], graph.metas[id].shape, text, value.size == 0
    operands = tuple(
        known.get(i, 0) if i >= 0 else repr(graph.scalars[~i]) for i in graph.inputs[row]
    )
    if op.label in COMMUTING and len(operands) == 2:
        operands = tuple(sorted(operands, key=repr))
    position = graph.attrs[id].get("position") if row != id else None
    return op.label, operands, attributes.of(graph.attrs[row]), position
