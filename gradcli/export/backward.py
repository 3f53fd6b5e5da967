"""Backward passes as lines: the gradient of each result that has a name, from the root back."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from gradcli import autodiff
from gradcli.export.lines import Line, alias, line
from gradcli.export.names import Names
from gradcli.export.script import Library
from gradcli.formula.naming import upstream
from gradcli.formula.reading import read
from gradcli.formula.trees import Expanded, Formula, Name, Number
from gradcli.graph import Graph, Node
from gradcli.rule.dtypes import Array


class Backward:
    """One pass from a root: `lines` give the gradients of the leaves, `of` says what holds them."""

    def __init__(
        self, names: Names, library: Library, root: int, cotangent: Array | None,
        leaves: Collection[int],
    ) -> None:  # fmt: skip
        self.names, self.library, self.root = names, library, root
        self.of: dict[int, str] = {}
        self.values: dict[int, Array] = {}
        self.extra: list[tuple[str, Array]] = []  # arrays that the lines need
        self.lines = self._lines(cotangent, leaves)

    def _lines(self, cotangent: Array | None, leaves: Collection[int]) -> list[Line]:
        names, tape = self.names, self.names.graph.copy()
        above = upstream(tape, [self.root])
        above.remove(self.root)
        wanted = [i for i in names.rows if i in above & names.of.keys() and tape.requires_grad[i]]
        with tape.settings("gradient", True):
            start = tape.leaf(np.asarray(autodiff.seed(Node(tape, self.root), cotangent)))
            found = autodiff.gradients(tape, {self.root: start}, wanted)
        known: dict[int, Formula] = dict(names.formulas(i for i in names.rows))
        if cotangent is not None and not isinstance(_read(tape, start.id), Number | Expanded):
            called = names.new(f"d_{names.of[self.root]}")
            self.extra.append((called, start.value))
            known[start.id] = Name(called, start.shape)
        pairs = sorted(
            ((g.id, i) for g, i in zip(found, wanted, strict=True) if g is not None),
            key=lambda pair: (pair[0], pair[1] not in leaves, -pair[1]),
        )
        lines: list[Line] = []
        for row, of in pairs:
            is_leaf = of in leaves
            if not is_leaf and (row in known or _is_number(tape, row, known)):
                continue
            called = names.new(f"d_{names.of[of]}")
            if row in known:
                lines.append(alias(called, str(known[row].key), tape.value(row), of))
            else:
                self._name_constants(tape, row, known)
                lines.append(line(names, self.library, tape, row, known, called, of, derived=True))
                known[row] = Name(called, tape.metas[row].shape)
            if is_leaf:
                self.of[of], self.values[of] = called, tape.value(row)
        return needed(lines, set(self.of.values()))

    def _name_constants(self, tape: Graph, row: int, known: dict[int, Formula]) -> None:
        """Give names to the arrays that a gradient is computed with, such as masks."""
        pending, seen = [row], set[int]()
        while pending:
            id = pending.pop()
            if id in seen or id in known or id < 0:
                continue
            seen.add(id)
            if tape.ops[id] is None:
                formula = _read(tape, id)
                if isinstance(formula, Name) and formula.name == "constant":
                    name = self.names.new("c")
                    self.extra.append((name, np.asarray(tape.value(id))))
                    known[id] = Name(name, formula.shape)
            pending.extend(tape.inputs[id])


def needed(lines: Sequence[Line], wanted: set[str]) -> list[Line]:
    """Return the lines that names are computed from."""
    kept: list[Line] = []
    used = set(wanted)
    for one in reversed(lines):
        if one.name in used:
            kept.append(one)
            used |= one.uses
    return kept[::-1]


def _read(tape: Graph, row: int) -> Formula:
    return read(tape, [row], {})[0]


def _is_number(tape: Graph, row: int, known: dict[int, Formula]) -> bool:
    """Say whether a gradient is one number everywhere: it reads better where it is used."""
    (found,) = read(tape, [row], known)
    while isinstance(found, Expanded):
        found = found.of
    return isinstance(found, Number)
