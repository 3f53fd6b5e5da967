"""Is a gradient right? Numeric derivatives with error bars, and a verdict on every element."""

from __future__ import annotations

from gradcli.verify.check import Settings, check
from gradcli.verify.report import ClaimFinding, Element, Finding, Report, Trial, Verdict

__all__ = [
    "ClaimFinding",
    "Element",
    "Finding",
    "Report",
    "Settings",
    "Trial",
    "Verdict",
    "check",
]
