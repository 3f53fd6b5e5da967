"""A file that updates its parameters: what its gradients are of, and which rows count."""

from __future__ import annotations

import pytest

from gradcli.api import checks

START = """import torch
W = torch.tensor([1.0, 2.0], requires_grad=True)
optimizer = torch.optim.SGD([W], lr=0.1)
"""
PASS = "W.grad = None\n    loss = (W**3).sum()\n    loss.backward()\n    "
# how a loop updates W after its pass
UPDATES = (
    "W.data += -0.1 * W.grad",
    "W.data -= 0.1 * W.grad",
    "W.data = W.data - 0.1 * W.grad",
    "W.data.copy_(W.data - 0.1 * W.grad)",
    "W.data.sub_(0.1 * W.grad)",
    "W.data[0] = 0.5",
    "W.detach().sub_(0.1 * W.grad)",
    "with torch.no_grad():\n        W.copy_(W - 0.1 * W.grad)",
    "with torch.no_grad():\n        W -= 0.1 * W.grad",
    "optimizer.step()",
)
# programs of their own, each with a pass before the change
OTHERS = {
    "autograd.grad": "loss = (W**3).sum()\n(g,) = torch.autograd.grad(loss, W)\nW.data -= 0.1 * g",
    "two passes, of two parameters": """V = torch.tensor([1.5, 2.5], requires_grad=True)
for k in range(2):
    W.grad = V.grad = None
    first = (W**3).sum()
    first.backward()
    W.data -= 0.1 * W.grad
    second = (V**3).sum()
    second.backward()
    V.data -= 0.01 * V.grad""",
    "gathered gradients": """for k in range(3):
    loss = (W**3).sum()
    loss.backward()
    W.data -= 0.01 * W.grad""",
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("update", UPDATES)
def test_a_gradient_is_of_the_value_before_the_update(update: str, dtype: str) -> None:
    report = checks(f"{START}for k in range(3):\n    {PASS}{update}\n", dtype=dtype)
    assert str(report.verdict) == "OK"
    assert [finding.parameter for finding in report.findings] == ["W"]


@pytest.mark.parametrize("name", OTHERS)
def test_what_changes_after_a_pass_is_not_in_its_gradient(name: str) -> None:
    assert str(checks(START + OTHERS[name]).verdict) == "OK"


def test_what_changes_behind_autograds_back_before_the_pass_is_still_wrong() -> None:
    text = f"{START}loss = (W**3).sum()\nW.data *= 2\nloss.backward()\nW.data *= 0.5\n"
    assert str(checks(text).verdict) == "WRONG"
