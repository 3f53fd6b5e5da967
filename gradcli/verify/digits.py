"""Derivatives to any number of digits, which decide where double precision cannot.

The derivative is a central difference quotient whose step is so small, and whose numbers are so
long, that neither is seen in the digits that are wanted: step and numbers are refined until two
runs agree. The gradient's own rule is computed with as many digits, so that a rule that is wrong
and one whose value drowns in double precision's round-off are told apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import inf, isfinite, isnan, log10
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.execute.extended import DigitsFault, ExtendedTape
from gradcli.rule.dtypes import Array
from gradcli.verify.limits import Limits, Slopes, limits_of
from gradcli.verify.probe import Probe
from gradcli.verify.report import Element, Mode
from gradcli.verify.target import Settings, Target
from gradcli.verify.verdicts import Verdict

NOISE = 20  # digits at the end of a value that may be round-off
GUARD = 50  # digits beside those that step and cancellation take
REFINEMENTS = 5  # each doubles the digits: a map that loses 1000 of them is followed too
WORK = 2_000_000  # numbers computed for a parameter: a minute
DOUBTFUL = 50  # elements that are decided where all would be more than that

EPSILON = float(np.finfo(np.float64).eps)


class UnsettledFault(DigitsFault):
    """A derivative has no limit that can be seen with the digits that there are."""


@dataclass(frozen=True)
class Decision:
    """A derivative to many digits, and what follows for its analytic value.

    `exact` has the digits, None where there is no such number; `numeric` is its double, `left` and
    `right` are the one-sided ones: infinite for an infinite slope, NaN for a side that is not
    defined. `rule` is the gradient's rule in exact arithmetic.
    """

    exact: str | None
    numeric: float
    left: float
    right: float
    rule: float
    verdict: Verdict
    note: str


def decided(
    target: Target, leaf: int, element: int, output: int, analytic: float, digits: int,
    tolerance: float = 1e-6,
) -> Decision:  # fmt: skip
    """Return the derivative of one output by one element to many digits, and the verdict.

    Raises: DigitsFault where mpmath is not installed, an operation is not known to more digits
    than double precision has, or the digits do not settle.
    """
    return Decider(target, leaf, digits, tolerance).decided(element, output, analytic)


def decided_elements(
    target: Target, leaf: int, mode: Mode, elements: list[Element], settings: Settings
) -> tuple[list[Element], str]:
    """Return the elements of a parameter, decided to as many digits as asked, and what was done.

    In a large graph only those are decided whose verdict is not OK.

    Raises: DigitsFault.
    """
    digits = settings.digits
    assert digits is not None, "asked only where digits are"
    decider = Decider(target, leaf, digits, settings.tolerance, mode, settings.through_detach)
    places = [k for k, e in enumerate(elements) if e.index is not None]
    note = f"every derivative is decided to {digits} digits"
    if decider.work * len(places) > WORK:
        places = [k for k in places if elements[k].verdict is not Verdict.OK][:DOUBTFUL]
        note = (
            f"decided to {digits} digits: the first {DOUBTFUL} derivatives of each parameter that "
            "are not OK; all of them would take too long"
        )
    result = list(elements)
    for k in places:
        result[k] = decider.element(elements[k])
    return result, note


class Decider:
    """Decides on the derivatives by the elements of one parameter."""

    def __init__(
        self, target: Target, leaf: int, digits: int, tolerance: float,
        mode: Mode = "reverse", through_detach: bool = False,
    ) -> None:  # fmt: skip
        self.target = target
        self.mode = mode
        self.leaf = leaf
        self.digits = digits
        self.tolerance = tolerance
        self.probe = Probe(target.graph, leaf, target.outputs, through_detach)
        self.graph = target.graph.copy()  # the gradient's rows are appended to it
        self._runs: dict[int, _Run] = {}
        self.places = [
            (root, cotangent[root])
            for cotangent in target.outputs.cotangents(target.graph)
            for root in cotangent
        ]
        self._rules: dict[tuple[int, int], int | None] = {}

    @property
    def work(self) -> int:
        """How many numbers are computed for one element."""
        plan = self.probe.replay.plan
        return 4 * sum(int(np.prod(self.graph.metas[i].shape)) for i in plan) + 1

    def decided(self, element: int, output: int, analytic: float) -> Decision:
        """Return the derivative of one output by one element, and the verdict on its gradient.

        Raises: DigitsFault.
        """
        limits, fine = self._settled(element, output)
        rule = self._rule(element, output)
        c, numeric = fine.context, float(limits.value)
        sides = float(limits.left), float(limits.right), float(rule)
        if limits.kind != "smooth":
            verdict, note = _special(limits, fine, analytic, self.tolerance)
            shown = c.nstr(limits.value, self.digits) if isfinite(numeric) else None
            return Decision(shown, numeric, *sides, verdict, note)
        shown = c.nstr(limits.value, self.digits)
        # of a sum that is 0 a double leaves the last digits of its terms
        lost = 64 * EPSILON * abs(fine.values[1] / self.size(element)) if not limits.value else 0
        room = self.tolerance * abs(limits.value) + lost
        if not abs(rule - limits.value) <= room:
            verdict, note = Verdict.WRONG, f"exactly {shown}, and the rule gives {c.nstr(rule, 15)}"
        elif not abs(c.mpf(analytic) - limits.value) <= room:
            verdict, note = Verdict.NOISY, _lost(analytic, numeric, shown)
        else:
            verdict, note = Verdict.OK, f"exactly {shown}"
        return Decision(shown, numeric, *sides, verdict, note)

    def element(self, element: Element) -> Element:
        """Return an element with its derivative decided; as it is where the digits do not settle.

        Raises: DigitsFault.
        """
        place = element.position(self.probe.shape)
        output = self.target.outputs.labels.index(element.output)
        try:
            found = self.decided(place, output, element.analytic)
        except UnsettledFault as error:
            return replace(element, note="; ".join(filter(None, [element.note, error.message])))
        smooth = found.left == found.right
        return replace(
            element, numeric=found.numeric, error=0.0, verdict=found.verdict, exact=found.exact,
            left=None if smooth else found.left, right=None if smooth else found.right,
            note=self._note(element, found),
        )  # fmt: skip

    def _note(self, element: Element, found: Decision) -> str:
        """Return what is to be said: what an element's note says too is not said twice."""
        if not element.note or element.verdict is not found.verdict:
            return found.note
        if found.verdict is Verdict.KINK:  # whose operation is named
            finite = isfinite(found.left) and isfinite(found.right)
            return element.note if finite else f"{element.note}; {found.note}"
        return found.note

    def size(self, element: int) -> float:
        """Return the natural unit of an element: numbers here are never too small."""
        x = abs(float(self.probe.base[element]))
        return x if 0 < x < float("inf") else float(self.probe.size[element])

    # ---- numbers -----------------------------------------------------------------------------

    def _settled(self, element: int, output: int) -> tuple[Limits, Slopes]:
        """Return what runs of more and more digits agree on, and the last of them."""
        found: list[Slopes] = []
        for k in range(REFINEMENTS):
            found.append(self._run(k).slopes(element, output))
            limits = limits_of(found, self.digits)
            if limits is not None:
                return limits, found[-1]
        raise UnsettledFault(
            f"the derivative does not settle to {self.digits} digits, with numbers of "
            f"{self._digits(REFINEMENTS - 1)}",
        )

    def _run(self, k: int) -> _Run:
        if k not in self._runs:
            self._runs[k] = _Run(self, self._digits(k), 2 * self.digits << k)
        return self._runs[k]

    def _digits(self, k: int) -> int:
        return (4 * self.digits + GUARD) << k

    def _rule(self, element: int, output: int) -> Any:
        """Return the gradient's own value in exact arithmetic; 0 where none flows."""
        (root, row), unit = self.places[output], self._unit(element)
        key = (root, element) if self.mode == "forward" else (output, -1)
        if key not in self._rules:
            with self.graph.settings("gradient", False):
                start = self.graph.leaf(unit if self.mode == "forward" else row)
                made = (
                    autodiff.tangent(self.graph, [root], {self.leaf: start})
                    if self.mode == "forward"
                    else autodiff.gradients(self.graph, {root: start}, [self.leaf])
                )[0]
            self._rules[key] = None if made is None else made.id
        node, run = self._rules[key], self._runs[max(self._runs)]
        if node is None:
            return run.context.zero
        (value,) = run.tape.base([node])
        return run.weighted(row if self.mode == "forward" else unit, value)

    def _unit(self, element: int) -> Array:
        unit = np.zeros(self.probe.shape)
        unit.reshape(-1)[element] = 1.0
        return unit


