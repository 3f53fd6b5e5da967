"""What a save changes of a file, however it is saved."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from gradcli.watch.saves import stamp


def appended(path: Path) -> None:
    with path.open("a") as file:
        file.write("more")


def renamed(path: Path) -> None:
    """Save as vim does: of the same size, and, by a clock that is too coarse, at the same time."""
    before = path.stat()
    new = path.with_suffix(".new")
    new.write_text("y = 2.")
    os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    new.replace(path)


def written_anew(path: Path) -> None:
    before = path.stat()
    path.write_text("y = 2.")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))


def relinked(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_text("y = 2.")
    path.unlink()
    path.symlink_to(other)


@pytest.mark.parametrize("save", [appended, renamed, written_anew, relinked, Path.unlink])
def test_a_save_is_seen(save: Callable[[Path], None], tmp_path: Path) -> None:
    path = tmp_path / "m.expr"
    path.write_text("y = 1.")
    before = stamp(str(path))
    assert before == stamp(str(path)) is not None
    save(path)
    assert stamp(str(path)) != before


@pytest.mark.parametrize("path", ["nowhere.expr", "no/where.expr", "\0"])
def test_of_a_file_that_is_not_there_nothing_is_seen(path: str) -> None:
    assert stamp(path) is None
