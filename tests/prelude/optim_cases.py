"""What `make_optim` asks PyTorch: optimisers on problems, and what is refused."""

from __future__ import annotations

# ten steps of an optimiser: the parameters, and the losses on the way
LOOP = """
losses = []
for turn in range(10):
    opt.zero_grad()
    loss = f(turn)
    loss.backward()
    opt.step()
    losses.append(loss.item())
"""

# Sums, products and differences only: what is left is the arithmetic of the optimiser itself.
PROBLEMS = {
    "rosenbrock": """
p = torch.tensor([-1.2, 1.0, 0.5, 0.75], dtype=D, requires_grad=True)
params = [p]
def f(turn):
    a, b = p[:2], p[2:]
    c = b - a * a
    d = 1 - a
    return (5 * c * c + d * d).sum()
""",
    "two": """
w = torch.tensor([[0.3, -0.7], [1.1, 0.9]], dtype=D, requires_grad=True)
b = torch.tensor(0.1, dtype=D, requires_grad=True)
x = torch.tensor([[0.5, 1.7], [-1.3, 0.2]], dtype=D)
params = [w, b]
def f(turn):
    r = w * x + b - 1
    return (r * r).sum() / 4
""",
    "sometimes": """
u = torch.tensor([0.0, -0.25, 2.0], dtype=D, requires_grad=True)
v = torch.tensor([[1.5]], dtype=D, requires_grad=True)
params = [u, v]
def f(turn):
    loss = (u * u * u * u).sum() - 0.1 * u.sum()
    return loss + (v * v * u[2]).sum() if turn % 3 == 0 else loss
""",
    "groups": """
w = torch.tensor([2.0, -1.0], dtype=D, requires_grad=True)
b = torch.tensor([0.5], dtype=D, requires_grad=True)
params = [{"params": [w]}, {"params": b, "lr": 0.003}]
def f(turn):
    r = w * b - 0.25
    return (r * r).sum()
""",
}

OPTIMISERS = [
    "SGD(params)",
    "SGD(params, lr=0.05)",
    "SGD(params, 0.05, momentum=0.9)",
    "SGD(params, lr=0.05, momentum=0.9, dampening=0.3)",
    "SGD(params, lr=0.02, momentum=0.8, nesterov=True)",
    "SGD(params, lr=0.05, weight_decay=0.1)",
    "SGD(params, lr=0.01, momentum=0.9, weight_decay=0.01, maximize=True)",
    "SGD(params, lr=torch.tensor(0.05), momentum=0.9)",
    "Adam(params)",
    "Adam(params, lr=0.1)",
    "Adam(params, lr=0.05, betas=(0.5, 0.9), eps=1e-3)",
    "Adam(params, lr=0.05, weight_decay=0.1)",
    "Adam(params, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True)",
    "Adam(params, lr=0.3, amsgrad=True)",
    "Adam(params, lr=0.05, maximize=True, amsgrad=True)",
    "AdamW(params)",
    "AdamW(params, lr=0.1, weight_decay=0.3)",
    "AdamW(params, lr=0.3, amsgrad=True, maximize=True)",
    "RMSprop(params)",
    "RMSprop(params, lr=0.05, alpha=0.8)",
    "RMSprop(params, lr=0.05, centered=True)",
    "RMSprop(params, lr=0.01, momentum=0.9, centered=True, weight_decay=0.05)",
    "RMSprop(params, lr=0.01, momentum=0.5, eps=1e-4, maximize=True)",
    "Adagrad(params)",
    "Adagrad(params, lr=0.5, lr_decay=0.1)",
    "Adagrad(params, lr=0.1, weight_decay=0.1, initial_accumulator_value=0.5, maximize=True)",
    "Adadelta(params)",
    "Adadelta(params, lr=0.5, rho=0.7, eps=1e-3, weight_decay=0.1)",
    "Adadelta(params, maximize=True)",
    "Adamax(params)",
    "Adamax(params, lr=0.1, betas=(0.8, 0.9), weight_decay=0.1)",
    "Adamax(params, lr=0.05, maximize=True)",
    "NAdam(params)",
    "NAdam(params, lr=0.1, momentum_decay=0.1)",
    "NAdam(params, lr=0.05, weight_decay=0.1)",
    "NAdam(params, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True, maximize=True)",
    "RAdam(params)",
    "RAdam(params, lr=0.1, betas=(0.8, 0.95))",
    "RAdam(params, lr=0.05, weight_decay=0.1)",
    "RAdam(params, lr=0.05, weight_decay=0.1, decoupled_weight_decay=True, maximize=True)",
    "Rprop(params)",
    "Rprop(params, lr=0.2, etas=(0.3, 1.7), step_sizes=(1e-3, 0.5))",
    "Rprop(params, lr=0.1, maximize=True)",
    "ASGD(params)",
    "ASGD(params, lr=0.05, lambd=0.1, alpha=0.5, t0=3)",
    "ASGD(params, lr=0.05, t0=0, weight_decay=0.1, maximize=True)",
    "Adafactor(params)",
    "Adafactor(params, lr=0.1, weight_decay=0.1, d=1.5, maximize=True)",
]

# L-BFGS divides dot products, and stops by them: equal but for rounding
LBFGS = [
    "LBFGS(params)",
    "LBFGS(params, lr=0.5, max_iter=4, history_size=2)",
    "LBFGS(params, line_search_fn='strong_wolfe')",
    "LBFGS(params, lr=0.1, max_iter=7, line_search_fn='strong_wolfe')",
]
LBFGS_LOOP = """
losses = []
def closure():
    opt.zero_grad()
    loss = f(0)
    loss.backward()
    return loss
for turn in range(3):
    losses.append(opt.step(closure).item())
"""


def training(problem: str, optimiser: str, dtype: str) -> str:
    """Return a file that trains; it names what it found `losses` and `found`."""
    name, _, rest = optimiser.partition("(")
    loop = LBFGS_LOOP if name == "LBFGS" else LOOP
    made = f"opt = torch.optim.{name}({rest}"
    found = 'found = [p for group in opt.param_groups for p in group["params"]]'
    return f"import torch\nD = torch.{dtype}{PROBLEMS[problem]}{made}\n{loop}{found}\n"
