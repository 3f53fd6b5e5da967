"""What a record says of the run of a program that it was made of: `recorded("run.npz")`.

The data file of a record holds, beside the tensors, what the program's own run has given, below
`truth/`: `grad/NAME` the `.grad` of leaves, `cotangent/NAME` the gradients that flowed through
other rows, `value/NAME` values, and `rows`, a JSON text with a table for each row of the file
(`grad_fn`, `place`, `source`, `module`), those of data below `data`, and plain facts about the run
(`torch`, `script`, …).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from gradcli.errors import InputFault
from gradcli.rule.dtypes import Array, is_half

TRUTH = "truth/"
_ROWS = "rows"
_KINDS = ("grad/", "cotangent/", "value/")


class Recorded(NamedTuple):
    """What is known of a row: its grad_fn, and where the program has it: `model.py:12:6`.

    `source` is the program's own text there, `module` the path of the module that it ran in. What
    is not known is "".
    """

    grad_fn: str = ""
    place: str = ""
    source: str = ""
    module: str = ""


class Record(NamedTuple):
    """The run of a program: its rows and arrays by the names that they have in the file.

    `leaves` says where the program has its data.
    `tolerance` is what gradients of a replay may differ by, relative; None: what their dtype gives.
    """

    file: str
    rows: Mapping[str, Recorded]
    grads: Mapping[str, Array]
    cotangents: Mapping[str, Array]
    values: Mapping[str, Array]
    torch: str = ""
    tolerance: float | None = None
    leaves: Mapping[str, Recorded] = {}


def parted(file: str, contents: Mapping[str, Array]) -> tuple[dict[str, Array], Record]:
    """Return the tensors of a record's data file, and what it says of the program's run.

    Raises: InputFault where what it says cannot be read.
    """
    data = {name: array for name, array in contents.items() if not name.startswith(TRUTH)}
    told = {n.removeprefix(TRUTH): a for n, a in contents.items() if n.startswith(TRUTH)}
    text = told.get(_ROWS)
    facts = {} if text is None else _facts(file, text)
    leaves = facts.pop("data", {})
    if not isinstance(leaves, dict):
        leaves = {}
    rows = {name: _recorded(fact) for name, fact in facts.items() if isinstance(fact, dict)}
    grads, cotangents, values = (
        {n.removeprefix(kind): a for n, a in told.items() if n.startswith(kind)} for kind in _KINDS
    )
    tolerance = facts.get("tolerance")
    if isinstance(tolerance, bool) or not isinstance(tolerance, int | float) or not tolerance > 0:
        tolerance = None
    torch = facts.get("torch")
    return data, Record(
        file, rows, grads, cotangents, values, torch if isinstance(torch, str) else "", tolerance,
        {name: _recorded(fact) for name, fact in leaves.items() if isinstance(fact, dict)},
    )  # fmt: skip


def _facts(file: str, text: Array) -> dict[str, Any]:
    """Read the table of rows: UTF-8, a byte an element."""
    import json

    try:
        found = json.loads(text.astype("uint8").tobytes().decode())
    except (ValueError, RecursionError) as error:
        raise InputFault(
            f"`{file}` is a damaged record: its `{TRUTH}{_ROWS}` is no JSON: {error}",
            hint="record the program again",
        ) from error
    if not isinstance(found, dict):
        raise InputFault(
            f"`{file}` is a damaged record: its `{TRUTH}{_ROWS}` is no table",
            hint="record the program again",
        )
    return found


def _recorded(fact: Mapping[str, Any]) -> Recorded:
    known = {key: fact.get(key) for key in Recorded._fields}
    return Recorded(**{key: x if isinstance(x, str) else "" for key, x in known.items()})


def rounding(dtype: np.dtype[Any]) -> float:
    """Return what two ways of computing in a dtype may differ by, relative: ε^(2/3), 0 if exact."""
    if is_half(dtype):
        eps = 2.0**-7 if dtype.name == "bfloat16" else 2.0**-10
    else:
        eps = float(np.finfo(dtype).eps) if dtype.kind in "fc" else 0.0
    return math.pow(eps, 2 / 3)


def agree(found: Array, expected: Array) -> bool:
    """Say whether an array is the recorded one but for rounding, in the record's dtype."""
    return distance(found, expected) <= rounding(expected.dtype)


def distance(found: Array, expected: Array, floor: float = 0.0) -> float:
    """Return how far two arrays lie apart, relative to the recorded one's largest element.

    nan and infinities must be in the same places: inf otherwise, or where shapes differ. `floor`
    is the least that counts as the largest element.
    """
    if found.shape != expected.shape:
        return math.inf
    kind = np.complex128 if "c" in (found.dtype.kind, expected.dtype.kind) else np.float64
    a, b = np.asarray(found, kind), np.asarray(expected, kind)
    with np.errstate(all="ignore"):
        same = (a == b) | (np.isnan(a) & np.isnan(b))
        if same.all():
            return 0.0
        gaps = np.abs(a - b)[~same]
        if not np.isfinite(gaps).all():
            return math.inf
        finite = np.abs(b)[np.isfinite(b)]
        size = max(float(finite.max(initial=0.0)), floor)
    return float(gaps.max()) / size if size else math.inf
