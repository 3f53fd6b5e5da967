"""What to compute in blocks: calls of numpy gathered into passes over large arrays.

A pass goes through some leading dimensions, its `prefix`, in blocks; the dimensions behind them lie
in a block whole. What it needs of earlier passes element by element it computes again, unless that
is dear; what is folded over the prefix, or used otherwise, is there when the pass is over.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from gradcli.execute.lowered import Call, Program, cast, choose
from gradcli.rule.meta import Shape

LARGE = 1 << 15  # elements of an array that is worth a pass
WIDEST = 1 << 18  # elements of the dimensions that lie in a block whole
# what numpy computes in less time than memory is written and read again
LIGHT = {
    np.add, np.subtract, np.multiply, np.negative, np.square, np.absolute, np.maximum, np.minimum,
    np.divide, np.sqrt, np.sign, np.equal, np.not_equal, np.less, np.less_equal, np.greater,
    np.greater_equal, np.logical_and, np.logical_or, np.logical_not, np.isnan, choose, cast,
}  # fmt: skip
HEAVY = 6  # how much longer the rest takes
DEAR = 12  # what is kept for later passes rather than computed again


class Pass(NamedTuple):
    """Calls that are computed block by block: `reads` are there, `stores` are kept whole.

    `folds` give a part for each block, and the parts are folded in the end.
    """

    prefix: Shape
    calls: tuple[int, ...]
    reads: tuple[int, ...]
    stores: tuple[int, ...]
    folds: tuple[int, ...]


class Plan(NamedTuple):
    """Calls that are computed at once, by number, and passes, in their order."""

    steps: tuple[int | Pass, ...]

    @property
    def passes(self) -> list[Pass]:
        """The passes."""
        return [step for step in self.steps if isinstance(step, Pass)]


def operand_shape(call: Call, operand: Shape, calls: Sequence[Call]) -> Shape:
    """Return the shape of an operand as a call goes through it: as it is broadcast."""
    rank = len(span(call, calls))
    return operand if call.function is np.reshape else (1,) * (rank - len(operand)) + operand


def span(call: Call, calls: Sequence[Call]) -> Shape:
    """Return the shape that a call goes through."""
    return calls[call.operands[0]].shape if call.kind == "fold" else call.shape


def reach(call: Call, calls: Sequence[Call]) -> int:
    """Return how many leading dimensions a call can be cut along; 0 where it cannot be."""
    shape = span(call, calls)
    if call.kind not in ("map", "fold", "shape") or prod(shape) < LARGE:
        return 0
    if call.kind == "fold":
        if call.axes[0]:
            return call.axes[0]
        return next(i for i in range(len(shape) + 1) if i not in call.axes)
    if call.function is np.reshape:
        return _same(shape, calls[call.operands[0]].shape)
    return min(_shared(call, calls[i], calls) for i in call.operands)


def _same(a: Shape, b: Shape) -> int:
    """Return how many leading dimensions two shapes have in common."""
    most = min(len(a), len(b))
    return next((i for i in range(most) if a[i] != b[i]), most)


def _shared(call: Call, operand: Call, calls: Sequence[Call]) -> int:
    """Return how many leading dimensions an operand has as the result has them, or repeats."""
    own, shape = operand_shape(call, operand.shape, calls), call.shape
    same, ones = _same(own, shape), _same(own, (1,) * len(shape))
    dense = not isinstance(operand.value, np.ndarray) or operand.value.flags.c_contiguous
    if same > 1 and not dense:
        same = 1  # its dimensions cannot be taken for one
    return max(same, ones)


class Planner:
    """Finds the passes that compute some calls of a program."""

    def __init__(self, program: Program, wanted: Iterable[int]) -> None:
        self.calls = program.calls
        self.wanted = tuple(wanted)
        self.prefixes = self._prefixes()
        self.levels: list[int] = []
        for i in range(len(self.calls)):
            self.levels.append(max((self._after(i, j) for j in self.calls[i].operands), default=0))
        self.costs: list[int] = []
        for i, call in enumerate(self.calls):
            own = (1 if call.function in LIGHT else HEAVY) if call.kind == "map" else 0
            before = sum(self.costs[j] for j in call.operands if self._within(i, j))
            self.costs.append(min(own + before, DEAR + 1))

    def plan(self) -> Plan:
        """Return what to compute, in its order."""
        whole, inside = self._demands()
        steps: list[tuple[int, int, int | Pass]] = [
            (self.levels[i], 0, i)
            for i in sorted(whole)
            if self.prefixes[i] is None and self.calls[i].kind != "given"
        ]
        for (level, _), members in inside.items():
            steps.append((level, 1, self._pass(level, sorted(members), whole)))
        return Plan(tuple(step for *_, step in sorted(steps, key=lambda s: s[:2])))

    def _prefixes(self) -> list[Shape | None]:
        """Return for each call the dimensions that its chain goes through, None where it cannot."""
        calls, chain = self.calls, list(range(len(self.calls)))
        reaches = [reach(call, calls) for call in calls]

        def top(i: int) -> int:
            while chain[i] != i:
                chain[i] = chain[chain[i]]
                i = chain[i]
            return i

        for i, call in enumerate(calls):
            for j in call.operands if reaches[i] else ():
                first = operand_shape(call, calls[j].shape, calls)[:1]
                if reaches[j] and first == span(call, calls)[:1]:
                    chain[top(i)] = top(j)
        depth: dict[int, int] = {}
        for i, n in enumerate(reaches):
            if n:
                depth[top(i)] = min(n, depth.get(top(i), n))
        found: list[Shape | None] = []
        for i, call in enumerate(calls):
            shape, n = span(call, calls), depth.get(top(i), 0)
            narrow = reaches[i] and prod(shape[:n]) > 1 and prod(shape[n:]) <= WIDEST
            found.append(shape[:n] if narrow else None)
        return found

    def _within(self, i: int, j: int) -> bool:
        """Say whether a call takes an operand block by block, as it is computed."""
        prefix = self.prefixes[i]
        if prefix is None or prefix != self.prefixes[j] or self._folded(j):
            return False
        return (
            operand_shape(self.calls[i], self.calls[j].shape, self.calls)[: len(prefix)] == prefix
        )

    def _again(self, i: int, j: int, level: int) -> bool:
        """Say whether a pass computes an operand of a call itself, for the first time or again."""
        return self._within(i, j) and (self.levels[j] == level or self.costs[j] <= DEAR)

    def _folded(self, i: int) -> bool:
        call = self.calls[i]
        return self.prefixes[i] is not None and call.kind == "fold" and not call.axes[0]

    def _after(self, i: int, j: int) -> int:
        """Return how many passes must be over before a call can take an operand."""
        return self.levels[j] + (self.prefixes[j] is not None and not self._within(i, j))

    def _demands(self) -> tuple[set[int], dict[tuple[int, Shape], set[int]]]:
        """Return the calls whose whole value is needed, and those that each pass computes."""
        whole: set[int] = set()
        inside: dict[tuple[int, Shape], set[int]] = {}
        stack: list[tuple[int, int | None]] = [(i, None) for i in self.wanted]
        while stack:
            i, level = stack.pop()
            prefix = self.prefixes[i]
            if level is None:
                if i in whole:
                    continue
                whole.add(i)
                level = self.levels[i]
            if prefix is None:
                stack.extend((j, None) for j in self.calls[i].operands)
                continue
            members = inside.setdefault((level, prefix), set())
            if i not in members:
                members.add(i)
                for j in self.calls[i].operands:
                    stack.append((j, level if self._again(i, j, level) else None))
        return whole, inside

    def _pass(self, level: int, members: list[int], whole: set[int]) -> Pass:
        prefix = self.prefixes[members[0]]
        assert prefix is not None, "what is in a pass has a prefix"
        reads = {j for i in members for j in self.calls[i].operands if not self._again(i, j, level)}
        kept = [i for i in members if i in whole and self.levels[i] == level]
        folds = [i for i in kept if self._folded(i)]
        stores = [i for i in kept if not self._folded(i)]
        return Pass(prefix, tuple(members), tuple(sorted(reads)), tuple(stores), tuple(folds))


def planned(program: Program, wanted: Iterable[int]) -> Plan:
    """Return how some calls of a program are computed."""
    return Planner(program, wanted).plan()


def uses(plan: Plan, calls: Sequence[Call]) -> Iterator[tuple[int, int]]:
    """Yield each step's place and each whole value that it takes."""
    for place, step in enumerate(plan.steps):
        for i in step.reads if isinstance(step, Pass) else calls[step].operands:
            yield place, i
