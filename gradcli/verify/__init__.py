"""Is a gradient right? Numeric derivatives with error bars, and a verdict on every element."""

from __future__ import annotations

from gradcli.verify.check import check
from gradcli.verify.report import ClaimFinding, Element, Finding, Report, Trial
from gradcli.verify.target import Settings
from gradcli.verify.verdicts import Verdict

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
