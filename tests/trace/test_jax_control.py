"""JAX's loops, choices and trees, with what they come to by hand."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

HEAD = "import jax\nimport jax.numpy as jnp\nfrom jax import lax\n"
# an expression, and what it comes to
VALUES = {
    "lax.fori_loop(0, 4, lambda i, x: x + i, 10)": 16,
    "lax.while_loop(lambda x: x < 100, lambda x: 3 * x, 2)": 162,
    "lax.cond(2 > 1, lambda x: x, lambda x: -x, 5)": 5,
    "lax.cond(False, lambda: 1, lambda: 2)": 2,
    "lax.switch(7, [lambda x: x, lambda x: 10 * x], 3)": 30,
    "lax.scan(lambda c, x: (c + x, c), 0.0, jnp.arange(4.0))[0].item()": 6.0,
    "lax.scan(lambda c, x: (c + x, c), 0.0, jnp.arange(4.0))[1].tolist()": [0.0, 0.0, 1.0, 3.0],
    "lax.scan(lambda c, x: (c + x, c), 0.0, jnp.arange(4.0), reverse=True)[1].tolist()":
        [6.0, 5.0, 3.0, 0.0],
    "lax.scan(lambda c, _: (2 * c, None), 1, None, length=5)": (32, None),
    "lax.scan(lambda c, p: (c + p['a'] * p['b'], None), 0.0,"
    " {'a': jnp.arange(3.0), 'b': jnp.ones(3)})[0].item()": 3.0,
    "lax.map(lambda x: x * x, jnp.arange(3.0)).tolist()": [0.0, 1.0, 4.0],
    "lax.associative_scan(jnp.add, jnp.arange(4.0)).tolist()": [0.0, 1.0, 3.0, 6.0],
    "jax.tree.map(lambda x, y: x + y, {'a': 1, 'b': [2, (3,)]}, {'a': 10, 'b': [20, (30,)]})":
        {"a": 11, "b": [22, (33,)]},
    "jax.tree_util.tree_leaves({'b': 1, 'a': [2, None, (3,)]})": [2, 3, 1],
    "jax.tree_util.tree_reduce(lambda a, b: a + b, [1, {'x': 2}], 10)": 13,
    "jax.tree.map(lambda x: len(x), [[1, 2], [3]], is_leaf=lambda x: x and x[0] in (1, 3))": [2, 1],
    # the derivative of Σ c_k with c_{k+1} = w c_k + k, c_0 = 1: c_3 = w³ + w + 2 at w = 2
    "jax.grad(lambda w: lax.scan(lambda c, k: (w * c + k, c), 1.0, jnp.arange(3.0))[0])(2.0)"
    ".item()":
        13.0,
    "jax.checkpoint(lambda x: x + 1)(2)": 3,
    "jax.device_put(3)": 3,
}  # fmt: skip
REFUSED = {
    "lax.scan(lambda c, x: (c, x), 0.0, (jnp.ones(2), jnp.ones(3)))": "leading axis sizes: 2, 3",
    "lax.scan(lambda c, x: (c, x), 0.0)": "needs the items of xs, or a length",
    "jax.tree.map(lambda x, y: x, [1, 2], [1])": "not the same structure",
}


@pytest.mark.parametrize("text", VALUES)
def test_jaxs_control_flow_comes_to_what_it_does_by_hand(text: str) -> None:
    run = loads(f"{HEAD}print({text})")
    assert run.printed == (str(VALUES[text]),)


@pytest.mark.parametrize("text", REFUSED)
def test_what_jax_refuses_is_refused(text: str) -> None:
    with pytest.raises(GradcliError, match=REFUSED[text]):
        loads(f"{HEAD}print({text})")
