"""Large runs: gradients are compared with differences along random directions."""

from __future__ import annotations

import pytest

from gradcli.api import options_for
from gradcli.diagnose import diagnose_source
from gradcli.diagnose.differences import LARGE, agree, extent
from gradcli.diagnose.subject import examined
from gradcli.errors import Source
from gradcli.session import Request

BROKEN = "x = param(arange({n}) / {n})\nloss = (sqrt(x) + x**2).mean()\n"
# files, and whether their gradients are the derivatives
FILES = (
    (f"x = param(arange(1, {LARGE + 1}) / 7.0)\nloss = (x**3).sum()\n", True),
    (
        f"x = param(arange(1, {LARGE + 1}) / 7.0)\nloss = (x * floor(x)).mean()\n",
        False,
    ),  # jumps at integers
    (f"x = param(arange(1, {LARGE + 1}) + 0.5)\nloss = (x * floor(x)).mean()\n", True),
)


@pytest.mark.parametrize(("text", "right"), FILES)
def test_gradients_of_a_large_run_agree_with_differences(text: str, right: bool) -> None:
    run = examined(Source("f", text), options_for(), Request())
    assert extent(run.graph) == "along 2 random directions"
    assert agree(run.session, {}) is right


@pytest.mark.parametrize("count", [4, LARGE])
def test_a_remedy_says_how_much_of_a_large_run_was_compared(count: int) -> None:
    (finding,) = diagnose_source(Source("f", BROKEN.format(n=count)), options_for()).findings
    assert finding.remedy is not None
    assert finding.remedy.checked.endswith("directions") is (count == LARGE)
