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
    "SGD(params, lr=1e-3, momentum=0.9, weight_decay=0.01, maximize=True)",
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


def _fit(problem: str, optimiser: str) -> bool:
    """Say whether an optimiser takes a problem: one group for L-BFGS, and a minimum to find."""
    return problem in ("rosenbrock", "two") or not optimiser.startswith("LBFGS")


def trainings() -> dict[str, str]:
    """Return the files that train, by what they do."""
    return {
        f"{optimiser} on {problem} in {dtype}": training(problem, optimiser, dtype)
        for dtype in ("float32", "float64")
        for problem in PROBLEMS
        for optimiser in OPTIMISERS + LBFGS * (dtype == "float64")
        if _fit(problem, optimiser)
    }


# fifty epochs of a schedule: the rates, and the momentums
SGD = "SGD([{'params': [p]}, {'params': [q], 'lr': 0.05}], lr=0.1, momentum=0.9)"
ADAM = "Adam([p, q], lr=0.01)"
SCHEDULES = {
    SGD: [
        "LambdaLR(opt, lambda e: 0.95 ** e)",
        "LambdaLR(opt, [lambda e: 0.9 ** e, lambda e: 1 / (1 + e)])",
        "MultiplicativeLR(opt, lambda e: 0.97 + 0.01 * (e % 3))",
        "StepLR(opt, 7)",
        "StepLR(opt, step_size=10, gamma=0.5)",
        "MultiStepLR(opt, [5, 20, 20, 33], gamma=0.3)",
        "ConstantLR(opt)",
        "ConstantLR(opt, factor=0.25, total_iters=11)",
        "LinearLR(opt)",
        "LinearLR(opt, start_factor=0.1, end_factor=0.7, total_iters=23)",
        "ExponentialLR(opt, gamma=0.93)",
        "PolynomialLR(opt)",
        "PolynomialLR(opt, total_iters=30, power=2.5)",
        "CosineAnnealingLR(opt, T_max=12)",
        "CosineAnnealingLR(opt, T_max=50, eta_min=1e-3)",
        "CosineAnnealingWarmRestarts(opt, 9)",
        "CosineAnnealingWarmRestarts(opt, T_0=5, T_mult=2, eta_min=1e-4)",
        "CyclicLR(opt, 0.01, 0.1, step_size_up=6)",
        "CyclicLR(opt, [0.01, 0.02], [0.1, 0.3], step_size_up=4, step_size_down=9)",
        "CyclicLR(opt, 0.01, 0.1, step_size_up=5, mode='triangular2', base_momentum=0.5)",
        "CyclicLR(opt, 0.01, 0.1, step_size_up=5, mode='exp_range', gamma=0.98)",
        "CyclicLR(opt, 0.01, 0.1, 5, scale_fn=lambda x: 0.9 ** x, scale_mode='iterations')",
        "OneCycleLR(opt, max_lr=0.5, total_steps=50)",
        "OneCycleLR(opt, [0.5, 0.2], total_steps=60, anneal_strategy='linear', pct_start=0.4)",
        "OneCycleLR(opt, 0.3, epochs=5, steps_per_epoch=10, three_phase=True, div_factor=10)",
        "OneCycleLR(opt, 0.3, total_steps=50, cycle_momentum=False, final_div_factor=100)",
        "SequentialLR(opt, [LinearLR(opt, 0.1, total_iters=5), CosineAnnealingLR(opt, 40)], [5])",
        "SequentialLR(opt, [ConstantLR(opt, 0.1, 4), ExponentialLR(opt, 0.9), StepLR(opt, 3)], "
        "milestones=[6, 20])",
        "SequentialLR(opt, [LinearLR(opt, 0.5), CosineAnnealingWarmRestarts(opt, 8, 2)], [7])",
        "ChainedScheduler([ConstantLR(opt, 0.1, 4), ExponentialLR(opt, gamma=0.9)])",
        "ReduceLROnPlateau(opt)",
        "ReduceLROnPlateau(opt, factor=0.5, patience=2, cooldown=1, min_lr=[1e-3, 1e-2])",
        "ReduceLROnPlateau(opt, 'max', 0.3, 1, threshold=0.05, threshold_mode='abs')",
        "ReduceLROnPlateau(opt, mode='max', patience=3, threshold=0.01)",
        "ReduceLROnPlateau(opt, patience=0, threshold_mode='abs', threshold=0.2, min_lr=1e-4)",
    ],
    ADAM: [
        "CyclicLR(opt, 0.01, 0.1, step_size_up=6)",
        "OneCycleLR(opt, max_lr=0.5, total_steps=50)",
        "StepLR(opt, 4)",
    ],
    "SGD([p, q], lr=0.3)": [
        "torch.optim.swa_utils.SWALR(opt, 0.05)",
        "torch.optim.swa_utils.SWALR(opt, [0.5], anneal_epochs=20, anneal_strategy='linear')",
        "torch.optim.swa_utils.SWALR(opt, 0.5, anneal_epochs=0)",
    ],
    "SGD([p, q], lr=torch.tensor(0.1))": ["StepLR(opt, 7)", "CosineAnnealingLR(opt, 20)"],
}
SCHEDULE = """import torch
from torch.optim.lr_scheduler import *
p = torch.tensor([1.0, 2.0], requires_grad=True)
q = torch.tensor(3.0, requires_grad=True)
opt = torch.optim.{optimiser}
opt.step()
scheduler = {scheduler}
found = []
for epoch in range(50):
    for group in opt.param_groups:
        found += [float(group["lr"]), group.get("momentum", 0), group.get("betas", [0])[0]]
    found += [float(x) for x in scheduler.get_last_lr()]
    scheduler.step({metric})
"""


