"""Which elements of a matrix of derivatives can differ from 0.

A row's sets say of each of its elements on which elements of the input it depends. They follow from
the rows of the tape and not from values, so that they hold for other values too. What is linear
drops out of a second derivative by itself: its gradient does not depend on its operand.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from math import prod
from typing import Any

import numpy as np

from gradcli.graph import OUTPUT, Graph
from gradcli.rule.dtypes import Array, is_floating
from gradcli.rule.meta import Shape, reduced, reduced_dims
from gradcli.rule.rule import Multilinear, Primitive, Variadic

LARGEST = 1 << 20  # elements of a row that is looked at: it takes a few times their bytes
WIDEST = 64  # elements of the input of which one element may be, before any counts as of all

# shape (elements, width), each sorted and filled up with the input's size; None: all may be of all
Sets = Array | None


def pattern(graph: Graph, y: int, x: int, order: Sequence[int]) -> tuple[Array, Array] | None:
    """Return rows and columns of the elements of dy/dx that can differ from 0; None: any can.

    `order` are the rows of the tape from x to y that carry a gradient, parents first.
    """
    metas = [graph.metas[i] for i in order]
    if not all(is_floating(meta.dtype) and prod(meta.shape) <= LARGEST for meta in metas):
        return None
    finder = _Finder(graph, x)
    for id in order:
        if id != x:
            finder.add(id)
    if y not in finder.sets:  # no gradient flows
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    sets = finder.sets[y]
    if sets is None:
        return None
    rows, places = np.nonzero(sets < finder.count)
    return rows, sets[rows, places].astype(np.int64)


class _Finder:
    """Finds the sets of rows, one after the other."""

    def __init__(self, graph: Graph, x: int) -> None:
        self.graph = graph
        self.count = prod(graph.metas[x].shape)
        self.widest = min(WIDEST, self.count // 2)
        self.sets: dict[int, Sets] = {x: np.arange(self.count)[:, None]}

    def add(self, id: int) -> None:
        """Find the sets of a row from those of its operands."""
        graph, op = self.graph, self.graph.ops[id]
        assert op is not None, "a leaf has no operands"
        moving: dict[int, Array] = {}  # by the operand's slot
        for slot, i in enumerate(graph.inputs[id]):
            if i in self.sets and _carries(op, slot):
                sets = self.sets[i]
                if sets is None:
                    self.sets[id] = None
                    return
                moving[slot] = sets
        if moving:  # else no gradient flows to an operand that there is
            self.sets[id] = (
                self._joined(id, moving) if op.elementwise else self._moved(id, op, moving)
            )

    def _joined(self, id: int, moving: dict[int, Array]) -> Sets:
        """Return the sets of a row whose elements are each of one element of each operand."""
        metas, inputs, shape = self.graph.metas, self.graph.inputs[id], self.graph.metas[id].shape
        parts: list[Array] = []
        for slot, sets in moving.items():
            own = metas[inputs[slot]].shape
            if own != shape:
                sets = np.broadcast_to(sets.reshape(*own, -1), (*shape, sets.shape[1]))
                sets = sets.reshape(prod(shape), -1)
            if not any(sets is x or np.array_equal(sets, x) for x in parts):
                parts.append(sets)
        return self._tidy(np.concatenate(parts, 1)) if len(parts) > 1 else parts[0]

    def _moved(self, id: int, op: Primitive, moving: dict[int, Array]) -> Sets:
        graph, several = self.graph, isinstance(op.derivative, Variadic)
        if several or (isinstance(op.derivative, Multilinear) and len(moving) == 1):
            sources = _sources(graph, id, op, moving)
            if sources is not None:
                return self._tidy(self._all(moving.values())[sources])
            if not several and (found := self._along(id, op, moving)) is not None:
                return found
        union = np.unique(np.concatenate([x.reshape(-1) for x in moving.values()]))
        if union.size > self.widest + 1:
            return None
        return np.broadcast_to(union, (prod(graph.metas[id].shape), union.size))

    def _all(self, operands: Collection[Array]) -> Array:
        """Return the sets of all operands' elements, those of nothing first."""
        width = max(x.shape[1] for x in operands)
        whole = np.full((1 + sum(map(len, operands)), width), self.count)
        start = 1
        for x in operands:
            whole[start : start + len(x), : x.shape[1]] = x
            start += len(x)
        return whole

    def _along(self, id: int, op: Primitive, moving: dict[int, Array]) -> Sets:
        """Return the sets of a row that is linear along dimensions that it names; None: of others.

        It leaves the dimensions out, as a sum does, or keeps them, as a cumulative one.
        """
        graph, ((slot, sets),) = self.graph, moving.items()
        named = [p.name for p in op.signature.attributes if p.kind in ("dim", "dims")]
        old, new = graph.metas[graph.inputs[id][slot]].shape, graph.metas[id].shape
        if len(named) != 1 or slot:
            return None
        dims = reduced_dims(len(old), graph.attrs[id][named[0]])
        kept = reduced(old, dims, True)
        if new not in (old, kept, reduced(old, dims, False)):
            return None
        last = range(len(old) - len(dims), len(old))
        apart = np.moveaxis(sets.reshape(*old, -1), dims, last)
        found = self._tidy(apart.reshape(prod(kept), -1))
        if found is None or new != old:
            return found
        width = found.shape[1]
        return np.broadcast_to(found.reshape(*kept, width), (*new, width)).reshape(-1, width)

    def _tidy(self, sets: Array) -> Sets:
        """Sort sets, each element once, and leave out what none needs; None: one is too large."""
        if sets.shape[1] > 1:
            sets = np.sort(sets, axis=1)
            sets[:, 1:][sets[:, 1:] == sets[:, :-1]] = self.count
            sets = np.sort(sets, axis=1)
            sets = sets[:, : max(1, int((sets < self.count).sum(1).max(initial=0)))]
        return None if sets.shape[1] > self.widest else sets


