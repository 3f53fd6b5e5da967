"""Write calls.json: what PyTorch computes for calls that need tensors of a shape of their own.

Run it in the checkout with PyTorch 2.13: `python tests/reference/make_calls.py`.

A row has the form of those in expressions.json. A ctc_loss stands behind a log_softmax: there
PyTorch's gradient is the derivative. `bare` is one that does not.
"""

from __future__ import annotations

import json
import re
from math import isfinite
from pathlib import Path
from typing import Any

import torch

FILE = Path(__file__).parent / "calls.json"
ABOUT = (
    "PyTorch 2.13.0 (CPU) on fixed float64 inputs, in the form of expressions.json: grads are of "
    "sum(result * G) with G = 1 + arange(numel)/numel in the result's shape."
)

SHAPES = {"logits": (5, 3, 4), "one": (4, 3), "image": (2, 2, 3, 4), "grid": (2, 3, 2, 2),
          "volume": (1, 2, 2, 3, 4), "space": (1, 2, 2, 2, 3), "theta": (2, 2, 3),
          "turn": (1, 3, 4)}  # fmt: skip

_LOSS = "F.ctc_loss(log_softmax(logits, 2), tensor([[1, 1], [3, 2], [2, 0]]), {})"
_SAMPLE = "F.grid_sample({}, {}, '{}', '{}', align_corners={})"
CALLS = [
    _LOSS.format("(5, 4, 3), (2, 2, 1)"),
    _LOSS.format("tensor([5, 4, 3]), tensor([2, 2, 0]), reduction='none'"),
    _LOSS.format("(5, 2, 0), (1, 2, 0), reduction='sum'"),
    _LOSS.format("(2, 4, 3), (2, 2, 1), reduction='none'"),  # no room for a blank between 1 and 1
    _LOSS.format("(2, 4, 3), (2, 2, 1), reduction='sum', zero_infinity=True"),
    "F.ctc_loss(log_softmax(logits, 2), tensor([0, 2, 2, 1]), (5, 5, 5), (1, 3, 0), blank=3)",
    "F.ctc_loss(log_softmax(one, 1), tensor([2, 1]), tensor(4), tensor(2), reduction='none')",
    "F.ctc_loss(log_softmax(one, 1), tensor([2, 2]), (4,), (2,))",
    *(_SAMPLE.format("image", "grid", mode, padding, align)
      for mode in ("bilinear", "nearest", "bicubic")
      for padding in ("zeros", "border", "reflection")
      for align in (False, True)),
    *(_SAMPLE.format("volume", "space", mode, padding, mode == "nearest")
      for mode in ("bilinear", "nearest")
      for padding in ("zeros", "border", "reflection")),
    # on the centres of pixels, where a slope is one-sided
    *("F.grid_sample(image, F.affine_grid(theta - theta.detach() + eye(2, 3), (2, 2, 3, 4), "
      f"align_corners={align}), align_corners={align})" for align in (False, True)),
    "F.affine_grid(theta, (2, 1, 2, 3), align_corners=False)",
    "F.affine_grid(theta, (2, 1, 4, 2), align_corners=True)",
    "F.affine_grid(turn, (1, 1, 2, 1, 3), align_corners=False)",
    "F.grid_sample(volume, F.affine_grid(turn, (1, 2, 2, 2, 2), align_corners=True), "
    "align_corners=True)",
]  # fmt: skip

BARE = "F.ctc_loss(logits, tensor([[1, 1], [3, 2], [2, 0]]), (5, 4, 3), (2, 2, 1), reduction='sum')"

