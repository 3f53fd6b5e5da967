"""Evidence that needs no single step: the Taylor remainder's order, and the sweep over steps."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gradcli.verify.differences import falling
from gradcli.verify.examine import Examination
from gradcli.verify.report import Element, Trial


def slope(examination: Examination, elements: Sequence[Element]) -> float | None:
    """Return the order in h at which |f(x + h) - f(x) - h g| vanishes, for the worst element.

    It is 2 where the derivative g is right and 1 where it is wrong, whatever the step. None where
    the remainder is below round-off at every step, as for a linear function and a right g.
    """
    place = _place(examination, elements)
    if place is None or not np.isfinite(place[2]):
        return None
    return examination.remainder(*place).order


def sweep(examination: Examination, elements: Sequence[Element]) -> tuple[Trial, ...]:
    """Return the central differences of the worst element, one a step.

    Where its derivative is not finite, they are all there is to see.
    """
    place = _place(examination, elements)
    if place is None:
        return ()
    element, output, analytic = place
    noise, sample = float(examination.noise[output]), examination.sample(element)
    steps = falling(float(examination.probe.base[element]), examination.probe.reach)
    with np.errstate(all="ignore"):
        estimates = (sample(steps) - sample(-steps))[:, output] / (2 * steps)
    return tuple(
        Trial(h, estimate, abs(estimate - analytic), noise / h)
        for h, estimate in zip(steps.tolist(), estimates.tolist(), strict=True)
    )


def _place(examination: Examination, elements: Sequence[Element]) -> tuple[int, int, float] | None:
    """Return element, output and derivative of the worst; None where that is a direction."""
    probe, worst = examination.probe, elements[0]
    if worst.index is None:
        return None
    position = worst.position(probe.shape)
    return position, probe.outputs.labels.index(worst.output), worst.analytic
