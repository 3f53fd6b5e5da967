"""Forward and backward as one graph, so that one plan has both.

The rules run on nodes of a tape beside the run's own, which nobody sees; what they make is planned
together with the rows that they need, so that intermediates need not be stored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from gradcli.execute.blocks import pays, run
from gradcli.execute.lowered import Program
from gradcli.execute.plan import planned
from gradcli.graph import Graph, Limits, Node
from gradcli.rule.dtypes import Array, is_half

BOUNDLESS = Limits(1 << 62, 1 << 62, 1 << 62)  # those of the run hold for the run's own tape


def joined(
    graph: Graph, root: int, rules: Callable[[Graph], Mapping[int, Any]]
) -> dict[int, Array] | None:
    """Return the gradients that some rules give, and let the tape have the root's value.

    `rules` runs them on a tape, and returns the nodes of gradients by row. None where blocks do not
    pay, where memory holds other values than the tape, and for half types, whose rules run in
    float32: then nothing has happened.
    """
    if graph.autograd.uncounted:
        return None
    side = graph.copy()
    side.limits, side.handle = BOUNDLESS, Node
    with side.settings("gradient", False):
        made = rules(side)
    program = Program(side, [root, *(g.id for g in made.values() if isinstance(g, Node))])
    calls = {i: _call(program, g) for i, g in made.items()}
    value = program.value_of(root)
    plan = planned(program, {value, *calls.values()})
    if not pays(program, plan) or any(is_half(call.dtype) for call in program.calls):
        return None
    found = run(program, plan, {value, *calls.values()})
    graph.put(root, found[value])
    return {i: _own(program, call, found[call]) for i, call in calls.items()}


def _call(program: Program, g: Any) -> int:
    return program.value_of(g.id) if isinstance(g, Node) else program.given(np.asarray(g))


def _own(program: Program, call: int, value: Array) -> Array:
    """Return a gradient that is no operand's own array."""
    return value.copy() if program.calls[call].kind == "given" and value.ndim else value
