"""Gradients that are missing or 0: what is named, how much it matters, what numbers are told."""

from __future__ import annotations

import re

import pytest

from gradcli.api import options_for
from gradcli.diagnose import Finding, Severity, diagnose_source
from gradcli.errors import Source

LAYERS = """
X = tensor([[1.0, 0.5], [0.2, -0.3]])
W = param([[0.5, -0.3], [0.1, 0.4]])
b = param([-9.0, -7.0])
v = param([1.0, 2.0])
c = param(0.1)
loss = mean((relu(X @ W + b) @ v + c - 1.0)**2)
"""
# a way that is cut, what follows it, and how much that matters: nothing where another way is left
CUTS = {
    "loss = sum((w*x).detach()**2)": Severity.ERROR,
    "loss = sum((w*x).detach()**2) + a**2": Severity.WARNING,
    "loss = sum((w*x).detach() * w + a)": None,
    "target = (w*x).detach()\nloss = sum((a*x - target)**2)": None,
}
# how a loss that the loop gathers is differentiated, and which parameters are said to be spoilt
LOOP = """
import torch
x = torch.tensor([1.0, 2.0])
w = torch.tensor(0.5, requires_grad=True)
b = torch.tensor(0.0, requires_grad=True)
for i in range({turns}):
    loss = ((w*x + b - 1.0)**2).sum()
    loss.backward()
    with torch.no_grad():
        for p in (w, b):
            p -= 0.01*p.grad
"""


def found(text: str) -> list[Finding]:
    return list(diagnose_source(Source("file", text), options_for()).findings)


def test_one_finding_names_all_the_parameters_that_one_operation_silences() -> None:
    (one,) = found(LAYERS)
    assert (one.name, one.line) == ("dead-relu", 7)
    assert one.spoils == ("W.grad", "b.grad", "v.grad")  # v's gradient is a product with the zeros
    assert "all 4 elements of `X @ W + b` are below 0" in one.words


def test_a_clamp_is_said_to_cut_off_those_elements_that_a_gradient_comes_to_and_no_others() -> None:
    (one,) = found("v = param([5.0, -5.0, 0.0])\nloss = sum(clamp(v, -1, 1)**2)")
    assert "both elements of `v` that a gradient comes to, 2 of 3" in one.words


@pytest.mark.parametrize("text", CUTS)
def test_a_cut_matters_where_it_is_the_only_way_and_less_where_others_are_trained(
    text: str,
) -> None:
    seen = found(f"x = tensor([1.0, 2.0])\nw = param(0.5)\na = param(2.0)\n{text}")
    cuts = [one.severity for one in seen if one.name == "detached"]
    assert cuts == ([] if CUTS[text] is None else [CUTS[text]])


@pytest.mark.parametrize("turns", [2, 5])
def test_the_sum_that_is_told_and_the_last_gradient_are_those_of_a_loop_by_hand(
    turns: int,
) -> None:
    w, b, sums = 0.5, 0.0, [0.0, 0.0]
    for _ in range(turns):
        errors = [w * x + b - 1.0 for x in (1.0, 2.0)]
        last = [2 * (errors[0] + 2 * errors[1]), 2 * sum(errors)]
        sums = [s + g for s, g in zip(sums, last, strict=True)]
        w, b = w - 0.01 * sums[0], b - 0.01 * sums[1]
    (one,) = found(LOOP.format(turns=turns))
    assert one.name == "forgotten-reset"
    told = re.search(r"`w.grad` is (\S+), where the last pass alone gives (\S+)\.$", one.words)
    assert told is not None, one.words
    assert float(told[1]) == pytest.approx(sums[0], rel=1e-5)
    assert float(told[2]) == pytest.approx(last[0], rel=1e-5)


def test_a_number_matters_only_where_the_result_moves_with_it() -> None:
    text = "w = param([0.5, 2.0])\na = param(1.0)\ns = w.sum()\nn = s.item()\nloss = (a {})**2"
    assert [one.name for one in found(text.format("- n"))] == ["read-as-number"]
    assert not [one for one in found(text.format("- 3.0")) if one.name == "read-as-number"]


@pytest.mark.parametrize(("size", "silent"), [(5.0, False), (800.0, True)])
def test_a_function_is_saturated_where_the_numbers_of_the_dtype_say_so(
    size: float, silent: bool
) -> None:
    seen = found(f"w = param({size})\nloss = (sigmoid(w) - 0.5)**2")
    assert [one.name for one in seen] == ["saturated"] * silent
