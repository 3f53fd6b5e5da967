"""Where a run loses digits that its result needs, and by which mechanism.

Where round-off may take half of the digits of a result, the run is computed again with so many
digits that they settle, and the loss is followed back to the row that it comes from. What a change
of the inputs in their last digit would do too is no loss: there the result depends on digits that
the inputs do not have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from gradcli.diagnose.findings import Index
from gradcli.diagnose.precision.exact import Exact, errors, isfinite
from gradcli.diagnose.precision.reading import expression
from gradcli.diagnose.precision.roundoff import (
    carried,
    condition,
    is_suspect,
    one_at,
    targets,
    threshold,
)
from gradcli.diagnose.precision.values import KNOWN
from gradcli.diagnose.subject import Subject
from gradcli.errors import AutogradFault
from gradcli.execute.extended import DigitsFault
from gradcli.rule.dtypes import Array, DType, is_floating
from gradcli.syntax import tree
from gradcli.verify.wide import is_narrow, widened

ROOTS = "sqrt", "rsqrt", "pow"  # what is computed of a number near 1 or 0 besides functions
INHERENT = 1e3  # times the inputs' own round-off: what is off by less is no fault of the formula


class How(StrEnum):
    """The ways in which digits are lost; the names of the findings."""

    CANCELLATION = "cancellation"
    SMALL_TERM = "small-term-rounded-off"
    OVERFLOW = "overflow-on-the-way"
    UNDERFLOW = "underflow-on-the-way"


@dataclass(frozen=True)
class Loss:
    """A result that has lost digits, and the row where they were lost.

    `error` is how far the result's worst element is off, relative, and `got` and `exact` are that
    element. `path` leads from the row where they were lost to the result, each row with the
    element. It is `inherent` where the inputs' own round-off does about as much.
    """

    how: How
    row: int
    index: Index
    target: int
    error: float
    got: float
    exact: float
    path: tuple[tuple[int, Index], ...]
    inherent: bool
    operands: tuple[float, ...]


class Losses:
    """What results of a run lose; `exact` is the run with more digits, None where it is not known.

    Nothing is found where digits cannot be counted: what is not known is not claimed.
    """

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.exact: Reference | None = None
        self.found: tuple[Loss, ...] = ()
        self.arriving: dict[int, Any] = {}
        if subject.fault is not None:
            return
        suspects = [i for i in targets(subject) if is_suspect(subject, i)]
        if not suspects:
            return
        try:
            self.exact = Reference(subject, suspects)
        except (DigitsFault, AutogradFault):  # or memory has changed behind the tape
            return
        self.found = tuple(self._losses(suspects))

    def _losses(self, suspects: list[int]) -> Iterator[Loss]:
        places = set[int]()
        for target in suspects:
            loss = self._loss(target)
            if loss is not None and loss.row not in places:
                places.add(loss.row)
                yield loss

    def _loss(self, target: int) -> Loss | None:
        assert self.exact is not None, "looked at only where there is something to compare with"
        subject, value = self.subject, self.subject.value(target)
        off = np.nan_to_num(self.exact.error(target), nan=0.0)
        index = tuple(map(int, np.unravel_index(int(np.argmax(off)), off.shape)))
        error = float(off[index])
        if error <= threshold(value.dtype):
            return None
        self.arriving = carried(subject, target, one_at(value, index))
        path = self._path(target, index)
        how, row, place, operands = self._mechanism(*path[0])
        if how is None:
            return None
        epsilon = float(np.finfo(value.dtype).eps) if value.dtype.kind == "f" else 2.0**-7
        exact = float(self.exact.value(target)[index])
        start, at = path[0]
        meant = float(self.exact.value(start)[at])
        room = INHERENT * epsilon * condition(subject, start, at, meant)
        inherent = self._error(start, at) <= room
        return Loss(how, row, place, target, error, float(value[index]), exact, path, inherent,
                    operands)  # fmt: skip

    # ---- where -------------------------------------------------------------------------------

    def _path(self, target: int, index: Index) -> tuple[tuple[int, Index], ...]:
        """Return the way from where digits are lost to a result: rows that have lost them."""
        path = [(target, index)]
        while True:
            row, index = path[0]
            error = self._error(row, index)
            found = [
                (self._error(i, at), i, at)
                for i in self.subject.graph.inputs[row]
                if i >= 0 and (at := self._worst(i, row, index)) is not None
            ]
            worst = max(found, default=None)
            if worst is None or worst[0] < max(error, threshold(self._dtype(row))) / 100:
                return tuple(path)
            path.insert(0, worst[1:])

    def _dtype(self, row: int) -> DType:
        return self.subject.graph.metas[row].dtype

    def _error(self, row: int, index: Index) -> float:
        assert self.exact is not None, "rows are compared where there is something to compare with"
        return float(np.nan_to_num(self.exact.error(row)[index], nan=0.0))

    def _worst(self, row: int, above: int, index: Index) -> Index | None:
        """Return the element of an operand that the element of a row has most of its error from."""
        graph = self.subject.graph
        if graph.is_tuple(row) or not is_floating(graph.metas[row].dtype):
            return None
        shape, whole = graph.metas[row].shape, graph.metas[above].shape
        if len(shape) <= len(whole) and all(
            n in (1, m) for n, m in zip(reversed(shape), reversed(whole), strict=False)
        ):
            places = index[len(index) - len(shape) :] if shape else ()
            return tuple(0 if n == 1 else k for k, n in zip(places, shape, strict=True))
        assert self.exact is not None, "rows are compared where there is something to compare with"
        exact = self.exact.value(row)
        off = np.abs(np.array([float(y - x) if isfinite(y) and np.isfinite(x) else np.inf
                               for x, y in zip(self.subject.value(row).ravel().tolist(),
                                               exact.ravel().tolist(), strict=True)]))  # fmt: skip
        if not off.size:
            return None
        g = self.arriving.get(row)
        if g is not None and not isinstance(g, list) and np.isfinite(g).all():
            off = off * np.abs(np.ravel(g))  # what it does to the result
        return tuple(map(int, np.unravel_index(int(np.argmax(off)), shape)))

    # ---- by which mechanism ------------------------------------------------------------------

    def _mechanism(
        self, row: int, index: Index
    ) -> tuple[How | None, int, Index, tuple[float, ...]]:  # fmt: skip
        graph = self.subject.graph
        op = graph.ops[row]
        if op is None:
            return None, row, index, ()
        gone = self._out_of_range(row, index)
        if gone is not None:
            return gone
        operands = tuple(
            self._element(i, row, index) if i >= 0 else float(graph.scalars[~i] or 0)
            for i in graph.inputs[row] if i < 0 or is_floating(self._dtype(i))
        )  # fmt: skip
        if "other" in graph.attrs[row] and isinstance(graph.attrs[row]["other"], int | float):
            operands = (float(graph.attrs[row]["other"]), *operands)
        value = abs(float(self.subject.value(row)[index]))
        if op.label in ("add", "sub", "rsub", "sum", "mean"):
            if not is_written(self.subject, row):
                return None, row, index, operands
            if op.label in ("sum", "mean") or value < 0.1 * max(map(abs, operands), default=0.0):
                return How.CANCELLATION, row, index, operands
        inner = [i for i in graph.inputs[row] if i >= 0 and graph.ops[i] is not None]
        of_rounded = inner and (op.label in KNOWN or op.label in ROOTS)
        if of_rounded and is_written(self.subject, row):
            return How.SMALL_TERM, row, index, operands
        return None, row, index, operands

    def _element(self, row: int, above: int, index: Index) -> float:
        at = self._worst(row, above, index)
        return float("nan") if at is None else float(self.subject.value(row)[at])

    def _out_of_range(
        self, row: int, index: Index
    ) -> tuple[How, int, Index, tuple[float, ...]] | None:
        """Return the operand, or the row itself, that has left the range of its dtype."""
        assert self.exact is not None, "rows are compared where there is something to compare with"
        for i in (*self.subject.graph.inputs[row], row):
            at = index if i == row else self._worst(i, row, index) if i >= 0 else None
            if i < 0 or at is None or self.subject.graph.ops[i] is None:
                continue
            value, exact = float(self.subject.value(i)[at]), self.exact.value(i)[at]
            if not np.isfinite(value) and isfinite(exact):
                return How.OVERFLOW, i, at, (value,)
            least = float(np.finfo(self._dtype(i)).tiny) if self._dtype(i).kind == "f" else 0.0
            small = exact and isfinite(exact) and abs(exact) < least
            if small and abs(value) < least and i != row:
                return How.UNDERFLOW, i, at, (value,)
        return None


class Reference:
    """The run with more digits: with as many as settle, or for float32 in double precision."""

    def __init__(self, subject: Subject, wanted: list[int]) -> None:
        self.subject = subject
        self._errors: dict[int, Array] = {}
        self.exact: Exact | None = None
        self.wide: Any = None
        try:
            self.exact = Exact(subject, wanted)
        except (DigitsFault, AutogradFault):  # or memory has changed behind the tape
            if not is_narrow(subject.graph):
                raise
            self.wide = widened(subject.graph)

    def value(self, row: int) -> Array:
        """Return the exact values of a row."""
        if self.exact is not None:
            return self.exact.value(row)
        return np.asarray(self.wide.value(row), object)

    def error(self, row: int) -> Array:
        """Return how far the values of a row are off, relative."""
        if row not in self._errors:
            self._errors[row] = errors(self.subject.value(row), self.value(row))
        return self._errors[row]


def is_written(subject: Subject, row: int) -> bool:
    """Say whether the file itself writes a row's operation: a function may make rows of its own."""
    op, node = subject.graph.ops[row], expression(subject, subject.span(row))
    if isinstance(node, tree.Binary | tree.Unary):
        return True
    if not isinstance(node, tree.Call) or op is None:
        return False
    function = node.function
    word = function.name if isinstance(function, tree.Attribute) else getattr(function, "id", "")
    return word.rstrip("_") in (
        op.label,
        {"sub": "subtract"}.get(op.label, ""),
        f"arc{op.label[1:]}",
    )
