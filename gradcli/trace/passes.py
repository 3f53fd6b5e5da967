"""The `backward()` calls of a run, and which of them each `.grad` has gathered."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import numpy as np

from gradcli.autodiff import reachable
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array

Held = int | Array | None  # what a leaf's `.grad` is: a row where the file has seen it


@dataclass(frozen=True)
class Pass:
    """One call: the row it ran from, and its cotangent where one was given.

    `leaves` are those that the row depends on, `reached` those of them that got a gradient,
    `inputs` the rows that alone were to get one, where the call named some. `at` is how many rows
    the tape had after it.
    """

    root: int
    cotangent: Array | None
    leaves: frozenset[int]
    reached: frozenset[int]
    inputs: tuple[int, ...] = ()
    at: int = 0


class Passes:
    """All calls in their order.

    `gathered` has, by leaf, the calls whose gradients its `.grad` is the sum of. The sum begins
    anew where the file has put something else there between two calls: None, zeros, another tensor.
    """

    def __init__(self) -> None:
        self.made: list[Pass] = []
        self.gathered: dict[int, tuple[int, ...]] = {}
        self._left: dict[int, Held] = {}  # what the last call left in `.grad`

    def begin(self, graph: Graph) -> None:
        """Before a call: forget what a file has taken out of `.grad` since the one before."""
        # an update in place has made another row of the leaf, which took the gradient over
        now = {i: graph.current(i) for i in self.gathered}
        self.gathered = {
            now[i]: found
            for i, found in self.gathered.items()
            if _is_same(graph, self._left[i], _held(graph, now[i]))
        }

    def end(
        self,
        graph: Graph,
        root: int,
        cotangent: Array | None,
        rows: Iterable[int],
        inputs: tuple[int, ...] = (),
    ) -> None:
        """After a call: count it for the leaves among the rows whose `.grad` it has added to."""
        reached = frozenset(i for i in rows if graph.ops[i] is None)
        leaves = frozenset(
            graph.current(i) for i in reachable(graph, (root,)) if graph.ops[i] is None
        )
        for i in reached:
            self.gathered[i] = (*self.gathered.get(i, ()), len(self.made))
        self._left = {i: _held(graph, i) for i in self.gathered}
        self.made.append(Pass(root, cotangent, leaves, reached, inputs, len(graph)))

    def sums(self, graph: Graph, living: Collection[int]) -> list[tuple[int, ...]]:
        """Return the sums of calls that `.grad` holds in the end, as few as there need be.

        Leaves count that the last call reached, and those that the file can still name: `living`.
        One sum stands for all where a leaf has everything in it that depends on the leaf.
        """
        if not self.made:
            return []
        last = self.made[-1].reached
        held = {i: found for i, found in self.gathered.items() if i in last or i in living}
        every = tuple(sorted({k for found in held.values() for k in found}))
        leaves = [{graph.current(i) for i in call.leaves} for call in self.made]
        whole = all(
            graph.current(i) not in leaves[k]
            for i, found in held.items()
            for k in every
            if k not in found
        )
        return [every] if whole else sorted(set(held.values()))


def _held(graph: Graph, id: int) -> Held:
    live = graph.autograd.live.get(id)
    return graph.autograd.grads.get(id) if live is None else live.id


def _is_same(graph: Graph, left: Held, now: Held) -> bool:
    if isinstance(left, int) or not isinstance(now, int):
        return left is now or (isinstance(left, int) and left == now)
    # the file has looked at it, and so made a row of it
    return left is not None and np.array_equal(left, graph.values[now], equal_nan=True)
