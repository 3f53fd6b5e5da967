"""What rounding does on the way: to the outputs, and to their derivatives.

Differences of neighbouring values do not show all of it: `(x + 1e12) - 1e12` is a staircase whose
steps are wider than neighbours are apart. To first order every number v on the way is off by ε v,
and an output by g ε v, where g is the gradient that arrives there.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property, partial
from itertools import islice
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.execute import compute
from gradcli.graph import Values
from gradcli.rule.dtypes import Array
from gradcli.rule.rule import Elementwise, Multilinear
from gradcli.verify.beside import at_point, gradient
from gradcli.verify.differences import EPSILON
from gradcli.verify.probe import Probe

TRIALS = 3
LEAST = 5e-324  # the least number above 0
SIMPLE = (Elementwise, Multilinear)  # rules of rows that round each number once
FEW = 8  # outputs: of more, one trial each


class Rounding:
    """The round-off of the outputs of a probe and of their derivatives, shape (n, m)."""

    def __init__(self, probe: Probe, jacobian: Array) -> None:
        self.probe, self.jacobian = probe, jacobian

    @cached_property
    def parts(self) -> list[dict[int, Array]]:
        """What each number on the way contributes, by output and row: its square."""
        return [self._parts(output) for output in range(len(self.probe.outputs.labels))]

    def _parts(self, output: int) -> dict[int, Array]:
        probe, graph = self.probe, self.probe.graph
        seed = next(islice(probe.outputs.cotangents(graph), output, None))
        moving = set(probe.replay.plan)
        compute(graph, seed)
        with np.errstate(all="ignore"):
            order = autodiff.reachable(graph, seed)
            found = autodiff.pull(graph, dict(seed), order, graph.values.__getitem__)
            return {
                id: _square(g, graph.values[id])
                for id, g in found.items()
                if id in moving and isinstance(g, np.ndarray | np.generic)
            }

    @cached_property
    def noise(self) -> Array:
        """The round-off of the outputs, shape (m,), where every element moves."""
        return np.array([_size(parts) for parts in self.parts])

    def noise_of(self, element: int) -> Array:
        """Return the round-off of the outputs, shape (m,), of what moves with one element."""
        probe, values = self.probe, self.probe.graph.values
        step = max(float(probe.size[element]), probe.reach, 1.0) / 8  # no staircase hides it
        rows = probe.rows_at(element, np.array([step]))
        moved = {
            id: at_point(row, 0) != values[id]
            for id, row in rows.items()
            if not isinstance(row, tuple)
        }
        return np.array([_size(parts, moved) for parts in self.parts])

    @cached_property
    def of_outputs(self) -> Array:
        """By how much the outputs change with the last digits of what is computed, (m,).

        It shows what no first order does: a root of what has lost its digits.
        """
        probe, values = self.probe, self.probe.graph.values
        changes = np.zeros(len(probe.outputs.labels))
        for seed in range(TRIALS):
            rows = _Overlay(values, self._rounded(_Signs(seed)))
            found = probe.outputs.read([np.asarray(rows[i])[None] for i in probe.outputs.roots])
            changes = np.fmax(changes, np.abs(found[0] - probe.start))
        return np.where(np.isfinite(changes), changes / 2, 0.0)  # by ε; rounding is by half of it

    @cached_property
    def of_gradient(self) -> Array:
        """By how much each derivative changes with the last digits of what is computed, (n, m)."""
        probe, values = self.probe, self.probe.graph.values
        count = len(probe.outputs.labels)
        result = np.zeros((probe.base.size, count))
        before = self.jacobian
        if probe.graph.autograd.uncounted:  # it was computed with what `.data` has written
            before = np.stack([gradient(probe, j, values.__getitem__) for j in range(count)], 1)
        for trial in range(2, 4 if count <= FEW else 3):  # at random
            signs = _Signs(trial)
            rows = _Overlay(values, self._rounded(signs, inside=True))
            for j in range(count):
                after = gradient(probe, j, rows.__getitem__, partial(_rounded, signs))
                change = np.abs(after - before[:, j])
                result[:, j] = np.maximum(result[:, j], np.nan_to_num(change, nan=np.inf))
        return result

    def _rounded(self, signs: _Signs, *, inside: bool = False) -> dict[int, Any]:
        """Return the rows as they are where each rounds another way, `inside` too."""
        probe, graph = self.probe, self.probe.graph
        rows: dict[int, Any] = {}
        with np.errstate(all="ignore"):
            for id in probe.replay.plan:
                operands = [
                    (rows[i] if i in rows else graph.values[i]) if i >= 0 else graph.scalars[~i]
                    for i in graph.inputs[id]
                ]
                value = probe.evaluate(id, list(operands), graph.attrs[id])
                if _is_exact(value, operands):
                    rows[id] = value
                    continue
                op = graph.ops[id]
                if inside and op is not None and not isinstance(op.derivative, SIMPLE):
                    # what rounds at many places does as if its operands had been rounded
                    operands = [_rounded(signs, x) if _is_array(x) else x for x in operands]
                    value = probe.evaluate(id, operands, graph.attrs[id])
                rows[id] = _rounded(signs, value)
        return rows


def _is_array(x: Any) -> bool:
    return isinstance(x, np.ndarray | np.generic)


def _is_exact(value: Any, operands: list[Any]) -> bool:
    """Say whether a row only picks numbers from its operands, as `max` and `relu` do."""
    parts = [value] if _is_array(value) else list(value)
    numbers = [np.ravel(part) for part in parts if part.dtype.kind in "fc"]
    known = [np.ravel(x) for x in operands if _is_array(x)]
    known.append(np.zeros(1))
    found, given = np.concatenate([*numbers, []]), np.concatenate(known)
    if not found.size:
        return True
    # one number is looked for first: most rows make new ones
    return bool(np.any(given == found[0]) and np.isin(found, given).all())


class _Signs:
    """Which way numbers round: all up, all down, or at random."""

    def __init__(self, trial: int) -> None:
        self.trial, self.generator = trial, np.random.default_rng(trial)

    def of(self, shape: tuple[int, ...]) -> Array:
        """Return 1 or -1 for each number."""
        if self.trial < 2:
            return np.full(shape, 1.0 - 2 * self.trial)
        return self.generator.choice([-1.0, 1.0], shape)


def _rounded(signs: _Signs, value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(None if x is None else _rounded(signs, x) for x in value)
    if value.dtype.kind not in "fc":
        return value
    return value * (1 + EPSILON * signs.of(np.shape(value)))


class _Overlay:
    """Values of rows, some of them replaced."""

    def __init__(self, values: Values, changed: Mapping[int, Any]) -> None:
        self.values, self.changed = values, changed

    def __getitem__(self, row: int) -> Any:
        return self.changed[row] if row in self.changed else self.values[row]


def _square(g: Any, value: Any) -> Array:
    """Return the square of what the round-off of a number does, in units of ε/2.

    A number that has underflown is off by the least there is.
    """
    part = np.abs(g * value) + np.abs(g) * (LEAST / (0.5 * EPSILON))
    return np.asarray(np.nan_to_num(part**2, nan=0.0, posinf=0.0))


def _size(parts: Mapping[int, Array], moved: Mapping[int, Array] | None = None) -> float:
    total = 0.0
    for id, part in parts.items():
        total += float(part.sum() if moved is None else part[moved[id]].sum())
    return 0.5 * EPSILON * float(np.sqrt(total))
