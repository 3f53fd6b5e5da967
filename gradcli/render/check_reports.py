"""Reports of a check for other programs and pages: markdown, JUnit's XML, GitHub annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from platform import node
from xml.sax.saxutils import quoteattr

from gradcli.errors import Line
from gradcli.render.check_files import remarks, total
from gradcli.render.check_words import (
    claim_text,
    coverage,
    distance_text,
    float_text,
    numeric_text,
    place_text,
    sentence,
)
from gradcli.render.markdown import block, code, escape
from gradcli.render.words import harmless
from gradcli.verify.report import Finding
from gradcli.verify.run import Outcome
from gradcli.verify.verdicts import Level, Verdict

_COLUMNS = (
    "", "parameter", "elements", "worst", "analytic", "numeric ± error", "abs. error",
    "rel. error", "verdict",
)  # fmt: skip


# ---- markdown ------------------------------------------------------------------------------


def markdown(outcomes: Sequence[Outcome]) -> str:
    """Return a section a file: a table of its parameters, remarks and claims as lists."""
    parts = []
    for outcome in outcomes:
        parts += [f"### {escape(outcome.file)}: {outcome.verdict}", ""]
        parts += [*_section(outcome), ""]
    return "\n".join([*parts, escape(total(outcomes)) + "."]) + "\n"


def _section(outcome: Outcome) -> Iterator[str]:
    if outcome.needs:
        yield f"Skipped: needs inputs {', '.join(map(code, outcome.needs))}"
        return
    if outcome.report is None:
        yield block(outcome.error or "")
        return
    if outcome.report.findings:
        yield "| " + " | ".join(_COLUMNS) + " |"
        yield "| " + " | ".join("---" for _ in _COLUMNS) + " |"
        yield from map(_row, outcome.report.findings)
        yield ""
    for finding in outcome.report.findings:
        text = sentence(finding)
        if text is not None:
            yield f"- {escape(text)}"
    for claim in outcome.report.claims:
        mark = "✓" if claim.holds else "✗"
        more = claim_text(claim)
        text = f"- {mark} line {claim.claim.line}: {code(claim.claim.source)} {escape(more)}"
        yield text.rstrip()


def _row(finding: Finding) -> str:
    e = finding.worst[0] if finding.worst else None
    cells = [finding.verdict.row.mark, code(finding.parameter), coverage(finding)]
    if e is None:
        cells += [""] * 5
    else:
        cells += [
            place_text(e), float_text(e.analytic), numeric_text(e), distance_text(e, e.absolute),
            distance_text(e, e.relative),
        ]  # fmt: skip
    cells.append(finding.verdict)
    return "| " + " | ".join(c if c.startswith("`") else escape(c) for c in cells) + " |"


# ---- JUnit ---------------------------------------------------------------------------------


def junit(outcomes: Sequence[Outcome]) -> str:
    """Return JUnit's XML: a suite a file, a case a parameter and a claim.

    What is a failure and what is skipped, the row of the verdict says. Everything is there that
    the schemas of Ant and of Jenkins ask for; times are in seconds, the timestamp is in UTC.
    """
    suites = [_suite(outcome, number) for number, outcome in enumerate(outcomes)]
    body = "\n".join(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n{body}\n</testsuites>\n'


def _suite(outcome: Outcome, number: int) -> str:
    cases = list(_cases(outcome))
    counts = {kind: sum(f"<{kind} " in case for case in cases) for kind in _KINDS}
    started = datetime.fromtimestamp(outcome.started, UTC).strftime("%Y-%m-%dT%H:%M:%S")
    attributes = {
        "name": outcome.file,
        "package": outcome.file,
        "id": str(number),
        "timestamp": started,
        "hostname": node() or "localhost",
        "tests": str(len(cases)),
        **{name: str(counts[kind]) for kind, name in _KINDS.items()},
        "time": f"{outcome.seconds:.3f}",
    }
    head = " ".join(f"{name}={_attribute(text)}" for name, text in attributes.items())
    inside = ["    <properties/>", *cases, "    <system-out/>", "    <system-err/>"]
    return "\n".join([f"  <testsuite {head}>", *inside, "  </testsuite>"])


# an element of a case, and what a suite calls the number of cases that have it
_KINDS = {"failure": "failures", "error": "errors", "skipped": "skipped"}


def _cases(outcome: Outcome) -> Iterator[str]:
    file, seconds = outcome.file, outcome.seconds
    if outcome.report is None:
        needs = f"needs inputs: {', '.join(outcome.needs)}"
        message = needs if outcome.needs else (outcome.error or "").splitlines()[0]
        yield _case(file, file, seconds, outcome.verdict, outcome.verdict.level, message)
        return
    for f in outcome.report.findings:
        label = f"gradient of {f.parameter} ({f.mode}, order {f.order})"
        yield _case(label, file, f.seconds, f.verdict, f.level, sentence(f) or f.verdict)
    for c in outcome.report.claims:
        label = f"line {c.claim.line}: {c.claim.source}"
        verdict = Verdict.OK if c.holds else Verdict.WRONG
        message = claim_text(c) or "the claim is false"
        share = outcome.report.seconds / len(outcome.report.claims)
        yield _case(label, file, share, verdict, verdict.level, message)


def _case(
    label: str, classname: str, seconds: float, verdict: Verdict, level: Level, message: str
) -> str:
    head = f"    <testcase name={_attribute(label)} classname={_attribute(classname)}"
    head += f' time="{seconds:.3f}"'
    if level.junit is None:
        return head + "/>"
    kind = "" if level.junit == "skipped" else f" type={_attribute(verdict)}"
    text = f"<{level.junit}{kind} message={_attribute(message)}/>"
    return f"{head}>\n      {text}\n    </testcase>"


def _attribute(text: str) -> str:
    return quoteattr(harmless(" ".join(text.split())))


# ---- GitHub --------------------------------------------------------------------------------


def github(outcomes: Sequence[Outcome]) -> str:
    """Return workflow commands that annotate files and lines: errors, and warnings for doubt."""
    return "".join(f"{line}\n" for outcome in outcomes for line in _annotations(outcome))


def _annotations(outcome: Outcome) -> Iterator[str]:
    if outcome.needs:
        return
    if outcome.report is None:
        text = next(remarks(outcome), "error")
        yield _command("error", outcome.file, outcome.line or 1, "gradcli", text)
        return
    for finding in outcome.report.findings:
        kind = finding.level.github
        if kind is not None:
            text = sentence(finding) or finding.verdict
            yield _command(kind, outcome.file, finding.line, f"gradient {finding.verdict}", text)
    for claim in outcome.report.claims:
        if not claim.holds:
            text = "; ".join(t for t in (claim.claim.source, claim_text(claim)) if t)
            yield _command("error", outcome.file, claim.claim.line, "claim is false", text)


def _command(kind: str, file: str, line: int, title: str, text: str) -> str:
    if isinstance(line, Line):  # of a notebook's file nobody knows the line
        title, line = f"{title} (cell {line.cell}, line {line.line})", 1
    place = f"file={_property(file)},line={line},title={_property(title)}"
    return f"::{kind} {place}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return harmless(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
