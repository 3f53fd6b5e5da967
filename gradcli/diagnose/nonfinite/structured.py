"""The rows of findings: nan and infinity of rows, reductions, norms, matrices and losses."""

from __future__ import annotations

from gradcli.diagnose.findings import Kind

KINDS: tuple[Kind, ...] = ()
