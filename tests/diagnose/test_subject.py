"""A run as a diagnosis looks at it: whatever a file does, it is looked at."""

from __future__ import annotations

import pytest

from gradcli.api import options_for
from gradcli.diagnose import diagnose_source
from gradcli.errors import Source

ODD = [
    "w = param([1., 2.])\ny = w*2\ny.backward(ones(2))\ny.data = zeros(3)",
    "w = param([1., 2.])\ny = sum(w**2)\ny.backward()\nw.data = zeros(3)",
    "z = param(1+2j)\na = abs(z)**2\ng = 2*z\nd = real(g*1j)*2",
    "w = param([0., 2.])\ny = log(w[w > 0]).sum()",
    "x = 3",
    "",
    "w = param(2.0)",
    "w = param([])\ny = sum(w)",
    "w = param(zeros(0, 3))\ny = mean(w)",
]


@pytest.mark.parametrize("text", ODD)
def test_odd_files_are_diagnosed(text: str) -> None:
    diagnose_source(Source("odd", text), options_for())
