"""The backward pass from a root to one tensor, as a worked derivation.

A step is what one operation passes on to one of its operands, in the order in which the engine
goes: the rule of the row as a formula, run on symbols, and the same rule run on the numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.autodiff.reverse import fit
from gradcli.errors import AutogradFault
from gradcli.formula import expressions as f
from gradcli.formula.expressions import Expanded, Formula, Name, Product
from gradcli.formula.reading import Symbol, read
from gradcli.graph import OUTPUT, Graph, Node
from gradcli.inspection import Array, Inspection
from gradcli.rule.dtypes import wide
from gradcli.rule.rule import Elementwise, Primitive
from gradcli.session import Session


@dataclass(frozen=True)
class Step:
    """What an operation passes on to one of its operands.

    `row` and `operand` are ids of nodes. `formula` is what is passed on, `g` standing for what
    arrives; where it is what arrives times a factor, `factor` is that, and `numbers` its value.
    `summed` are the shapes that broadcasting made of the operand's, where a sum undoes it.
    `passed` is the gradient that is passed on; `way` numbers it where an operand gets several, and
    `total` is then their sum, at the last of them.
    """

    row: int
    operand: int
    formula: Formula
    factor: Formula | None
    numbers: Array | None
    summed: bool
    passed: Array
    way: int | None
    total: Array | None


@dataclass(frozen=True)
class Derivation:
    """How the gradient of a root with respect to a tensor comes about, step by step.

    `formula` is the gradient in terms of the leaves, `short` in terms of the file's own names.
    """

    root: int
    target: int
    gradient: Array
    steps: tuple[Step, ...]
    formula: Formula
    short: Formula


COTANGENTS = ("g", "δ", "grad_output")  # what stands for what arrives: a name the file has not


def derivation(session: Session, inspection: Inspection, target: int) -> Derivation:
    """Return the derivation of the root's gradient with respect to a node.

    Raises: AutogradFault where no gradient flows from the root to it.
    """
    graph, root = session.graph, session.root
    assert root is not None, "there is something to differentiate"
    order = autodiff.towards(graph, autodiff.reachable(graph, (root,)), (target,))
    if target not in order or root not in order:
        label = inspection.node(target).label
        raise AutogradFault(f"no gradient flows from the root to `{label}`")
    names = {n.id: Name(n.label, n.shape) for n in inspection.nodes if n.name is not None}
    start = autodiff.seed(Node(graph, root), None)
    steps, gradient = _steps(graph, names, order, root, np.asarray(start), target)
    leaves = {i: n for i, n in names.items() if graph.ops[i] is None}
    long, short = _formulas(graph, root, target, leaves, names)
    return Derivation(root, target, gradient, tuple(steps), long, short)


def _steps(
    graph: Graph,
    names: Mapping[int, Formula],
    order: Sequence[int],
    root: int,
    start: Array,
    target: int,
) -> tuple[list[Step], Array]:
    inside, cotangents = set(order), {root: start}
    awaited = _awaited(graph, order, target)
    arrived: dict[int, int] = {}
    steps: list[Step] = []
    for id in order:
        g, op = cotangents.get(id), graph.ops[id]
        if op is None or g is None or id == target:
            continue
        if op is OUTPUT:
            whole = graph.inputs[id][0]
            parts: Any = cotangents.setdefault(whole, [None] * graph.widths[whole])  # type: ignore[arg-type]
            parts[graph.attrs[id]["position"]] = g
            continue
        assert op.derivative is not None, "only differentiable rows are on the way"
        for slot, i in enumerate(graph.inputs[id]):
            if i not in inside or op.derivative.body(slot) is None:
                continue
            with np.errstate(all="ignore"):
                passed = np.asarray(_pass(graph, id, op, slot, g))
                before = cotangents.get(i)
                cotangents[i] = passed if before is None else before + passed
            arrived[i] = arrived.get(i, 0) + 1
            several = awaited[i] > 1
            total = cotangents[i] if several and arrived[i] == awaited[i] else None
            formula = _rule(graph, id, op, slot, names)
            factor = _factor(formula)
            numbers = None
            if factor is not None and isinstance(op.derivative, Elementwise):
                ones = np.ones(graph.metas[id].shape, graph.metas[id].dtype)
                with np.errstate(all="ignore"):
                    numbers = np.asarray(_pass(graph, id, op, slot, ones, whole=True))
            steps.append(
                Step(
                    _shown(graph, id), i, formula, factor, numbers,
                    np.shape(passed) != graph.metas[id].shape and op.derivative.broadcasts,
                    passed, arrived[i] if several else None, total,
                )
            )  # fmt: skip
    return steps, cotangents[target]


def _awaited(graph: Graph, order: Sequence[int], target: int) -> dict[int, int]:
    """Return how many operations pass something on to each node."""
    inside, found = set(order), dict.fromkeys(order, 0)
    for id in order:
        op = graph.ops[id]
        if op is None or op is OUTPUT or id == target or op.derivative is None:
            continue
        for slot, i in enumerate(graph.inputs[id]):
            if i in inside and op.derivative.body(slot) is not None:
                found[i] += 1
    return found


def _shown(graph: Graph, id: int) -> int:
    """Return the node that stands for a row: of several results, the first."""
    return id + 1 if graph.is_tuple(id) else id


def _pass(graph: Graph, id: int, op: Primitive, slot: int, g: Any, *, whole: bool = False) -> Any:
    """Return the cotangent of an operand, by the row's rule; `whole`: before it is summed."""
    derivative = op.derivative
    assert derivative is not None
    operands = tuple(
        wide(graph.value(i)) if i >= 0 else graph.scalars[~i] for i in graph.inputs[id]
    )
    part = derivative.vjp(slot, wide(g), wide(graph.value(id)), operands, graph.attrs[id])
    return part if whole else fit(part, graph, graph.inputs[id][slot], derivative.broadcasts)


