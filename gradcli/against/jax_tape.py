"""The tape of a run, computed and differentiated again by JAX, row by row.

A row is computed by JAX's own function for it. What a file has differentiated (`grad(y, x)`) is
differentiated by `jax.vjp` and `jax.jvp` of the rows that it went through; the rows that gradcli
made of it are not looked at. Importing this imports JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp

from gradcli.against.jax_rows import ROWS
from gradcli.graph import OUTPUT, Graph, Step
from gradcli.rule.dtypes import promote
from gradcli.rule.rule import number


@dataclass(frozen=True)
class Gap:
    """In a value's place: the row that JAX cannot compute or differentiate, and why not."""

    row: int
    why: str


class _Stopped(Exception):
    """Carries a gap out of a function that JAX is differentiating."""

    def __init__(self, gap: Gap) -> None:
        super().__init__()
        self.gap = gap


@dataclass
class Values:
    """What JAX knows of rows: arrays, tuples of them for several results, or gaps.

    `pullbacks` are of steps that differ in their cotangent alone, as a Jacobian's do.
    """

    of: dict[int, Any] = field(default_factory=dict)
    pullbacks: dict[Any, Any] = field(default_factory=dict)

    def without(self, rows: Collection[int]) -> Values:
        """Return a copy in which some rows are to be computed again."""
        return Values({i: value for i, value in self.of.items() if i not in rows})