_TARGETS = "tensor([[1, 1], [3, 2], [2, 0]])"
REFUSED = [
    f"F.ctc_loss(logits.long(), {_TARGETS}, (5, 4, 3), (2, 2, 1))",
    f"F.ctc_loss(logits[:0], {_TARGETS}, (0, 0, 0), (2, 2, 1))",
    f"F.ctc_loss(logits[:, 0, 0], {_TARGETS}, (5, 4, 3), (2, 2, 1))",
    f"F.ctc_loss(logits, {_TARGETS}[0, 0], (5, 4, 3), (2, 2, 1))",
    f"F.ctc_loss(logits, {_TARGETS}[:2], (5, 4, 3), (2, 2, 1))",
    f"F.ctc_loss(logits, {_TARGETS}, (5, 4), (2, 2, 1))",
    f"F.ctc_loss(logits, {_TARGETS}, (5, 4, 3), (2, 2))",
    f"F.ctc_loss(logits, {_TARGETS}, (5, 4, 6), (2, 2, 1))",
    f"F.ctc_loss(logits, {_TARGETS}, (5, 4, -1), (2, 2, 1))",
    f"F.ctc_loss(logits, {_TARGETS}, (5, 4, 3), (2, -2, 1))",
    f"F.ctc_loss(logits, {_TARGETS}, (5, 4, 3), (2, 3, 1))",
    f"F.ctc_loss(logits, {_TARGETS}, tensor([5.0, 4.0, 3.0]), tensor([2, 2, 1]))",
    f"F.ctc_loss(logits, {_TARGETS}, (5, 4, 3), (2, 2, 1), blank=4)",
    f"F.ctc_loss(logits, {_TARGETS}, (5, 4, 3), (2, 2, 1), reduction='total')",
    "F.ctc_loss(logits, tensor([1, 1, 3, 2]), (5, 4, 3), (2, 2, 1))",
    "F.grid_sample(image, grid, 'trilinear')",
    "F.grid_sample(image, grid, padding_mode='reflect')",
    "F.grid_sample(volume, space, 'bicubic')",
    "F.grid_sample(image[:1], grid)",
    "F.grid_sample(image, grid[..., :1])",
    "F.grid_sample(image[:, :, :0], grid)",
    "F.grid_sample(image, grid[:, 0])",
    "F.grid_sample(image, grid.float())",
    "F.grid_sample(image.long(), grid)",
    "F.grid_sample(volume.long(), space)",
    "F.affine_grid(theta, (2, 1, 3))",
    "F.affine_grid(theta, (2, 1, 3, 4, 5))",
    "F.affine_grid(theta[0], (2, 1, 3, 4))",
    "F.affine_grid(theta.long(), (2, 1, 3, 4))",
    "F.affine_grid(theta, (2, 1, 0, 4))",
    "F.affine_grid(theta, (3, 1, 3, 4))",
]


def inputs() -> dict[str, torch.Tensor]:
    """Return the leaves, drawn from a seed; a few points of each grid lie outside."""
    generator = torch.Generator().manual_seed(20)
    return {
        name: torch.randn(shape, generator=generator).requires_grad_()
        for name, shape in SHAPES.items()
    }


def listed(x: Any) -> Any:
    """Return numbers as JSON has them: NaN and infinities are strings."""
    if isinstance(x, list):
        return [listed(item) for item in x]
    return x if isfinite(x) else str(x)


def chain(node: Any) -> Any:
    """Return a grad_fn and the chains of its next_functions."""
    if node is None:
        return None
    return [type(node).__name__, *(chain(edge) for edge, _ in node.next_functions)]


def run(text: str, leaves: dict[str, torch.Tensor]) -> Any:
    """Run one call."""
    names = {name: getattr(torch, name) for name in ("tensor", "eye", "log_softmax")}
    return eval(text, {"F": torch.nn.functional, **names, **leaves})


def refusal(text: str, leaves: dict[str, torch.Tensor]) -> str:
    """Return what PyTorch says of a call that it refuses."""
    try:
        run(text, leaves)
    except (RuntimeError, ValueError) as error:
        return str(error)
    raise AssertionError(f"it is not refused: {text}")


def row(text: str, leaves: dict[str, torch.Tensor]) -> dict[str, Any]:
    """Run one call and say everything of its result."""
    y = run(text, leaves)
    used = {name: x for name, x in leaves.items() if re.search(rf"\b{name}\b", text)}
    start = (1 + torch.arange(y.numel()) / max(y.numel(), 1)).reshape(y.shape)
    grads = torch.autograd.grad(y, tuple(used.values()), start, allow_unused=True)
    return {
        "expr": text,
        "deterministic": True,
        "dtype": str(y.dtype)[6:],
        "shape": list(y.shape),
        "requires_grad": y.requires_grad,
        "is_leaf": y.is_leaf,
        "grad_fn": type(y.grad_fn).__name__,
        "chain": chain(y.grad_fn),
        "value": listed(y.tolist()),
        "grads": {
            name: None if g is None else listed(g.tolist())
            for name, g in zip(used, grads, strict=True)
        },
    }


def main() -> None:
    """Run every call and write the file."""
    torch.set_default_dtype(torch.float64)
    leaves = inputs()
    given = {
        name: {"value": x.tolist(), "dtype": "float64", "shape": list(x.shape),
               "requires_grad": True}
        for name, x in leaves.items()
    }  # fmt: skip
    rows = [row(text, leaves) for text in CALLS]
    refused = {text: refusal(text, leaves) for text in REFUSED}
    parts = {"about": ABOUT, "inputs": given, "bare": row(BARE, leaves), "refused": refused}
    lines = ",\n".join(json.dumps(r) for r in rows)
    FILE.write_text(f'{json.dumps(parts)[:-1]}, "rows": [\n{lines}\n]}}\n', encoding="utf-8")


if __name__ == "__main__":
    main()
