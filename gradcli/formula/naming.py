"""What the tensors of a run are called in formulas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from gradcli.autodiff import behind
from gradcli.formula.expressions import Name
from gradcli.graph import Graph, Node
from gradcli.session import Session


@dataclass(frozen=True)
class Naming:
    """Names for rows of a tape.

    `names` are of rows that the root is computed from, `others` of further rows of the file.
    `earlier` are the names that mean something else at the end of the file, and what they mean.
    `taken` are all names that the file has.
    """

    names: Mapping[int, Name]
    others: Mapping[int, Name]
    earlier: Mapping[str, str]
    taken: frozenset[str]

    def label(self, id: int) -> str | None:
        """Return what a row is called, None where it has no name."""
        name = self.names.get(id) or self.others.get(id)
        return None if name is None else name.name


def naming(session: Session, root: int) -> Naming:
    """Return names for the rows of a run: those of the end of the file where they are of use.

    A result that has lost its name is written out; a leaf that has lost it gets the line with it.
    """
    graph, scope = session.graph, _scope(session)
    above = upstream(graph, [root])
    names: dict[int, Name] = {}
    for id, name in scope.items():
        if id in above:
            names[id] = Name(name, graph.metas[id].shape)
    earlier: dict[str, str] = {}
    said = f"`{session.source.snippet(graph.notes.spans[root])}`"
    if root in graph.notes.names:
        said = f"`{graph.notes.names[root]}`"
    taken = {*session.tracer.scope, *(n.name for n in names.values())}
    used = {n.name for n in names.values()}
    for id in sorted(above - names.keys(), reverse=True):
        old = graph.notes.names.get(id)
        if graph.ops[id] is not None or old is None or not old.isidentifier():
            continue
        line = session.source.line_of(graph.notes.spans[id])
        there = session.tracer.scope.get(old)
        if there is None and not graph.requires_grad[id] and not graph.metas[id].shape:
            continue  # a number within a function
        if old in used or there is None:
            new = f"{old}_{line}"
            while new in taken:
                new += "_"
            earlier[new] = f"{old} of line {line}"
        else:
            new = old
            if isinstance(there, Node):
                earlier[new] = f"as it was when {said} was computed"
        names[id] = Name(new, graph.metas[id].shape)
        taken.add(new)
        used.add(new)
    others = {id: Name(name, graph.metas[id].shape) for id, name in scope.items()
              if id not in above and name not in used}  # fmt: skip
    return Naming(names, others, earlier, frozenset(taken))


def _scope(session: Session) -> dict[int, str]:
    """Return the names that tensors have at the end of a file, one each."""
    found: dict[int, str] = {}
    for name, value in session.tracer.scope.items():
        if isinstance(value, Node) and getattr(value, "is_readable", True):
            found.setdefault(value.id, name)
    return found


def upstream(graph: Graph, ids: Iterable[int]) -> set[int]:
    """Return rows and all that they are computed from."""
    return set(behind(graph, ids, 0))
