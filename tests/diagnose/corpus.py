"""Broken formulas, each with the finding it must give, and healthy ones that must give none.

A case is an expression file in a folder named after its finding. Its first comments say what is
expected of the finding that is shown first, or of one behind it where `place: N` says so:

    # finding: log-of-zero
    # line: 3
    # element: [1]            (left out: none is named)
    # severity: note          (left out: that of the kind)
    # remedy: y = xlogy(t, p) (a line of the mended file; `none`: there is no remedy)
    # options: --dtype float32
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gradcli.api import options_for
from gradcli.trace import Options

HERE = Path(__file__).parent
FIELD = re.compile(r"# (finding|line|element|severity|remedy|place|options): (.*)")


@dataclass(frozen=True)
class Case:
    """A broken formula, and what a diagnosis must say of it."""

    path: Path
    finding: str
    line: int
    element: tuple[int, ...] | None
    severity: str | None
    remedy: str | None
    place: int
    given: tuple[tuple[str, str], ...]

    @property
    def options(self) -> Options:
        """How the file is run."""
        return options_for(folder=self.path.parent, **dict(self.given))  # type: ignore[arg-type]

    def __str__(self) -> str:
        return f"{self.path.parent.name}/{self.path.stem}"


def cases(folder: Path = HERE) -> Iterator[Case]:
    """Yield the broken formulas."""
    for path in sorted(folder.glob("cases/*/*.expr")):
        fields: dict[str, str] = {}
        for line in path.read_text(encoding="utf-8").splitlines():
            if (found := FIELD.fullmatch(line)) is None:
                break
            fields[found[1]] = found[2].strip()
        element = fields.get("element")
        remedy = fields["remedy"]
        options = fields.get("options", "").split()
        yield Case(
            path,
            fields["finding"],
            int(fields["line"]),
            None if element is None else tuple(map(int, re.findall(r"\d+", element))),
            fields.get("severity"),
            None if remedy == "none" else remedy,
            int(fields.get("place", "1")) - 1,
            tuple((name.removeprefix("--"), value)
                  for name, value in zip(options[::2], options[1::2], strict=True)),
        )  # fmt: skip


def healthy(folder: Path = HERE) -> list[Path]:
    """Return the formulas with which nothing is wrong."""
    return sorted(folder.glob("healthy/**/*.expr"))
