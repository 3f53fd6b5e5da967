"""Gradient descent by hand: views, writes in place, `.data`, two passes through one graph."""

import torch

torch.manual_seed(0)
w = torch.randn(3, 4, requires_grad=True)
b = torch.zeros(4, requires_grad=True)
average = w.detach().clone()
x = torch.randn(2, 3)
for _ in range(3):
    h = x @ w + b
    v = h[:, 1:3]
    v.mul_(2.0)
    h[0] = 1.0
    h.add_(1)
    h2 = h.clone()
    h2[h2 < 0] = 0.1
    h2[:, 0] += h[:, 1]
    loss = (h2**2).mean()
    loss.backward(retain_graph=True)
    (0.1 * loss).backward()
    with torch.no_grad():
        w -= 0.1 * w.grad
        b.data.add_(b.grad, alpha=-0.1)
        average.mul_(0.9).add_(w, alpha=0.1)
    w.grad.zero_()
    b.grad = None