class _Run:
    """The function of one parameter with numbers of so many digits, and a step."""

    def __init__(self, decider: Decider, digits: int, power: int) -> None:
        self.decider = decider
        self.tape = ExtendedTape(decider.graph, digits)
        self.context = self.tape.arithmetic.context
        self.unit = self.context.mpf(10) ** -power
        replay, inputs = decider.probe.replay, decider.graph.inputs
        self.start = self.tape.base([decider.leaf])[0]
        self.tape.base([*replay.targets, *(i for id in replay.plan for i in inputs[id] if i >= 0)])
        self._element, self._moved = -1, dict[int, Mapping[int, Any]]()

    def slopes(self, element: int, output: int) -> Slopes:
        """Return the quotients of one output by one element."""
        h = self._step(element)
        left, here, right = (self._output(self._at(element, k), output) for k in (-1, 0, 1))
        over = self._quotient
        return Slopes(
            over(right, left, 2 * h), over(here, left, h), over(right, here, h),
            (left, here, right), self.context,
        )  # fmt: skip

    def _quotient(self, a: Any, b: Any, step: Any) -> Any:
        """Return a difference quotient, 0 where the difference may be round-off."""
        noise = self.context.eps * 10**NOISE * max(abs(a), abs(b))
        return self.context.zero if abs(a - b) <= noise < inf else (a - b) / step

    def _step(self, element: int) -> Any:
        return self.unit * self.decider.size(element)

    def _at(self, element: int, steps: int) -> Mapping[int, Any]:
        """Return the values where an element is moved; those of the last element are kept."""
        if element != self._element:
            self._element, self._moved = element, {}
        if steps not in self._moved:
            point, probe = self.start.copy(), self.decider.probe
            place = np.unravel_index(element, point.shape)
            moved = point[place].item() + steps * self._step(element)
            point[place] = self.tape.arithmetic.number(moved)
            row = None if probe.through_detach else self._as_differentiated
            self._moved[steps] = self.tape.run(probe.replay.plan, {probe.leaf: point}, row)
        return self._moved[steps]

    def _as_differentiated(self, id: int, operands: list[Any], attrs: dict[str, Any]) -> Any:
        """Return a row's value, where what its derivative takes for constant does not move."""
        graph, op = self.decider.graph, self.decider.graph.ops[id]
        assert op is not None, "a leaf is not in the plan"
        at = [self.tape.values[i] if i >= 0 else graph.scalars[~i] for i in graph.inputs[id]]
        if op.held is not None:
            operands[0] = np.where(op.held(*at, **attrs), at[0], operands[0])
        if op.taken is not None:
            operands, attrs = op.taken(operands, at, attrs)
        return self.tape.computed(id, operands, attrs)

    def _output(self, values: Mapping[int, Any], output: int) -> Any:
        root, weights = self.decider.places[output]
        return self.weighted(weights, values[root])

    def weighted(self, weights: Any, values: Any) -> Any:
        """Return the sum of weights times values, a number of the context."""
        pairs = zip(weights.reshape(-1).tolist(), np.asarray(values).reshape(-1), strict=True)
        return sum((y * w for w, y in pairs if w), self.context.zero)


