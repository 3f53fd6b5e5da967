"""The rows of findings: nan and infinity of roots, logarithms, quotients, powers, exponentials."""

from __future__ import annotations

from gradcli.diagnose.findings import Kind

KINDS: tuple[Kind, ...] = ()
