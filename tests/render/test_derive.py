"""Formulas as a person reads them: in the terminal, as claims, as lines of libraries, in LaTeX."""

from __future__ import annotations

import json

import numpy as np
import pytest

from gradcli.errors import Source
from gradcli.formula.derive import Derivatives, derived
from gradcli.graph import Node
from gradcli.render import DERIVE
from gradcli.session import run

NET = """
x = tensor([[1., 2.], [3., 4.], [0., 1.]])
y = tensor([1., 0., 1.])
W1 = tensor([[0.1, 0.2], [-0.3, 0.4]], requires_grad=True)
w2 = tensor([0.5, -0.6], requires_grad=True)
b = param(0.3)
hidden = tanh(x @ W1)
loss = mean((hidden @ w2 + b - y)**2)
"""
SHOWN = """\
∂loss/∂W1 = 2 * x.T @ ((1 - hidden**2) * outer(d, w2)) / 3
∂loss/∂w2 = 2 * hidden.T @ d / 3
          = 2 * tanh(x @ W1).T @ (tanh(x @ W1) @ w2 + b - y) / 3
∂loss/∂b = 2 * mean(d)
         = 2 * mean(tanh(x @ W1) @ w2 + b - y)

where hidden = tanh(x @ W1)
      d      = hidden @ w2 + b - y

3 formulas, compared with automatic differentiation at 6 points
"""
NUMPY = """\
import numpy as np

hidden = np.tanh(x @ W1)
d = hidden @ w2 + b - y
grad_W1 = 2 * x.T @ ((1 - hidden**2) * np.outer(d, w2)) / 3
grad_w2 = 2 * hidden.T @ d / 3
grad_b = 2 * np.mean(d)
"""
LATEX = r"""\begin{align*}
  \frac{\partial \mathrm{loss}}{\partial w} &= \frac{2 \, X^{\top} \, \left(X \, w - y\right)}{3}
\end{align*}
"""


def of(program: str, *, hessian: bool = False) -> Derivatives:
    return derived(run(Source("file", program)), hessian=hessian)


def test_common_parts_are_named_below_the_formulas() -> None:
    assert DERIVE["gradcli"](of(NET)) == SHOWN


def test_the_lines_of_a_library_compute_what_they_use_first() -> None:
    assert DERIVE["numpy"](of(NET)) == NUMPY


def test_claims_say_everything_in_the_names_of_the_file() -> None:
    assert DERIVE["claim"](of(NET)).splitlines()[2] == (
        "assert allclose(grad(loss, b), 2 * mean(hidden @ w2 + b - y))"
    )


# ---- what cannot be claimed ------------------------------------------------------------------
LOOP = """
w = param(1.0)
for i in range(3):
    loss = (w - 3)**2
    loss.backward()
    with no_grad():
        w -= 0.1 * w.grad
    w.grad = None
"""
TWICE = "w = param(2.0)\na = w**2\nb = w**3\na.backward()\nb.backward()\n"
UNCLAIMED = {
    LOOP: "# ∂loss/∂w: no claim at the end of the file: w is as it was when `loss` was computed\n",
    "ws = [param(3.0)]\nw = param(2.0)\nloss = w * ws[0]\n": (
        "# ∂loss/∂param(3.0): no claim at the end of the file: it has no name there\n"
        "# ∂loss/∂w: `param(3.0)` in line 1 has no name at the end of the file: give it one\n"
    ),
    TWICE: "# ∂b/∂w: no claim at the end of the file: its backward() has freed the graph, and "
    ".grad is of more\n",
}


@pytest.mark.parametrize("program", UNCLAIMED)
def test_what_does_not_hold_at_the_end_of_a_file_is_no_claim(program: str) -> None:
    assert DERIVE["claim"](of(program)) == UNCLAIMED[program]


def test_after_backward_a_claim_is_of_grad() -> None:
    program = "w = param(2.0)\nloss = w**2\nloss.backward()\n"
    assert DERIVE["claim"](of(program)) == "assert allclose(w.grad, 2 * w)\n"


def test_names_of_functions_do_not_hide_them() -> None:
    program = "exp = tensor([1., 2.], requires_grad=True)\nloss = torch.sum(torch.exp(exp))\n"
    lines = DERIVE["claim"](of(program))
    assert lines == "assert allclose(grad(loss, exp), torch.exp(exp))\n"
    assert run(Source("file", program + lines)).tracer.claims[0].holds


def test_names_that_mean_something_else_are_explained() -> None:
    assert "\nw is as it was when `loss` was computed\n" in DERIVE["gradcli"](of(LOOP))
    rebound = "x = param(2.0)\nx = x * 2\nloss = x**2"
    assert "\nx_1 is x of line 1\n" in DERIVE["gradcli"](of(rebound))
    assert "# x_1 is x of line 1\n" in DERIVE["numpy"](of(rebound))


