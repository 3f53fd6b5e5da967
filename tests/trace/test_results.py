"""What files in the language's own words print, as Python and NumPy have it."""

from __future__ import annotations

import pytest

from gradcli import loads

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
    "from numpy import linalg\nprint(linalg.norm([3., 4.]))": "tensor(5.)",
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
    # gradients of a list of inputs, and vectors
    "x = param(2.)\ny = param(3.)\nprint(vjp(x*y, (x, y), tensor(1.)))":
        "(tensor(3., grad_fn=<MulBackward0>), tensor(2., grad_fn=<MulBackward0>))",
    "x = param(2.)\nprint(vjp(x**3, x, tensor(2.)).item())": "24.0",
}  # fmt: skip


@pytest.mark.parametrize("text", PRINTED)
def test_a_file_prints_what_python_does(text: str) -> None:
    assert "\n".join(loads(text).printed) == PRINTED[text]
