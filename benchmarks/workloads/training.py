"""Training loops of tutorials, as whole processes: a cubic fitted to a sine."""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.frame import Aim, Peer, Result, Work, Workload
from benchmarks.workloads.processes import GRADCLI, command

# the same text for gradcli and for Python with PyTorch
TEXT = """
import math
import torch

torch.set_default_dtype(torch.float64)
x = torch.linspace(-math.pi, math.pi, {points})
y = torch.sin(x)
a = torch.tensor(0.1, requires_grad=True)
b = torch.tensor(-0.2, requires_grad=True)
c = torch.tensor(0.3, requires_grad=True)
d = torch.tensor(-0.4, requires_grad=True)
rate = 1e-3 / {points}
for turn in range({turns}):
    y_pred = a + b * x + c * x ** 2 + d * x ** 3
    loss = (y_pred - y).pow(2).sum()
    loss.backward()
    with torch.no_grad():
        a -= rate * a.grad
        b -= rate * b.grad
        c -= rate * c.grad
        d -= rate * d.grad
        a.grad = None
        b.grad = None
        c.grad = None
        d.grad = None
print(f"fit {{a.item():.12e}} {{b.item():.12e}} {{c.item():.12e}} {{d.item():.12e}}")
"""
PATTERN = " ".join(["fit", *[r"(-?\d\.\d+e[-+]\d+)"] * 4])


def run(arguments: tuple[str, ...], options: tuple[str, ...], points: int, turns: int) -> Work:
    """Run a command on the text, from a file."""

    def work() -> Result:
        with TemporaryDirectory() as folder:
            file = Path(folder, "fit.py")
            file.write_text(TEXT.format(points=points, turns=turns), encoding="utf-8")
            return command((*arguments, str(file), *options), PATTERN, 1)()

    return work


def table(points: int, turns: int) -> Work:
    """Run `gradcli eval`."""
    return run((*GRADCLI, "eval"), (), points, turns)


def json(points: int, turns: int) -> Work:
    """Run `gradcli eval --json`."""
    return run((*GRADCLI, "eval"), ("--json",), points, turns)


def pytorch(points: int, turns: int) -> Work:
    """Run Python with PyTorch."""
    return run((sys.executable,), (), points, turns)


def workload(name: str, points: int, turns: int) -> Workload:
    """Return the row of a number of turns."""
    return Workload(
        name,
        f"{turns:,} turns of a cubic fit to {points:,} points, whole process",
        (
            Peer("gradcli eval", partial(table, points)),
            Peer("gradcli eval --json", partial(json, points)),
            Peer("PyTorch", partial(pytorch, points), "torch"),
        ),
        size=turns,
        tiny=3,
        aims=(Aim(1.0, "PyTorch"),),
    )


WORKLOADS = (workload("fit-1000", 20, 1_000), workload("fit-2000", 2_000, 2_000))
