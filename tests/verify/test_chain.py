"""Derivatives by many elements at once are those by each of them."""

import numpy as np
import pytest

from gradcli.verify import chain
from gradcli.verify.chain import TINY, Known
from gradcli.verify.complex_step import ANOTHER, ComplexStep
from gradcli.verify.probe import Probe
from gradcli.verify.target import Settings, target_of
from tests.verify.checking import checked, session_of

# a text and its parameter W, of which many elements move at once
TOGETHER = {
    "a layer": "x = randn(8, 20)\nW = param(randn(20, 6))\ny = sum(tanh(x @ W)**2)",
    "idle units": "x = randn(8, 20)\nW = param(randn(20, 6))\ny = sum(relu(x @ W - 3))",
    "a layer from the left": "x = randn(20, 8)\nW = param(randn(6, 20))\ny = mean(exp(W @ x))",
    "two layers": (
        "x = randn(8, 20)\nW = param(randn(20, 6))\nU = randn(6, 5)\nt = arange(8) % 5\n"
        "y = F.cross_entropy(tanh(x @ W) @ U, t)"),
    "layers around a sum": (
        "x = randn(8, 20)\nW = param(randn(20, 6))\nU = randn(6, 6)\n"
        "h = x @ W\ny = sum(sin(h + tanh(h @ U)))"),
    "an embedding": (
        "W = param(randn(30, 4))\ni = tensor([3, 7, 3, 29, 0])\n"
        "y = sum(sin(W[i].sum(dim=0)))"),
    "a convolution": (
        "x = randn(2, 3, 5, 5)\nW = param(randn(5, 3, 3, 3))\ny = sum(tanh(F.conv2d(x, W))**2)"),
    "a softmax of rows": "W = param(randn(16, 8))\ny = (softmax(W, dim=1)**3).sum(dim=1)",
    "numbers of any size": (
        "W = param(randn(16, 8)*10**(4*randn(16, 8)))\ny = sum(log(W*W + 1e-30))"),
    "several results": "x = randn(4, 20)\nW = param(randn(20, 6))\ny = tanh(x @ W)",
    "sums of a large result": "x = randn(80, 9)\nW = param(randn(9, 30))\ny = tanh(x @ W)",
    "numbers in another order": "W = param(randn(12, 10))\ny = sum(sin(W.T.reshape(8, 15))**2)",
}  # fmt: skip

# and where each of them moves by itself
ALONE = {
    "no row is passed by all": "W = param(randn(12, 12))\ny = sum(W @ W + W)",
    "several roots": "x = randn(3, 12)\nW = param(randn(12, 12))\nz = x @ W\ny = sum(sin(z))",
    "few elements": "x = randn(9, 3)\nW = param(randn(3, 1))\ny = sum(tanh(x @ W))",
}


@pytest.fixture
def cheap_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it pay for small tensors too."""
    monkeypatch.setattr(chain, "CALL", 1)
    monkeypatch.setattr(chain, "PAYS", 0.1)


def step_of(text: str, known: Known, of: tuple[str, ...] = ()) -> ComplexStep:
    target = target_of(session_of(text, {"seed": 1}), Settings(of=of), np.random.default_rng(0))
    step = ComplexStep(Probe(target.graph, target.parameters[0], target.outputs), known)
    assert step.serves(np.random.default_rng(0))
    return step


@pytest.mark.parametrize("case", TOGETHER)
@pytest.mark.parametrize("which", ["all", "every other", "the first half"])
@pytest.mark.usefixtures("cheap_calls")
def test_many_elements_at_once_give_the_same(case: str, which: str) -> None:
    step = step_of(TOGETHER[case], {})
    every = np.arange(step.size.size)
    parts = {"all": every, "every other": every[::2], "the first half": every[: every.size // 2]}
    elements = parts[which]
    found = step.at_once(elements)
    assert found is not None, "each moves by itself"
    alone = step.derivatives(elements)
    assert np.all(np.abs(found - alone) <= step.rounding(alone) + step.rounding(found))


@pytest.mark.parametrize("case", ALONE)
@pytest.mark.usefixtures("cheap_calls")
def test_elements_that_share_no_row_move_alone(case: str) -> None:
    step = step_of(ALONE[case], {}, ("z", "y") if case == "several roots" else ())
    assert step.at_once(np.arange(step.size.size)) is None


@pytest.mark.usefixtures("cheap_calls")
def test_what_is_known_by_a_row_serves_again_unless_it_is_wrong() -> None:
    known: Known = {}
    elements = np.arange(120)
    first = step_of(TOGETHER["two layers"], known).at_once(elements)
    assert known
    again = step_of(TOGETHER["two layers"], known)
    before = again.probe.evaluations
    second = again.at_once(elements)
    assert first is not None
    assert second is not None
    assert np.array_equal(first, second)
    assert again.probe.evaluations - before < 40
    for value in known.values():
        value[..., 0] *= 1 + 1e-6
    assert step_of(TOGETHER["two layers"], known).at_once(elements) is None


@pytest.mark.usefixtures("cheap_calls")
def test_another_step_rounds_in_another_way() -> None:
    step = step_of(TOGETHER["two layers"], {})
    one, other = (step.at_once(np.arange(120), tiny) for tiny in (TINY, ANOTHER))
    assert one is not None
    assert other is not None
    assert 0 < np.abs(one - other).max() <= step.rounding(one).max()


def test_a_network_takes_fewer_evaluations_than_it_has_elements() -> None:
    report = checked(
        "x = randn(8, 100)\nW = param(randn(100, 20))\nb = param(zeros(20))\n"
        "U = param(randn(20, 10))\ny = F.cross_entropy(tanh(x @ W + b) @ U, arange(8))"
    )
    assert report.verdict == "OK"
    assert sum(f.checked for f in report.findings) == 2220
    assert report.evaluations < 1000