def test_what_has_no_formula_says_why_beside_the_others() -> None:
    program = "w = param(2.0)\nv = param(1.0)\nloss = w**2\n"
    found = of(program)
    assert DERIVE["gradcli"](found).splitlines()[:2] == [
        "∂loss/∂w = 2 * w", "∂loss/∂v: no gradient flows from `loss`",
    ]  # fmt: skip
    assert "# ∂loss/∂v: no gradient flows from `loss`\n" in DERIVE["claim"](found)


def test_a_library_without_a_function_says_so() -> None:
    program = "A = tensor([[2., 1.], [1., 3.]], requires_grad=True)\n" \
        "loss = sum(linalg.cholesky(A))\n"  # fmt: skip
    found = of(program)
    assert DERIVE["numpy"](found) == (
        "# ∂loss/∂A: gradcli writes no NumPy for linalg.solve_triangular()\n"
    )
    assert "torch.linalg.solve_triangular" in DERIVE["torch"](found)


# the names that results have in a script: (program, of second derivatives): their names
RESULTS = {
    ("x = param(2.0)\ngrad_x = tensor(5.0)\nd = param(3.0)\nloss = d * x**2 * grad_x\n", False): [
        "grad_x_1", "grad_d",
    ],
    ("x = param(2.0)\nhessian_x_x = tensor(5.0)\nloss = x**3 * hessian_x_x\n", True): [
        "hessian_x_x_1",
    ],
    ("a = param(1.0)\nb_c = param(2.0)\na_b = param(3.0)\nc = param(4.0)\n"
     "loss = a**2 * b_c * a_b * c\n", True): [
        "hessian_a_a", "hessian_a_b_c", "hessian_a_a_b", "hessian_a_c", "hessian_b_c_b_c",
        "hessian_b_c_a_b", "hessian_b_c_c", "hessian_a_b_a_b", "hessian_a_b_c_1", "hessian_c_c",
    ],
}  # fmt: skip


