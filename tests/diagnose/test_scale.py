"""Sizes of gradients by stage, and what a first step tells, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.api import options_for
from gradcli.diagnose import diagnose_source
from gradcli.diagnose.scale.stages import size, stages
from gradcli.diagnose.scale.training import trainings
from gradcli.diagnose.subject import Subject, examined
from gradcli.errors import Source
from gradcli.session import Request

TRAINING = """x = tensor([1.0, 2.0])
w = param(0.5)
for i in range({turns}):
    loss = sum((w*x - 1)**2)
    loss.backward()
    with no_grad():
        w -= {rate} * w.grad
        w.grad.zero_()
"""


def subject(text: str) -> Subject:
    return examined(Source("file", text), options_for(), Request())


@pytest.mark.parametrize("weight", [0.5, 1.5, -2.0])
def test_a_product_in_turns_makes_powers_of_its_weight(weight: float) -> None:
    found = subject(f"w = param({weight})\nh = tensor(1.0)\nfor i in range(9):\n    h = w*h\ny = h")
    norms = [stage.norm for stage in stages(found.flows[0])]
    assert norms == pytest.approx([abs(weight) ** k for k in range(9)])


def test_layers_that_turn_a_vector_keep_the_size_of_its_gradient() -> None:
    turn = "[[0.6, -0.8], [0.8, 0.6]]"
    text = f"U = param({turn})\nh = tensor([3.0, 4.0])\nfor i in range(30):\n    h = U @ h\n"
    norms = [stage.norm for stage in stages(subject(f"{text}y = h[0]").flows[0])]
    assert norms == pytest.approx([1.0] * 30)


def test_the_first_step_tells_the_rate_and_the_curvature_of_a_square() -> None:
    # the second derivative of sum((w·x - 1)²) is 2·sum(x²) = 10
    (found,) = trainings(subject(TRAINING.format(turns=4, rate=0.03)))
    assert (found.rate, found.curvature) == pytest.approx((0.03, 10.0))


@pytest.mark.parametrize(("rate", "grows"), [(0.18, False), (0.199, False), (0.25, True)])
def test_a_training_grows_beyond_twice_the_inverse_of_the_curvature(
    rate: float, grows: bool
) -> None:
    found = diagnose_source(Source("file", TRAINING.format(turns=8, rate=rate)), options_for())
    assert ("diverging-training" in {f.name for f in found.findings}) is grows


@pytest.mark.parametrize("scale", [1e-300, 1.0, 1e300])
def test_a_size_is_told_where_its_square_is_none(scale: float) -> None:
    assert size(scale * np.array([[3.0], [4.0]])) == pytest.approx(5 * scale)
