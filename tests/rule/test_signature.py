"""Keywords that PyTorch's functions hand on to each other, though they say nothing any more."""

from __future__ import annotations

import pytest

from gradcli import loads
from gradcli.errors import GradcliError

# the arguments with which nn.MSELoss and nn.Softmax reach torch.nn.functional, and what comes out
SILENT = [
    ("F.mse_loss(a, b, size_average=None, reduce=None, reduction='sum')", 5.0),
    ("F.l1_loss(a, b, size_average=None, reduce=None, reduction='mean')", 1.5),
    ("sum(F.softmax(a, 0, _stacklevel=3, dtype=None))", 1.0),
]
LOUD = ["F.mse_loss(a, b, reduce=False)", "F.mse_loss(a, b, size_average=True)",
        "F.relu(a, reduce=None)", "F.softmax(a, 0, _stacklevel=a)"]  # fmt: skip
LEAVES = "a = tensor([1.0, 2.0])\nb = tensor([2.0, 4.0])\n"


@pytest.mark.parametrize(("text", "expected"), SILENT)
def test_keywords_of_the_past_are_accepted_where_they_say_nothing(
    text: str, expected: float
) -> None:
    found = loads(f"{LEAVES}y = {text}\n")["y"].value
    assert found is not None
    assert float(found) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("text", LOUD)
def test_they_are_refused_where_they_would_change_the_result(text: str) -> None:
    with pytest.raises(GradcliError, match="unexpected keyword argument"):
        loads(f"{LEAVES}y = {text}\n")
