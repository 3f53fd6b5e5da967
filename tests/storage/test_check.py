"""`gradcli check` of programs that write: it differentiates what the file computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from gradcli.against.sides import against
from gradcli.api import options_for
from gradcli.errors import GradcliError, Source
from gradcli.session import run
from gradcli.verify import Verdict
from tests.verify.checking import checked

W = "import torch\nw = torch.tensor([1., 2., 3.], dtype=torch.float64, requires_grad=True)\n"
END = "loss = (y * y).sum()\n"

# what a file does between w and y, and the gradient of (y * y).sum() by hand
FOLLOWED: dict[str, list[float]] = {
    "y = w**2\ny[0] *= 3.\n": [36, 32, 108],  # (3w²)², w⁴, w⁴
    "y = w*2\nv = y[1:]\nv.mul_(w[:2])\n": [40, 160, 96],  # (2w₀)², (2w₁w₀)², (2w₂w₁)²
    "y = w*1\nv = y[1:]\ny.mul_(w)\ny = v\n": [0, 32, 108],  # w⁴ of the last two
    "y = w*1\ny[y > 1.5] = 0.5\n": [2, 0, 0],
    "y = w*2\ny[0] = 3.\n": [0, 16, 24],  # (2w)² of the others
    "y = w*1\ny[:2] = w[1:]\n": [0, 4, 12],  # w₁² + 2w₂²
    "y = w*1\ny.view(3, 1)[1:].zero_()\n": [2, 0, 0],
    "y = torch.zeros(3, dtype=torch.float64)\nfor i in range(3):\n    y[i] = w[i]*i\n": [0, 4, 24],
    "y = torch.complex(w, w*0)\ny.real.mul_(w)\ny = y.real\n": [4, 32, 108],
    "y = w*1\nfor i in range(3):\n    y.view(3, 1).T[0][i] *= 2\n": [8, 16, 24],
    "def scale(v):\n    v.mul_(v.detach().clone())\ny = w*1\nscale(y[1:])\n": [2, 16, 54],  # 2y·v
}
# a write that autograd does not see holds what is written: as detach() does
HELD: dict[str, list[float]] = {
    "y = w*2\ny.data.mul_(3.)\n": [24, 48, 72],  # 2y·2 with y = 6w
    "y = w*2\ny.data = y.data*w.data\n": [8, 32, 72],  # 2y·2 with y = 2w²
    "y = w*2\nwith torch.no_grad():\n    y.mul_(w)\n": [8, 32, 72],
    "y = w*1\ny.detach()[0] = w.detach()[1]*4\n": [16, 4, 6],  # 2y with y₀ = 4w₁
    "y = w*1\ny.detach().numpy()[...] = 5.\n": [10, 10, 10],
}
# backward computes with what `.data` wrote, which is no derivative of what was computed
SAVED = "x = w*1\ny = x*x\nx.data.mul_(2.)\nloss = y.sum()\n"


def gradient(text: str, **settings: Any) -> tuple[Verdict, list[float]]:
    finding = checked(text, **settings).findings[0]
    found = sorted((element.index or (), element.analytic) for element in finding.worst)
    return finding.verdict, [slope for _, slope in found]


@pytest.mark.parametrize("text", FOLLOWED)
def test_a_write_that_autograd_sees_is_differentiated(text: str) -> None:
    verdict, found = gradient(W + text + END)
    assert verdict == "OK"
    np.testing.assert_allclose(found, FOLLOWED[text])


@pytest.mark.parametrize("text", FOLLOWED)
def test_its_second_derivatives_agree_with_differences(text: str) -> None:
    assert checked(W + text + END, order=2).verdict == "OK"


@pytest.mark.parametrize("text", FOLLOWED)
def test_forward_mode_agrees_with_differences(text: str) -> None:
    assert checked(W + text + END, modes=("reverse", "forward")).verdict == "OK"


@pytest.mark.parametrize("text", HELD)
def test_a_write_that_autograd_does_not_see_is_held_and_seen_through_on_request(text: str) -> None:
    verdict, found = gradient(W + text + END)
    assert verdict == "OK"
    np.testing.assert_allclose(found, HELD[text])
    assert gradient(W + text + END, through_detach=True)[0] == "WRONG"


def test_a_gradient_of_saved_values_that_data_has_changed_is_wrong() -> None:
    verdict, found = gradient(W + SAVED)
    assert verdict == "WRONG"
    np.testing.assert_allclose(found, [4, 8, 12])  # 2x with the new x = 2w; of w² it is 2w


def test_an_index_that_is_written_twice_gives_its_gradient_to_what_is_written_last() -> None:
    verdict, found = gradient(f"{W}y = w*1\ny[[0, 0]] = w[[1, 1]]\n{END}")
    assert verdict == "OK"
    np.testing.assert_allclose(found, [0, 8, 6])  # of 2w₁² + w₂²; PyTorch has 12 for the 8


@pytest.mark.parametrize("text", [*FOLLOWED, *HELD])
def test_pytorch_computes_the_same(text: str) -> None:
    pytest.importorskip("torch")
    session = run(Source("<test>", W + text + END), options_for())
    compared = {c.name: c for c in against(session, "torch").tensors}
    assert "loss" in compared
    assert "w" in compared
    assert not [c.name for c in compared.values() if c.differs]


RESHAPED = "x = param([1., 2.])\ny = param([[1., 2.], [3., 4.]])\n{}y.data = x\n{}"


def test_a_gradient_is_checked_against_the_values_that_its_pass_has_found() -> None:
    report = checked(RESHAPED.format("sum(y).backward()\n", ""))
    assert {f.parameter: str(f.verdict) for f in report.findings} == {"x": "CUT", "y": "OK"}


def test_data_of_another_shape_is_refused_where_it_was_given() -> None:
    with pytest.raises(GradcliError, match="data of another shape") as fault:
        checked(RESHAPED.format("z = sum(y*y)\n", "z.backward()\n"))
    assert fault.value.source is not None
    assert fault.value.span is not None
    assert fault.value.source.line_of(fault.value.span) == 4
