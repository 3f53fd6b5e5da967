"""The pairs at which two runs begin to differ: all that they come from agrees."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from gradcli.compare.pair import Pair, Passes
from gradcli.compare.side import Side


def value_starts(pair: Pair) -> list[tuple[int, int]]:
    """Return the pairs whose values differ though those of all that they are made of agree.

    They are in the order of the left run. Where rows have changed places, so that each comes from
    another that differs, the first of them stands for all.
    """
    differing = {i: j for i, j in pair.alignment.pairs() if not pair.agree(i, j)}
    if not differing:
        return []
    left = _reached(pair.a.ids, _made_of(pair.a), pair.right, differing)
    right = _reached(pair.b.ids, _made_of(pair.b), pair.left, set(differing.values()))
    return _first(differing, left, right) or [next(iter(differing.items()))]


def gradient_starts(pair: Pair, passes: Passes) -> list[tuple[int, int]]:
    """Return the pairs at which a pass begins to bring other gradients, in backward's order."""
    left, right = pair.a.flow(passes[0]), pair.b.flow(passes[1])
    if not left or not right:  # what flowed on one side cannot be told
        return []
    reached = sorted({*left, *(pair.left[j] for j in right if j in pair.left)})
    differing = {}
    for i in reached:
        if i in pair.right:
            gap = pair.flow_gap(i, pair.right[i], passes)
            if gap is not None and gap.differs:
                differing[i] = pair.right[i]
    if not differing:
        return []
    there = set(differing.values())
    one = _reached(sorted(left, reverse=True), pair.a.children, pair.right, differing)
    other = _reached(sorted(right, reverse=True), pair.b.children, pair.left, there)
    return _first(dict(reversed(differing.items())), one, other) or [max(differing.items())]


def _made_of(side: Side) -> Mapping[int, Sequence[int]]:
    """Return what each row is made of; a `.grad` that the file reads, of what was differentiated.

    Not where the pass started: its gradient may be another though its value is not.
    """
    found = dict(side.parents)
    for id in side.ids:
        if side.is_gradient(id):
            which = side.pass_before(id)
            found[id] = () if which is None else (side.session.passes[which].root,)
    return found


def _reached(
    order: Iterable[int],
    sources: Mapping[int, Sequence[int]],
    paired: Mapping[int, int],
    differing: Iterable[int],
) -> set[int]:
    """Return the rows that have a source which differs, or which has none but these."""
    wrong, found = set(differing), set[int]()
    for id in order:
        if any(i in wrong for i in sources.get(id, ())):
            found.add(id)
            if id not in paired:  # it is compared with nothing, and hands on what it is made of
                wrong.add(id)
    return found


def _first(differing: Mapping[int, int], left: set[int], right: set[int]) -> list[tuple[int, int]]:
    return [(i, j) for i, j in differing.items() if i not in left and j not in right]
