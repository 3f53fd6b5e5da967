"""P5: the check of every element, on the loss of a network with one hidden layer.

numpy has one thread for its products, as in the command; PyTorch has what it takes.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.frame import Aim, Peer, Result, Work, Workload

Array = npt.NDArray[Any]
TEXT = """
hidden = tanh(x @ W1 + b1)
logits = hidden @ W2 + b2
loss = cross_entropy(logits, target)
"""
ROWS, CLASSES = 32, 10
STEP = 1e-6


def network(count: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return the data and about so many parameters."""
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


def ours(jobs: int, count: int) -> Work:
    """Run gradcli's check, by so many processes."""
    from gradcli.api import options_for
    from gradcli.errors import Source
    from gradcli.session import Request, run
    from gradcli.verify import Settings, check

    data, parameters = network(count)
    source = Source("<network>", TEXT)
    settings = Settings(max_elements=10**9, jobs=jobs)

    def work() -> Result:
        session = run(source, options_for(set=data, param=parameters), Request(backward=False))
        report = check(session, settings)
        assert report.verdict == "OK", report
        return {"elements": [finding.checked for finding in report.findings]}

    return work


def gradcheck(count: int) -> Work:
    """Run PyTorch's gradcheck, which compares every element too in its slow mode."""
    import torch

    data, parameters = network(count)
    x, target = torch.tensor(data["x"]), torch.tensor(data["target"])
    given = [torch.tensor(p, requires_grad=True) for p in parameters.values()]

    def loss(w1: Any, b1: Any, w2: Any, b2: Any) -> Any:
        return torch.nn.functional.cross_entropy(torch.tanh(x @ w1 + b1) @ w2 + b2, target)

    def work() -> Result:
        assert torch.autograd.gradcheck(loss, given)
        return {"elements": [p.numel() for p in given]}

    return work


def differences(count: int) -> Work:
    """Take central differences of every element in numpy, beside a gradient by hand."""
    data, parameters = network(count)
    x, target = data["x"], data["target"]
    rows = np.arange(ROWS)

    def forward() -> tuple[Any, Array, Array]:
        w1, b1, w2, b2 = parameters.values()
        hidden = np.tanh(x @ w1 + b1)
        logits = hidden @ w2 + b2
        logits -= logits.max(1, keepdims=True)
        sums = np.log(np.exp(logits).sum(1))
        return (sums - logits[rows, target]).mean(), hidden, np.exp(logits - sums[:, None])

    def gradient() -> list[Array]:
        _, hidden, p = forward()
        p[rows, target] -= 1
        p /= ROWS
        below = (p @ parameters["W2"].T) * (1 - hidden * hidden)
        return [x.T @ below, below.sum(0), hidden.T @ p, p.sum(0)]

    def work() -> Result:
        for parameter, right in zip(parameters.values(), gradient(), strict=True):
            flat, expected = parameter.reshape(-1), right.reshape(-1)
            for n in range(flat.size):
                kept = flat[n]
                flat[n] = kept + STEP
                above = forward()[0]
                flat[n] = kept - STEP
                slope = (above - forward()[0]) / (2 * STEP)
                flat[n] = kept
                assert abs(slope - expected[n]) < 1e-6, (slope, expected[n])
        return {"elements": [p.size for p in parameters.values()]}

    return work


def workload(name: str, count: int) -> Workload:
    """Return the row of a network with about so many parameters."""
    return Workload(
        name,
        f"check of every element, {count:,} parameters",
        (
            Peer("gradcli", partial(ours, 1)),
            Peer("gradcli, two processes", partial(ours, 2)),
            Peer("gradcheck, slow mode", gradcheck, "torch"),
            Peer("numpy's differences by hand", differences),
        ),
        size=count,
        tiny=200,
        aims=(Aim(0.25, "gradcheck, slow mode"),),
        environment={"OPENBLAS_NUM_THREADS": "1"},
    )


WORKLOADS = (workload("P5-2k", 2_000), workload("P5-20k", 20_000))
