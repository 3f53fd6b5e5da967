"""The rows of findings about gradients that are missing, or 0: what is sure has the first word."""

from __future__ import annotations

from gradcli.diagnose.findings import Kind
from gradcli.diagnose.silent.cut_rows import CUTS
from gradcli.diagnose.silent.training_rows import TRAINING
from gradcli.diagnose.silent.zero_rows import ZEROS

KINDS: tuple[Kind, ...] = (*TRAINING, *CUTS, *ZEROS)
