"""The words that the outputs of a check share: headlines, cells and sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from math import isinf, isnan

from gradcli.render.numbers import number
from gradcli.render.words import OTHERS
from gradcli.verify.report import ClaimFinding, Element, Finding, Report
from gradcli.verify.verdicts import OF_A_DERIVATIVE, Verdict

DIGITS = 6
FEW = 8  # a claim's sides are shown in full up to so many elements


def plural(count: int, noun: str) -> str:
    """Return `1 element`, `2 elements`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def headline(report: Report) -> str:
    """Return what was checked, in one line."""
    if not report.findings:
        return f"{report.file}: no gradient to check"
    outputs = ", ".join(report.outputs[:3]) + (", …" if len(report.outputs) > 3 else "")
    why = f", {report.why}{OTHERS}" if report.why else ""
    return f"{report.file}: the gradient of {outputs}{why}, against differences"


def summary(report: Report) -> str:
    """Return the outcome in a few words."""
    parts = []
    if report.findings:
        counts = Counter(finding.verdict for finding in report.findings)
        total = len({finding.parameter for finding in report.findings})
        if counts[Verdict.OK] == len(report.findings):
            parts.append(f"{plural(total, 'gradient')} right")
        else:
            parts.append(", ".join(f"{counts[v]} {v}" for v in OF_A_DERIVATIVE if counts[v]))
    if report.claims:
        false = sum(not claim.holds for claim in report.claims)
        count = plural(len(report.claims), "claim")
        verb = "holds" if len(report.claims) == 1 else "hold"
        parts.append(f"{false} of {count} false" if false else f"{count} {verb}")
    return ", ".join(parts) or "nothing was checked"


def float_text(value: float, digits: int = DIGITS) -> str:
    """Return a number of the table."""
    return number(float(value), digits)


def distance_text(element: Element, value: float) -> str:
    """Return a distance of two derivatives; at a kink and an edge it means nothing."""
    return "–" if element.verdict in (Verdict.KINK, Verdict.DOMAIN) else error_text(value)


def error_text(value: float) -> str:
    """Return an error, of which the magnitude matters: two digits."""
    if isnan(value) or isinf(value):
        return "–"
    return f"{value:.1e}" if value else "0"


def numeric_text(element: Element) -> str:
    """Return `0.5403 ± 2e-12`; both sides at a kink, as `0 | 1`."""
    if element.verdict is Verdict.KINK and element.left is not None and element.right is not None:
        return f"{float_text(element.left)} | {float_text(element.right)}"
    if isnan(element.numeric):
        return "none"
    if isinf(element.numeric) or not element.error:
        return float_text(element.numeric)
    bar = "?" if isinf(element.error) else f"{element.error:.0e}"
    return f"{float_text(element.numeric)} ± {bar}"


def place_text(element: Element) -> str:
    """Return which element: `[1, 2]`, `[0].im`, or a random direction."""
    if element.index is None:
        return "direction"
    index = f"[{', '.join(map(str, element.index))}]" if element.index else ""
    return f"{index}.{element.part}" if element.part else index


def coverage(finding: Finding) -> str:
    """Return how many elements were compared: `12`, or `4,096 of 20,000`."""
    if finding.checked == finding.elements:
        return f"{finding.elements:,}"
    return f"{finding.checked:,} of {finding.elements:,}"


def coverage_note(findings: Sequence[Finding]) -> str | None:
    """Return the sentence that says what was left out, None where nothing was."""
    sampled = [f for f in findings if f.checked != f.elements]
    if not sampled:
        return None
    # a parameter has a finding for each mode
    each = dict.fromkeys(f"{f.parameter}: {coverage(f)}" for f in sampled)
    return (
        f"{', '.join(each)} elements compared one by one (the steepest and a random sample), all "
        f"together along {sampled[0].directions} random directions; --max-elements N compares more"
    )


def sentence(finding: Finding) -> str | None:
    """Return what is to be said of a finding that is not OK."""
    if finding.verdict is Verdict.OK:
        return None
    parts = []
    if finding.verdict in finding.counts and finding.elements > 1:
        total = sum(finding.counts.values())
        parts.append(f"{finding.counts[finding.verdict]:,} of {plural(total, 'derivative')}")
    if finding.note:
        parts.append(finding.note)
    if finding.slope is not None and not finding.level.good:
        parts.append(f"Taylor remainder of order {finding.slope:.2f} (2 is right, 1 is wrong)")
    return f"{finding.parameter}: {'; '.join(parts)}" if parts else None


def points_text(claim: ClaimFinding) -> str:
    """Return at how many random points a claim held, "" where none were tried."""
    outside = f"{claim.outside} more lie outside the domain, and decide nothing"
    if not claim.points:
        count = plural(claim.outside, "random point")
        return f"undecided at {count}: outside the domain" if claim.outside else ""
    if claim.held == claim.points:
        text = f"and at {plural(claim.points, 'random point')}"
    else:
        text = f"it holds at {claim.held} of {plural(claim.points, 'random point')}"
    return f"{text}; {outside}" if claim.outside else text


def differences(claim: ClaimFinding) -> Iterator[str]:
    """Yield the places where the sides of a claim differ most."""
    if claim.holds or claim.claim.left is None or claim.claim.left[1].size <= FEW:
        return
    for index, left, right in claim.worst:
        yield f"[{', '.join(map(str, index))}]: {float_text(left)} and {float_text(right)}"
