"""Every sample gives the values and gradients that PyTorch gives, and its claims hold."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli import load

ROOT = Path(__file__).parents[1]
REFERENCE: dict[str, Any] = json.loads(
    (ROOT / "tests" / "reference" / "samples.json").read_text(encoding="utf-8")
)
SAMPLES = sorted((ROOT / "samples").glob("*.expr"))


CLAIMS = {
    path: count
    for path in SAMPLES
    if (count := path.read_text(encoding="utf-8").count("\nassert "))
}


@pytest.mark.parametrize("path", SAMPLES, ids=lambda p: p.stem)
def test_a_sample_has_pytorchs_value_and_gradients(path: Path) -> None:
    expected = REFERENCE[path.name]
    inspection = load(path, param=expected.get("parameters"), set=expected.get("data"))
    root = inspection.root
    assert root is not None
    assert root.name == expected["root"]
    assert root.value is not None
    np.testing.assert_allclose(root.value, expected["value"], rtol=1e-10)
    grads = {
        node.name: node.grad for node in inspection.nodes if node.kind == "parameter" and node.name
    }
    assert grads.keys() == expected["grads"].keys()
    for name, grad in expected["grads"].items():
        found = grads[name]
        assert found is not None
        np.testing.assert_allclose(found, grad, rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("path", CLAIMS, ids=lambda p: p.stem)
@pytest.mark.parametrize("seed", [0, 1])
def test_the_claims_of_a_sample_hold(path: Path, seed: int) -> None:
    claims = load(path, seed=seed).claims
    assert len(claims) == CLAIMS[path]
    assert [claim.source for claim in claims if not claim.holds] == []


@pytest.mark.parametrize("path", CLAIMS, ids=lambda p: p.stem)
def test_a_claim_of_twice_the_gradient_would_not_hold(path: Path, tmp_path: Path) -> None:
    folder = tmp_path / "samples"
    shutil.copytree(path.parent, folder)
    text = path.read_text(encoding="utf-8").replace("allclose(grad(", "allclose(2 * grad(")
    (folder / path.name).write_text(text, encoding="utf-8")
    turned = [
        c for c in load(folder / path.name).claims if c.source.startswith("allclose(2 * grad(")
    ]
    assert turned
    assert [claim.source for claim in turned if claim.holds] == []


def test_the_tutorial_before_backward() -> None:
    inspection = load(ROOT / "samples" / "linear_regression.expr", backward=False)
    nodes = {node.name: node for node in inspection.nodes}
    assert [n for n, node in nodes.items() if node.is_leaf] == ["x", "y", "w", "b"]
    assert [n for n, node in nodes.items() if node.requires_grad] == [
        "w", "b", "wx", "wx_b", "loss", "loss2", "loss2_sum"]  # fmt: skip
    assert [node.grad_fn for node in nodes.values()] == [
        None, None, None, None,
        "MulBackward0", "AddBackward0", "SubBackward0", "PowBackward0", "SumBackward0",
    ]  # fmt: skip
    assert all(node.grad is None for node in nodes.values())


@pytest.mark.parametrize("name", ["linear_regression", "linear_regression_pytorch"])
def test_the_tutorial_after_backward(name: str) -> None:
    inspection = load(ROOT / "samples" / f"{name}.expr")
    grads = {n.name: None if n.grad is None else n.grad.item() for n in inspection.nodes}
    assert grads == {
        "x": None, "y": None, "w": -28.0, "b": -18.0,
        "wx": None, "wx_b": None, "loss": None, "loss2": None, "loss2_sum": None,
    }  # fmt: skip


def test_the_tutorial_with_retained_gradients() -> None:
    inspection = load(ROOT / "samples" / "linear_regression.expr", retain_grad=True)
    grads = {n.name: None if n.grad is None else n.grad.tolist() for n in inspection.nodes}
    # by hand: d loss2_sum / d loss = 2·loss = 2·(wx + b - y) = (-8, -10)
    assert grads == {
        "x": None, "y": None, "w": -28.0, "b": -18.0, "wx": [-8.0, -10.0], "wx_b": [-8.0, -10.0],
        "loss": [-8.0, -10.0], "loss2": [1.0, 1.0], "loss2_sum": 1.0,
    }  # fmt: skip
