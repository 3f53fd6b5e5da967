"""Gradients of a run as formulas, each of them parsed back and compared before anyone sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from gradcli import autodiff
from gradcli.autodiff.matrices import jacobian
from gradcli.errors import AutogradFault, GradcliError, InputFault
from gradcli.formula import expressions as f
from gradcli.formula.dialects import BY_NAME, LANGUAGE
from gradcli.formula.expressions import Call, Formula, Name, Sum, is_share
from gradcli.formula.hessian import matrix_of, without
from gradcli.formula.naming import naming, upstream
from gradcli.formula.points import UNSAID, Points, close, mentioned, unknown
from gradcli.formula.reading import read
from gradcli.formula.simplify import Simplifier
from gradcli.graph import Node
from gradcli.session import Session, named

Reading = Callable[[Mapping[int, Name]], Formula]  # a row in names of the file
MOST_SUMS = 60  # that are evaluated to see whether they are 0
DIGITS = {"float16": 3, "bfloat16": 2}


@dataclass(frozen=True)
class Derived:
    """The gradient of a root with respect to a tensor as a formula.

    `formula` is in terms of names that the file has; `whole` in terms of its inputs alone, None
    where that says the same or cannot be said. `dialects` are the libraries that have the
    functions. `dtype` is the gradient's. `side` is what the file says for the gradient at its end,
    "" where the file's own backward() leaves nothing that could be said. `note` is what it is not:
    the sum that the file's several backward() leave in `.grad`.
    """

    root: str
    target: str
    formula: Formula
    whole: Formula | None
    dialects: tuple[str, ...]
    dtype: str = "float64"
    side: str = ""
    note: str = ""


@dataclass(frozen=True)
class Refused:
    """A gradient that there is no formula for, and why.

    `constant` says that there is none because no gradient flows.
    """

    root: str
    target: str
    why: str
    constant: bool = False


@dataclass(frozen=True)
class Derivatives:
    """Gradients of roots by tensors.

    `definitions` are what the file computes the names in the formulas from, first things first;
    `earlier` the names that mean something else at its end, and what they mean.
    """

    found: tuple[Derived, ...]
    refused: tuple[Refused, ...]
    definitions: tuple[tuple[str, Formula], ...]
    earlier: Mapping[str, str]
    names: frozenset[str]


class Deriver:
    """The gradients of a root on a copy of the tape, and points at which to compare them.

    Raises: InputFault where there is no root; AutogradFault where it is no scalar.
    """

    def __init__(self, session: Session, root: int | None = None) -> None:
        root = session.root if root is None else root
        if root is None:
            raise InputFault(
                f"{session.source.name} has nothing to differentiate",
                hint="a scalar that depends on a parameter: tensor(…, requires_grad=True), or -p",
            )
        self.session, self.root = session, root
        self.tape = session.graph.copy()
        with self.tape.settings("gradient", True):
            self.start = self.tape.leaf(np.asarray(autodiff.seed(Node(self.tape, root), None)))
        self.naming = naming(session, root)
        self.points = Points(self.tape, root, self.naming)
        graph = self.tape
        self.leaves = {i: n for i, n in self.naming.names.items() if graph.ops[i] is None}
        self.nameless = {i: Name("constant", graph.metas[i].shape) for i in upstream(graph, [root])
                         if graph.ops[i] is None and graph.requires_grad[i]}  # fmt: skip
        self.label = self.naming.label(root) or session.source.snippet(graph.notes.spans[root])

    # ---- the gradient by a tensor ------------------------------------------------------------

    def derive(self, target: int) -> Derived | Refused:
        """Return the gradient by a tensor, or why there is no formula for it."""
        label = self._called(target)
        if coded := self._coded(target):
            why = f"the derivative of `{coded}` is code of the file, for which there is none"
            return Refused(self.label, label, why)
        try:
            row = self.gradient(target)
        except GradcliError as error:
            return Refused(self.label, label, error.message)
        if row is None:
            return Refused(self.label, label, f"no gradient flows from `{self.label}`", True)
        dtype = self.tape.metas[row].dtype.name
        if dtype in DIGITS:
            why = f"{dtype} has {DIGITS[dtype]} digits, too few to compare in: use float32 or more"
            return Refused(self.label, label, why)
        found = self.formula(row, label)
        if isinstance(found, Derived):
            found = replace(found, side=self._side(target, label, row), note=self._note(target))
        return found

    def _coded(self, target: int) -> str:
        """Return the name of an operation on the way whose derivative the file itself has."""
        tape = self.tape
        for id in autodiff.towards(tape, autodiff.reachable(tape, (self.root,)), (target,)):
            op = tape.ops[id]
            if op is not None and op.derivative is not None and op.derivative.own:
                return op.label
        return ""

    def _side(self, target: int, label: str, row: int) -> str:
        """Return what is the gradient in the file: `.grad` where its backward() freed the graph."""
        graph = self.session.graph
        if self.naming.label(target) is None:
            return ""
        if not self.session.tracer.passes.made:
            return f"grad({self.label}, {label})"
        kept = graph.grad(graph.current(target))
        is_it = kept is not None and close(np.asarray(kept), np.asarray(self.tape.value(row)))
        return f"{label}.grad" if is_it else ""

    def _note(self, target: int) -> str:
        """Return that a derivative is of one of several backward(), "" where `.grad` is of one."""
        passes, graph = self.session.tracer.passes, self.session.graph
        current = graph.current(target)
        gathered = passes.gathered.get(current, ())
        own = [k for k in gathered if passes.made[k].root == self.root]
        if len(gathered) < 2 or not own:
            return ""
        which = "the last" if own == [gathered[-1]] else "one"
        kept = graph.grad(current)
        total = "" if kept is None or np.ndim(kept) else f", {np.asarray(kept).item():.6g}"
        called = self._called(target)
        return f"of {which} of {len(gathered)} passes: {called}.grad holds their sum{total}"

    def formula(self, row: int, label: str, reading: Reading | None = None) -> Derived | Refused:
        """Return a row of the tape as a formula that holds, or why there is none.

        `reading` is what reads it in some names, where that is not what its operations say.
        """
        reading = reading or (lambda names: read(self.tape, [row], self.nameless | dict(names))[0])
        short, why = self._said(row, reading, self.naming.names)
        if short is None:
            why = self._unsaid(reading(self.naming.names)) if why == UNSAID else why
            return Refused(self.label, label, self._reason(row) or why)
        whole, _ = self._said(row, reading, self.leaves)
        dialects = [n for n, d in BY_NAME.items()
                    if d is LANGUAGE or not self.points.fault(short, row, d)]  # fmt: skip
        return Derived(self.label, label, short, None if whole == short else whole,
                       tuple(dialects), self.tape.metas[row].dtype.name)  # fmt: skip

    def second(self, first: int, then: int) -> Derived | Refused:
        """Return the matrix of second derivatives by two vectors or numbers, or why there is none.

        It has a row for each element of the first, and a column for each of the second.
        """
        label = f"{self._called(first)}∂{self._called(then)}"
        try:
            return self._second(first, then, label)
        except GradcliError as error:
            return Refused(self.label, label, error.message)

    def _second(self, first: int, then: int, label: str) -> Derived | Refused:
        tape, shapes = self.tape, [self.tape.metas[i].shape for i in (first, then)]
        if any(len(shape) > 1 for shape in shapes):
            why = "its second derivatives have more than two dimensions"
            return Refused(self.label, label, why)
        side = "" if self.session.tracer.passes.made else self._hessian(first, then)
        note = self._note(first)
        if shapes[0] and not shapes[1]:  # the gradient by a number is a number
            first, then, shapes = then, first, shapes[::-1]
        row = self.gradient(first)
        if row is None:
            return Refused(self.label, label, f"no gradient flows from `{self.label}`", True)
        with tape.settings("gradient", True):
            v = tape.leaf(np.zeros(shapes[0], tape.metas[row].dtype))
            found = (
                autodiff.gradients(tape, {row: v}, (then,))[0] if tape.requires_grad[row] else None
            )
            rows = jacobian(Node(tape, row), Node(tape, then))
        if found is None:
            zero = f.expand(f.ZERO, (*shapes[0], *shapes[1]))
            return Derived(self.label, label, zero, None, tuple(BY_NAME), side=side, note=note)
        g = found.id
        said = self.formula(rows.id, label, lambda names: self._matrix(g, v, then, names))
        return replace(said, side=side, note=note) if isinstance(said, Derived) else said

    def _hessian(self, first: int, then: int) -> str:
        """Return what the language calls the matrix."""
        one, two = self._called(first), self._called(then)
        if first == then:
            return f"hessian({self.label}, {one})"
        return f"jacobian(grad({self.label}, {one}), {two})"

    def _matrix(self, row: int, v: Node, then: int, names: Mapping[int, Name]) -> Formula:
        """Return the matrix that a row is of a vector.

        Raises: LimitFault where its formula is too long; AutogradFault where it is not read off.
        """
        name = Name(" v", v.shape)
        (plain,) = read(self.tape, [row], {**self.nameless, **names, v.id: name})
        product = Simplifier(masks=False).simplified(plain)
        if not v.shape:  # of a number: what stands beside it
            inner = Simplifier().simplified(without(product, name))
            return f.expand(inner, self.tape.metas[then].shape)
        matrix = matrix_of(product, name)
        if matrix is None:
            raise AutogradFault("no matrix form of it is known")
        return f.transpose(matrix)

    def gradient(self, target: int) -> int | None:
        """Return the row of the root's gradient by a tensor, None where none flows to it."""
        with self.tape.settings("gradient", True):
            found = autodiff.gradients(self.tape, {self.root: self.start}, (target,))[0]
        return None if found is None else found.id

    def _called(self, target: int) -> str:
        graph = self.session.graph
        return self.naming.label(target) or graph.notes.names.get(target) or (
            self.session.source.snippet(graph.notes.spans[target]))  # fmt: skip

    def _said(
        self, row: int, reading: Reading, names: Mapping[int, Name]
    ) -> tuple[Formula | None, str]:
        """Return the simplest formula of a row that holds, or None and why there is none."""
        why = ""
        try:
            plain = reading(names)
        except GradcliError as error:
            return None, error.message
        for formula in self._ways(plain, names):
            if why := self.points.fault(formula, row):
                continue
            return formula, ""
        return None, why

    def _ways(self, plain: Formula, names: Mapping[int, Name]) -> Iterator[Formula]:
        """Yield a formula in several forms, the one that reads best first."""
        inside = names is self.naming.names
        known = self._known if inside else {}
        shares = self._shares if inside else frozenset()
        sums = [MOST_SUMS]

        def vanishes(a: Sum) -> bool:
            sums[0] -= 1
            return sums[0] >= 0 and self.points.vanishes(a, next(iter(a.terms)))

        for masks in (False, True):
            simplify = Simplifier(known, vanishes, masks=masks, shares=shares).simplified
            found = simplify(plain)
            if isinstance(found, Name) and found in self.naming.others.values():
                simplify = Simplifier({}, vanishes, masks=masks, shares=shares).simplified
                found = simplify(plain)  # what the file has derived by hand is no answer
            yield found
        yield Simplifier().simplified(plain)
        yield plain

    @cached_property
    def _known(self) -> dict[Formula, Formula]:
        """What the file's names stand for, but for gradients."""
        graph, found = self.tape, dict[Formula, Formula]()
        made = {i for step in graph.autograd.steps for i in step.found if i is not None}
        for id, name in self._all.items():
            if graph.ops[id] is None or graph.notes.origins[id] != "file" or (
                made & upstream(graph, [id])):  # fmt: skip
                continue
            others = {i: n for i, n in self._all.items() if i != id}
            try:
                formula = Simplifier().simplified(read(graph, [id], others)[0])
            except GradcliError:
                continue
            if formula.inside and formula.shape == name.shape:
                found.setdefault(formula, name)
        return found

    @cached_property
    def _all(self) -> dict[int, Name]:
        return {**self.naming.names, **self.naming.others}

    @cached_property
    def _shares(self) -> frozenset[Formula]:
        """The names of tensors that sum to 1 along their last dimension."""
        found = []
        for id, name in self._all.items():
            if self.tape.ops[id] is not None and self.tape.label(id) == "softmax":
                whole = self._definition(id)
                found += [name] if isinstance(whole, Call) and is_share(whole) else []
        return frozenset(found)

    # ---- what goes with it -------------------------------------------------------------------

    def definitions(self, formulas: Sequence[Formula]) -> tuple[tuple[str, Formula], ...]:
        """Return what the file computes the names in formulas from, and those in that."""
        rows = {name.name: i for i, name in self._all.items()}
        found: dict[int, Formula] = {}
        pending = [name for formula in formulas for name in mentioned(formula)]
        while pending:
            id = rows.get(pending.pop())
            if id is None or id in found or self.tape.ops[id] is None:
                continue
            if (definition := self._definition(id)) is not None:
                found[id] = definition
                pending += mentioned(definition)
        return tuple((self._all[id].name, found[id]) for id in sorted(found))

    def _definition(self, id: int) -> Formula | None:
        """Return what a name stands for, None where no formula says it."""
        others = {i: name for i, name in self._all.items() if i < id}
        try:
            (plain,) = read(self.tape, [id], others)
        except GradcliError:
            return None
        for formula in (Simplifier().simplified(plain), plain):
            if not self.points.fault(formula, id):
                return formula
        return None

    def _unsaid(self, plain: Formula) -> str:
        """Return which operation of the file has a derivative that the language cannot say."""
        tape, missing = self.tape, unknown(plain)
        for id in sorted(upstream(tape, [self.root])):
            op = tape.ops[id]
            if op is not None and any(f"{name}_".startswith(f"{op.label}_") for name in missing):
                what = self.session.source.snippet(tape.notes.spans[id])
                return f"the language has no function for the derivative of `{what}`"
        return UNSAID

    def _reason(self, row: int) -> str:
        """Return what the file lacks for there to be a formula, "" where that is not known."""
        graph, source = self.session.graph, self.session.source
        named = {*self.naming.names}
        for id in sorted(upstream(self.tape, [row]) - named):
            if id >= len(graph) or graph.ops[id] is not None:
                continue
            if mentioned(read(self.tape, [id], self.nameless)[0]) == ["constant"]:
                span = graph.notes.spans[id]
                where = f"`{source.snippet(span)}` in line {source.line_of(span)}"
                return f"{where} has no name at the end of the file: give it one"
        return ""


