"""Hand-derived gradients: an `assert` that must hold at other points than the file's too."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import NamedTuple

import numpy as np

from gradcli import autodiff
from gradcli.errors import GradcliError
from gradcli.execute import Replay, compute
from gradcli.graph import Graph, Node
from gradcli.inspection import Claim, Inspection, Place
from gradcli.rule.dtypes import Array
from gradcli.session import Session
from gradcli.trace.claims import ClaimRecord
from gradcli.verify.altered import upstream
from gradcli.verify.compare import Pair, farthest, relation
from gradcli.verify.explain import Differing, how_they_differ
from gradcli.verify.report import ClaimFinding
from gradcli.verify.structure import LABELS, NEEDS, STRUCTURES, Structure
from gradcli.verify.uses import MATRIX, asked, needing
from gradcli.verify.wide import is_narrow, widened

SPREAD = 0.25  # of an element's size, by which points differ from the file's
SHRINK = 5  # how often a point is drawn nearer when a side is not finite there
EXACT = (1e-9, 0.0)  # what `==` may differ by at other points
SHOWN = 3  # places where the sides differ most
TELLING = 3  # random points that the words for a difference have to fit, beside the file's


def check_claims(
    session: Session,
    inspection: Inspection,
    parameters: Sequence[int],
    points: int,
    generator: np.random.Generator,
) -> tuple[ClaimFinding, ...]:
    """Return a finding for every claim; those on gradients are replayed at random points."""
    found = []
    for record, claim in zip(session.tracer.claims, inspection.claims, strict=True):
        formula = _formula(session, record, parameters)
        tried = formula is not None and formula.general
        if formula is not None and tried and claim.holds:
            found.append(_tried(formula, claim, points, generator))
            continue
        note, worst = _said(formula, claim)
        finding = ClaimFinding(claim, note=note, worst=worst)
        if formula is not None and tried:
            trial = _trial(formula, formula.kept(must=True), points, generator)
            finding = replace(
                finding, points=len(trial.points), held=trial.held, outside=trial.outside
            )
        found.append(finding)
    return tuple(found)


def explained(session: Session, inspection: Inspection, parameters: Sequence[int]) -> Inspection:
    """Return the facts with the words that `check` has for claims that are false."""
    claims = [
        claim
        if claim.holds
        else replace(claim, note=_said(_formula(session, record, parameters), claim)[0])
        for record, claim in zip(session.tracer.claims, inspection.claims, strict=True)
    ]
    return replace(inspection, claims=tuple(claims))


# ---- a claim as a function of the parameters -----------------------------------------------


class Kept(NamedTuple):
    """A structure that a parameter keeps at random points, and because of what."""

    structure: Structure
    cause: str = ""


Keeping = Mapping[int, Kept]


@dataclass(frozen=True)
class _Formula:
    """Both sides of a claim as functions of the parameters.

    `.grad` that backward() left behind is a number on the tape; `grads` gives the node that
    computes it at any point. `moving` are the parameters that a side depends on. A `general` claim
    is one for every point: its sides are formulas of the same tensors, and not numbers. `moves`
    says of each side whether it depends on a parameter.
    """

    session: Session
    graph: Graph
    sides: tuple[int, int]
    moving: tuple[int, ...]
    grads: dict[int, int]
    tolerances: tuple[float, float]
    general: bool
    moves: tuple[bool, bool]

    @property
    def base(self) -> dict[int, Array]:
        """The file's own point."""
        return {i: self.graph.values[i] for i in self.moving}

    def at(self, values: dict[int, Array]) -> Pair:
        """Return both sides where the parameters have other values."""
        moved = dict(values)
        if self.grads:
            replay = Replay(self.graph, self.moving, self.grads.values())
            moved |= dict(zip(self.grads, replay.run(values), strict=True))
        left, right = Replay(self.graph, moved, self.sides).run(moved)
        return left, right

    def holds(self, pair: Pair) -> bool:
        """Say whether both sides agree, as `allclose` does."""
        relative, absolute = self.tolerances
        try:
            return bool(np.allclose(pair[0], pair[1], relative, absolute))
        except ValueError:
            return False

    def kept(self, must: bool) -> dict[int, Kept]:
        """Return what parameters keep because an operation needs it, or (not `must`) may mean it.

        Parameters that the claim does not differentiate by may be labels, which stay labels.
        """
        found: dict[int, Kept] = {}
        if must and not needing(self.session.graph):
            return found
        by = self._differentiated()
        for leaf in self.moving:
            value = self.graph.values[leaf]
            for a in asked(self.session.graph, leaf):
                relevant = a.must or (not must and (leaf not in by or a.structure in MATRIX))
                has = [s for s in NEEDS[a.structure] if relevant and s.has(value)]
                if has:
                    line = self.session.source.line_of(a.span)
                    found[leaf] = Kept(has[0], f"{a.op.name.split('.')[-1]}, line {line}")
                    break
            if not must and leaf not in found and leaf not in by:
                label = next((s for s in LABELS if s.has(value)), None)
                if label is not None:
                    found[leaf] = Kept(label)
        return found

    def accidental(self) -> Iterable[dict[int, Kept]]:
        """Yield structures of single parameters, one after the other, the weakest first."""
        for leaf in self.moving:
            for structure in STRUCTURES:
                if structure.has(self.graph.values[leaf]):
                    yield {leaf: Kept(structure)}

    def told(self, keeping: Keeping) -> str:
        """Return which structure is kept, in words."""
        return ", ".join(
            f"`{self.graph.notes.names.get(leaf, 'a tensor')}` stays {kept.structure.name}"
            + f" ({kept.cause})" * bool(kept.cause)
            for leaf, kept in keeping.items()
        )

    def _differentiated(self) -> set[int]:
        """Return what the gradients in the claim are derivatives by."""
        behind = upstream(self.graph, [*self.sides, *self.grads.values()])
        return {
            x
            for step in self.graph.autograd.steps
            for x in (step.wanted if step.mode == "reverse" else step.given)
            if any(g in behind for g in step.found if g is not None)
        }


