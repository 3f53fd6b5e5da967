"""What modules, data sets and their companions do, as PyTorch prints it."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli import api
from tests.prelude.programs import HERE, differs

SCRIPTS = sorted((HERE / "scripts").glob("*.expr"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_prints_what_pytorch_prints(path: Path) -> None:
    found = "\n".join(api.loads(path.read_text(encoding="utf-8")).printed)
    expected = path.with_suffix(".out").read_text(encoding="utf-8").rstrip("\n")
    assert not differs(expected, found, tolerance=1.1e-4)  # tensors are shown to four digits
