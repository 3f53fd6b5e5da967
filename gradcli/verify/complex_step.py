"""The complex step: Im f(x + ih) / h has no subtraction, and so no round-off but its last digits.

It holds where every operation on the way is analytic and computed as such. No list says which
are: before it is used, every row of the tape is compared with its own real differences along a
random direction, in every element; a kink, a cast and a |z| do not pass.

Source: Squire and Trapp, Using Complex Variables to Estimate Derivatives of Real Functions (1998).
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np

from gradcli.execute import Replay
from gradcli.execute.stack import Stack
from gradcli.rule.dtypes import Array
from gradcli.rule.rule import Elementwise, Multilinear, Primitive
from gradcli.verify.chain import TINY, Chain, Known
from gradcli.verify.differences import EPSILON
from gradcli.verify.probe import TRIALS, Probe, as_taken, held_elements

ANOTHER = 1.37 * TINY  # no power of two apart: its round-off is another
REAL = 2.0**-17  # the real one that it is compared with
SAME = 1e-5
LOST = 1e-9  # relative to a row's largest: what real differences cannot see


class ComplexStep:
    """Derivatives of the outputs by single elements, one evaluation each.

    A step of `TINY` leaves the real parts as they are, so that only imaginary ones are computed:
    the differentials of the rows.
    """

    def __init__(self, probe: Probe, known: Known) -> None:
        self.probe, self.known = probe, known
        self.graph = probe.graph
        self.size = probe.size
        self.plan = self._plan()
        self._moving = frozenset((probe.leaf, *self.plan))
        self.stack: Stack | None = None
        self.chain: Chain | None = None

    def _plan(self) -> list[int]:
        """Return the rows that move: integers and booleans do not, with so small a step."""
        graph, moving = self.graph, {self.probe.leaf}
        for id in self.probe.replay.plan:
            if graph.metas[id].dtype.kind == "f" and moving.intersection(graph.inputs[id]):
                moving.add(id)
        return sorted(moving - {self.probe.leaf})

    def serves(self, generator: np.random.Generator) -> bool:
        """Say whether every row on the way passes the test."""
        probe = self.probe
        kinds = [self.graph.metas[i].dtype.kind for i in (probe.leaf, *probe.replay.plan)]
        if "c" in kinds or not self.plan or not np.all(np.isfinite(probe.start)):
            return False
        directions = self.size * generator.uniform(0.5, 1.5, (TRIALS, self.size.size))
        directions *= generator.choice([-1.0, 1.0], self.size.shape)
        trial = self._shaped(TINY * directions)
        try:
            with np.errstate(all="ignore"):
                self.stack = Stack(self.graph, probe.leaf, self.plan, self._differential, trial)
                return self._passes(self.stack.run(trial[:1]), directions[0])
        except Exception:  # a forward function that refuses complex numbers, in its own words
            return False

    def at_once(self, elements: Array, tiny: float = TINY) -> Array | None:
        """Return the derivatives by some elements, shape (k, m), None where pieces do not pay.

        Along directions they are compared with what moving all elements gives.
        """
        assert self.stack is not None, "the step has to serve first"
        if self.chain is None:
            self.chain = Chain(self.probe, self.stack, self.known)
        found = self.chain.derivatives(elements, tiny)
        if found is None:
            return None
        directions = np.zeros((TRIALS, self.size.size))
        signs = np.random.default_rng(0).choice([-1.0, 1.0], (TRIALS, len(elements)))
        directions[:, elements] = signs * self.size[elements]
        parts = self.size[elements, None] * found
        bar = LOST * np.linalg.norm(parts, axis=0)
        same = np.abs(signs @ parts - self.along(directions)) <= bar
        return found if np.all(same) else None

    def derivatives(self, elements: Array, tiny: float = TINY) -> Array:
        """Return the derivatives of all outputs by some elements, shape (k, m)."""
        width, found = self._width, [np.zeros((0, len(self.probe.start)))]
        moves = np.zeros((min(width, len(elements)), self.size.size))
        for k in range(0, len(elements), width):
            moved = elements[k : k + width]
            rows, h = np.arange(len(moved)), tiny * self.size[moved]
            moves[rows, moved] = h
            found.append(self._outputs(moves[: len(moved)]) / h[:, None])
            moves[rows, moved] = 0.0
        return np.concatenate(found)

    def along(self, directions: Array) -> Array:
        """Return the derivatives of all outputs along directions, shape (k, n): shape (k, m)."""
        parts = [directions[k : k + self._width] for k in range(0, len(directions), self._width)]
        return np.concatenate([self._outputs(TINY * part) / TINY for part in parts])

    @property
    def _width(self) -> int:
        assert self.stack is not None, "the step has to serve first"
        return self.stack.width

    def _outputs(self, moves: Array) -> Array:
        """Return the imaginary parts of the outputs, shape (k, m), for moves of shape (k, n)."""
        assert self.stack is not None, "the step has to serve first"
        self.probe.evaluations += len(moves)
        values = self.stack.run(self._shaped(moves))
        parts = [self._root(i, values, len(moves)) for i in self.probe.outputs.roots]
        return self.probe.outputs.read(parts)

    def rounding(self, derivatives: Array, others: float = 2.0) -> Array:
        """Return the error bars of derivatives, shape (n, m); `others` counts the largest in."""
        largest = np.abs(derivatives).max(axis=0, initial=0.0)
        return np.asarray(EPSILON * (64 * np.abs(derivatives) + others * largest))

    def _shaped(self, moves: Array) -> Array:
        return moves.reshape(len(moves), *self.graph.metas[self.probe.leaf].shape)

    def _root(self, id: int, values: dict[int, Array], count: int) -> Array:
        shape = self.graph.metas[id].shape
        return values[id] if id in values else np.zeros((count, *shape))

    def _differential(self, id: int, operands: list[Any], attrs: dict[str, Any]) -> Any:
        """Return the imaginary part of a row, from those of the operands that move."""
        graph, op = self.graph, self.graph.ops[id]
        assert op is not None, "a leaf is not in the plan"
        inputs = graph.inputs[id]
        mask = None if self.probe.through_detach else held_elements(graph, id)
        if mask is not None:
            operands[0] = np.where(mask, 0.0, operands[0])
        moving = [slot for slot, i in enumerate(inputs) if i in self._moving]
        if isinstance(op.derivative, Multilinear) and len(moving) == 1:
            return op.forward(*operands, **attrs)
        base = {slot: graph.values[inputs[slot]] for slot in moving}
        if isinstance(op.derivative, Elementwise) and sum(i >= 0 for i in inputs) == 1:
            return _where_moved(op, operands, moving[0], base[moving[0]], attrs)
        for slot in moving:
            operands[slot] = base[slot] + 1j * operands[slot]
        if not self.probe.through_detach:
            operands, attrs = as_taken(graph, id, operands, attrs)
        with warnings.catch_warnings():
            # a row that drops imaginary parts has a derivative of 0, or does not pass
            warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
            result = op.forward(*operands, **attrs)
        return tuple(np.imag(y) for y in result) if op.outputs else np.imag(result)

    def _passes(self, found: dict[int, Any], direction: Array) -> bool:
        rows = [i for i in self.probe.replay.plan if not self.graph.is_tuple(i)]
        leaf, shape = self.probe.leaf, self.graph.metas[self.probe.leaf].shape
        replay = Replay(self.graph, (leaf,), rows, self.probe.held)
        points = [
            replay.run({leaf: (self.probe.base + move * REAL * direction).reshape(shape)})
            for move in (1.0, -1.0, 0.5, -0.5)
        ]
        return all(
            _agrees(self.graph.values[i], found[i][0] if i in found else None, values)
            for i, *values in zip(rows, *points, strict=True)
        )


def _where_moved(
    op: Primitive, operands: list[Any], slot: int, base: Array, attrs: dict[str, Any]
) -> Array:
    """Return an elementwise function's imaginary part, computed where its operand moves."""
    move = operands[slot]
    moved = move != 0
    here = np.broadcast_to(base, move.shape)[moved]
    operands[slot] = here + 1j * move[moved]
    result = np.zeros(move.shape)
    result[moved] = np.imag(op.forward(*operands, **attrs))
    return result


def _agrees(here: Array, imaginary: Array | None, values: list[Array]) -> bool:
    """Say whether a row's imaginary part is its derivative, and both sides have one slope.

    `values` are the row's at one and at half a step, to either side. The slopes of the sides
    differ by half as much at half the step, unless there is a kink.
    """
    plus, minus, plus_half, minus_half = values
    if imaginary is None:
        return np.array_equal(plus, minus) and np.array_equal(here, plus)
    imaginary, real = imaginary / TINY, (plus - minus) / (2 * REAL)
    if real.shape != imaginary.shape or not np.all(np.isfinite(real)):
        return False
    largest = max(float(np.abs(real).max(initial=0)), float(np.abs(here).max(initial=0)))
    bar = SAME * np.abs(real) + LOST * largest
    bend = np.abs(plus - 2 * here + minus) / REAL
    half = 2 * np.abs(plus_half - 2 * here + minus_half) / REAL
    smooth = (bend <= bar) | (half <= 0.6 * bend)
    return bool(np.all((np.abs(imaginary - real) <= bar) & smooth))
