"""A diagnosis: every kind of finding looked for in a run, the first cause first."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator
from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Diagnosis, Finding, Group, Kind, Severity, Sighting
from gradcli.diagnose.subject import Subject, examined
from gradcli.diagnose.table import KINDS, kind
from gradcli.diagnose.trial import Trials
from gradcli.errors import AutogradFault, GradcliError, Source, Span
from gradcli.facts import inspect
from gradcli.facts.replayed import program_place
from gradcli.rule.dtypes import Array
from gradcli.session import Request
from gradcli.trace import Options

UNTRIED = "this run is too large to try other texts: fewer elements would do"
NAMED = 3  # values that are not finite, in the first line
SHOWN = 5  # places of one kind that are shown


def diagnose_source(
    source: Source, options: Options, request: Request | None = None, ignore: Collection[str] = ()
) -> Diagnosis:
    """Run a file as far as it goes, and return what is wrong with its gradients.

    `ignore` has names of kinds that are left out.

    Raises: GradcliError where the file cannot be read; InputFault where a kind is not known.
    """
    for name in ignore:
        kind(name)
    subject = examined(source, options, request or Request())
    if (more := _elements(subject)) is not None:
        subject = examined(source, options, more)
    return diagnosed(subject, ignore)


def _elements(subject: Subject) -> Request | None:
    """Return a request for the sum of the only result, where no scalar is differentiated.

    None where a file says itself what is, or has no such result, or several.
    """
    graph, request = subject.graph, subject.request
    asked = request.of is not None or request.grad_output is not None or not request.backward
    if asked or subject.root is not None or subject.fault or subject.session.passes:
        return None
    if subject.derived or graph.autograd.steps:
        return None
    used = {i for inputs in graph.inputs for i in inputs}
    ends = [
        i
        for i in dict.fromkeys(node.id for node in subject.session.tracer.results)
        if graph.requires_grad[i] and graph.ops[i] is not None and i not in used
    ]
    name = graph.notes.names.get(ends[0]) if len(ends) == 1 else None
    if name is None:
        return None
    meta = graph.metas[ends[0]]
    return Request(name, np.ones(meta.shape, meta.dtype)) if meta.dtype.kind == "f" else None


def diagnosed(subject: Subject, ignore: Collection[str] = ()) -> Diagnosis:
    """Return what is wrong with the gradients of a run."""
    with np.errstate(all="ignore"), warnings.catch_warnings():  # of means of nothing, and the like
        warnings.simplefilter("ignore", RuntimeWarning)
        seen = sightings(subject, (k for k in KINDS if k.name not in ignore))
        findings = tuple(_shown(subject, Trials(subject, doubting(seen)), seen))
    fault = subject.fault
    return Diagnosis(
        subject.source.name,
        findings,
        looked(subject),
        None if fault is None else _reported(fault, findings),
        ruined(subject),
        None if fault is None or fault.span is None else subject.source.line_of(fault.span),
        tuple(differing(subject)),
    )


def _reported(fault: GradcliError, findings: Iterable[Finding]) -> str:
    """Return the report of the error that ended a run.

    What a backward pass missed may be a finding: that knows the cause, and the error's hint, which
    does not, may say the opposite.
    """
    explained = isinstance(fault, AutogradFault) and any(
        finding.group is Group.SILENT and finding.severity is Severity.ERROR for finding in findings
    )
    hint = None if explained else fault.hint
    return str(GradcliError(fault.message, fault.span, hint, fault.source, fault.notes))


class Seen(NamedTuple):
    """A kind of finding, and where it is seen."""

    kind: Kind
    sighting: Sighting

    @property
    def severity(self) -> Severity:
        """The sighting's own severity, or that of the kind."""
        return self.sighting.severity or self.kind.severity

    @property
    def order(self) -> tuple[int, tuple[int, int]]:
        """Its place: the worst first, and of those the first cause."""
        row = self.sighting.row
        return self.severity.rank, self.sighting.moment or (0, -1 if row is None else row)

    def span(self, subject: Subject) -> Span:
        """Return the piece of the file where it is seen."""
        if self.sighting.span is not None:
            return self.sighting.span
        assert self.sighting.row is not None, "a sighting has a place"
        return subject.span(self.sighting.row)


def sightings(subject: Subject, kinds: Iterable[Kind]) -> list[Seen]:
    """Return where a run has which kinds of findings, in their order.

    Of one cause, the first kind has the word.
    """
    found, taken = [], set[Hashable]()
    for one in kinds:
        for sighting in one.find(subject):
            if sighting.key is None or sighting.key not in taken:
                found.append(Seen(one, sighting))
                taken.add(sighting.key)
    return sorted(found, key=lambda seen: seen.order)


