"""Files as git has them, in repositories that are made here."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from gradcli.compare.revision import source_at
from gradcli.errors import InputFault

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

HOSTILE = ("--help.expr", "a b.expr", "$(touch x).expr", "a;b.expr", "ä:x.expr", "-e", "n\nl.expr")


def git(folder: Path, *arguments: str) -> None:
    who = {"GIT_AUTHOR_NAME": "a", "GIT_AUTHOR_EMAIL": "a@b", "GIT_COMMITTER_NAME": "a",
           "GIT_COMMITTER_EMAIL": "a@b", "GIT_CONFIG_GLOBAL": os.devnull}  # fmt: skip
    subprocess.run(["git", *arguments], cwd=folder, env=os.environ | who, check=True,
                   capture_output=True)  # fmt: skip


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Return a repository of two commits, in which `sub/f.expr` is `1`, then `2`, and `3` now."""
    (tmp_path / "sub").mkdir()
    git(tmp_path, "init", "-q")
    for text in ("1", "2"):
        (tmp_path / "sub" / "f.expr").write_text(text)
        git(tmp_path, "add", ".")
        git(tmp_path, "commit", "-q", "-m", text)
    (tmp_path / "sub" / "f.expr").write_text("3")
    (tmp_path / "sub" / "new.expr").write_text("4")
    return tmp_path


@pytest.mark.parametrize(("revision", "text"), [("HEAD", "2"), ("HEAD~1", "1"), ("@", "2")])
def test_a_file_is_read_as_it_was_at_a_revision(repository: Path, revision: str, text: str) -> None:
    source = source_at(repository / "sub" / "f.expr", revision)
    assert source.text == text
    assert source.name.endswith(f"f.expr@{revision}")


@pytest.mark.parametrize("name", HOSTILE)
def test_a_name_is_a_name_whatever_it_says(repository: Path, name: str) -> None:
    path = repository / "sub" / name
    path.write_text("then")
    git(repository, "add", ".")
    git(repository, "commit", "-q", "-m", "m")
    path.write_text("now")
    assert source_at(path, "HEAD").text == "then"
    assert not (repository / "sub" / "x").exists()


@pytest.mark.parametrize(
    "revision",
    ["nope", "", "--help", "-1", "--output=x", "HEAD:sub/f.expr", "HEAD~9", "$(touch x)", "a\0b",
     "HEAD;touch x", "HEAD^{tree}"],
)  # fmt: skip
def test_what_is_no_commit_is_refused(repository: Path, revision: str) -> None:
    with pytest.raises(InputFault, match="git knows no such commit"):
        source_at(repository / "sub" / "f.expr", revision)
    assert sorted(path.name for path in (repository / "sub").iterdir()) == ["f.expr", "new.expr"]


def test_a_file_that_the_revision_lacks_is_refused(repository: Path) -> None:
    with pytest.raises(InputFault, match=r"new.expr is not in HEAD~1"):
        source_at(repository / "sub" / "new.expr", "HEAD~1")


def test_a_folder_is_no_file(repository: Path) -> None:
    with pytest.raises(InputFault, match="is a folder in HEAD"):
        source_at(repository / "sub", "HEAD")


def test_a_file_outside_of_any_repository_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(InputFault, match="is in no git repository"):
        source_at(tmp_path / "f.expr", "HEAD")


def test_without_git_it_is_said_that_git_is_not_there(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputFault, match="git is not installed"):
        source_at(repository / "sub" / "f.expr", "HEAD")