def _formula(session: Session, record: ClaimRecord, parameters: Sequence[int]) -> _Formula | None:
    """Return a claim that compares a gradient with something else, or None."""
    if record.relation not in ("≈", "==") or record.left is None or record.right is None:
        return None
    left, right = record.left[1], record.right[1]
    if not isinstance(left, Node) or not isinstance(right, Node):
        return None
    graph = session.graph
    behind = [upstream(graph, [side.id]) for side in (left, right)]
    grads = _recomputed(session, behind[0] | behind[1])
    moving = {*parameters, *grads}
    is_gradient = bool(grads) or any(
        graph.notes.origins[i] == "gradient" and graph.ops[i] is not None
        for i in behind[0] | behind[1]
    )
    if not is_gradient or moving.isdisjoint(behind[0] | behind[1]):
        return None
    sides = left.id, right.id
    tape = widened(graph) if is_narrow(graph) else graph
    compute(tape, (*sides, *grads.values()))
    needed = upstream(graph, [*sides, *grads.values()])
    moved = tuple(i for i in parameters if i in needed)
    leaves = [{i for i in ids if graph.ops[i] is None} for ids in behind]
    moves = bool(leaves[0] & moving), bool(leaves[1] & moving)
    # `tensor([2., 4.])` is no formula; `X.T @ s` is one where the gradient depends on X
    general = all(moves) or bool(leaves[0] & leaves[1])
    tolerances = record.tolerances or EXACT
    return _Formula(session, tape, sides, moved, grads, tolerances, general, moves)


def _recomputed(session: Session, ids: set[int]) -> dict[int, int]:
    """Return nodes for the `.grad` of leaves that a claim reads, where one backward made them."""
    graph, tracer = session.graph, session.tracer
    read = {i: owner for i, owner in tracer.grad_owners.items() if i in ids}
    calls = tracer.passes.made
    if not read or len(calls) != 1 or prod(graph.metas[calls[0].root].shape) != 1:
        return {}
    root = calls[0].root
    with graph.settings("gradient", True):
        start = graph.leaf(np.ones(graph.metas[root].shape, graph.metas[root].dtype))
        found = autodiff.gradients(graph, {root: start}, list(read.values()))
    return {
        i: g.id
        for i, g in zip(read, found, strict=True)
        if g is not None and np.allclose(g.value, graph.values[i])
    }


# ---- at random points ----------------------------------------------------------------------


class _Point(NamedTuple):
    values: dict[int, Array]
    sides: Pair


class _Trial(NamedTuple):
    """Random points at which both sides are finite, and at how many of them a claim held."""

    points: list[_Point]
    held: int
    outside: int

    @property
    def passed(self) -> bool:
        """Whether the claim held at every point, and there was one."""
        return bool(self.points) and self.held == len(self.points)


def _trial(
    formula: _Formula, keeping: Keeping, count: int, generator: np.random.Generator
) -> _Trial:
    drawn = (_random_point(formula, keeping, generator) for _ in range(count))
    points = [point for point in drawn if point is not None]
    held = sum(formula.holds(point.sides) for point in points)
    return _Trial(points, held, count - len(points))


