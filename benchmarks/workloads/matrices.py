"""P4: matrix work: a network of two layers, and the likelihood of a Gaussian mixture."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmarks.frame import Aim, Peer, Result, Work, Workload
from benchmarks.workloads.library import loads, results

Array = npt.NDArray[Any]

# ---- a network, 784-256-10, on a batch ------------------------------------------------------

NETWORK = """
h = relu(x @ W1 + b1)
loss = cross_entropy(h @ W2 + b2, target)
"""
INPUTS, HIDDEN, CLASSES = 784, 256, 10


def network(batch: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return data and parameters in float32."""
    generator = np.random.default_rng(0)

    def normal(*shape: int) -> Array:
        return generator.standard_normal(shape, dtype="float32")

    data = {"x": normal(batch, INPUTS), "target": generator.integers(0, CLASSES, batch)}
    parameters = {
        "W1": normal(INPUTS, HIDDEN) / np.float32(28), "b1": normal(HIDDEN),
        "W2": normal(HIDDEN, CLASSES) / np.float32(16), "b2": normal(CLASSES),
    }  # fmt: skip
    return data, parameters


def ours_network(batch: int) -> Work:
    """Run gradcli."""
    data, parameters = network(batch)
    return lambda: results(loads(NETWORK, data, parameters), "loss", parameters)


def hand_network(batch: int) -> Work:
    """Differentiate by hand in numpy."""
    data, parameters = network(batch)
    x, target = data["x"], data["target"]
    w1, b1, w2, b2 = parameters.values()
    rows = np.arange(batch)

    def work() -> Result:
        h = x @ w1
        h += b1
        np.maximum(h, 0, out=h)
        p = h @ w2
        p += b2
        p -= p.max(1, keepdims=True)
        picked = p[rows, target]
        np.exp(p, out=p)
        sums = p.sum(1, keepdims=True)
        loss = (np.log(sums[:, 0]) - picked).mean()
        p /= sums
        p[rows, target] -= 1
        p /= batch
        below = p @ w2.T
        below *= h > 0
        return {
            "loss": loss, "d W1": x.T @ below, "d b1": below.sum(0),
            "d W2": h.T @ p, "d b2": p.sum(0),
        }  # fmt: skip

    return work


def torch_network(batch: int) -> Work:
    """Run PyTorch."""
    import torch

    data, parameters = ({n: torch.from_numpy(v) for n, v in d.items()} for d in network(batch))
    w1, b1, w2, b2 = (p.requires_grad_() for p in parameters.values())

    def work() -> Result:
        h = torch.relu(data["x"] @ w1 + b1)
        loss = torch.nn.functional.cross_entropy(h @ w2 + b2, data["target"])
        return torch_results(loss, parameters)

    return work


def torch_results(loss: Any, parameters: Mapping[str, Any]) -> Result:
    """Run backward, and return the value of the loss and its gradients."""
    for parameter in parameters.values():
        parameter.grad = None
    loss.backward()
    return {"loss": loss.item(), **{f"d {n}": p.grad.numpy() for n, p in parameters.items()}}


# ---- a mixture of Gaussians, with full inverse Cholesky factors as in ADBench ----------------

# K components in D dimensions: `q` the logarithms of the factors' diagonals, `l` what is below
MIXTURE = """
Q = tril(l, -1) + diag_embed(exp(q))
z = (x - mu.unsqueeze(1)) @ Q.mT
inner = alpha.unsqueeze(1) + q.sum(1, keepdim=True) - 0.5 * (z * z).sum(2)
loss = logsumexp(inner, 0).sum() - x.shape[0] * logsumexp(alpha, 0)
"""
DIMENSIONS, COMPONENTS = 64, 25


def mixture(points: int) -> tuple[dict[str, Array], dict[str, Array]]:
    """Return data and parameters in float64."""
    normal = np.random.default_rng(0).standard_normal
    k, d = COMPONENTS, DIMENSIONS
    parameters = {
        "alpha": normal(k), "mu": normal((k, d)), "q": 0.1 * normal((k, d)),
        "l": 0.1 * normal((k, d, d)),
    }  # fmt: skip
    return {"x": normal((points, d))}, parameters


def ours_mixture(points: int) -> Work:
    """Run gradcli."""
    data, parameters = mixture(points)
    return lambda: results(loads(MIXTURE, data, parameters), "loss", parameters)


def hand_mixture(points: int) -> Work:
    """Differentiate by hand in numpy: dz = -p z, dQ = dzᵀ c, dc = dz Q, p the responsibilities."""
    data, parameters = mixture(points)
    x, (alpha, mu, q, below) = data["x"], parameters.values()
    diagonal = np.arange(DIMENSIONS)

    def work() -> Result:
        scale = np.exp(q)
        factor = np.tril(below, -1)
        factor[:, diagonal, diagonal] = scale
        c = x - mu[:, None]
        z = c @ factor.mT
        p = np.einsum("knd,knd->kn", z, z)
        p *= -0.5
        p += (alpha + q.sum(1))[:, None]
        top = p.max(0)
        p -= top
        np.exp(p, out=p)
        sums = p.sum(0)
        highest = alpha.max()
        weights = np.exp(alpha - highest)
        total = weights.sum()
        loss = (np.log(sums) + top).sum() - points * (np.log(total) + highest)
        p /= sums
        by_component = p.sum(1)
        z *= p[:, :, None]
        by_factor = z.mT @ c
        by_diagonal = by_factor[:, diagonal, diagonal]
        return {
            "loss": loss, "d alpha": by_component - points * weights / total,
            "d mu": (z.sum(1)[:, None] @ factor)[:, 0],
            "d q": by_component[:, None] - by_diagonal * scale,
            "d l": -np.tril(by_factor, -1),
        }  # fmt: skip

    return work


def torch_mixture(points: int) -> Work:
    """Run PyTorch."""
    import torch

    data, parameters = ({n: torch.from_numpy(v) for n, v in d.items()} for d in mixture(points))
    x, (alpha, mu, q, below) = data["x"], (p.requires_grad_() for p in parameters.values())

    def work() -> Result:
        factor = torch.tril(below, -1) + torch.diag_embed(torch.exp(q))
        z = (x - mu.unsqueeze(1)) @ factor.mT
        inner = alpha.unsqueeze(1) + q.sum(1, keepdim=True) - 0.5 * (z * z).sum(2)
        loss = torch.logsumexp(inner, 0).sum() - points * torch.logsumexp(alpha, 0)
        return torch_results(loss, parameters)

    return work


WORKLOADS = (
    Workload(
        "P4-mlp",
        "network 784-256-10, batch 256, float32",
        (
            Peer("gradcli", ours_network),
            Peer("numpy by hand", hand_network),
            Peer("PyTorch", torch_network, "torch"),
        ),
        size=256,
        tiny=8,
        aims=(Aim(1.3, "numpy by hand"),),
        tolerance=1e-4,
    ),
    Workload(
        "P4-gmm",
        "Gaussian mixture, D=64, K=25, N=1000, float64",
        (
            Peer("gradcli", ours_mixture),
            Peer("numpy by hand", hand_mixture),
            Peer("PyTorch", torch_mixture, "torch"),
        ),
        size=1000,
        tiny=10,
        aims=(Aim(1.3, "numpy by hand"),),
    ),
)
