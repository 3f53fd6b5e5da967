"""The backward pass from a root to one tensor, as a worked derivation.

A step is what one operation passes on to one of its operands, in the order in which the engine
goes: the rule of the row as a formula, run on symbols, and the same rule run on the numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

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

ARRIVING = ("g", "δ", "grad_output", "_g")  # what stands for what arrives: a name the file has not


@dataclass(frozen=True)
class Step:
    """What an operation passes on to one of its operands.

    `row` and `operand` are ids of nodes. `formula` is what is passed on, `g` standing for what
    arrives; where it is what arrives times a factor, `factor` is that, and `numbers` its value.
    `summed` says whether a sum undoes what broadcasting made of the operand's shape. `passed` is
    the gradient that is passed on; `way` numbers it where an operand gets several, and `total` is
    then their sum, at the last of them.
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


class _Edge(NamedTuple):
    """A use of a node by a row through which its gradient comes."""

    id: int
    op: Primitive
    slot: int
    operand: int


def derivation(session: Session, inspection: Inspection, target: int) -> Derivation:
    """Return the derivation of the root's gradient with respect to a node.

    Raises: AutogradFault where no gradient flows from the root to it.
    """
    graph, root = session.graph, session.root
    assert root is not None, "there is something to differentiate"
    order = autodiff.towards(graph, autodiff.reachable(graph, (root,)), (target,))
    if root not in order:
        label = inspection.node(target).label
        raise AutogradFault(f"no gradient flows from the root to `{label}`")
    names = {n.id: Name(n.label, n.shape) for n in inspection.nodes if n.name is not None}
    start = np.asarray(autodiff.seed(Node(graph, root), None))
    steps, gradient = _Walk(graph, names, order, target).steps(root, start)
    leaves = {i: n for i, n in names.items() if graph.ops[i] is None}
    long, short = _gradients(graph, {root: start}, target, (leaves, names))
    return Derivation(root, target, gradient, steps, long, short)


