"""What a number measures: a norm, a spread, a sum or count; read off the tape in any spelling."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from gradcli.diagnose.findings import Index
from gradcli.diagnose.subject import Subject
from gradcli.graph import OUTPUT, Graph
from gradcli.rule.dtypes import Array, is_differentiable

SHAPING = {
    "unsqueeze", "squeeze", "reshape", "view", "expand", "expand_as", "permute", "transpose", "t",
    "index", "select", "slice", "narrow", "flatten", "repeat", "clone", "broadcast_to", "to",
    "diagonal", "contiguous", "getitem", "movedim", "unflatten", "type_as", "float", "double",
    "gather", "take_along_dim", "ravel", "tile", "detach",
}  # fmt: skip
NORMS = {"vector_norm", "norm", "matrix_norm", "dist", "cdist", "pdist", "pairwise_distance"}
LEVELS = 12  # operations that are gone back through


class Measure(NamedTuple):
    """What a row measures: `kind` is norm, spread, range, largest, total or count.

    `row` is the operation that measures, `of` the row that is measured; `root` is the row that
    takes a square root on the way, where the file does that itself.
    """

    kind: str
    row: int
    of: int
    root: int | None = None


def named(graph: Graph, row: int) -> str:
    """Return the name of a row's operation without its library, "" for a leaf."""
    op = graph.ops[graph.producer(row)]
    return "" if op is None else op.label.rpartition(".")[2]


def operands(graph: Graph, row: int) -> list[int]:
    """Return the rows that a row is made of."""
    return [i for i in graph.inputs[graph.producer(row)] if i >= 0]


def unshaped(graph: Graph, row: int) -> int:
    """Return the row whose elements a row has in another shape, itself where none is."""
    for _ in range(LEVELS):
        if named(graph, row) not in SHAPING:
            break
        row = graph.inputs[row][0]
    return row


def exponent(graph: Graph, row: int) -> float | None:
    """Return the constant exponent of a power, 2 for a square, 0.5 and -0.5 for roots."""
    name = named(graph, row)
    if name in ("square", "sqrt", "rsqrt", "reciprocal"):
        return {"square": 2.0, "sqrt": 0.5, "rsqrt": -0.5, "reciprocal": -1.0}[name]
    if name == "mul":
        factors = graph.inputs[row]
        return 2.0 if len(factors) == 2 and factors[0] == factors[1] else None
    if name not in ("pow", "float_power"):
        return None
    found = graph.attrs[row].get("exponent")
    if found is None:
        found = graph.inputs[row][1] if len(graph.inputs[row]) > 1 else None
        if found is None:
            return None
        found = graph.scalars[~found] if found < 0 else graph.value(found)
    value = np.asarray(found)
    return float(value.real) if value.size == 1 else None


def measure(graph: Graph, row: int, levels: int = LEVELS) -> Measure | None:
    """Return what a row that is 0 somewhere measures, None where it is nothing that is known."""
    row, name = unshaped(graph, row), named(graph, unshaped(graph, row))
    theirs = operands(graph, row)
    if not levels or not theirs:
        return None
    if name in NORMS:
        return Measure("norm", row, theirs[0])
    if name in ("std", "var"):
        return Measure("spread", graph.producer(row), theirs[0])
    if graph.ops[row] is OUTPUT and name in ("std_mean", "var_mean"):
        return Measure("spread", graph.producer(row), theirs[0])
    power = exponent(graph, row)
    if power is not None and 0 < abs(power) < 1:
        found = _of_powers(graph, theirs[0]) or measure(graph, theirs[0], levels - 1)
        return None if found is None else found._replace(root=row)
    if name in ("sum", "mean", "nansum", "count_nonzero", "dot", "vdot", "mm", "mv", "bmm",
                "matmul", "einsum"):  # fmt: skip
        return _of_powers(graph, row) or _total(graph, row)
    if name in ("amax", "max", "norm_except_dim"):
        return Measure("largest", row, theirs[0])
    if name == "sub" and _is_range(graph, *theirs[:2]):
        return Measure("range", row, operands(graph, unshaped(graph, theirs[0]))[0])
    if name in ("mul", "div", "add", "clamp_min", "clamp", "abs", "maximum"):
        zero = [i for i in theirs if not np.all(graph.value(i))]
        return next((m for i in zero if (m := measure(graph, i, levels - 1))), None)
    return None