def doubting(found: list[Seen]) -> Callable[[Subject], str | None]:
    """Return what says of a rewritten run whether a limit or epsilon makes its gradient.

    None where it is 0 by a clamp that the rewriting has put there: that is no remedy. Words where
    an epsilon makes it huge, "" where nothing is to be said. That it is 0 behind a `where`, at a
    point without a derivative, is what is wanted.
    """
    known = {seen.kind.name for seen in found}
    kinds = [kind(name) for name in ("clamped", "epsilon-gradient") if name not in known]

    def doubt(after: Subject) -> str | None:
        own = {seen.kind.name for seen in sightings(after, kinds)}
        if "clamped" in own:
            return None
        return "; an epsilon makes the gradient there" if own else ""

    return doubt


def _shown(subject: Subject, trials: Trials, found: list[Seen]) -> Iterator[Finding]:
    """Yield findings, of one kind a few; what one rewriting mends is one finding."""
    places = Counter((seen.kind.name, seen.severity) for seen in found)
    shown, mended = Counter[tuple[str, Severity]](), set[str]()
    for seen in found:
        place = seen.kind.name, seen.severity
        shown[place] += 1
        if shown[place] <= SHOWN:
            more = places[place] - SHOWN if shown[place] == SHOWN else 0
            one = _finding(subject, trials, seen, more)
            if one.remedy is None or one.remedy.text not in mended:
                yield one
            if one.remedy is not None:
                mended.add(one.remedy.text)


def _finding(subject: Subject, trials: Trials, seen: Seen, more: int) -> Finding:
    (one, sighting), span, severity = seen, seen.span(subject), seen.severity
    remedy = None if severity is Severity.NOTE else trials.remedy(one, sighting)
    advice = one.advice if trials.possible else f"{one.advice} ({UNTRIED})"
    return Finding(
        one.name, one.group, severity, one.title, sighting.words, subject.source.line_of(span),
        subject.source.snippet(span), sighting.row, sighting.index, sighting.spoils, remedy,
        advice, more, program_place(subject.session, subject.source.line_of(span)),
    )  # fmt: skip


def differing(subject: Subject) -> Iterator[str]:
    """Yield how a replay differs from its record: nan and infinity that one of them has alone."""
    if subject.session.tracer.record is None or subject.fault is not None:
        return
    inspection = inspect(subject.session)
    assert inspection.record is not None, "the file replays a record"
    rows = [(id, inspection.record.rows[id]) for id in inspection.record.differing]
    odd = [(id, d.words) for id, row in rows for d in row.differs if d.nonfinite]
    for id, words in odd[:NAMED]:
        node = inspection.node(id)
        program = program_place(subject.session, node.line)
        at = f"line {node.line}, {program}" if program else f"line {node.line}"
        yield f"`{node.label}` ({at}): {words}"
    if len(odd) > NAMED:
        yield f"nan or infinity in {len(odd) - NAMED} more rows of only one of record and replay"
    if rows and not odd:
        yield f"{len(rows):,} rows differ from the record (gradcli eval shows them)"


def ruined(subject: Subject) -> str:
    """Return which of the root and the gradients are not finite: "y is nan, x.grad has 1 inf"."""
    graph, found = subject.graph, list[tuple[str, Array]]()
    if subject.root is not None:
        found.append((subject.label(subject.root), subject.value(subject.root)))
    for i in subject.parameters:
        if (grad := graph.grad(i)) is not None:
            found.append((f"{subject.label(i)}.grad", np.asarray(grad)))
    parts = [part for label, value in found if (part := _ruined(label, value))]
    more = len(parts) - NAMED
    return ", ".join(parts[:NAMED]) + (f" and {more} more" if more > 0 else "")


def _ruined(label: str, value: Array) -> str:
    bad = int(value.size - np.count_nonzero(np.isfinite(value)))
    if not bad:
        return ""
    what = "nan" if np.isnan(value).any() else "inf"
    if value.size == 1:
        return f"{label} is {'-' * bool(what == 'inf' and value.real.min() < 0)}{what}"
    return f"{label} is {what}" if bad == value.size else f"{label} has {bad:,} {what}"


def looked(subject: Subject) -> str:
    """Return in words what was looked at."""
    graph, flows = subject.graph, len(subject.session.passes)
    rows = sum(op is not None for op in graph.ops)
    parts = [f"{rows:,} operation{'s' * (rows != 1)}", f"{len(subject.parameters):,} parameter"
             f"{'s' * (len(subject.parameters) != 1)}"]  # fmt: skip
    parts.append(f"{flows:,} backward pass{'es' * (flows != 1)}")
    return ", ".join(parts)
