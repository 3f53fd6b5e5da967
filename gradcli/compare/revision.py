"""A file as git has it at a revision."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from gradcli.errors import InputFault, Source, visible
from gradcli.source import MAX_FILE, decoded

SECONDS = 30.0  # that git may take
# it asks nobody, fetches nothing, locks nothing, and says what is wrong in English
ENVIRONMENT = {
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "LC_ALL": "C",
}


def source_at(path: Path, revision: str) -> Source:
    """Return the text that a file had at a revision of the repository it stands in.

    Raises: InputFault where git is missing, or there is no such revision or no file in it.
    """
    folder, name = path.parent, path.name
    commit = _commit(folder, revision, path)
    place = f"{commit}:./{name}"  # a name that begins with a dash is no option here
    size = _git(folder, "cat-file", "-s", place)
    if size is None or not size.strip().isdigit():
        raise InputFault(
            f"{path} is not in {visible(revision)}",
            hint=f"`git log --follow -- {visible(str(path))}` lists the commits that changed it",
        )
    if int(size) > MAX_FILE:
        raise InputFault(f"{path} at {visible(revision)}: larger than {MAX_FILE >> 20} MiB")
    data = _git(folder, "cat-file", "blob", place)
    if data is None:
        raise InputFault(f"{path} is a folder in {visible(revision)}")
    return decoded(f"{path}@{revision}", data)


def _commit(folder: Path, revision: str, path: Path) -> str:
    """Return the name of the commit that a revision stands for."""
    if not folder.is_dir():
        raise InputFault(f"{path}: there is no folder {folder}")
    if _git(folder, "rev-parse", "--git-dir") is None:
        raise InputFault(
            f"--revision: {path} is in no git repository that git can read",
            hint="`git status` in its folder says why",
        )
    wrong = not revision or revision.startswith("-") or "\0" in revision
    given = ("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
    found = None if wrong else _git(folder, *given)
    commit = "" if found is None else found.decode("ascii", "replace").strip()
    if not commit.isalnum():
        raise InputFault(
            f"--revision {visible(revision)}: git knows no such commit",
            hint="HEAD~1, the name of a branch or tag, or a commit of `git log --oneline`",
        )
    return commit


def _git(folder: Path, *arguments: str) -> bytes | None:
    """Return what git prints, None where it fails.

    Raises: InputFault where it cannot be run.
    """
    try:
        done = subprocess.run(  # no shell: arguments are what they are
            ["git", *arguments],
            cwd=folder, env={**os.environ, **ENVIRONMENT}, stdin=subprocess.DEVNULL,
            capture_output=True, check=False, timeout=SECONDS,
        )  # fmt: skip
    except FileNotFoundError:
        raise InputFault("--revision: git is not installed", hint="compare two files") from None
    except (OSError, ValueError) as error:
        raise InputFault(f"--revision: git cannot be run: {error}") from None
    except subprocess.TimeoutExpired:
        raise InputFault(f"--revision: git took more than {SECONDS:g} seconds") from None
    return None if done.returncode else done.stdout
