"""Which nodes a table shows, and in which order: parameters first, one turn of a long loop."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from types import MappingProxyType
from typing import NamedTuple

from gradcli.errors import InputFault
from gradcli.inspection import Inspection, LoopFacts, NodeFacts
from gradcli.render.modules import Groups, grouped

# nobody reads more rows of a table, unless they are asked for
_FIRST, _LAST = 150, 50
# a loop whose turns take more rows than a screen has is shown by one of them
_SCREEN = 24


class Wanted(NamedTuple):
    """What was asked for: named nodes only, everything, one turn of the loops, all turns.

    Modules of a model that are `depth` deep are one row each; None: where there are many rows.
    """

    named: bool = False
    full: bool = False
    turn: int | None = None
    all_turns: bool = False
    depth: int | None = None


class Fold(NamedTuple):
    """A loop that is shown by one of its turns, counted from 1."""

    loop: LoopFacts
    turn: int


class Excerpt(NamedTuple):
    """The rows of a table: the first, the last, and how many between them are left out.

    `times` says how often a row repeats that stands for a loop's, by id; `ops` what a row is made
    by that stands for several views, `folded` how many nodes stand in another's row. `steps` is how
    many operations of differentiation have no row. `groups` are the modules that are one row each.
    """

    first: Sequence[NodeFacts]
    last: Sequence[NodeFacts]
    left_out: int
    times: Mapping[int, int]
    ops: Mapping[int, str]
    folded: int
    steps: int
    groups: Groups = MappingProxyType({})

    @property
    def nodes(self) -> list[NodeFacts]:
        """All that are shown."""
        return [*self.first, *self.last]


def shown(inspection: Inspection, named: bool) -> Iterator[NodeFacts]:
    """Yield all nodes, or the named ones and the root."""
    for node in inspection.nodes:
        if not named or node.name is not None or node.id == inspection.root:
            yield node


def folds(inspection: Inspection, wanted: Wanted) -> list[Fold]:
    """Return the loops of which one turn is shown.

    Raises: InputFault where none of the file's loops has the turn that was asked for.
    """
    turn = wanted.turn
    if turn is not None and all(len(loop) < turn for loop in inspection.loops):
        longest = max(inspection.loops, key=len, default=None)
        if longest is None:
            raise InputFault(f"--turn {turn}: {inspection.file} has no loop")
        raise InputFault(
            f"--turn {turn}: the loop in line {longest.line} has {len(longest):,} "
            f"turn{'' if len(longest) == 1 else 's'}"
        )
    if wanted.full or wanted.all_turns:
        return []
    return [
        Fold(loop, min(turn or len(loop), len(loop)))
        for loop in inspection.loops
        if len(loop) > 1 and (turn or _size(inspection, loop.turns[0], loop.turns[-1]) > _SCREEN)
    ]


def excerpt(inspection: Inspection, wanted: Wanted, found: Sequence[Fold]) -> Excerpt:
    """Return what a table shows of the nodes."""
    times: dict[int, int] = {}
    newest = _newest(inspection, found)

    def visible() -> Iterator[NodeFacts]:
        for node in unfolded(inspection, found, times):
            if node.kind == "parameter" and node.id < newest.get(node.name, 0):
                continue
            hidden = wanted.named or (node.derived and not wanted.full)
            if not hidden or node.name is not None or node.id == inspection.root:
                yield node

    groups: Groups = {}
    if inspection.modules and not wanted.full:
        groups = grouped(list(visible()), _FIRST + _LAST, wanted.depth)

    def standing() -> Iterator[NodeFacts]:
        return (n for n in visible() if n.id not in groups or groups[n.id].output.id == n.id)

    rows = chain(
        (node for node in standing() if node.kind == "parameter"),
        (node for node in standing() if node.kind != "parameter"),
    )
    first = list(rows if wanted.full else islice(rows, _FIRST))
    last: deque[NodeFacts] = deque(maxlen=_LAST)
    count = 0
    for node in rows:
        last.append(node)
        count += 1
    left = max(count - _LAST, 0)
    nodes, ops = [*first, *last], dict[int, str]()
    every = {node.id for node in nodes}
    kept = every if wanted.full else unchained(nodes, ops, inspection.root)
    kept |= every & groups.keys()
    shown = [node for node in nodes if node.id in kept]
    cut = sum(node.id in kept for node in first) if left else len(shown)
    folded = len(nodes) - len(kept)
    steps = 0 if wanted.named or wanted.full else _steps(inspection, found)
    return Excerpt(shown[:cut], shown[cut:], left, times, ops, folded, steps, groups)


def left_out(count: int) -> str:
    """Return where the rows are that a table leaves out."""
    return f"{count:,} rows left out (--full shows them, --json has them)"


def turn_nodes(inspection: Inspection, fold: Fold) -> Sequence[NodeFacts]:
    """Return the nodes of the turn that stands for a loop."""
    turns = fold.loop.turns
    return between(inspection, turns[fold.turn - 1], turns[fold.turn])


def unfolded(
    inspection: Inspection, found: Sequence[Fold], times: dict[int, int]
) -> Iterator[NodeFacts]:
    """Yield the nodes outside of folded loops, and of each its turn with what that starts from.

    `times` is told how often the nodes of a turn are repeated.
    """
    at = 0
    for fold in found:
        yield from between(inspection, at, fold.loop.turns[0])
        for node in _turn(inspection, fold):
            times[node.id] = len(fold.loop)
            yield node
        at = fold.loop.turns[-1]
    yield from between(inspection, at, None)


def _turn(inspection: Inspection, fold: Fold) -> list[NodeFacts]:
    """Return what stands for a folded loop: its turn, with what that starts from.

    A write that has no name and that nothing is made of, as `w.grad.zero_()`, says nothing.
    """
    turn = turn_nodes(inspection, fold)
    ids, used = {node.id for node in turn}, {i for node in turn for i in node.inputs}
    before = sorted(i for i in used if i >= fold.loop.turns[0] and i not in ids)
    said = (
        node
        for node in turn
        if node.name is not None
        or node.kind != "data"
        or node.id in used
        or not node.op.endswith("_")
    )
    return [*map(inspection.node, before), *said]


def _newest(inspection: Inspection, found: Sequence[Fold]) -> dict[str | None, int]:
    """Return for the names of a folded loop's parameters which one has the row: the last."""
    return {
        node.name: node.id
        for fold in found
        for node in _turn(inspection, fold)
        if node.kind == "parameter" and node.name is not None
    }


