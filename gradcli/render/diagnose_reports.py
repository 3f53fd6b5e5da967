"""`gradcli diagnose` for other programs and pages: `gradcli.diagnose/1` and Markdown.

Top level of the JSON: `schema`, `file`, `looked` (a sentence: what was looked at), `worst` (a
severity, null where nothing was found), `ruined` (what is not finite in the end, "" where all of it
is), `fault` (the error that ended the run, or null), `stopped` (its line, or null) and `findings`,
the first cause of the worst first. Of several files it is a list of these.

A finding: `name`, `group`, `severity` (error, warning, note), `title`, `words`, `line` (from 1),
`source`, `row` (an id of `gradcli.eval/1`, or null), `index` (of an element, or null), `spoils`
(labels), `advice`, `more` (further places of the kind that are left out) and `remedy`, null where
none could be confirmed: `lines` (`line`, `before`, and `after`, null where the line goes), `text`
(the whole file), `why` and `checked`. Of the replay of a record `place` is where the program has
it, else "", and at the top `replayed` are sentences on how the replay differs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gradcli.diagnose.findings import Diagnosis, Finding, Kind, Remedy
from gradcli.render.diagnose_words import headline, place, spoiled
from gradcli.render.markdown import block, code, escape
from gradcli.render.words import json_text

SCHEMA = "gradcli.diagnose/1"


def json(diagnosis: Diagnosis) -> str:
    """Return a diagnosis as JSON (see the module for every key)."""
    record = {
        "schema": SCHEMA,
        "file": diagnosis.file,
        "looked": diagnosis.looked,
        "worst": diagnosis.worst,
        "ruined": diagnosis.ruined,
        "fault": diagnosis.fault,
        "stopped": diagnosis.stopped,
        "findings": [_record(finding) for finding in diagnosis.findings],
        "replayed": list(diagnosis.replayed),
    }
    return json_text(record, indent=1) + "\n"


def _record(finding: Finding) -> dict[str, Any]:
    return {
        "name": finding.name,
        "group": finding.group,
        "severity": finding.severity,
        "title": finding.title,
        "words": finding.words,
        "line": finding.line,
        "source": finding.source,
        "row": finding.row,
        "index": None if finding.index is None else list(finding.index),
        "spoils": list(finding.spoils),
        "advice": finding.advice,
        "more": finding.more,
        "remedy": None if finding.remedy is None else _remedy(finding.remedy),
        "place": finding.place,
    }


def _remedy(remedy: Remedy) -> dict[str, Any]:
    return {
        "lines": [line._asdict() for line in remedy.lines],
        "text": remedy.text,
        "why": remedy.why,
        "checked": remedy.checked,
    }


def kinds_json(rows: tuple[Kind, ...]) -> str:
    """Return the table of findings as JSON."""
    keys = ("name", "group", "severity", "title", "mechanism", "advice", "example")
    records = [{key: getattr(row, key) for key in keys} for row in rows]
    return json_text({"schema": SCHEMA, "kinds": records}, indent=1) + "\n"


def kinds_markdown(rows: tuple[Kind, ...]) -> str:
    """Return the table of findings as Markdown."""
    lines = ["| finding | severity | |", "|---|---|---|"]
    lines += [f"| {code(row.name)} | {row.severity} | {escape(row.title)} |" for row in rows]
    return "\n".join(lines) + "\n"


def markdown(diagnosis: Diagnosis) -> str:
    """Return a heading and a section a finding."""
    parts = [f"### {escape(headline(diagnosis))}", *map(prose, diagnosis.replayed)]
    parts += [text for finding in diagnosis.findings for text in _section(finding)]
    if diagnosis.fault is not None:
        parts += ["The run ended with an error:", block(diagnosis.fault)]
    return "\n\n".join(parts) + "\n"


def _section(finding: Finding) -> Iterator[str]:
    yield (
        f"**{finding.severity}: {escape(finding.title)}** ({place(finding)}, {finding.name})  \n"
        f"{code(finding.source)}"
    )
    if finding.place:
        yield prose(finding.place)
    yield prose(finding.words)
    if finding.spoils:
        yield f"Spoils {escape(spoiled(finding.spoils))}."
    if finding.remedy is None:
        if finding.advice:
            yield f"What to do: {prose(finding.advice)}."
        return
    lines = []
    for line in finding.remedy.lines:
        lines += [f"-{text}" for text in line.before.splitlines()]
        lines += [f"+{text}" for text in (line.after or "").splitlines()]
    why = f" ({prose(finding.remedy.why)})" if finding.remedy.why else ""
    yield f"Instead{why}:\n\n{block(chr(10).join(lines), 'diff')}"
    yield f"Tried: {prose(finding.remedy.checked)}."


def prose(text: str) -> str:
    """Return sentences as Markdown: what stands between backticks is code there too."""
    parts = text.split("`")
    if len(parts) % 2 == 0:  # one that has no other
        return escape(text)
    return "".join(code(part) if k % 2 else _spaced(part) for k, part in enumerate(parts))


def _spaced(text: str) -> str:
    """Return text with the spaces at its ends, which stand beside code."""
    before, after = text[:1].isspace(), text[-1:].isspace() and len(text) > 1
    return f"{' ' * before}{escape(text)}{' ' * after}"
