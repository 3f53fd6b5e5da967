"""A rewriting that is no remedy is judged to be none."""

from __future__ import annotations

import pytest

from gradcli.api import options_for
from gradcli.diagnose.differences import derived_agree
from gradcli.diagnose.findings import Judge
from gradcli.diagnose.nonfinite.closeness import beside, nearly
from gradcli.diagnose.subject import examined
from gradcli.diagnose.trial import Comparison, Trials
from gradcli.errors import Source
from gradcli.session import Request

SCORES = "s = param([[1.0, 2.0], [3.0, 4.0]])\nm = tensor([[False, False], [True, True]]).bool()\n"
MASKED = SCORES + "p = softmax(s.masked_fill(m, -inf), 1)\nloss = sum(p**2)\n"
ROOT = "w = param(2.0)\nx = tensor([1.0, 2.0])\nloss = sqrt(mean((w*x - 2*x)**2))\n"

JUDGED = (
    (beside, MASKED, "-inf", "-1e30", True),  # the row that is left is what it was
    (beside, MASKED, "-inf", "-1.0", True),  # nothing of that row was masked
    (beside, MASKED, "-inf), 1)", "-1e30), 0)", False),  # it is another softmax
    (beside, MASKED, "p**2", "p", False),  # it is nan still
    (nearly, ROOT, "**2))", "**2) + 1e-12)", True),
    (nearly, ROOT, "**2))", "**2) + 1.0)", False),  # a point nearby has another value
    (nearly, ROOT, "sqrt(mean((w*x - 2*x)**2))", "mean((w*x - 2*x)**2)", False),
    (nearly, ROOT, "sqrt(mean((w*x - 2*x)**2))", "sum(0*w*x)", False),
)


@pytest.mark.parametrize(("judge", "text", "old", "new", "good"), JUDGED)
def test_what_comes_to_something_else_is_no_remedy(
    judge: Judge, text: str, old: str, new: str, good: bool
) -> None:
    assert old in text
    before = examined(Source("before", text), options_for(), Request())
    after = examined(Source("after", text.replace(old, new)), options_for(), Request())
    words = judge(Comparison(Trials(before), after))
    assert bool(words) is good, words


def test_gradients_on_the_tape_are_compared_with_differences() -> None:
    start = "import jax\nx = tensor([0.5, 2.0])\n"
    right = start + "g = jax.grad(lambda v: sum(v**3))(x)\n"
    cut = start + "g = jax.grad(lambda v: sum(v.detach()*v**2))(x)\n"
    for text, agrees in ((right, True), (cut, False)):
        assert derived_agree(examined(Source("f", text), options_for(), Request())) is agrees
