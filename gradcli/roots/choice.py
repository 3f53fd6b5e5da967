"""Which node a run differentiates where nobody names one.

The rule, of which the first that applies decides:

1. what the file's claims differentiate: `f` of `grad(f, x)` in an `assert`, or of a gradient that
   an `assert` compares; where one reads `.grad`, what `backward()` ran from;
2. what the file's own `backward()` ran from last;
3. where nothing else requires a gradient, and there are no claims: what a function that `grad(f)`
   gave was last called for;
4. the last scalar that depends on the most parameters, among those that are no gradient: neither
   a name for `grad(…)` nor derived by hand (`by_hand` says how that is known).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod
from typing import NamedTuple

from gradcli.graph import Graph, Node
from gradcli.roots.by_hand import explained, lines
from gradcli.roots.sums import accumulated, name_of, sum_text
from gradcli.rule.dtypes import is_floating
from gradcli.rule.meta import Shape
from gradcli.trace import Tracer
from gradcli.trace.values import Differentiated

CLAIMED = "which the claims differentiate"
PASSES = "the root of the file's backward()"
TRANSFORMED = "what grad(…) of a function was last called for"
LAST = "the last scalar"
MOST = "the last scalar of the most parameters"
NOT_BY_HAND = "the last scalar that is no gradient derived by hand"


class Root(NamedTuple):
    """The row that is differentiated.

    `why` says why it is this one, "" where no other could be meant. `sum` is what `.grad` is of
    where several `backward()` calls have gathered it, `elsewhere` what they ran from where the
    root is not among that.
    """

    id: int | None
    why: str = ""
    sum: str = ""
    elsewhere: str = ""


def chosen(tracer: Tracer, shape: Shape | None, *, of_calls: bool = True) -> Root:
    """Return what to differentiate; with a cotangent of some shape, the last tensor of it.

    `of_calls` lets it be what a function that `grad(f)` gave was last called for.
    """
    graph, calls = tracer.graph, tracer.passes.made
    if shape is not None and not calls:
        return Root(_last_of(tracer, shape))
    scalars = _scalars(tracer)
    several = len(lines(graph, [*scalars, *(call.root for call in calls)])) > 1
    claimed = [i for i in _claimed(tracer, scalars) if _is_candidate(graph, i)]
    if claimed:
        root = _foremost(graph, claimed)
        own = not calls or any(call.root == root for call in calls)
        elsewhere = "" if own else name_of(graph, tracer.source, calls[-1].root)
        return Root(root, CLAIMED if several else "", elsewhere=elsewhere)
    if calls:
        return _of_calls(tracer, several)
    if of_calls and not scalars and tracer.differentiated is not None and not tracer.claims:
        return Root(_revived(tracer.graph, tracer.differentiated), TRANSFORMED)
    if len(scalars) < 2:
        return Root(scalars[0] if scalars else None)
    by_hand = explained(tracer, scalars)
    kept = [i for i in scalars if i not in by_hand]
    root = _foremost(graph, kept)
    if root == scalars[-1]:
        return Root(root, LAST)
    return Root(root, MOST if root != kept[-1] else NOT_BY_HAND)


def _revived(graph: Graph, call: Differentiated) -> int:
    """Return what a call of `grad(f)` was of; its parameters are parameters again from here on."""
    for i in call.moving:
        graph.requires_grad[i] = True
    for i, name in call.names.items():
        graph.require_grad(i)
        if name:
            graph.notes.names.setdefault(i, name)
    return call.root


def _of_calls(tracer: Tracer, several: bool) -> Root:
    """Return what the file's own `backward()` ran from last, and what `.grad` has gathered."""
    last, sums = tracer.passes.made[-1], accumulated(tracer)
    if len(sums) == 1 and len(sums[0]) > 1:
        text = sum_text(tracer.graph, tracer.source, sums[0])
        return Root(last.root, f"accumulated over {len(sums[0])} backward() calls", text)
    return Root(last.root, PASSES if several else "")


def _last_of(tracer: Tracer, shape: Shape) -> int | None:
    return next(
        (
            node.id
            for node in reversed(tracer.results)
            if node.requires_grad and node.shape == shape and tracer.graph.ops[node.id] is not None
        ),
        None,
    )