def _tried(
    formula: _Formula, claim: Claim, count: int, generator: np.random.Generator
) -> ClaimFinding:
    """Return what becomes of a claim that holds at the file's point.

    What operations need is kept from the start: a matrix that is factorised stays symmetric. What
    they may mean (the symmetry of a matrix that is inverted, labels) is kept where the claim does
    not hold without, and that is said. A claim that holds by any other structure is false.
    """
    needed = formula.kept(must=True)
    trial = _trial(formula, needed, count, generator)
    finding = ClaimFinding(
        claim, len(trial.points), trial.held, trial.outside, kept=formula.told(needed)
    )
    if trial.passed or not count:
        return finding
    meant = formula.kept(must=False)
    if meant != needed:
        other = _trial(formula, meant, count, generator)
        if other.passed:
            told = formula.told(meant) + "; at others it does not hold" * bool(trial.points)
            return ClaimFinding(claim, count - other.outside, other.held, other.outside, kept=told)
    if not trial.points:
        return finding
    if not all(formula.moves):  # numbers may stand in it for what a parameter is here
        side = claim.left if formula.moves[1] else claim.right
        assert side is not None, "a formula has two sides"
        fixed = f"`{side[0]}` depends on no parameter: at other points it does not hold"
        return ClaimFinding(claim, kept=fixed)
    note = f"it holds at the file's point, and at {trial.held} of {len(trial.points)} random points"
    for keeping in formula.accidental():
        if _trial(formula, needed | keeping, count, generator).passed:
            ((leaf, kept),) = keeping.items()
            name = formula.graph.notes.names.get(leaf, "a tensor")
            note += f": only where `{name}` is {kept.structure.name}, which nothing asks for"
            break
    failing = [p for p in trial.points if not formula.holds(p.sides)]
    told = how_they_differ(_differing(formula, claim, [p.values for p in failing[:TELLING]]))
    worst = tuple(farthest(*failing[0].sides, SHOWN))
    return replace(finding, note=f"{note}; {told}" if told else note, worst=worst)


def _random_point(
    formula: _Formula, keeping: Keeping, generator: np.random.Generator
) -> _Point | None:
    """Return both sides at a point around the file's, nearer where they are not finite."""
    spread = SPREAD
    for attempt in range(SHRINK):
        move = _move(spread, generator, up=attempt % 2 == 1)
        values = {}
        for leaf, value in formula.base.items():
            kept = keeping.get(leaf)
            moved = move(value) if kept is None else kept.structure.kept(value, move, generator)
            values[leaf] = np.asarray(moved, value.dtype)
        try:
            sides = formula.at(values)
        except GradcliError:  # a matrix is singular there, an index out of range
            sides = None
        if sides is not None and all(np.all(np.isfinite(side)) for side in sides):
            return _Point(values, sides)
        spread /= 4
    return None


def _move(spread: float, generator: np.random.Generator, *, up: bool) -> Callable[[Array], Array]:
    """Return how elements move: by parts of their size, those that are 0 by a part of the usual.

    `up` moves the latter upwards: they may be at the edge of a domain.
    """

    def move(value: Array) -> Array:
        size = np.abs(value)
        nonzero = size[(size > 0) & np.isfinite(size)]
        usual = np.median(nonzero) if nonzero.size else 1.0
        step = generator.uniform(-1, 1, value.shape)
        if up:
            step = np.where(size > 0, step, np.abs(step))
        if value.dtype.kind == "c":
            step = step + 1j * generator.uniform(-1, 1, value.shape)
        return np.asarray(value + spread * np.where(size > 0, size, usual) * step)

    return move


# ---- how the sides differ ------------------------------------------------------------------


def _said(formula: _Formula | None, claim: Claim) -> tuple[str, tuple[Place, ...]]:
    """Return how the sides of a false claim differ, and where most: the same in every output."""
    if claim.holds or not claim.left or not claim.right or claim.relation not in ("≈", "=="):
        return "", ()
    left, right = claim.left[1], claim.right[1]
    note = ""
    if formula is not None:
        generator = np.random.default_rng(0)
        trial = _trial(formula, formula.kept(must=False), TELLING, generator)
        points = [formula.base, *(point.values for point in trial.points)]
        note = how_they_differ(_differing(formula, claim, points))
    on_numbers = formula is None or not formula.general
    if on_numbers and not note and left.dtype.kind in "fiu" and right.dtype.kind in "fiu":
        note = relation([(left, right)], (f"`{claim.left[0]}`", f"`{claim.right[0]}`"), {})
    return note, tuple(farthest(left, right, SHOWN))


def _differing(formula: _Formula, claim: Claim, points: Sequence[dict[int, Array]]) -> Differing:
    assert claim.left, "a formula has two sides"
    assert claim.right, "a formula has two sides"
    return Differing(
        formula.session.source, formula.graph, formula.sides, formula.grads, points,
        (f"`{claim.left[0]}`", f"`{claim.right[0]}`"),
    )  # fmt: skip
