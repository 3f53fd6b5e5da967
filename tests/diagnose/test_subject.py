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

# a file without a scalar, and what is found of it
ELEMENTS = {
    "x = param([0.0, 4.0])\ny = where(x > 0, sqrt(x), 0)": ["hidden-branch"],
    "x = param([0.0, 4.0])\nr = x + 1\ny = sqrt(r)": [],
    "x = param([0.0, 4.0])\ny = sqrt(x)\nw = param([1.0, 2.0])\nz = 2*w": [],  # of two, neither
    "x = param([0.0, 4.0])\nwith no_grad():\n    y = sqrt(x)": [],
}


@pytest.mark.parametrize("text", ELEMENTS)
def test_the_only_result_is_differentiated_by_its_sum(text: str) -> None:
    found = diagnose_source(Source("file", text), options_for()).findings
    assert [f.name for f in found] == ELEMENTS[text]


@pytest.mark.parametrize("text", ODD)
def test_odd_files_are_diagnosed(text: str) -> None:
    diagnose_source(Source("odd", text), options_for())
