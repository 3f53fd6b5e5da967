"""P7: Hessians: a banded one (Rosenbrock's function) and a dense one."""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.frame import Aim, Peer, Result, Work, Workload
from benchmarks.workloads.library import loads, results

Array = npt.NDArray[Any]


class Function(NamedTuple):
    """A function of a vector, as a text of the language; other names in it are data."""

    text: str
    inputs: Any  # of a size


def rosenbrock_inputs(size: int) -> dict[str, Array]:
    """Return where the Hessian is taken."""
    return {"x": np.random.default_rng(0).normal(size=size)}


def dense_inputs(size: int) -> dict[str, Array]:
    """Return where the Hessian is taken, and the matrix."""
    generator = np.random.default_rng(0)
    a = generator.normal(size=(size + size // 2, size)) / size**0.5
    return {"x": generator.normal(size=size), "A": a}


def rosenbrock(v: Any) -> Any:
    """Return Rosenbrock's function of a vector of any library."""
    return (100 * (v[1:] - v[:-1] ** 2) ** 2 + (1 - v[:-1]) ** 2).sum()


FUNCTIONS = {
    "rosenbrock": Function(
        "H = hessian(lambda v: sum(100 * (v[1:] - v[:-1]**2)**2 + (1 - v[:-1])**2), x)",
        rosenbrock_inputs,
    ),
    "dense": Function("H = hessian(lambda v: logsumexp(A @ v, 0), x)", dense_inputs),
}


def ours(key: str, size: int) -> Work:
    """Run gradcli."""
    function = FUNCTIONS[key]
    inputs = function.inputs(size)
    return lambda: results(loads(function.text, inputs, {}), "H")


def torch_function(key: str, inputs: Any) -> Any:
    """Return the function in PyTorch."""
    import torch

    if key == "rosenbrock":
        return rosenbrock
    return lambda v: torch.logsumexp(inputs["A"] @ v, 0)


def torch_hessian(key: str, size: int) -> Work:
    """Run torch.func.hessian."""
    import torch

    inputs = {n: torch.from_numpy(v) for n, v in FUNCTIONS[key].inputs(size).items()}
    hessian = torch.func.hessian(torch_function(key, inputs))
    return lambda: {"H": hessian(inputs["x"]).numpy()}


def coloured(size: int) -> Work:
    """Take three products in PyTorch: columns three apart share no row of the band."""
    import torch

    x = torch.from_numpy(rosenbrock_inputs(size)["x"]).requires_grad_()
    index = torch.arange(size)
    seeds = (index % 3 == torch.arange(3)[:, None]).to(x.dtype)

    def work() -> Result:
        (gradient,) = torch.autograd.grad(rosenbrock(x), x, create_graph=True)
        products = torch.stack(
            [torch.autograd.grad(gradient, x, seed, retain_graph=True)[0] for seed in seeds]
        )
        h = torch.zeros(size, size, dtype=x.dtype)
        for offset in (-1, 0, 1):
            rows = index[max(-offset, 0) : size - max(offset, 0)]
            h[rows, rows + offset] = products[(rows + offset) % 3, rows]
        return {"H": h.numpy()}

    return work


def jax_function(key: str, inputs: Any) -> Any:
    """Return the function in JAX."""
    import jax

    if key == "rosenbrock":
        return rosenbrock
    return lambda v: jax.nn.logsumexp(inputs["A"] @ v)


def jax_hessian(key: str, again: bool, size: int) -> Work:
    """Run JAX, compiled, and compiled `again` in each round."""
    import jax

    jax.config.update("jax_enable_x64", True)
    inputs = {n: jax.numpy.asarray(v) for n, v in FUNCTIONS[key].inputs(size).items()}

    def compiled() -> Any:
        return jax.jit(jax.hessian(jax_function(key, inputs)))

    hessian = compiled()

    def work() -> Result:
        if again:
            jax.clear_caches()
        return {"H": np.asarray((compiled() if again else hessian)(inputs["x"]))}

    return work


def peers(key: str) -> tuple[Peer, ...]:
    """Return those that do any function."""
    return (
        Peer("gradcli", partial(ours, key)),
        Peer("torch.func.hessian", partial(torch_hessian, key), "torch"),
        Peer("jax, after its first call", partial(jax_hessian, key, False), "jax"),
        Peer("jax, with its first call", partial(jax_hessian, key, True), "jax"),
    )


WORKLOADS = (
    Workload(
        "P7-rosenbrock",
        "Hessian of Rosenbrock's function, n=1000",
        (*peers("rosenbrock"), Peer("three products, PyTorch by hand", coloured, "torch")),
        size=1000,
        tiny=12,
        aims=(Aim(1.0, "jax, after its first call"),),
    ),
    Workload(
        "P7-dense",
        "Hessian of `logsumexp(A @ x)`, n=200",
        peers("dense"),
        size=200,
        tiny=8,
        aims=(Aim(1.0, "torch.func.hessian"),),
    ),
)
