"""The rows of findings: values and gradients that are nan or infinite."""

from __future__ import annotations

from gradcli.diagnose.findings import Kind

KINDS: tuple[Kind, ...] = ()