def derived(
    session: Session,
    names: Sequence[str] = (),
    roots: Sequence[str] = (),
    *,
    hessian: bool = False,
) -> Derivatives:
    """Return the gradients of a run's root by some tensors, or all parameters, as formulas.

    `roots` are names of further roots. `hessian` asks for the matrices of second derivatives, by
    each pair of them.

    Raises: InputFault where there is nothing to differentiate, or by; AutogradFault where a root
    is no scalar.
    """
    derivers = [Deriver(session), *(Deriver(session, named(session.tracer, r)) for r in roots)]
    found: list[Derived] = []
    refused: list[Refused] = []
    definitions: dict[str, Formula] = {}
    earlier: dict[str, str] = {}
    for deriver in derivers:
        by = targets(session, deriver, names)
        pairs = [(a, b) for k, a in enumerate(by) for b in by[k:]]
        own = [deriver.second(*p) for p in pairs] if hessian else [deriver.derive(i) for i in by]
        found += [x for x in own if isinstance(x, Derived)]
        refused += [x for x in own if isinstance(x, Refused)]
        formulas = [x.formula for x in own if isinstance(x, Derived)]
        definitions |= dict(deriver.definitions(formulas))
        used = {n for x in (*formulas, *definitions.values()) for n in mentioned(x)}
        used |= {x.target for x in own}
        earlier |= {n: words for n, words in deriver.naming.earlier.items() if n in used}
    return Derivatives(tuple(found), tuple(refused), tuple(definitions.items()), earlier,
                       frozenset().union(*(d.naming.taken for d in derivers)))  # fmt: skip


def targets(session: Session, deriver: Deriver, names: Sequence[str]) -> list[int]:
    """Return the rows to differentiate by: those named, or the parameters of the file."""
    graph, root = session.graph, deriver.root
    reached = set(autodiff.reachable(graph, (root,)))
    leaves = [i for i in sorted(reached) if graph.ops[i] is None]
    then = {graph.current(i): i for i in leaves}  # what a parameter was when the root was computed
    if names:
        return [then.get(i, i) for i in (named(session.tracer, name) for name in names)]
    left = [
        value.id
        for value in session.tracer.scope.values()
        if isinstance(value, Node) and graph.ops[value.id] is None
        and graph.requires_grad[value.id] and value.id not in then
    ]  # fmt: skip
    return [*leaves, *dict.fromkeys(left)]
