"""Every module of `torch.nn`: what PyTorch prints of it, its numbers and its gradients."""

from __future__ import annotations

import json

import pytest

from gradcli import api
from tests.prelude.programs import HERE, cases, differs, program

EXPECTED = json.loads((HERE / "modules.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", cases())
def test_a_module_is_made_called_and_differentiated_as_pytorch_does_it(case: str) -> None:
    printed = "\n".join(api.loads(program(case)).printed)
    assert not differs(EXPECTED[case], printed)
