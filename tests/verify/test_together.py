"""Gradients of a record's many parameters, which are moved all together."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.rule.dtypes import Array
from gradcli.session import Session
from gradcli.session import run as session_of
from gradcli.source import read_source
from gradcli.verify import analytic
from gradcli.verify.target import Settings, Target, target_of
from gradcli.verify.together import alike
from tests.cli.runner import run

COUNT = 40
BEGIN = 'import torch\ndata = recorded("run.npz")\ns = param(data["s"])\nx = data["x"] * s\n'
BODIES = {
    "a chain": "h = x\nfor k, w in enumerate(ws):\n    h = h + 0.1 * torch.tanh(h * w + 0.1 * k)\n",
    "kinks, and rows of several results": "h = x\nfor w in ws:\n"
    "    a, b = torch.split(torch.relu(h * w) + h, 2)\n    h = torch.cat([b, a])\n",
    "detached on its way": "h = x\nfor w in ws:\n    h = h + w * (w.detach() + h.detach())\n",
}


def written(folder: Path, body: str) -> Path:
    """Write a record of many parameters, of very different sizes."""
    generator = np.random.default_rng(0)
    arrays = {f"w{k}": generator.uniform(0.5, 1.5, 4) * 10.0 ** -(k % 3) for k in range(COUNT)}
    np.savez(folder / "run.npz", s=np.array(1.5), x=generator.uniform(0.5, 1.5, 4), **arrays)  # type: ignore[arg-type]
    text = BEGIN + "".join(f'w{k} = param(data["w{k}"])\n' for k in range(COUNT))
    text += f"ws = [{', '.join(f'w{k}' for k in range(COUNT))}]\n{body}loss = (h ** 2).sum()\n"
    path = folder / "run.expr"
    path.write_text(text + "loss.backward()\n", encoding="utf-8")
    return path


def read(path: Path) -> tuple[Target, dict[int, Array]]:
    session: Session = session_of(read_source(path), options_for(folder=path.parent))
    target = target_of(session, Settings(), np.random.default_rng(0))
    found = analytic.reverse(target.graph, target.outputs, target.parameters)
    return target, {leaf: g for leaf, g in found.items() if g is not None}


@pytest.mark.parametrize("name", BODIES)
def test_right_gradients_are_found_right_in_one_go(name: str, tmp_path: Path) -> None:
    written(tmp_path, BODIES[name])
    outcome = run("check", "run.expr", "--json", folder=tmp_path)
    report = json.loads(outcome.output)["files"][0]
    assert outcome.status == 0
    assert [f["verdict"] for f in report["findings"]] == ["OK"] * (COUNT + 1)
    assert (
        sum(f["checked"] == 0 and f["directions"] == 3 for f in report["findings"]) == COUNT + 1 - 4
    )
    told = " ".join(run("check", "run.expr", folder=tmp_path).output.split())
    assert "37 of 41 parameters are moved together, along 3 random directions" in told


@pytest.mark.parametrize("factor", [1.001, 0.5, -1.0])
def test_a_wrong_gradient_is_not_among_those_that_are_right(factor: float, tmp_path: Path) -> None:
    target, gradients = read(written(tmp_path, BODIES["a chain"]))
    wrong = target.parameters[-3]
    doctored = {**gradients, wrong: gradients[wrong] * factor}
    right = alike(target.graph, target.outputs, doctored, np.random.default_rng(1), False)
    assert wrong not in right
    assert len(right) >= COUNT // 2  # those that it was not among in the end
