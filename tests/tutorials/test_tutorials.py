"""Snippets as people write them, against the output that PyTorch gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli import load

HERE = Path(__file__).parent


@pytest.mark.parametrize("path", sorted(HERE.glob("*.expr")), ids=lambda p: p.stem)
def test_a_tutorial_prints_what_pytorch_prints(path: Path) -> None:
    printed = "\n".join(load(path).printed)
    assert printed.rstrip("\n") == path.with_suffix(".out").read_text().rstrip("\n")
