"""Hand-derived gradients: an `assert` that must hold at other points than the file's too."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np

from gradcli import autodiff
from gradcli.execute import Replay, compute
from gradcli.graph import Graph, Node
from gradcli.inspection import Claim, Inspection
from gradcli.rule.dtypes import Array
from gradcli.session import Session
from gradcli.trace.claims import ClaimRecord
from gradcli.verify.compare import Pair, farthest, relation
from gradcli.verify.report import ClaimFinding
from gradcli.verify.wide import is_narrow, widened

SPREAD = 0.25  # of an element's size, by which points differ from the file's
SHRINK = 5  # how often a point is drawn nearer when a side is not finite there
EXACT = (1e-9, 0.0)  # what `==` may differ by at other points
SHOWN = 3  # places where the sides differ most


def check_claims(
    session: Session,
    inspection: Inspection,
    parameters: Sequence[int],
    points: int,
    generator: np.random.Generator,
) -> tuple[ClaimFinding, ...]:
    """Return a finding for every claim; those on gradients are replayed at random points."""
    graph = session.graph
    found = []
    for record, claim in zip(session.tracer.claims, inspection.claims, strict=True):
        formula = _formula(session, record, parameters)
        if formula is None:
            found.append(ClaimFinding(claim, note=_difference(claim, [], graph)))
            continue
        found.append(_tried(formula, claim, points, generator, graph))
    return tuple(found)


@dataclass(frozen=True)
class _Formula:
    """Both sides of a claim as functions of the parameters.

    `.grad` that backward() left behind is a number on the tape; `grads` gives the node that
    computes it at any point.
    """

    graph: Graph
    sides: tuple[int, int]
    parameters: tuple[int, ...]
    grads: dict[int, int]
    tolerances: tuple[float, float]

    def at(self, values: dict[int, Array]) -> Pair:
        """Return both sides where the parameters have other values."""
        moved = dict(values)
        if self.grads:
            replay = Replay(self.graph, self.parameters, self.grads.values())
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


def _formula(session: Session, record: ClaimRecord, parameters: Sequence[int]) -> _Formula | None:
    """Return a claim that compares a gradient with a formula of the parameters, or None."""
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
    if not is_gradient or not all(ids & moving for ids in behind):
        return None
    sides = left.id, right.id
    tape = widened(graph) if is_narrow(graph) else graph
    compute(tape, (*sides, *grads.values()))
    needed = upstream(graph, [*sides, *grads.values()])
    moved = tuple(i for i in parameters if i in needed)
    return _Formula(tape, sides, moved, grads, record.tolerances or EXACT)


def upstream(graph: Graph, ids: Iterable[int]) -> set[int]:
    """Return some rows and all that they depend on."""
    found, stack = set(), list(ids)
    while stack:
        i = stack.pop()
        if i not in found:
            found.add(i)
            stack.extend(k for k in graph.inputs[i] if k >= 0)
    return found


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


def _tried(
    formula: _Formula,
    claim: Claim,
    points: int,
    generator: np.random.Generator,
    graph: Graph,
) -> ClaimFinding:
    pairs = [
        pair for _ in range(points) if (pair := _at_random_point(formula, generator)) is not None
    ]
    held, outside = sum(map(formula.holds, pairs)), points - len(pairs)
    if claim.holds and held == len(pairs):
        return ClaimFinding(claim, len(pairs), held, outside)
    base = formula.at({i: formula.graph.values[i] for i in formula.parameters})
    failing = [base] if not claim.holds else [p for p in pairs if not formula.holds(p)]
    worst = farthest(*failing[0], SHOWN)
    if claim.holds:
        note = f"it holds at the file's point, and at {held} of {len(pairs)} random points"
        further = _difference(claim, pairs, graph)
        note += f"; {further}" if further else ""
    else:
        note = _difference(claim, [base, *pairs], graph)
    return ClaimFinding(claim, len(pairs), held, outside, note, tuple(worst))


def _at_random_point(formula: _Formula, generator: np.random.Generator) -> Pair | None:
    """Return both sides at a point around the file's, nearer where they are not finite."""
    spread = SPREAD
    for _ in range(SHRINK):
        values = {i: _moved(formula.graph.values[i], spread, generator) for i in formula.parameters}
        pair = formula.at(values)
        if all(np.all(np.isfinite(side)) for side in pair):
            return pair
        spread /= 4
    return None


def _moved(value: Array, spread: float, generator: np.random.Generator) -> Array:
    size = np.abs(value)
    nonzero = size[(size > 0) & np.isfinite(size)]
    size = np.where(size > 0, size, np.median(nonzero) if nonzero.size else 1.0)
    step = generator.uniform(-1, 1, value.shape)
    if value.dtype.kind == "c":
        step = step + 1j * generator.uniform(-1, 1, value.shape)
    return np.asarray(value + spread * size * step, value.dtype)


def _difference(claim: Claim, pairs: Sequence[Pair], graph: Graph) -> str:
    """Return how the sides of a claim that fails are related."""
    if claim.left is None or claim.right is None or (claim.holds and not pairs):
        return ""
    if not pairs:
        pairs = [(np.asarray(claim.left[1]), np.asarray(claim.right[1]))]
    if any(x.dtype.kind not in "fiu" for pair in pairs for x in pair):
        return ""
    pairs = [(x.astype(np.float64), y.astype(np.float64)) for x, y in pairs]
    names = f"`{claim.left[0]}`", f"`{claim.right[0]}`"
    return relation(pairs, names, _sizes(graph))


def _sizes(graph: Graph) -> dict[int, str]:
    """Return where each size occurs: in a named tensor, its rows, columns or elements."""
    found: dict[int, str] = {}
    for id, name in sorted(graph.notes.names.items()):
        shape = graph.metas[id].shape
        for d, n in enumerate(shape):
            found.setdefault(n, f"the size of dimension {d} of `{name}`")
        if len(shape) > 1:
            found.setdefault(prod(shape), f"the number of elements of `{name}`")
    return found
