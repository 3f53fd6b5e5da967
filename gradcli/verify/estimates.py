"""First estimates of derivatives, the same few evaluations for each: what agrees is not looked at.

By the complex step, one evaluation; where that does not serve, by real differences, four.
"""

from __future__ import annotations

import numpy as np

from gradcli.rule.dtypes import Array
from gradcli.verify.complex_step import ANOTHER, ComplexStep
from gradcli.verify.differences import QUICK_STEP, Quick, quick
from gradcli.verify.probe import Probe
from gradcli.verify.workers import Rows

STENCIL = (1.0, 2.0, -1.0, -2.0)  # of quick steps
BLUNT = 1e-9  # an error bar of the complex step, relative, that is too wide to show
AGAIN = 500  # elements for which it is measured


def steps(probe: Probe) -> Array:
    """Return the quick step of every element: a power of two relative to its size."""
    size = np.where(np.abs(probe.base) > 2.0**-7 * probe.reach, probe.size, probe.reach)
    result: Array = 2.0 ** np.floor(np.log2(size * QUICK_STEP))
    return result


def differences(probe: Probe, step: ComplexStep | None) -> Rows:
    """Return what gives a row for each element: its derivatives by the complex step, shape (m,).

    Where that does not serve, the row has the values of a stencil, shape (4, m).
    """
    if step is not None:
        return step.derivatives
    h = steps(probe)

    def stencils(elements: Array) -> Array:
        found = [probe.at_elements(elements, k * h[elements]) for k in STENCIL]
        return np.stack(found, axis=1)

    return stencils


def estimated(
    probe: Probe, step: ComplexStep | None, elements: Array, rows: Array, noise: Array
) -> Quick:
    """Return derivatives by some elements, from the rows that `differences` has given for them."""
    if step is not None:
        return _exact(step, elements, rows)
    h = steps(probe)[elements]
    stencil = rows.transpose(1, 0, 2)
    return quick(probe.start, stencil, h, np.abs(probe.base[elements]) / h, noise)


def along(probe: Probe, step: ComplexStep | None, directions: Array, noise: Array) -> Quick:
    """Return derivatives along directions, by the complex step or from five points each."""
    if not len(directions):
        nothing = np.zeros((0, len(noise)))
        return Quick(nothing, nothing, nothing == 0)
    if step is not None:
        value = step.along(directions)
        return Quick(value, step.rounding(value, len(directions[0]) ** 0.5), np.isfinite(value))
    h = np.full(len(directions), QUICK_STEP)
    stencil = np.stack([probe.at_points(probe.base + k * QUICK_STEP * directions) for k in STENCIL])
    return quick(probe.start, stencil, h, 1 / h, noise)


def _exact(step: ComplexStep, elements: Array, rows: Array) -> Quick:
    """Return derivatives by the complex step; what they contradict is looked at by real ones."""
    error = step.rounding(rows)
    blunt = (error > BLUNT * np.abs(rows)) & (rows != 0)
    again = np.flatnonzero(blunt.any(axis=1))[:AGAIN]
    if again.size:  # much smaller than others: what another step makes of it is its round-off
        other = step.at_once(elements[again], ANOTHER)
        if other is None:
            other = step.derivatives(elements[again], ANOTHER)
        apart = np.abs(rows[again] - other)
        error[again] = np.where(
            blunt[again], step.rounding(rows[again], 0.0) + 8 * apart, error[again]
        )
    return Quick(rows, error, np.isfinite(rows))
