"""P1: how long a command takes to start, as whole processes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.frame import Aim, Peer, Work, Workload
from benchmarks.workloads.processes import GRADCLI, command

SAMPLE = str(Path(__file__).parents[2] / "samples" / "linear_regression.expr")
IN_TABLE = r"\bw +9 +1 +(-?\d+)[^\n]*\n[^\n]*\bb +10 +0 +(-?\d+)"
PRINTED = r"(-?[\d.]+) (-?[\d.]+)"

AUTOGRAD = """
import autograd.numpy as np
from autograd import grad
x, y = np.array([1.0, 2.0]), np.array([5.0, 7.0])
gradient = grad(lambda w, b: np.sum((w * x + b - y) ** 2), (0, 1))
print(*gradient(1.0, 0.0))
"""
TORCH = """
import torch
x, y = torch.tensor([1.0, 2.0]), torch.tensor([5.0, 7.0])
w, b = torch.tensor(1.0, requires_grad=True), torch.tensor(0.0, requires_grad=True)
((w * x + b - y) ** 2).sum().backward()
print(w.grad.item(), b.grad.item())
"""

EVAL = partial(command, (*GRADCLI, "eval", SAMPLE), IN_TABLE)
CHECK = partial(command, (*GRADCLI, "check", SAMPLE), "")
HELP = partial(command, (*GRADCLI, "--help"), "")


def python(text: str, pattern: str = "") -> Callable[[int], Work]:
    """Return how to run a text in a Python of its own."""
    return partial(command, (sys.executable, "-c", text), pattern)


IMPORTS = Peer("imports", python("import numpy, lark, typer, rich.table"))

WORKLOADS = (
    Workload(
        "P1-eval",
        "`gradcli eval` of the tutorial, whole process",
        (
            Peer("gradcli eval", EVAL),
            IMPORTS,
            Peer("autograd", python(AUTOGRAD, PRINTED), "autograd"),
            Peer("PyTorch", python(TORCH, PRINTED), "torch"),
        ),
        size=1,
        tiny=1,
        aims=(Aim(1.0, "imports"), Aim(1.3, "autograd")),
    ),
    Workload(
        "P1-help",
        "`gradcli --help`, whole process",
        (Peer("gradcli --help", HELP), Peer("import typer", python("import typer"))),
        size=1,
        tiny=1,
        aims=(Aim(1.1, "import typer"),),
    ),
    Workload(
        "P1-check",
        "`gradcli check` of the tutorial, whole process",
        (Peer("gradcli check", CHECK), IMPORTS, Peer("python -c pass", python("pass"))),
        size=1,
        tiny=1,
    ),
)
