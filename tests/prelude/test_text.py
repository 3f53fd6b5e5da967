"""The files of the prelude as people read them."""

from __future__ import annotations

from pathlib import Path

import pytest

import gradcli.prelude
from gradcli.errors import Source
from gradcli.syntax.format import formatted

FOLDER = Path(gradcli.prelude.__file__).parent
OWN = sorted(FOLDER.rglob("*.expr"))


@pytest.mark.parametrize("path", OWN, ids=lambda path: path.stem)
def test_the_formatter_leaves_it_as_it_is_and_its_lines_are_short(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert formatted(Source(path.name, text)) == text
    assert [line for line in text.splitlines() if len(line) > 100] == []