@pytest.mark.parametrize("form", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("case", RESULTS)
def test_results_have_names_that_nothing_else_has(case: tuple[str, bool], form: str) -> None:
    lines = DERIVE[form](of(case[0], hessian=case[1])).splitlines()
    assert [line.partition(" = ")[0] for line in lines if " = " in line] == RESULTS[case]


# the names of what the scripts import: form: what it says of one, and a line
IMPORTED = "np = param(2.0)\ntorch = param(3.0)\njnp = param(1.0)\nF = tensor(4.0)\n" \
    "loss = np**2 * exp(torch) * jnp * F\n"  # fmt: skip
RENAMED = {
    "numpy": ("# np_1 is np of the file", "grad_np = 2 * F * jnp * np.exp(torch) * np_1"),
    "torch": (
        "# torch_1 is torch of the file",
        "grad_np = 2 * F_1 * jnp * torch.exp(torch_1) * np",
    ),
    "jax": ("# jnp_1 is jnp of the file", "grad_np = 2 * F * jnp_1 * jnp.exp(torch) * np"),
}


@pytest.mark.parametrize("form", RENAMED)
def test_names_of_the_file_make_way_for_those_of_imports(form: str) -> None:
    said, line = RENAMED[form]
    lines = DERIVE[form](of(IMPORTED)).splitlines()
    assert said in lines
    assert line in lines
    record = json.loads(DERIVE["json"](of(IMPORTED)))["derivatives"][0]
    assert record[form] == line.partition(" = ")[2]
    assert record["formula"] == "2 * F * jnp * exp(torch) * np"


def test_a_file_may_have_the_names_of_modules_and_functions() -> None:
    found = of(
        "print = param(1.0)\nnp = param(2.0)\nfound = tensor(3.0)\nloss = print * np * found\n"
    )
    assert DERIVE["numpy"](found).splitlines() == [
        "# np_1 is np of the file", "grad_print = found * np_1", "grad_np = found * print",
    ]  # fmt: skip


# several backward(): what is said of the derivative
PASSES = {
    # 2(2i - 1)i is 0, 2 and 12
    "w = param(2.0)\nfor i in range(3):\n    loss = (w*i - 1)**2\n    loss.backward()\n": (
        "∂loss/∂w is of the last of 3 passes: w.grad holds their sum, 14"
    ),
    TWICE: "∂b/∂w is of the last of 2 passes: w.grad holds their sum, 16",  # 2*2 + 3*2**2
    "w = param(2.0)\nloss = w**2\nloss.backward(retain_graph=True)\nloss.backward()\n": (
        "∂loss/∂w is of one of 2 passes: w.grad holds their sum, 8"
    ),
}


@pytest.mark.parametrize("program", PASSES)
def test_of_several_passes_it_is_said_which_one_a_formula_is_of(program: str) -> None:
    found, said = of(program), PASSES[program]
    assert f"\n{said}\n" in DERIVE["gradcli"](found)
    assert all(f"# {said}\n" in DERIVE[form](found) for form in ("numpy", "torch", "jax"))
    assert f"% {said}\n" in DERIVE["latex"](found)
    (record,) = json.loads(DERIVE["json"](found))["derivatives"]
    assert record["note"] == said.partition(" is ")[2]


def test_of_one_pass_nothing_is_said() -> None:
    assert "pass" not in DERIVE["gradcli"](of(LOOP))


# lines of PyTorch: they are run in it, beside its own gradients
RUN = (
    "A = tensor([[2., 1.], [1., 3.]], dtype=float64, requires_grad=True)\n"
    "loss = sum(cholesky(A))\n",
    "A = tensor([[2., 1.], [1., 3.]], requires_grad=True)\nloss = sum(cholesky(A))\n",
    "x = randn(1, 2, 5, requires_grad=True)\nk = randn(3, 2, 2)\nloss = sum(conv1d(x, k)**2)\n",
    "x = randn(1, 2, 5, 4, requires_grad=True)\nk = randn(4, 1, 2, 3)\n"
    "loss = sum(conv2d(x, k, stride=2, padding=1, groups=2)**2)\n",
    "x = randn(1, 2, 3, requires_grad=True)\nk = randn(2, 3, 2)\n"
    "loss = sum(conv_transpose1d(x, k, stride=2)**2)\n",
    "x = tensor([1., 2.], requires_grad=True)\nloss = sum(i0(x))\n",
    "x = tensor([1., 2.], requires_grad=True)\nloss = sum(digamma(x))\n",
)  # fmt: skip


@pytest.mark.parametrize("program", RUN)
def test_lines_of_pytorch_run_in_pytorch(program: str) -> None:
    torch = pytest.importorskip("torch")
    session = run(Source("file", program))
    nodes = {n: v for n, v in session.tracer.scope.items() if isinstance(v, Node)}
    scope = {n: torch.tensor(v.value) for n, v in nodes.items()}
    leaf = scope[program[0]].requires_grad_()
    functions = {**vars(torch.special), **vars(torch), **scope, "cholesky": torch.linalg.cholesky}
    exec(program.splitlines()[-1], functions)  # it is PyTorch
    (expected,) = torch.autograd.grad(functions["loss"], leaf)
    try:
        with torch.no_grad():
            exec(DERIVE["torch"](derived(session)), scope)
    finally:
        torch.set_default_dtype(torch.float32)
    np.testing.assert_allclose(scope[f"grad_{program[0]}"], expected, rtol=1e-5)


# ---- LaTeX and data --------------------------------------------------------------------------
def test_latex_is_mathematics() -> None:
    program = "X = randn(3, 2)\ny = randn(3)\nw = randn(2, requires_grad=True)\n" \
        "loss = mean((X @ w - y)**2)\n"  # fmt: skip
    assert DERIVE["latex"](of(program)) == LATEX


def test_second_derivatives_have_their_sign() -> None:
    program = "A = randn(3, 3)\nx = randn(3, requires_grad=True)\nb = param(1.0)\n" \
        "f = x @ A @ x * b\n"  # fmt: skip
    found = of(program, hessian=True)
    lines = DERIVE["gradcli"](found).splitlines()
    assert [line.partition(" ")[0] for line in lines[:3]] == ["∂²f/∂x²", "∂²f/∂x∂b", "∂²f/∂b²"]
    assert r"\frac{\partial^2 f}{\partial x \, \partial b}" in DERIVE["latex"](found)
    assert "hessian_x_b = " in DERIVE["numpy"](found)
    assert DERIVE["claim"](found).startswith("assert allclose(hessian(f, x), ")


def test_data_has_every_form() -> None:
    record = json.loads(DERIVE["json"](of(NET + "v = param(1.0)\n")))
    assert record["schema"] == "gradcli.derive/1"
    one = record["derivatives"][1]
    assert one == {
        "root": "loss",
        "target": "w2",
        "formula": "2 * hidden.T @ (hidden @ w2 + b - y) / 3",
        "whole": "2 * tanh(x @ W1).T @ (tanh(x @ W1) @ w2 + b - y) / 3",
        "numpy": "2 * hidden.T @ (hidden @ w2 + b - y) / 3",
        "torch": "2 * hidden.T @ (hidden @ w2 + b - y) / 3",
        "jax": "2 * hidden.T @ (hidden @ w2 + b - y) / 3",
        "latex": one["latex"],
        "note": None,
    }
    assert record["uses"] == {"hidden": "tanh(x @ W1)"}
    assert record["refused"] == [
        {"root": "loss", "target": "v", "why": "no gradient flows from `loss`"}
    ]
