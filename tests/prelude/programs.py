"""A program for each module of `modules.txt`, and how what it prints is compared."""

from __future__ import annotations

import re
from pathlib import Path

HERE = Path(__file__).parent

PROGRAM = """import torch
from torch import nn

torch.manual_seed(3)
m = nn.{module}
print(m)
print(type(m))
args = {inputs}
if not isinstance(args, tuple):
    args = (args,)
inputs = []


def leaf(x):
    if isinstance(x, tuple):
        return tuple(leaf(part) for part in x)
    if not x.is_floating_point():
        return x
    if not any(x is seen for seen in inputs):
        inputs.append(x.detach().requires_grad_())
    return inputs[-1]


args = [leaf(x) for x in args]


def number(x):
    if x is None:
        return None
    return (x.detach().double().flatten() * torch.arange(x.numel()).cos()).sum().item()


def tensors(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [] if value is None else [x for part in value for x in tensors(part)]


def functions(start):
    found, pending, seen = [], [start], set()
    while pending:
        one = pending.pop()
        if one is not None and one not in seen:
            seen.add(one)
            found.append(one.name())
            pending.extend(before for before, _ in one.next_functions)
    return sorted(found)


for mode in (True, False):
    m.train(mode)
    given = [x.clone() for x in args] if "inplace" in str(m) else args
    if "CTC" in str(m):  # its gradient is that by what its log_softmax is made of
        given = [given[0].log_softmax(2), *given[1:]]
    results = tensors(m(*given))
    print(mode, [tuple(x.shape) for x in results])
    loss = torch.tensor(0.0)
    for x in results:
        if x.is_floating_point():
            loss = loss + (x * torch.arange(x.numel()).reshape(x.shape).cos()).sum()
    print(loss.item())
    print([number(x) for x in results])
    if loss.requires_grad:
        print(functions(loss.grad_fn))
        loss.backward()
    print([number(x.grad) for x in inputs])
    for name, p in m.named_parameters():
        print(name, tuple(p.shape), number(p), number(p.grad))
    m.zero_grad()
    for x in inputs:
        x.grad = None
print(m)
print([name for name, _ in m.named_modules()], [name for name, _ in m.named_children()])
print([(name, number(x)) for name, x in m.named_buffers()])
print([(name, tuple(x.shape)) for name, x in m.state_dict().items()])
"""

_NUMBER = re.compile(r"(-?\d+\.\d*(?:e[-+]?\d+)?)")


def cases() -> list[str]:
    """Return the lines of `modules.txt`: a module and its inputs."""
    lines = (HERE / "modules.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def program(case: str) -> str:
    """Return the program of a case."""
    module, inputs = case.split(" | ")
    return PROGRAM.replace("{module}", module).replace("{inputs}", inputs)


def differs(expected: str, found: str, tolerance: float = 2e-5) -> str:
    """Return the first line that is not what PyTorch printed, numbers but for their rounding."""
    wanted, got = expected.splitlines(), found.splitlines()
    for a, b in zip(wanted, got, strict=False):
        if not _alike(a, b, tolerance):
            return f"expected {a}\n   found {b}"
    return "" if len(wanted) == len(got) else f"{len(got)} lines, not {len(wanted)}"


def _alike(a: str, b: str, tolerance: float) -> bool:
    left, right = _NUMBER.split(a), _NUMBER.split(b)
    return len(left) == len(right) and all(
        x == y or (k % 2 == 1 and abs(float(x) - float(y)) <= tolerance * max(1, abs(float(x))))
        for k, (x, y) in enumerate(zip(left, right, strict=True))
    )
