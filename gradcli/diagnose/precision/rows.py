"""The rows of findings: digits that a formula loses."""

from __future__ import annotations

from gradcli.diagnose.findings import Kind

KINDS: tuple[Kind, ...] = ()
