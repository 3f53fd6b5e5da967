"""`--format csv`: RFC 4180, a header and then one record a node, in the order of creation.

The columns are the keys of a node in `gradcli.eval/1` (see `gradcli.render.json`). A cell that
holds a list (`inputs`, `shape`, the value of a tensor) is JSON; a cell of nothing is empty. A text
that a spreadsheet would take for a formula, as the source `-w`, has `'` before it.
"""

from __future__ import annotations

import csv
import io
from typing import Any

from gradcli.inspection import Inspection
from gradcli.render.json import NODE_KEYS, node_record
from gradcli.render.words import harmless_lines, json_text, shown

_FORMULA = ("=", "+", "-", "@")


def render(
    inspection: Inspection,
    *,
    named: bool = False,
    full: bool = True,
    precision: int | None = None,
) -> str:
    """Return the nodes as CSV; `full` changes nothing: data are never elided."""
    del full
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(NODE_KEYS)
    for node in shown(inspection, named):
        writer.writerow([_cell(value) for value in node_record(node, precision).values()])
    return out.getvalue()


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        return json_text(value)
    text = harmless_lines(value)
    return f"'{text}" if text.startswith(_FORMULA) and text != "-inf" else text
