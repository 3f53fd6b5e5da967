"""The rows of findings: gradients that vanish or explode on their way."""

from __future__ import annotations

from gradcli.diagnose.findings import Kind

KINDS: tuple[Kind, ...] = ()