class _Walk:
    """The way of the engine through rows, each of whose rules runs on numbers and on symbols."""

    def __init__(
        self, graph: Graph, names: Mapping[int, Name], order: Sequence[int], target: int
    ) -> None:
        self.graph, self.names, self.order, self.target = graph, names, order, target
        self.inside = frozenset(order)
        taken = {name.name for name in names.values()}
        self.arriving = next(x for x in ARRIVING if x not in taken)

    def steps(self, root: int, start: Array) -> tuple[tuple[Step, ...], Array]:
        """Return the steps, and the gradient that they arrive at."""
        cotangents: dict[int, Any] = {root: start}
        awaited: dict[int, int] = {}
        for edge in self._edges():
            awaited[edge.operand] = awaited.get(edge.operand, 0) + 1
        arrived = dict.fromkeys(awaited, 0)
        found = []
        for edge in self._edges():
            i = edge.operand
            g = self._arrived(edge.id, cotangents)
            passed = np.asarray(self._passed(edge, g))
            cotangents[i] = passed if i not in cotangents else cotangents[i] + passed
            arrived[i] += 1
            way = arrived[i] if awaited[i] > 1 else None
            total = cotangents[i] if way == awaited[i] else None
            found.append(self._step(edge, passed, way, total))
        return tuple(found), np.asarray(cotangents[self.target])

    def _edges(self) -> Iterator[_Edge]:
        graph = self.graph
        for id in self.order:
            op = graph.ops[id]
            if op is None or op is OUTPUT or id == self.target or op.derivative is None:
                continue
            for slot, i in enumerate(graph.inputs[id]):
                if i in self.inside and op.derivative.body(slot) is not None:
                    yield _Edge(id, op, slot, i)

    def _results(self, id: int) -> range:
        """Return the rows of what an operation gives."""
        return range(id + 1, id + 1 + self.graph.widths[id]) if self.graph.is_tuple(id) else (
            range(id, id + 1))  # fmt: skip

    def _arrived(self, id: int, cotangents: Mapping[int, Any]) -> Any:
        """Return what has arrived at a row: one cotangent for each of several results."""
        parts = [cotangents.get(i) for i in self._results(id)]
        return parts if self.graph.is_tuple(id) else parts[0]

    def _passed(self, edge: _Edge, g: Any, *, whole: bool = False) -> Any:
        """Return what the rule passes on; `whole`: before it is summed to the operand's shape."""
        graph, (id, op, slot, operand) = self.graph, edge
        assert op.derivative is not None, "only what is differentiable is on the way"
        operands = tuple(
            wide(graph.value(i)) if i >= 0 else graph.scalars[~i] for i in graph.inputs[id]
        )
        with np.errstate(all="ignore"):
            y = wide(graph.value(id))
            part = op.derivative.vjp(slot, wide(g), y, operands, graph.attrs[id])
            return part if whole else fit(part, graph, operand, op.derivative.broadcasts)

    def _step(self, edge: _Edge, passed: Array, way: int | None, total: Array | None) -> Step:
        meta = self.graph.metas[edge.id]
        formula = self._rule(edge)
        factor, numbers = _factor(formula, self.arriving), None
        assert edge.op.derivative is not None, "only what is differentiable is on the way"
        if factor is not None and isinstance(edge.op.derivative, Elementwise):
            ones = np.ones(meta.shape, meta.dtype)
            numbers = np.asarray(self._passed(edge, ones, whole=True))
        summed = edge.op.derivative.broadcasts and passed.shape != meta.shape
        row = self._results(edge.id)[0]
        return Step(row, edge.operand, formula, factor, numbers, summed, passed, way, total)

    def _rule(self, edge: _Edge) -> Formula:
        """Return what a row passes on to an operand as a formula of what arrives."""
        graph, id = self.graph, edge.id
        tensors = [i for i in graph.inputs[id] if i >= 0]
        results = self._results(id)
        formulas = dict(zip((*tensors, *results), read(graph, (*tensors, *results), self.names),
                            strict=True))  # fmt: skip
        symbols = {i: Symbol(x, graph.metas[i]) for i, x in formulas.items()}
        operands = tuple(symbols[i] if i >= 0 else graph.scalars[~i] for i in graph.inputs[id])
        names = [f"{self.arriving}.{n}" for n in edge.op.outputs] or [self.arriving]
        g: Any = tuple(
            Symbol(Name(name, graph.metas[i].shape), graph.metas[i])
            for name, i in zip(names, results, strict=False)
        )
        y: Any = tuple(symbols[i] for i in results)
        if not graph.is_tuple(id):
            (g,), (y,) = g, y
        assert edge.op.derivative is not None, "only what is differentiable is on the way"
        found = edge.op.derivative.vjp(edge.slot, g, y, operands, graph.attrs[id])
        return found.formula  # type: ignore[no-any-return]


def _factor(formula: Formula, arriving: str) -> Formula | None:
    """Return what is multiplied by what arrives, None where a formula is no such product."""
    if isinstance(formula, Expanded):
        return _factor(formula.of, arriving)
    if isinstance(formula, Name) and formula.name == arriving:
        return f.ONE
    if not isinstance(formula, Product):
        return None
    own = [x for x, e in formula.factors.items()
           if isinstance(x, Name) and x.name == arriving and e == 1]  # fmt: skip
    rest = {x: e for x, e in formula.factors.items() if x not in own}
    if not own or any(_mentions(x, arriving) for x in rest):
        return None
    powers = (f.power(x, e) for x, e in rest.items())
    return f.multiply(f.Number(formula.coefficient), *powers)


def _mentions(x: Formula, name: str) -> bool:
    pending = [x]
    while pending:
        one = pending.pop()
        if isinstance(one, Name) and one.name.partition(".")[0] == name:
            return True
        pending.extend(one.inside)
    return False


def _gradients(
    graph: Graph,
    roots: Mapping[int, Array],
    target: int,
    namings: Sequence[Mapping[int, Formula]],
) -> list[Formula]:
    """Return the gradient by a node as a formula, in each of several sets of names."""
    scratch = graph.copy()
    with scratch.settings("gradient", True):
        starts = {root: scratch.leaf(start) for root, start in roots.items()}
        found = autodiff.gradients(scratch, starts, (target,))[0]
    assert found is not None, "a gradient flows to the target"
    return [read(scratch, [found.id], names)[0] for names in namings]
