"""Programs of JAX that are recorded: functions with the arguments of a call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax
from jax.scipy.linalg import solve_triangular
from jax.scipy.special import logsumexp


class Program(NamedTuple):
    """A function, and a call's arguments."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


def normal(*shape: int, seed: int = 0) -> jax.Array:
    return jax.random.normal(jax.random.key(seed), shape)


def layer(p: Any, x: Any) -> Any:
    return jax.nn.relu(x @ p["w"] + p["b"])


def mlp(params: Any, x: Any, labels: Any) -> Any:
    for p in params["layers"]:
        x = layer(p, x)
    logp = jax.nn.log_softmax(x @ params["out"])
    return -jnp.mean(logp[jnp.arange(5), labels])


def convnet(w: Any, v: Any, x: Any) -> Any:
    numbers = ("NHWC", "HWIO", "NHWC")
    h = jnp.tanh(lax.conv_general_dilated(x, w, (1, 1), "SAME", dimension_numbers=numbers))
    h = lax.reduce_window(h, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    h = lax.reduce_window(h, 0.0, lax.add, (1, 2, 2, 1), (1, 1, 1, 1), "SAME")
    return (h.mean((1, 2)) @ v).sum()


def convolutions(w: Any, x: Any) -> Any:
    h = lax.conv(x, w, (2, 2), "SAME")
    pads = ((2, 1), (0, 3))
    h = lax.conv_general_dilated(
        h, w[:, :1], (1, 1), pads, rhs_dilation=(2, 1), feature_group_count=4
    )
    back = lax.conv_transpose(h, w.swapaxes(0, 1), (2, 2), "SAME",
                              dimension_numbers=("NCHW", "OIHW", "NCHW"))  # fmt: skip
    return (back**2).sum()


def rnn(p: Any, xs: Any) -> Any:
    def cell(h: Any, x: Any) -> Any:
        h = jnp.tanh(h @ p["wh"] + x @ p["wx"])
        return h, h.sum()

    h, ys = lax.scan(cell, jnp.zeros(3), xs)
    return jnp.sum(h**2) + ys.mean()


def gaussian_process(x: Any, y: Any, scale: Any, noise: Any) -> Any:
    d = ((x[:, None] - x[None]) ** 2).sum(-1)
    kernel = jnp.exp(-d / (2 * scale**2)) + noise * jnp.eye(4)
    factor = jnp.linalg.cholesky(kernel)
    a = solve_triangular(factor, y, lower=True)
    return 0.5 * a @ a + jnp.log(jnp.diag(factor)).sum()


def kinks(x: Any) -> Any:
    a = jnp.abs(x).sum() + jnp.where(x > 0, jnp.sqrt(jnp.where(x > 0, x, 1.0)), 0.0).sum()
    b = logsumexp(x) + jnp.max(x[1:4]) + jnp.maximum(x, 0.0).sum()
    c = jnp.clip(x, -1.0, 1.0).sum() + jax.nn.relu(x).sum() + lax.cummax(x).sum()
    return a + b * c


def hidden_branch(x: Any) -> Any:
    return jnp.where(x > 0, jnp.sqrt(x), 0.0).sum()


def activations(x: Any) -> Any:
    weights = jnp.arange(1.0, 5.0)
    return sum((f(x) * weights).sum() for f in (jax.nn.relu, jax.nn.softplus, jax.nn.gelu))


def attention(q: Any, k: Any, v: Any) -> Any:
    s = jnp.einsum("bqd,bkd->bqk", q, k) / jnp.sqrt(4.0)
    mask = jnp.tril(jnp.ones((3, 5), bool), 1)
    p = jax.nn.softmax(jnp.where(mask, s, -jnp.inf), axis=-1)
    return jnp.sum(jnp.einsum("bqk,bkv->bqv", p, v) ** 2)


def pendulum(y: Any, k: Any) -> Any:
    def slope(y: Any) -> Any:
        return jnp.array([y[1], -k * jnp.sin(y[0])])

    def step(_: Any, y: Any) -> Any:
        return y + 0.1 * slope(y + 0.05 * slope(y))

    return jnp.sum(lax.fori_loop(0, 3, step, y) ** 2)


def optimiser(params: Any, state: Any, x: Any, y: Any) -> Any:
    loss, g = jax.value_and_grad(lambda p: jnp.mean((x @ p["w"] - y) ** 2))(params)
    m = 0.9 * state["m"] + 0.1 * g["w"]
    return loss, ({"w": params["w"] - 0.01 * m}, {"m": m, "t": state["t"] + 1})


def branches(a: Any, x: Any) -> Any:
    _, x = lax.while_loop(lambda c: c[0] < 3, lambda c: (c[0] + 1, c[1] * a), (0, x))
    return lax.cond(x.sum() > 0, jnp.sum, lambda x: -jnp.sum(x**2), x)


@jax.custom_vjp  # type: ignore[untyped-decorator]
def clipped(x: Any) -> Any:
    return x * 1.0


clipped.defvjp(lambda x: (x * 1.0, None), lambda _, g: (jnp.clip(g, -0.1, 0.1),))


def clipping(x: Any) -> Any:
    return jnp.sum(clipped(x) ** 2) + jnp.sum(clipped(jnp.sin(x)))


def dropout(key: Any, x: Any) -> Any:
    kept = jax.random.bernoulli(key, 0.5, x.shape)
    return jnp.sum(jnp.where(kept, x / 0.5, 0.0) * x + jax.random.normal(key, x.shape) * x)


def indexing(x: Any, u: Any, i: Any, j: Any) -> Any:
    read = (x[i] ** 2).sum() + x[1, 2] + x[i, jnp.arange(4)].prod() + jnp.sort(x, axis=0)[1] @ u
    read += jnp.take_along_axis(x, jnp.argsort(x, 1), 1)[:, 0].sum() + lax.top_k(x, 2)[0].sum()
    a, b = x.at[0].set(u), x.at[i].add(u) * x.at[1, 1].multiply(3.0)
    c = lax.dynamic_update_slice(x, lax.dynamic_slice(x, (j, 1), (2, 2)) ** 2, (j, 0))
    d = jnp.pad(x[::2, ::-1], ((1, 1), (0, 0)), constant_values=2.0)
    return read + (a * b).sum() + (c**2).sum() + d.prod() + jnp.cumsum(x, 0).prod()


def decompositions(a: Any) -> Any:
    w, v = jnp.linalg.eigh(a @ a.T)
    q, r = jnp.linalg.qr(a)
    s = jnp.linalg.svd(a, compute_uv=False)
    others = jnp.linalg.inv(a).sum() + jnp.linalg.slogdet(a)[1] + jnp.linalg.solve(a, a[0]).sum()
    return (w**2).sum() + (v**4).sum() + (q**3).sum() + jnp.abs(r).sum() + s.sum() + others


def spectrum(x: Any) -> Any:
    return jnp.sum(jnp.abs(jnp.fft.rfft(x)) ** 2)


MLP = {
    "layers": [{"w": normal(3, 4), "b": normal(4, seed=3)},
               {"w": normal(4, 4, seed=1), "b": jnp.zeros(4)}],
    "out": normal(4, 2, seed=2),
}  # fmt: skip
PROGRAMS = {
    "mlp": Program(mlp, (MLP, normal(5, 3, seed=4), jnp.array([0, 1, 1, 0, 1]))),
    "convnet": Program(convnet, (normal(3, 3, 2, 4), normal(4, seed=5), normal(2, 6, 6, 2))),
    "convolutions": Program(convolutions, (normal(4, 2, 3, 3), normal(2, 2, 7, 7, seed=1))),
    "rnn": Program(rnn, ({"wh": normal(3, 3), "wx": normal(2, 3, seed=1)}, normal(4, 2, seed=2))),
    "gaussian_process": Program(gaussian_process, (normal(4, 2), normal(4, seed=1), 0.7, 0.1)),
    "kinks": Program(kinks, (jnp.array([0.0, 1.0, -1.0, 1.0, 2.0]),)),
    "hidden_branch": Program(hidden_branch, (jnp.array([0.0, 4.0]),)),
    "activations": Program(activations, (jnp.array([-1.5, 0.0, 0.5, 2.0]),)),
    "attention": Program(
        attention, (normal(2, 3, 4), normal(2, 5, 4, seed=1), normal(2, 5, 3, seed=2))
    ),
    "pendulum": Program(pendulum, (jnp.array([1.0, 0.5]), 0.3)),
    "optimiser": Program(
        optimiser,
        ({"w": normal(3)}, {"m": jnp.zeros(3), "t": 1}, normal(4, 3, seed=1), normal(4, seed=2)),
    ),
    "branches": Program(branches, (1.5, normal(3))),
    "clipping": Program(clipping, (normal(3),)),
    "dropout": Program(dropout, (jax.random.key(1), normal(6))),
    "indexing": Program(
        indexing, (normal(5, 4), normal(4, seed=1), jnp.array([1, 0, 4, 1]), 2)
    ),
    "decompositions": Program(decompositions, (normal(3, 3) + 3 * jnp.eye(3),)),
    "spectrum": Program(spectrum, (normal(8),)),
}  # fmt: skip
