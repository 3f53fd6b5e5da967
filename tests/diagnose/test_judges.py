"""A judge tells a rewriting that mends a file from one that merely runs."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.diagnose import kind
from gradcli.diagnose.subject import examined
from gradcli.diagnose.trial import Comparison, Trials
from gradcli.errors import Source
from gradcli.session import Request

CROSSED = "x = tensor([[1.0], [2.0], [4.0]])\ny = tensor([2.0, 3.0, 7.0])\nw = param([[1.0]])\n"
SQUARE = "x = param([[1.0, 2.0], [3.0, 5.0]])\n"
LOGITS = "z = param([[2.0, -1.0, 0.5], [0.1, 0.2, 0.9]])\nt = tensor([0, 2])\n"
PAIR = "z = param([2.0, -1.0])\ny = tensor([1.0, -1.0])\n"
FAR = "z = param([40.0, -2.0])\ny = tensor([0.0, 1.0])\n"
ROWS = "x = param([[3.0, 4.0], [0.0, 0.0]])\n"
TERMS = "x = tensor([1.0, 2.0, 4.0])\nw = param(1.5)\nr = w*x - 1\nloss = {} + mean(abs(r))"
LAYER = """x = tensor([[2.0, -1.0], [0.5, 0.1]])
W = param([[1.0, 0.5], [-0.5, 2.0]])
loss = cross_entropy("""
ANGLE = "v = param([0.0, 0.0])\nt = norm(v)\n"
ALIAS = """a = param([1.0, 2.0])
b = {}
loss = sum((a + 2*b)**2)
loss.backward()
with no_grad():
    a -= 0.1 * a.grad
    b -= 0.1 * b.grad
"""
MOVED = """w = param([1.0, 2.0])
old = {}
loss = sum(w**2)
loss.backward()
with no_grad():
    w -= 0.1 * w.grad
change = w - old
"""
TRAINING = """w = param(0.0)
for i in range(5):
    loss = (3*w - 6)**2
    loss.backward()
    with no_grad():
        w -= {} * w.grad
        w.grad.zero_()
"""
# a kind, a file that has it, a rewriting that runs and is none, one that mends it
CASES = (
    ("zero-over-zero", "x = param(0.0)\nloss = sin(x)/x",
     "x = param(0.0)\nloss = where(x == 0, 2.0, sin(x)/where(x == 0, 1.0, x))",
     "x = param(0.0)\nloss = where(x == 0, 1.0, sin(x)/where(x == 0, 1.0, x))"),
    ("zero-over-zero", ANGLE + "loss = sum(sin(t)/t * v)",
     ANGLE + "loss = sum(sin(t)/clamp(t, min=1e-12) * v)", ANGLE + "loss = sum(sinc(t/pi) * v)"),
    ("crossed-broadcast", CROSSED + "loss = mean((x @ w - y)**2)",
     CROSSED + "loss = mean(((x @ w).squeeze(-1) - y.flip(0))**2)",
     CROSSED + "loss = mean(((x @ w).squeeze(-1) - y)**2)"),
    ("lost-axis", SQUARE + "loss = sum((x / x.sum(1))**2)",
     SQUARE + "loss = sum((x / x.sum(0))**2)",
     SQUARE + "loss = sum((x / x.sum(1, keepdim=True))**2)"),
    ("softmax-twice", LOGITS + "loss = cross_entropy(softmax(z, dim=1), t)",
     LOGITS + "loss = cross_entropy(2 * z, t)", LOGITS + "loss = cross_entropy(z, t)"),
    ("sigmoid-twice", PAIR + "loss = binary_cross_entropy_with_logits(sigmoid(z), relu(y))",
     PAIR + "loss = binary_cross_entropy_with_logits(tanh(z), relu(y))",
     PAIR + "loss = binary_cross_entropy_with_logits(z, relu(y))"),
    ("log-missing", LOGITS + "loss = nll_loss(softmax(z, dim=1), t)",
     LOGITS + "loss = nll_loss(logsigmoid(z), t)",
     LOGITS + "loss = nll_loss(log_softmax(z, 1), t)"),
    ("softmax-over-batch", LOGITS + "loss = nll_loss(log_softmax(z, dim=0), t)",
     LOGITS + "loss = nll_loss(log_softmax(-z, dim=1), t)",
     LOGITS + "loss = nll_loss(log_softmax(z, dim=1), t)"),
    ("label-range", PAIR + "loss = binary_cross_entropy_with_logits(z, y)",
     PAIR + "loss = binary_cross_entropy_with_logits(z, (1 - y) / 2)",
     PAIR + "loss = binary_cross_entropy_with_logits(z, (y + 1) / 2)"),
    ("bce-of-logits", PAIR + "loss = binary_cross_entropy(z, relu(y))",
     PAIR + "loss = binary_cross_entropy(sigmoid(3 * z), relu(y))",
     PAIR + "loss = binary_cross_entropy_with_logits(z, relu(y))"),
    ("class-indices", LOGITS + "loss = cross_entropy(z, t.double())",
     LOGITS + "loss = cross_entropy(z, t.flip(0))", LOGITS + "loss = cross_entropy(z, t)"),
    ("saturated-loss", FAR + "loss = binary_cross_entropy(sigmoid(z), y)",
     FAR + "loss = binary_cross_entropy_with_logits(z / 2, y)",
     FAR + "loss = binary_cross_entropy_with_logits(z, y)"),
    ("epsilon-gradient", ROWS + "loss = sum(x / (norm(x, dim=1, keepdim=True) + 1e-12))",
     ROWS + "loss = sum(x / (norm(x, dim=1, keepdim=True) + 1.0))",
     ROWS + "n = norm(x, dim=1, keepdim=True)\nloss = sum(x / where(n > 1e-12, n, 1.0))"),
    ("mixed-reductions", TERMS.format("sum(r**2)"), TERMS.format("mean(abs(r))"),
     TERMS.format("mean(r**2)")),
    ("weight-in-front", LAYER + "W @ x, tensor([0, 1]))", LAYER + "x @ W, tensor([0, 1]))",
     LAYER + "x @ W.T, tensor([0, 1]))"),
    ("aliased-parameters", ALIAS.format("a"), ALIAS.format("(2 * a).detach().requires_grad_()"),
     ALIAS.format("a.detach().clone().requires_grad_()")),
    ("moved-along", MOVED.format("w.detach()"), MOVED.format("zeros(2)"),
     MOVED.format("w.detach().clone()")),
    ("diverging-training", TRAINING.format(0.2), TRAINING.format(0.15), TRAINING.format(0.05)),
)  # fmt: skip


@pytest.mark.parametrize(("name", "text", "wrong", "right"), CASES, ids=[c[0] for c in CASES])
def test_a_judge_refuses_what_runs_and_takes_what_mends(
    name: str, text: str, wrong: str, right: str
) -> None:
    judge = kind(name).judge
    assert judge is not None
    trials = Trials(examined(Source("file", text), options_for(), Request()))
    verdicts = []
    for rewritten in (wrong, right):
        after = trials.run(Source("file", rewritten))
        assert after is not None, rewritten
        with np.errstate(all="ignore"):
            verdicts.append(judge(Comparison(trials, after)))
    assert verdicts[0] == ""
    assert verdicts[1] != ""