def _carries(op: Primitive, slot: int) -> bool:
    """Say whether a gradient flows to an operand."""
    derivative = op.derivative
    return op is OUTPUT or (derivative is not None and derivative.body(slot) is not None)


# ---- rows that only move elements --------------------------------------------------------------


def _sources(graph: Graph, id: int, op: Primitive, moving: Collection[int]) -> Array | None:
    """Return which element each element of a linear row is: counted from 1 through all that move.

    0 stands for a constant. None: the row does more than move elements. It is run on their numbers
    and on random ones: what is linear and gives one of either gives that element.
    """
    generator = np.random.default_rng(len(moving))
    drawn = [np.zeros(1)]
    runs: list[tuple[Any, Any]] = []  # each operand's numbers, and random ones
    for slot, i in enumerate(graph.inputs[id]):
        if i < 0:
            runs.append((graph.scalars[~i], graph.scalars[~i]))
            continue
        meta = graph.metas[i]
        values = generator.random(meta.shape, np.float32).astype(np.float64)
        if slot in moving:
            start = sum(map(np.size, drawn))
            numbers = np.arange(start, start + values.size, dtype=np.float64)
            drawn.append(values.reshape(-1))
            runs.append((numbers.reshape(meta.shape), values))
        elif meta.dtype.kind not in "biu":
            runs.append((values, values))
        elif _is_constant(graph, i):
            runs.append((graph.values[i], graph.values[i]))
        else:
            return None
    try:
        with np.errstate(all="ignore"):
            one, other = (
                np.asarray(op.forward(*x, **graph.attrs[id])) for x in zip(*runs, strict=True)
            )
    except Exception:  # it takes no numbers like these
        return None
    return _matched(one, other, np.concatenate(drawn), graph.metas[id].shape)


def _matched(one: Array, other: Array, drawn: Array, shape: Shape) -> Array | None:
    """Return the numbers of the elements that a row has given, None where it gave others too."""
    if one.shape != shape or one.dtype.kind != "f":
        return None
    moved = one != other
    numbers = np.where(moved, one, 0)
    if not ((numbers >= 0) & (numbers < drawn.size) & (numbers == np.floor(numbers))).all():
        return None
    places = numbers.astype(np.int64)
    return places.reshape(-1) if np.array_equal(drawn[places], np.where(moved, other, 0)) else None


def _is_constant(graph: Graph, id: int) -> bool:
    """Say whether integers are the same for any values of what is differentiated."""
    found, stack = set(), [id]
    while stack:
        i = stack.pop()
        if i in found:
            continue
        if graph.metas[i].dtype.kind not in "biu":
            return False
        found.add(i)
        stack.extend(k for k in graph.inputs[i] if k >= 0)
    return True
