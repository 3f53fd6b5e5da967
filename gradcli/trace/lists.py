"""Lists where a tensor is needed: each stands for one leaf, under the name that it has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from gradcli.errors import ArgumentFault, Span
from gradcli.graph import Frame, Graph, Node
from gradcli.rule.rule import number
from gradcli.trace.values import has_tensors, is_numeric_list, to_array

Changes = tuple[tuple[int, int], ...]


@dataclass
class _Bound:
    """A list as it was bound to a name. `row` is kept for its leaf, where that may come later."""

    value: list[Any]
    name: str
    row: int | None
    span: Span
    call: Frame | None
    names: int = 0  # how many it has


@dataclass
class _Leaf:
    """The leaf that a list stood for, and how often the list had been changed by then.

    `total` is the count of all changes at which this was last seen to be true.
    """

    value: list[Any]  # keeps the list, and with it its id
    node: Node
    changes: Changes
    total: int


class Lists:
    """The lists of a run that stand for tensors.

    A list that is changed after it was used as a tensor stands for a new leaf from then on: the
    earlier one keeps the values that were used.
    """

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self._bound: dict[str, _Bound] = {}
        self._by_list: dict[int, _Bound] = {}  # the same, by the ids of the lists
        self._leaves: dict[int, _Leaf] = {}
        self._changes: dict[int, tuple[int, Span]] = {}
        self._total = 0
        # tells, when asked, where the lists among the last call's arguments are written
        self.written: Callable[[], dict[int, Span]] = dict

    def bind(self, name: str, value: list[Any], *, once: bool) -> None:
        """Remember the name of a list.

        Where the statement runs `once`, a row is kept for the leaf that the list may stand for, so
        that it has its place among the leaves of the file.
        """
        if (leaf := self._leaves.get(id(value))) is not None:
            self.graph.notes.names.setdefault(leaf.node.id, name)
        known = self._by_list.get(id(value))
        if known is None:
            row = None
            if once and leaf is None and _begins_with_a_number(value):
                row = self.graph.reserve()
            known = _Bound(value, name, row, self.graph.place, self.graph.call)
            self._by_list[id(value)] = known
        known.names += 1
        before = self._bound.get(name)
        self._bound[name] = known
        if before is not None:
            before.names -= 1
            if not before.names:
                del self._by_list[id(before.value)]

    def changed(self, value: Any) -> None:
        """Take note that a list was changed, by the expression that is being evaluated."""
        self._total += 1
        count = self._changes[id(value)][0] if id(value) in self._changes else 0
        self._changes[id(value)] = (count + 1, self.graph.place)

    def node(self, value: list[Any], span: Span | None = None) -> Node:
        """Return the leaf that a list stands for; `span` is where the list is written.

        Raises: ArgumentFault where it is not made of numbers.
        """
        leaf = self._leaves.get(id(value))
        if leaf is not None and leaf.total == self._total:
            return leaf.node
        changes = self._changes_of(value)
        if leaf is None or leaf.changes != changes:
            leaf = _Leaf(value, self._made(value, span, changes), changes, self._total)
            self._leaves[id(value)] = leaf
        leaf.total = self._total
        return leaf.node

    def stands(self, value: Any) -> bool:
        """Say whether a value is a list that can stand for a tensor."""
        return isinstance(value, list) and (
            (id(value) in self._leaves and self._leaves[id(value)].total == self._total)
            or not value
            or is_numeric_list(value)
        )

    def stands_for_a_leaf(self, value: Any) -> bool:
        """Say whether a list has been used as a tensor."""
        return id(value) in self._leaves

    def _made(self, value: list[Any], span: Span | None, changes: Changes) -> Node:
        if has_tensors(value):
            raise ArgumentFault(
                "a list with tensors in it does not stand for a tensor",
                hint="stack([…]) makes one of tensors of one shape",
            )
        graph = self.graph
        array = to_array(value, graph.default_dtype)
        bound = self._by_list.get(id(value))
        if bound is not None and bound.row is not None:
            row, bound.row = bound.row, None
            graph.notes.names[row] = bound.name
            return graph.fill(row, array)
        before = graph.span, graph.call
        if bound is not None:
            graph.span, graph.call = bound.span, bound.call
        else:
            graph.span = span or self.written().get(id(value), graph.span)
        latest = [self._changes[id] for id, count in changes if count]
        if latest and self.stands_for_a_leaf(value):
            graph.span = latest[-1][1]
        node = graph.leaf(array)
        graph.span, graph.call = before
        if bound is not None:
            graph.notes.names[node.id] = bound.name
        return node

    def _changes_of(self, value: list[Any]) -> Changes:
        """Return how often a list, and each list in it, has been changed.

        Rows are looked at where the first item is one: what has stood for a tensor is regular, and
        where it is not so any more, a list above has been changed.
        """
        found: list[tuple[int, int]] = []
        seen: set[int] = set()
        level: list[Any] = [value]
        while level and isinstance(level[0], list | tuple):
            each = {id(x): x for x in level if isinstance(x, list | tuple)}
            rows = [x for id, x in each.items() if id not in seen]
            seen.update(each)
            found += [(id(x), self._changes.get(id(x), (0,))[0]) for x in rows]
            level = [y for x in rows if x and isinstance(x[0], list | tuple) for y in x]
        return tuple(found)


def _begins_with_a_number(value: Any) -> bool:
    seen: set[int] = set()
    while isinstance(value, list) and value and id(value) not in seen:
        seen.add(id(value))
        value = value[0]
    return number(value)
