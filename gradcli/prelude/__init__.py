"""Modules and optimisers, written in the language itself: `nn.expr`, `optim.expr` and others.

Each definition at the top level of such a file is a piece, which is read when a file first uses
it. The pieces of one file see each other, and what is built in.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

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
    "utils.data": "data",
    "distributions": "distributions",
}
_BEGIN = re.compile(r"^(?:(?:class|def) (\w+)|(\w+) = )", re.MULTILINE)


@cache
def pieces(file: str) -> dict[str, str]:
    """Return the texts of the definitions in a file of the prelude, by name."""
    text = Path(__file__).with_name(f"{file}.expr").read_text(encoding="utf-8")
    begins = [(m.start(), m[1] or m[2]) for m in _BEGIN.finditer(text)]
    ends = [start for start, _ in begins[1:]] + [len(text)]
    return {name: text[start:end] for (start, name), end in zip(begins, ends, strict=True)}


@cache
def statements(file: str, name: str) -> tuple[Statement, ...]:
    """Return the tree of a definition; its places are `NOWHERE`, as no file of a user has them."""
    source = Source(f"{file}.expr", pieces(file)[name])
    found: tuple[Statement, ...] = _placeless(program(source).statements)
    return found


def _placeless(item: Any) -> Any:
    if isinstance(item, Span):
        return NOWHERE
    if isinstance(item, tuple):
        parts = [_placeless(part) for part in item]
        return type(item)(*parts) if hasattr(item, "_fields") else tuple(parts)
    return item
