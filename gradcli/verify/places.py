"""Where on the tape a value or a gradient stops being finite, and where a gradient becomes 0."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import isnan
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.errors import AutogradFault, Source
from gradcli.execute import compute
from gradcli.graph import OUTPUT, Graph
from gradcli.rule.dtypes import Array
from gradcli.verify.probe import Outputs, place
from gradcli.verify.reasons import reason

Index = tuple[int, ...]
Read = Callable[[int], Any]


@dataclass(frozen=True)
class Spot:
    """An element of a row that is not finite, or a derivative there."""

    row: int
    index: Index
    value: complex


# ---- values --------------------------------------------------------------------------------


def origin(graph: Graph, read: Read, root: int) -> list[Spot]:
    """Return the way of a value that is not finite, from the row where it begins to the root.

    `read` gives the value of a row. An operand is followed at the same element where it has the
    same shape, so that what a mask hides does not mislead.
    """
    path: list[Spot] = []
    index = _bad(read(root))
    while index is not None:
        path.append(Spot(root, index, complex(read(root)[index])))
        root, index = _worse(graph, read, root, index)
    return path[::-1]


def _worse(graph: Graph, read: Read, id: int, index: Index) -> tuple[int, Index | None]:
    """Return the operand of a row, and its element, that is not finite."""
    shape = graph.metas[id].shape
    for i in graph.inputs[graph.producer(id)]:
        if i < 0 or graph.metas[i].dtype.kind not in "fc" or graph.is_tuple(i):
            continue
        value = np.asarray(read(i))
        if value.shape == shape and not np.isfinite(value[index]):
            return i, index
        if value.shape != shape and (found := _bad(value)) is not None:
            return i, found
    return id, None


def _bad(value: Any) -> Index | None:
    """Return the first element that is not finite."""
    odd = np.argwhere(~np.isfinite(value))
    return tuple(int(k) for k in odd[0]) if len(odd) else None


def origin_row(graph: Graph, root: int) -> int | None:
    """Return the operation at which a root stops being finite; None for a leaf, and for none."""
    compute(graph, (root,))
    path = origin(graph, graph.values.__getitem__, root)
    return path[0].row if path and graph.ops[path[0].row] is not None else None


def origin_text(graph: Graph, source: Source, root: int) -> str:
    """Return in words where a root stops being finite, and which row makes nan of it; or ""."""
    compute(graph, (root,))
    path = origin(graph, graph.values.__getitem__, root)
    if not path:
        return ""
    first = path[0]
    text = f"{_name(graph, source, first.row)} is {_number(first.value)}{_at(first.index)}"
    later = next((spot for spot in path[1:] if isnan(abs(spot.value))), None)
    if isnan(abs(first.value)) or later is None:
        return text
    return f"{text}; {_name(graph, source, later.row)} makes it nan"


def _name(graph: Graph, source: Source, id: int) -> str:
    if graph.ops[id] is None:
        name = graph.notes.title(id) or source.snippet(graph.notes.spans[id])
        return f"`{name}` (line {source.line_of(graph.notes.spans[id])})"
    return str(reason(graph, source, id))


def _number(value: complex) -> str:
    return f"{value:g}" if value.imag else f"{value.real:g}"


def _at(index: Index) -> str:
    return f" at {place(index)}" if index else ""


# ---- gradients -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Lost:
    """The derivative that makes a gradient infinite or nan, at which operand, and what follows.

    `then` is the row whose derivative makes nan of it, where it is not nan at once.
    """

    row: int
    index: Index
    value: float
    operand: complex
    then: int | None


def lost(graph: Graph, outputs: Outputs, output: int, leaf: int, element: Index) -> Lost | None:
    """Return where the gradient of an output by an element of a leaf stops being finite."""
    seed = next(islice(outputs.cotangents(graph), output, None))
    order = autodiff.towards(graph, autodiff.reachable(graph, seed), (leaf,))
    compute(graph, seed)
    with np.errstate(all="ignore"):
        found = autodiff.pull(graph, dict(seed), order, graph.values.__getitem__)
        spots = list(_losses(graph, order, found, leaf, element))
    if not spots:
        return None
    row, operand, index, value = spots[0]
    then = None
    if not isnan(value):
        then = next((s[0] for s in spots[1:] if isnan(s[3])), None) or _first_nan(
            graph, order, found
        )
    return Lost(row, index, value, complex(graph.values[operand][index]), then)


def _losses(
    graph: Graph, order: Sequence[int], found: Mapping[int, Any], leaf: int, element: Index
) -> Iterator[tuple[int, int, Index, float]]:
    """Yield rows whose derivative makes nan or infinity of a finite cotangent, the first first."""
    inside = set(order)
    for id in order:
        op, inputs, g = graph.ops[id], graph.inputs[id], found.get(id)
        if op is None or op is OUTPUT or op.derivative is None or g is None or not _finite(g):
            continue
        operands = tuple(graph.values[i] if i >= 0 else graph.scalars[~i] for i in inputs)
        for slot, i in enumerate(inputs):
            if i not in inside or op.derivative.body(slot) is None:
                continue
            part = op.derivative.vjp(slot, g, graph.values[id], operands, graph.attrs[id])
            part = autodiff.fit(part, graph, i, op.derivative.broadcasts)
            index = _bad(part)
            if index is None:
                continue
            same = graph.metas[i].shape == graph.metas[leaf].shape
            index = element if same and not np.isfinite(part[element]) else index
            yield id, i, index, float(np.real(part[index]))


def _first_nan(graph: Graph, order: Sequence[int], found: Mapping[int, Any]) -> int | None:
    """Return the row whose derivative has the first nan in it, given an infinite cotangent."""
    for id in order:
        for i in graph.inputs[id]:
            if i >= 0 and _has_nan(found.get(i)) and not _has_nan(found.get(id)):
                return id
    return None


def _has_nan(cotangent: Any) -> bool:
    parts = cotangent if isinstance(cotangent, list) else [cotangent]
    return any(part is not None and bool(np.isnan(part).any()) for part in parts)


def _finite(cotangent: Any) -> bool:
    parts = cotangent if isinstance(cotangent, list) else [cotangent]
    return all(part is None or bool(np.all(np.isfinite(part))) for part in parts)


def lost_text(graph: Graph, source: Source, analytic: float, at: Lost | None) -> str:
    """Return in words where a gradient stops being finite."""
    if at is None:
        return f"the gradient is {analytic:g}"
    text = (
        f"the gradient becomes {at.value:g} in the derivative of {reason(graph, source, at.row)}"
        f"{_at(at.index)}, taken at {_number(at.operand)}"
    )
    if at.then is None or at.then == at.row:
        return text
    return f"{text}, and nan in that of {reason(graph, source, at.then)}"


def flat(graph: Graph, outputs: Outputs, leaf: int, element: int) -> dict[int, int]:
    """Return the rows at which the derivatives by an element become exactly 0.

    Their operands move with the element, so many of them, and they do not.
    """
    tangent: Array = np.zeros(graph.metas[leaf].shape, graph.metas[leaf].dtype)
    tangent.reshape(-1).view(np.float64)[element] = 1.0
    tangents: dict[int, Any] = {leaf: tangent}
    compute(graph, outputs.roots)
    try:
        with np.errstate(all="ignore"):
            autodiff.push(graph, tangents, outputs.roots, graph.values.__getitem__)
    except AutogradFault:  # code of the file that has no forward mode: nobody knows where
        return {}
    moving = {i for i, t in tangents.items() if not _still(t)}
    counts = {
        id: sum(i in moving for i in graph.inputs[id])
        for id in autodiff.behind(graph, outputs.roots, leaf)
        if graph.requires_grad[id] and id not in moving and graph.ops[id] is not OUTPUT
    }
    return {id: count for id, count in counts.items() if count}


def _still(tangent: Any) -> bool:
    parts = tangent if isinstance(tangent, list | tuple) else [tangent]
    return not any(part is not None and np.any(part) for part in parts)
