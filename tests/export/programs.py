"""Programs to export: of each its text, and the libraries that it cannot be written for."""

from __future__ import annotations

from typing import NamedTuple


class Program(NamedTuple):
    """A file, and words of the refusal by target where it is refused."""

    text: str
    refused: dict[str, str]


PROGRAMS = {
    "recurrent": Program(
        """\
# a recurrent net
W = tensor([[0.5, -0.3], [0.2, 0.8]], requires_grad=True)
U = tensor([[1.0], [0.5]], requires_grad=True)
xs = tensor([[1.0], [2.0], [-1.0]])
h = zeros(2)
for t in range(3):
    h = tanh(W @ h + U @ xs[t])
loss = sum(h**2)
""",
        {},
    ),
    "training": Program(
        """\
import torch

x = torch.tensor([1.0, 2.0, 3.0])
y = torch.tensor([2.0, 4.1, 5.9])
w = torch.tensor(0.0, requires_grad=True)
b = torch.tensor(0.0, requires_grad=True)
lr = 0.05
for step in range(4):
    loss = ((w * x + b - y)**2).mean()   # the mean squared error
    loss.backward()
    with torch.no_grad():
        w -= lr * w.grad
        b -= lr * b.grad
    w.grad.zero_()
    b.grad = None
final = ((w * x + b - y)**2).mean()
final.backward()
""",
        {"jax": "runs 5 backward passes"},
    ),
    "functions": Program(
        """\
def layer(x, W, b, act=tanh):
    z = x @ W + b
    return act(z)

x = tensor([[0.1, 0.2], [0.3, -0.4]])
W1 = param([[0.1, 0.4], [0.3, -0.2]])
b1 = param([0.0, 1])
W2 = param([[1.0], [2.0]])
h = layer(x, W1, b1)
out = layer(h, W2, zeros(1), act=sigmoid)
loss = -mean(log(out))
assert allclose(grad(loss, out), -1 / out / 2)
""",
        {},
    ),
    "kink": Program(
        """\
x = param([1.0, -1.0, 2.0])
loss = sum(relu(x)) + sum(clamp(x, 0, 1))
""",
        {"jax": ":2: `clamp(x, 0, 1)` is differentiated at a kink, where JAX may have another"},
    ),
    "no_kink": Program(
        """\
x = param([0.0, -1.0, 2.0])
loss = sum(relu(x)) + sum(clamp(x, -0.5, 1)) + sum(abs(x + 3)) + x.max()
""",
        {},
    ),
    "library_names": Program(
        """\
# names that the libraries have
np = param([1.0, 2.0])
F = np * 2
data = sum(F)
""",
        {},
    ),
    "annotated": Program(
        """\
W: float64[2, 3] = tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], requires_grad=True)
b: float64[n] = tensor([1.0, 2.0])


def f(x: float64[3], k=2):
    return x**k


loss = sum(f(W[0]) * 2) + b.sum()
""",
        {},
    ),
    "optimiser": Program(
        """\
import torch

w = torch.tensor([1.0, -1.0], requires_grad=True)
m, v = torch.zeros(2), torch.zeros(2)
for t in range(1, 4):
    loss = (w ** 2).sum() + (w ** 4).sum()
    w.grad = None
    loss.backward()
    with torch.no_grad():
        m = 0.9 * m + 0.1 * w.grad
        v = 0.999 * v + 0.001 * w.grad ** 2
        w -= 0.1 * (m / (1 - 0.9 ** t)) / ((v / (1 - 0.999 ** t)).sqrt() + 1e-8)
""",
        {"jax": "runs 3 backward passes"},
    ),
    "several": Program(
        """\
x = param([1.0, 2.0])
y = param(3.0)
loss = sum(x**2) * y
gx, gy = grad(loss, (x, y))
n = gx.pow(2).sum() + gy
""",
        {},
    ),
    "of_functions": Program(
        """\
def f(x):
    return sum(x**3)


x = tensor([1.0, 2.0])
g = grad(f)(x)
H = hessian(f, x)
J = jacobian(lambda t: t * 2, x)
""",
        {},
    ),
    "random_loop": Program(
        """\
w = param(1.0)
loss = 0
for i in range(3):
    loss = loss + w * randn(2).sum()
""",
        {},
    ),
    "dictionary": Program(
        """\
d = {"w": param([1.0, 2.0]), "b": param(0.5)}
y = sum(d["w"] * 2 + d["b"])   # a "quoted # sign
print(f"y is {y:.2f}", y.item())
""",
        {},
    ),
    "normalised": Program(
        """\
x = tensor([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]])
g = param([1.0, 0.5, 2.0])
mu = x.mean(axis=-1, keepdims=True)
var = x.var(dim=-1, keepdim=True, unbiased=False)
out = (x - mu) / sqrt(var + 1e-5) * g
loss = out.logsumexp(dim=1).sum() + norm(g) + linalg.norm(x)
""",
        {},
    ),
    "losses": Program(
        """\
x = param([[0.5, -0.5, 2.0], [1.0, -1.0, 0.3]])
t = tensor([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])
a = leaky_relu(x, 0.1) * 2
b = leaky_relu(x)
c = gelu(x - t) + silu(x + t) * 3
d = elu(x)
loss = mse_loss(a, b - c) + l1_loss(d, t) + binary_cross_entropy_with_logits(x - 1, t)
""",
        {},
    ),
    "lists_alone": Program("r = [1, 2, 1]\nr.remove(1)\nw = param(data=[1.0])\ny = w * r[0]\n", {}),
    "cut_parts": Program(
        """\
w = param([1.0, 2.0, 4.0])
with no_grad():
    for part in w * 2:
        last = part
loss = sum(w * last)
""",
        {},
    ),
    "complex": Program(
        """\
z = tensor([1.0 + 2.0j, -0.5 + 1.0j], requires_grad=True)
c = tensor([0.3 - 1.0j, 2.0 + 0.0j])
w = z**2 + c * z
loss = sum(abs(w)**2)
""",
        {},
    ),
    "higher": Program(
        """\
x = param([0.5, 1.5])
y = sum(x**3 * sin(x))
g = grad(y, x)
penalty = sum(g**2)
assert allclose(hessian(y, x), diag(6*x*sin(x) + 6*x**2*cos(x) - x**3*sin(x)))
""",
        {},
    ),
    "lists": Program(
        """\
x = [1., 2., 3.]
w = param(2.0)
s = 0.0
total = sum([w * v for v in x])
loss = total + sum(w * x) + max(3, 4)
""",
        {},
    ),
    "numpyish": Program(
        """\
import numpy as np
x = np.array([1.0, 2.0])
A = np.array([[2.0, 1.0], [0.0, 3.0]])
y = np.exp(x) @ A
s = np.sum(y)
""",
        {},
    ),
    "jaxish": Program(
        """\
import jax
import jax.numpy as jnp

def f(w):
    return jnp.sum(jnp.tanh(w) ** 2)

w = jnp.array([0.3, -0.7])
g = jax.grad(f)(w)
""",
        {},
    ),
    "false_claim": Program(
        """\
x = param([1.0, 2.0])
loss = sum(x**2)
assert allclose(grad(loss, x), 3 * x), "wrong"
""",
        {},
    ),
    "dropout": Program(
        """\
x = param([1.0, 2.0, 3.0, 4.0])
y = dropout(x, 0.5)
loss = sum(y**2)
""",
        {},
    ),
    "determinant": Program(
        """\
W = param([[0.1, 0.2], [0.3, 0.4]])
h = tensor([1.0, -1.0])
for n in range(3):
    h = softmax(W @ h, dim=0)
A = W @ W.T + eye(2)
loss = logdet(A) + sum(h * tensor([1.0, 2.0])) + trace(inverse(A))
""",
        {},
    ),
    "attention": Program(
        """\
x = tensor([[1.0, 0.5], [0.2, -0.3], [0.7, 0.1]])
Wq = param([[0.1, 0.2], [0.3, 0.4]])
Wk = param([[0.5, -0.2], [0.1, 0.4]])
mask = tril(ones(3, 3))
q, k = x @ Wq, x @ Wk
s = (q @ k.T / sqrt(tensor(2.0))).masked_fill(mask == 0, -inf)
a = softmax(s, dim=-1)
out = a @ x
loss = out.pow(2).mean()
""",
        {},
    ),
    "accumulate": Program(
        """\
w = param([1.0, 2.0])
a = sum(w**2)
b = sum(exp(w))
a.backward()
b.backward()
""",
        {"jax": "runs 2 backward passes"},
    ),
    "float32": Program(
        """\
x = tensor([1.0, 2.0], dtype=float32)
w = tensor([0.1, 0.7], dtype=float32, requires_grad=True)
i = tensor([1, 0])
m = x > 1.5
loss = sum(where(m, w[i], x) * w)
""",
        {},
    ),
    "inplace": Program(
        """\
x = param([1.0, 2.0, 3.0])
y = x * 2
y[0] = 5.0
y += x
loss = sum(y**2)
""",
        {
            "numpy": ":3: `y[0]` cannot be written for NumPy",
            "jax": ":3: `y[0]` cannot be written for JAX",
        },
    ),
    "convolution": Program(
        """\
x = randn(1, 1, 5, 5)
k = randn(1, 1, 3, 3, requires_grad=True)
y = relu(conv2d(x, k, padding=1))
loss = max_pool2d(y, 2).sum()
""",
        {"numpy": ":3: `relu(conv2d(x, k, padding=1))` cannot", "jax": "cannot be written for JAX"},
    ),
    "layernorm": Program(
        """\
import torch
import torch.nn.functional as F

x = torch.tensor([[1.0, 2.0, 4.0], [0.5, -1.0, 3.0]], requires_grad=True)
g = torch.tensor([1.0, 0.5, 2.0], requires_grad=True)
h = F.layer_norm(x, (3,), g)
p = F.gelu(h)
loss = F.mse_loss(p, torch.zeros(2, 3))
loss.backward()
print(f"loss {loss.item():.4f}")
""",
        {"numpy": ":6: `F.layer_norm(x, (3,), g)` cannot", "jax": "cannot be written for JAX"},
    ),
    "decomposition": Program(
        """\
A = param([[2.0, 1.0], [0.5, 3.0]])
U, S, V = linalg.svd(A)
v, i = max(A, dim=1)
loss = sum(S**2) + sum(v)
""",
        {"numpy": ":3: `max(A, dim=1)` cannot", "jax": "cannot be written for JAX"},
    ),
    "detach": Program(
        """\
x = param([1.0, 2.0])
y = x * x.detach()
with no_grad():
    k = x * 3
loss = sum(y + k)
""",
        {},
    ),
}
