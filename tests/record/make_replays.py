"""Write records of small PyTorch programs, their lines by hand, their truth from the run itself.

With the release of PyTorch that `pyproject.toml` names:

    python -m tests.record.make_replays
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

REPLAYS = Path(__file__).parent / "replays"


class MyExp(torch.autograd.Function):
    """An operation that the table does not have."""

    @staticmethod
    def forward(ctx: Any, a: torch.Tensor) -> torch.Tensor:
        """Return e^a."""
        y = a.exp()
        ctx.save_for_backward(y)
        return y

    @staticmethod
    def backward(ctx: Any, *grads: Any) -> Any:
        """Return what goes back."""
        return grads[0] * ctx.saved_tensors[0]


def written(
    name: str,
    data: dict[str, torch.Tensor],
    leaves: dict[str, torch.Tensor],
    rows: dict[str, tuple[torch.Tensor, str, str, str]],
) -> None:
    """Write the arrays of a record; rows have their tensor, place, text and module."""
    arrays = {key: x.detach().numpy() for key, x in data.items()}
    facts: dict[str, Any] = {"torch": torch.__version__.partition("+")[0]}
    for key, leaf in leaves.items():
        assert leaf.grad is not None
        arrays[f"truth/grad/{key}"] = leaf.grad.numpy()
    for key, (x, place, source, module) in rows.items():
        function = x.grad_fn
        assert function is not None
        assert x.grad is not None
        arrays[f"truth/cotangent/{key}"] = x.grad.numpy()
        arrays[f"truth/value/{key}"] = x.detach().numpy()
        facts[key] = {"grad_fn": type(function).__name__, "place": place, "source": source,
                      "module": module}  # fmt: skip
    arrays["truth/rows"] = np.array(json.dumps(facts))
    np.savez(REPLAYS / f"{name}.npz", allow_pickle=False, **arrays)


def custom() -> None:
    """Two layers with an operation between them that is not in the table."""
    torch.manual_seed(0)
    x, t = torch.randn(4, 3), torch.randn(4, 2)
    w1, b1, w2 = (torch.randn(*s, requires_grad=True) for s in ((5, 3), (5,), (2, 5)))
    h = functional.linear(x, w1, b1)
    a = h.tanh()
    y = MyExp.apply(a)  # type: ignore[no-untyped-call]
    p = functional.linear(y, w2)
    loss = functional.mse_loss(p, t)
    kept = {"h": h, "a": a, "y": y, "p": p, "loss": loss}
    for row in kept.values():
        row.retain_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    assert a.grad is not None
    data = {"x": x, "t": t, "fc1.weight": w1, "fc1.bias": b1, "fc2.weight": w2, "y": y,
            "y<-a": a.grad}  # fmt: skip
    told = {"h": ("model.py:10:13", "self.fc1(x)", "fc1"),
            "a": ("model.py:11:13", "h.tanh()", ""), "y": ("model.py:11:9", "MyExp.apply(a)", ""),
            "p": ("model.py:12:16", "self.fc2(y)", "fc2"),
            "loss": ("train.py:31:8", "F.mse_loss(model(x), t)", "")}  # fmt: skip
    written("custom", data, {"w1": w1, "b1": b1, "w2": w2},
            {key: (kept[key], *told[key]) for key in kept})  # fmt: skip


def hidden() -> None:
    """A root of 0 behind a `where`, whose gradient is nan."""
    x = torch.tensor([0.0, 4.0], requires_grad=True)
    r = x.sqrt()
    y = torch.where(x > 0, r, torch.zeros(()))
    loss = y.sum()
    kept = {"r": r, "y": y, "loss": loss}
    for row in kept.values():
        row.retain_grad()
    loss.backward()  # type: ignore[no-untyped-call]
    told = {"r": "loss.py:7:20 x.sqrt()", "y": "loss.py:7:9 torch.where(x > 0, x.sqrt(), 0.0)",
            "loss": "loss.py:8:12 y.sum()"}  # fmt: skip
    rows = {k: (kept[k], *told[k].split(" ", 1), "") for k in kept}
    written("hidden", {"x": x}, {"x": x}, rows)  # type: ignore[arg-type]


if __name__ == "__main__":
    custom()
    hidden()
