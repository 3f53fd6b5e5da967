"""The tape beside PyTorch: recording, evaluating and differentiating, as ratios in the same run.

    python benchmarks/tape.py [nodes]

A chain of scalar multiplications is all overhead; the regression over a million elements is all
numpy. PyTorch is measured where it is installed, with one thread.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from time import perf_counter

import numpy as np

from gradcli.autodiff import backward
from gradcli.execute import new_graph
from gradcli.ops.shape.shapes import sum_

ELEMENTS = 1_000_000


def best(run: Callable[[], object], rounds: int = 5) -> float:
    """Return the shortest of some runs, in seconds."""
    times = []
    for _ in range(rounds):
        start = perf_counter()
        run()
        times.append(perf_counter() - start)
    return min(times)


def chain(nodes: int) -> None:
    """Multiply a scalar so many times, and differentiate."""
    graph = new_graph()
    x = y = graph.leaf(np.array(1.0), True)
    for _ in range(nodes):
        y = y * 1.0000001
    backward(graph, y.id)
    assert x.id in graph.autograd.grads


def regression() -> None:
    """Sum the squares of a million residuals, and differentiate."""
    graph = new_graph()
    x, y = graph.leaf(np.ones(ELEMENTS)), graph.leaf(np.zeros(ELEMENTS))
    w, b = graph.leaf(np.array(1.0), True), graph.leaf(np.array(0.0), True)
    backward(graph, sum_((w * x + b - y) ** 2).id)


def regression_numpy() -> None:
    """Do the same by hand."""
    x, y, w, b = np.ones(ELEMENTS), np.zeros(ELEMENTS), np.array(1.0), np.array(0.0)
    residual = w * x + b - y
    (residual**2).sum()
    slope = 2 * residual
    (slope * x).sum(), slope.sum()


def main() -> None:
    """Print a line for each measurement."""
    nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    ours, by_hand, ours_large = (
        best(lambda: chain(nodes), 3),
        best(regression_numpy),
        best(regression),
    )
    print(f"chain of {nodes:,}: {ours / nodes * 1e6:.2f} µs a node")
    print(
        f"regression of {ELEMENTS:,}: {ours_large * 1e3:.0f} ms, "
        f"{ours_large / by_hand:.2f} × numpy by hand"
    )
    try:
        import torch
    except ImportError:
        return
    torch.set_num_threads(1)

    def torch_chain() -> None:
        y = x = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        for _ in range(nodes):
            y = y * 1.0000001
        y.backward()
        assert x.grad is not None

    def torch_regression() -> None:
        x, y = torch.ones(ELEMENTS, dtype=torch.float64), torch.zeros(ELEMENTS, dtype=torch.float64)
        w = torch.tensor(1.0, dtype=torch.float64, requires_grad=True)
        b = torch.tensor(0.0, dtype=torch.float64, requires_grad=True)
        ((w * x + b - y) ** 2).sum().backward()

    print(f"chain: {ours / best(torch_chain, 3):.2f} × PyTorch")
    print(f"regression: {ours_large / best(torch_regression):.2f} × PyTorch")


if __name__ == "__main__":
    main()
