"""Points at which formulas are compared with what they are to be, and the comparison itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import numpy as np

from gradcli.errors import ArgumentFault, GradcliError, InputFault, NameFault, Source
from gradcli.execute.replay import Replay
from gradcli.formula.dialects import LANGUAGE, Dialect
from gradcli.formula.expressions import Call, Formula, Name
from gradcli.formula.naming import Naming, upstream
from gradcli.formula.text import text
from gradcli.graph import Graph, Node
from gradcli.ops import FUNCTIONS
from gradcli.rule.dtypes import Array, is_differentiable
from gradcli.syntax import parse
from gradcli.trace import Binding, Options, Tracer

NEAR, FAR = 2, 3  # points besides the file's own: within SPREAD of it, and farther off
POINTS = 1 + NEAR + FAR
SPREAD = 0.1
PRECISION = {"float64": (1e-7, 1e-9), "float32": (1e-3, 1e-5)}  # of an element, of the largest
VANISHED = 1e-10  # of a term of a sum: what rounding leaves of a sum that is 0
UNSAID = "the language has no function for a part of it"
HIDDEN = "the names of the file, `torch` among them, hide functions that it needs"
WRITTEN = {"", "part", "slice", "index", "select"}  # in other ways than as calls
ZERO = 1e-14  # what rounding leaves of a gradient that is 0


class Points:
    """The values of a run's named tensors at several points, those where the root has a value."""

    def __init__(self, tape: Graph, root: int, naming: Naming) -> None:
        self.tape, self.root, self.naming = tape, root, naming
        self.rows = (*naming.names, *naming.others)
        self.moving = frozenset(
            i for i in self.rows
            if tape.ops[i] is None and is_differentiable(tape.metas[i].dtype)
        )  # fmt: skip

    @cached_property
    def leaves(self) -> list[dict[int, Array]]:
        """The values of what moves, at each point."""
        return [{i: self._moved(i, k) for i in self.moving} for k in range(POINTS)]

    @cached_property
    def bindings(self) -> list[dict[str, Binding] | None]:
        """The values of the names at each point, None where there are none."""
        named = {**self.naming.names, **self.naming.others}
        names = [named[i].name for i in self.rows]
        return [
            None if values is None
            else {n: Binding(x, optional=True) for n, x in zip(names, values, strict=True)}
            for values in self.values(self.rows)
        ]  # fmt: skip

    def values(self, rows: Sequence[int]) -> list[tuple[Array, ...] | None]:
        """Return the values of rows at each point, None where there are none."""
        replay = Replay(self.tape, self.moving, [self.root, *rows])
        found: list[tuple[Array, ...] | None] = []
        for point, leaves in enumerate(self.leaves):
            try:
                root, *values = replay.run(leaves)
                there = not point or np.isfinite(root).all()
                found.append(tuple(values) if there else None)
            except (GradcliError, ValueError):  # no inverse; a mask that picks other elements
                if not point:
                    raise
                found.append(None)
        return found

    @np.errstate(all="ignore")  # a value of 1e308 may move to inf
    def _moved(self, id: int, point: int) -> Array:
        value = np.asarray(self.tape.value(id))
        random = np.random.default_rng([point, id])
        if point == 0:
            return value
        noise = random.uniform(-1, 1, value.shape)
        if point <= NEAR:
            moved = value * (1 + SPREAD * noise)
        elif point < POINTS - 1:  # all signs as they are, then all of them turned
            moved = value * np.exp(noise) * (1 if point == NEAR + 1 else -1)
        else:
            size = np.sqrt(np.mean(np.abs(value) ** 2, dtype=float)) if value.size else 0.0
            moved = (size or 1.0) * random.standard_normal(value.shape)
            if value.dtype.kind == "c":
                moved = moved + 1j * (size or 1.0) * random.standard_normal(value.shape)
        return np.asarray(moved, value.dtype)

    # ---- comparing ---------------------------------------------------------------------------

    def fault(self, formula: Formula, row: int, dialect: Dialect = LANGUAGE) -> str:
        """Return why a formula, written and parsed back, is not what a row is; "" where it is."""
        if "constant" in mentioned(formula):
            return "it needs numbers that have no name in the file"
        compared = size = 0
        try:
            program, known = self.program([("found", formula)], dialect), self.values([row])
            for point, (bindings, values) in enumerate(zip(self.bindings, known, strict=True)):
                if bindings is None or values is None:
                    continue
                found, expected = self.evaluated(program, bindings, dialect)["found"], values[0]
                if not close(found, expected, far=point > NEAR):
                    return "the formula that follows from the rules does not give its values"
                compared += int(np.isfinite(expected).sum())
                size += expected.size
        except (NameFault, ArgumentFault, InputFault):  # it speaks of a text that nobody sees
            return HIDDEN if "torch" in self.naming.taken and not unknown(formula) else UNSAID
        except GradcliError as error:
            return error.message
        return "" if compared or not size else "it is finite at no point"

    def vanishes(self, formula: Formula, first: Formula) -> bool:
        """Say whether a sum is 0 at every point, though its first term is not.

        Only where all that it is computed from was moved: what stays may be 0 by chance.
        """
        rows = {**self.naming.names, **self.naming.others}
        names = set(mentioned(formula))
        used = [i for i, name in rows.items() if name.name in names]
        leaves = [i for i in upstream(self.tape, used) if self.tape.ops[i] is None]
        if not leaves or not self.moving.issuperset(leaves):
            return False
        try:
            program = self.program([("found", formula), ("one", first)])
            size = 0.0
            for bindings in self.bindings:
                if bindings is None:
                    continue
                values = self.evaluated(program, bindings)
                found, one = np.broadcast_arrays(values["found"], values["one"])
                finite = np.isfinite(found) & np.isfinite(one)
                size = max(size, np.max(np.abs(one[finite]), initial=0.0))
                if not np.all(np.abs(found[finite]) <= VANISHED * np.abs(one[finite])):
                    return False
        except GradcliError:
            return False
        return bool(size > 0)

    def program(
        self, formulas: Sequence[tuple[str, Formula]], dialect: Dialect = LANGUAGE
    ) -> Source:
        """Return lines that compute formulas."""
        dialect = dialect.beside(self.naming.taken)
        lines = [f"{self.private(name)} = {text(formula, dialect)}" for name, formula in formulas]
        return Source("formula", "\n".join([*dialect.imports, *lines]))

    def private(self, name: str) -> str:
        """Return a name that the file does not have."""
        while name in self.naming.taken:
            name += "_"
        return name

    def evaluated(
        self, program: Source, bindings: Mapping[str, Binding], dialect: Dialect = LANGUAGE
    ) -> dict[str, Array]:
        """Return what lines of formulas in a dialect give for some values."""
        spelled = dialect.beside(self.naming.taken).spelled
        bindings = {spelled.get(n, n): value for n, value in bindings.items()}
        options = Options(default_dtype=self.tape.default_dtype, bindings=bindings)
        found = _scope(program, options)
        names = {name: self.private(name) for name in ("found", "one")}
        return {name: found[own] for name, own in names.items() if own in found}