def schedules() -> dict[str, str]:
    """Return the files that schedule, by what they do."""
    return {
        f"{scheduler} of {optimiser}": SCHEDULE.format(
            optimiser=optimiser,
            scheduler=scheduler,
            metric="1 / (1 + epoch // 4) + 0.1 * (epoch % 5)" if "Plateau" in scheduler else "",
        )
        for optimiser, several in SCHEDULES.items()
        for scheduler in several
    }


# what a file prints
HEAD = """import torch
from torch import nn
p = torch.tensor([1.0, -2.0], requires_grad=True)
q = torch.tensor([[0.5], [0.25]], requires_grad=True)
def loss():
    return (p * p).sum() + (q * q * q).sum()
"""
SHOWN = {
    "reprs": """
for make in (torch.optim.SGD, torch.optim.Adam, torch.optim.AdamW, torch.optim.RMSprop,
             torch.optim.Adagrad, torch.optim.Adadelta, torch.optim.Adamax, torch.optim.NAdam,
             torch.optim.RAdam, torch.optim.Rprop, torch.optim.ASGD, torch.optim.LBFGS,
             torch.optim.Adafactor):
    print(make([p], lr=0.5))
    print(make([{"params": p}]).param_groups)
print(torch.optim.SGD([{"params": [p], "lr": 0.5}, {"params": [q]}], lr=0.1))
""",
    "a state that is saved and loaded": """
a = torch.optim.Adam([p, q], lr=0.1, amsgrad=True)
for i in range(3):
    a.zero_grad()
    loss().backward()
    a.step()
saved = a.state_dict()
print(saved)
b = torch.optim.Adam([p, q], lr=0.9)
b.load_state_dict(saved)
print(b.param_groups[0]["lr"], b.state[p]["step"], b.state[q]["exp_avg"])
loss().backward()
b.step()
print(p, q, a.state[p]["exp_avg"], b.state[p]["exp_avg"])
""",
    "groups that are added and changed": """
opt = torch.optim.SGD([p], lr=0.1, momentum=0.5)
opt.add_param_group({"params": q, "lr": 0.01})
for i in range(4):
    for g in opt.param_groups:
        g["lr"] = g["lr"] * 0.5
    opt.zero_grad()
    loss().backward()
    opt.step()
print(p, q, [g["lr"] for g in opt.param_groups], len(opt.param_groups), len(opt.state))
opt.param_groups[0]["momentum"] = 0
print(opt.state_dict())
""",
    "gradients that are set to zero": """
opt = torch.optim.SGD([p, q], lr=0.1)
(p * p).sum().backward()
opt.zero_grad(set_to_none=False)
print(p.grad, q.grad)
opt.zero_grad()
print(p.grad, q.grad)
print(opt.step(), p)
""",
    "closures": """
opt = torch.optim.RMSprop([p, q], lr=0.1)
def closure():
    opt.zero_grad()
    found = loss()
    found.backward()
    return found
for i in range(3):
    print(opt.step(closure).item())
print(p)
""",
    "parameters with names, and from a module": """
net = nn.Linear(2, 1)
with torch.no_grad():
    net.weight.fill_(0.5)
    net.bias.zero_()
opt = torch.optim.SGD(net.named_parameters(), lr=0.1)
print(opt.param_groups[0]["param_names"], opt.state_dict())
net(p).sum().backward()
opt.step()
print(net.weight.detach(), net.bias.detach())
opt = torch.optim.Adam((x for x in net.parameters() if x.requires_grad), lr=0.1)
opt.step()
print(net.weight.detach(), len(opt.param_groups[0]["params"]))
""",
    "an optimizer of one's own": """
class Signs(torch.optim.Optimizer):
    def __init__(self, params, lr=0.1):
        super().__init__(params, dict(lr=lr))
    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for x in group["params"]:
                if x.grad is None:
                    continue
                self.state[x]["count"] = self.state[x].get("count", 0) + 1
                x.add_(x.grad.sign(), alpha=-group["lr"])
opt = Signs([p, q])
for i in range(3):
    opt.zero_grad()
    loss().backward()
    opt.step()
print(opt, p, q, opt.state[p])
""",
    "Python's max and min of a tensor and an integer": """
a = torch.tensor(-0.5)
print(max(a, 0), max(a, -1), min(a, 0), min(max(a, 0), 1.0), a.type())
""",
    "a rate that is a tensor": """
for make in (torch.optim.SGD, torch.optim.Adam, torch.optim.Adagrad, torch.optim.Adamax,
             torch.optim.NAdam, torch.optim.RAdam, torch.optim.RMSprop, torch.optim.Adadelta):
    opt = make([p, q], lr=torch.tensor(0.125))
    for i in range(3):
        opt.zero_grad()
        loss().backward()
        opt.step()
    print(p, q, opt.param_groups[0]["lr"])
""",
    "schedules before optimisers": """
opt = torch.optim.Muon([q], lr=0.1)
s = torch.optim.lr_scheduler.ExponentialLR(opt, 0.5)
for i in range(3):
    loss().backward()
    opt.step()
    s.step()
print(s.get_last_lr(), opt.state_dict()["param_groups"])
""",
    "a complex parameter": """
z = torch.tensor([1.0 + 2.0j, 0.25 - 0.5j], requires_grad=True)
for make in (torch.optim.SGD, torch.optim.Adam, torch.optim.RMSprop, torch.optim.Adagrad):
    opt = make([z], lr=0.125)
    for i in range(2):
        opt.zero_grad()
        (z * z.conj()).real.sum().backward()
        opt.step()
    print(z)
""",
    "norms that are clipped": """
for kind in (1, 2.0, float("inf"), 3):
    for most in (0.5, 100.0):
        p.grad = q.grad = None
        loss().backward()
        print(torch.nn.utils.clip_grad_norm_([p, q], most, norm_type=kind), p.grad, q.grad)
print(nn.utils.clip_grad_norm_(p, 1e-3), p.grad)
print(nn.utils.clip_grad_norm_([], 1.0), nn.utils.get_total_norm([p.grad, q.grad]))
nn.utils.clip_grad_value_([p, q], 0.0005)
print(p.grad, q.grad)
p.grad = torch.tensor([float("nan"), 1.0])
print(nn.utils.clip_grad_norm_(p, 1.0), p.grad)
""",
    "parameters as a vector": """
v = nn.utils.parameters_to_vector([p, q])
print(v, v.requires_grad)
nn.utils.vector_to_parameters(v.detach() * 2, [p, q])
print(p, q)
""",
    "schedules that are saved and loaded": """
opt = torch.optim.SGD([p], lr=0.5, momentum=0.5)
a = torch.optim.lr_scheduler.StepLR(opt, 2, 0.5)
for i in range(5):
    opt.step()
    a.step()
print(a.get_last_lr(), a.last_epoch, a.state_dict()["base_lrs"], opt.param_groups[0])
b = torch.optim.lr_scheduler.StepLR(opt, 100)
b.load_state_dict(a.state_dict())
b.step()
print(b.step_size, b.get_last_lr())
""",
    "an averaged model": """
from torch.optim.swa_utils import AveragedModel, get_ema_avg_fn
net = nn.Linear(2, 1)
with torch.no_grad():
    net.weight.fill_(0.5)
    net.bias.zero_()
mean, fading = AveragedModel(net), AveragedModel(net, avg_fn=get_ema_avg_fn(0.75))
for i in range(4):
    with torch.no_grad():
        net.weight.add_(1.0)
        net.bias.sub_(i)
    mean.update_parameters(net)
    fading.update_parameters(net)
print(mean.module.weight.detach(), mean.module.bias.detach(), mean.n_averaged)
print(fading.module.weight.detach())
print(mean(torch.ones(2)))
""",
}
SHOWN = {name: HEAD + text for name, text in SHOWN.items()}

