"""The executor of plans: passes over large arrays in blocks that stay in the cache.

A block goes through all calls of its pass before the next one begins, and the results go to buffers
that are there already, so that an intermediate is never stored whole. Blocks are shared among
threads, since numpy lets others run while it computes; where a block begins depends on the sizes
alone, and the blocks' parts of a sum are added in pairs, so that any number of threads gives the
same result.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from math import prod
from threading import Event, Thread
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import LimitFault
from gradcli.execute.lowered import Call, Program, evaluated, valued
from gradcli.execute.plan import Pass, Plan, operand_shape, span, uses
from gradcli.rule.dtypes import Array

CACHE = 1 << 22  # bytes of a block: its buffers, and what it reads and stores
BLOCK = 1 << 17  # elements of an array in a block, at most
WORTH = 1 << 16  # elements that numpy goes through in the time that a call takes to be planned
LINE = 64  # elements whose multiples lie at the beginning of a line of the cache
FOR_A_THREAD = 4  # blocks that are worth another one
RUNS = 128  # of neighbouring blocks, at most: their parts of a fold are one when they are done


def threads() -> int:
    """Return how many threads to use: GRADCLI_THREADS, else as many as this process has cores."""
    given = os.environ.get("GRADCLI_THREADS", "")
    if given.isdigit() and int(given):
        return int(given)
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not said by this system
        return os.cpu_count() or 1


def worth(elements: int, calls: int) -> bool:
    """Say whether it pays to plan some calls which go through so many elements together."""
    return elements >= WORTH * calls


def pays(program: Program, plan: Plan) -> bool:
    """Say whether a plan has passes that made it worth it."""
    calls = program.calls
    work = sum(prod(span(calls[i], calls)) for step in plan.passes for i in step.calls)
    return bool(plan.passes) and worth(work, len(calls))


def run(program: Program, plan: Plan, wanted: set[int]) -> dict[int, Any]:
    """Compute the steps of a plan; return the whole values that are wanted.

    Raises: LimitFault where memory runs out, and what the plain executor raises for a row.
    """
    calls = program.calls
    last = {i: place for place, i in uses(plan, calls)}
    found = {i: call.value for i, call in enumerate(calls) if call.kind == "given"}
    for place, step in enumerate(plan.steps):
        try:
            with np.errstate(all="ignore"):
                found |= (
                    _Run(step, calls, found).results()
                    if isinstance(step, Pass)
                    else {step: _alone(program, step, found)}
                )
        except MemoryError:
            raise LimitFault("out of memory") from None
        taken = step.reads if isinstance(step, Pass) else calls[step].operands
        for i in taken:
            if last[i] == place and i not in wanted:
                found.pop(i, None)
    return found


def _alone(program: Program, i: int, found: Mapping[int, Any]) -> Any:
    call = program.calls[i]
    if call.kind != "row":
        return evaluated(call, [found[j] for j in call.operands])
    return valued(program.graph, program.rows[i], [found[j] for j in call.operands])


class _Step(NamedTuple):
    """A call of a block: where its operands are, and where its result goes."""

    at: int
    call: Call
    operands: tuple[int, ...]
    slot: int  # the buffer that it writes to; -1: none
    shape: tuple[int, ...]  # of the result, for one element of the prefix
    axes: tuple[int, ...]  # that a fold reduces in a block


class _Run:
    """One pass, and what it has found so far."""

    def __init__(self, step: Pass, calls: list[Call], found: Mapping[int, Any]) -> None:
        self.calls, self.work = calls, step
        self.depth, self.count = len(step.prefix), prod(step.prefix)
        self.stored = {i: np.empty(calls[i].shape, calls[i].dtype) for i in step.stores}
        self.whole: dict[int, Any] = {}
        self.sliced = {
            i: array.reshape(self.count, *array.shape[self.depth :])
            for i, array in self.stored.items()
        }
        self.operands = {i: self._operands(i, found) for i in step.calls}
        self.buffers: list[tuple[tuple[int, ...], Any]] = []
        self.steps = self._steps()
        self.rows = self._rows()
        self.blocks = -(-self.count // self.rows)
        self.run = -(-self.blocks // RUNS)  # blocks
        runs = -(-self.blocks // self.run)
        self.parts: dict[int, list[Any]] = {i: [None] * runs for i in step.folds}
        self.next, self.stop = iter(range(runs)), Event()
        self.failed: list[BaseException] = []

    def _rows(self) -> int:
        """Return how many elements of the prefix make a block."""
        calls = self.calls
        widest = max(prod(span(calls[i], calls)[self.depth :]) for i in self.work.calls)
        taken: int = sum(prod(shape) * dtype.itemsize for shape, dtype in self.buffers)
        taken += sum(array[:1].nbytes for array in self.sliced.values())
        rows: int = max(1, min(CACHE // max(taken, 1), BLOCK // max(widest, 1)))
        return rows - rows % LINE if rows > LINE else rows

    def results(self) -> dict[int, Any]:
        """Go through all blocks; return what is stored and what is folded."""
        others: list[Thread] = []
        try:
            for _ in range(min(threads(), self.blocks // FOR_A_THREAD) - 1):
                thread = Thread(target=self._guarded, daemon=True)
                thread.start()
                others.append(thread)
            self._work()
        except BaseException:
            self.stop.set()
            raise
        finally:
            for thread in others:
                thread.join()
        if self.failed:
            raise self.failed[0]
        for i, parts in self.parts.items():
            call = self.calls[i]
            self.stored[i] = np.reshape(np.asarray(_in_pairs(call.function, parts)), call.shape)
        return dict(self.stored)

    def _guarded(self) -> None:
        try:
            with np.errstate(all="ignore"):
                self._work()
        except BaseException as error:
            self.failed.append(error)
            self.stop.set()

    def _work(self) -> None:
        buffers = [np.empty((self.rows, *shape), dtype) for shape, dtype in self.buffers]
        held: list[Any] = [None] * (2 * len(self.calls))
        for i, value in self.whole.items():
            held[i] = value
        for run in self.next:
            parts: dict[int, list[Any]] = {i: [] for i in self.parts}
            for block in range(run * self.run, min((run + 1) * self.run, self.blocks)):
                if self.stop.is_set():
                    return
                first = block * self.rows
                rows = min(self.rows, self.count - first)
                if rows < self.rows:
                    buffers = [buffer[:rows] for buffer in buffers]
                for i, array in self.sliced.items():
                    held[i] = array[first : first + rows]
                for step in self.steps:
                    self._compute(step, held, buffers, rows)
                for i, found in parts.items():
                    found.append(held[i])
            for i, found in parts.items():
                self.parts[i][run] = _in_pairs(self.calls[i].function, found)

    def _compute(self, step: _Step, held: list[Any], buffers: list[Array], rows: int) -> None:
        call, operands = step.call, [held[j] for j in step.operands]
        if call.kind == "map":
            out = buffers[step.slot] if step.slot >= 0 else held[step.at]
            call.function(*operands, out=out)
            held[step.at] = out
            return
        a = operands[0]
        if call.kind == "shape" and call.function is np.broadcast_to:
            result = a  # repeated where it is used
        elif call.kind == "shape":
            result = np.reshape(self._full(a, step.operands[0], rows), (rows, *step.shape))
        else:
            a = self._full(a, step.operands[0], rows)
            result = call.function.reduce(
                a, axis=step.axes, dtype=call.dtype, keepdims=call.keepdims
            )
        if step.at in self.stored:
            held[step.at][...] = result
        else:
            held[step.at] = result

    def _full(self, value: Any, i: int, rows: int) -> Array:
        """Return a block whose elements are all there: one may stand for many."""
        shape = (rows, *self.calls[i % len(self.calls)].shape[self.depth :])
        return value if value.shape == shape else np.broadcast_to(value, shape)

    def _operands(self, i: int, found: Mapping[int, Any]) -> tuple[int, ...]:
        """Return where a block holds the operands of a call: what is whole stands behind all else.

        What is whole is repeated along the prefix, and in front of its dimensions is none but 1.
        """
        places, call, inside = [], self.calls[i], self.work.calls
        for j in call.operands:
            shape = operand_shape(call, self.calls[j].shape, self.calls)
            prefix, behind = shape[: self.depth], shape[self.depth :]
            if prefix == self.work.prefix:
                places.append(j)
                if j not in inside and j not in self.sliced:
                    self.sliced[j] = found[j].reshape(self.count, *behind)
                continue
            places.append(len(self.calls) + j)
            value, shape = found[j], self.calls[j].shape
            lead = next((d for d, n in enumerate(shape) if n != 1), len(shape))
            self.whole[places[-1]] = np.reshape(value, shape[lead:]) if lead else value
        return tuple(places)

    def _steps(self) -> list[_Step]:
        """Give each call of the pass a buffer, which is free again after the last use."""
        calls, inside = self.calls, set(self.work.calls)
        owner: dict[int, int] = {}  # whose buffer a value lies in
        last: dict[int, int] = {}
        for i in self.work.calls:
            shows = calls[i].kind == "shape" and calls[i].operands[0] in inside
            owner[i] = owner[calls[i].operands[0]] if shows else i
            for j in calls[i].operands:
                last[owner.get(j, j)] = i
        free: dict[Any, list[int]] = {}
        slots: dict[int, tuple[Any, int]] = {}
        steps = []
        for i in self.work.calls:
            call, slot = calls[i], -1
            ending = {owner.get(j, j) for j in call.operands if last[owner.get(j, j)] == i}
            kind = call.shape[self.depth :], call.dtype
            in_place = isinstance(call.function, np.ufunc)
            if in_place:
                self._release(ending, slots, free)
            if call.kind == "map" and i not in self.stored:
                if not free.setdefault(kind, []):
                    free[kind].append(len(self.buffers))
                    self.buffers.append(kind)
                slot = free[kind].pop()
                slots[i] = kind, slot
            if not in_place:
                self._release(ending, slots, free)
            steps.append(_Step(i, call, self.operands[i], slot, kind[0], self._axes(call)))
        return steps

    @staticmethod
    def _release(
        ending: Iterable[int], slots: dict[int, tuple[Any, int]], free: dict[Any, list[int]]
    ) -> None:
        for j in ending:
            if j in slots:
                kind, slot = slots.pop(j)
                free[kind].append(slot)

    def _axes(self, call: Call) -> tuple[int, ...]:
        shift = self.depth - 1
        return tuple(sorted({max(d - shift, 0) for d in call.axes}))


def _in_pairs(function: Any, parts: list[Any]) -> Any:
    """Fold the blocks' parts, neighbours first."""
    while len(parts) > 1:
        pairs = [function(a, b) for a, b in zip(parts[::2], parts[1::2], strict=False)]
        parts = pairs + parts[2 * len(pairs) :]
    return parts[0]
