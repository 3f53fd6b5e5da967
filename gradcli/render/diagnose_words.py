"""The words that the outputs of a diagnosis share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from gradcli.diagnose.findings import Diagnosis, Finding, Group, Severity
from gradcli.render.words import plural

_NAMED = 6  # labels that a list of them has


def headline(diagnosis: Diagnosis) -> str:
    """Return what was found, in one sentence: what is not finite, and where that begins, first."""
    if not diagnosis.findings and diagnosis.fault is not None:
        where = "" if diagnosis.stopped is None else f" in line {diagnosis.stopped}"
        return f"{diagnosis.file}: stopped{where}: nothing to say of what ran before"
    if not diagnosis.findings:
        return f"{diagnosis.file}: nothing found ({diagnosis.looked})"
    counts = Counter(finding.severity for finding in diagnosis.findings)
    parts = [plural(counts[s], s.value) for s in Severity if counts[s]]
    found = f"{diagnosis.file}: {', '.join(parts)}"
    if not diagnosis.ruined:
        return found
    begins = next((f.line for f in diagnosis.findings if f.group is Group.NONFINITE), None)
    where = "" if begins is None else f"; it begins in line {begins}"
    return f"{diagnosis.file}: {diagnosis.ruined}{where} ({', '.join(parts)})"


def spoiled(labels: Sequence[str]) -> str:
    """Return what a finding spoils, the first ones by name."""
    more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
    return ", ".join(labels[:_NAMED]) + more


def place(finding: Finding) -> str:
    """Return `line 3, element [1, 2]`."""
    index = "" if not finding.index else f", element [{', '.join(map(str, finding.index))}]"
    return f"line {finding.line}{index}"


def one_line(finding: Finding) -> str:
    """Return a finding as a note of other commands has it."""
    return f"{finding.title} in `{finding.source}` ({place(finding)}): {finding.words}"
