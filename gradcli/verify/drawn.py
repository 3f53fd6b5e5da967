"""Values for inputs that a file declares by shape only, from the domains of what uses them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from gradcli.errors import GradcliError, InputFault, Source
from gradcli.graph import Graph
from gradcli.rule.dtypes import DTYPES, Array, DType, is_differentiable
from gradcli.rule.rule import REAL, Interval
from gradcli.session import Request, Session, run
from gradcli.syntax import parse, tree
from gradcli.trace import Binding, Options, Tracer
from gradcli.trace.builtins import DTYPE_NAMES, lookup
from gradcli.trace.inputs import free_names
from gradcli.trace.libraries import chief, default_of, libraries_of
from gradcli.trace.mistakes import unbound
from gradcli.verify.structure import DISCRETE, NEEDS
from gradcli.verify.structure import drawn as structured
from gradcli.verify.uses import asked, intervals

SIZES = (3, 4, 5, 2, 6, 7)  # of named dimensions: different ones, so that a transpose shows
TURNS = 4  # runs that find out what the operations of a file ask of its inputs
ATTEMPTS = 16  # draws until every value of the run is finite
MARGIN = 0.02  # of an interval, that is kept from its ends

Declared = Mapping[str, tuple[tuple[int, ...], DType]]


def needed(source: Source, options: Options, inputs: Declared) -> tuple[str, ...]:
    """Return the inputs that nothing binds or declares, none where a name looks mistaken."""
    program = parse(source)
    missing = {
        name: span
        for name, span in free_names(program).items()
        if name not in options.bindings and name not in inputs and lookup(name) is None
    }
    if not missing:
        return ()
    error = unbound(program, missing)
    mistaken = not isinstance(error, InputFault) or (error.hint or "").startswith("did you mean")
    return () if mistaken else tuple(missing)


def declared(source: Source, options: Options) -> Declared:
    """Return shape and dtype of the unbound inputs that the file declares without a value.

    Raises: InputFault where a size is not a number.
    """
    program = parse(source)
    missing = {n for n in free_names(program) if n not in options.bindings}
    found = {
        s.target.id: s.annotation
        for s in program.statements
        if isinstance(s, tree.Annotated)
        and s.value is None
        and isinstance(s.target, tree.Name)
        and s.target.id in missing
    }
    if not found:
        return {}
    sizes = _Sizes(program, options)
    return {
        name: (sizes.shape(annotation), _dtype(annotation, options, program))
        for name, annotation in found.items()
    }


def runs(
    source: Source, options: Options, inputs: Declared, points: int, *, backward: bool = False
) -> Iterator[Session]:
    """Yield runs of a file at drawn inputs, one a point; a parameter each that is floating.

    `backward` runs the backward pass too, as `session.run` does.

    Raises: GradcliError where the file does not run.
    """
    generator = np.random.default_rng(options.seed)
    asks = _asked(source, options, inputs)
    for _ in range(points):
        for attempt in range(ATTEMPTS):
            # what no operation says may want it: log(2*x) positive numbers, asin(2*x) small ones
            positive, spread = attempt % 2 == 1, 0.8**attempt
            drawn = {
                name: _draw(generator, shape, dtype, asks[name], positive, spread)
                for name, (shape, dtype) in inputs.items()
            }
            bound = replace(options, bindings={**options.bindings, **drawn})
            try:
                session = run(source, bound, Request(backward=backward))
            except GradcliError:
                if attempt == ATTEMPTS - 1:
                    raise
                continue
            if _finite(session) or attempt == ATTEMPTS - 1:
                yield session
                break


# ---- what is declared ----------------------------------------------------------------------


class _Sizes:
    """The sizes that annotations name: known from the file or a bound input, else chosen."""

    def __init__(self, program: tree.Program, options: Options) -> None:
        self.program = program
        self.tracer = Tracer(tree.Program(program.source, ()), options)
        self.known = self.tracer.scope
        for s in program.statements:
            if isinstance(s, tree.Assign) and isinstance(s.targets[0], tree.Name):
                self._constant(s.targets[0].id, s.value)
            if isinstance(s, tree.Annotated) and isinstance(s.target, tree.Name):
                self._bound(s, options.bindings.get(s.target.id))
        for name, binding in options.bindings.items():
            if np.ndim(binding.value) == 0 and np.asarray(binding.value).dtype.kind in "iu":
                self.known.setdefault(name, int(binding.value))

    def _constant(self, name: str, value: tree.Expression) -> None:
        try:
            found = self.tracer.evaluate(value)
        except GradcliError:
            return
        if isinstance(found, int):
            self.known[name] = found

    def _bound(self, s: tree.Annotated, binding: Binding | None) -> None:
        if binding is None or not isinstance(s.annotation, tree.Subscript):
            return
        for size, n in zip(_items(s.annotation), np.shape(binding.value), strict=False):
            if isinstance(size, tree.Name):
                self.known.setdefault(size.id, n)

    def shape(self, annotation: tree.Expression) -> tuple[int, ...]:
        """Return the shape that an annotation states, a scalar's where it states none."""
        if not isinstance(annotation, tree.Subscript):
            return ()
        return tuple(self._size(size) for size in _items(annotation))

    def _size(self, size: tree.Expression) -> int:
        statement = tree.ExpressionStatement(size, size.span)
        for name in free_names(tree.Program(self.program.source, (statement,))):
            if name not in self.known:
                chosen = sum(k.startswith("size ") for k in self.known)
                self.known[f"size {name}"] = True
                self.known[name] = SIZES[chosen % len(SIZES)]
        found = self.tracer.evaluate(size)
        if not isinstance(found, int) or found < 0:
            raise InputFault(
                f"the size `{self.program.source.snippet(size.span)}` is not a number",
                size.span, "write float64[3, 4], or names: float64[n, 4]", self.program.source,
            )  # fmt: skip
        return found


