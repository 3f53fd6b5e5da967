"""The programs of programs.txt, by their titles."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
FILE = HERE / "printed.json"
BEFORE = "import torch\nfrom torch.autograd import Function\n"


def programs() -> dict[str, str]:
    """Return every program by its title, in the order of the file."""
    _, *parts = (HERE / "programs.txt").read_text(encoding="utf-8").split("\n## ")
    split = (part.split("\n", 1) for part in parts)
    return {title: BEFORE + text for title, text in split}
