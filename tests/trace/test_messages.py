"""PyTorch's sentences and semantics, for each case of its measured messages the language has."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gradcli import GradcliError, loads

REFERENCE = Path(__file__).parents[1] / "reference" / "messages.json"
CASES = {
    name: (outcome, warnings)
    for name, outcome, warnings in json.loads(REFERENCE.read_text(encoding="utf-8"))
}

# the case's name, and the same in the language
ERRORS = {
    "tensor([1,2],requires_grad=True) int": "t = torch.tensor([1, 2], requires_grad=True)",
    "bool requires grad": "t = torch.tensor([True], requires_grad=True)",
    "t.requires_grad_() on int": "t = torch.tensor([1, 2]); t.requires_grad_()",
    "t.requires_grad=True on int": "t = torch.tensor([1, 2]); t.requires_grad = True",
    "backward non-scalar": "a = param([1., 2.]); (a * 2).backward()",
    "backward no grad": "a = tensor(1.); a.backward()",
    "backward on detached": "a = param(1.); (a * 2).detach().backward()",
    "backward twice (mul)": "a = param(2.); b = a * a; b.backward(); b.backward()",
    "retain_grad on no-grad tensor": "a = tensor(1.); a.retain_grad()",
    "non-leaf requires_grad=False": "a = param(1.); b = a * 2; b.requires_grad_(False)",
    "numpy() on requires_grad": "a = param(1.); a.numpy()",
    "numpy() on nonleaf": "a = param(1.); (a * 2).numpy()",
    "item on vector": "tensor([1., 2.]).item()",
    "if vector": "x = tensor([1., 2.])\nif x:\n    y = 1\n",
    "in-place on leaf": "a = param(1.); a += 1",
    "autograd.grad unused": "a = param(1.); b = param(1.); torch.autograd.grad(a * 2, b)",
    "autograd.grad allow_unused=False materialize": (
        "a = param(1.); b = param(1.); "
        "torch.autograd.grad(a * 2, b, allow_unused=False, materialize_grads=True)"
    ),
    "autograd.grad input no requires_grad": (
        "a = param(1.); b = tensor(1.); torch.autograd.grad(a * b, b)"
    ),
    "grad_outputs shape mismatch": "a = param([1., 2.]); grad(a * 2, a, ones(3))",
    "mul shape mismatch": "ones(2) * ones(3)",
    "mm mismatch": "ones(2, 3) @ ones(2, 3)",
    "mv mismatch": "ones(2, 3) @ ones(2)",
    "dot mismatch": "dot(ones(3), ones(2))",
    "matmul 0-d": "tensor(1.) @ tensor(2.)",
    "sum dim oob": "ones(2, 3).sum(dim=2)",
    "index oob": "ones(3)[3]",
    "index too many": "ones(3)[0, 0]",
    "index 0-d": "tensor(1.)[0]",
    "reshape bad": "ones(6).reshape(4)",
    "view noncontig": "ones(2, 3).t().view(6)",
    "mm dtype mismatch": "ones(2, 2, dtype=float32) @ ones(2, 2, dtype=float64)",
    "dot dtype mismatch": "dot(ones(2, dtype=float32), ones(2, dtype=float64))",
    "mT on 1-d": "ones(3).mT",
    "t() on 3d": "ones(2, 3, 4).t()",
    "floor_divide backward": "a = param(3.); (a // 2).backward()",
    "heaviside backward": "a = param(3.); torch.heaviside(a, tensor(1.)).backward()",
    "complex backward implicit": "a = param(1 + 2j, dtype=complex64); (a * a).backward()",
    "grad assign wrong shape": "a = param(1.); a.grad = ones(2)",
    "expand to mismatched": "ones(2, 3).expand(3, 3)",
    "div by int zero": "x = tensor([1, 2]) // 0",
    "int pow neg scalar": "x = tensor([1, 2]) ** -1",
    "mean int": "tensor([1, 2]).mean()",
    "linalg.inv singular": "linalg.inv(zeros(2, 2))",
    "linalg.cholesky not PD": "linalg.cholesky(-eye(2))",
    "cross_entropy bad target": "F.cross_entropy(ones(1, 3), tensor([5]))",
    "max of empty": "zeros(0).max()",
}

# the case's name, what prints the same, and what it prints
RESULTS = {
    "backward on leaf scalar": ("a = param(2.); a.backward(); print(a.grad_fn, a.grad)",
                                "None tensor(1.)"),
    "backward twice on add-only graph (nothing saved)": (
        "a = param(1.); b = a + a; b.backward(); b.backward(); print(a.grad)", "tensor(4.)"),
    "backward twice retain_graph": (
        "a = param(2.); b = a ** 2; b.backward(retain_graph=True); b.backward(); print(a.grad)",
        "tensor(8.)"),
    "retain_grad": (
        "a = param(2.); b = a * 1; b.retain_grad(); (b * 3).backward(); "
        "print(b.grad, b.retains_grad, b.is_leaf)", "tensor(3.) True False"),
    "retain_grad on leaf": ("a = param(2.); print(a.retain_grad())", "None"),
    "no_grad": (
        "a = param(2.)\nwith torch.no_grad():\n    b = a * 2\n"
        "print(b.requires_grad, b.is_leaf, b.grad_fn)", "False True None"),
    "autograd.grad allow_unused": (
        "a = param(2.); b = param(2.); print(torch.autograd.grad(a * 2, b, allow_unused=True))",
        "(None,)"),
    "autograd.grad materialize_grads": (
        "a = param(2.); b = param(2.); "
        "print(torch.autograd.grad(a * 2, b, materialize_grads=True))", "(tensor(0.),)"),
    "float32*float64 0d": (
        "a = ones(2, dtype=float32); b = tensor(1., dtype=float64)\n"
        "print((a.double() * b).dtype, (a * b).dtype, (tensor(1., dtype=float32) * b).dtype)",
        "torch.float64 torch.float32 torch.float64"),
    "T on 1-d": ("print(ones(2).T.shape)", "torch.Size([2])"),
    "accumulate": (
        "a = param(2.); (a * 3).backward(); print(a.grad); (a * 3).backward(); print(a.grad)",
        "tensor(3.)\ntensor(6.)"),
    "backward(inputs=[a])": (
        "a = param(3.); b = param(2.); (a * b).backward(inputs=[a]); print(a.grad, b.grad)",
        "tensor(2.) None"),
    "repr leaf": ("print(param([1., 2.]))", "tensor([1., 2.], requires_grad=True)"),
    "repr nonleaf": ("print(param([1., 2.]) * 2)", "tensor([2., 4.], grad_fn=<MulBackward0>)"),
    "repr float64": (
        "torch.set_default_dtype(float32); print(param(1., dtype=float64))",
        "tensor(1., dtype=torch.float64, requires_grad=True)"),
    "int div": ("print(tensor(1) / 2)", "tensor(0.5000)"),
    "int pow neg": ("print(tensor(2) ** tensor(-1))", "tensor(0)"),
    "exp int": ("print(exp(tensor([1, 2])))", "tensor([2.7183, 7.3891])"),
    "grad of sum on empty": ("a = param(zeros(0)); a.sum().backward(); print(a.grad)",
                             "tensor([])"),
}  # fmt: skip

WARNINGS = {
    "non-leaf .grad": "a = param(2.); b = a * 2; c = b * 2; c.backward(); print(b.grad)",
    "non-leaf .grad before backward": "a = param(2.); b = a * 2; print(b.grad)",
    "np.array/float ok": "a = param(2.); print(float(a))",
    "T on 3-d": "print(ones(2, 3, 4).T.shape)",
    "T on 0-d": "print(tensor(1.).T.shape)",
    "torch.tensor(tensor)": "a = tensor(2.); print(torch.tensor(a))",
    "softmax implicit dim": "print(F.softmax(tensor([0., 1.])))",
    "backward(create_graph=True)": "x = param(2.); (x**3).backward(create_graph=True)",
    "mse broadcast warning": "print(F.mse_loss(ones(3), ones(3, 1)))",
}

UNREACHABLE = {
    "setitem on leaf", "in-place modifies saved", "in-place modifies exp result",
    "in-place on unbind view", "inference tensor used in autograd", "grad_outputs int dtype",
    "int(tensor) / item", "item assignment w/ version", "deepcopy non-leaf",
    "detect_anomaly nan", "detect_anomaly nan2",
    "backward(inputs=nonleaf)", "repr grad", "repr grad_fn", "repr AccumulateGrad", "repr big",
    "UnbindBackward repr", "grad mode set in-place view",
}  # fmt: skip


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_has_pytorchs_sentence_and_a_place(case: str) -> None:
    sentence = CASES[case][0].partition(": ")[2]
    with pytest.raises(GradcliError) as caught:
        loads(ERRORS[case])
    assert caught.value.message == sentence
    assert caught.value.span is not None
    assert caught.value.source is not None


@pytest.mark.parametrize("case", RESULTS)
def test_a_result_is_pytorchs(case: str) -> None:
    text, printed = RESULTS[case]
    assert "\n".join(loads(text).printed) == printed
    assert case in CASES


@pytest.mark.parametrize("case", WARNINGS)
def test_a_warning_has_pytorchs_sentence(case: str) -> None:
    wanted = CASES[case][1][0].removeprefix("UserWarning: ").partition(" (Triggered")[0]
    assert wanted in [notice.message for notice in loads(WARNINGS[case]).notices]


def test_every_measured_case_is_accounted_for() -> None:
    assert set(CASES) == {*ERRORS, *RESULTS, *WARNINGS, *UNREACHABLE}
