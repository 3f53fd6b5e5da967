"""Files whose pages are looked at."""

from __future__ import annotations

from typing import Any

from gradcli.errors import Source
from gradcli.facts import inspect
from gradcli.picture.cards import Asked
from gradcli.picture.page import render
from gradcli.session import run

LINEAR = """# Linear regression
x = tensor([1.0, 2.0])
y = tensor([5.0, 7.0])
w = tensor(1.0, requires_grad=True)
b = tensor(0.0, requires_grad=True)

wx = w * x
wx_b = wx + b
loss = wx_b - y
loss2 = loss**2
loss2_sum = sum(loss2)
assert allclose(grad(loss2_sum, w), sum(2 * loss * x))
"""
FAN_IN = "x = param(2.0)\na = x**2\nb = 3*x\ny = a*b + relu(x - 2) + x\n"
NAN = "x = param([0., 4.])\ny = where(x > 0, sqrt(x), 0.0)\nloss = sum(y)\n"
NO_LEAF = """w = tensor([1.0, 2.0], requires_grad=True) * 0.1
loss = sum(w**2)
loss.backward()
print(w.grad)
"""
LOOP = """w = param(8.0)
for i in range(20):
    loss = w**2
    loss.backward()
    with torch.no_grad():
        w -= 0.25*w.grad
    w.grad.zero_()
"""
MLP = """x = randn(4, 3)
W = param(randn(3, 5))
V = param(randn(5, 2))
loss = mean((tanh(x @ W) @ V)**2)
"""
FUNCTIONS = """def layer(x, W):
    h = x @ W
    return tanh(h)
W = param(ones(2, 2))
y = layer(layer(ones(1, 2), W), W)
loss = sum(y)
"""


def page_of(text: str, name: str = "page.expr", **asked: Any) -> str:
    """Return the page of the text of a file."""
    session = run(Source(name, text))
    return render(inspect(session), Asked(**asked), session)
