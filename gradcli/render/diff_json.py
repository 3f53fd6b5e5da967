"""`gradcli diff --json`: the schema `gradcli.diff/1`, strict JSON.

Top level: `schema`; `left` and `right`, what is compared; `same`: whether nothing differs beyond
the tolerance, `exact`: whether all numbers are the same bit for bit; `answer`, a sentence; `rtol`,
`atol` and `dtype`: the tolerance of the coarsest dtype compared; `roots`: what is differentiated,
left's and right's, each a node or null; `whole`: how right's root and gradients follow from left's,
a sentence, "" where that is not plain; `divergence`, null where nothing differs or nothing can be
paired; `others`: the ids, left's and right's, of pairs at which other differences begin; `rows`:
pairs in the order of the left run, then nodes that one run alone has; `notes`: sentences.

A divergence: `pair` (ids), `left` and `right` (the nodes to look at, of a gradient what passes it
back), `what` (`"value"` or `"gradient"`), `kind`, `why` (a sentence) and `gap`. Its kinds: `input`,
`seed`, `draws` and `requires_grad` of a leaf; `rounding`, `dtype` and `order` where both sides are
the same function; `constant`, `argument`, `operand`, `sign`, `factor`, `transpose`, `shift`,
`finite`, `shape` and `operation` where they are not; `convention` at a kink, `cut` by `detach` or
the like, `passes` of backward, `root` where another node is differentiated.

A row: `left` and `right`, each a node (`id`, `label`, `line`, `turn` of a loop or null, `source`,
`shape`, `dtype`) or null; `kind` as in `gradcli.eval/1`; `differs`; `value` and `gradient`, each a
gap or null where there is nothing to compare; `kept`: whether `gradient` is of `.grad`, else of
what flowed; `remarks`.

A gap: `differs`, `exact`, `cause` (`""`, `"numbers"`, `"finite"`, `"shape"`, `"missing"`),
`absolute`, `relative`, `ulps` (or null), `index` (of the element that is furthest apart), `left`
and `right` (the elements there, null where that side has none). Numbers are as in `gradcli.eval/1`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gradcli.compare import Differences, Divergence, Gap, Row, Spot
from gradcli.render.diff_words import answer
from gradcli.render.json import plain
from gradcli.render.words import json_text

SCHEMA = "gradcli.diff/1"


def render(found: Differences, *, everything: bool = False) -> str:
    """Return the comparison as JSON (see the module for every key); all rows are in it."""
    del everything
    record = {
        "schema": SCHEMA,
        "left": found.left,
        "right": found.right,
        "same": found.same,
        "exact": found.exact,
        "answer": answer(found),
        "rtol": found.tolerance[0],
        "atol": found.tolerance[1],
        "dtype": found.dtype,
        "roots": [_spot(spot) for spot in found.roots],
        "whole": found.whole,
        "divergence": None if found.divergence is None else _divergence(found.divergence),
        "others": [_ids(row) for row in found.others],
        "rows": [_row(row) for row in found.rows],
        "notes": list(found.notes),
    }
    return json_text(record, indent=1) + "\n"


def _ids(row: Row) -> list[int | None]:
    return [None if spot is None else spot.id for spot in (row.left, row.right)]


def _spot(spot: Spot | None) -> dict[str, Any] | None:
    if spot is None:
        return None
    keys = ("id", "label", "line", "turn", "source")
    return {key: getattr(spot, key) for key in keys}


def _divergence(first: Divergence) -> dict[str, Any]:
    return {
        "pair": _ids(first.row),
        "left": _spot(first.left),
        "right": _spot(first.right),
        "what": first.what,
        "kind": first.kind,
        "why": first.why,
        "gap": _gap(first.gap),
    }


def _row(row: Row) -> dict[str, Any]:
    sides = []
    for spot, shape, dtype in zip((row.left, row.right), row.shapes, row.dtypes, strict=True):
        node = _spot(spot)
        sides.append(None if node is None else node | {"shape": list(shape or ()), "dtype": dtype})
    return {
        "left": sides[0],
        "right": sides[1],
        "kind": row.kind,
        "differs": row.differs,
        "value": _gap(row.value),
        "gradient": _gap(row.gradient),
        "kept": row.kept,
        "remarks": list(row.remarks),
    }


def _gap(gap: Gap | None) -> dict[str, Any] | None:
    if gap is None:
        return None
    return {
        "differs": gap.differs,
        "exact": gap.exact,
        "cause": gap.cause,
        "absolute": _number(gap.absolute),
        "relative": _number(gap.relative),
        "ulps": None if gap.ulps is None else _number(gap.ulps),
        "index": list(gap.at),
        "left": _number(gap.left),
        "right": _number(gap.right),
    }


def _number(value: complex | None) -> Any:
    if value is None:
        return None
    return plain(np.asarray(value if value.imag else value.real))
