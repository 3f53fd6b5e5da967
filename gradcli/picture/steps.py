"""The steps of a run's player: what is computed, then what the engine passes back, with numbers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from gradcli.errors import GradcliError, cropped
from gradcli.explain.derivation import Derivation, whole
from gradcli.explain.derivation import Step as Passed
from gradcli.explain.elements import numbers
from gradcli.explain.explanation import SHORT, explained
from gradcli.inspection import Array, Inspection, NodeFacts
from gradcli.render.explain_rows import Row, Style, each, line_of
from gradcli.render.numbers import ELEMENT_DIGITS, brief, number, shortest, summarised, value_of
from gradcli.render.words import one_line
from gradcli.session import Session

MOST = 1200  # rows behind the root whose pass is shown step by step
LARGE = 1000  # elements of a node, from which on formulas would take long to be compared
HEAD = 90  # characters of what a step is about
VALUES = 48  # characters of a value
WAYS = 6  # that meet and are written out
TERMS = 4  # elements of a sum that are written out
_STYLE = Style(values=VALUES)


class Part(NamedTuple):
    """A number of a step: the sign before it, what it is, and itself."""

    sign: str
    label: str
    text: str


class Step(NamedTuple):
    """A step of the player: a value that is computed, a gradient that is passed on, or a sum.

    `kind` is leaf, forward, start, backward or sum. `node` is the id of what is looked at, `other`
    that of the operation which passes a gradient on to it. `working` has sums element by element,
    `remarks` are sentences.
    """

    kind: str
    node: int
    other: int | None
    line: int
    head: str
    parts: tuple[Part, ...]
    working: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


def behind(inspection: Inspection, root: int) -> Collection[int]:
    """Return the nodes that a root is made of, itself among them."""
    found, pending = set[int](), [root]
    while pending:
        id = pending.pop()
        if id not in found:
            found.add(id)
            pending.extend(inspection.node(id).inputs)
    return found


def steps(session: Session, inspection: Inspection, formulas: Mapping[int, str]) -> Iterator[Step]:
    """Yield the steps forward, then those backward, as the engine goes.

    `formulas` are of the gradients by parameters, with their numbers.

    None where there are too many, or nothing that backward begins with.
    """
    root = inspection.root
    among = behind(inspection, root) if root is not None else {n.id for n in inspection.nodes}
    if len(among) > MOST:
        return
    nodes = {node.id: node for node in inspection.nodes}
    for id in sorted(among):
        yield _forward(nodes[id], nodes)
    if root is None or not inspection.ran_backward:
        return
    start = next((p for p in reversed(session.passes) if p.root == root), None)
    try:
        found = whole(session.graph, inspection, root, None if start is None else start.cotangent)
    except GradcliError:  # a root of several elements that nothing differentiates
        return
    yield from _Backward(found, nodes, formulas).steps()


def _forward(node: NodeFacts, nodes: Mapping[int, NodeFacts]) -> Step:
    if node.op == "leaf":
        return Step("leaf", node.id, None, node.line, _said(node), (Part("", "is", _value(node)),))
    made_of = [nodes[i] for i in dict.fromkeys(node.inputs) if i in nodes][:WAYS]
    parts = [Part("", one_line(n.label), _value(n)) for n in made_of]
    last = Part("=" if parts else "", one_line(node.name or "value"), _value(node))
    return Step("forward", node.id, None, node.line, _said(node), (*parts, last))


def _said(node: NodeFacts) -> str:
    return cropped(one_line(line_of(node)), HEAD)


def _value(node: NodeFacts) -> str:
    value = value_of(node)
    if value is None:
        return ""
    return brief(value, VALUES) if isinstance(value, np.ndarray) else summarised(value, VALUES)


def largest(inspection: Inspection) -> int:
    """Return how many elements the largest node has."""
    return max((prod(node.shape) for node in inspection.nodes), default=0)


def formulas(session: Session, inspection: Inspection) -> Iterator[tuple[int, str]]:
    """Yield gradients by parameters as formulas with their numbers, those of a small graph."""
    if len(session.graph) > SHORT or largest(inspection) > LARGE:
        return
    try:
        _, found = explained(session, ())
    except GradcliError:  # nothing can be differentiated
        return
    for one in found:
        formula = one.passes[0].formula if len(one.passes) == 1 else None
        if formula is None or one.gradient is None or one.passes[0].times > 1:
            continue
        shown, parts = numbers(formula, inspection, one.gradient), [_STYLE.formula(formula)]
        if shown is not None:
            terms = (" + " if shown.added else ", ").join(map(_STYLE.formula, shown.terms))
            parts.append(f"[{terms}]" if one.gradient.ndim else terms)
        parts.append(brief(one.gradient, VALUES))
        yield one.target, one_line(" = ".join(dict.fromkeys(parts)))


class _Backward:
    def __init__(
        self, found: Derivation, nodes: Mapping[int, NodeFacts], formulas: Mapping[int, str]
    ) -> None:
        self.found, self.nodes, self.formulas = found, nodes, formulas
        self.root = self._inside(found.root)
        self.ways: dict[int, list[Array]] = {}
        self.awaited: dict[int, int] = {}
        for step in found.steps:
            self.awaited[step.operand] = self.awaited.get(step.operand, 0) + 1

    def steps(self) -> Iterator[Step]:
        """Yield what backward begins with, what each row passes on, and sums where ways meet."""
        found, nodes = self.found, self.nodes
        node = nodes[found.root]
        part = Part("", f"∂{self.root}/∂{self.root}", brief(found.start, VALUES))
        yield Step(
            "start",
            found.root,
            None,
            node.line,
            f"backward begins at {self._called(found.root)}",
            (part,),
        )
        for step, row, _ in each(found, nodes, _STYLE):
            self.ways.setdefault(step.operand, []).append(step.passed)
            yield self._passed(step, row)
            if step.total is not None:
                yield self._sum(step.operand, step.total)

    def _called(self, id: int) -> str:
        return one_line(self.nodes[id].name or self.nodes[id].label)

    def _passed(self, step: Passed, row: Row) -> Step:
        found, node, operand = self.found, self.nodes[step.row], self.nodes[step.operand]
        called = self._called(step.operand)
        above, below = self._inside(step.row), self._inside(step.operand)
        arrived = found.cotangents.get(step.row)
        arrives = "" if arrived is None else brief(arrived, VALUES)
        way = "" if step.way is None else f", way {step.way} of {self.awaited[step.operand]}"
        goes = Part("=", f"outgoing{way}", brief(step.passed, VALUES))
        if step.factor is None:
            g = one_line(found.arriving)
            local = Part("→", f"rule, {g} incoming", row.factor)
        else:
            factor = row.factor.removeprefix("× ").removesuffix(", summed")
            local = Part("×", f"local {_quotient(above, below, node, operand)}", factor)
        parts = (Part("", f"incoming ∂{self.root}/∂{above}", arrives), local, goes)
        return Step(
            "backward", operand.id, step.row, node.line, f"{_said(node)}  →  {called}", parts,
            (*_terms(step, arrived), *self._so_far(step),
             *self._formula(operand.id, last=step.way is None)),
            row.remarks,
        )  # fmt: skip

    def _inside(self, id: int) -> str:
        """Return what a node is called in a quotient of differentials."""
        called = self._called(id)
        return called if called.replace(".", "_").isidentifier() else f"({called})"

    def _so_far(self, step: Passed) -> Iterator[str]:
        """Yield what has been added up where more ways have come and some are still to come."""
        ways = self.ways[step.operand]
        if step.total is None and 1 < len(ways) <= WAYS:
            total = brief(np.asarray(sum(ways)), VALUES)
            yield f"so far {self._added(ways)} = {total}"

    @staticmethod
    def _added(ways: Sequence[Array]) -> str:
        said = [brief(way, VALUES) for way in ways]
        return " + ".join(said if len(said) <= WAYS else [*said[: WAYS - 2], "…", said[-1]])

    def _formula(self, id: int, *, last: bool) -> tuple[str, ...]:
        return (self.formulas[id],) if last and id in self.formulas else ()

    def _sum(self, id: int, total: Array) -> Step:
        node, ways, name = self.nodes[id], self.ways[id], self._called(id)
        parts = (
            Part("", f"{len(ways)} ways meet in {name}", self._added(ways)),
            Part("=", f"∂{self.root}/∂{self._inside(id)}", brief(total, VALUES)),
        )
        return Step("sum", id, None, node.line, f"{name}.grad += …", parts,
                    self._formula(id, last=True))  # fmt: skip


def _quotient(above: str, below: str, node: NodeFacts, operand: NodeFacts) -> str:
    """Return which derivative a local factor is, as PyTorch has it where there are complex numbers.

    A gradient is the conjugate one; that of a real result by a complex operand has both halves of
    Wirtinger's calculus, which are conjugates of each other.
    """
    quotient = f"∂{above}/∂{below}"
    if node.dtype.startswith("complex"):
        return f"conj({quotient})"
    return f"2·conj({quotient})" if operand.dtype.startswith("complex") else quotient


def _terms(step: Passed, arrived: Array | None) -> Iterator[str]:
    """Yield the sum by which broadcasting is undone, for an operand of one element and a few."""
    local = step.numbers
    if not step.summed or arrived is None or local is None or step.passed.size != 1:
        return
    if not 1 < arrived.size <= TERMS or arrived.dtype.kind != "f" or local.dtype.kind != "f":
        return
    local = np.broadcast_to(local, arrived.shape)
    plain = bool((local == 1).all())
    terms = [
        _number(g) if plain else f"{_factor(g)}·{_factor(x)}"
        for g, x in zip(_listed(arrived), _listed(local), strict=True)
    ]
    yield f"{' + '.join(terms)} = {brief(step.passed, VALUES)}"


def _listed(array: Array) -> Sequence[float]:
    return shortest(array).ravel().tolist()


def _number(value: float) -> str:
    return number(value, ELEMENT_DIGITS)


def _factor(value: float) -> str:
    return f"({_number(value)})" if value < 0 else _number(value)
