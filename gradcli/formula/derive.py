"""Gradients of a run as formulas, each of them parsed back and compared before anyone sees it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from gradcli import autodiff
from gradcli.errors import AutogradFault, GradcliError, InputFault, Source
from gradcli.execute.replay import Replay
from gradcli.formula.dialects import BY_NAME, LANGUAGE, Dialect
from gradcli.formula.expressions import Formula, Name
from gradcli.formula.reading import read
from gradcli.formula.text import text
from gradcli.graph import Node
from gradcli.rule.dtypes import Array, is_floating
from gradcli.session import Session, named
from gradcli.syntax import parse
from gradcli.trace import Binding, Options, Tracer

POINTS = 3  # at which a formula is compared: the file's own, and others near it
SPREAD = 0.1  # how far, relative to a value
SAME = 1e-6  # of the largest element


@dataclass(frozen=True)
class Derived:
    """The gradient of a root with respect to a tensor as a formula.

    `formula` is in terms of names that the file has; `definitions` are what it computes those from,
    first things first. `whole` is in terms of its inputs alone, None where that says the same or
    cannot be said. `dialects` are the libraries in which the formula was found to say the same.
    """

    root: str
    target: str
    formula: Formula
    definitions: tuple[tuple[str, Formula], ...]
    whole: Formula | None
    dialects: tuple[str, ...]


class Deriver:
    """The gradients of a root on a copy of the tape, and points at which to compare them."""

    def __init__(self, session: Session) -> None:
        root = session.root
        if root is None:
            raise InputFault(
                f"{session.source.name} has nothing to differentiate",
                hint="a scalar that depends on a parameter: tensor(…, requires_grad=True), or -p",
            )
        self.session, self.root = session, root
        self.tape = session.graph.copy()
        with self.tape.settings("gradient", True):
            self.start = self.tape.leaf(np.asarray(autodiff.seed(Node(self.tape, root), None)))
        self.first = len(self.tape)
        self.names = self._names()

    def _names(self) -> dict[int, Name]:
        """Return the names that the file has in the end, by the rows that they stand for."""
        found: dict[int, Name] = {}
        for name, value in self.session.tracer.scope.items():
            if isinstance(value, Node) and getattr(value, "is_readable", True):
                found.setdefault(value.id, Name(name, value.shape))
        return found

    def derive(self, target: int) -> Derived:
        """Return the gradient by a tensor.

        Raises: AutogradFault where no gradient flows to it, or no formula says what it is.
        """
        tape, graph = self.tape, self.session.graph
        with tape.settings("gradient", True):
            g = autodiff.gradients(tape, {self.root: self.start}, (target,))[0]
        label = self.names[target].name if target in self.names else "it"
        if g is None:
            raise AutogradFault(f"no gradient flows from the root to `{label}`")
        leaves = {i: name for i, name in self.names.items() if graph.ops[i] is None}
        found = [
            formula
            for names in (self.names, leaves)
            for formula in read(tape, [g.id], names)
            if self.holds(formula, g.id)
        ]
        if not found:
            raise AutogradFault(f"the gradient by `{label}` has no formula in the language")
        root = self.names[self.root].name if self.root in self.names else "root"
        whole = found[-1] if found[-1] != found[0] else None
        dialects = [name for name, d in BY_NAME.items() if self.holds(found[0], g.id, d)]
        return Derived(root, label, found[0], self._definitions(found[0]), whole, tuple(dialects))

    def _definitions(self, formula: Formula) -> tuple[tuple[str, Formula], ...]:
        """Return what the file computes the names in a formula from, and those in that."""
        rows = {name.name: i for i, name in self.names.items()}
        found: dict[int, Formula] = {}
        pending = mentioned(formula)
        while pending:
            id = rows.get(pending.pop())
            if id is None or id in found or self.tape.ops[id] is None:
                continue
            others = {i: name for i, name in self.names.items() if i != id}
            (found[id],) = read(self.tape, [id], others)
            pending += mentioned(found[id])
        return tuple((self.names[id].name, found[id]) for id in sorted(found))

    # ---- the comparison --------------------------------------------------------------------

    def holds(self, formula: Formula, gradient: int, dialect: Dialect = LANGUAGE) -> bool:
        """Say whether a formula, written and parsed back, gives the values of a row of the tape."""
        try:
            program = "\n".join([*dialect.imports, f"found = {text(formula, dialect)}"])
        except GradcliError:  # a function that the dialect lacks
            return False
        rows = [*self.names, gradient]
        for values in self._points(rows):
            bindings = {
                self.names[i].name: Binding(x, optional=True)
                for i, x in zip(self.names, values, strict=False)
            }
            found = evaluated(program, bindings)
            if found is None or not _close(found, values[-1]):
                return False
        return True

    def _points(self, rows: Sequence[int]) -> list[tuple[Array, ...]]:
        tape = self.tape
        moving = [
            i for i in range(self.first)
            if tape.ops[i] is None and is_floating(tape.metas[i].dtype) and i in self.names
        ]  # fmt: skip
        replay, found = Replay(tape, moving, rows), []
        for k in range(POINTS):
            random = np.random.default_rng(k)
            values: Mapping[int, Array] = {
                i: _near(tape.value(i), random) if k else tape.value(i) for i in moving
            }
            found.append(replay.run(values))
        return found


def mentioned(formula: Formula) -> list[str]:
    """Return the names in a formula, each once, in the order in which it is read."""
    found: dict[str, None] = {}
    pending = [formula]
    while pending:
        one = pending.pop()
        if isinstance(one, Name):
            found[one.name] = None
        pending.extend(reversed(one.inside))
    return list(found)


def evaluated(program: str, bindings: Mapping[str, Binding]) -> Array | None:
    """Return what a formula gives for some values, None where the language does not take it."""
    try:
        tracer = Tracer(parse(Source("formula", program)), Options(bindings=bindings))
        tracer.run()
        value = tracer.scope["found"]
        return np.asarray(value.value if isinstance(value, Node) else value)
    except GradcliError:
        return None


def _near(value: Array, random: np.random.Generator) -> Array:
    moved = value * (1 + SPREAD * random.uniform(-1, 1, np.shape(value)))
    return np.asarray(moved, value.dtype)


def _close(found: Array, expected: Array) -> bool:
    """Say whether values are the same as far as rounding lets them; nan is where nan is."""
    if found.shape != expected.shape:
        return False
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(found)):
        return False
    scale = np.abs(expected[finite]).max(initial=0.0)
    return bool(np.all(np.abs(found[finite] - expected[finite]) <= SAME * scale))


def derived(session: Session, names: Sequence[str]) -> list[Derived]:
    """Return the gradients of a run's root by some tensors, or all parameters, as formulas.

    Raises: InputFault where there is nothing to differentiate, or by; AutogradFault where no
    formula says what the gradient is.
    """
    deriver = Deriver(session)
    graph = session.graph
    if names:
        targets = [named(session.tracer, name) for name in names]
    else:
        reached = set(autodiff.reachable(graph, (deriver.root,)))
        targets = [i for i in sorted(reached) if graph.ops[i] is None]
    return [deriver.derive(target) for target in targets]
