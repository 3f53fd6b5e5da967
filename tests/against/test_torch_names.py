"""`check --against torch`: how a file's names are bound there, and what is made of the run."""

from __future__ import annotations

import ast
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from gradcli.against.sides import Comparisons, against
from gradcli.against.torch import _array
from gradcli.api import options_for
from gradcli.errors import ArgumentFault, Source
from gradcli.session import run
from tests.verify import test_command
from tests.verify.checking import session_of

pytestmark = pytest.mark.usefixtures("torch")

SAME = {  # a file that both sides agree on, and the gradient of w there, where there is one
    "without imports": ("w = param([1., 2.])\ny = sum(w*w)\n", [2, 4]),
    "with imports": (
        "import torch\nw = torch.tensor([1., 2.], requires_grad=True)\ny = torch.sum(w*w)\n",
        [2, 4]),
    "a module under another name": (
        "import torch as t\nfrom torch.nn import functional as G\n"
        "import torch.nn.functional as H\n"
        "w = t.tensor([0., 0.], requires_grad=True)\n"
        "y = sum(G.softplus(w)) + H.softplus(w).sum()\n",
        [1, 1]),
    "python's own functions": (
        "w = param([1., 2.])\nk = int(2.5) + len([1, 2]) + sum([1, 2]) + max([1, 3]) + abs(-1)\n"
        "y = sum(w*float(k))\nprint('nobody reads this', y)\n", [11, 11]),
    "numbers that are drawn": ("x = rand(2)\nz = randn(2)\nw = param([1., 2.])\ny = sum(w*x*z)\n",
                               None),
    "a size in one": ("x = rand((2,))\nw = param([1., 2.])\ny = sum(w*x)\n", None),
    "numbers drawn again": (
        "import torch\ntorch.manual_seed(3)\nw = torch.rand(2, requires_grad=True)\n"
        "y = (w*w).sum()\n", None),
    "numpy's": (
        "import numpy as np\nimport torch\nx = torch.tensor(np.random.rand(2))\n"
        "z = torch.tensor(np.random.randn(2))\ny = x*z\n", None),
    "math's": ("import math\nw = param([1., 2.])\ny = sum(w*math.pi)\n", [np.pi, np.pi]),
    "one gradient": ("w = param([1., 2.])\ny = sum(w*w)\ng = grad(y, w)\n", [2, 4]),
    "gradients of several": (
        "w = param([1., 2.])\nv = param([3., 4.])\ny = sum(w*v)\na, b = grad(y, (w, v))\n", [3, 4]),
    "a matrix of them": ("w = param([1., 2.])\ny = w*w\nJ = jacobian(y, w)\nz = sum(y)\n", [2, 4]),
    "no pass": ("w = param([1., 2.])\ny = w*w\n", None),
    "two passes": (
        "w = param([1., 2.])\ny = sum(w*w)\ny.backward(retain_graph=True)\ny.backward()\n", [4, 8]),
}  # fmt: skip


def compared(text: str, folder: Path | None = None, **options: Any) -> Comparisons:
    session = run(Source("<test>", text), options_for(folder=folder, **options))
    return against(session, "torch")


@pytest.mark.parametrize("case", SAME)
def test_both_sides_hold_the_same(case: str) -> None:
    text, gradient = SAME[case]
    found = compared(text, dtype="float64")
    assert {c.name: c.differs for c in found.tensors if set(c.differs) - {"grad_fn"}} == {}
    assert found.tensors
    if gradient is not None:
        w = next(c for c in found.tensors if c.name == "w")
        assert w.theirs.grad is not None
        np.testing.assert_allclose(w.theirs.grad, gradient)


def test_a_root_without_a_name_has_no_gradients_to_compare() -> None:
    found = compared("w = param([1., 2.])\nsum(w*w)\n")
    assert found.gradients == "no gradients: `sum(w*w)` (line 2) has no name"
    assert [(c.name, c.ours.grad, c.differs) for c in found.tensors] == [("w", None, ())]


def test_a_file_without_gradients_says_so() -> None:
    found = compared("x = tensor([1., 2.])\n")
    assert found.gradients == "no gradients: nothing was differentiated"
    assert found.status == 0


def test_a_graph_that_the_file_has_freed_there_is_said() -> None:
    text = "w = param(2.)\ny = w*w\nz = y*w\nw2 = torch.autograd.grad(z, w)\n"
    session = run(Source("<test>", "import torch\n" + text.replace("param(2.)",
                  "torch.tensor(2., requires_grad=True)")), options_for())  # fmt: skip
    found = against(session, "torch")
    assert found.gradients.startswith("no gradients: PyTorch says of `z` (line 4): Trying to")


def test_the_passes_of_a_file_are_counted() -> None:
    one, two = (
        compared("w = param(2.)\ny = w*w\ny.backward(retain_graph=True)\n" + more)
        for more in ("", "y.backward()\n")
    )
    assert one.gradients == "gradients as .grad holds them after 1 backward pass"
    assert two.gradients == "gradients as .grad holds them after 2 backward passes"


def test_what_pytorch_does_not_run_is_said_with_its_line(
    torch: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any) -> Any:
        raise ValueError("not today")

    monkeypatch.setattr(torch, "tanh", refuse)
    with pytest.raises(ArgumentFault) as caught:
        compared("w = param(1.)\ndef f(x):\n    return tanh(x)\ny = f(w)\n")
    assert caught.value.message == "PyTorch does not run <test>, line 3: ValueError: not today"
    before = torch.get_default_dtype()
    assert str(before) == "torch.float32"


def test_an_error_outside_the_file_has_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    session = session_of("w = param(1.)\n")

    # a tree that Python does not compile: there is no line of the file that could have run
    monkeypatch.setattr("gradcli.against.torch.admitted", lambda _: ast.Expression(ast.Constant(1)))
    with pytest.raises(ArgumentFault, match=r"does not run <test>: TypeError: expected Module"):
        against(session, "torch")


def test_files_of_data_are_read_by_gradcli(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", a=np.array([1.0, 2.0]), b=np.array(3.0))
    np.save(tmp_path / "x.npy", np.array([4.0, 5.0]))
    text = "d = load('d.npz')\nx = load('x.npy')\nw = param(2.)\na = d['a']\ny = sum(w*x*a)\n"
    found = compared(text, tmp_path)
    assert {c.name: c.differs for c in found.tensors} == dict.fromkeys(("x", "w", "a", "y"), ())
    assert next(c for c in found.tensors if c.name == "w").theirs.grad == 14


def test_half_precision_is_compared_as_single() -> None:
    class Half(SimpleNamespace):
        def float(self) -> Any:
            return SimpleNamespace(numpy=lambda: np.array([1.5], np.float32))

    assert _array(Half(dtype="torch.bfloat16")).tolist() == [1.5]


@pytest.mark.parametrize(
    ("text", "status", "said"),
    [
        ("w = param(2.)\ny = w*w\n", 0, "2 tensors compared, all the same"),
        ("w = param([1., -1.])\ny = sum(abs(w))*0 + sum(w)\nz = w.detach()\n", 0, "all the same"),
        ("y = 1\n", 3, "Nothing was compared"),
    ],
)
def test_the_command_ends_with_the_status_of_the_comparison(
    text: str, status: int, said: str
) -> None:
    found, shown = test_command.run("--against", "torch", "-e", text)
    assert said in shown
    assert found == status


def test_a_command_without_files_that_could_be_compared_is_well(tmp_path: Path) -> None:
    (tmp_path / "a.expr").write_text("y = sum(w*x)\n")
    assert test_command.run("--against", "torch", tmp_path)[0] == 0
