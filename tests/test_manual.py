"""The reference manual is what the grammar and the table say now."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli.manual import PAGES

DOCS = Path(__file__).parents[1] / "docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_up_to_date(name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run: python -m gradcli.manual docs"
