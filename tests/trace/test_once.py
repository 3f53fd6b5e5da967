"""What a place in a file does the same way at each visit is found out once: counts, not times."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from gradcli.errors import Source
from gradcli.rule.rule import Row
from gradcli.syntax import parse
from gradcli.trace import Options, Tracer, attributes, builtins, expressions, interpreter

START = """
import torch
import torch.nn.functional as F
a = torch.tensor(0.9, requires_grad=True)
v = torch.tensor([1., 2.], requires_grad=True)
x = torch.tensor(1.)
def half(z):
    return z * 0.5
"""
# what a loop does at each turn
BODIES = [
    "y = torch.sin(x)",
    "y = v.sum(dim=0)",
    "y = v.pow(2)",
    "y = F.softplus(v, beta=2.0)",
    "y = half(v).clamp(min=0.0).mean()",
    "y = sum(v) + len(v)",
    "with torch.no_grad():\n        x.add_(a, alpha=0.5)",
    "y = [torch.exp(v) for k in range(2)]",
    "y = torch.where(v > 1.0, torch.cos(v), v.relu())",
]


def ran(text: str) -> Tracer:
    tracer = Tracer(parse(Source("program", text)), Options())
    tracer.run()
    return tracer


def looped(body: str, turns: int) -> str:
    return f"{START}for i in range({turns}):\n    {body}\n"


def counting(monkeypatch: pytest.MonkeyPatch, *places: tuple[Any, str]) -> Counter[str]:
    """Count the calls of functions, by their names."""
    calls: Counter[str] = Counter()

    def counted(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **keywords: Any) -> Any:
            calls[name] += 1
            return function(*args, **keywords)

        return call

    for owner, name in places:
        monkeypatch.setattr(owner, name, counted(name, getattr(owner, name)))
    return calls


@pytest.mark.parametrize("body", BODIES)
def test_a_call_in_a_loop_binds_its_arguments_once(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = counting(monkeypatch, (Row, "bind"))
    ran(looped(body, 1))
    once = calls["bind"]
    ran(looped(body, 100))
    assert calls["bind"] - once == once


@pytest.mark.parametrize("body", BODIES)
def test_a_loop_looks_up_no_name_twice_and_makes_nothing_of_its_body_again(
    body: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    places = [(expressions, "member"), (interpreter, "lookup"), (interpreter, "attribute"),
              (builtins, "row_function"), (attributes, "row_function"), (Tracer, "code"),
              (Tracer, "block")]  # fmt: skip
    calls = counting(monkeypatch, *places)
    ran(looped(body, 1))
    once = calls.copy()
    calls.clear()
    ran(looped(body, 100))
    assert calls == once


# programs in which a place does not do the same at each visit, and what they print
CHANGING = {
    "for f in [torch.sin, torch.cos]:\n    print(f(x).item() == torch.sin(x).item())":
        ["True", "False"],
    "for p, q in [(v, v), (v, w), (w, v)]:\n    print(torch.sub(p, q).tolist())":
        ["[0.0, 0.0]", "[-2.0, -2.0]", "[2.0, 2.0]"],
    "for p, q in [(v, w), (w, v)]:\n    print(torch.sub(other=p, input=q).tolist())":
        ["[2.0, 2.0]", "[-2.0, -2.0]"],
    "for n in [1, 1.0, True, 2]:\n    print(torch.add(k, n).dtype)":
        ["torch.int64", "torch.float32", "torch.int64", "torch.int64"],
    "for z in [0.0, -0.0]:\n    print(1 / torch.copysign(x, z).item())": ["1.0", "-1.0"],
    "for d in [0, 1, (0, 1)]:\n    print(M.sum(d).tolist())":
        ["[4.0, 6.0]", "[3.0, 7.0]", "10.0"],
    "s = [0]\nfor d in range(2):\n    s[0] = d\n    print(M.sum(s).tolist())":
        ["[4.0, 6.0]", "[3.0, 7.0]"],
    "for m in [x, M]:\n    print(torch.pow(m, x).shape)": ["torch.Size([])", "torch.Size([2, 2])"],
    "for i in range(2):\n    print(abs(-1))\n    abs = lambda x: 'mine'": ["1", "mine"],
    "abs = lambda x: 0\nfor i in range(2):\n    print(abs(-1))\n    if i == 0:\n        del abs":
        ["0", "1"],
    "for m in [torch, torch.linalg]:\n    print(m.norm(v).item() == m.norm(v * 2).item() / 2)":
        ["True", "True"],
    "for o in [v, [3, 4].copy(), v]:\n    print(len(o.sum() if i == 0 else o))\n": ["2", "2", "2"],
}  # fmt: skip


@pytest.mark.parametrize("text", CHANGING)
def test_what_is_remembered_of_a_place_is_not_used_where_it_does_not_hold(text: str) -> None:
    start = (
        "import torch\nx = torch.tensor(1.)\nv = torch.tensor([1., 2.])\nw = v + 2\ni = 1\n"
        "k = torch.tensor(1)\nM = torch.tensor([[1., 2.], [3., 4.]])\n"
    )
    assert list(ran(start + text + "\n").printed) == CHANGING[text]


def test_an_import_changes_what_an_attribute_means_also_in_a_loop() -> None:
    text = (
        "x = tensor([1., 2.])\nfor i in range(2):\n    print(x.size if i else x.size())\n"
        "    import numpy as np\n"
    )
    assert ran(text).printed == ("torch.Size([2])", "2")


class Counted(dict[int, int]):
    """A table that counts what is looked up in it."""

    lookups = 0

    def __getitem__(self, key: int) -> int:
        self.lookups += 1
        return super().__getitem__(key)


def steps(turns: int) -> int:
    """Return how many steps lead from rows of a parameter to its latest in a loop of training."""
    text = f"{START}for i in range({turns}):\n    (x * a).backward()\n"
    text += "    with torch.no_grad():\n        a -= 0.1 * a.grad\n"
    tracer = Tracer(parse(Source("program", text)), Options())
    heirs = tracer.graph.autograd.successors = Counted()
    tracer.run()
    tracer.passes.sums(tracer.graph, ())
    return heirs.lookups


def test_a_loop_of_training_goes_through_the_rows_of_a_parameter_once() -> None:
    assert steps(20) > 0
    assert steps(200) < 3 * steps(100)  # it is linear: quadratic work would be four times as much
