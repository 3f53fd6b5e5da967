"""Why the gradient by a node is what it is, or why there is none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from gradcli import autodiff
from gradcli.errors import AutogradFault, InputFault
from gradcli.explain.cuts import Cut, cuts, silence
from gradcli.explain.derivation import Derivation, derivation
from gradcli.explain.elements import Numbers, numbers
from gradcli.explain.follow import Place, followed
from gradcli.facts import inspect
from gradcli.formula.derive import Deriver, Refused
from gradcli.formula.expressions import Formula
from gradcli.graph import Graph, Node
from gradcli.inspection import Array, Inspection, NodeFacts
from gradcli.session import Session, as_passed, named

SHORT = 60  # rows on the way, up to which a formula of all of it says anything
LENGTH = 250  # operations in the root written out in its inputs: what is used twice counts twice


@dataclass(frozen=True)
class Passed:
    """What one `backward()` gives, and how often it ran.

    `formula` is the gradient in the file's own names, `whole` in its inputs, None where that is
    the same or too long. `numbers` is the formula with the values in it. `places` are the nodes
    through which one element goes, where one is followed.
    """

    derivation: Derivation
    times: int
    formula: Formula | None
    whole: Formula | None
    numbers: Numbers | None
    places: tuple[Place, ...] = ()


@dataclass(frozen=True)
class Explanation:
    """How the gradient by a node comes about.

    `passes` are what is added up in it, none where no gradient flows; `gradient` is the sum. `cuts`
    are rows that depend on the node and pass nothing back; `notes` are sentences for a learner.
    """

    target: int
    gradient: Array | None
    passes: tuple[Passed, ...]
    cuts: tuple[Cut, ...]
    notes: tuple[str, ...]


def explained(
    session: Session,
    names: Sequence[str],
    *,
    element: tuple[str, tuple[int, ...]] | None = None,
    cotangent: Array | None = None,
) -> tuple[Inspection, list[Explanation]]:
    """Return the facts of a run, and how the gradients by some nodes come about.

    `names` are of nodes; every parameter that gets a gradient where there are none. `element` is
    one to follow, by the name of its tensor and its index; `cotangent` the root's, where it was
    given one.

    Raises: InputFault where there is nothing to differentiate, or no such tensor.
    """
    inspection = inspect(session)
    if session.root is None:
        raise _nothing(session)
    explainer = _Explainer(session, inspection, cotangent, None if element is None else element[1])
    if element is not None:
        return inspection, [explainer.explain(_tensor(session, element[0]))]
    ids = [_tensor(session, name) for name in names] or list(_parameters(session))
    return inspection, [explainer.explain(id) for id in ids]


def _nothing(session: Session) -> InputFault:
    """Return the error of a run without a root: there is none, or it has more than one element."""
    said = [m for _, m in session.graph.notes.warnings if m.startswith("backward did not run")]
    return InputFault(
        f"{session.source.name} has nothing to differentiate",
        hint=said[-1]
        if said
        else "a scalar that depends on a parameter: tensor(…, requires_grad=True), or -p",
    )


def _tensor(session: Session, name: str) -> int:
    """Return the row of a tensor, whether or not it requires a gradient."""
    value = session.tracer.scope.get(session.tracer.name_of(name))
    return value.id if isinstance(value, Node) else named(session.tracer, name)


def _parameters(session: Session) -> Iterator[int]:
    """Yield the parameters that the root depends on, as they are now."""
    graph, root = session.graph, session.root
    assert root is not None, "there is something to differentiate"
    calls = session.tracer.passes
    reached = {i for call in calls.made for i in call.leaves} if calls.made else set()
    found = {i for i in autodiff.reachable(graph, (root,)) if graph.ops[i] is None} | reached
    yield from sorted({graph.current(i) for i in found})


class _Explainer:
    def __init__(
        self,
        session: Session,
        inspection: Inspection,
        cotangent: Array | None,
        index: tuple[int, ...] | None,
    ) -> None:
        self.session, self.inspection = session, inspection
        self.cotangent, self.index = cotangent, index
        self.graph: Graph = session.graph
        self.facts = {node.id: node for node in inspection.nodes}

    def explain(self, target: int) -> Explanation:
        """Return why the gradient by a row is what it is, or why there is none."""
        graph, root = self.graph, self.session.root
        assert root is not None, "there is something to differentiate"
        runs = self._runs(target, root)
        passes = [p for run, times in runs if (p := self._pass(target, *run, times)) is not None]
        before = passes[0].derivation.target if passes else target
        node, notes = self.facts[target], []
        if not passes:
            notes = silence(graph, self.inspection, node, root)
            return Explanation(target, None, (), cuts(graph, target, root), tuple(notes))
        total = sum(p.derivation.gradient * p.times for p in passes)
        gradient = np.asarray(total, graph.metas[target].dtype)
        cut = cuts(graph, before, root)
        return Explanation(target, gradient, tuple(passes), cut,
                           tuple(self._notes(node, gradient, runs, before)))  # fmt: skip

    def _runs(self, target: int, root: int) -> list[tuple[tuple[int, Array | None], int]]:
        """Return what backward ran from, with which cotangent, and how often, for one row."""
        calls = self.session.tracer.passes
        gathered = calls.gathered.get(target, ())
        if not calls.made or root not in {calls.made[k].root for k in gathered}:
            return [((root, self.cotangent), 1)]
        found: list[tuple[tuple[int, Array | None], int]] = []
        for k in gathered:
            call = calls.made[k]
            for position, ((row, v), times) in enumerate(found):
                if row == call.root and np.array_equal(_given(v), _given(call.cotangent)):
                    found[position] = (row, v), times + 1
                    break
            else:
                found.append(((call.root, call.cotangent), 1))
        return found

    def _pass(self, target: int, root: int, cotangent: Array | None, times: int) -> Passed | None:
        """Return how the gradient of a root reaches a row, or the row that it was before."""
        graph = as_passed(self.session, (root,))
        before = [i for i in autodiff.reachable(graph, (root,)) if graph.current(i) == target]
        if not before:
            return None
        found = derivation(graph, self.inspection, root, before[0], cotangent)
        if found is None:
            return None
        places = () if self.index is None else tuple(followed(graph, found, self.index))
        formula = whole = None
        short = len(found.cotangents) <= SHORT and _length(graph, root) <= LENGTH
        if cotangent is None and short and before[0] == target:
            formula, whole = self._formulas(root, target)
        shown = None if whole is None and formula is None else numbers(
            whole or formula, self.inspection, found.gradient)  # fmt: skip
        return Passed(found, times, formula, whole, shown, places)

    def _formulas(self, root: int, target: int) -> tuple[Formula | None, Formula | None]:
        """Return the gradient in the file's names, and in those of its inputs where that differs.

        None where it cannot be said: what is shown has been compared with the gradient.
        """
        try:
            found = Deriver(self.session, root).derive(target)
        except AutogradFault:  # the root is no scalar
            return None, None
        return (None, None) if isinstance(found, Refused) else (found.formula, found.whole)

    def _notes(
        self, node: NodeFacts, gradient: Array, runs: Sequence[tuple[object, int]], before: int
    ) -> Iterator[str]:
        label = called(self.inspection, node.id)
        count = sum(times for _, times in runs)
        if not node.is_leaf:
            if node.retains_grad:
                yield f"`{label}` is no leaf; retain_grad() keeps this gradient in its `.grad`."
            else:
                yield (
                    f"`{label}.grad` is None all the same: it is no leaf, and what flows through "
                    f"it is not kept. `{label}.retain_grad()` before backward() keeps it."
                )
            return
        if before != node.id and before in self.facts:
            yield (
                f"`{label}` has been updated in place since: it was "
                f"`{self.facts[before].label}` when backward() ran."
            )
        if count > 1:
            yield (
                f"backward() ran {count} times, and each time it adds to `{label}.grad`: "
                "zero it between two of them where the sum is not wanted."
            )
        if self.session.ran_backward and not _same(node.grad, gradient):
            yield (
                f"`{label}.grad` holds something else in the end: the file has set it or zeroed "
                "it, or backward() ran from another node."
            )


def called(inspection: Inspection, id: int) -> str:
    """Return what a node is called where it is asked for: its name, if it is the last of that."""
    node = inspection.node(id)
    last = max((n.id for n in inspection.nodes if n.name == node.name), default=id)
    return node.name if node.name is not None and last == id else node.label


def _length(graph: Graph, root: int) -> int:
    """Return how many operations a row is when all that it is made of is written out."""
    lengths: dict[int, int] = {}
    behind, pending = set[int](), [root]
    while pending:
        id = pending.pop()
        if id not in behind:
            behind.add(id)
            pending.extend(i for i in graph.inputs[id] if i >= 0)
    for id in sorted(behind):
        lengths[id] = 1 + sum(lengths.get(i, 0) for i in graph.inputs[id])
    return lengths[root]


def _given(cotangent: Array | None) -> Array:
    return np.asarray(1.0) if cotangent is None else cotangent


def _same(kept: Array | None, gradient: Array) -> bool:
    return kept is not None and np.allclose(kept, gradient, 1e-3, equal_nan=True)