# ---- candidates ----------------------------------------------------------------------------


def _is_candidate(graph: Graph, id: int) -> bool:
    """Say whether a row can be differentiated as it is: a real scalar that is computed."""
    meta = graph.metas[id]
    moves = graph.requires_grad[id] and graph.ops[id] is not None
    return moves and prod(meta.shape) == 1 and is_floating(meta.dtype)


def _scalars(tracer: Tracer) -> list[int]:
    """Return the scalars of the file's lines, in the order in which they were computed.

    What `grad(f, x)` gives is none where it has a name: it is no more than looked at. Where there
    is no other, f is one that has no name.
    """
    graph, steps = tracer.graph, tracer.graph.autograd.steps
    gradients = {i for step in steps for i in step.found if i in graph.notes.names}
    results = {node.id for node in tracer.results} - gradients
    given = {i for step in steps if step.mode == "reverse" for i in step.given}
    given = {i for i in given if graph.notes.origins[i] == "file"}
    for ids in (results, given):
        found = [i for i in ids if graph.notes.origins[i] != "claim" and _is_candidate(graph, i)]
        if found:
            return lines(graph, sorted(found))
    return []


def _foremost(graph: Graph, ids: Sequence[int]) -> int:
    """Return the last of those that depend on the most parameters."""
    if len(ids) == 1:
        return ids[0]
    counts = _parameters(graph, ids)
    return max(ids, key=lambda i: (counts[i], i))


def _parameters(graph: Graph, ids: Sequence[int]) -> dict[int, int]:
    """Return on how many parameters some rows depend; one that a loop makes anew counts once."""
    sets: dict[int, int] = {}  # of every row, a bit a parameter
    bits: dict[int | str, int] = {}
    for id in range(max(ids) + 1):
        if not graph.requires_grad[id]:
            continue
        if graph.ops[id] is None:
            name = graph.notes.names.get(id, graph.current(id))
            sets[id] = bits.setdefault(name, 1 << len(bits))
            continue
        found = 0
        for i in graph.inputs[id]:
            found |= sets.get(i, 0)
        sets[id] = found
    return {i: sets[i].bit_count() for i in ids}


# ---- claims --------------------------------------------------------------------------------


def _claimed(tracer: Tracer, scalars: Sequence[int]) -> list[int]:
    """Return what the claims' gradients are of; nothing where one reads `.grad`."""
    graph = tracer.graph
    sides = [side[1] for c in tracer.claims for side in (c.left, c.right) if side is not None]
    rows = _of_claims(graph, [side.id for side in sides if isinstance(side, Node)])
    if not rows.isdisjoint(tracer.grad_owners):
        return []
    places = {claim.span for claim in tracer.claims}
    found: dict[int, None] = {}
    for step in graph.autograd.steps:
        written = [graph.notes.spans[i] for i in step.given.values()]
        inside = any(p.start <= at.start and at.end <= p.end for p in places for at in written)
        if step.mode == "reverse" and (inside or not rows.isdisjoint(step.found)):
            found |= dict.fromkeys(step.given)
    return _functions(graph, found, scalars)


def _of_claims(graph: Graph, ids: Iterable[int]) -> set[int]:
    """Return some rows, and those that lead to them as far as a claim has made them."""
    found, stack = set(), list(ids)
    while stack:
        i = stack.pop()
        if i not in found:
            found.add(i)
            if graph.notes.origins[i] == "claim":
                stack.extend(k for k in graph.inputs[i] if k >= 0)
    return found


def _functions(graph: Graph, ids: Iterable[int], scalars: Sequence[int]) -> list[int]:
    """Return rows of the file: what a derivative is of, for one that is differentiated again.

    A claim on `grad(f)(x)` has called f itself: it is of the scalar that the same line has made.
    """
    spans = graph.notes.spans
    of = {g: tuple(s.given) for s in graph.autograd.steps for g in s.found if g is not None}
    made = {spans[i]: i for i in scalars}
    found: dict[int, None] = {}
    stack = list(ids)
    while stack:
        i = stack.pop()
        if i in of:
            stack.extend(of.pop(i))
        elif graph.notes.origins[i] == "file":
            found[i] = None
        elif spans[i] in made:
            found[made[spans[i]]] = None
    return list(found)
