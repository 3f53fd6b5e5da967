"""The words that the outputs of a check share: headlines, cells and sentences."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import isinf, isnan

from gradcli.render.numbers import number
from gradcli.render.words import OTHERS, claims_text, differing, plural
from gradcli.verify.report import ClaimFinding, Element, Finding, Report
from gradcli.verify.verdicts import OF_A_DERIVATIVE, Verdict

DIGITS = 6


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
        if any(f.verdict.level.good and not f.level.good for f in report.findings):
            parts.append("not finite")
    if report.claims:
        parts.append(claims_text([claim.holds for claim in report.claims]))
    if parts and not report.tested:
        parts.append("0 everywhere: nothing was tested")
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
    """Return `0.5403 ± 2e-12`; both sides at a kink, as `0 | 1`; no number for a jump."""
    if element.limits is not None:
        return "jumps"
    left, right, kink = element.left, element.right, element.verdict is Verdict.KINK
    if left is not None and right is not None and (kink or _wrong_at_kink(element)):
        return f"{float_text(left)} | {float_text(right)}"
    if isnan(element.numeric):
        return "none"
    if isinf(element.numeric) or not element.error:
        return float_text(element.numeric)
    bar = "?" if isinf(element.error) else f"{element.error:.0e}"
    return f"{float_text(element.numeric)} ± {bar}"


def _wrong_at_kink(element: Element) -> bool:
    return element.verdict is Verdict.WRONG and isnan(element.numeric)


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
    sampled = [f for f in findings if 0 < f.checked < f.elements]  # without those moved together
    if not sampled:
        return None
    # a parameter has a finding for each mode
    each = dict.fromkeys(f"{f.parameter}: {coverage(f)}" for f in sampled)
    return (
        f"{', '.join(each)} elements compared one by one (the steepest and a random sample), all "
        f"together along {sampled[0].directions} random directions; --max-elements N compares more"
    )


def sentence(finding: Finding) -> str | None:
    """Return what is to be said of a finding: why it is not OK, why it is 0, exact digits."""
    verdict, parts = finding.verdict, []
    if verdict is Verdict.OK and (exact := [e for e in finding.worst if e.exact is not None]):
        return f"{finding.parameter}{place_text(exact[0])}: {exact[0].note}"
    if verdict is not Verdict.OK and verdict in finding.counts and finding.elements > 1:
        total = sum(finding.counts.values())
        parts.append(f"{finding.counts[verdict]:,} of {plural(total, 'derivative')}")
    if finding.note:
        parts.append(finding.note)
    named = bool(finding.worst) and finding.worst[0].op is not None
    if finding.slope is not None and verdict is Verdict.WRONG and not named:
        parts.append(f"Taylor remainder of order {finding.slope:.2f} (2 is right, 1 is wrong)")
    return f"{finding.parameter}: {'; '.join(parts)}" if parts else None


def points_text(claim: ClaimFinding) -> str:
    """Return at how many random points a claim held, "" where none were tried."""
    outside = f"{claim.outside} more lie outside the domain, and decide nothing"
    if not claim.points:
        count = plural(claim.outside, "random point")
        return f"undecided at {count}: outside the domain" if claim.outside else claim.kept
    if claim.held == claim.points:
        text = f"and at {plural(claim.points, 'random point')}"
    else:
        text = f"it holds at {claim.held} of {plural(claim.points, 'random point')}"
    if claim.kept:
        text = f"{text}, where {claim.kept}"
    return f"{text}; {outside}" if claim.outside else text


def claim_text(claim: ClaimFinding) -> str:
    """Return what is to be said of a claim, in one line."""
    if claim.holds:
        return points_text(claim)
    return "; ".join(differing(claim.claim, claim.note, claim.worst))
