"""What is shown of a large tensor, computed without storing the tensor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gradcli.execute.blocks import run
from gradcli.execute.lowered import Call, Program, Symbol, evaluated
from gradcli.execute.plan import planned
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array
from gradcli.rule.meta import Shape


class Statistics(NamedTuple):
    """Facts about the elements of a real tensor; the first three are nan where one element is."""

    least: float
    mean: float
    greatest: float
    nan: int
    above: int  # how many are inf
    below: int  # how many are -inf


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
    """Return facts about real tensors that have elements, all found in one pass where that can be.

    Raises: what the plain executor raises for a row.
    """
    ids = tuple(ids)
    with np.errstate(all="ignore"):
        program = Program(graph, ids)
        asked = {id: _folds(Symbol(program, program.value_of(id))) for id in ids}
        wanted = {fold.id for folds in asked.values() for fold in folds}
        found = run(program, planned(program, wanted), wanted)
    return {
        id: Statistics(*(found[fold.id].item() for fold in folds)) for id, folds in asked.items()
    }


def _folds(x: Symbol) -> list[Any]:
    """Return the symbols of a tensor's statistics."""
    return [
        np.min(x),
        np.mean(x),
        np.max(x),
        *(np.sum(test) for test in (np.isnan(x), x == np.inf, x == -np.inf)),
    ]
