"""The programs of programs.txt and rules.txt, by their titles."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent
FILE = HERE / "printed.json"
BEFORE = {"programs.txt": "import torch\nfrom torch.autograd import Function\n", "rules.txt": ""}


def programs() -> dict[str, str]:
    """Return every program by its title, in the order of the files."""
    found = {}
    for name, before in BEFORE.items():
        _, *parts = (HERE / name).read_text(encoding="utf-8").split("\n## ")
        for part in parts:
            title, text = part.split("\n", 1)
            found[title] = before + text
    return found
