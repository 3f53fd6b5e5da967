"""Rows that stand for the modules of a model: what was made in one is one row."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import hypot
from typing import NamedTuple

import numpy as np

from gradcli.inspection import FrameFacts, NodeFacts


class Group(NamedTuple):
    """A module that is shown as one: its frame, what was made in it, the leaves it alone uses.

    The last of `rows` is what it gives.
    """

    frame: FrameFacts
    rows: tuple[NodeFacts, ...]
    leaves: tuple[NodeFacts, ...]

    @property
    def output(self) -> NodeFacts:
        """The row that stands for all."""
        return self.rows[-1]

    @property
    def inputs(self) -> tuple[int, ...]:
        """The ids of what it takes from outside."""
        own = {node.id for node in (*self.rows, *self.leaves)}
        return tuple(dict.fromkeys(i for n in self.rows for i in n.inputs if i not in own))

    @property
    def norm(self) -> float | None:
        """The norm of the gradients of its parameters, None where none has one."""
        grads = [leaf.grad for leaf in self.leaves if leaf.grad is not None]
        with np.errstate(all="ignore"):
            sizes = [float(np.linalg.norm(np.ravel(g).astype(np.complex128))) for g in grads]
        return hypot(*sizes) if sizes else None


Groups = Mapping[int, Group]  # by the id of every row and leaf that one stands for


def grouped(nodes: Sequence[NodeFacts], most: int, depth: int | None = None) -> Groups:
    """Return the modules that are shown as one row each, so that there are no more than `most`.

    The outermost modules are of depth 0. Where none is asked for it is the deepest at which the
    rows are few enough, and that with the fewest where they never are.
    """
    deepest = max((len(_modules(node)) for node in nodes), default=0)
    if not deepest or (depth is None and len(nodes) <= most):
        return {}
    if depth is not None:
        return _at(nodes, depth)
    best: Groups = {}
    fewest = len(nodes)
    for level in reversed(range(deepest)):
        found = _at(nodes, level)
        count = len(nodes) - len(found) + len({g.output.id for g in found.values()})
        if count < fewest:
            best, fewest = found, count
        if count <= most:
            break
    return best


def module_text(module: FrameFacts) -> str:
    """Return the path and the class of a model's module; the model itself has no path."""
    return f"{module.name} ({module.module})" if module.name else module.module


def module_of(node: NodeFacts) -> FrameFacts | None:
    """Return the innermost module of a model in which a row was made, None where it was in none."""
    return next((frame for frame in reversed(node.frames) if frame.module), None)


def _modules(node: NodeFacts) -> list[FrameFacts]:
    return [frame for frame in node.frames if frame.module]


def _at(nodes: Sequence[NodeFacts], depth: int) -> Groups:
    """Return the modules of a depth that stand for several rows, with the leaves of each."""
    made: dict[int, list[NodeFacts]] = {}
    frames: dict[int, FrameFacts] = {}
    of: dict[int, int] = {}
    for node in nodes:
        modules = _modules(node)
        if len(modules) > depth:
            frame = modules[depth]
            frames[frame.number] = frame
            made.setdefault(frame.number, []).append(node)
            of[node.id] = frame.number
    users: dict[int, set[int | None]] = {}
    for node in nodes:
        for i in node.inputs:
            users.setdefault(i, set()).add(of.get(node.id))
    leaves: dict[int, list[NodeFacts]] = {}
    for node in nodes:
        by = users.get(node.id, set())
        if node.op != "leaf" or node.id in of or len(by) != 1 or (own := next(iter(by))) is None:
            continue
        path = f"{frames[own].name}."
        if node.kind == "parameter" or (node.name or "").startswith(path):  # or else an input
            leaves.setdefault(own, []).append(node)
    # what only gave a leaf its first value goes with it
    unused = {node.id: node for node in nodes if node.id not in users}
    for held in leaves.values():
        held += [unused[n.taken_from] for n in held if n.taken_from in unused]
    found: dict[int, Group] = {}
    for number, rows in made.items():
        group = Group(frames[number], tuple(rows), tuple(leaves.get(number, ())))
        if len(group.rows) + len(group.leaves) > 1:
            found |= {node.id: group for node in (*group.rows, *group.leaves)}
    return found


def modules_note(groups: Groups, *, ascii_only: bool = False) -> Iterator[str]:
    """Yield what rows that stand for modules are."""
    if groups:
        mark = "+" if ascii_only else "▸"
        yield (
            f"{mark} a module: its class, rows, what it gives, and the norm of its parameters' "
            "gradients. --depth N opens N levels, --full all."
        )