def _is_range(graph: Graph, *theirs: int) -> bool:
    names = [named(graph, unshaped(graph, i)) for i in theirs]
    return len(names) == 2 and names[0] in ("amax", "max") and names[1] in ("amin", "min")


def _total(graph: Graph, row: int) -> Measure | None:
    if named(graph, row) not in ("sum", "mean", "nansum", "count_nonzero"):
        return None
    of = operands(graph, row)[0]
    is_count = not is_differentiable(graph.metas[of].dtype) or not graph.requires_grad[of]
    return Measure("count" if is_count else "total", row, of)


def _of_powers(graph: Graph, row: int) -> Measure | None:
    """Return what a sum of powers measures: a norm, or a spread where they are of deviations."""
    row, name = unshaped(graph, row), named(graph, unshaped(graph, row))
    theirs = operands(graph, row)
    if name == "mse_loss":
        return Measure("error", row, theirs[0])
    if name in ("dot", "vdot", "mm", "mv", "bmm", "matmul", "einsum"):
        same = len(theirs) == 2 and unshaped(graph, theirs[0]) == unshaped(graph, theirs[1])
        return _base(graph, row, theirs[0]) if same else None
    if name == "add":  # x**2 + y**2 + z**2
        bases = [_power(graph, i) for i in _terms(graph, row)]
        return None if bases[0] is None or None in bases else Measure("norm", row, bases[0])
    if name not in ("sum", "mean", "nansum"):
        return None
    base = _power(graph, theirs[0])
    return None if base is None else _base(graph, row, base)


def _terms(graph: Graph, row: int, levels: int = LEVELS) -> list[int]:
    """Return what is added up in a row."""
    if not levels or named(graph, row) != "add":
        return [row]
    return [t for i in operands(graph, row) for t in _terms(graph, i, levels - 1)]


def _power(graph: Graph, row: int) -> int | None:
    """Return what is raised to a power above 1, or multiplied by itself."""
    row = unshaped(graph, row)
    power = exponent(graph, row)
    if power is not None and power > 1:
        return operands(graph, row)[0]
    if named(graph, row) == "mul":  # a weighted square
        return next((b for i in operands(graph, row) if (b := _power(graph, i))), None)
    return None


def _base(graph: Graph, row: int, base: int) -> Measure:
    return Measure("spread" if is_centred(graph, base) else "norm", row, base)


def is_centred(graph: Graph, row: int) -> bool:
    """Say whether a row is what is left of another one without its mean."""
    row = unshaped(graph, row)
    if named(graph, row) != "sub" or len(theirs := operands(graph, row)) != 2:
        return False
    mean = unshaped(graph, theirs[1])
    return named(graph, mean) in ("mean", "median", "var_mean", "std_mean") and unshaped(
        graph, operands(graph, mean)[0]
    ) == unshaped(graph, theirs[0])


def zeros(subject: Subject, row: int) -> list[Index]:
    """Return the elements of a row that are 0."""
    return [tuple(map(int, k)) for k in np.argwhere(subject.value(row) == 0)]


def reduced(subject: Subject, row: int, index: Index) -> Array:
    """Return the elements of its operand that an element of a reduction was computed from."""
    graph = subject.graph
    value = subject.value(operands(graph, row)[0])
    dims = graph.attrs[row].get("dim")
    dims = range(value.ndim) if dims is None or dims == () else dims
    axes = (
        {d % value.ndim for d in ((dims,) if isinstance(dims, int) else dims)}
        if value.ndim
        else set()
    )
    rest = iter(index)
    if len(index) == value.ndim:  # it keeps its dimensions
        where = [slice(None) if d in axes else k for d, k in enumerate(index)]
    else:
        where = [slice(None) if d in axes else next(rest) for d in range(value.ndim)]
    return np.asarray(value[tuple(where)])
