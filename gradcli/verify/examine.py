"""One parameter: its differences, the verdict on each element, and what is responsible."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import NamedTuple

import numpy as np

from gradcli.errors import Source
from gradcli.rule.dtypes import Array
from gradcli.verify.beside import Terms
from gradcli.verify.causes import Causes
from gradcli.verify.chain import TINY, Known
from gradcli.verify.complex_step import ComplexStep
from gradcli.verify.differences import (
    DEEP,
    EPSILON,
    QUICK_STEP,
    SAFETY,
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
from gradcli.verify.judge import (
    DECISIVE,
    Judgement,
    Tolerance,
    as_cancelled,
    as_loose,
    by_remainder,
    judge,
)
from gradcli.verify.probe import Probe
from gradcli.verify.report import Element
from gradcli.verify.rounding import Rounding
from gradcli.verify.verdicts import Verdict
from gradcli.verify.workers import Work, Workers

LOOKED_AT = 500  # elements that may have a ladder of steps each; more in a small graph:
LADDERS = 1 << 21  # numbers computed at one step of all of them; some 150 steps each
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


@dataclass
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
    rounding: Rounding
    found: dict[tuple[int, int], list[tuple[Numeric, float]]] = field(default_factory=dict)

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
            if n < max(LOOKED_AT, LADDERS // max(self.probe.stack.size, 1))
            else self._glanced_at(p, float(jacobian[p]), bool(quick_ok[p]))
            for n, p in enumerate(places)
        ]
        result += self._agreed(jacobian, fine)
        for k in range(len(self.directions)):
            result += self._directional(k, along[k], tolerances)
        return result

    def _agreed(self, jacobian: Array, fine: Array) -> list[Element]:
        """Return the derivatives with which the quick differences agree, many at once."""
        labels, places, steps = self.probe.outputs.labels, self._places, self._steps.tolist()
        columns = [x[fine].tolist() for x in (jacobian, self.estimates.value, self.estimates.error)]
        return [
            Element(labels[j], places[i][0], places[i][1], a, value, error, steps[i], Verdict.OK)
            for i, j, a, value, error in zip(*np.nonzero(fine), *columns, strict=True)
        ]

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
        element = int(self.elements[place.element])
        x = float(self.probe.base[element])
        if not np.isfinite(x):
            note = f"the parameter itself is {x:g}"
            return self._element(
                place, analytic, Judgement(Verdict.DOMAIN, np.nan, np.inf, 0.0, note)
            )
        rounding = self._rounding_of(place)
        for depth in (STEPS, DEEP):
            found, noise = self._numeric(place, depth)
            judgement = self._judged(place, analytic, found.widened(rounding), tolerance)
            if judgement.verdict is Verdict.OK:
                break
        loose = rounding > DECISIVE * max(abs(analytic), abs(np.nan_to_num(found.value)))
        if loose and judgement.verdict in (Verdict.NOISY, Verdict.WRONG):
            kink = self._at_kink(place, analytic, found, noise, tolerance)
            if kink is not None:
                return kink
            if found.telling:
                judgement = as_loose(judgement, rounding)
        steady = found.telling and found.resolved and not loose
        if judgement.verdict is Verdict.NOISY and np.isfinite(analytic) and steady:
            left, behind = (
                self.remainder(element, place.output, analytic, noise, sign) for sign in (1, -1)
            )
            judgement = by_remainder(judgement, analytic, left, behind)
        if judgement.verdict is Verdict.NOISY and np.isfinite(analytic):
            size, largest = self.terms.of(element, place.output), self.terms.largest()
            size = largest if abs(analytic) <= EPSILON * largest else size
            judgement = as_cancelled(judgement, analytic, size, found.widened(rounding))
        if judgement.verdict in (Verdict.OK, Verdict.NOISY):
            return self._element(place, analytic, judgement, found)
        return self.causes.explained(self._element(place, analytic, judgement, found), found, noise)

    def _at_kink(
        self, place: Place, analytic: float, found: Numeric, noise: float, tolerance: Tolerance
    ) -> Element | None:
        """Return what a kink deserves, None where there is none: rounding chooses a side of it."""
        judgement = self._judged(place, analytic, found, tolerance)
        element = self._element(place, analytic, judgement, found)
        if judgement.verdict is Verdict.OK:
            return element if self.causes.kinked(element, found) else None
        if judgement.verdict not in (Verdict.KINK, Verdict.WRONG):
            return None
        element = self.causes.explained(element, found, noise)
        return element if element.verdict is Verdict.KINK and element.op is not None else None

    def _judged(
        self, place: Place, analytic: float, found: Numeric, tolerance: Tolerance
    ) -> Judgement:
        start = float(self.probe.start[place.output])
        dull = NEGLIGIBLE * found.ordinary if np.isfinite(found.ordinary) else 0.0
        tolerance = replace(
            tolerance,
            negligible=max(tolerance.negligible, dull),
            absolute=tolerance.absolute + found.rounded,
        )
        return judge(analytic, start, found, tolerance)

    def _rounding_of(self, place: Place) -> float:
        """Return what rounding on the way does to a derivative, from either side."""
        element = int(self.elements[place.element])
        change = SAFETY * float(self.rounding.of_gradient[element, place.output])
        return change if np.isfinite(change) else 0.0

    def remainder(
        self, element: int, output: int, analytic: float, noise: float = 0.0, sign: int = 1
    ) -> Remainder:
        """Return the Taylor remainder of a derivative; `noise` is a bar of its own.

        `sign` is that of the steps.
        """
        x, start = float(self.probe.base[element]), float(self.probe.start[output])
        h = sign * falling(x, self.probe.reach)
        bar = max(float(self.noise[output]), noise) + EPSILON * abs(x * analytic)
        return remainder(start, analytic, h, self.probe.at(element, h)[:, output], bar)

    def _glanced_at(self, place: Place, analytic: float, sharp: bool) -> Element:
        """Judge by the quick differences: there are too many to look at each."""
        verdict = Verdict.WRONG if sharp else Verdict.NOISY
        note = "" if sharp else "not looked at closely"
        value, error = float(self.estimates.value[place]), float(self.estimates.error[place])
        judgement = Judgement(verdict, value, error, float(self._steps[place.element]), note)
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
            noise = float(self.noise[j])
            found = numeric(1.0, start, rungs, j, noise, noise)
            # in a large tensor some kink is always near
            size, still = float(tolerances.along[j]), float(tolerances.still[j])
            tolerance = Tolerance(1e-4, ROUND_OFF * size, NEGLIGIBLE * size, still)
            judgement = judge(a, start, found, tolerance)
            element = self._element(Place(-1, j), a, judgement, found)
            result.append(self.causes.along(element) if not np.isfinite(a) else element)
        return result

    # ---- the differences -------------------------------------------------------------------

    def _numeric(self, place: Place, depth: int) -> tuple[Numeric, float]:
        """Return the derivative from a ladder of steps, and the noise it was read through."""
        key = place.element, depth
        if key not in self.found:
            element = int(self.elements[place.element])
            sample, x = self.sample(element), float(self.probe.base[element])
            rungs = ladders(sample, x, max(self.probe.reach, 1.0), depth)
            seen = self.probe.noise_of(element)
            noise = np.maximum(seen, self.rounding.noise_of(element))
            noise = np.maximum(noise, self.rounding.of_outputs)
            bars = zip(self.probe.start.tolist(), noise.tolist(), seen.tolist(), strict=True)
            self.found[key] = [
                (numeric(x, start, rungs, j, bar, last), bar)
                for j, (start, bar, last) in enumerate(bars)
            ]
        return self.found[key][place.output]

    def sample(self, element: int) -> Sample:
        """Return the outputs as a function of steps of one element."""
        return partial(self.probe.at, element)

    @cached_property
    def _steps(self) -> Array:
        """The step of every element in the quick differences."""
        steps = TINY * self.probe.size if self.exact else self.usual
        return steps[self.elements]

    # ---- the facts -------------------------------------------------------------------------

    @cached_property
    def terms(self) -> Terms:
        """The size of what adds up to each derivative."""
        return Terms(self.probe)

    @cached_property
    def causes(self) -> Causes:
        """What is responsible for a verdict."""
        return Causes(self.probe, self.source)

    def _element(
        self, place: Place, analytic: float, judgement: Judgement, found: Numeric | None = None
    ) -> Element:
        index, part = (None, "") if place.element < 0 else self._places[place.element]
        return Element(
            output=self.probe.outputs.labels[place.output],
            index=index,
            part=part,
            analytic=analytic,
            numeric=judgement.numeric,
            error=judgement.error,
            step=judgement.step,
            verdict=judgement.verdict,
            left=None if found is None else found.left.slope,
            right=None if found is None else found.right.slope,
            limits=_limits(judgement.verdict, found),
            note=judgement.note,
        )

    @cached_property
    def _places(self) -> list[tuple[tuple[int, ...], str]]:
        """The index of every element, and which part of a complex number it is."""
        meta = self.probe.graph.metas[self.probe.leaf]
        parts = ("re", "im") if meta.dtype.kind == "c" else ("",)
        places, part = np.divmod(self.elements, len(parts))
        if not meta.shape:
            return [((), parts[k]) for k in part]
        indices = (x.tolist() for x in np.unravel_index(places, meta.shape))
        each = zip(*indices, part.tolist(), strict=True)
        return [(tuple(index), parts[k]) for *index, k in each]


def _limits(verdict: Verdict, found: Numeric | None) -> tuple[float, float] | None:
    """Return the values on both sides of a jump, None where none is told."""
    if found is None or not found.jump or verdict is Verdict.NOISY:
        return None
    return found.left.limit, found.right.limit


def examine(
    probe: Probe,
    source: Source,
    elements: Array,
    jacobian: Array,
    tolerance: float,
    generator: np.random.Generator,
    workers: Workers,
    known: Known,
) -> Examination:
    """Return the differences of some elements of a parameter; of all of it along directions.

    `jacobian`, shape (n, m), is its gradient, `known` are derivatives by rows, for all parameters
    that pass them.
    """
    rounding = Rounding(probe, jacobian)
    tame = np.all(np.isfinite(jacobian), axis=1)
    noise = np.maximum(probe.noise(generator, tame), rounding.noise)
    step = ComplexStep(probe, known)
    exact = step.serves(generator)
    if not probe.depends:
        zeros = np.zeros((len(elements), len(noise)))
        estimates = Quick(zeros, zeros, zeros == 0)
    else:
        rows = step.at_once(elements) if exact else None
        if rows is None:
            here = differences(probe, step if exact else None)
            before = probe.evaluations
            rows = workers.rows(Work(probe.leaf, exact), here, elements, probe.stack.width)
            # wherever they were made
            probe.evaluations = before + len(elements) * (1 if exact else len(STENCIL))
        else:
            workers.advance(len(elements))
        estimates = estimated(probe, step if exact else None, elements, rows, noise)
        wobble = SAFETY * rounding.of_gradient[elements]
        estimates = estimates._replace(error=estimates.error + wobble)
    directions = np.zeros((0, probe.base.size))
    if len(elements) < probe.base.size:
        directions = generator.standard_normal((DIRECTIONS, probe.base.size)) * probe.size
    straight = along(probe, step if exact else None, directions, noise)
    return Examination(
        probe, source, elements, noise, tolerance, estimates, directions, straight, exact,
        steps(probe), rounding,
    )  # fmt: skip


def counted(elements: list[Element]) -> dict[Verdict, int]:
    """Return how many elements have each verdict."""
    return dict(Counter(element.verdict for element in elements))