class Tape:
    """A graph as JAX computes it. Leaves have gradcli's numbers."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.steps = {
            id: step for step in graph.autograd.steps for id in step.found
            if id is not None and id >= step.first
        }  # fmt: skip
        self.frontiers: dict[int, frozenset[int]] = {}
        self.values = Values()

    # ---- values --------------------------------------------------------------------------

    def compute(self, values: Values, targets: Iterable[int]) -> None:
        """Compute rows and all that they depend on, where they are missing."""
        for id in self._missing(values, targets):
            if id not in values.of:  # a step brings the results beside it
                self._fill(values, id)

    def _missing(self, values: Values, targets: Iterable[int]) -> list[int]:
        found: set[int] = set()
        stack = [i for i in targets if i not in values.of]
        while stack:
            id = stack.pop()
            if id not in found:
                found.add(id)
                stack.extend(i for i in self._sources(id) if i not in values.of)
        return sorted(found)

    def _sources(self, id: int) -> Iterable[int]:
        """Return the rows that one is computed from; those of a step lie around its rows."""
        step = self.steps.get(id)
        if step is None:
            return (i for i in self.graph.inputs[id] if i >= 0)
        return self._frontier(step)

    def _frontier(self, step: Step) -> frozenset[int]:
        known = self.frontiers.get(step.first)
        if known is None:
            reverse = step.mode == "reverse"
            inputs = set(step.wanted if reverse else step.given)
            inside, seen = set(step.rows) - inputs, set()
            stack = list(step.given if reverse else step.wanted)
            while stack:
                id = stack.pop()
                if id not in seen:
                    seen.add(id)
                    stack.extend(self._sources(id) if id in inside else ())
            known = frozenset((seen - inside) | inputs | set(step.given.values()))
            self.frontiers[step.first] = known
        return known

    def _fill(self, values: Values, id: int) -> None:
        op, step = self.graph.ops[id], self.steps.get(id)
        if step is not None:
            found = self._differentiated(values, step)
            values.of.update(
                (i, g) for i, g in zip(step.found, found, strict=True)
                if i is not None and i >= step.first
            )  # fmt: skip
        elif op is None:
            values.of[id] = jnp.asarray(self.graph.values[id])
        elif op is OUTPUT:
            whole = values.of[self.graph.inputs[id][0]]
            position = self.graph.attrs[id]["position"]
            values.of[id] = whole if isinstance(whole, Gap) else whole[position]
        else:
            values.of[id] = self.apply(id, self.operands(id, values.of))

    def operands(self, id: int, of: Mapping[int, Any]) -> list[Any]:
        """Return the operands of a row as JAX's function takes them, in the dtype to compute in.

        Which dtype that is PyTorch's rules say: JAX's own promotion is another, and would change
        the precision of all that follows.
        """
        graph = self.graph
        op, result = graph.ops[id], graph.metas[id].dtype
        found = [of[i] if i >= 0 else graph.scalars[~i] for i in graph.inputs[id]]
        arrays = [x for x in found if hasattr(x, "dtype")]
        if op is None or any(isinstance(x, Gap) for x in found):
            return found
        if op.promotes and arrays:
            given = tuple(x for x in found if x is not None)
            common = promote(given, graph.default_dtype)
            if common.kind in "biu" and result.kind != "b":
                common = result
            found = [x.astype(common) if hasattr(x, "dtype") else x for x in found]
        elif op.numbers and all(x.dtype.kind in "biu" for x in arrays):
            # a number beside no other floating tensor has the file's default dtype
            found = [jnp.asarray(x, result) if number(x) else x for x in found]
        return found

    def apply(self, id: int, operands: Sequence[Any]) -> Any:
        """Return JAX's value of a row, or the gap where there is none."""
        op = self.graph.ops[id]
        gap = next((x for x in operands if isinstance(x, Gap)), None)
        if gap is not None or op is None:
            return gap
        if op.name not in ROWS:
            return Gap(id, "JAX has no counterpart")
        try:
            return ROWS[op.name](*operands, **self.graph.attrs[id])
        except Exception as error:
            return Gap(id, _said(error))

    # ---- derivatives ---------------------------------------------------------------------

    def _differentiated(self, values: Values, step: Step) -> Sequence[Any]:
        """Return what a step of the file has found, differentiated by JAX."""
        try:
            vectors = [values.of[i] for i in step.given.values()]
            if step.mode == "forward":
                return _each(step, lambda given: self._tangents(values, step, given), vectors)
            key = (step.wanted, tuple(step.given), step.rows)
            if key not in values.pullbacks:
                values.pullbacks[key] = self.pullback(
                    values, tuple(step.given), step.wanted, step.rows
                )
            return _each(step, values.pullbacks[key], vectors)
        except _Stopped as stop:
            return [stop.gap] * len(step.found)

    def _tangents(self, values: Values, step: Step, tangents: list[Any]) -> Sequence[Any]:
        # what gradcli has no derivative for is a constant: detach, comparisons
        rows = [i for i in step.rows if self._moves(i)]
        inputs = tuple(step.given)
        function = self.function(values, step.wanted, inputs, rows)
        _refuse_gaps([values.of[i] for i in inputs] + tangents)
        try:
            return jax.jvp(  # type: ignore[no-any-return]
                function,
                tuple(values.of[i] for i in inputs),
                tuple(t.astype(values.of[i].dtype) for i, t in zip(inputs, tangents, strict=True)),
            )[1]
        except _Stopped:
            raise
        except Exception as error:
            raise _Stopped(Gap(step.wanted[0], _said(error))) from None

    def _moves(self, id: int) -> bool:
        op = self.graph.ops[id]
        return op is OUTPUT or (op is not None and op.derivative is not None)

    def function(
        self,
        values: Values,
        roots: Sequence[int],
        inputs: Sequence[int],
        rows: Iterable[int],
        beside: Sequence[int] = (),
    ) -> Callable[..., Any]:
        """Return the roots as a function of some rows, all but `rows` being constants.

        After the inputs it takes a number to add to each row of `beside`: the derivative by that
        is the derivative by the row.
        """
        constants = values.without({*rows, *roots, *inputs})

        def function(*given: Any) -> tuple[Any, ...]:
            inside = Values(dict(constants.of))
            inside.of.update(zip(inputs, given, strict=False))
            more = dict(zip(beside, given[len(inputs) :], strict=True))
            for id in self._missing(inside, roots):
                if id not in inside.of:  # a step brings the results beside it
                    self._fill(inside, id)
                if id in more and not isinstance(inside.of[id], Gap):
                    inside.of[id] = _moved(inside.of[id], more[id])
            found = tuple(inside.of[i] for i in roots)
            _refuse_gaps(found)
            return found

        return function

    def pullback(
        self,
        values: Values,
        roots: Sequence[int],
        inputs: Sequence[int],
        rows: Iterable[int],
        beside: Sequence[int] = (),
    ) -> Callable[[Sequence[Any]], Sequence[Any]]:
        """Return the function from the roots' cotangents to the gradients of inputs and `beside`.

        For complex numbers these are PyTorch's gradients, ∂L/∂Re + i ∂L/∂Im, and its cotangents:
        JAX's are the conjugates.
        """
        function = self.function(values, roots, inputs, rows, beside)
        self.compute(values, beside)
        _refuse_gaps(values.of[i] for i in (*inputs, *beside))
        points = [values.of[i] for i in inputs]
        points += [jnp.zeros_like(values.of[i]) for i in beside]
        try:
            results, pull = jax.vjp(function, *points)
        except _Stopped:
            raise
        except Exception as error:
            raise _Stopped(Gap(roots[0], _said(error))) from None

        def pulled(cotangents: Sequence[Any]) -> Sequence[Any]:
            _refuse_gaps(cotangents)
            given = (
                jnp.conj(jnp.broadcast_to(g, y.shape)).astype(y.dtype)
                for g, y in zip(cotangents, results, strict=True)
            )
            try:
                return [jnp.conj(g) for g in pull(tuple(given))]
            except Exception as error:
                raise _Stopped(Gap(roots[0], _said(error))) from None

        return pulled

    def gradients(
        self, root: int, inputs: Sequence[int], rows: Iterable[int], beside: Sequence[int] = ()
    ) -> list[Any] | Gap:
        """Return the gradients of a root, its cotangent being ones, by inputs and by `beside`."""
        try:
            pull = self.pullback(self.values, (root,), inputs, rows, beside)
            return list(pull([jnp.ones((), jnp.asarray(self.values.of[root]).dtype)]))
        except _Stopped as stop:
            return stop.gap


def _each(
    step: Step, found: Callable[[list[Any]], Sequence[Any]], vectors: list[Any]
) -> Sequence[Any]:
    """Return what is found of the vectors of a step; of each slice of them where it is batched."""
    if not step.batched:
        return found(vectors)
    _refuse_gaps(vectors)
    slices = [found(list(x)) for x in zip(*vectors, strict=True)]
    return [jnp.stack(parts) for parts in zip(*slices, strict=True)]


def _same(x: Any, _: Any) -> Any:
    """Return `x` with a derivative of 1 by what is added: adding zeros would turn -0.0 to 0.0."""
    return x


_moved = jax.custom_jvp(_same)
_moved.defjvp(lambda primals, tangents: (primals[0], tangents[0] + tangents[1]))


def _refuse_gaps(found: Iterable[Any]) -> None:
    for x in found:
        if isinstance(x, Gap):
            raise _Stopped(x)


def _said(error: Exception) -> str:
    """Return the first line of what JAX, or the table, says."""
    text = str(error).strip().partition("\n")[0]
    known = isinstance(error, NotImplementedError) and text.startswith("JAX")
    return text if known else f"JAX refuses: {text or type(error).__name__}"
