"""Findings in a line each, for the commands that show something else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gradcli.diagnose.differences import numbers
from gradcli.diagnose.findings import Group, Severity
from gradcli.diagnose.run import sightings
from gradcli.diagnose.subject import Subject, examined
from gradcli.diagnose.table import KINDS
from gradcli.errors import GradcliError, Source
from gradcli.inspection import Notice
from gradcli.session import Request, Session
from gradcli.trace import Options
from gradcli.verify.report import Report

GROUPS = (Group.NONFINITE, Group.SILENT)  # which the other commands show the marks of
TOLD = "unused-parameter"  # which tables and checks say already
SHOWN = 3  # findings in a line each
HUGE = 20_000_000  # numbers on a tape
MORE = "gradcli diagnose says more"


def brief(session: Session) -> tuple[Notice, ...]:
    """Return what is wrong with the gradients of a run: the first findings, none of them a note.

    Of a very large run, whose values and gradients take longer to look through than it took, only
    that there is something to look for.
    """
    if numbers(session.graph) > HUGE:
        return (Notice(_line(session), f"not finite, 0 or missing: {MORE}"),)
    return tuple(_lines(Subject(session, Request())))


def _line(session: Session) -> int:
    assert session.root is not None, "a run without one has nothing to tell"
    return session.source.line_of(session.graph.notes.spans[session.root])


def _lines(subject: Subject) -> Iterator[Notice]:
    with np.errstate(all="ignore"):
        seen = sightings(subject, (k for k in KINDS if k.group in GROUPS and k.name != TOLD))
    seen = [one for one in seen if one.severity is not Severity.NOTE][:SHOWN]
    for k, one in enumerate(seen):
        last = f" ({MORE})" if k == len(seen) - 1 else ""
        message = f"{one.kind.title}: {one.sighting.words}{last}"
        yield Notice(subject.source.line_of(one.span(subject)), message)


def noted(report: Report, source: Source, options: Options) -> Report:
    """Return a report with what is found of the file, a note each."""
    try:
        found = tuple(_lines(examined(source, options, Request())))
    except GradcliError:  # a file whose inputs the check has drawn
        return report
    said = (f"line {notice.line}: {notice.message}" for notice in found)
    return replace(report, notes=(*report.notes, *said))
