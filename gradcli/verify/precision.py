"""Files below double precision: what their own round-off and range do to a gradient."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.verify.beside import Terms
from gradcli.verify.causes import named
from gradcli.verify.examine import Examination
from gradcli.verify.places import lost, lost_text, origin_row, origin_text
from gradcli.verify.reasons import reason
from gradcli.verify.report import Element
from gradcli.verify.verdicts import Verdict

LOST = 0.03  # round-off of this much of a derivative makes it useless as evidence
SMALL = 1e-3  # derivatives below this part of the largest are forgiven,
CANCELLED = 1e-4  # and below this part of the terms that cancel in them


def as_the_file_does(
    elements: list[Element], own: Graph, jacobian: Array, examination: Examination, hint: str
) -> list[Element]:
    """Compare the gradient of float64, that of the elements, with that of the file's own tape.

    `jacobian`, shape (n, m), is its gradient. NOISY is one that drowns in its round-off, WRONG one
    that is not finite. `hint` says what to do.
    """
    finite = [abs(e.analytic) for e in elements if np.isfinite(e.analytic)]
    forgiven = SMALL * max(finite, default=0.0)
    compared = _Compared(own, jacobian, examination, forgiven, hint)
    return [e if e.index is None else compared(e) for e in elements]


class _Compared:
    """Compares elements with the file's own gradient."""

    def __init__(
        self, own: Graph, jacobian: Array, examination: Examination, forgiven: float, hint: str
    ) -> None:
        self.own, self.jacobian, self.examination = own, jacobian, examination
        self.probe, self.forgiven, self.hint = examination.probe, forgiven, hint
        self.dtype = own.metas[self.probe.leaf].dtype.name
        self.terms: Terms = examination.terms

    def __call__(self, element: Element) -> Element:
        position = element.position(self.probe.shape)
        output = self.probe.outputs.labels.index(element.output)
        value = float(self.jacobian[position, output])
        known = np.isfinite(element.analytic) and np.isfinite(self.probe.start[output])
        if known and not np.isfinite(value):
            return self._not_finite(element, value, output)
        if element.verdict is not Verdict.OK:
            return element
        allowed = LOST * abs(element.analytic) + self.forgiven
        if abs(value - element.analytic) <= allowed:
            return element
        if abs(value - element.analytic) <= CANCELLED * self.terms.of(position, output):
            return element
        root = self.own.values[self.probe.outputs.root_of(self.own, output)]
        if not np.all(np.isfinite(root)):
            return self._not_finite(element, value, output)
        note = f"round-off of {self.dtype}: {element.analytic:g} in float64{self.hint}"
        return replace(element, analytic=value, verdict=Verdict.NOISY, note=note)

    def _not_finite(self, element: Element, value: float, output: int) -> Element:
        own, source = self.own, self.examination.source
        root = self.probe.outputs.root_of(own, output)
        text, row = origin_text(own, source, root), origin_row(own, root)
        if not text:
            index = element.index or ()
            at = lost(own, self.probe.outputs, output, self.probe.leaf, index)
            text, row = lost_text(own, source, value, at), None if at is None else at.row
        note = f"in {self.dtype} {text}; in float64 it is {element.analytic:g}{self.hint}"
        element = replace(element, analytic=value, verdict=Verdict.WRONG, note=note)
        return named(element, None if row is None else reason(own, source, row))
