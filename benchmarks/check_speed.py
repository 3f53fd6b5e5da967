"""How long a check takes beside gradcheck, on the loss of a small network, in the same run.

    python benchmarks/check_speed.py

Every element is compared on both sides, by one process and by two. numpy has one thread for its
products, as in the command; PyTorch has what it takes.
"""

from __future__ import annotations

import os
import time
from typing import Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from gradcli.api import options_for
from gradcli.errors import Source
from gradcli.session import Request, run
from gradcli.verify import Report, Settings, check

TEXT = """
hidden = {activation}(x @ W1 + b1)
logits = hidden @ W2 + b2
loss = cross_entropy(logits, target)
"""
ROWS, CLASSES = 32, 10


def network(count: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the data and about so many parameters of a network with one hidden layer."""
    generator = np.random.default_rng(0)
    width = round(count**0.5 / 2)
    inputs = (count - width - CLASSES - width * CLASSES) // width
    parameters = {
        "W1": generator.normal(size=(inputs, width)) / inputs**0.5,
        "b1": np.zeros(width),
        "W2": generator.normal(size=(width, CLASSES)) / width**0.5,
        "b2": np.zeros(CLASSES),
    }
    data = {
        "x": generator.normal(size=(ROWS, inputs)),
        "target": generator.integers(0, CLASSES, ROWS),
    }
    return data, parameters


def gradcli_seconds(
    data: dict[str, Any], parameters: dict[str, Any], activation: str = "tanh", jobs: int = 1
) -> float:
    """Check every element."""
    started = time.perf_counter()
    source = Source("<mlp>", TEXT.format(activation=activation))
    session = run(source, options_for(set=data, param=parameters), Request(backward=False))
    report: Report = check(session, Settings(max_elements=10**9, jobs=jobs))
    seconds = time.perf_counter() - started
    assert report.verdict == "OK", report
    return seconds


def torch_seconds(
    data: dict[str, Any], parameters: dict[str, Any], fast: bool, activation: str = "tanh"
) -> float:
    """Run gradcheck on the same loss."""
    import torch

    x, target = torch.tensor(data["x"]), torch.tensor(data["target"])

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:  # noqa: N803
        logits = getattr(torch, activation)(x @ W1 + b1) @ W2 + b2
        return torch.nn.functional.cross_entropy(logits, target)

    given = [torch.tensor(p, requires_grad=True) for p in parameters.values()]
    started = time.perf_counter()
    assert torch.autograd.gradcheck(loss, given, fast_mode=fast)
    return time.perf_counter() - started


def main() -> None:
    """Print the times and their ratios."""
    for count in (2000, 20000):
        data, parameters = network(count)
        size = sum(p.size for p in parameters.values())
        for activation in ("tanh", "relu"):
            ours = [gradcli_seconds(data, parameters, activation, jobs) for jobs in (1, 2)]
            print(f"{size} parameters, {activation}: gradcli check {ours[0]:.2f} s, "
                  f"two processes {ours[1]:.2f} s", flush=True)  # fmt: skip
            try:
                slow, fast = (torch_seconds(data, parameters, f, activation) for f in (False, True))
            except ImportError:
                print("  PyTorch is not installed: pip install torch==2.13.0")
                continue
            for mode, theirs in (("slow", slow), ("fast", fast)):
                ratios = " and ".join(f"{seconds / theirs:.2f}" for seconds in ours)
                print(f"  gradcheck, {mode} mode: {theirs:.3f} s, ratios {ratios}")


if __name__ == "__main__":
    main()