def _steps(inspection: Inspection, found: Sequence[Fold]) -> int:
    """Count the operations of differentiation without a name; a `.grad` that is read is none."""
    return sum(
        node.derived and node.name is None and node.op != "leaf" and node.id != inspection.root
        for node in unfolded(inspection, found, {})
    )


def between(inspection: Inspection, first: int, end: int | None) -> Sequence[NodeFacts]:
    """Return the nodes from an id on, before another where one is given."""
    nodes = inspection.nodes
    return nodes[_place(nodes, first) : None if end is None else _place(nodes, end)]


def _size(inspection: Inspection, first: int, end: int) -> int:
    return _place(inspection.nodes, end) - _place(inspection.nodes, first)


def _place(nodes: Sequence[NodeFacts], id: int) -> int:
    return bisect_left(nodes, id, key=lambda node: node.id)


def unchained(nodes: Iterable[NodeFacts], ops: dict[int, str], root: int | None) -> set[int]:
    """Return the nodes that have rows of their own.

    Two have none: an unnamed view that another view is made of, and what only gives a parameter
    its first value, as `randn(3)` of `param(randn(3))` does.
    """
    nodes = sorted(nodes, key=lambda node: node.id)
    users: dict[int, list[NodeFacts]] = {}
    taken = {node.taken_from for node in nodes if node.name is not None}
    for node in nodes:
        for i in node.inputs:
            users.setdefault(i, []).append(node)
    kept = {node.id for node in nodes}
    for node in nodes:
        by = users.get(node.id, [])
        if node.view and node.name is None and node.id != root and len(by) == 1 and by[0].view:
            kept.discard(node.id)
            ops[by[0].id] = f"{ops.get(node.id, node.op)} {by[0].op}"
    given: set[int] = set()
    for node in reversed(nodes):
        by = users.get(node.id, [])
        plain = node.name is None and node.id != root and not node.requires_grad
        if plain and (by or node.id in taken) and all(user.id in given for user in by):
            given.add(node.id)
    return kept - given
