"""The rows of findings: shapes that fit by chance, and targets of the wrong kind."""

from __future__ import annotations

from gradcli.diagnose.findings import Kind

KINDS: tuple[Kind, ...] = ()
