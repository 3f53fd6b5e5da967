"""Evidence that needs no single step: the Taylor remainder's slope, and the sweep over steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcli.ops.dtypes import Array
from gradcli.verify.differences import STEPS
from gradcli.verify.examine import Examination
from gradcli.verify.report import Element, Trial

LEAST = 4  # steps from which a slope is taken


def slope(examination: Examination, elements: Sequence[Element]) -> float | None:
    """Return the order in h at which |f(x + h) - f(x) - h g| vanishes, for the worst element.

    It is 2 where the derivative g is right and 1 where it is wrong, whatever the step. None where
    the remainder is below round-off at every step, as for a linear function and a right g.
    """
    place = _place(examination, elements)
    if place is None:
        return None
    element, output, analytic = place
    x, noise = float(examination.probe.base[element]), float(examination.noise[output])
    start, sample = float(examination.probe.start[output]), examination.sample(element)
    h = _steps(examination, x)
    with np.errstate(all="ignore"):
        remainders = np.abs(sample(h)[:, output] - start - h * analytic)
        bar = 20 * (noise + np.finfo(np.float64).eps * abs(x * analytic))
        usable = np.flatnonzero(np.isfinite(remainders) & (remainders > bar))
    if len(usable) < LEAST:
        return None
    smallest = usable[-LEAST:]
    fit = np.polyfit(np.log2(h[smallest]), np.log2(remainders[smallest]), 1)
    return float(fit[0])


def sweep(examination: Examination, elements: Sequence[Element]) -> tuple[Trial, ...]:
    """Return the central differences of the worst element, one a step."""
    place = _place(examination, elements)
    if place is None:
        return ()
    element, output, analytic = place
    noise, sample = float(examination.noise[output]), examination.sample(element)
    steps = _steps(examination, float(examination.probe.base[element]))
    with np.errstate(all="ignore"):
        estimates = (sample(steps) - sample(-steps))[:, output] / (2 * steps)
    return tuple(
        Trial(h, estimate, abs(estimate - analytic), noise / h)
        for h, estimate in zip(steps.tolist(), estimates.tolist(), strict=True)
    )


def _steps(examination: Examination, x: float) -> Array:
    top = max(abs(x), 2.0**-7 * examination.probe.reach)
    result: Array = 2.0 ** (np.floor(np.log2(top)) - 2 - np.arange(2 * STEPS))
    return result[result > 0]


def _place(examination: Examination, elements: Sequence[Element]) -> tuple[int, int, float] | None:
    """Return element, output and derivative of the worst; None for what has no finite one."""
    probe, worst = examination.probe, elements[0]
    if worst.index is None or not np.isfinite(worst.analytic):
        return None
    shape = probe.graph.metas[probe.leaf].shape
    position = int(np.ravel_multi_index(worst.index, shape)) if shape else 0
    if worst.part:
        position = 2 * position + (worst.part == "im")
    return position, probe.outputs.labels.index(worst.output), worst.analytic
