"""`--format csv`: RFC 4180, a header and then one record a node, in the order of creation.

The columns are the keys of a node in `gradcli.eval/1` (see `gradcli.render.json`). A cell that
holds a list (`inputs`, `shape`, the value of a tensor) is JSON; a cell of nothing is empty.
"""

from __future__ import annotations

import csv
import io
import json
from typing import Any

from gradcli.inspection import Inspection
from gradcli.render.json import NODE_KEYS, node_record
from gradcli.render.words import shown


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
    return value if isinstance(value, str) else json.dumps(value, allow_nan=False)
