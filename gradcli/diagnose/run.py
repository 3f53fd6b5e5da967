"""A diagnosis: every kind of finding looked for in a run, the first cause first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Hashable, Iterator

import numpy as np

from gradcli.diagnose.findings import Diagnosis, Finding, Kind, Severity, Sighting
from gradcli.diagnose.subject import Subject, examined
from gradcli.diagnose.table import KINDS, kind
from gradcli.diagnose.trial import Trials
from gradcli.errors import Source
from gradcli.session import Request
from gradcli.trace import Options

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
    return diagnosed(examined(source, options, request or Request()), ignore)


def diagnosed(subject: Subject, ignore: Collection[str] = ()) -> Diagnosis:
    """Return what is wrong with the gradients of a run."""
    with np.errstate(all="ignore"):
        seen = list(sightings(subject, ignore))
        findings = tuple(_shown(subject, Trials(subject), seen))
    fault = None if subject.fault is None else str(subject.fault)
    return Diagnosis(subject.source.name, findings, looked(subject), fault)


def sightings(subject: Subject, ignore: Collection[str] = ()) -> Iterator[tuple[Kind, Sighting]]:
    """Yield where a run has which kind of finding; of one cause, the first kind has the word."""
    taken = set[Hashable]()
    for one in KINDS:
        if one.name in ignore:
            continue
        for sighting in one.find(subject):
            if sighting.key is None or sighting.key not in taken:
                yield one, sighting
                taken.add(sighting.key)


def _shown(
    subject: Subject, trials: Trials, seen: list[tuple[Kind, Sighting]]
) -> Iterator[Finding]:
    """Yield the findings in their order: the worst first, and of those the first cause."""
    places = Counter[tuple[str, Severity]]((k.name, _severity(k, s)) for k, s in seen)
    shown = Counter[tuple[str, Severity]]()
    for one, sighting in sorted(seen, key=lambda x: (_severity(*x).rank, _moment(x[1]))):
        place = one.name, _severity(one, sighting)
        shown[place] += 1
        if shown[place] <= SHOWN:
            more = places[place] - SHOWN if shown[place] == SHOWN else 0
            yield _finding(subject, trials, one, sighting, more)


def _severity(one: Kind, sighting: Sighting) -> Severity:
    return sighting.severity or one.severity


def _moment(sighting: Sighting) -> tuple[int, int]:
    return sighting.moment or (0, -1 if sighting.row is None else sighting.row)


def _finding(
    subject: Subject, trials: Trials, one: Kind, sighting: Sighting, more: int
) -> Finding:  # fmt: skip
    span = sighting.span
    if span is None:
        assert sighting.row is not None, "a sighting has a place"
        span = subject.span(sighting.row)
    severity = _severity(one, sighting)
    remedy = None if severity is Severity.NOTE else trials.remedy(one, sighting)
    return Finding(
        one.name, one.group, severity, one.title, sighting.words, subject.source.line_of(span),
        subject.source.snippet(span), sighting.row, sighting.index, sighting.spoils, remedy,
        one.advice, more,
    )  # fmt: skip


def looked(subject: Subject) -> str:
    """Return in words what was looked at."""
    graph, flows = subject.graph, len(subject.session.passes)
    rows = sum(op is not None for op in graph.ops)
    parts = [f"{rows:,} operation{'s' * (rows != 1)}", f"{len(subject.parameters):,} parameter"
             f"{'s' * (len(subject.parameters) != 1)}"]  # fmt: skip
    parts.append(f"{flows:,} backward pass{'es' * (flows != 1)}")
    return ", ".join(parts)
