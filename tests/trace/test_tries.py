"""An error that only a value shows is one of the statement that asks for it, where a `try` is.

What is expected was printed by PyTorch 2.13.
"""

from __future__ import annotations

import pytest

from gradcli import loads

SETUP = "import torch\nimport torch.nn.functional as F\nzero = torch.zeros(2, 2)\n"
PRINTED = {
    # what follows does not run, and a name stays what it was
    "y = 'as it was'\ntry:\n    print(1)\n    y = torch.linalg.cholesky(zero - 1)\n    print(2)\n"
    "except RuntimeError as e: print(type(e).__name__)\nprint(y)":
        "1 _LinAlgError as it was",
    "def f(x):\n    y = torch.linalg.inv(x)\n    print(1)\n    return y\n"
    "try: f(zero)\nexcept RuntimeError: print(2)": "2",
    "try: y = torch.linalg.inv(zero + torch.eye(2))\nexcept RuntimeError: print(1)\n"
    "else: print(2)": "2",
    "x = torch.arange(3)\ntry:\n    x[torch.tensor([5])] = 1\n    print(1)\n"
    "except IndexError: print(2)\nprint(x)": "2 tensor([0, 1, 2])",
    "try:\n    torch.tensor([1, 2]) // 0\n    print(1)\nexcept RuntimeError as e: print(e)":
        "ZeroDivisionError",
    "n = 0\nfor k in range(4):\n    try:\n        torch.linalg.cholesky(torch.eye(2) * (k - 2))\n"
    "        n += 1\n        print(k)\n    except RuntimeError: print('no', k)\nprint(n)":
        "no 0 no 1 no 2 3 1",
    "try:\n    try: torch.linalg.inv(zero)\n    finally: print(1)\n    print(2)\n"
    "except RuntimeError: print(3)": "1 3",
    "try:\n    F.cross_entropy(zero, torch.tensor([1, 7]))\n    print(1)\n"
    "except IndexError as e: print(e)": "Target 7 is out of bounds.",
    # a generator that is left in a `try` takes its own along
    "def g():\n    try:\n        yield 1\n        torch.linalg.inv(zero)\n        print(9)\n"
    "    except RuntimeError: yield 2\nfor i in g():\n    print(i)\n"
    "    try: torch.linalg.inv(zero); print(9)\n    except RuntimeError: print('o')": "1 o 2 o",
    # so does an object that may swallow it
    "class C:\n    def __enter__(self): return self\n    def __exit__(self, *a): return True\n"
    "with C():\n    torch.linalg.inv(zero)\n    print(1)\nprint(2)": "2",
    # what forward() says, it says once
    "class D(torch.autograd.Function):\n    @staticmethod\n    def forward(ctx, x):\n"
    "        print('forward')\n        return x * 2\n    @staticmethod\n"
    "    def backward(ctx, g): return g * 2\nx = torch.ones(2, requires_grad=True)\n"
    "try: D.apply(x).sum().backward()\nexcept RuntimeError: pass\nprint(x.grad)":
        "forward tensor([2., 2.])",
}  # fmt: skip


@pytest.mark.parametrize("program", PRINTED)
def test_what_follows_an_error_of_a_value_is_not_run(program: str) -> None:
    assert " ".join(loads(SETUP + program).printed) == PRINTED[program]


def test_a_row_that_cannot_be_computed_is_no_row() -> None:
    program = f"{SETUP}try: y = torch.linalg.inv(zero)\nexcept RuntimeError: y = zero + 1\n"
    found = loads(program)
    assert [node.op for node in found.nodes if node.op != "leaf"] == ["add"]
