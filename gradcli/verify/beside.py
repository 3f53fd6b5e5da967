"""The gradient at other points and of other numbers than the file's.

Just beside a point no convention hides a rule: a tie is broken, a corner left. And where all
numbers on the way are shaken, terms that cancel do so no more: their size shows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import islice
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.execute import compute
from gradcli.graph import Values
from gradcli.rule.dtypes import Array
from gradcli.verify.analytic import real
from gradcli.verify.differences import EPSILON
from gradcli.verify.probe import Probe

AWAY = 2.0**-20  # how far the points beside are, relative to the size of every element
STEP = 2.0**-24  # of the differences there: smaller, so that no kink lies within
POINTS = 8
AGREE = 1e-3  # of the largest slope: what rounding and a bend may do over such steps
SHAKE = 0.05  # relative change of every number,
TRIALS = 2  # so many times


class Beside:
    """Gradients and difference quotients at a few points around that of a parameter."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        move = np.random.default_rng(0).uniform(-1, 1, (POINTS // 2, probe.base.size))
        # both sides of each: one may lie outside the domain
        self.points = probe.base + AWAY * probe.size * np.concatenate([move, -move])
        self.rows = probe.rows_of(self.points)
        self.jacobians: dict[tuple[int, int], Array] = {}

    def right(self, element: int, output: int, noise: float) -> bool:
        """Say whether the gradient is right at the points around: a convention is at work here."""
        probe, h = self.probe, STEP * self.probe.size[element]
        points = np.repeat(self.points, 2, axis=0)
        points[0::2, element] += h
        points[1::2, element] -= h
        values = probe.at_points(points)[:, output]
        with np.errstate(all="ignore"):
            slopes = (values[0::2] - values[1::2]) / (points[0::2, element] - points[1::2, element])
            gradients = np.array([self._gradient(k, output)[element] for k in range(POINTS)])
        usable = np.isfinite(slopes) & np.isfinite(gradients)
        if usable.sum() < 2:
            return False
        slopes, gradients = slopes[usable], gradients[usable]
        largest = max(float(np.abs(slopes).max()), float(np.abs(gradients).max()))
        bar = noise / h + EPSILON * abs(float(probe.base[element])) / h * largest
        if 100 * bar > largest:
            return largest == 0.0
        agree = np.abs(slopes - gradients) <= AGREE * largest + bar
        return bool(np.mean(agree) >= 0.75)

    def _gradient(self, point: int, output: int) -> Array:
        key = point, output
        if key not in self.jacobians:
            here = self.probe.graph.values
            rows = {i: at_point(values, point) for i, values in self.rows.items()}
            self.jacobians[key] = gradient(
                self.probe, output, lambda row: rows[row] if row in rows else here[row]
            )
        return self.jacobians[key]


def at_point(values: Any, point: int) -> Any:
    """Return a row's value at one of the points that it has been computed at."""
    return tuple(v[point] for v in values) if isinstance(values, tuple) else values[point]


def gradient(
    probe: Probe,
    output: int,
    read: Callable[[int], Any],
    passing: Callable[[Any], Any] | None = None,
) -> Array:
    """Return the gradient of one output as real numbers, where `read` gives the rows' values.

    `passing` changes the cotangents on their way.
    """
    graph, leaf = probe.graph, probe.leaf
    seed = next(islice(probe.outputs.cotangents(graph), output, None))
    order = autodiff.towards(graph, autodiff.reachable(graph, seed), (leaf,))
    compute(graph, seed)
    with np.errstate(all="ignore"):
        found = autodiff.pull(graph, dict(seed), order, read, passing).get(leaf)
    return np.zeros(probe.base.size) if found is None else real(np.asarray(found))


class Terms:
    """The size of what adds up to a gradient: terms that cancel are larger than their sum."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.found: dict[int, Array] = {}

    def of(self, element: int, output: int) -> float:
        """Return the size of the terms of one derivative, 0 where it cannot be told."""
        return float(self._sizes(output)[element])

    def largest(self) -> float:
        """Return the size of the largest terms of any derivative of the parameter."""
        count = len(self.probe.outputs.labels)
        return max(float(self._sizes(j).max(initial=0.0)) for j in range(count))

    def _sizes(self, output: int) -> Array:
        if output not in self.found:
            sizes = self._shaken(output) / SHAKE
            self.found[output] = np.where(np.isfinite(sizes), sizes, 0.0)
        return self.found[output]

    def _shaken(self, output: int) -> Array:
        """Return by how much a gradient changes where every number on the way is shaken."""
        probe, values = self.probe, self.probe.graph.values
        before, changes = gradient(probe, output, values.__getitem__), []
        for seed in range(TRIALS):
            shake = partial(_shaken, np.random.default_rng(seed))
            after = gradient(probe, output, _Shaken(values, shake).__getitem__, shake)
            changes.append(np.abs(after - before))
        return np.asarray(np.max(changes, axis=0))


class _Shaken:
    """Values of rows, each of them shaken."""

    def __init__(self, values: Values, shake: Callable[[Any], Any]) -> None:
        self.values, self.shake = values, shake

    def __getitem__(self, row: int) -> Any:
        return self.shake(self.values[row])


def _shaken(generator: np.random.Generator, x: Any) -> Any:
    if isinstance(x, list | tuple):
        return type(x)(None if part is None else _shaken(generator, part) for part in x)
    if np.asarray(x).dtype.kind not in "fc":
        return x
    return x * (1 + SHAKE * generator.uniform(-1, 1, np.shape(x)))