# what PyTorch refuses, and in which words
REFUSALS = [
    "SGD([])",
    "SGD(p)",
    "SGD([p * 2])",
    "SGD([p, 3.0])",
    "SGD([{'params': {p}}])",
    "SGD([p], lr=-1)",
    "SGD([p], momentum=-0.5)",
    "SGD([p], weight_decay=-0.5)",
    "SGD([p], nesterov=True)",
    "SGD([{'params': [p]}, {'params': [q, p]}])",
    "SGD([('a', p), q])",
    "SGD([p]).add_param_group([q])",
    "SGD([p]).add_param_group({'params': p})",
    "SGD([p]).add_param_group({'params': [('q', q)]})",
    "SGD([p]).load_state_dict(torch.optim.SGD([p, q]).state_dict())",
    "SGD([p]).load_state_dict(torch.optim.SGD([{'params': p}, {'params': q}]).state_dict())",
    "Adam([p], lr=-1e-3)",
    "Adam([p], eps=-1)",
    "Adam([p], betas=(1.0, 0.9))",
    "Adam([p], betas=(0.9, -0.1))",
    "Adam([p], lr=torch.tensor([0.1, 0.2]))",
    "Adam([p], weight_decay=-1)",
    "RMSprop([p], alpha=-1)",
    "Adagrad([p], lr_decay=-1)",
    "Adagrad([p], initial_accumulator_value=-1)",
    "Adadelta([p], rho=1.5)",
    "NAdam([p], momentum_decay=-1)",
    "Rprop([p], etas=(1.5, 2.0))",
    "LBFGS([{'params': p}, {'params': q}])",
    "Adafactor([p], d=0.5)",
    "Adafactor([p], beta2_decay=0.5)",
    "Muon([p])",
    "Muon([q], lr=-1.0)",
    "lr_scheduler.StepLR(3, 2)",
    "lr_scheduler.StepLR(opt, 2, last_epoch=3)",
    "lr_scheduler.LambdaLR(opt, [abs, abs])",
    "lr_scheduler.ConstantLR(opt, factor=2)",
    "lr_scheduler.LinearLR(opt, start_factor=0)",
    "lr_scheduler.LinearLR(opt, end_factor=1.5)",
    "lr_scheduler.CosineAnnealingWarmRestarts(opt, 0)",
    "lr_scheduler.OneCycleLR(opt, 0.1)",
    "lr_scheduler.OneCycleLR(opt, 0.1, total_steps=-3)",
    "lr_scheduler.OneCycleLR(opt, 0.1, total_steps=9, pct_start=2.0)",
    "lr_scheduler.OneCycleLR(opt, 0.1, total_steps=9, anneal_strategy='x')",
    "lr_scheduler.OneCycleLR(torch.optim.Adagrad([p]), 0.1, total_steps=9)",
    "lr_scheduler.CyclicLR(opt, [0.1, 0.2], 0.3)",
    "lr_scheduler.CyclicLR(opt, 0.1, 0.3, mode='x')",
    "lr_scheduler.SequentialLR(opt, [], [])",
    "lr_scheduler.SequentialLR(opt, [torch.optim.lr_scheduler.StepLR(opt, 2)], [3])",
    "lr_scheduler.ChainedScheduler([])",
    "lr_scheduler.ReduceLROnPlateau(opt, factor=1.0)",
    "lr_scheduler.ReduceLROnPlateau(opt, 'low')",
    "lr_scheduler.ReduceLROnPlateau(opt, min_lr=[0.1, 0.2])",
]
REFUSED = {
    text: f"{HEAD}opt = torch.optim.SGD([p], momentum=0.9)\ntorch.optim.{text}\n"
    for text in REFUSALS
} | {
    "a norm that is not finite": HEAD
    + "p.grad = torch.tensor([float('nan'), 1.0])\n"
    + "nn.utils.clip_grad_norm_([p], 1.0, error_if_nonfinite=True)\n",
    "one step too many": HEAD
    + "s = torch.optim.lr_scheduler.OneCycleLR(torch.optim.SGD([p], momentum=0.9), 1, 3)\n"
    + "for i in range(9):\n    s.step()\n",
    "numbers as a vector": HEAD + "nn.utils.vector_to_parameters([1.0], [p])\n",
}
