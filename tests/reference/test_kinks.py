"""Kinks, ties and edges of domains: 175 cases in which PyTorch 2.13 chose a convention.

The names in `kinks.json` are informal; the table gives each its expression, over x and y.
"""

from __future__ import annotations

import json
from math import inf, nan
from typing import Any

import numpy as np
import pytest

from gradcli.errors import GradcliError
from tests.reference.facts import FOLDER, Uncovered, differences, evaluate, gradients

DATA: list[list[str]] = json.loads((FOLDER / "kinks.json").read_text())

EXPRESSIONS: dict[str, str] = {
    "abs(0)": "abs(x)", "abs(-0.0)": "abs(x)", "sign(0.3)": "sign(x)", "relu(0)": "relu(x)",
    "leaky_relu(0,.1)": "F.leaky_relu(x, 0.1)", "elu(0)": "F.elu(x)",
    "elu(0,alpha=2)": "F.elu(x, alpha=2)", "celu(0)": "F.celu(x)", "selu(0)": "F.selu(x)",
    "relu6(0)": "F.relu6(x)", "relu6(6)": "F.relu6(x)", "hardtanh(1)": "F.hardtanh(x)",
    "hardtanh(-1)": "F.hardtanh(x)", "hardsigmoid(3)": "F.hardsigmoid(x)",
    "hardsigmoid(-3)": "F.hardsigmoid(x)", "hardswish(3)": "F.hardswish(x)",
    "hardswish(-3)": "F.hardswish(x)", "hardshrink(.5)": "F.hardshrink(x)",
    "softshrink(.5)": "F.softshrink(x)", "threshold(x=.1,.1,0)": "F.threshold(x, 0.1, 0)",
    # clamps, ties of two tensors
    "clamp(x=min)": "clamp(x, 0, 1)", "clamp(x=max)": "clamp(x, 0, 1)",
    "clamp outside": "clamp(x, 0, 1)", "clamp_min tie": "clamp_min(x, 0)",
    "clamp_max tie": "clamp_max(x, 0)", "clamp(x,min=t) tie": "clamp(x, min=y)",
    "clamp min>max": "clamp(x, min=2, max=1)", "clamp nan": "clamp(x, 0, 1)",
    "maximum tie": "maximum(x, y)", "minimum tie": "minimum(x, y)", "fmax tie": "fmax(x, y)",
    "fmin tie": "fmin(x, y)", "maximum nan": "maximum(x, y)", "fmax nan": "fmax(x, y)",
    # ties within a tensor
    "max() all tie": "x.max()", "min() tie": "x.min()", "max(dim) tie": "x.max(0).values",
    "min(dim) tie": "x.min(0).values", "amax tie": "amax(x)", "amin tie": "amin(x)",
    "aminmax.max tie": "aminmax(x).max", "median() tie": "x.median()", "median even": "x.median()",
    "median(dim)": "x.median(0).values", "mode": "mode(x).values", "topk tie": "topk(x, 1).values",
    "sort tie": "sort(x).values[0]", "kthvalue tie": "kthvalue(x, 1).values",
    "cummax tie": "cummax(x, 0).values", "quantile .5": "quantile(x, 0.5)",
    "max(all) inf": "x.max()",
    "logsumexp inf": "logsumexp(x, 0)", "logsumexp": "logsumexp(x, 0)",
    "logaddexp -inf": "logaddexp(x, y)", "softmax -inf": "softmax(x, 0)[0]",
    "log_softmax -inf": "log_softmax(x, 0)[1]",
    # edges of domains
    "sqrt(0)": "sqrt(x)", "sqrt(-1)": "sqrt(x)", "rsqrt(0)": "rsqrt(x)", "log(0)": "log(x)",
    "log(-1)": "log(x)", "log1p(-1)": "log1p(x)", "reciprocal(0)": "reciprocal(x)",
    "1/x at 0": "1 / x", "0*1/x": "0 * (1 / x)", "x/x": "x / x", "asin(1)": "asin(x)",
    "acos(1)": "acos(x)", "acosh(1)": "acosh(x)", "atanh(1)": "atanh(x)",
    "atan2(0,0)": "atan2(x, y)", "hypot(0,0)": "hypot(x, y)", "tan(pi/2)": "tan(x)",
    "sinc(0)": "sinc(x)", "xlogy(0,0)": "xlogy(x, y)", "xlogy(0,x)": "xlogy(x, y)",
    "entr(0)": "special.entr(x)", "logit(0)": "logit(x)", "logit(1)": "logit(x)",
    "lgamma(0)": "lgamma(x)", "lgamma(-1)": "lgamma(x)", "digamma(0)": "digamma(x)",
    "erfinv(1)": "erfinv(x)",
    # saturation
    "exp(1000)": "exp(x)", "sigmoid(1000)": "sigmoid(x)", "softplus(25)": "F.softplus(x)",
    "softplus(-1000)": "F.softplus(x)", "log(sigmoid(-1000))": "log(sigmoid(x))",
    "logsigmoid(-1000)": "F.logsigmoid(x)", "tanh(1000)": "tanh(x)",
    # powers
    "pow(0,0) scalar exp": "x ** 0", "pow(0,1)": "x ** 1", "pow(0,2)": "x ** 2",
    "pow(0,0.5)": "x ** 0.5", "pow(0,-1)": "x ** -1", "pow(-1,0.5)": "x ** 0.5",
    "pow(-2,2) tt": "x ** y", "pow(-2,3.) tt": "x ** y", "pow(-2,0.5) tt": "x ** y",
    "pow(0,0) tt": "x ** y", "pow(0,1) tt": "x ** y", "pow(0,2) tt": "x ** y",
    "pow(0,-1) tt": "x ** y", "pow(2,x)": "2 ** x", "pow(0,x=0)": "0 ** x", "pow(0,x=2)": "0 ** x",
    "pow(-2,x=2)": "(-2) ** x",
    # steps and remainders
    "sign": "sign(x)", "floor(.5)": "floor(x)", "ceil": "ceil(x)", "round(2.5)": "torch.round(x)",
    "round(0.5)": "torch.round(x)", "trunc": "trunc(x)", "frac": "frac(x)", "x%2": "x % 2",
    "remainder tt": "x % y", "remainder neg": "x % y", "fmod tt": "fmod(x, y)",
    "fmod at multiple": "fmod(x, y)", "div floor": "div(x, y, rounding_mode='floor')",
    "copysign 0": "copysign(x, y)", "copysign": "copysign(x, y)",
    "nan_to_num nan": "nan_to_num(x)", "nan_to_num inf": "nan_to_num(x)",
    "heaviside": "heaviside(x, tensor(0.5))",
    # what is not chosen still has a gradient of 0, and 0 · inf is nan
    "where nan trap sqrt": "where(x > 0, sqrt(x), x * 0)",
    "where nan trap 1/x": "where(x != 0, 1 / x, x * 0)",
    "where safe": "where(x > 0, sqrt(where(x > 0, x, 1.0)), x * 0)",
    "masked_fill after log": "log(x).masked_fill(x <= 0, 0.0)",
    "mul by 0 mask": "log(x) * (x > 0)",
    "where exp overflow": "where(x > 100, x, exp(x))",
    "nan_to_num(sqrt)": "nan_to_num(sqrt(x))",
    # norms, spreads, products
    "norm(0)": "norm(x)", "norm p=1 at 0": "norm(x, 1)", "norm p=inf tie": "norm(x, inf)",
    "norm p=0": "norm(x, 0)", "norm p=3 at 0": "norm(x, 3)", "norm p=.5 at 0": "norm(x, 0.5)",
    "std one elem": "x.std()", "std const": "x.std()", "var const": "x.var()", "var one": "x.var()",
    "prod zeros 1": "prod(x)", "prod zeros 2": "prod(x)", "cumprod zero": "cumprod(x, 0)",
    "dist 0": "dist(x, y)", "cdist 0": "cdist(x, x.detach())",
    "cosine_sim zero": "F.cosine_similarity(x, y, dim=0)", "normalize 0": "F.normalize(x, dim=0)",
    # matrices
    "det singular": "linalg.det(x)", "det rank1": "linalg.det(x)", "logdet singular": "logdet(x)",
    "logdet neg": "logdet(x)", "slogdet sing": "slogdet(x)[1]",
    "eigvalsh degenerate": "linalg.eigvalsh(x)[0]", "eigh vec degenerate": "linalg.eigh(x)[1]",
    "svdvals degenerate": "linalg.svdvals(x)[0]", "nuclear at 0": "linalg.norm(x, 'nuc')",
    "cholesky grad sym": "linalg.cholesky(x)", "trace": "trace(x)",
    # losses and activations
    "l1_loss tie": "F.l1_loss(x, y)",
    "smooth_l1 at beta": "F.smooth_l1_loss(x, tensor([0.0]))",
    "huber at delta": "F.huber_loss(x, tensor([0.0]))",
    "bce x=0,t=1": "F.binary_cross_entropy(x, tensor([1.0]))",
    "bce x=0,t=0": "F.binary_cross_entropy(x, tensor([0.0]))",
    "bce x=1,t=0": "F.binary_cross_entropy(x, tensor([0.0]))",
    "bce_logits big": "F.binary_cross_entropy_with_logits(x, tensor([0.0]))",
    "hinge tie": "F.hinge_embedding_loss(x, tensor([-1.0]))",
    "kl_div t=0": "F.kl_div(x, tensor([0.0]), reduction='sum')",
    "gelu 0": "F.gelu(x)", "silu 0": "F.silu(x)", "mish 0": "F.mish(x)",
    "tanhshrink 0": "F.tanhshrink(x)", "max_pool tie": "F.max_pool1d(x.view(1, 1, 2), 2)",
    "unique": "unique(x)",
}  # fmt: skip

