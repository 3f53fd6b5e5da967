"""P2: a scalar of large tensors, its gradients, and the memory that takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchmarks.frame import Aim, Peer, Result, Work, Workload
from benchmarks.workloads.library import loads, results, show

Array = npt.NDArray[Any]
Inputs = Mapping[str, Array]
# the loss, and the gradients of the parameters, in this order
Gradients = tuple[Any, ...]

BLOCK = 8192  # elements: five arrays stay in the cache, and BLAS starts no threads for a product
THREADS = 2


class Formula(NamedTuple):
    """One of the three formulas; functions are given the inputs by name.

    `by_hand` does it with whole arrays, `block` for a part of them with buffers to write to: it
    returns partial sums, and writes the gradients of tensors into `out`.
    """

    text: str
    tensors: str  # names of the inputs with `size` elements
    scalars: Mapping[str, float]
    parameters: Sequence[str]
    torch: Callable[[Any, Any], Any]  # the module, and the inputs
    by_hand: Callable[[Inputs], Gradients]
    block: Callable[[Inputs, Array, Array], tuple[float, ...]]
    finish: Callable[[Array, Inputs], Gradients]  # sums of the partial sums, of all elements


# ---- a: the sum of squares ------------------------------------------------------------------


def squares(i: Inputs) -> Gradients:
    """Compute the residuals once, then three sums."""
    residual = i["w"] * i["x"] + i["b"] - i["y"]
    loss = (residual**2).sum()
    residual *= 2
    return loss, (residual * i["x"]).sum(), residual.sum()


def squares_block(i: Inputs, buffers: Array, _: Array) -> tuple[float, ...]:
    """Do the same in one buffer."""
    r = buffers[0][: i["x"].size]
    np.multiply(i["x"], i["w"], out=r)
    r += i["b"]
    r -= i["y"]
    return float(r @ r), float(r @ i["x"]), float(r.sum())


# ---- b: the logistic loss -------------------------------------------------------------------


def logistic(i: Inputs) -> Gradients:
    """Use that the gradient of log(1 + exp(z)) is the sigmoid of z."""
    e = np.exp(-i["y"] * (i["w"] * i["x"] + i["b"]))
    slope = -i["y"] * (e / (1 + e))
    return np.log(1 + e).mean(), (slope * i["x"]).mean(), slope.mean()


def logistic_block(i: Inputs, buffers: Array, _: Array) -> tuple[float, ...]:
    """Do the same in two buffers."""
    e, one = (b[: i["x"].size] for b in buffers[:2])
    np.multiply(i["x"], i["w"], out=e)
    e += i["b"]
    e *= i["y"]
    np.negative(e, out=e)
    np.exp(e, out=e)
    np.add(e, 1, out=one)
    e /= one
    e *= i["y"]
    np.log(one, out=one)
    return float(one.sum()), -float(e @ i["x"]), -float(e.sum())


# ---- c: a longer chain, with a gradient of every element ------------------------------------


def chain(i: Inputs) -> Gradients:
    """Write f = t q with t = tanh(sin(x a) + exp(-x x)) and q = sqrt(|x| + 1)."""
    x, a = i["x"], i["a"]
    e = np.exp(-x * x)
    t = np.tanh(np.sin(x * a) + e)
    q = np.sqrt(np.abs(x) + 1)
    inner = (1 - t * t) * q
    cosine = inner * np.cos(x * a)
    by_x = a * cosine - 2 * inner * e * x + t * np.sign(x) / (2 * q)
    return (t * q).sum(), by_x, (cosine * x).sum()


def chain_block(i: Inputs, buffers: Array, out: Array) -> tuple[float, ...]:
    """Do the same in five buffers."""
    x, a = i["x"], i["a"]
    e, t, q, inner, cosine = (b[: x.size] for b in buffers[:5])
    np.multiply(x, x, out=e)
    np.negative(e, out=e)
    np.exp(e, out=e)
    np.multiply(x, a, out=cosine)
    np.sin(cosine, out=t)
    np.cos(cosine, out=cosine)
    t += e
    np.tanh(t, out=t)
    np.abs(x, out=q)
    q += 1
    np.sqrt(q, out=q)
    loss = float(t @ q)
    np.multiply(t, t, out=inner)
    np.subtract(1, inner, out=inner)
    inner *= q
    cosine *= inner
    by_a = float(cosine @ x)
    cosine *= a
    inner *= e
    inner *= x
    inner *= 2
    np.subtract(cosine, inner, out=out)
    np.sign(x, out=e)
    t *= e
    t /= q
    t *= 0.5
    out += t
    return loss, by_a


FORMULAS = {
    "a": Formula(
        "loss = sum((w * x + b - y)**2)", "xy", {"w": 1.3, "b": 0.2}, "wb",
        lambda t, i: t.sum((i["w"] * i["x"] + i["b"] - i["y"]) ** 2),
        squares, squares_block,
        lambda sums, _: (sums[0], 2 * sums[1], 2 * sums[2]),
    ),
    "b": Formula(
        "loss = mean(log(1 + exp(-y * (w * x + b))))", "xy", {"w": 1.3, "b": 0.2}, "wb",
        lambda t, i: t.mean(t.log(1 + t.exp(-i["y"] * (i["w"] * i["x"] + i["b"])))),
        logistic, logistic_block,
        lambda sums, i: tuple(sums / i["x"].size),
    ),
    "c": Formula(
        "loss = sum(tanh(sin(x * a) + exp(-x * x)) * sqrt(abs(x) + 1))", "x", {"a": 1.3}, "xa",
        lambda t, i: t.sum(
            t.tanh(t.sin(i["x"] * i["a"]) + t.exp(-i["x"] * i["x"])) * t.sqrt(t.abs(i["x"]) + 1)
        ),
        chain, chain_block,
        lambda sums, i: (sums[0], i["out"], sums[1]),
    ),
}  # fmt: skip


def inputs_of(formula: Formula, dtype: str, size: int) -> dict[str, Array]:
    """Return normal numbers, the same for every peer."""
    generator = np.random.default_rng(0)
    found: dict[str, Array] = {}
    for name in formula.tensors:
        numbers = generator.standard_normal(size, np.float32 if dtype == "float32" else np.float64)
        numbers[numbers == 0] = 1  # where the libraries do not agree on the slope of abs
        found[name] = numbers
    return found | {n: np.array(v, dtype) for n, v in formula.scalars.items()}


def named(formula: Formula, loss: Any, gradients: Sequence[Any]) -> Result:
    """Return a loss and its gradients as the frame compares them."""
    names = (f"d {name}" for name in formula.parameters)
    return {"loss": loss, **dict(zip(names, gradients, strict=True))}


# ---- the peers ------------------------------------------------------------------------------


def ours(key: str, dtype: str, table: bool, size: int) -> Work:
    """Run gradcli, with the table that it shows or without."""
    formula = FORMULAS[key]
    inputs = inputs_of(formula, dtype, size)
    data = {n: v for n, v in inputs.items() if n not in formula.parameters}
    parameters = {n: inputs[n] for n in formula.parameters}

    def work() -> Result:
        inspection = loads(formula.text, data, parameters)
        if table:
            show(inspection)
        return results(inspection, "loss", formula.parameters)

    return work


def pytorch(key: str, dtype: str, size: int) -> Work:
    """Run PyTorch, with as many threads as it takes."""
    torch: Any = import_module("torch")
    formula = FORMULAS[key]
    inputs = {n: torch.from_numpy(v) for n, v in inputs_of(formula, dtype, size).items()}
    parameters = [inputs[n].requires_grad_() for n in formula.parameters]

    def work() -> Result:
        for parameter in parameters:
            parameter.grad = None
        loss = formula.torch(torch, inputs)
        loss.backward()
        return named(formula, loss.item(), [p.grad.numpy() for p in parameters])

    return work


def jax_jit(key: str, dtype: str, size: int) -> Work:
    """Run JAX, compiled; the compilation is not timed."""
    import jax

    jax.config.update("jax_enable_x64", True)
    formula = FORMULAS[key]
    inputs = {n: jax.numpy.asarray(v) for n, v in inputs_of(formula, dtype, size).items()}
    given = {n: inputs.pop(n) for n in formula.parameters}
    both = jax.jit(jax.value_and_grad(lambda p, d: formula.torch(jax.numpy, {**p, **d})))

    def work() -> Result:
        loss, gradients = jax.block_until_ready(both(given, inputs))
        return named(formula, loss, [gradients[n] for n in formula.parameters])

    return work


def by_hand(key: str, dtype: str, size: int) -> Work:
    """Differentiate by hand in numpy, with whole arrays."""
    formula = FORMULAS[key]
    inputs = inputs_of(formula, dtype, size)

    def work() -> Result:
        loss, *gradients = formula.by_hand(inputs)
        return named(formula, loss, gradients)

    return work


def in_blocks(key: str, dtype: str, size: int) -> Work:
    """Do so block by block in the cache, with `out=`, on two threads."""
    formula = FORMULAS[key]
    inputs = inputs_of(formula, dtype, size)
    parts = [slice(n, min(n + BLOCK, size)) for n in range(0, size, BLOCK)]
    pool = ThreadPoolExecutor(THREADS)

    def some(out: Array, mine: Sequence[slice]) -> list[tuple[float, ...]]:
        buffers = np.empty((5, BLOCK), dtype)
        found = []
        for part in mine:
            block = {n: v[part] if v.ndim else v for n, v in inputs.items()}
            found.append(formula.block(block, buffers, out[part]))
        return found

    def work() -> Result:
        out = np.empty(size if "x" in formula.parameters else 0, dtype)
        shares = pool.map(partial(some, out), [parts[n::THREADS] for n in range(THREADS)])
        sums = np.sum([s for share in shares for s in share], axis=0)
        loss, *gradients = formula.finish(sums, {**inputs, "out": out})
        return named(formula, loss, gradients)

    return work


def workload(key: str, dtype: str, ratio: float) -> Workload:
    """Return the row of a formula and dtype."""
    formula = FORMULAS[key]
    width = np.dtype(dtype).itemsize
    tensors = len(formula.tensors) + ("x" in formula.parameters)
    short = {"float64": "", "float32": "-f32"}[dtype]
    return Workload(
        f"P2{key}{short}",
        f"`{formula.text.removeprefix('loss = ')}`, 1e7 elements, {dtype}",
        (
            Peer("gradcli", partial(ours, key, dtype, True)),
            Peer("gradcli without its table", partial(ours, key, dtype, False)),
            Peer("PyTorch", partial(pytorch, key, dtype), "torch"),
            Peer("jax jit", partial(jax_jit, key, dtype), "jax"),
            Peer("numpy by hand", partial(by_hand, key, dtype)),
            Peer("numpy in blocks by hand", partial(in_blocks, key, dtype)),
        ),
        size=10_000_000,
        tiny=10_000,
        aims=(Aim(ratio, "jax jit"),),
        tolerance={"float64": 1e-9, "float32": 1e-3}[dtype],
        memory="process",
        most_bytes=lambda size: tensors * size * width + (64 << 20),
    )


WORKLOADS = tuple(
    workload(key, dtype, ratio)
    for key, ratio in {"a": 0.5, "b": 0.8, "c": 1.0}.items()
    for dtype in ("float64", "float32")
)
