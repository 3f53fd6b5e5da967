"""Which row makes gradcli and JAX differ: each is computed and differentiated by itself in both.

Both sides begin from gradcli's numbers, so that a row that differs does so on its own account,
and where none does the two sides have rounded otherwise.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gradcli import autodiff
from gradcli.against.jax_rows import ROWS
from gradcli.against.jax_tape import Gap, Tape
from gradcli.against.sides import Side, distance, is_rounding, largest, room, unit
from gradcli.graph import OUTPUT
from gradcli.rule.dtypes import wide
from gradcli.rule.rule import Elementwise
from gradcli.session import Session

MOST = 3  # reasons that are given for one tensor


class Reasons:
    """The rows at which a run and JAX part, found when first asked for."""

    def __init__(self, session: Session, tape: Tape) -> None:
        self.session = session
        self.graph = session.graph
        self.tape = tape

    def of(self, id: int, differs: Iterable[str]) -> tuple[str, ...]:
        """Return from which rows on a value, or the gradient by it, differs; none is rounding."""
        if "value" in differs:
            behind = set(autodiff.behind(self.graph, (id,), 0))
            found = [self._said(i, "value") for i in self.values if i in behind]
        else:
            mine = self._generations(id)
            found = [
                self._said(i, "derivative") for i, sources in sorted(self.derivatives.items())
                if mine & sources
            ]  # fmt: skip
        return tuple(dict.fromkeys(found))[:MOST]

    def rounded(self, id: int, what: str, ours: Side, theirs: Side) -> bool:
        """Say whether a difference for which no row is responsible is no more than rounding."""
        graph = self.graph
        if what == "value":
            sides = ours.value, theirs.value
            behind = (graph.values[i] for i in autodiff.behind(graph, (id,), 0))
        elif what == "gradient" and ours.grad is not None and theirs.grad is not None:
            sides = ours.grad, theirs.grad
            behind = (self.cotangents[i] for i in self.cotangents if i >= id)
        else:
            return False
        return is_rounding(*sides, ours.dtype, behind)

    def refused(self) -> int | None:
        """Return the row whose derivative JAX refuses, the first that a gradient comes to."""
        for id, g in self.cotangents.items():
            op = self.graph.ops[id]
            if op is None or op is OUTPUT or op.name not in ROWS or id in self.tape.steps:
                continue
            slots = [k for k, i in enumerate(self.graph.inputs[id]) if i in self.cotangents]
            if self._jax_vjp(id, g, slots) is None:
                return id
        return None

    def _generations(self, id: int) -> set[int]:
        """Return the rows of a parameter before its updates in place, and its own."""
        return {id} | {i for i in self.graph.autograd.successors if self.graph.current(i) == id}

    def _said(self, id: int, what: str) -> str:
        graph, op = self.graph, self.graph.ops[id]
        assert op is not None, "a leaf is no reason"
        line = self.session.source.line_of(graph.notes.spans[id])
        if id in self.tape.steps:
            return f"what is differentiated in line {line} has another derivative in JAX"
        text = f"`{op.label}` (line {line}) has another {what} in JAX"
        if what == "derivative" and op.kink:
            text += f"; PyTorch and gradcli: {op.kink}"
        return text

    # ---- values --------------------------------------------------------------------------

    @cached_property
    def values(self) -> list[int]:
        """The rows whose value differs though their operands are the same."""
        graph, found = self.graph, []
        for id in sorted(self.tape.values.of):
            op, ours = graph.ops[id], graph.values[id]
            if op is None or op is OUTPUT or ours is None:
                continue
            if id in self.tape.steps:
                theirs, scale = self.tape.values.of[id], self._step_scale(id)
            else:
                numbers = self._numbers(id)
                theirs = self.tape.apply(id, self.tape.operands(id, numbers))
                scale = _scale(op, numbers.values())
            if not isinstance(theirs, Gap) and _apart(ours, theirs, scale):
                found.append(id)
        return found

    def _step_scale(self, id: int) -> float:
        """Return the largest number among the rows that a differentiation made, up to a result."""
        made = range(self.tape.steps[id].first, id)
        return max(
            (largest(x) for i in made if (x := self.graph.values[i]) is not None), default=0.0
        )

    def _numbers(self, id: int) -> dict[int, Any]:
        """Return gradcli's values of a row's operands, as arrays of JAX."""
        return {i: jnp.asarray(self.graph.values[i]) for i in self.graph.inputs[id] if i >= 0}

    # ---- derivatives ---------------------------------------------------------------------

    @cached_property
    def cotangents(self) -> dict[int, Any]:
        """Gradcli's cotangents of the rows between the root and the leaves."""
        graph, root = self.graph, self.session.root
        assert root is not None, "asked only of files with gradients"
        meta = graph.metas[root]
        start = {root: np.ones(meta.shape, meta.dtype)}
        order = autodiff.reachable(graph, (root,))
        with np.errstate(all="ignore"):
            return autodiff.pull(graph, start, order, graph.values.__getitem__)

    @cached_property
    def derivatives(self) -> dict[int, set[int]]:
        """The rows whose own derivative differs, and what the gradient flows on to from there."""
        inside = set(self.cotangents)
        with np.errstate(all="ignore"):
            return {
                id: set(autodiff.reachable(self.graph, parted))
                for id, g in self.cotangents.items()
                if (parted := self._parted(id, g, inside))
            }

    def _parted(self, id: int, g: Any, inside: set[int]) -> list[int]:
        """Return the operands of a row to which gradcli and JAX send different cotangents."""
        graph, op = self.graph, self.graph.ops[id]
        if op is None or op is OUTPUT or op.name not in ROWS:
            return []
        slots = [k for k, i in enumerate(graph.inputs[id]) if i in inside]
        ours, theirs = self._vjp(id, g, slots), self._jax_vjp(id, g, slots)
        if theirs is None:
            return []
        scale = _scale(op, g if op.outputs else (g,))
        return [
            graph.inputs[id][k] for k, a, b in zip(slots, ours, theirs, strict=True)
            if _apart(np.zeros(b.shape) if a is None else a, b, scale)
        ]  # fmt: skip

    def _jax_vjp(self, id: int, g: Any, slots: list[int]) -> list[Any] | None:
        """Return JAX's cotangents of a row's operands, None where it has none."""
        graph, op, values = self.graph, self.graph.ops[id], self._numbers(id)
        operands = self.tape.operands(id, values)
        several = op is not None and bool(op.outputs)

        def function(*moved: Any) -> Any:
            given = list(operands)
            for k, x in zip(slots, moved, strict=True):
                given[k] = x.astype(operands[k].dtype)
            found = self.tape.apply(id, given)
            if several and not isinstance(found, Gap):
                return [y for y, part in zip(found, g, strict=True) if part is not None]
            return found

        try:
            y, pull = jax.vjp(function, *(values[graph.inputs[id][k]] for k in slots))
            given = [part for part in g if part is not None] if several else g
            cotangent = jax.tree.map(lambda p, y: jnp.conj(jnp.asarray(p, y.dtype)), given, y)
            return [jnp.conj(x) for x in pull(cotangent)]
        except Exception:  # what JAX cannot differentiate is said where the gradient is
            return None

    def _vjp(self, id: int, g: Any, slots: list[int]) -> list[Any]:
        """Return gradcli's cotangents of a row's operands, as the engine takes them."""
        graph, op = self.graph, self.graph.ops[id]
        found: list[Any] = []
        assert op is not None
        assert op.derivative is not None
        operands = tuple(
            wide(graph.values[i]) if i >= 0 else graph.scalars[~i] for i in graph.inputs[id]
        )
        for k in slots:
            part = op.derivative.vjp(k, wide(g), wide(graph.values[id]), operands, graph.attrs[id])
            found.append(autodiff.fit(part, graph, graph.inputs[id][k], op.derivative.broadcasts))
        return found


# ---- how far apart -------------------------------------------------------------------------


def _apart(ours: Any, theirs: Any, scale: float) -> bool:
    """Say whether two arrays, or tuples of them, differ by more than rounding at a scale."""
    if isinstance(ours, tuple):
        return any(_apart(a, b, scale) for a, b in zip(ours, theirs, strict=True))
    a, b = np.asarray(ours), np.asarray(theirs)
    if distance(a, b) <= room(a.dtype.name):
        return False
    if a.shape != b.shape or a.dtype.kind in "biu":
        return True
    gap = np.max(np.abs(np.subtract(a, b, dtype=np.complex128)), initial=0)
    return not gap <= unit(a.dtype.name) * scale


def _scale(op: Any, numbers: Iterable[Any]) -> float:
    """Return the largest of the numbers that cancel in a row: in an elementwise one none do."""
    if isinstance(op.derivative, Elementwise):
        return 0.0
    return max((largest(x) for x in numbers if x is not None), default=0.0)