def evaluated(formula: str, values: Mapping[str, Array]) -> Array:
    """Return what a formula in the language gives for some values.

    Raises: a GradcliError where it is not in the language.
    """
    bindings = {name: Binding(x, optional=True) for name, x in values.items()}
    return _scope(Source("formula", f"found = {formula}"), Options(bindings=bindings))["found"]


def _scope(program: Source, options: Options) -> dict[str, Array]:
    tracer = Tracer(parse(program), options)
    tracer.run()
    return {name: np.asarray(value.value if isinstance(value, Node) else value)
            for name, value in tracer.scope.items()
            if isinstance(value, Node | int | float | complex)}  # fmt: skip


def mentioned(formula: Formula) -> list[str]:
    """Return the names in a formula, each once, in the order in which it is read."""
    return list(dict.fromkeys(one.name for one in _within(formula) if isinstance(one, Name)))


def unknown(formula: Formula) -> set[str]:
    """Return the functions in a formula that no file can call."""
    called = {one.name for one in _within(formula) if isinstance(one, Call)}
    return {name for name in called - WRITTEN if name not in FUNCTIONS}


def _within(formula: Formula) -> Iterator[Formula]:
    """Yield all of a formula, each part once, in the order in which it is read."""
    seen: set[Formula] = set()
    pending = [formula]
    while pending:
        one = pending.pop()
        if one in seen:
            continue
        seen.add(one)
        yield one
        pending.extend(reversed(one.inside))


def close(found: Array, expected: Array, *, far: bool = False) -> bool:
    """Say whether values are the same as far as rounding lets them.

    Near the file's values nan must be where nan is. Far from them only what is finite counts.
    """
    dtype = {"c8": "float32", "c16": "float64"}.get(expected.dtype.str[1:], expected.dtype.name)
    if found.shape != expected.shape or dtype not in PRECISION:
        return False
    finite = np.isfinite(expected)
    if not far and not np.array_equal(finite, np.isfinite(found)):
        return False
    relative, absolute = PRECISION[dtype]
    scale = np.abs(expected[finite]).max(initial=0.0)
    allowed = relative * np.abs(expected[finite]) + absolute * scale + ZERO
    return bool(np.all(np.abs(found[finite] - expected[finite]) <= allowed))
