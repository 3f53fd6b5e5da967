"""Why the gradients of a pair differ though the values agree; see `values`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from gradcli.compare.found import Gap, Kind, Spot
from gradcli.compare.gaps import Tolerance, gap
from gradcli.compare.pair import Pair, Passes
from gradcli.compare.region import Region, equal, moved
from gradcli.compare.side import Side
from gradcli.compare.values import SIDES, beside
from gradcli.errors import GradcliError
from gradcli.explain.cuts import reason
from gradcli.explain.kinks import kink
from gradcli.rule.dtypes import Array
from gradcli.verify.altered import opened, stops, tape_at
from gradcli.verify.compare import pattern
from gradcli.verify.wide import is_narrow, widened

Why = tuple[tuple[int, int], Kind, str]
NUDGE = 1e-3  # by what part of their size values are moved off a kink
POINTS = 6  # to which they are moved
TRIED = 20  # rows that cut a gradient off, each opened alone; fewer on a long tape,
WORK = 1 << 20  # of which so many rows are gone through in all
KINKS = 200  # rows that may be at a kink


def why_gradient(pair: Pair, i: int, j: int, passes: Passes) -> Why:
    """Return at which pair gradients begin to differ, why, and in words."""
    if (unrecorded := _unrecorded(pair, i, j)) is not None:
        return unrecorded
    counts = [len(side.session.passes) for side in (pair.a, pair.b)]
    if counts[0] != counts[1] and passes == (pair.a.last_pass, pair.b.last_pass):
        words = f"backward runs {_times(counts[0])} on the left, {_times(counts[1])} on the right"
        return (i, j), "passes", words
    if words := _other_roots(pair, passes):
        return (i, j), "root", words
    if not pair.a.flow(passes[0]) or not pair.b.flow(passes[1]):
        return (i, j), "operation", "the values agree; what flowed on the way cannot be told here"
    flows = pair.flow_gap(i, j, passes)
    if flows is None or not flows.differs:
        return (i, j), "passes", _gathered(pair, i, j)
    for found in _explained(pair, i, j, passes):
        return (i, j), *found
    ops = [_passes_on(side, id) for side, id in ((pair.a, i), (pair.b, j))]
    differ = f": {ops[0]} on the left, {ops[1]} on the right" if ops[0] != ops[1] else ""
    return (i, j), "operation", f"what it leads to passes back another gradient{differ}"


def _other_roots(pair: Pair, passes: Passes) -> str:
    """Say that two passes started from rows that do not belong together, "" where they do."""
    if passes[0] is None or passes[1] is None:
        return ""
    left = pair.a.session.passes[passes[0]].root
    right = pair.b.session.passes[passes[1]].root
    if pair.right.get(left) == right:
        return ""
    names = pair.a.spot(left).label, pair.b.spot(right).label
    return f"`{names[0]}` is differentiated on the left, `{names[1]}` on the right"


def passing(pair: Pair, i: int, j: int, kind: Kind) -> tuple[Spot, Spot]:
    """Return the rows to look at: those that pass a gradient on, where their texts differ."""
    own = pair.a.spot(i), pair.b.spot(j)
    if kind in ("requires_grad", "passes", "root") or own[0].text != own[1].text:
        return own
    ahead = set(_ahead(pair.b, j, pair.left))
    for p in _ahead(pair.a, i, pair.right):
        if pair.right[p] in ahead:
            spots = pair.a.spot(p), pair.b.spot(pair.right[p])
            if spots[0].text != spots[1].text:
                return spots
    return own


def _passes_on(side: Side, id: int) -> str:
    """Return through which functions a gradient comes to a row."""
    graph = side.graph
    found = [graph.grad_fn(child) or "none" for child in side.children.get(id, ())]
    return ", ".join(dict.fromkeys(found[:3])) or "nothing"


def _explained(pair: Pair, i: int, j: int, passes: Passes) -> Iterator[tuple[Kind, str]]:
    """Yield explanations that fit, the most telling first."""
    assert passes[0] is not None, "a pass has run"
    assert passes[1] is not None, "a pass has run"
    yield from _cut(pair.a, i, passes[0], pair.b.flow(passes[1]).get(j), "left")
    yield from _cut(pair.b, j, passes[1], pair.a.flow(passes[0]).get(i), "right")
    left, right = pair.a.flow(passes[0]).get(i), pair.b.flow(passes[1]).get(j)
    if left is None or right is None:
        side = SIDES[left is not None]
        yield "cut", f"no gradient comes here on the {side}"
        return
    if is_narrow(pair.a.graph) or is_narrow(pair.b.graph):
        wide = [side.pulled(widened(side.graph), k).get(id)
                for side, k, id in ((pair.a, passes[0], i), (pair.b, passes[1], j))]  # fmt: skip
        if wide[0] is not None and wide[1] is not None and _alike(wide[0], wide[1]):
            yield "dtype", "rounding of the coarser dtype: in float64 both gradients are the same"
            return
    yield from _another_function(pair, i, j)
    points = list(_nearby(pair, i, j, passes))
    if len(points) > 1 and all(equal(x, y) for x, y in points):
        yield "convention", _at_kinks(pair, i, j, left, right, points)
        return
    if words := pattern([(left, right)], ("the left gradient", "the right one"), {}):
        yield "sign" if "is minus" in words else "factor", words


def _another_function(pair: Pair, i: int, j: int) -> Iterator[tuple[Kind, str]]:
    """Yield what is made of the pair and has the same value here, but not elsewhere."""
    ahead = _ahead(pair.a, i, pair.right), _ahead(pair.b, j, pair.left)
    for p in ahead[0]:
        q = pair.right[p]
        if q not in ahead[1]:
            continue
        region = Region(pair, p, q)
        if region.elsewhere and not region.same_function:
            kind, why = beside(pair, p, q, region)
            left, right = pair.a.spot(p), pair.b.spot(q)
            where = f"`{left.source}` (line {left.line}) and `{right.source}` (line {right.line})"
            yield kind, f"{where} have the same value at this point alone: {why}"


def _ahead(side: Side, id: int, known: Mapping[int, int]) -> list[int]:
    """Return the paired rows that a row leads to first."""
    found, pending, seen = set[int](), [id], {id}
    while pending:
        for child in side.children.get(pending.pop(), ()):
            if child in known:
                found.add(child)
            elif child not in seen:
                seen.add(child)
                pending.append(child)
    return sorted(found)


def _alike(x: Array, y: Array) -> bool:
    found: Gap = gap(x, y, float(np.finfo(np.float64).eps), Tolerance())
    return not found.differs


# ---- what is not recorded, or cut off ------------------------------------------------------


def _unrecorded(pair: Pair, i: int, j: int) -> Why | None:
    """Look for the first row that one side alone records, behind a pair of which this is so."""
    flags = pair.a.graph.requires_grad, pair.b.graph.requires_grad
    if flags[0][i] == flags[1][j]:
        return None
    side, id = (pair.a, i) if not flags[0][i] else (pair.b, j)
    name = SIDES[side is pair.b]
    seen, pending = {id}, [id]
    while pending:
        for p in side.parents[pending.pop()]:
            if p not in seen and not side.graph.requires_grad[p] and p in side.parents:
                seen.add(p)
                pending.append(p)
    known = pair.right if side is pair.a else pair.left
    recorded = side.graph.requires_grad
    for k in sorted(seen):
        parents = side.parents[k]
        if any(recorded[p] for p in parents):
            spot = side.spot(k)
            return (
                (i, j),
                "cut",
                f"on the {name} `{spot.source}` (line {spot.line}) {reason(side.graph, k)}",
            )
        twin = known.get(k)
        if not parents and twin is not None:
            other = pair.b if side is pair.a else pair.a
            if other.graph.requires_grad[twin]:
                at = (k, twin) if side is pair.a else (twin, k)
                return (
                    at,
                    "requires_grad",
                    f"`{side.spot(k).label}` requires no gradient on the {name}",
                )
    return (i, j), "cut", f"nothing behind it requires a gradient on the {name}"


def _cut(
    side: Side, id: int, which: int, wanted: Array | None, name: str
) -> Iterator[tuple[Kind, str]]:
    """Yield the rows that cut a gradient off which would else be that of the other side."""
    if wanted is None or not side.graph.requires_grad[id]:
        return
    rows = stops(side.graph, id)
    most = min(TRIED, max(1, WORK // len(side.graph)))
    groups = [[row] for row in rows[:most]] + ([rows] if len(rows) > 1 else [])
    for group in groups:
        try:
            found = side.pulled(opened(side.graph, group), which).get(id)
        except GradcliError:  # a rule may refuse what it is given now
            continue
        if found is not None and _alike(found, wanted):
            spots = [side.spot(row) for row in group if row in side.parents] or [side.spot(id)]
            named = " and ".join(f"`{s.source}` (line {s.line})" for s in spots[:3])
            yield "cut", f"on the {name} {named} {reason(side.graph, group[0])}"
            return


def why_read(pair: Pair, i: int, j: int) -> tuple[Kind, str]:
    """Return why a `.grad` that the file reads differs though the passes bring the same."""
    own = pair.a.brought(i), pair.b.brought(j)
    if own[0] != own[1]:
        alone, sum_ = SIDES[not own[0]], SIDES[not own[1]]
        words = "the pass before brings the same"
        return "passes", f"{words}: on the {alone} .grad holds that alone, on the {sum_} a sum"
    return "passes", "the passes bring the same, and .grad holds another sum of them"


def _gathered(pair: Pair, i: int, j: int) -> str:
    """Say how `.grad` can differ where the last passes bring the same."""
    grads = pair.a.graph.grad(i), pair.b.graph.grad(j)
    if None in [None if g is None else 0 for g in grads]:
        side = SIDES[grads[0] is not None]
        return f"it flows on both sides, and .grad does not keep it on the {side}"
    return "the last pass brings the same: .grad has gathered another sum, or was changed"


def _times(count: int) -> str:
    return {0: "not at all", 1: "once", 2: "twice"}.get(count, f"{count:,} times")


# ---- kinks ---------------------------------------------------------------------------------


def _nearby(pair: Pair, i: int, j: int, passes: Passes) -> Iterator[tuple[Array, Array]]:
    """Yield both gradients where the value is moved a little, the same way on both sides."""
    here = pair.a.value(i)
    for seed in range(POINTS):
        value = moved(here, NUDGE, np.random.default_rng(seed))
        found = []
        for side, id, k in ((pair.a, i, passes[0]), (pair.b, j, passes[1])):
            assert k is not None, "a pass has run"
            graph = widened(side.graph) if is_narrow(side.graph) else side.graph
            try:
                flow = side.pulled(tape_at(graph, {id: value}, {}), k).get(id)
            except GradcliError:  # outside of what an operation takes
                flow = None
            if flow is not None and np.all(np.isfinite(flow)):
                found.append(flow)
        if len(found) == len(passes):
            yield found[0], found[1]


def _at_kinks(
    pair: Pair, i: int, j: int, left: Array, right: Array, points: list[tuple[Array, Array]]
) -> str:
    """Say at which kinks two gradients differ that are the same beside them."""
    around = np.stack([x for x, _ in points])
    low, high = around.min(0), around.max(0)
    slack = 1e-2 * np.maximum(np.abs(low), np.abs(high))
    valid = [bool(np.all((g >= low - slack) & (g <= high + slack))) for g in (left, right)]
    named = [_kinks(side, id) for side, id in ((pair.a, i), (pair.b, j))]
    at = "; ".join(
        f"on the {name} {', '.join(k)}" for name, k in zip(SIDES, named, strict=True) if k
    )
    words = "another convention at a kink"
    if all(valid):
        words += ", both within the slopes around it"
    elif any(valid):
        words += f": on the {SIDES[valid[0]]} it is beyond the slopes around it"
    return f"{words}; close by both gradients are the same{f' ({at})' if at else ''}"


def _kinks(side: Side, id: int) -> list[str]:
    """Return the operations after a row that are at a kink, each with its convention."""
    graph, found, reached = side.graph, dict[str, None](), {id}
    for row in side.ids:
        if row <= id or reached.isdisjoint(side.parents[row]):
            continue
        reached.add(row)
        op = graph.ops[row]
        if op is None or not op.kink or len(found) >= KINKS:
            continue
        for slot, operand in enumerate(graph.inputs[row]):
            if operand in reached and (seen := kink(graph, row, slot, graph.value)) is not None:
                spot = side.spot(row)
                found[f"`{spot.source}` (line {spot.line}): {seen.convention}"] = None
                break
    return list(found)[:2]
