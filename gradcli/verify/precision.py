"""Files below double precision: a gradient that drowns in their round-off is told apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gradcli.rule.dtypes import Array
from gradcli.rule.meta import Meta
from gradcli.verify.report import Element
from gradcli.verify.verdicts import Verdict

LOST = 0.03  # round-off of this much of a derivative makes it useless as evidence
SMALL = 1e-3  # derivatives below this part of the largest are forgiven


def noisy(elements: list[Element], own: Array, meta: Meta, labels: Sequence[str]) -> list[Element]:
    """Return the elements, those NOISY whose gradient drowns in the file's own round-off.

    `own` is the Jacobian in the file's precision; the elements hold that of float64.
    """
    largest = max((abs(e.analytic) for e in elements if np.isfinite(e.analytic)), default=0.0)
    return [_checked(e, own, meta, labels, SMALL * largest) for e in elements]


def _checked(
    element: Element, own: Array, meta: Meta, labels: Sequence[str], forgiven: float
) -> Element:
    if element.verdict is not Verdict.OK or element.index is None:
        return element
    value = float(own[element.position(meta.shape), labels.index(element.output)])
    if abs(value - element.analytic) <= LOST * abs(element.analytic) + forgiven:
        return element
    note = f"round-off of {meta.dtype.name}: {element.analytic:g} in float64; try --dtype float64"
    return replace(element, analytic=value, verdict=Verdict.NOISY, note=note)
