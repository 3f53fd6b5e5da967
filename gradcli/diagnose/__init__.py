"""Findings about a run: where a gradient went, and what to write instead."""

from gradcli.diagnose.findings import Diagnosis, Finding, Group, Kind, Remedy, Severity
from gradcli.diagnose.run import diagnose_source, diagnosed
from gradcli.diagnose.subject import Subject
from gradcli.diagnose.table import KINDS, kind

__all__ = [
    "KINDS",
    "Diagnosis",
    "Finding",
    "Group",
    "Kind",
    "Remedy",
    "Severity",
    "Subject",
    "diagnose_source",
    "diagnosed",
    "kind",
]