# where PyTorch's gradient is wrong, the right one: d det(A) / dA is the transposed adjugate
RIGHT: dict[str, str] = {"det rank1": "[[0.0, 0.0], [0.0, 1.0]]"}

CASES = {case[0]: case[1:] for case in DATA}
UNCOVERED = Uncovered("uncovered_kinks.txt", "kinks", CASES)
NUMBERS = {"nan": nan, "inf": inf, "None": None}


def read(text: str) -> Any:
    """Return the numbers of a text such as "[nan, -inf]"."""
    return eval(text, {"__builtins__": {}}, NUMBERS)


def problem(name: str) -> str | None:
    """Say what differs from PyTorch first, None where nothing does."""
    inputs, value, slopes, grad_fn = CASES[name]
    operands = {k: (np.asarray(x, float), True) for k, x in zip("xy", read(inputs), strict=False)}
    try:
        ran = evaluate(EXPRESSIONS[name], operands)
        found = ran.node.value
    except GradcliError as error:
        return error.message
    names = [k for k in operands if k in ran.scope]
    cotangent = np.ones(ran.node.shape, ran.node.dtype)
    try:
        result = gradients(ran, cotangent, names)
    except GradcliError as error:
        same = value.startswith("ERR") and error.message.rstrip(".") == value[4:].rstrip(".")
        return None if same else error.message
    if value.startswith("ERR"):
        return f"there is a gradient, PyTorch says {value[4:]}"
    if ran.graph.grad_fn(ran.node.id) != grad_fn:
        return f"grad_fn is {ran.graph.grad_fn(ran.node.id)}, PyTorch's is {grad_fn}"
    wrong = differences(found, read(value), "value", 1e-10, 1e-12)
    for k, expected in zip(names, RIGHT.get(name, slopes).split("; "), strict=True):
        wanted, g = read(expected), result[k]
        if wanted is None or g is None:
            if np.any(g if wanted is None else wanted):
                wrong = wrong or f"the gradient of {k} is {g}, PyTorch's is {wanted}"
        else:
            wrong = wrong or differences(g, wanted, f"gradient of {k}", 1e-8, 1e-10)
    return wrong


@pytest.mark.parametrize("name", CASES)
def test_the_convention_is_pytorchs_or_right(name: str, request: pytest.FixtureRequest) -> None:
    found = problem(name)
    if name not in UNCOVERED.reasons:
        assert found is None, found
    elif found is not None:
        pytest.xfail(f"{UNCOVERED.reasons[name]}: {found}")
    elif not request.config.getoption("--update-golden"):
        pytest.fail("it passes: take it off uncovered_kinks.txt with pytest --update-golden")


def test_the_list_of_what_is_not_covered_only_shrinks(request: pytest.FixtureRequest) -> None:
    left = {name: why for name, why in UNCOVERED.reasons.items() if name in CASES}
    if request.config.getoption("--update-golden"):
        left = {name: why for name, why in left.items() if problem(name) is not None}
        UNCOVERED.path.write_text(UNCOVERED.text(left))
        return
    assert UNCOVERED.text(left) == UNCOVERED.path.read_text(), "a line was added or moved by hand"


def test_every_case_of_the_data_has_an_expression() -> None:
    assert len(DATA) == 175
    assert list(CASES) == list(EXPRESSIONS)
