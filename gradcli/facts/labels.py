"""What nodes are called: by their names, by the text that made them, by their operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property
from typing import NamedTuple

from gradcli.errors import Span, cropped
from gradcli.graph import Graph

LABEL_WIDTH = 60  # characters of a label within another: they would double with each node
NAME_WIDTH = 200  # characters of a name
ALIASES = 20  # further names of a node that are in its label
OPERANDS = 20  # operands of a node that are in its label


class _Counts(NamedTuple):
    """What a label depends on beside its node.

    `names` says how many nodes have a name, `lines` how often a line has bound it, `turns` which
    of these times a node is of; `steps` are the nodes that their own expression uses.
    """

    names: dict[str, int]
    lines: dict[tuple[str, int], int]
    turns: dict[int, int]
    steps: set[int]


class Labels:
    """The labels of some nodes, each made when it is asked for.

    A node is called by its names, with its line where several share one, or by its text. Where a
    line runs several times, as in a loop, the times are counted: `loss:8#2`.
    """

    def __init__(
        self,
        graph: Graph,
        ids: Iterable[int],
        line_of: Callable[[Span], int],
        snippet: Callable[[Span], str],
    ) -> None:
        self._graph, self._ids, self._line_of, self._snippet = graph, ids, line_of, snippet

    def __getitem__(self, id: int) -> str:
        """Return the label of one of the nodes."""
        if not self._is_step(id):
            return self._own(id)
        operands = operand_ids(self._graph, id)
        within = [
            cropped(self._start(i, LABEL_WIDTH + 1), LABEL_WIDTH) for i in operands[:OPERANDS]
        ]
        within += ["…"] * (len(operands) > OPERANDS)
        return f"{self._graph.label(id)}({', '.join(within)})"

    @cached_property
    def _counts(self) -> _Counts:
        """The only pass over all nodes."""
        graph, notes, line_of = self._graph, self._graph.notes, self._line_of
        found = _Counts({}, {}, {}, set())
        for id in self._ids:
            name, span = notes.title(id), notes.spans[id]
            if name is not None:
                found.names[name] = found.names.get(name, 0) + 1
                place = name, line_of(span)
                found.turns[id] = found.lines[place] = found.lines.get(place, 0) + 1
            for alias in notes.aliases.get(id, ()):
                found.names[alias] = found.names.get(alias, 0) + 1
            for i in graph.inputs[graph.producer(id)]:
                if i >= 0 and notes.spans[i] == span:
                    found.steps.add(i)
        return found

    def _is_step(self, id: int) -> bool:
        """Say whether a node is called by its operation: its text is that of the whole."""
        graph = self._graph
        unnamed = id not in graph.notes.names and graph.ops[id] is not None
        return unnamed and id in self._counts.steps

    def _own(self, id: int) -> str:
        notes = self._graph.notes
        name, span = notes.title(id), notes.spans[id]
        if name is None:
            return self._snippet(span)
        counts, line = self._counts, self._line_of(span)
        label = cropped(name, NAME_WIDTH)
        if counts.names[name] > 1:
            turn = f"#{counts.turns[id]}" if counts.lines[name, line] > 1 else ""
            label = f"{label}:{line}{turn}"
        aliases = notes.aliases.get(id, ())[:ALIASES]
        return ", ".join([label, *(cropped(alias, NAME_WIDTH) for alias in aliases)])

    def _start(self, id: int, length: int) -> str:
        """Return the first characters of a label within another: at most LABEL_WIDTH + 1 of them.

        No more of its operands are visited than are seen, however many lead to them.
        """
        if id in self._graph.reserved:  # a list of numbers, which is no tensor as yet
            return "…"
        if not self._is_step(id):
            return self._own(id)[:length]
        operands = operand_ids(self._graph, id)
        text = f"{self._graph.label(id)}("
        for k, operand in enumerate(operands[: OPERANDS + 1]):
            text += ", " if k else ""
            if len(text) >= length:
                break
            text += "…" if k == OPERANDS else self._start(operand, length - len(text))
        return f"{text})"[:length]


def operand_ids(graph: Graph, id: int) -> tuple[int, ...]:
    """Return the operands of the operation that made a node, without the numbers."""
    inputs = graph.inputs[graph.producer(id)]
    return inputs if min(inputs, default=0) >= 0 else tuple([i for i in inputs if i >= 0])
