"""Values of a tape in blocks, forward and backward as one graph.

The rules run on nodes of a tape beside the run's own, which nobody sees; what they make is planned
together with the rows that they need, so that intermediates need not be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import prod
from typing import Any

import numpy as np

from gradcli.execute.blocks import pays, run, worth
from gradcli.execute.lowered import Program, Symbol
from gradcli.execute.plain import missing
from gradcli.execute.plan import LARGE, Plan, planned
from gradcli.execute.shown import of_finite, plainly
from gradcli.graph import Graph, Limits, Node
from gradcli.rule.dtypes import Array, is_half

BOUNDLESS = Limits(1 << 62, 1 << 62, 1 << 62)  # those of the run hold for the run's own tape


def in_blocks(graph: Graph, ids: Iterable[int]) -> bool:
    """Let the tape have the values of some rows, in blocks where that pays; return whether it did.

    Of what they are made of it is given what is small. What a row that is made of it was asked for
    before is kept this time, so that a loop that reads something in each turn does not begin anew
    in each.
    """
    wanted = set(ids)
    rows = _missing(graph, wanted)
    if not _may_pay(graph, rows):
        return False
    old = graph.passed.intersection(rows)
    wanted |= {j for i in rows if i not in old for j in graph.inputs[i] if j in old}
    wanted |= _small(graph, rows)
    program = Program(graph, wanted)
    calls = {i: program.value_of(i) for i in wanted}
    plan = planned(program, calls.values())
    if not _pays(program, plan):
        return False
    _keep(graph, rows, program, calls, run(program, plan, set(calls.values())))
    return True


def joined(
    graph: Graph, root: int, rules: Callable[[Graph], Mapping[int, Any]]
) -> dict[int, Array] | None:
    """Return the gradients that some rules give, and let the tape have the root's value.

    `rules` runs them on a tape, and returns the nodes of gradients by row. None where blocks do not
    pay, where memory holds other values than the tape, and for half types, whose rules run in
    float32: then nothing has happened.
    """
    rows = _missing(graph, (root,))
    if graph.autograd.uncounted or not _may_pay(graph, rows):
        return None
    side = graph.copy()
    side.limits, side.handle = BOUNDLESS, Node
    with side.settings("gradient", False):
        made = rules(side)
    wanted = {root, *_small(graph, rows)}
    program = Program(side, [*wanted, *(g.id for g in made.values() if isinstance(g, Node))])
    calls = {i: program.value_of(i) for i in wanted}
    found = {i: _call(program, g) for i, g in made.items()}
    whole = {*calls.values(), *found.values()}
    plan = planned(program, whole)
    if not _pays(program, plan):
        return None
    folds = _folds(graph, program, plan)
    whole.update(i for made in folds.values() for i in made)
    plan = planned(program, whole)
    try:
        values = run(program, plan, whole)
    except Exception:
        graph.span = side.span
        raise
    _keep(graph, rows, program, calls, values)
    for id, ids in folds.items():
        facts = of_finite([values[i] for i in ids], prod(graph.metas[id].shape))
        if facts is not None:
            graph.noted[id] = facts
    return {i: _own(program, call, values[call]) for i, call in found.items()}


def _folds(graph: Graph, program: Program, plan: Plan) -> dict[int, list[int]]:
    """Return the folds of tensors that passes go through anyway: tables show what comes of them."""
    gone_through = {i for step in plan.passes for i in (*step.calls, *step.reads)}
    rows = [
        id
        for id, call in program.of.items()
        if call in gone_through and id < len(graph) and graph.notes.origins[id] == "file"
        and graph.metas[id].dtype.kind == "f" and prod(graph.metas[id].shape) >= LARGE
    ]  # fmt: skip
    with np.errstate(all="ignore"):
        return {id: [x.id for x in plainly(Symbol(program, program.of[id]))] for id in rows}


def _missing(graph: Graph, ids: Iterable[int]) -> list[int]:
    return missing(graph, ids, graph.stored.__getitem__)


def _small(graph: Graph, rows: Iterable[int]) -> set[int]:
    """Return the rows whose values are kept because they take no room."""
    return {i for i in rows if not graph.is_tuple(i) and prod(graph.metas[i].shape) < LARGE}


def _may_pay(graph: Graph, rows: list[int]) -> bool:
    return worth(sum(prod(graph.metas[i].shape) for i in rows), len(rows))


def _pays(program: Program, plan: Plan) -> bool:
    """Say whether blocks pay; half types, whose rules run in float32, are not for them."""
    return pays(program, plan) and not any(is_half(call.dtype) for call in program.calls)


def _keep(
    graph: Graph,
    rows: Iterable[int],
    program: Program,
    calls: dict[int, int],
    found: dict[int, Any],
) -> None:
    """Let the tape have some values, and know which rows were computed besides."""
    for i, call in calls.items():
        if graph.is_tuple(i):
            graph.stored[i] = found[call]
        else:
            graph.put(i, _own(program, call, found[call]))
    graph.passed.update(i for i in rows if i not in calls)


def _call(program: Program, g: Any) -> int:
    return program.value_of(g.id) if isinstance(g, Node) else program.given(np.asarray(g))


def _own(program: Program, call: int, value: Any) -> Any:
    """Return a value that is no operand's own array."""
    given = program.calls[call].kind == "given" and isinstance(value, np.ndarray)
    return value.copy() if given else value
