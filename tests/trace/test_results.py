"""What files in the language's own words print, as Python and NumPy have it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli import GradcliError, load, loads
from gradcli.errors import LimitFault
from gradcli.ops import FUNCTIONS

PRINTED = {  # a file, and what it prints: values by hand
    # annotations
    "x = ones(2)\nx: float64[2]\nprint(x)": "tensor([1., 1.])",
    "w: float64[2] = [1., 2.]\nprint(w)": "tensor([1., 2.])",
    "k = tensor(2)\nw: float64[k] = [1., 2.]\nprint(w.shape)": "torch.Size([2])",
    "k: int = 3\nprint(k)": "3",
    "x: Tensor[n, n] = eye(2)\ny: float64[n] = ones(2)\nprint(x @ y)": "tensor([1., 1.])",
    "import torch\nx: torch.Tensor = ones(1)\nprint(x)": "tensor([1.])",
    # lists and numbers where NumPy takes them
    "print(exp([0., 0.]), exp(0.), sum([1, 2, 3.5]))": "tensor([1., 1.]) 1.0 6.5",
    "print(where(True, 1., 2.))": "1.0",
    "print(float32(2.5))": "tensor(2.5000, dtype=torch.float32)",
    "print(float32([1, 2]).dtype)": "torch.float32",
    "print(max(3, 1.5), min([4, 2]), max([tensor(1.), tensor(3.)]).item())": "3 2 3.0",
    "print(0.5 .real, (3 - 4j).imag, abs(3 - 4j))": "0.5 -4.0 5.0",
    # imports
    "from typing import Any\nimport typing\ny: Any = 2\nprint(y)": "2",
    "from torch import nn\nprint(nn.functional.relu(-ones(1)))": "tensor([0.])",
    "from numpy import linalg\nprint(linalg.norm([3., 4.]))": "5.0",
    "from torch.nn import functional as G\nprint(G.relu(ones(1)))": "tensor([1.])",
    # results and their members
    "r = topk(tensor([3., 1., 2.]), 2)\nprint(r.values, r[1])": "tensor([3., 2.]) tensor([0, 2])",
    "f = sin\nprint(f.__name__)": "sin",
    "def f(x, k=2):\n    return x*k\nprint(f(3), f(3, k=4), f(x=1), f)": "6 12 2 <function f>",
    "x = param(1.)\nprint((x*2).grad_fn.__class__.__name__)": "MulBackward0",
    # names that are bound in patterns
    "((a), b) = 1, 2\nprint(a, b)": "1 2",
    "for i, (a, b) in enumerate([(1, 2), (3, 4)]):\n    print(i, a, b)": "0 1 2\n1 3 4",
    "x = 3\nx += 2\nprint(x)": "5",
    "print([x for x in [1, 2, 3] if x != 2], [a*b for a in [1, 2] for b in [3]])": "[1, 3] [3, 6]",
    "x = [ones(1)*2]\nx[0] *= 3\nprint(x)": "[tensor([6.])]",
    "print(1 < 2 < 3, 3 > 2 > 2, 1 if 2 in [1, 2] else 0)": "True False 1",
    "print(None == tensor(1.), tensor(1.) != None)": "False True",
    "print(~tensor([True]), not tensor(0.), -tensor(2), ~tensor(5))":
        "tensor([False]) True tensor(-2) tensor(-6)",
    "x = eye(2)\nprint(x[True].shape, x[0, None].shape, x[False].shape)":
        "torch.Size([1, 2, 2]) torch.Size([1, 2]) torch.Size([0, 2, 2])",
    "print(aminmax(2.), slogdet([[2., 0.], [0., 3.]]).sign)": "(2.0, 2.0) tensor(1.)",
    "print(ones(2).to(ones(1, dtype=float32)).dtype)": "torch.float32",
    "print((param(1.)*2).grad_fn)": "<MulBackward0 object>",
    "x = param(ones(2))\ntorch.autograd.backward([x.sum(), (x*2).sum()])\nprint(x.grad)":
        "tensor([3., 3.])",
    "x = tensor([1., 2.])\nprint((x.numpy()*2).sum())": "6.0",
    "x = eye(2)\n(x*2)[0] = 1\nx[0][1] = 3\nprint(x[0])": "tensor([1., 3.])",
    "m = zeros(2)\ny = F.batch_norm(ones(0, 2), m, ones(2), training=True)\nprint(y.shape, m)":
        "torch.Size([0, 2]) tensor([0., 0.])",
    "m = zeros(1)\nv = ones(1)\nwith no_grad():\n"
    "    y = F.batch_norm(tensor([[1.], [3.]]), m, v, training=True)\nprint(m, v)":
        "tensor([0.2000]) tensor([1.1000])",  # 0.1 of the mean 2; 0.9 + 0.1 of the variance 2
    "x = param([1., 2.])\nprint(jacobian(zeros(0)*x.sum(), x).shape)": "torch.Size([0, 2])",
    "x = param([1., 2.])\ny = param(3.)\nprint(jvp(x*y + y, (y,), (tensor(1.),)).detach())":
        "tensor([2., 3.])",
    "x = param([1., 2.])\nprint(jvp(x.detach()*2, x, ones(2)))": "tensor([0., 0.])",
    "x = param([3., 1.])\ny = (x + 1).sum()\ny.backward()\ny.backward()\nprint(x.grad)":
        "tensor([2., 2.])",  # nothing of it was saved
    # gradients of a list of inputs, and vectors
    "x = param(2.)\ny = param(3.)\nprint(vjp(x*y, (x, y), tensor(1.)))":
        "(tensor(3., grad_fn=<MulBackward0>), tensor(2., grad_fn=<MulBackward0>))",
    "x = param(2.)\nprint(vjp(x**3, x, tensor(2.)).item())": "24.0",
}  # fmt: skip


TRUE = (  # claims of every form
    "(1 < 2)", "1 < 2 < 3", "True, 'why'", "not False", "allclose(input=x, other=x)",
    "equal(x, x)", "x[0] == 1", "x[0] in [1., 2.]", "all(x == 1)",
)  # fmt: skip


@pytest.mark.parametrize("claim", TRUE)
def test_a_claim_may_have_any_form(claim: str) -> None:
    (true,) = loads(f"x = ones(2)\nassert {claim}\n").claims
    assert (true.holds, true.line) == (True, 2)


def test_a_claim_that_is_false_is_told_with_its_words() -> None:
    (false,) = loads("x = ones(2)\nassert not allclose(x, x), f'{x[0]}'\n").claims
    assert (false.holds, false.source, false.message) == (False, "not allclose(x, x)", "1.0")


def test_what_is_differentiated_by_may_be_computed() -> None:
    text = "w = param(3.)\nh = w*2\nk = 2.\ny = h*h*k\n"
    found = {n.name: n.grad for n in loads(text, wrt=("h", "k")).nodes}
    assert found["h"] == 24  # 2hk
    assert found["k"] == 36  # h²
    data = loads("x = tensor(3.)\ny = x*x\n", wrt=("x",)).node(0)
    assert data.requires_grad
    assert data.grad == 6


def test_a_pass_of_the_file_keeps_all_gradients_where_asked() -> None:
    text = "w = param(3.)\nh = w*2\ny = h*h\ny.backward()\n"
    kept = [node.grad for node in loads(text, retain_grad=True).nodes]
    assert kept == [24, 12, 1]
    assert [node.grad for node in loads(text).nodes] == [24, None, None]


def test_a_small_budget_is_said_in_bytes() -> None:
    with pytest.raises(LimitFault, match=r"takes 800 bytes, .* the limit of 100 bytes"):
        loads("x = zeros(100)\n", max_memory=100)


def test_tables_of_tensors_come_from_files(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.ones(2), b=np.array(3.0))
    file = tmp_path / "f.expr"
    file.write_text(
        "d = load('d.npz')\nprint(len(d), [k for k in d.keys()], d['a'])\n"
        "for k, v in d.items():\n    print(k, v.shape)\nprint([v.sum().item() for v in d.values()])"
    )
    assert list(load(file).printed) == [
        "2 ['a', 'b'] tensor([1., 1.])", "a torch.Size([2])", "b torch.Size([])", "[2.0, 3.0]",
    ]  # fmt: skip
    file.write_text("d = load('d.npz')\nx = d['c']\n")
    with pytest.raises(GradcliError, match=r"(?s)KeyError: 'c'.*there are 'a', 'b'"):
        load(file)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (IndexError("in their words"), "`exp(x)` cannot be computed with these values"),
        (ZeroDivisionError(), "`exp(x)` cannot be computed with these values"),
        (RecursionError(), "the expression is nested too deeply"),
    ],
)
def test_what_nobody_foresaw_is_an_error_with_a_place(
    error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stumble(*_: Any) -> Any:
        raise error

    monkeypatch.setitem(FUNCTIONS["exp"].__dict__, "forward", stumble)
    with pytest.raises(GradcliError) as caught:
        loads("x = tensor([1., 2.])\ny = exp(x)\nprint(y)\n")
    assert caught.value.message == said
    assert caught.value.source is not None
    assert caught.value.span is not None
    assert caught.value.source.line_of(caught.value.span) in (2, 3)


@pytest.mark.parametrize("text", PRINTED)
def test_a_file_prints_what_python_does(text: str) -> None:
    assert "\n".join(loads(text).printed) == PRINTED[text]
