"""A Jacobian in pieces: through rows that all of a parameter passes, many elements at once.

What a step too small to round does to a row is linear, and linear maps may be multiplied in any
order. Where all that a parameter moves passes one row, as that of `x @ W`, the derivatives by its
elements serve every element of the parameter, and every other parameter that passes it. And where
each number of a row depends on one column of the parameter alone, all columns move at once: which
dimensions are so is found by moving half of their places at a time.

Source of the second: Curtis, Powell and Reid, On the Estimation of Sparse Jacobian Matrices (1974).
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from gradcli.execute.stack import Stack
from gradcli.rule.dtypes import Array
from gradcli.verify.probe import Probe

TINY = 2.0**-70  # a step, relative to an element's size, that leaves real parts as they are
CALL = 1 << 13  # numbers that are computed in the time of a call
PAYS = 4  # times the work of looking for pieces, that moving each element has to take
AHEAD = 16  # pieces that may be taken as one
MOST = 1 << 20  # numbers of a matrix of derivatives
KEPT = 1 << 16  # numbers of one that is kept for other parameters
LEAST = 2.0**-900  # a size of an element that leaves room for steps
PADDED = 4  # how much longer than a row a table of its numbers may be

Known = dict[tuple[int, float], Array]  # by row and step: derivatives by the row, shape (m, n)


class Link(NamedTuple):
    """The rows after one, up to another that all of them lead to."""

    first: int
    last: int
    rows: Sequence[int]


class Split(NamedTuple):
    """Which elements of a link's first row move at once, and what numbers of the last each moves.

    `together`, shape (runs, n), are the elements of each run; `table`, shape (n, k), the numbers
    that the n-th of any run moves, filled up with some that `mask` leaves out.
    """

    together: Array
    table: Array
    mask: Array

    def of(self, elements: Array) -> Split:
        """Return the runs in which some elements move."""
        if len(elements) == self.together.size:
            return self
        wanted = np.zeros(self.together.size, bool)
        wanted[elements] = True
        return self._replace(together=self.together[wanted[self.together].any(axis=1)])


class Chain:
    """The derivatives of outputs by all elements of a leaf, through the rows that it passes.

    `stack` makes of moves of the leaf those of the rows in its plan; it must be linear. `known` is
    what is known already, of this leaf or of others.
    """

    def __init__(self, probe: Probe, stack: Stack, known: Known) -> None:
        self.probe, self.stack, self.known = probe, stack, known
        self.graph, self.outputs, self.leaf = probe.graph, probe.outputs, probe.leaf
        self.splits: dict[tuple[int, int], Split] = {}

    def derivatives(self, elements: Array, tiny: float) -> Array | None:
        """Return the derivatives by some elements of the leaf, shape (k, m).

        None where moving each of them is as quick. `tiny` is the step, relative to their sizes.
        """
        links = self._links(elements, tiny)
        if not links:
            return None
        found = self._by_last(links[-1].last, tiny)
        for link in reversed(links[1:]):
            found = self._through(link, found, np.arange(self._count(link.first)), tiny)
            if found.size <= KEPT:
                self.known[link.first, tiny] = found
        return self._through(links[0], found, elements, tiny).T

    # ---- which pieces --------------------------------------------------------------------------

    def _links(self, elements: Array, tiny: float) -> list[Link]:
        """Return the pieces that serve some elements, none where moving each is as quick."""
        count = len(elements)
        rows = [self.leaf, *self._passed(tiny)]
        direct = self._cost(Link(self.leaf, self.leaf, self.stack.plan), count)
        every = self._link(self.leaf, rows[-1])
        search = 32 * self.stack.part(self.leaf, every.rows).size + 4 * CALL * len(every.rows)
        if len(rows) == 1 or direct < PAYS * search:
            return []
        costs, best = {rows[-1]: 0.0}, dict[int, Link]()
        for k in reversed(range(len(rows) - 1)):
            runs, found = self._count(rows[k]) if k else count, []
            for last in rows[k + 1 : k + 1 + AHEAD]:
                link, least = self._link(rows[k], last), runs
                if last == rows[k + 1]:
                    split = self._split(link).of(np.arange(runs) if k else elements)
                    least = min(runs, len(split.together))
                found.append((self._cost(link, least) + costs[last], link))
            costs[rows[k]], best[rows[k]] = min(found, key=lambda one: one[0])
        if costs[self.leaf] >= direct / 2:
            return []
        links = [best[self.leaf]]
        while links[-1].last in best:
            links.append(best[links[-1].last])
        return links

    def _link(self, first: int, last: int) -> Link:
        plan = self.stack.plan
        return Link(first, last, plan[bisect_right(plan, first) : bisect_right(plan, last)])

    def _passed(self, tiny: float) -> Iterator[int]:
        """Yield the rows that all that moves passes, up to one that is known, or the root."""
        graph, plan, roots = self.graph, self.stack.plan, self.outputs.roots
        if len(roots) != 1 or roots[0] not in plan:
            return
        last = {i: i for i in (self.leaf, *plan)}  # where each is read last
        for id in plan:
            last.update((i, id) for i in graph.inputs[id] if i in last)
        last[roots[0]] = roots[0]
        open_until = last[self.leaf]
        for id in plan:
            if id == roots[0]:
                yield id
                return
            if open_until <= id and self._serves(id):
                yield id
                if (id, tiny) in self.known:
                    return
            open_until = max(open_until, last[id])

    def _serves(self, id: int) -> bool:
        """Say whether a row is one tensor whose elements can be moved by a small step."""
        if self.graph.is_tuple(id):
            return False
        size = np.abs(self.graph.values[id])
        return bool(np.all(np.isfinite(size) & ((size >= LEAST) | (size == 0))))

    def _cost(self, link: Link, runs: int) -> float:
        """Return how many numbers could be computed while a link's first row moves so often."""
        part = self.stack.part(link.first, link.rows)
        single = sum(self.stack.ways.get(i) is None for i in link.rows)
        calls = len(link.rows) * -(-runs // part.width) + single * runs
        product = len(self.outputs.labels) * self._count(link.last)
        return runs * (part.size + product) + CALL * calls + (np.inf if product > MOST else 0)

    def _count(self, row: int) -> int:
        return prod(self.graph.metas[row].shape)

    # ---- the derivatives -----------------------------------------------------------------------

    def _steps(self, row: int, tiny: float) -> Array:
        """Return the steps of a row's elements; a zero counts as one of ordinary size."""
        if row == self.leaf:
            return tiny * self.probe.size
        size = np.abs(self.graph.values[row]).reshape(-1)
        ordinary = np.median(size[size > 0]) if size.any() else 1.0
        return tiny * np.where(size > 0, size, ordinary)

    def _by_last(self, row: int, tiny: float) -> Array:
        """Return the derivatives of the outputs by the last row that is passed, shape (m, n)."""
        if (row, tiny) in self.known:
            return self.known[row, tiny]
        matrix = self.outputs.matrices[0]
        return np.eye(self._count(row)) if matrix is None else matrix

    def _through(self, link: Link, after: Array, elements: Array, tiny: float) -> Array:
        """Return the derivatives by some elements of a link's first row, shape (m, k).

        `after` are those by all elements of its last.
        """
        split = self.splits.get(link[:2])
        split = None if split is None else split.of(elements)
        if split is None or len(split.together) > len(elements):
            split = _apart(elements, self._count(link.last))
        part, h = self.stack.part(link.first, link.rows), self._steps(link.first, tiny)
        weights = (after[:, split.table] * split.mask).transpose(1, 2, 0)  # (n, k, m)
        found = np.zeros((len(after), h.size))
        for k in range(0, len(split.together), part.width):
            moving = split.together[k : k + part.width]
            moves = np.zeros((len(moving), h.size))
            np.put_along_axis(moves, moving, h[moving], axis=1)
            moved = self._moved(part, moves, link.last)[:, split.table].swapaxes(0, 1)
            found[:, moving] = (moved @ weights).transpose(2, 1, 0) / h[moving]
        return found[:, elements]

    def _moved(self, part: Stack, moves: Array, last: int) -> Array:
        """Return the moves of a link's last row, shape (k, n), for those of its first."""
        shape = self.graph.metas[part.leaf].shape
        self.probe.evaluations += len(moves)
        values = part.run(moves.reshape(len(moves), *shape))
        return np.asarray(values[last]).reshape(len(moves), -1)

    # ---- which elements move at once -------------------------------------------------------------

    def _split(self, link: Link) -> Split:
        if link[:2] not in self.splits:
            self.splits[link[:2]] = self._found(link)
        return self.splits[link[:2]]

    def _found(self, link: Link) -> Split:
        """Find the dimensions of a link's first row of which each number of the last has one place.

        Places are written in binary: those with the digit 0 and those with the digit 1 move by
        themselves, and what moves with one of them only has that digit.
        """
        shape, size = self.graph.metas[link.first].shape, self._count(link.last)
        single, place, touched = [], np.zeros(size, int), np.ones(size, bool)
        for dim, length in enumerate(shape):
            bits = np.arange((length - 1).bit_length())
            if not bits.size:
                continue
            digits = (np.arange(length) >> bits[:, None]) & 1 == 1
            beside = [d + 1 for d in range(len(shape)) if d != dim]
            masks = np.expand_dims(np.concatenate([digits, ~digits]), beside)
            one, zero = np.split(self._touched(link, masks), 2)
            if not np.any(one & zero):
                single.append(dim)
                place, touched = place * length + (1 << bits) @ one, np.any(one | zero, axis=0)
        order = [*(d for d in range(len(shape)) if d not in single), *single]
        together = np.arange(prod(shape)).reshape(shape).transpose(order)
        together = together.reshape(-1, prod(shape[d] for d in single))
        split = _listed(together, place, np.flatnonzero(touched))
        fits = split.table.size <= PADDED * (size + together.shape[1])
        return split if fits else _apart(together.reshape(-1), size)

    def _touched(self, link: Link, masks: Array) -> Array:
        """Return which numbers of the last row move with some elements of the first, (k, n)."""
        shape, part = self.graph.metas[link.first].shape, self.stack.part(link.first, link.rows)
        step = self._steps(link.first, TINY)
        step = step * np.random.default_rng(0).uniform(0.5, 1.5, step.size)  # nothing cancels
        found = []
        for k in range(0, len(masks), part.width):
            moves = masks[k : k + part.width] * step.reshape(shape)
            found.append(self._moved(part, moves.reshape(len(moves), -1), link.last) != 0)
        return np.concatenate(found)


def _apart(elements: Array, size: int) -> Split:
    """Return that each element moves by itself, and all numbers with it."""
    table = np.arange(size)[None]
    return Split(elements[:, None], table, np.ones(table.shape))


def _listed(together: Array, place: Array, touched: Array) -> Split:
    """Return what numbers each element of a run moves: those `touched`, each at its place."""
    count = together.shape[1]
    touched = touched[np.argsort(place[touched], kind="stable")]
    counts = np.bincount(place[touched], minlength=count)
    rank = np.arange(touched.size) - np.repeat(np.cumsum(counts) - counts, counts)
    table = np.zeros((count, counts.max(initial=1)), int)
    mask = np.zeros(table.shape)
    table[place[touched], rank], mask[place[touched], rank] = touched, 1.0
    return Split(together, table, mask)
