"""`--format csv`: RFC 4180, a header and then one record a node, in the order of creation.

The columns are the keys of a node in `gradcli.eval/1` (see `gradcli.render.json`). A cell that
holds a list (`inputs`, `shape`, the value of a tensor) is JSON; a cell of nothing is empty. A text
that a spreadsheet would take for a formula, as the source `-w`, has `'` before it. The replay of a
record has two columns more: `program`, the place there, and `record`, how the row differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from gradcli.inspection import Array, Inspection
from gradcli.render.json import (
    ARRAYS,
    PIECE,
    array_text,
    node_keys,
    node_record,
    plain,
    plain_record,
)
from gradcli.render.replayed import place
from gradcli.render.rows import shown
from gradcli.render.words import harmless_lines, json_text

_FORMULA = ("=", "+", "-", "@")
_SPECIAL = re.compile(r'[,"\r\n]')


def render(
    inspection: Inspection,
    *,
    named: bool = False,
    full: bool = True,
    precision: int | None = None,
    pytorch: bool = False,
    turn: int | None = None,
    all_turns: bool = True,
) -> Iterator[str]:
    """Yield the nodes as CSV.

    `pytorch` leaves out `gradient`. `full`, `turn` and `all_turns` change nothing: data are never
    elided.
    """
    del full, turn, all_turns
    record = inspection.record
    more = () if record is None else ("program", "record")
    yield ",".join((*node_keys(pytorch), *more)) + "\r\n"
    for node in shown(inspection, named):
        facts = node_record(node, pytorch)
        if record is not None:
            row = record.rows.get(node.id)
            words = () if row is None else (d.words for d in row.differs)
            facts |= {"program": place(record, node), "record": "; ".join(words)}
        yield from _row(facts, precision)


def _row(record: dict[str, Any], precision: int | None) -> Iterator[str]:
    """Yield a record: at once, or in pieces where it has a large array."""
    small = plain_record(record, precision)
    if small is not None:
        yield ",".join(map(_cell, small.values())) + "\r\n"
        return
    before = ""
    for key, fact in record.items():
        yield before
        yield from _array(fact, precision) if key in ARRAYS else [_cell(fact)]
        before = ","
    yield "\r\n"


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, int):
        return str(value).lower()  # true, false and numbers, as JSON has them
    if not isinstance(value, str):
        return _quoted(json_text(value))
    text = harmless_lines(value)
    return _quoted(f"'{text}" if text.startswith(_FORMULA) and text != "-inf" else text)


def _array(array: Array | None, precision: int | None) -> Iterator[str]:
    """Yield the cell of an array: that of a large one, which has commas, in pieces."""
    if array is None or array.size <= PIECE:
        yield _cell(plain(array, precision))
        return
    yield '"'
    for text in array_text(array, precision):
        yield text.replace('"', '""')
    yield '"'


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if _SPECIAL.search(text) else text
