"""One parameter: its differences, the verdict on each element, and what is responsible."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import partial
from typing import NamedTuple

import numpy as np

from gradcli.errors import Source
from gradcli.rule.dtypes import Array
from gradcli.verify.complex_step import TINY, ComplexStep
from gradcli.verify.differences import (
    DEEP,
    QUICK_STEP,
    STEPS,
    Numeric,
    Quick,
    Remainder,
    Sample,
    falling,
    ladders,
    numeric,
    remainder,
)
from gradcli.verify.estimates import STENCIL, along, differences, estimated, steps
from gradcli.verify.judge import DECISIVE, Judgement, Tolerance, by_remainder, judge
from gradcli.verify.probe import EPSILON, Probe
from gradcli.verify.reasons import Line, Reason, lost, not_finite, not_smooth, reason
from gradcli.verify.report import Element
from gradcli.verify.verdicts import Verdict
from gradcli.verify.workers import Work, Workers

LOOKED_AT = 500  # elements that may have a ladder of steps each; 90 evaluations
BESIDE = 64  # points beside one where values may be tied
DIRECTIONS = 8  # random directions, where not every element is checked
ROUND_OFF = 1e-13  # of the analytic side, relative to the parameter's largest derivative
NEGLIGIBLE = 1e-6  # a derivative relative to the largest, and to what ordinary steps change
STILL = 1e-9  # a relative change of the output, over an ordinary step, that counts as none


class Place(NamedTuple):
    """Which derivative: row and column of the Jacobian."""

    element: int
    output: int


class Tolerances(NamedTuple):
    """What derivatives may differ by: `absolute` and `negligible` (n, m), `still` (m,).

    `along`, shape (m,), is the size of a derivative along a random direction.
    """

    relative: float
    absolute: Array
    negligible: Array
    still: Array
    along: Array

    def at(self, place: Place) -> Tolerance:
        """Return the tolerance for one derivative."""
        absolute, negligible = float(self.absolute[place]), float(self.negligible[place])
        return Tolerance(self.relative, absolute, negligible, float(self.still[place.output]))


@dataclass(frozen=True)
class Examination:
    """The differences of one parameter, and the verdicts that any analytic side deserves.

    `elements` are the real numbers that are moved one by one, `noise`, shape (m,), the round-off of
    the outputs.
    """

    probe: Probe
    source: Source
    elements: Array
    noise: Array
    tolerance: float
    estimates: Quick
    directions: Array  # shape (k, n)
    straight: Quick  # estimates along them, shape (k, m)
    exact: bool  # whether the estimates are the complex step's
    usual: Array  # the real step of every element
    found: dict[tuple[int, int], Numeric] = field(default_factory=dict)

    # ---- the verdicts ----------------------------------------------------------------------

    def elements_of(self, jacobian: Array, along: Array) -> list[Element]:
        """Return every compared derivative, worst first.

        `jacobian`, shape (len(elements), m), is the analytic side; `along`, shape (k, m), its
        derivatives along the random directions.
        """
        tolerances = self._tolerances(jacobian)
        fine, quick_ok = self._agreeing(jacobian, tolerances)
        places = [Place(int(i), int(j)) for i, j in np.argwhere(~fine)]
        result = [
            self._looked_at(p, float(jacobian[p]), tolerances.at(p))
            if n < LOOKED_AT
            else self._glanced_at(p, float(jacobian[p]), bool(quick_ok[p]))
            for n, p in enumerate(places)
        ]
        for p in zip(*np.nonzero(fine), strict=True):
            place = Place(int(p[0]), int(p[1]))
            value, error = self.estimates.value[place], self.estimates.error[place]
            step = self._step(place.element)
            judgement = Judgement(Verdict.OK, float(value), float(error), step)
            result.append(self._element(place, float(jacobian[place]), judgement))
        for k in range(len(self.directions)):
            result += self._directional(k, along[k], tolerances)
        return result

    def _tolerances(self, jacobian: Array) -> Tolerances:
        """Return what the derivatives may differ by.

        Round-off is that of the largest one; where elements differ in size, as 1e-20 and 1e20 do,
        that of the one whose own size changes the output most, or of the output itself.
        """
        finite = np.where(np.isfinite(jacobian), np.abs(jacobian), 0.0)
        size = self.probe.size[self.elements, None]
        output = np.nan_to_num(np.abs(self.probe.start), posinf=0.0)
        with np.errstate(all="ignore"):
            effects = np.nan_to_num(finite * size)
            most = np.maximum(effects.max(axis=0, initial=0.0), output)
            floor = np.minimum(finite.max(axis=0, initial=0.0), most / size)
            whole = floor[:, self._partners()]  # both parts of a complex output round alike
            return Tolerances(
                self.tolerance,
                ROUND_OFF * np.maximum(floor, whole),
                NEGLIGIBLE * floor,
                STILL * output / max(self.probe.reach, EPSILON),
                np.nan_to_num(np.linalg.norm(effects, axis=0)),
            )

    def _partners(self) -> list[int]:
        """Return for every output the other part of the same complex number, or itself."""
        place = {label: j for j, label in enumerate(self.probe.outputs.labels)}
        other = {".re": ".im", ".im": ".re"}
        return [place.get(label[:-3] + other.get(label[-3:], "-"), j) for label, j in place.items()]

    def _agreeing(self, jacobian: Array, tolerances: Tolerances) -> tuple[Array, Array]:
        """Return where the quick differences say OK, and where they say anything reliable."""
        value, error, settled = (
            self.estimates.value,
            self.estimates.error,
            self.estimates.settled,
        )
        still = np.where(jacobian == 0, tolerances.still, 0.0)
        with np.errstate(all="ignore"):
            size = np.maximum(np.abs(jacobian), np.abs(value))
            near = np.abs(jacobian - value) <= self.tolerance * size + tolerances.absolute + error
            near &= np.isfinite(jacobian)
            enough = np.maximum(DECISIVE * size, np.maximum(tolerances.negligible, still))
            sharp = settled & (error <= enough)
        return near & sharp, sharp

    def _looked_at(self, place: Place, analytic: float, tolerance: Tolerance) -> Element:
        x = float(self.probe.base[int(self.elements[place.element])])
        if not np.isfinite(x):
            note = f"the parameter itself is {x:g}"
            return self._element(
                place, analytic, Judgement(Verdict.DOMAIN, np.nan, np.inf, 0.0, note)
            )
        found = self._numeric(place)
        start = float(self.probe.start[place.output])
        dull = NEGLIGIBLE * found.ordinary if np.isfinite(found.ordinary) else 0.0
        tolerance = replace(
            tolerance,
            negligible=max(tolerance.negligible, dull),
            absolute=tolerance.absolute + found.rounded,
        )
        judgement = judge(analytic, start, found, tolerance)
        if judgement.verdict is Verdict.NOISY and np.isfinite(analytic):
            element = int(self.elements[place.element])
            left = self.remainder(element, place.output, analytic)
            judgement = by_remainder(judgement, analytic, left)
        if judgement.verdict is Verdict.WRONG and np.isfinite(analytic):
            judgement = self._untied(place, analytic, judgement)
        return self._element(place, analytic, judgement, found)

    def _untied(self, place: Place, analytic: float, judgement: Judgement) -> Judgement:
        """Look beside the point, where values that are tied here are not, as those of a sort.

        A gradient that the function has there, but not here, is one of several at a kink.
        """
        probe, element = self.probe, int(self.elements[place.element])
        h = 2.0**-34 * probe.size[element]
        move = np.random.default_rng(0).uniform(-1, 1, (BESIDE, probe.base.size))
        points = np.repeat(probe.base + 2.0**-20 * probe.size * move, 2, axis=0)
        points[0::2, element] += h
        points[1::2, element] -= h
        values = probe.at_points(points)[:, place.output]
        slopes = (values[0::2] - values[1::2]) / (2 * h)
        largest = float(np.abs(slopes).max())
        noise = (
            float(self.noise[place.output]) / h + EPSILON * abs(probe.base[element]) / h * largest
        )
        if not np.isfinite(largest) or not 100 * noise < largest:
            return judgement
        low, high = float(slopes.min()), float(slopes.max())
        reached = np.abs(slopes - analytic).min() <= 1e-3 * largest
        if not reached or high - low < 0.1 * largest:
            return judgement
        note = f"values are tied, and close by the derivative is {low:.4g} or {high:.4g}"
        return judgement._replace(verdict=Verdict.KINK, note=note)

    def remainder(self, element: int, output: int, analytic: float) -> Remainder:
        """Return the Taylor remainder of a derivative."""
        x, start = float(self.probe.base[element]), float(self.probe.start[output])
        h = falling(x, self.probe.reach)
        bar = float(self.noise[output]) + EPSILON * abs(x * analytic)
        return remainder(start, analytic, h, self.probe.at(element, h)[:, output], bar)

    def _glanced_at(self, place: Place, analytic: float, sharp: bool) -> Element:
        """Judge by the quick differences: there are too many to look at each."""
        verdict = Verdict.WRONG if sharp else Verdict.NOISY
        note = "" if sharp else "not looked at closely"
        value, error = float(self.estimates.value[place]), float(self.estimates.error[place])
        judgement = Judgement(verdict, value, error, self._step(place.element), note)
        return self._element(place, analytic, judgement)

    def _directional(self, k: int, analytic: Array, tolerances: Tolerances) -> list[Element]:
        value, error, settled = (x[k] for x in self.straight)
        size = np.maximum(np.abs(analytic), np.abs(value))
        with np.errstate(all="ignore"):
            room = self.tolerance * size + ROUND_OFF * tolerances.along + error
            enough = np.maximum(DECISIVE * size, NEGLIGIBLE * tolerances.along)
            fine = settled & (np.abs(analytic - value) <= room) & (error <= enough)
        if not np.all(fine):
            return self._along_ladder(k, analytic, tolerances)
        step = TINY if self.exact else QUICK_STEP
        judgements = [
            Judgement(Verdict.OK, float(v), float(e), step)
            for v, e in zip(value, error, strict=True)
        ]
        return [
            self._element(Place(-1, j), a, judgements[j]) for j, a in enumerate(analytic.tolist())
        ]

    def _along_ladder(self, k: int, analytic: Array, tolerances: Tolerances) -> list[Element]:
        def sample(t: Array) -> Array:
            return self.probe.at_points(self.probe.base + t[:, None] * self.directions[k])

        rungs, result = ladders(sample, 2.0**-4, 2.0**-4, STEPS), []
        for j, a in enumerate(analytic.tolist()):
            start = float(self.probe.start[j])
            found = numeric(1.0, start, rungs, j, float(self.noise[j]))
            # in a large tensor some kink is always near
            size, still = float(tolerances.along[j]), float(tolerances.still[j])
            tolerance = Tolerance(1e-4, ROUND_OFF * size, NEGLIGIBLE * size, still)
            judgement = judge(a, start, found, tolerance)
            result.append(self._element(Place(-1, j), a, judgement, found))
        return result

    # ---- the differences -------------------------------------------------------------------

    def _numeric(self, place: Place) -> Numeric:
        """Return the derivative from a ladder of steps; a deeper one where it looks odd."""
        known = self.found.get((place.element, place.output))
        if known is not None:
            return known
        element = int(self.elements[place.element])
        sample, x = self.sample(element), float(self.probe.base[element])
        reach = max(self.probe.reach, 1.0)
        for depth in (STEPS, DEEP):
            rungs = ladders(sample, x, reach, depth)
            for j in range(len(self.noise)):
                start = float(self.probe.start[j])
                found = numeric(x, start, rungs, j, float(self.noise[j]))
                self.found[(place.element, j)] = found
            if self.found[(place.element, place.output)].smooth:
                break
        return self.found[(place.element, place.output)]

    def sample(self, element: int) -> Sample:
        """Return the outputs as a function of steps of one element."""
        return partial(self.probe.at, element)

    def _step(self, element: int) -> float:
        position = int(self.elements[element])
        if self.exact:
            return TINY * (abs(float(self.probe.base[position])) or self.probe.reach)
        return float(self.usual[position])

    # ---- the facts -------------------------------------------------------------------------

    def _element(
        self, place: Place, analytic: float, judgement: Judgement, found: Numeric | None = None
    ) -> Element:
        index, part = self._named(place.element)
        cause = None
        if judgement.verdict in (Verdict.KINK, Verdict.DOMAIN) or (
            found is not None and judgement.verdict is Verdict.WRONG and not found.smooth
        ):
            cause = self._cause(place, found)
        return Element(
            output=self.probe.outputs.labels[place.output],
            index=index,
            part=part,
            analytic=analytic,
            numeric=judgement.numeric,
            error=judgement.error,
            step=judgement.step,
            verdict=judgement.verdict,
            left=None if found is None else found.left,
            right=None if found is None else found.right,
            op=None if cause is None else cause.op,
            line=None if cause is None else cause.line,
            note=_worded(judgement, cause, found) or self._lost(analytic, place.output),
        )

    def _lost(self, analytic: float, output: int) -> str:
        """Say where a gradient that is not finite became so."""
        if np.isfinite(analytic):
            return ""
        row = lost(self.probe.graph, self.probe.outputs, output)
        where = "" if row is None else f" in the derivative of {self._reason(row)}"
        return f"the gradient becomes {analytic:g}{where}"

    def _reason(self, row: int) -> Reason:
        return reason(self.probe.graph, self.source, row)

    def _named(self, element: int) -> tuple[tuple[int, ...] | None, str]:
        if element < 0:
            return None, ""
        meta = self.probe.graph.metas[self.probe.leaf]
        position, part = int(self.elements[element]), ""
        if meta.dtype.kind == "c":
            position, odd = divmod(position, 2)
            part = "im" if odd else "re"
        return tuple(int(i) for i in np.unravel_index(position, meta.shape)), part

    def _cause(self, place: Place, found: Numeric | None) -> Reason | None:
        if place.element < 0 or found is None:
            return None
        x = float(self.probe.base[int(self.elements[place.element])])
        step = min(found.one_sided_step, 2.0**-20 * (abs(x) or 1.0))
        line = Line(self.probe, int(self.elements[place.element]), step)
        row = line.first(not_finite)
        if row is None or not (np.isnan(found.left) or np.isnan(found.right)):
            row = line.first(not_smooth) if row is None else row
        return None if row is None else self._reason(row)


def _worded(judgement: Judgement, cause: Reason | None, found: Numeric | None) -> str:
    """Return why, with the operation that is responsible and its convention."""
    note = judgement.note
    if judgement.verdict is Verdict.KINK and found is not None:
        note += f": left {found.left:g}, right {found.right:g}"
        if cause is not None and cause.convention:
            note += f"; PyTorch's convention is {cause.convention}"
    return f"{cause}: {note}" if cause is not None else note


def examine(
    probe: Probe,
    source: Source,
    elements: Array,
    tolerance: float,
    generator: np.random.Generator,
    workers: Workers,
) -> Examination:
    """Return the differences of some elements of a parameter; of all of it along directions."""
    noise = probe.noise(generator)
    step = ComplexStep(probe)
    exact = step.serves(generator)
    if not probe.depends:
        zeros = np.zeros((len(elements), len(noise)))
        estimates = Quick(zeros, zeros, zeros == 0)
    else:
        here = differences(probe, step if exact else None)
        before = probe.evaluations
        rows = workers.rows(Work(probe.leaf, exact), here, elements, probe.stack.width)
        # wherever they were made
        probe.evaluations = before + len(elements) * (1 if exact else len(STENCIL))
        estimates = estimated(probe, step if exact else None, elements, rows, noise)
    directions = np.zeros((0, probe.base.size))
    if len(elements) < probe.base.size:
        directions = generator.standard_normal((DIRECTIONS, probe.base.size)) * probe.size
    straight = along(probe, step if exact else None, directions, noise)
    return Examination(
        probe, source, elements, noise, tolerance, estimates, directions, straight, exact,
        steps(probe),
    )  # fmt: skip


def counted(elements: list[Element]) -> dict[Verdict, int]:
    """Return how many elements have each verdict."""
    return dict(Counter(element.verdict for element in elements))
