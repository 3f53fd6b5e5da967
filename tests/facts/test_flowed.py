"""The gradients that flowed through nodes, beside the `.grad` that PyTorch keeps."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli import loads
from gradcli.facts import flowed
from gradcli.run import Run

# what flows, by hand: the name of each node, and its gradient in the only pass that reached it
SINGLE: dict[str, tuple[str, dict[str, object]]] = {
    "a line": (
        "x = tensor([1., 2.])\nw = param(3.)\ny = w*x\nz = y**2\nloss = z.sum()",
        # dz = 1, dy = 2y = (6, 12), dw = 6·1 + 12·2
        {"w": 30.0, "y": [6.0, 12.0], "z": [1.0, 1.0], "loss": 1.0, "x": None},
    ),
    "a cotangent of its own": (
        "w = param([1., 2.])\ny = w*w\nz = 3*y\nz.backward(tensor([1., 10.]))",
        {"z": [1.0, 10.0], "y": [3.0, 30.0], "w": [6.0, 120.0]},
    ),
    "paths that meet": ("w = param(2.)\na = w*w\nb = a*a + 3*a", {"a": 11.0, "w": 44.0}),
    "two passes over different nodes": (
        "w = param(2.)\nx = tensor(3.)\na = w*x\nb = 2*a\nb.backward()\nc = w**2\nd = 5*c\n"
        "d.backward()",
        # w has gathered both: there is no gradient that is its own
        {"a": 2.0, "b": 1.0, "c": 5.0, "d": 1.0, "w": None},
    ),
    "two passes over the same nodes": (
        "w = param(2.)\na = w**2\nb = 3*a\nb.backward(retain_graph=True)\nb.backward()",
        {"a": None, "b": None, "w": None},
    ),
    "a pass towards some nodes": (
        "w = param(2.)\nv = param(3.)\na = w*v\nc = v**2\nb = a*c\nb.backward(inputs=[w])",
        # b = w·v³: only the way to w is gone
        {"w": 27.0, "a": 9.0, "b": 1.0, "c": None, "v": None},
    ),
    "a gradient that was set to zero": (
        "w = param(2.)\na = w**2\na.backward()\nw.grad.zero_()",
        {"w": 4.0, "a": 1.0},
    ),
    "a write that autograd does not see": (
        "w = param(2.)\na = w**2\nb = a*w\nw.data.fill_(5.)\nb.backward()",
        {"a": None, "b": None, "w": None},
    ),
    "a write that autograd does not see, after the pass": (
        "w = param(2.)\na = w**2\nb = a*w\nb.backward()\nw.data -= 0.1*w.grad\nw.data.fill_(7.)",
        {"a": 2.0, "b": 1.0, "w": 12.0},
    ),
    "no pass": ("w = tensor(2.)\na = w**2", {"a": None, "w": None}),
}


def named(run: Run) -> dict[str, object]:
    """Return the gradients of the first node of each name."""
    found: dict[str, object] = {}
    for node in run.nodes:
        if node.name is not None and node.name not in found:
            found[node.name] = None if node.gradient is None else node.gradient.tolist()
    return found


@pytest.mark.parametrize("case", SINGLE)
def test_a_gradient_that_flowed_is_that_of_the_only_pass(case: str) -> None:
    text, expected = SINGLE[case]
    found = named(loads(text))
    assert {name: found[name] for name in expected} == expected


def test_what_flows_is_what_retain_grad_keeps() -> None:
    text = (
        "x = param(arange(6.).reshape(2, 3))\na = tanh(x.T @ x)\n"
        "b = a[0].unsqueeze(1).expand(3, 2)\n"
        "values, places = b.max(dim=0)\nloss = values.sum() + (a / (1 + x[0])).mean()"
    )
    flowed, kept = loads(text).nodes, loads(text, retain_grad=True).nodes
    assert len(flowed) == len(kept) > 10
    for one, other in zip(flowed, kept, strict=True):
        assert (one.gradient is None) == (other.grad is None)
        if other.grad is not None and one.gradient is not None:
            np.testing.assert_array_equal(one.gradient, other.grad)
            assert one.gradient.dtype == other.grad.dtype


@pytest.mark.parametrize(
    "update", ["with no_grad():\n        w -= 0.1 * w.grad", "w.data -= 0.1 * w.grad"]
)
def test_every_turn_of_a_training_loop_has_its_own(
    update: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The loss is (w - 5)²: its gradient by w is 2(w - 5), by the difference as well."""
    monkeypatch.setattr(flowed, "WINDOW", 8)  # so that passes are gone over in parts
    text = (
        "w = param(0.)\nfor i in range(6):\n    d = w - 5\n    loss = d**2\n    loss.backward()\n"
        f"    {update}\n    w.grad = None"
    )
    turns = [node for node in loads(text).nodes if node.name == "d"]
    assert len(turns) == 6
    for k, node in enumerate(turns):
        assert node.value == pytest.approx(-5 * 0.8**k)
        assert node.gradient == pytest.approx(-10 * 0.8**k)


def test_of_shows_what_flowed_from_that_node_alone() -> None:
    text = "w = param(3.)\nk = 2*w\nm = 4*k\nloss = k**2\nloss.backward()"
    assert named(loads(text, of="m"))["k"] == 4.0
    assert named(loads(text))["k"] == 12.0


def test_a_run_in_blocks_is_not_computed_again() -> None:
    found = named(
        loads("x = param(linspace(0., 1., 2000000))\ny = sin(x)\nz = y*y\nloss = z.sum()")
    )
    assert found == {"x": None, "y": None, "z": None, "loss": None}
