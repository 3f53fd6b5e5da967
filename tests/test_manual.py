"""The reference manual is what the grammar and the table say now."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli.manual import PAGES, main

DOCS = Path(__file__).parents[1] / "docs"


def test_every_page_is_written_into_the_folder_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pages = {"a.md": lambda: "α\n", "b.md": lambda: "b\n"}
    monkeypatch.setattr("gradcli.manual.PAGES", pages)
    monkeypatch.setattr("sys.argv", ["manual", str(tmp_path / "new")])
    main()
    written = {p.name: p.read_text(encoding="utf-8") for p in (tmp_path / "new").iterdir()}
    assert written == {"a.md": "α\n", "b.md": "b\n"}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["manual"])
    main()
    assert (tmp_path / "docs" / "b.md").read_text() == "b\n"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_is_up_to_date(name: str) -> None:
    written = (DOCS / name).read_text(encoding="utf-8")
    assert written == PAGES[name](), "run: python -m gradcli.manual docs"