def _special(
    limits: Limits, fine: Slopes, analytic: float, tolerance: float
) -> tuple[Verdict, str]:
    """Return the verdict and its reason where there is no derivative, or an infinite one."""
    left, right, show = float(limits.left), float(limits.right), fine.context.nstr
    if limits.kind == "undefined":
        return Verdict.DOMAIN, "the function is not defined here"
    if limits.kind == "jump":
        a, here, b = (show(v, 15) for v in fine.values)
        return Verdict.KINK, f"the function jumps: {a} on the left, {here} here, {b} on the right"
    sides = [x for x in (left, right) if not isnan(x)]
    low, high = min(sides), max(sides)
    slack = tolerance * max((abs(x) for x in sides if isfinite(x)), default=0.0)
    between = low - slack <= analytic <= high + slack
    if limits.kind == "kink":
        slopes = f"{show(limits.left, 15)} on the left, {show(limits.right, 15)} on the right"
        return (Verdict.KINK if between else Verdict.WRONG), f"the slope is {slopes}"
    what = f"the slope is {low:g}"
    if limits.kind == "edge":
        what += f", and the function is not defined on the {'left' if isnan(left) else 'right'}"
    fits = between or (isnan(analytic) and not isfinite(low))
    return (Verdict.DOMAIN if fits else Verdict.WRONG), what


def _lost(analytic: float, numeric: float, shown: str) -> str:
    """Say how many digits a double has lost."""
    if not isfinite(analytic):
        return f"the rule is right; its float64 value is {analytic:g}, exactly it is {shown}"
    apart = min(abs(analytic / numeric - 1), 1.0) if numeric else 1.0
    count = max(round(16 + log10(apart)), 1) if apart else 16
    return (
        f"the rule is right; its float64 value has lost {count} of 16 digits: exactly {shown}, "
        f"here {analytic!r}"
    )
