"""What a check finds: plain facts, a finding for each parameter and one for each claim."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from gradcli.inspection import Claim, Place
from gradcli.verify.verdicts import FAILURE, FAULT, UNDECIDED, Level, Verdict

Mode = Literal["reverse", "forward"]


def worst_of(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the worst of some verdicts, OK where there are none."""
    return min(verdicts, key=lambda v: v.rank, default=Verdict.OK)


def worst_status(statuses: Iterable[int]) -> int:
    """Return the exit status of several: what is false comes first, then errors, then doubt."""
    found = set(statuses)
    return next((s for s in (FAILURE.status, FAULT.status, UNDECIDED.status) if s in found), 0)


@dataclass(frozen=True, slots=True)
class Element:
    """The derivative of one output by one element of a parameter, from both sides.

    `index` is the element's place, None for a random direction; `part` is `re` or `im` where the
    parameter is complex. `numeric` ± `error` is the difference quotient at `step`. `left` and
    `right` are the one-sided derivatives where they were needed; nan is a side that is not
    defined. `limits` are the values on both sides of a jump, `exact` as many digits as were
    asked for. `op` and `line` name what is responsible, `note` says it in words.
    """

    output: str
    index: tuple[int, ...] | None
    part: str
    analytic: float
    numeric: float
    error: float
    step: float
    verdict: Verdict
    left: float | None = None
    right: float | None = None
    limits: tuple[float, float] | None = None
    op: str | None = None
    line: int | None = None
    note: str = ""
    exact: str | None = None

    def position(self, shape: tuple[int, ...]) -> int:
        """Return which of the real numbers of a parameter of some shape it is."""
        assert self.index is not None, "a direction is no element"
        flat = int(np.ravel_multi_index(self.index, shape)) if shape else 0
        return 2 * flat + (self.part == "im") if self.part else flat

    @property
    def zero(self) -> bool:
        """Whether it is 0 on both sides."""
        return not self.analytic and abs(self.numeric) <= self.error

    @property
    def absolute(self) -> float:
        """Distance of the two derivatives."""
        return 0.0 if self.analytic == self.numeric else abs(self.analytic - self.numeric)

    @property
    def relative(self) -> float:
        """Distance in units of the larger of the two."""
        largest = max(abs(self.analytic), abs(self.numeric))
        return self.absolute / largest if self.absolute and largest else self.absolute and 1.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One step of the sweep that `--verbose` shows: the central difference at a step."""

    step: float
    estimate: float
    difference: float  # from the analytic derivative
    roundoff: float


@dataclass(frozen=True, slots=True)
class Finding:
    """What was found for one parameter in one mode.

    `elements` counts the parameter's elements (twice where it is complex), `checked` those that
    were compared one by one; `directions` random directions stand for the others. `worst` are
    the elements that matter, worst first. `level` is how much it matters: that of its verdict, and
    FAILURE where the gradient is not finite. `method` is where most numeric values come from; what
    the complex step contradicts is always settled by real differences. `cosine` and `ratio`
    compare the two gradients as vectors, `mean` is the mean absolute error. `seconds` is how long
    it took. `slope` is that of
    the Taylor remainder: 2 where the gradient is right, 1 where it is wrong; None where it was
    not needed or not measurable.
    """

    parameter: str
    line: int
    shape: tuple[int, ...]
    dtype: str
    mode: Mode
    order: int
    verdict: Verdict
    elements: int
    checked: int
    directions: int
    counts: Mapping[Verdict, int]
    worst: tuple[Element, ...]
    level: Level
    note: str = ""
    method: Literal["differences", "complex step"] = "differences"
    mean: float = 0.0
    cosine: float | None = None
    ratio: float | None = None
    slope: float | None = None
    sweep: tuple[Trial, ...] = ()
    zero: bool = False  # on both sides, in every derivative: nothing was tested
    seconds: float = field(default=0.0, compare=False)

    @property
    def odd(self) -> bool:
        """Whether the gradient is not finite, 0 in every element or missing."""
        bad = self.level is FAILURE and self.verdict is not Verdict.WRONG
        return bad or self.zero or self.verdict in (Verdict.CUT, Verdict.DOMAIN)


@dataclass(frozen=True, slots=True)
class ClaimFinding:
    """A claim, what became of it at random points, and how its sides differ.

    `points` is how many points were tried beside the file's own, `held` at how many of them the
    claim held; both are 0 for claims that are no formula of the parameters. `outside` points more
    say nothing: a side was not finite there, however near they were drawn. `worst` are places
    where the sides differ most, with both values. `kept` is which structure of which parameters the
    points have kept, and why; or why there are none.
    """

    claim: Claim
    points: int = 0
    held: int = 0
    outside: int = 0
    note: str = ""
    worst: tuple[Place, ...] = ()
    kept: str = ""

    @property
    def holds(self) -> bool:
        """Whether it holds at the file's point and at every other."""
        return self.claim.holds and self.held == self.points


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a check found. `outputs` are the labels of what was differentiated.

    `why` says why it is that, "" where no
    other could be meant; `seconds` is how long the claims took.
    """

    file: str
    outputs: tuple[str, ...]
    findings: tuple[Finding, ...]
    claims: tuple[ClaimFinding, ...]
    evaluations: int = 0
    notes: tuple[str, ...] = field(default=())
    why: str = ""
    seconds: float = field(default=0.0, compare=False)

    @property
    def verdict(self) -> Verdict:
        """The worst verdict of all; a false claim is WRONG."""
        if not all(claim.holds for claim in self.claims):
            return Verdict.WRONG
        return worst_of(finding.verdict for finding in self.findings)

    @property
    def tested(self) -> bool:
        """Whether any derivative or claim was tested: 0 on both sides tests nothing."""
        return bool(self.claims) or not all(finding.zero for finding in self.findings)

    @property
    def status(self) -> int:
        """The exit status: 1 where something is wrong, 3 where it is undecided, or nothing is."""
        if not self.findings and not self.claims:
            return UNDECIDED.status
        false = [FAILURE.status for claim in self.claims if not claim.holds]
        return worst_status([*false, *(finding.level.status for finding in self.findings)])


def merged(reports: Sequence[Report], note: str) -> Report:
    """Return one report of the same file at several points: the worst finding of each kind."""
    first = reports[0]
    findings: dict[tuple[str, int, Mode, int], Finding] = {}
    for k, report in enumerate(reports):
        for f in report.findings:
            key = f.parameter, f.line, f.mode, f.order
            known = findings.get(key)
            if known is None or f.verdict.rank < known.verdict.rank:
                where = f"at drawn point {k + 1}"
                told = k and f.verdict is not Verdict.OK
                note_there = f"{where}: {f.note}" if f.note else where
                findings[key] = replace(f, note=note_there) if told else f
    ordered = sorted(findings.values(), key=lambda f: f.verdict.rank)
    claims = tuple(
        _claim_of([report.claims[k] for report in reports]) for k in range(len(first.claims))
    )
    notes = (note, *first.notes)
    return replace(
        first, findings=tuple(ordered), claims=claims, notes=notes,
        evaluations=sum(report.evaluations for report in reports),
    )  # fmt: skip


def _claim_of(found: Sequence[ClaimFinding]) -> ClaimFinding:
    """Return the first that fails; the first with all points counted where none does."""
    failing = next((c for c in found if not c.holds), None)
    if failing is not None:
        return failing
    more = len(found) - 1
    return replace(found[0], points=found[0].points + more, held=found[0].held + more)
