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
from gradcli.autodiff.saved import in_memory
from gradcli.explain.kinks import Kink, kink
from gradcli.formula import expressions as f
from gradcli.formula.expressions import Expanded, Formula, Name, Product
from gradcli.formula.reading import Symbol, read, viewed
from gradcli.formula.text import text
from gradcli.graph import OUTPUT, Graph, Node
from gradcli.inspection import Array, Inspection
from gradcli.ops.formula import in_dtype
from gradcli.ops.shape.aliases import write_view
from gradcli.rule.dtypes import wide
from gradcli.rule.rule import Elementwise, Primitive

ARRIVING = ("g", "δ", "grad_output", "_g")  # what stands for what arrives: a name the file has not
NOWHERE = -1  # the target of a pass that goes to all leaves
DEEPEST = 6  # operations without a name that are written out in a factor


@dataclass(frozen=True)
class Step:
    """What an operation passes on to one of its operands.

    `row` and `operand` are ids of nodes. `formula` is what is passed on, `g` standing for what
    arrives; where it is what arrives times a factor, `factor` is that, and `numbers` its value.
    `summed` says whether a sum undoes what broadcasting made of the operand's shape. `passed` is
    the gradient that is passed on; `way` numbers it where an operand gets several, and `total` is
    then their sum, at the last of them. `view` marks an operation that moves no number. `kink` says
    what is taken for the derivative where there are several, `breaks` whether nan or inf begins
    here. `distance` is the number of steps from the root.
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
    view: bool
    kink: Kink | None
    breaks: bool
    distance: int


@dataclass(frozen=True)
class Derivation:
    """How the gradient of a root with respect to a tensor comes about, step by step.

    `start` is the cotangent that the root begins with, `arriving` what formulas call the one that
    arrives at a row. `cotangents` are the gradients of all rows on the way, the target's among
    them.
    """

    root: int
    target: int
    start: Array
    arriving: str
    steps: tuple[Step, ...]
    cotangents: Mapping[int, Array]

    @property
    def gradient(self) -> Array:
        """What arrives at the target."""
        return self.cotangents[self.target]


class _Edge(NamedTuple):
    """A use of a node by a row through which its gradient comes."""

    id: int
    op: Primitive
    slot: int
    operand: int


def derivation(
    graph: Graph, inspection: Inspection, root: int, target: int, cotangent: Array | None = None
) -> Derivation | None:
    """Return the derivation of a root's gradient with respect to a node, None where none flows.

    Raises: AutogradFault where the root is no scalar and has no cotangent.
    """
    order = autodiff.towards(graph, autodiff.reachable(graph, (root,)), (target,))
    given = np.asarray(autodiff.seed(Node(graph, root), cotangent))
    start = np.asarray(in_dtype(given, graph.metas[root].dtype))
    if root not in order:
        return None
    walk = _Walk(graph, named(graph, inspection, order), order, target)
    steps, cotangents = walk.steps(root, start)
    if target not in cotangents:
        return None
    return Derivation(root, target, start, walk.arriving, steps, cotangents)


def whole(
    graph: Graph, inspection: Inspection, root: int, cotangent: Array | None = None
) -> Derivation:
    """Return every step of a backward pass from a root, to all leaves, as the engine goes.

    Its `target` is the root: there is no one tensor that it leads to.

    Raises: AutogradFault where the root is no scalar and has no cotangent.
    """
    order = autodiff.reachable(graph, (root,))
    given = np.asarray(autodiff.seed(Node(graph, root), cotangent))
    start = np.asarray(in_dtype(given, graph.metas[root].dtype))
    walk = _Walk(graph, named(graph, inspection, order), order, NOWHERE)
    steps, cotangents = walk.steps(root, start)
    return Derivation(root, root, start, walk.arriving, steps, cotangents)


def named(graph: Graph, inspection: Inspection, order: Sequence[int]) -> dict[int, Name]:
    """Return what stands for itself in a factor: what has a name, and what would be too long."""
    facts = {node.id: node for node in inspection.nodes}
    found = {i: Name(n.label, n.shape) for i, n in facts.items() if n.name is not None}
    depth: dict[int, int] = {}
    behind = {i for id in order for i in graph.inputs[id] if i >= 0}
    for id in sorted({*order, *behind}):
        deep = 1 + max((depth.get(i, 0) for i in graph.inputs[id]), default=0)
        if id in found or graph.ops[id] is None:
            deep = 0
        elif deep > DEEPEST and id in facts:
            found[id], deep = Name(f"({facts[id].label})", facts[id].shape), 0
        depth[id] = deep
    return found


class _Walk:
    """The way of the engine through rows, each of whose rules runs on numbers and on symbols."""

    def __init__(
        self, graph: Graph, names: Mapping[int, Name], order: Sequence[int], target: int
    ) -> None:
        self.graph, self.names, self.order, self.target = graph, names, order, target
        self.inside = frozenset(order)
        taken = {name.name for name in names.values()}
        self.arriving = next(x for x in ARRIVING if x not in taken)
        self.read = in_memory(graph, order)

    def steps(self, root: int, start: Array) -> tuple[tuple[Step, ...], dict[int, Array]]:
        """Return the steps, and the gradients that arrive at each row."""
        cotangents: dict[int, Any] = {root: start}
        awaited: dict[int, int] = {}
        for edge in self._edges():
            awaited[edge.operand] = awaited.get(edge.operand, 0) + 1
        arrived = dict.fromkeys(awaited, 0)
        distance = {root: 0}
        found = []
        for edge in self._edges():
            i = edge.operand
            g = self._arrived(edge.id, cotangents)
            passed = np.asarray(self._passed(edge, g))
            cotangents[i] = passed if i not in cotangents else cotangents[i] + passed
            arrived[i] += 1
            way = arrived[i] if awaited[i] > 1 else None
            total = cotangents[i] if way == awaited[i] else None
            row = min(self._results(edge.id), key=lambda k: distance.get(k, len(self.order)))
            distance[i] = min(distance.get(i, len(self.order)), distance[row] + 1)
            breaks = bool(np.isfinite(passed).all() < _finite(g))
            formula = self._rule(edge, g)
            found.append(self._step(edge, row, formula, passed, (way, total), breaks,
                                    distance[row]))  # fmt: skip
        return tuple(found), {i: np.asarray(g) for i, g in cotangents.items()}

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
            wide(self.read(i)) if i >= 0 else graph.scalars[~i] for i in graph.inputs[id]
        )
        with np.errstate(all="ignore"):
            y = wide(self.read(id))
            part = op.derivative.vjp(slot, wide(g), y, operands, graph.attrs[id])
            return part if whole else fit(part, graph, operand, op.derivative.broadcasts)

    def _step(
        self, edge: _Edge, row: int, formula: Formula, passed: Array,
        ways: tuple[int | None, Array | None], breaks: bool, distance: int,
    ) -> Step:  # fmt: skip
        meta = self.graph.metas[edge.id]
        factor, numbers = _factor(formula, self.arriving), None
        assert edge.op.derivative is not None, "only what is differentiable is on the way"
        if factor is not None and isinstance(edge.op.derivative, Elementwise):
            ones = np.ones(meta.shape, meta.dtype)
            numbers = np.asarray(self._passed(edge, ones, whole=True))
        summed = edge.op.derivative.broadcasts and passed.shape != meta.shape
        bent = kink(self.graph, edge.id, edge.slot, self.read)
        return Step(row, edge.operand, formula, factor, numbers, summed, passed, *ways,
                    edge.op.view != "", bent, breaks, distance)  # fmt: skip

    def _rule(self, edge: _Edge, arrived: Any) -> Formula:
        """Return what a row passes on to an operand as a formula of what arrives."""
        graph, id = self.graph, edge.id
        assert edge.op.derivative is not None, "only what is differentiable is on the way"
        if edge.op.derivative.own:
            what = f"what the file's {edge.op.label} makes of {self.arriving}"
            return Name(what, graph.metas[edge.operand].shape)
        tensors = [i for i in graph.inputs[id] if i >= 0]
        results = self._results(id)
        formulas = dict(zip((*tensors, *results), read(graph, (*tensors, *results), self.names),
                            strict=True))  # fmt: skip
        symbols = {i: Symbol(x, graph.metas[i]) for i, x in formulas.items()}
        operands = tuple(symbols[i] if i >= 0 else graph.scalars[~i] for i in graph.inputs[id])
        y: Any = tuple(symbols[i] for i in results)
        g: Any = self._symbol(self.arriving, id)
        if edge.op is write_view and edge.slot == 0:
            return self._kept(edge)
        if graph.is_tuple(id):
            known = edge.op.outputs
            parts = known if len(known) == len(results) else tuple(map(str, range(len(results))))
            g = [
                None if part is None else self._symbol(f"{self.arriving}.{name}", i)
                for name, i, part in zip(parts, results, arrived, strict=True)
            ]
        else:
            (y,) = y
        found = edge.op.derivative.vjp(edge.slot, g, y, operands, graph.attrs[id])
        return found.formula  # type: ignore[no-any-return]

    def _kept(self, edge: _Edge) -> Name:
        """Return in words what a write passes on to what it was made in."""
        graph = self.graph
        whole = self._symbol(graph.notes.names.get(edge.operand, "it"), edge.operand)
        part = text(viewed(whole, graph.attrs[edge.id]["steps"]).formula)
        return Name(f"{self.arriving}, 0 where {part} was written", whole.shape)

    def _symbol(self, name: str, id: int) -> Symbol:
        """Return a row's shape and dtype under a name."""
        meta = self.graph.metas[id]
        return Symbol(Name(name, meta.shape), meta)


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


def _finite(g: Any) -> bool:
    """Say whether what arrives is finite: a cotangent, or one for each of several results."""
    parts = g if isinstance(g, list) else [g]
    return all(np.isfinite(x).all() for x in parts if x is not None)
