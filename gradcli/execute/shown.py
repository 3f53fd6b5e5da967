"""What is shown of a large tensor, computed without storing the tensor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any, NamedTuple

import numpy as np

from gradcli.execute.blocks import run
from gradcli.execute.lowered import Call, Program, Symbol, evaluated
from gradcli.execute.plan import planned
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.rule.meta import Shape


class Statistics(NamedTuple):
    """Facts about a real tensor: of its finite elements, None where it has none, and of the rest.

    `minimum` and `maximum` are in its dtype, shape ().
    """

    minimum: Array | None
    mean: float | None
    maximum: Array | None
    nan: int
    posinf: int
    neginf: int


def ends(value: Array, count: int) -> Array:
    """Return the first and last `count` items of an array along each of its dimensions."""
    for dim, size in enumerate(value.shape):
        if size > 2 * count:
            places = [*range(count), *range(size - count, size)]
            value = np.take(value, places, axis=dim)
    return value


def edges(graph: Graph, id: int, count: int) -> Array:
    """Return the first and last `count` items of a node's value along each of its dimensions.

    Nothing else of the value is computed, where it follows element by element from what is there.

    Raises: what the plain executor raises for a row.
    """
    if graph.stored[id] is not None:
        return ends(np.asarray(graph.value(id)), count)
    with np.errstate(all="ignore"):
        program = Program(graph, (id,))
        target = program.value_of(id)
        order, whole = _behind(program.calls, target)
        found = run(program, planned(program, whole), whole)
        for i in order:
            call = program.calls[i]
            if i in whole:
                value = found[i]
                found[i] = ends(value, count) if isinstance(value, np.ndarray) else value
            else:
                small = call._replace(shape=_ends_of(call.shape, count))
                found[i] = evaluated(small, [found[j] for j in call.operands])
    return np.asarray(found[target])


def unstored(graph: Graph, ids: Iterable[int]) -> list[int]:
    """Return those of some nodes that were computed in blocks, and whose values were not kept."""
    return [i for i in ids if i in graph.passed and graph.stored[i] is None]


def _ends_of(shape: Shape, count: int) -> Shape:
    return tuple(min(n, 2 * count) for n in shape)


def _behind(calls: Sequence[Call], target: int) -> tuple[list[int], set[int]]:
    """Return what a call's ends are made of, in order, and which of that is needed whole."""
    found, whole, stack = set(), set(), [target]
    while stack:
        i = stack.pop()
        if i in found:
            continue
        found.add(i)
        if _by_element(calls, calls[i]):
            stack.extend(calls[i].operands)
        else:
            whole.add(i)
    return sorted(found), whole


def _by_element(calls: Sequence[Call], call: Call) -> bool:
    """Say whether the ends of a call's result follow from those of its operands."""
    if call.function is np.reshape:
        before = calls[call.operands[0]].shape
        return [n for n in before if n != 1] == [n for n in call.shape if n != 1]
    return call.kind == "map" or call.function is np.broadcast_to


def statistics(graph: Graph, ids: Iterable[int]) -> dict[int, Statistics]:
    """Return facts about real tensors, of all of them in one pass where that can be.

    Raises: what the plain executor raises for a row.
    """
    found = {id: Statistics(None, None, None, 0, 0, 0) for id in ids}
    made = _folded(graph, [id for id in found if prod(graph.metas[id].shape)], plainly)
    plain = {id: of_finite(folds, prod(graph.metas[id].shape)) for id, folds in made.items()}
    found |= {id: facts for id, facts in plain.items() if facts is not None}
    odd = [id for id, facts in plain.items() if facts is None]
    for id, (least, total, most, count, nan, above, below) in _folded(graph, odd, _apart).items():
        mean = float(total) / int(count) if count else None
        ends_ = (least, most) if count else (None, None)
        found[id] = Statistics(ends_[0], mean, ends_[1], int(nan), int(above), int(below))
    return found


def _folded(
    graph: Graph, ids: Sequence[int], folds: Callable[[Any], list[Any]]
) -> dict[int, list[Any]]:
    """Return what folds give for some tensors."""
    with np.errstate(all="ignore"):
        program = Program(graph, ids)
        asked = {id: folds(Symbol(program, program.value_of(id))) for id in ids}
        wanted = {fold.id for made in asked.values() for fold in made}
        found = run(program, planned(program, wanted), wanted)
    return {id: [np.asarray(found[fold.id]) for fold in made] for id, made in asked.items()}


def plainly(x: Any) -> list[Any]:
    """Return the folds of a tensor from which `of_finite` makes facts about it."""
    return [np.min(x), np.sum(x, dtype=np.float64), np.max(x)]


def of_finite(folds: Sequence[Any], count: int) -> Statistics | None:
    """Return facts about a tensor of `count` elements; None where one of them is not finite."""
    least, total, most = folds
    if not np.isfinite(folds).all():
        return None
    return Statistics(least, float(total) / count, most, 0, 0, 0)


def _apart(x: Any) -> list[Any]:
    """Return the folds of finite elements, and how many of each kind there are."""
    finite = np.isfinite(x)
    low, high = (np.asarray(sign * np.inf, x.dtype) for sign in (-1, 1))
    return [
        np.min(np.where(finite, x, high)),
        np.sum(np.where(finite, x, np.asarray(0, x.dtype)), dtype=np.float64),
        np.max(np.where(finite, x, low)),
        *(np.sum(which) for which in (finite, np.isnan(x), x == high, x == low)),
    ]
