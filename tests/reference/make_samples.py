"""Write samples.json: what PyTorch computes for the formulas in samples/.

Run it in the checkout with PyTorch 2.13: `python tests/reference/make_samples.py`.

A sample is valid Python. It is executed here with PyTorch's own functions under the names it
uses, in float64, so that no formula is written twice; its `assert`s hold or the script fails.
Then PyTorch differentiates the root, and the value and the gradient of every leaf are stored.
"""

from __future__ import annotations

import contextlib
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

HERE = Path(__file__).resolve().parent
SAMPLES = HERE.parents[1] / "samples"

ROOTS = {
    "attention.expr": "loss",
    "black_scholes.expr": "price",
    "gaussian_mixture.expr": "log_likelihood",
    "linear_regression.expr": "loss2_sum",
    "linear_regression_pytorch.expr": "loss2_sum",
    "logistic_regression.expr": "loss",
    "mlp.expr": "loss",
    "one_liner.expr": "loss",
}
PARAMETERS = {"one_liner.expr": {"w": 1.0, "b": 0.0}}
DATA = {"one_liner.expr": {"x": [1.0, 2.0], "y": [5.0, 7.0]}}
RANDOM = {"mlp.expr": ("W1", "W2")}  # drawn by PyTorch, and given to ours as parameters


def load(name: str) -> dict[str, Any]:
    """Read a data file beside the samples as tensors by name."""
    path = SAMPLES / name
    if path.suffix == ".json":
        arrays = json.loads(path.read_text(encoding="utf-8"))
    else:
        arrays = np.load(path)
    return {key: torch.tensor(arrays[key]) for key in arrays}


def grad(output: Any, leaf: Any) -> Any:
    """Return the gradient as a tensor that can be differentiated again."""
    return torch.autograd.grad(output, leaf, create_graph=True)[0]


def names() -> dict[str, Any]:
    """Return the names a sample may use, each PyTorch's own."""
    functions = {name: getattr(torch, name) for name in dir(torch) if name[0].islower()}
    nn = torch.nn.functional
    nns = {"softplus": nn.softplus, "cross_entropy": nn.cross_entropy}
    return functions | nns | {"grad": grad, "load": load}


def run(path: Path) -> dict[str, Any]:
    """Run one sample and return its root's name, its value and the gradients of the leaves."""
    parameters, data = PARAMETERS.get(path.name, {}), DATA.get(path.name, {})
    text = path.read_text(encoding="utf-8")
    pasted = "import torch" in text  # plain Python: its sum() is Python's, and it runs backward()
    scope: dict[str, Any] = {} if pasted else names()
    scope |= {name: torch.tensor(value, requires_grad=True) for name, value in parameters.items()}
    scope |= {name: torch.tensor(value) for name, value in data.items()}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(text, path.name, "exec"), scope)

    tensors = {name: value for name, value in scope.items() if isinstance(value, torch.Tensor)}
    leaves = {name: t for name, t in tensors.items() if t.is_leaf and t.requires_grad}
    root = tensors[ROOTS[path.name]]
    result: dict[str, Any] = {"root": ROOTS[path.name]}
    drawn = {name: leaves[name].tolist() for name in RANDOM.get(path.name, ())}
    if parameters or drawn:
        result |= {"parameters": parameters | drawn, "data": data}
    if not pasted:
        torch.autograd.backward(root)
    return result | {"value": root.item(), "grads": {name: listed(leaves[name]) for name in leaves}}


def listed(leaf: torch.Tensor) -> Any:
    """Return the gradient of a leaf as nested lists."""
    assert leaf.grad is not None
    return leaf.grad.tolist()


def main() -> None:
    """Run every sample and write the file."""
    torch.set_default_dtype(torch.float64)
    paths = sorted(SAMPLES.glob("*.expr"))
    assert {path.name for path in paths} == set(ROOTS), "every sample needs its root here"
    results = {path.name: run(path) for path in paths}
    text = json.dumps(results, indent=1) + "\n"
    (HERE / "samples.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
