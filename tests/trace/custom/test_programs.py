"""Operations that a file defines itself do what PyTorch does with them."""

from __future__ import annotations

import json

import pytest

from gradcli import loads
from tests.trace.custom.programs import FILE, programs

PRINTED = json.loads(FILE.read_text(encoding="utf-8"))["printed"]


@pytest.mark.parametrize("title", programs())
def test_a_program_prints_what_pytorch_prints(title: str) -> None:
    assert "\n".join(loads(programs()[title]).printed) + "\n" == PRINTED[title]
