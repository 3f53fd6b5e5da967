"""Reports of a check for other programs and pages: markdown, JUnit's XML, GitHub annotations."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.sax.saxutils import quoteattr

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
from gradcli.verify.report import ClaimFinding, Finding
from gradcli.verify.run import Outcome

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

    What is a failure and what is skipped, the row of the verdict says.
    """
    suites = [_suite(outcome) for outcome in outcomes]
    body = "\n".join(suites)
    return f'<?xml version="1.0" encoding="utf-8"?>\n<testsuites>\n{body}\n</testsuites>\n'


def _suite(outcome: Outcome) -> str:
    name = _attribute(outcome.file)
    if outcome.needs:
        case = _case(outcome.file, name, "skipped", f"needs inputs: {', '.join(outcome.needs)}")
        return f'  <testsuite name={name} tests="1" skipped="1">\n{case}\n  </testsuite>'
    if outcome.report is None:
        case = f"    <testcase name={name} classname={name}>\n      <error message="
        case += f"{_attribute((outcome.error or '').splitlines()[0])}/>\n    </testcase>"
        return f'  <testsuite name={name} tests="1" errors="1">\n{case}\n  </testsuite>'
    cases = [_finding_case(f, name) for f in outcome.report.findings]
    cases += [_claim_case(c, name) for c in outcome.report.claims]
    failures = sum("<failure" in case for case in cases)
    skipped = sum("<skipped" in case for case in cases)
    counts = f'tests="{len(cases)}" failures="{failures}" skipped="{skipped}"'
    return "\n".join([f"  <testsuite name={name} {counts}>", *cases, "  </testsuite>"])


def _finding_case(finding: Finding, classname: str) -> str:
    label = f"gradient of {finding.parameter} ({finding.mode}, order {finding.order})"
    return _case(label, classname, finding.level.junit, sentence(finding) or finding.verdict)


def _claim_case(claim: ClaimFinding, classname: str) -> str:
    message = claim_text(claim) or "the claim is false"
    label = f"line {claim.claim.line}: {claim.claim.source}"
    return _case(label, classname, None if claim.holds else "failure", message)


def _case(label: str, classname: str, kind: str | None, message: str) -> str:
    head = f"    <testcase name={_attribute(label)} classname={classname}"
    if kind is None:
        return head + "/>"
    return f"{head}>\n      <{kind} message={_attribute(message)}/>\n    </testcase>"


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
    place = f"file={_property(file)},line={line},title={_property(title)}"
    return f"::{kind} {place}::{_escaped(text)}"


def _escaped(text: str) -> str:
    return harmless(text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A"))


def _property(text: str) -> str:
    return _escaped(text).replace(":", "%3A").replace(",", "%2C")
