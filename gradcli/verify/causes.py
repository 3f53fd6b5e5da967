"""What is responsible for a verdict: a kink and its convention, an edge, a nan, a wrong rule."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import isfinite, isnan

import numpy as np

from gradcli.errors import Source
from gradcli.trace.own import Call, Own
from gradcli.verify.beside import Beside
from gradcli.verify.differences import SUBNORMAL, Numeric
from gradcli.verify.judge import OUTSIDE
from gradcli.verify.line import Line, culprit
from gradcli.verify.places import lost, lost_text, origin, origin_row, origin_text
from gradcli.verify.probe import Probe
from gradcli.verify.reasons import Reason, reason
from gradcli.verify.report import Element
from gradcli.verify.verdicts import Verdict

NAMED = 64  # elements whose cause is looked for: the others of a parameter will have the same
NEAR = 2.0**-20  # the step, relative to the element, at which rows are looked at


class Causes:
    """Names what is responsible for the verdicts on the elements of one parameter."""

    def __init__(self, probe: Probe, source: Source) -> None:
        self.probe, self.source, self.graph = probe, source, probe.graph
        self.left = NAMED

    @cached_property
    def beside(self) -> Beside:
        """The gradient at points around."""
        return Beside(self.probe)

    def explained(self, element: Element, found: Numeric, noise: float) -> Element:
        """Return an element that is not OK with its reason; at a convention it is a KINK."""
        output = self.probe.outputs.labels.index(element.output)
        position = element.position(self.probe.shape)
        if not isfinite(self.probe.start[output]):
            return self._undefined(element, output)
        if not isfinite(element.analytic):
            return self._lost(element, output)
        wrong = element.verdict is Verdict.WRONG
        convention = wrong and self.beside.right(position, output, noise)
        if self.left <= 0:
            return replace(element, verdict=Verdict.KINK) if convention else element
        self.left -= 1
        line = self._line(position, found)
        if not (found.left.defined and found.right.defined) and (convention or not wrong):
            return self._edge(replace(element, verdict=Verdict.DOMAIN), line, found)
        rows = line.kinks() or ([] if found.smooth else line.kinks(anywhere=True))
        causes = [self._reason(i) for i in rows]
        if convention and causes:
            told = "the rule is right close by, but not where these kinks meet"
            note = told if found.smooth else element.note.removesuffix(f", and {OUTSIDE}")
            return _with(replace(element, verdict=Verdict.KINK), causes, note)
        if not wrong:
            return _with(element, causes, element.note)
        jumping = next(line.between_jumps(), None)
        if jumping is not None:
            apart = float(np.spacing(abs(self.probe.base[position])))
            note = f"neighbouring numbers are {apart:g} apart here, and it jumps between them"
            return _with(replace(element, verdict=Verdict.NOISY), [self._reason(jumping)], note)
        return self._wrong(element, line)

    def kinked(self, element: Element, found: Numeric) -> bool:
        """Say whether an operation on the way has a kink here, though the function has none."""
        position = element.position(self.probe.shape)
        return bool(self._line(position, found).kinks())

    def _line(self, position: int, found: Numeric) -> Line:
        size = abs(float(self.probe.base[position]))
        near = NEAR * (size if size >= SUBNORMAL else 1.0)
        return Line(self.probe, position, min(found.left.step, found.right.step, near))

    def along(self, element: Element) -> Element:
        """Return a directional derivative that is not finite with its reason."""
        return self._lost(element, self.probe.outputs.labels.index(element.output))

    # ---- each kind of reason -----------------------------------------------------------------

    def _undefined(self, element: Element, output: int) -> Element:
        """Say where a value that is not finite begins."""
        root = self.probe.outputs.root_of(self.graph, output)
        row = origin_row(self.graph, root)
        cause = None if row is None else self._reason(row)
        note = origin_text(self.graph, self.source, root) or element.note
        return named(replace(element, note=note), cause)

    def _lost(self, element: Element, output: int) -> Element:
        """Say where a gradient that is not finite became so, beside what the differences say."""
        index = element.index or ()
        at = lost(self.graph, self.probe.outputs, output, self.probe.leaf, index)
        note = lost_text(self.graph, self.source, element.analytic, at)
        told = element.note.removesuffix(f", and {OUTSIDE}")
        cause = None if at is None else self._reason(at.row)
        return named(replace(element, note=f"{note}; {told}" if told else note), cause)

    def _edge(self, element: Element, line: Line, found: Numeric) -> Element:
        """Name the operation that is not defined on one side."""
        output = self.probe.outputs.labels.index(element.output)
        root = self.probe.outputs.root_of(self.graph, output)
        side = line.at(2 if isnan(found.left.slope) else 1)
        here = self.graph.values
        path = origin(self.graph, lambda i: side[i] if i in side else here[i], root)
        row = next((spot.row for spot in path if self.graph.ops[spot.row] is not None), None)
        return element if row is None else _with(element, [self._reason(row)], element.note)

    def _wrong(self, element: Element, line: Line) -> Element:
        """Name the operation whose rule is wrong, or does as a convention says."""
        row = culprit(line)
        if row is None:
            return element
        cause = self._reason(row)
        op = self.graph.ops[self.graph.producer(row)]
        if op is not None and isinstance(op.derivative, Own):
            return self._wrong_code(element, line, row, op.derivative.call)
        note = f"the rule of {cause} is not the derivative of its values here"
        if self.graph.producer(row) in self.graph.notes.coded:
            note = (
                f"the derivative that the file itself states takes for constant what moves with "
                f"the parameter, in {cause}: what forward has computed, or what is detached"
            )
        if cause.convention:
            note += f"; PyTorch's convention is {cause.convention}"
        told = f"; {element.note}" if element.note else ""
        return named(replace(element, note=note + told), cause)

    def _wrong_code(self, element: Element, line: Line, row: int, call: Call) -> Element:
        """Name the code of the file that states another derivative than its other code has."""
        cause, stated, (back, ahead) = self._reason(row), call.stated(), call.words
        place = "" if stated is None else f" (line {self.source.line_of(stated)})"
        note = f"{back}{place} is not the derivative of {ahead} that line {cause.line} calls"
        if not np.any(line.moved(row)):
            note += (
                "; that is flat here: a straight-through estimator states another derivative on "
                "purpose, and written as `x + (y - x).detach()` it is compared as that"
            )
        told = f"; {element.note}" if element.note else ""
        return named(replace(element, note=note + told), cause)

    def _reason(self, row: int) -> Reason:
        return reason(self.graph, self.source, row)


def named(element: Element, cause: Reason | None) -> Element:
    """Return an element with the operation that is responsible."""
    return element if cause is None else replace(element, op=cause.op, line=cause.line)


def _with(element: Element, causes: Sequence[Reason], note: str) -> Element:
    """Return an element with all operations at a kink before its note, conventions after it."""
    if not causes:
        return replace(element, note=note)
    unique = list(dict.fromkeys(causes))
    text = f"{', '.join(map(str, unique))}: {note}"
    if element.verdict in (Verdict.KINK, Verdict.DOMAIN):
        stated = list(dict.fromkeys((c.op, c.convention) for c in unique if c.convention))
        if len(stated) == 1:
            text += f"; PyTorch's convention is {stated[0][1]}"
        elif stated:
            text += f"; PyTorch's conventions are {', '.join(f'{op}: {c}' for op, c in stated)}"
    return named(replace(element, note=text), unique[0])
