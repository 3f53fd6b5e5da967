"""What the rows of a run are called in a script of lines."""

from __future__ import annotations

import builtins
import keyword
from collections.abc import Iterable

import numpy as np

from gradcli.errors import InputFault
from gradcli.formula.naming import upstream
from gradcli.formula.reading import constant
from gradcli.formula.trees import Name
from gradcli.graph import Graph, Node
from gradcli.rule.dtypes import is_differentiable
from gradcli.session import Session

LIBRARY = {"np", "scipy", "torch", "F", "jax", "jnp", "data", "Path"}  # names that a script has
MOST = 400  # lines of a script that someone might read


class Names:
    """Names for the rows of a run that a script has a line for.

    `shown` are the rows that have a name at the end of the file, in order, and `labels` the names
    that it has for them; a row that has lost its name to a later one has it with a number. `links`
    are the rows that lead to a row beside its inputs: what a parameter was updated to. `cuts` are
    rows that no gradient passes, though one reaches them, where they are to have lines; `copies`
    are leaves without a name, and the rows that they are copies of.
    """

    def __init__(self, session: Session, *, cuts: bool) -> None:
        self.session, self.graph = session, session.graph
        self.links = _updates(self.graph)
        scope = session.tracer.scope
        self.taken = {*scope, *LIBRARY, *dir(builtins), *keyword.kwlist}
        self.of: dict[int, str] = {}
        self.labels: dict[str, int] = {}
        for name, value in scope.items():
            if isinstance(value, Node) and getattr(value, "is_readable", True):
                clashes = name in LIBRARY or hasattr(builtins, name)
                self.of.setdefault(value.id, self.new(name) if clashes else name)
                self.labels[name] = value.id
            elif isinstance(value, list) and (rows := self._of_list(name)):
                self.of.setdefault(rows[-1], name)
                self.labels[name] = rows[-1]
        self.shown = sorted(self.of)
        roots = [] if session.root is None else [session.root]
        roots += [call.root for call in session.tracer.passes.made]
        for root in roots:
            if root not in self.of:
                self.of[root] = self.new(self.graph.notes.names.get(root, "result"))
        self.rows = sorted(self._above([*self.shown, *roots]))
        self.copies = {i: j for i in self.rows if (j := self._copied(i)) is not None}
        taken_over = {*self.links.values()}
        self.cuts = {i for i in self.rows if cuts and i not in taken_over and self._cuts(i)}
        for id in self.rows:
            if id not in self.of and (called := self._called(id)):
                self.of[id] = self.new(called)

    def new(self, wanted: str) -> str:
        """Return a name that nothing has yet: the one wanted, or that with a number."""
        base = wanted if wanted.isidentifier() else "c"
        found, count = base, 0
        while found in self.taken:
            count += 1
            found = f"{base}_{count}"
        self.taken.add(found)
        return found

    def formulas(self, ids: Iterable[int]) -> dict[int, Name]:
        """Return rows that have names as formulas."""
        return {i: Name(self.of[i], self.graph.metas[i].shape) for i in ids if i in self.of}

    def lines(self) -> list[int]:
        """Return the rows that have a line.

        Raises: InputFault where they are more than anyone reads.
        """
        found = [i for i in self.rows if i in self.of]
        if len(found) > MOST:
            raise InputFault(
                f"{self.session.source.name} has {len(found)} results with names, each turn of a "
                "loop counted: too many for a script without loops",
                hint="--to torch keeps the file's loops and functions",
            )
        return found

    def _of_list(self, name: str) -> list[int]:
        """Return the rows of a list that was taken for a tensor."""
        graph = self.graph
        return [
            i
            for i, n in graph.notes.names.items()
            if n == name and graph.ops[i] is None and i not in graph.reserved
        ]

    def _above(self, roots: Iterable[int]) -> set[int]:
        found: set[int] = set()
        pending = list(roots)
        while pending:
            new = upstream(self.graph, pending) - found
            found |= new
            pending = [self.links[i] for i in new if i in self.links]
        return found

    def _copied(self, id: int) -> int | None:
        graph, source = self.graph, self.graph.notes.sources.get(id)
        if source is None or source not in self.of or id in self.of or graph.ops[id] is not None:
            return None
        return source if np.array_equal(graph.value(id), graph.value(source)) else None

    def _cuts(self, id: int) -> bool:
        graph = self.graph
        return (
            graph.ops[id] is not None
            and not graph.is_tuple(id)
            and not graph.requires_grad[id]
            and is_differentiable(graph.metas[id].dtype)
            and any(graph.requires_grad[i] for i in graph.inputs[graph.producer(id)] if i >= 0)
        )

    def _called(self, id: int) -> str | None:
        graph = self.graph
        name = graph.notes.names.get(id)
        if id in self.copies:
            return None
        if name is None and id in self.cuts:
            return "fixed"
        if name is None and graph.ops[id] is None and (
            graph.requires_grad[id] or _is_large(graph, id)):  # fmt: skip
            return "c"
        return name


def _updates(graph: Graph) -> dict[int, int]:
    """Return the rows that parameters were updated to in place, and those of the values."""
    later = {*graph.autograd.successors.values()}
    order = sorted({*graph.autograd.successors, *later})
    found = {}
    for id in order:
        before = id - 1
        if graph.ops[id] is None and before >= 0 and graph.ops[before] is not None and (
            graph.notes.spans[before] == graph.notes.spans[id]
            and graph.metas[before].shape == graph.metas[id].shape
        ):  # fmt: skip
            found[id] = before
    return found


def _is_large(graph: Graph, id: int) -> bool:
    return isinstance(found := constant(graph.value(id)), Name) and found.name == "constant"
