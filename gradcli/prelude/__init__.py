"""Modules and optimisers, written in the language itself: `nn/`, `optim.expr` and others.

Each definition at the top level of such a file is a piece, which is read when a file first uses
it. The pieces of one file, or of the files of one folder, see each other, and what is built in.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from gradcli.errors import NOWHERE, Source, Span
from gradcli.syntax.parser import program
from gradcli.syntax.tree import Statement

# what a name behind a prefix is read from
FILES = {
    "nn": "nn",
    "nn.utils": "utils",
    "nn.utils.rnn": "utils",
    "optim": "optim",
    "optim.lr_scheduler": "schedulers",
    "optim.swa_utils": "swa",
    "utils.data": "data",
    "amp": "amp",
    "lax": "lax",
    "jax.scipy.stats.norm": "norm",
    "tree": "tree",
    "func": "stateless",
    "distributions": "distributions",
    "np": "arrays",
}
_BEGIN = re.compile(r"^(?:(?:class|def) (\w+)|(\w+) = )", re.MULTILINE)


class Piece(NamedTuple):
    """A definition: the file that it stands in, and its text."""

    stem: str
    text: str


def paths(file: str) -> list[Path]:
    """Return the files behind a name: those of a folder, or the one."""
    folder = Path(__file__).with_name(file)
    return sorted(folder.glob("*.expr")) or [folder.with_suffix(".expr")]


@cache
def pieces(file: str) -> dict[str, Piece]:
    """Return the definitions in a file or folder of the prelude, by name."""
    found = {}
    for path in paths(file):
        text = path.read_text(encoding="utf-8")
        begins = [(m.start(), m[1] or m[2]) for m in _BEGIN.finditer(text)]
        ends = [start for start, _ in begins[1:]] + [len(text)]
        for (start, name), end in zip(begins, ends, strict=True):
            found[name] = Piece(path.stem, text[start:end])
    return found


@cache
def statements(file: str, name: str) -> tuple[Statement, ...]:
    """Return the tree of a definition; its places are `NOWHERE`, as no file of a user has them."""
    piece = pieces(file)[name]
    source = Source(f"{piece.stem}.expr", piece.text)
    found: tuple[Statement, ...] = _placeless(program(source).statements)
    return found


def _placeless(item: Any) -> Any:
    if isinstance(item, Span):
        return NOWHERE
    if isinstance(item, tuple):
        parts = [_placeless(part) for part in item]
        return type(item)(*parts) if hasattr(item, "_fields") else tuple(parts)
    return item