def _items(annotation: tree.Subscript) -> tuple[tree.Expression, ...]:
    index = annotation.index
    return index.items if isinstance(index, tree.TupleDisplay) else (index,)


def _dtype(annotation: tree.Expression, options: Options, program: tree.Program) -> DType:
    kind = annotation.value if isinstance(annotation, tree.Subscript) else annotation
    name = kind.name if isinstance(kind, tree.Attribute) else getattr(kind, "id", "")
    if name in DTYPE_NAMES:
        return DTYPES[DTYPE_NAMES[name]]
    return options.default_dtype or default_of(chief(libraries_of(program)))


# ---- values --------------------------------------------------------------------------------


class _Asks(NamedTuple):
    """What the operations that use an input ask of it: an interval, and a structure if any."""

    interval: Interval = REAL
    structure: str = ""
    must: bool = False


def _draw(
    generator: np.random.Generator,
    shape: tuple[int, ...],
    dtype: DType,
    asks: _Asks,
    positive: bool,
    spread: float,
) -> Binding:
    if dtype.kind in "iub":
        return Binding(generator.integers(0, 2, shape).astype(dtype))
    low, high = asks.interval
    x: Array = spread * generator.standard_normal(shape)
    if dtype.kind == "c":
        x = x + 1j * generator.standard_normal(shape)
    if asks.structure:
        # what only often is symmetric is positive definite then, as a covariance
        definite = asks.structure == "symmetric" and (positive or not asks.must)
        x = structured("positive definite" if definite else asks.structure, x, generator)
    elif np.isfinite(low) and np.isfinite(high):
        x = low + (high - low) * generator.uniform(MARGIN, 1 - MARGIN, shape)
    elif np.isfinite(low) or positive:
        x = (low if np.isfinite(low) else 0.0) + np.abs(x) + MARGIN
    else:
        assert not np.isfinite(high), "no row is bounded above alone"
    return Binding(np.asarray(x).astype(dtype), parameter=asks.structure not in DISCRETE)


def _asked(source: Source, options: Options, inputs: Declared) -> dict[str, _Asks]:
    """Return what a file asks of its inputs.

    It is run to see, as far as it goes: where an operation refuses what was drawn, it is run
    again with what is known by then.
    """
    found = dict.fromkeys(inputs, _Asks())
    for turn in range(TURNS):
        generator = np.random.default_rng(turn)
        drawn = {
            name: _draw(generator, shape, dtype, found[name], turn % 2 == 1, 1.0)
            for name, (shape, dtype) in inputs.items()
        }
        tracer = Tracer(parse(source), replace(options, bindings={**options.bindings, **drawn}))
        complete = True
        try:
            tracer.run()
        except GradcliError:
            complete = False
        before = found
        found = {name: _asks(tracer, name) for name in inputs}
        if complete and found == before:
            break
    return found


def _asks(tracer: Tracer, name: str) -> _Asks:
    """Return what the operations on the tape ask of an input."""
    graph, leaf = tracer.graph, _leaf(tracer.graph, name)
    if leaf is None:
        return _Asks()
    low, high = REAL
    for interval in intervals(graph, leaf):
        low, high = max(low, interval[0]), min(high, interval[1])
    needs = asked(graph, leaf)
    structure, must = (needs[0].structure, needs[0].must) if needs else ("", False)
    return _Asks((low, high) if low < high else REAL, structure, must)


def told(session: Session, inputs: Declared) -> str:
    """Return the inputs with their shapes, and what structure they were drawn with, in words."""
    return ", ".join(
        f"{name} {list(shape)}{_structure(session, name)}" for name, (shape, _) in inputs.items()
    )


def _structure(session: Session, name: str) -> str:
    asks, leaf = _asks(session.tracer, name), _leaf(session.graph, name)
    if not asks.structure or leaf is None:
        return ""
    known = [s.name for s in NEEDS[asks.structure] if s.has(session.graph.values[leaf])]
    return f" {known[0]}" if known else ""


def _leaf(graph: Graph, name: str) -> int | None:
    """Return the row of an input."""
    named = (id for id, known in graph.notes.names.items() if known == name)
    return next((id for id in named if graph.ops[id] is None), None)


def _finite(session: Session) -> bool:
    results = [n.value for n in session.tracer.results if is_differentiable(n.dtype)]
    return all(bool(np.all(np.isfinite(x))) for x in results)