# ---- rules as formulas ---------------------------------------------------------------------


def _rule(graph: Graph, id: int, op: Primitive, slot: int, names: Mapping[int, Formula]) -> Formula:
    """Return what a row passes on to an operand as a formula of `g`."""
    derivative = op.derivative
    assert derivative is not None
    inputs = graph.inputs[id]
    tensors = [i for i in inputs if i >= 0]
    given = dict(zip(tensors, read(graph, tensors, names), strict=True))
    operands = tuple(
        Symbol(given[i], graph.metas[i]) if i >= 0 else graph.scalars[~i] for i in inputs
    )
    y: Any
    g: Any
    if graph.is_tuple(id):
        rows = range(id + 1, id + 1 + graph.widths[id])
        y = tuple(
            Symbol(x, graph.metas[i]) for i, x in zip(rows, read(graph, rows, names), strict=True)
        )
        g = tuple(
            Symbol(Name(f"{G}.{n}", graph.metas[i].shape), graph.metas[i])
            for n, i in zip(op.outputs, rows, strict=False)
        )
    else:
        y = Symbol(read(graph, [id], names)[0], graph.metas[id])
        g = Symbol(Name(G, graph.metas[id].shape), graph.metas[id])
    found: Formula = derivative.vjp(slot, g, y, operands, graph.attrs[id]).formula
    return found


def _factor(formula: Formula) -> Formula | None:
    """Return what `g` is multiplied by in a formula, None where it is not a product with `g`."""
    if isinstance(formula, Expanded):
        return _factor(formula.of)
    if isinstance(formula, Name) and formula.name == G:
        return f.ONE
    if isinstance(formula, Product):
        own = [x for x, e in formula.factors.items()
               if isinstance(x, Name) and x.name == G and e == 1]  # fmt: skip
        rest = {x: e for x, e in formula.factors.items() if x not in own}
        if own and not any(_mentions(x) for x in rest):
            return f.multiply(
                f.Number(formula.coefficient), *(f.power(x, e) for x, e in rest.items())
            )
    return None


def _mentions(x: Formula) -> bool:
    pending = [x]
    while pending:
        one = pending.pop()
        if isinstance(one, Name) and one.name.partition(".")[0] == G:
            return True
        pending.extend(one.inside)
    return False


def _formulas(
    graph: Graph,
    root: int,
    target: int,
    leaves: Mapping[int, Formula],
    names: Mapping[int, Formula],
) -> tuple[Formula, Formula]:
    """Return the gradient in terms of the leaves, and of all names."""
    scratch = graph.copy()
    with scratch.settings("gradient", True):
        start = scratch.leaf(np.asarray(autodiff.seed(Node(graph, root), None)))
        found = autodiff.gradients(scratch, {root: start}, (target,))[0]
    assert found is not None, "a gradient flows to the target"
    long = read(scratch, [found.id], leaves)[0]
    short = read(scratch, [found.id], names)[0]
    return long, short
