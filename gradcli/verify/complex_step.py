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
from gradcli.ops.dtypes import Array
from gradcli.verify.probe import EPSILON, Probe

TINY = 2.0**-70  # the imaginary step, relative to an element's size
REAL = 2.0**-17  # the real one that it is compared with
SAME = 1e-5
LOST = 1e-9  # relative to a row's largest: what real differences cannot see


class ComplexStep:
    """Derivatives of the outputs by single elements, one evaluation each."""

    def __init__(self, probe: Probe) -> None:
        self.probe = probe
        self.graph = probe.graph
        self.plan = probe.replay.plan
        self.size = np.where(probe.base == 0, probe.reach, np.abs(probe.base))

    def serves(self, generator: np.random.Generator) -> bool:
        """Say whether every row on the way passes the test."""
        kinds = [self.graph.metas[i].dtype.kind for i in (self.probe.leaf, *self.plan)]
        if "c" in kinds or not self.plan or not np.all(np.isfinite(self.probe.start)):
            return False
        direction = self.size * generator.uniform(0.5, 1.5, self.size.shape)
        direction *= generator.choice([-1.0, 1.0], self.size.shape)
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")  # of imaginary parts that are dropped
                found = self._values(TINY * direction)
                return self._passes(found, direction)
        except Exception:  # a forward function that refuses complex numbers, in its own words
            return False

    def derivatives(self, element: int) -> Array:
        """Return the derivatives of all outputs, shape (m,), by one element."""
        step = np.zeros_like(self.size)
        step[element] = h = TINY * self.size[element]
        values = self._values(step)
        self.probe.evaluations += 1
        parts = [values[i].imag for i in self.probe.outputs.roots]
        return np.asarray(self.probe.outputs.read(parts) / h)

    def rounding(self, derivatives: Array) -> Array:
        """Return the error bars of derivatives, shape (n, m)."""
        largest = np.abs(derivatives).max(axis=0, initial=0.0)
        return np.asarray(64 * EPSILON * np.abs(derivatives) + 2 * EPSILON * largest)

    def _values(self, step: Array) -> dict[int, Any]:
        """Return the rows of the plan where the parameter has an imaginary part."""
        graph, shape = self.graph, self.graph.metas[self.probe.leaf].shape
        found: dict[int, Any] = {self.probe.leaf: (self.probe.base + 1j * step).reshape(shape)}
        for id in self.plan:
            op = graph.ops[id]
            assert op is not None, "a leaf is not in the plan"
            operands = [
                (found[i] if i in found else graph.values[i]) if i >= 0 else graph.scalars[~i]
                for i in graph.inputs[id]
            ]
            result = op.forward(*operands, **graph.attrs[id])
            found[id] = result if op.outputs else np.asarray(result)
        for root in self.probe.outputs.roots:
            found.setdefault(root, np.asarray(graph.values[root]) + 0j)
        return found

    def _passes(self, found: dict[int, Any], direction: Array) -> bool:
        rows = [i for i in self.plan if not self.graph.is_tuple(i)]
        leaf = self.probe.leaf
        replay = Replay(self.graph, (leaf,), rows, self.probe.held)
        shape = self.graph.metas[leaf].shape
        points = [
            replay.run({leaf: (self.probe.base + move * REAL * direction).reshape(shape)})
            for move in (1.0, -1.0, 0.5, -0.5)
        ]
        return all(
            _agrees(self.graph.values[i], found[i], values)
            for i, *values in zip(rows, *points, strict=True)
        )


def _agrees(here: Array, there: Any, values: list[Array]) -> bool:
    """Say whether a row's imaginary part is its derivative, and both sides have one slope.

    `values` are the row's at one and at half a step, to either side. The slopes of the sides
    differ by half as much at half the step, unless there is a kink.
    """
    plus, minus, plus_half, minus_half = values
    if here.dtype.kind not in "fc":
        return np.array_equal(plus, minus) and np.array_equal(here, plus)
    imaginary, real = there.imag / TINY, (plus - minus) / (2 * REAL)
    if real.shape != imaginary.shape or not np.all(np.isfinite(real)):
        return False
    largest = max(float(np.abs(real).max(initial=0)), float(np.abs(here).max(initial=0)))
    bar = SAME * np.abs(real) + LOST * largest
    bend = np.abs(plus - 2 * here + minus) / REAL
    half = 2 * np.abs(plus_half - 2 * here + minus_half) / REAL
    smooth = (bend <= bar) | (half <= 0.6 * bend)
    return bool(np.all((np.abs(imaginary - real) <= bar) & smooth))
