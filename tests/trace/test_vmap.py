"""`vmap(f)` gives what f of every slice gives, and records that once where it can."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

from gradcli.autodiff import gradient_values
from gradcli.errors import GradcliError, Source
from gradcli.rule.dtypes import FLOAT64
from gradcli.session import Request, Session, run
from gradcli.trace import Options, vmap

HEAD = """
import torch
from torch.func import vmap, grad, jacrev, hessian
M = torch.tensor([[.3, -1.2, .7], [1.1, .4, -.6], [-.8, .9, 1.5], [.2, -.5, 2.]]).repeat(COPIES, 1)
w = torch.tensor([1., -2., 3.], requires_grad=True)
"""
# whether one record serves all slices, and y
PROGRAMS = {
    "elementwise": (True, "y = vmap(lambda x: (x ** 3).sum() * x)(M)"),
    "products": (True, "y = vmap(lambda x: (M @ x) * torch.dot(x, w))(M)"),
    "of a gradient": (True, "y = vmap(grad(lambda x: (torch.tanh(x) ** 2).sum()))(M)"),
    "gradients of each sample": (
        True, "y = vmap(grad(lambda w, x: (x * w).sum() ** 2), (None, 0))(w, M)"),
    "of a Hessian": (True, "y = vmap(hessian(lambda x: (x ** 3).sum() * x[0]))(M)"),
    "of a Jacobian": (True, "y = vmap(jacrev(lambda x: torch.softmax(x, 0)))(M)"),
    "of itself": (True, "y = vmap(vmap(lambda a, b: a * b, (0, None)), (0, 0))(M, M[:, 0])"),
    "columns": (True, "y = vmap(lambda x: x * x.sum(), in_dims=1, out_dims=1)(M)"),
    "several": (True, "a, b = vmap(lambda x: (x.sum(), x[1:]))(M)\ny = a.sum() * b"),
    "sorted": (True, "y = vmap(lambda x: torch.sort(x)[0] * x)(M)"),
    "the slice itself": (True, "y = vmap(lambda x: x)(M)\ny[0] = 7.\ny = y + M"),
    "a constant": (True, "y = vmap(lambda x: w * 2)(M)"),
    "a choice by values": (False, "y = vmap(lambda x: x if x[0] > 0 else -x)(M)"),
    "a number read": (False, "y = vmap(lambda x: x * x[0].item())(M)"),
    "a list that grows": (
        False, "a = []\ndef f(x):\n    a.append(1)\n    return x * len(a)\ny = vmap(f)(M)"),
    "a counter": (
        False, "n = [1000]\ndef f(x):\n    n[0] += 1\n    return x * n[0]\ny = vmap(f)(M)"),
    "an iterator": (
        False, "n = zip([1., 2., 3., 4.] * 10)\ndef f(x):\n    for (k,) in n:\n"
        "        return x * k\ny = vmap(f)(M)"),
    "a tensor outside": (
        False, "s = torch.zeros(3)\ndef f(x):\n    s.add_(x)\n    return s * 1\ny = vmap(f)(M)"),
    "its own tensor": (
        False, "def f(x):\n    z = x * 2\n    z[0] = 7.\n    return z\ny = vmap(f)(M)"),
    "random numbers": (False, "y = vmap(lambda x: x + torch.rand(3))(M)"),
    "a mode": (
        False, "def f(x):\n    torch.set_grad_enabled(False)\n    return x * w\ny = vmap(f)(M)"),
    "what is printed": (False, "def f(x):\n    print('f')\n    return x * 2\ny = vmap(f)(M)"),
    "what has no gradient": (
        True, "def f(x):\n    with torch.no_grad():\n        c = x * w\n    return c * w\n"
        "y = vmap(f)(M)"),
}  # fmt: skip


def ran(body: str, copies: int = 1) -> Session:
    text = HEAD.replace("COPIES", str(copies)) + body
    return run(Source("vmap", text), Options(FLOAT64), Request(backward=False))


def gradient(session: Session) -> Any:
    """Return the gradient of the sum of the squares of y, by w; None where there is none."""
    y, w = session.tracer.scope["y"], session.tracer.scope["w"]
    if not y.requires_grad:
        return None
    (found,) = gradient_values(session.graph, {y.id: 2 * y.value}, [w.id])
    return found


@pytest.mark.parametrize("name", PROGRAMS)
def test_all_slices_together_give_what_they_give_one_by_one(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    together = ran(PROGRAMS[name][1])
    monkeypatch.setattr(vmap, "FEWEST", 1 << 60)
    one_by_one = ran(PROGRAMS[name][1])
    found, known = (x.tracer.scope["y"] for x in (together, one_by_one))
    np.testing.assert_allclose(found.value, known.value, rtol=1e-13)
    assert found.requires_grad == known.requires_grad
    assert together.tracer.printed == one_by_one.tracer.printed
    if known.requires_grad:
        np.testing.assert_allclose(gradient(together), gradient(one_by_one), rtol=1e-13)


@pytest.mark.parametrize("name", PROGRAMS)
def test_rows_are_as_many_for_many_slices_as_for_few_where_no_value_is_read(name: str) -> None:
    once, body = PROGRAMS[name]
    few, many = (len(ran(body, copies).graph) for copies in (1, 10))
    assert (few == many) == once


def test_gradients_of_samples_are_their_closed_form() -> None:
    y = ran(PROGRAMS["gradients of each sample"][1]).tracer.scope
    x, w = y["M"].value, y["w"].value
    np.testing.assert_allclose(y["y"].value, 2 * (x @ w)[:, None] * x)


def test_names_of_the_function_are_those_of_all_slices() -> None:
    session = ran("def f(x):\n    inside = x * 2\n    return inside * w\ny = vmap(f)(M)")
    names = session.graph.notes.names
    assert [session.graph.metas[i].shape for i in names if names[i] == "inside"] == [(4, 3)]


# ---- many cotangents -----------------------------------------------------------------------

BATCHED = """
x = torch.tensor([1., 2., 3.], requires_grad=True)
y = x ** 2 * x.sum()
"""


def test_gradients_for_many_cotangents_have_their_leading_axis() -> None:
    scope = ran(
        BATCHED + "a, b = torch.autograd.grad(y, (x, w), torch.eye(3), is_grads_batched=True, "
        "create_graph=True, allow_unused=True)\n"
        "(c,) = torch.autograd.grad(a.sum(), x)\n"
    ).tracer.scope
    x = np.array([1.0, 2.0, 3.0])
    jacobian = np.diag(2 * x * x.sum()) + x[:, None] ** 2
    np.testing.assert_allclose(scope["a"].value, jacobian)
    assert scope["b"] is None
    np.testing.assert_allclose(scope["c"].value, 2 * x.sum() + 2 * x.sum() + 3 * 2 * x)


REFUSED = {
    "torch.autograd.grad(y, x, is_grads_batched=True)": "takes grad_outputs, which have a leading",
    "torch.autograd.grad(y, x, torch.ones(2, 4), is_grads_batched=True)":
        "torch.Size([2, 4]) and output[0] has a shape of torch.Size([3])",
    "torch.autograd.grad(y.sum(), x, torch.tensor(1.), is_grads_batched=True)": "torch.Size([])",
    "torch.autograd.grad(y.detach(), x, torch.eye(3), is_grads_batched=True)":
        "does not require grad",
    "torch.autograd.grad((y, x * 2), x, (torch.eye(3), torch.ones(2, 3)), is_grads_batched=True)":
        "the leading axes have different sizes",
}  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_cotangents_without_a_leading_axis_are_refused(text: str) -> None:
    with pytest.raises(GradcliError, match=re.escape(REFUSED[text])):
        ran(BATCHED + text)
