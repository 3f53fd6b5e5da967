"""Nests of arrays that cannot be differentiated, mapped over or paired are refused with words."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

START = "import jax\nimport jax.numpy as jnp\np = {'w': jnp.ones(2), 'b': [jnp.ones(2)]}\n"
SUM = "lambda p: jnp.sum(p['w'] * p['b'][0])"
REFUSED = {
    f"jax.jvp({SUM}, (p,), ({{'w': jnp.ones(2)}},))": "has not the structure of what it belongs to",
    f"jax.jvp({SUM}, (p,), ({{'w': jnp.ones(2), 'b': jnp.ones(2)}},))": "has not the structure",
    f"jax.vjp({SUM}, p)[1]({{'y': 1.0}})": "a tensor is made of numbers",
    "jax.vjp(lambda p: p, p)[1]({'w': jnp.ones(2)})": "has not the structure",
    "jax.grad(lambda p: p)(p)": "the function's result must be a tensor",
    "jax.grad(lambda p: 1.0)({'w': 'text'})": "a tensor is made of numbers",
    "jax.grad(lambda p: p[1] * p['a'])({1: 2.0, 'a': 3.0})": "keys of a dictionary",
    "jax.vmap(lambda p: p['w'], in_axes=({'w': 0},))(p)": "in_axes have other keys",
    "jax.vmap(lambda p: p[0], in_axes=((0, 0),))([jnp.ones(2)])": "2 in_axes for 1 items",
    "jax.vmap(lambda p: p['w'])({'w': jnp.ones(2), 'b': jnp.ones(3)})": "have sizes [2, 3]",
    "jax.vmap(lambda p: {'y': p}, out_axes={'y': 0})(jnp.ones(3))": "an axis is an integer",
}


@pytest.mark.parametrize("call", REFUSED)
def test_a_nest_that_does_not_fit_is_refused(call: str) -> None:
    with pytest.raises(GradcliError) as refusal:
        loads(f"{START}r = {call}\n")
    assert REFUSED[call] in str(refusal.value)


CHECKED = {  # the parameters whose gradients a check verifies, by what is differentiated last
    "import jax\ng = jax.grad(lambda x: x**3)(2.0)": ["x"],
    f"{START}g = jax.grad({SUM})(p)": ["p.w", "p.b.0"],
    f"{START}g = jax.grad(lambda q, y: y * {SUM[10:].replace('p[', 'q[')}, (0, 1))(p, 2.0)":
        ["q.w", "q.b.0", "y"],
    "from autograd import grad\nimport autograd.numpy as np\nfor i in range(2):\n"
    "    w = 2.0 * np.ones(2) if i == 0 else w - 0.1 * g\n    g = grad(lambda v: np.sum(v**3))(w)":
        ["v"],
    "import torch\ndef f(d):\n    return d['x'].sum() ** 2\n"
    "g = torch.func.grad_and_value(f)({'x': torch.ones(3)})": ["d.x"],
}  # fmt: skip


@pytest.mark.parametrize("text", CHECKED)
def test_a_check_verifies_what_a_transformed_function_was_differentiated_by(text: str) -> None:
    report = loads(text).check()
    assert [f.parameter for f in report.findings] == CHECKED[text]
    assert str(report.verdict) == "OK"


def test_a_list_of_numbers_is_one_array_where_no_library_says_otherwise() -> None:
    (printed,) = loads("print(grad(lambda v: sum(v**2))([3.0, 2.0]).tolist())").printed
    assert printed == "[6.0, 4.0]"


def test_what_a_scan_stacks_keeps_its_gradient() -> None:
    run = loads(
        "import jax\nimport jax.numpy as jnp\n"
        "f = lambda w: jnp.sum(jax.lax.scan(lambda h, x: (h, x * w), 0.0, jnp.ones(3))[1])\n"
        "g = jax.grad(f)(2.0)\n"
    )
    assert run["g"].value == 3.0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("x: int = 1\n    y: int", "non-default namedtuple field y cannot follow default field x"),
        ("x: int\n    def f(self):\n        return 1", "a NamedTuple has no methods here"),
    ],
)
def test_a_named_tuple_that_is_no_list_of_fields_is_refused(body: str, said: str) -> None:
    with pytest.raises(GradcliError, match=said):
        loads(f"from typing import NamedTuple\nclass P(NamedTuple):\n    {body}\n")
