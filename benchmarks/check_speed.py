"""How long a check takes beside gradcheck, on the loss of a small network, in the same run.

python benchmarks/check_speed.py
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from gradcli.api import options_for
from gradcli.errors import Source
from gradcli.session import Request, run
from gradcli.verify import Report, Settings, check

TEXT = """
hidden = tanh(x @ W1 + b1)
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


def gradcli_seconds(data: dict[str, Any], parameters: dict[str, Any]) -> float:
    """Check every element."""
    started = time.perf_counter()
    session = run(
        Source("<mlp>", TEXT), options_for(set=data, param=parameters), Request(backward=False)
    )
    report: Report = check(session, Settings(max_elements=10**9))
    seconds = time.perf_counter() - started
    assert report.verdict == "OK", report
    return seconds


def torch_seconds(data: dict[str, Any], parameters: dict[str, Any], fast: bool) -> float:
    """Run gradcheck on the same loss."""
    import torch

    x, target = torch.tensor(data["x"]), torch.tensor(data["target"])

    def loss(W1: Any, b1: Any, W2: Any, b2: Any) -> Any:  # noqa: N803
        logits = torch.tanh(x @ W1 + b1) @ W2 + b2
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
        ours = gradcli_seconds(data, parameters)
        print(f"{size} parameters: gradcli check, every element: {ours:.2f} s", flush=True)
        try:
            for fast in (False, True):
                theirs = torch_seconds(data, parameters, fast)
                mode = "fast" if fast else "slow"
                print(f"  gradcheck, {mode} mode: {theirs:.3f} s, ratio {ours / theirs:.2f}")
        except ImportError:
            print("  PyTorch is not installed: pip install torch==2.13.0")


if __name__ == "__main__":
    main()
