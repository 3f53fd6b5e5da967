"""The files of the page, and the samples of its menu."""

from __future__ import annotations

import re
from importlib.resources import files
from pathlib import Path
from typing import NamedTuple

from gradcli.source import SUFFIX

KINDS = {"html": "text/html", "css": "text/css", "js": "text/javascript"}
# how the comment of a sample says that it is run, where it has inputs
_RUN_WITH = re.compile(r"^#\s+gradcli eval samples/\S+ (-[ps] .*?)(?:\s{3,}|$)", re.MULTILINE)


class Sample(NamedTuple):
    """A sample: its name, its text, and the options that it is run with."""

    name: str
    text: str
    line: str


def page_file(kind: str) -> bytes:
    """Return the page, its style sheet or its script."""
    return files("gradcli.play").joinpath(f"page.{kind}").read_bytes()


def samples_folder() -> Path | None:
    """Return where the samples are: in the wheel, or at the top of the checkout."""
    package = Path(__file__).parents[1]
    folders = (top / "samples" for top in (package, package.parent))
    return next((folder for folder in folders if folder.is_dir()), None)


def samples() -> tuple[Sample, ...]:
    """Return the samples in the order of their names."""
    folder = samples_folder()
    found = []
    for path in sorted(folder.glob(f"*{SUFFIX}")) if folder else ():
        text = path.read_text(encoding="utf-8")
        line = _RUN_WITH.search(text)
        found.append(Sample(path.stem, text, line[1] if line else ""))
    return tuple(found)
