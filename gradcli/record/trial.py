"""Whether gradcli computes a call: it is tried on the call's own operands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcli.errors import GradcliError, Source
from gradcli.graph import Limits, Node
from gradcli.rule.dtypes import FLOAT32, Array
from gradcli.syntax import parse
from gradcli.trace import Binding, Options, Tracer
from gradcli.trace.values import Results

ROUNDING = {"float64": 1e-9, "complex128": 1e-9, "float32": 3e-4, "complex64": 3e-4,
            "float16": 2e-2, "bfloat16": 6e-2}  # fmt: skip


@dataclass(frozen=True)
class Tried:
    """What gradcli makes of a call: its results, and its operands after it."""

    results: tuple[Array, ...]
    operands: dict[str, Array]


def tried(text: str, operands: dict[str, Array], limit: int) -> Tried | None:
    """Return what gradcli makes of a call, None where it refuses it.

    A text that is no expression is a statement, `a0[0] = a1`.
    """
    is_statement = " = " in text.partition("(")[0]
    program = text if is_statement else f"y = {text}"
    options = Options(
        default_dtype=FLOAT32,
        bindings={name: Binding(np.array(array)) for name, array in operands.items()},
        limits=Limits(memory=limit),
    )
    try:
        tracer = Tracer(parse(Source("<call>", program)), options)
        tracer.run()
        made = None if is_statement else tracer.scope["y"]
        results = tuple(np.array(x.value) for x in _nodes(made))
        after = {name: np.array(tracer.scope[name].value) for name in operands}
    except (GradcliError, OverflowError, RecursionError):
        return None
    return Tried(results, after)


def _nodes(value: Any) -> list[Node]:
    if isinstance(value, Node):
        return [value]
    if isinstance(value, tuple | list | Results):
        return [node for part in value for node in _nodes(part)]
    return []


def agree(ours: Array, theirs: Array, rounding: float = 0.0) -> bool:
    """Say whether two arrays are one but for rounding.

    `rounding` is that of what they were made of, which is all that is left where a sum is 0.
    """
    if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
        return False
    if not ours.size:
        return True
    tolerance = ROUNDING.get(ours.dtype.name)
    if tolerance is None:
        return bool(np.array_equal(ours, theirs))
    wide = np.complex128 if ours.dtype.kind == "c" else np.float64
    a, b = ours.astype(wide), theirs.astype(wide)
    finite = np.isfinite(a) & np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True):
        return False
    size = float(np.max(np.abs(b[finite]), initial=0.0))
    return bool(np.all(np.abs(a[finite] - b[finite]) <= tolerance * size + 4 * rounding))
