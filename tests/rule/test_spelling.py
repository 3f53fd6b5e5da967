"""Hints name what is near, and what is of the kind that is looked for: else there is none."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import GradcliError
from gradcli.rule.spelling import nearest

KNOWN = ["relu", "ReLU", "elu", "sum", "len", "le", "log", "int", "jit", "zeros", "zero_",
         "set_printoptions", "requires_grad", "cross_entropy", "LayerNorm", "BatchNorm1d",
         "batch_norm", "sigmoid", "arange", "matmul", "x1"]  # fmt: skip
NEAR = {
    "realu": "relu", "Relu": "ReLU", "smu": "sum", "lenn": "len", "sigmod": "sigmoid",
    "arrange": "arange", "requiresgrad": "requires_grad", "cross_entropi": "cross_entropy",
    "LayerNrom": "LayerNorm", "BatchNorm": "BatchNorm1d", "batchnorm": "batch_norm",
    "zero": "zeros", "matmull": "matmul", "Matmul": "matmul",
}  # fmt: skip
FAR = ["distributions", "foo", "ln", "x2", "one", "fit", "w", "accelerator", "printo"]

# an attribute of a module, or a name that is called; what its hint says
HINTS = {
    "torch.ln(x)": "`log` is the natural logarithm",
    "torch.reduce_sum(x)": "write `sum`",
    "F.mse(x, x)": "write `mse_loss`",
    "nn.Relu()": "did you mean `ReLU`?",
    "nn.CrossEntropy()": "did you mean `CrossEntropyLoss`?",
    "torch.optim.SDG([x])": "did you mean `SGD`?",
    "jax.vmapp(x)": "did you mean `vmap`?",
    "jax.lax.scann(x)": "did you mean `scan`?",
    "np.loadtxt('a')": "load(",
    "x.ln()": "`log` is the natural logarithm",
    "x.len()": "write len(x)",
    "tg(x)": "write `tan`",
    "torch.distribution": "did you mean `distributions`?",
    "torch.vectorize": None,
    "np.lnn(x)": None,
    "x.fit()": None,
}
IMPORTS = {
    "sklearn.datasets": "load(", "pandas": "load(", "scipy.optimize": "in a loop",
    "optax": "by hand", "flax.linen": "torch.nn", "tensorflow": "reduce_sum is sum",
    "torchvision": "load(", "sympy": "gradcli derive", "torch.utils.checkpoint": "saves memory",
    "unheard_of": "are",
}  # fmt: skip
HEAD = ("import torch, jax\nimport numpy as np\nimport torch.nn as nn\n"
        "import torch.nn.functional as F\nx = torch.ones(2)\n")  # fmt: skip


@pytest.mark.parametrize("name", NEAR)
def test_a_name_with_a_slip_is_recognised(name: str) -> None:
    assert nearest(name, KNOWN)[:1] == [NEAR[name]]


@pytest.mark.parametrize("name", FAR)
def test_a_name_that_is_far_from_all_is_like_none(name: str) -> None:
    assert nearest(name, KNOWN) == []


@pytest.mark.parametrize("text", HINTS)
def test_what_is_looked_for_under_another_name_is_named(text: str) -> None:
    with pytest.raises(GradcliError) as raised:
        loads(f"{HEAD}y = {text}")
    hint, wanted = raised.value.hint, HINTS[text]
    assert (hint is None) if wanted is None else wanted in (hint or "")


@pytest.mark.parametrize("module", IMPORTS)
def test_an_import_of_what_is_not_here_says_what_to_write(module: str) -> None:
    with pytest.raises(GradcliError) as raised:
        loads(f"import {module}")
    assert IMPORTS[module] in (raised.value.hint or "")
