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
from gradcli.execute.lowered import Program
from gradcli.execute.plain import missing
from gradcli.execute.plan import Plan, planned
from gradcli.graph import Graph, Limits, Node
from gradcli.rule.dtypes import Array, is_half

BOUNDLESS = Limits(1 << 62, 1 << 62, 1 << 62)  # those of the run hold for the run's own tape


def in_blocks(graph: Graph, ids: Iterable[int]) -> bool:
    """Let the tape have the values of some rows, and not of what they are made of, where that pays.

    What a row that is made of it was asked for before is kept this time, so that a loop that reads
    something in each turn does not begin anew in each. Returns whether it paid.
    """
    wanted = set(ids)
    rows = _missing(graph, wanted)
    if not _may_pay(graph, rows):
        return False
    old = graph.passed.intersection(rows)
    wanted |= {j for i in rows if i not in old for j in graph.inputs[i] if j in old}
    program = Program(graph, wanted)
    calls = {i: program.value_of(i) for i in wanted}
    plan = planned(program, calls.values())
    if not _pays(program, plan):
        return False
    found = run(program, plan, set(calls.values()))
    for i, call in calls.items():
        graph.put(i, _own(program, call, found[call]))
    graph.passed.update(set(rows) - wanted)
    return True


def _missing(graph: Graph, ids: Iterable[int]) -> list[int]:
    return missing(graph, ids, graph.stored.__getitem__)


def _may_pay(graph: Graph, rows: list[int]) -> bool:
    return worth(sum(prod(graph.metas[i].shape) for i in rows), len(rows))


def _pays(program: Program, plan: Plan) -> bool:
    """Say whether blocks pay; half types, whose rules run in float32, are not for them."""
    return pays(program, plan) and not any(is_half(call.dtype) for call in program.calls)


def joined(
    graph: Graph, root: int, rules: Callable[[Graph], Mapping[int, Any]]
) -> dict[int, Array] | None:
    """Return the gradients that some rules give, and let the tape have the root's value.

    `rules` runs them on a tape, and returns the nodes of gradients by row. None where blocks do not
    pay, where memory holds other values than the tape, and for half types, whose rules run in
    float32: then nothing has happened.
    """
    if graph.autograd.uncounted or not _may_pay(graph, _missing(graph, (root,))):
        return None
    side = graph.copy()
    side.limits, side.handle = BOUNDLESS, Node
    with side.settings("gradient", False):
        made = rules(side)
    program = Program(side, [root, *(g.id for g in made.values() if isinstance(g, Node))])
    calls = {i: _call(program, g) for i, g in made.items()}
    value = program.value_of(root)
    plan = planned(program, {value, *calls.values()})
    if not _pays(program, plan):
        return None
    try:
        found = run(program, plan, {value, *calls.values()})
    except Exception:
        graph.span = side.span
        raise
    graph.put(root, found[value])
    return {i: _own(program, call, found[call]) for i, call in calls.items()}


def _call(program: Program, g: Any) -> int:
    return program.value_of(g.id) if isinstance(g, Node) else program.given(np.asarray(g))


def _own(program: Program, call: int, value: Any) -> Any:
    """Return a value that is no operand's own array."""
    given = program.calls[call].kind == "given" and isinstance(value, np.ndarray)
    return value.copy() if given else value
