"""A run to so many digits that they have settled: its values, and the gradients of parameters."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from gradcli import autodiff
from gradcli.diagnose.subject import Subject
from gradcli.execute.extended import DigitsFault, ExtendedTape
from gradcli.graph import Graph
from gradcli.rule.costs import elements
from gradcli.rule.dtypes import Array

DIGITS = 60  # of the first computation
DOUBLINGS = 4  # of the digits, until what is asked for has settled
SETTLED = 40  # digits to which it has
MOST = 20_000  # numbers that are computed


class Exact:
    """The rows `wanted` of a run and all that they depend on, and gradients by parameter.

    Raises: DigitsFault where mpmath is not installed, a row cannot be computed to more digits than
    double precision has, there is too much of it, or the digits do not settle.
    """

    def __init__(self, subject: Subject, wanted: Iterable[int], gradients: bool = True) -> None:
        self.graph, self.wanted = subject.graph.copy(), tuple(wanted)
        self.gradients = self._gradients(subject) if gradients else {}
        rows = [*self.wanted, *self.gradients.values()]
        self.behind = behind(self.graph, rows)
        if sum(elements(self.graph.metas[i]) for i in self.behind) > MOST:
            raise DigitsFault("there is too much to be computed to so many digits")
        self.tape = self._settled(rows)

    def _gradients(self, subject: Subject) -> dict[int, int]:
        """Append the gradients of the only backward pass, and return their rows by parameter."""
        passes = subject.session.passes
        if len(passes) != 1:
            return {}
        (start,) = passes
        graph = self.graph
        parameters = [i for i in subject.parameters if graph.grad(i) is not None]
        shape = graph.metas[start.root].shape
        given = np.ones(shape) if start.cotangent is None else start.cotangent
        with graph.settings("gradient", False):
            seed = graph.leaf(np.asarray(given, graph.metas[start.root].dtype))
            made = autodiff.gradients(graph, {start.root: seed}, parameters)
        return {i: g.id for i, g in zip(parameters, made, strict=True) if g is not None}

    def _settled(self, rows: Sequence[int]) -> ExtendedTape:
        """Return the values; gradients that do not settle, as a sum that is 0, are left out."""
        before: list[Any] | None = None
        for k in range(DOUBLINGS + 1):
            tape = ExtendedTape(self.graph, DIGITS << k)
            now = tape.base(rows)
            same = [] if before is None else list(map(_same, before, now))
            if same and all(same[: len(self.wanted)]) and (all(same) or k == DOUBLINGS):
                settled = {row for row, is_settled in zip(rows, same, strict=True) if is_settled}
                self.gradients = {i: g for i, g in self.gradients.items() if g in settled}
                return tape
            before = now
        raise DigitsFault("the digits do not settle")

    def value(self, row: int) -> Array:
        """Return the exact values of a row, numbers of mpmath."""
        (found,) = self.tape.base([row])
        plain = np.frompyfunc(self.tape.arithmetic.context.mpf, 1, 1)
        return np.asarray(plain(np.asarray(found, object)), object)

    def error(self, row: int, values: Array) -> Array:
        """Return how far values of a row are from the exact ones, relative; 1 at most."""
        return errors(values, self.value(row))


def behind(graph: Graph, rows: Iterable[int]) -> list[int]:
    """Return rows and all that they depend on, in the order of the tape."""
    found, pending = set[int](), list(rows)
    while pending:
        row = pending.pop()
        if row not in found:
            found.add(row)
            pending.extend(i for i in graph.inputs[row] if i >= 0)
    return sorted(found)


def errors(values: Array, exact: Array) -> Array:
    """Return how far values are from exact ones, relative; 1 at most, NaN where those are none."""
    info = np.finfo(values.dtype if values.dtype.kind == "f" else np.float32)
    limits = float(info.tiny), float(info.max)
    pairs = zip(values.ravel().tolist(), exact.ravel().tolist(), strict=True)
    return np.array([error(x, y, *limits) for x, y in pairs]).reshape(values.shape)


def error(x: float, y: Any, least: float, most: float) -> float:
    """Return how far a number is from an exact one, relative, in a dtype of such a range."""
    if not isfinite(y):
        return np.nan
    if not np.isfinite(x):
        return 1.0 if abs(y) <= most else 0.0
    if not y or abs(y) < least:  # no number of the dtype is as small
        return 0.0 if abs(x) <= least else 1.0
    return min(float(abs((y - x) / y)), 1.0)


def isfinite(y: Any) -> bool:
    """Say whether a number of mpmath is a number."""
    return bool(y == y and abs(y) != float("inf"))


def _same(x: Any, y: Any) -> bool:
    """Say whether two arrays agree to SETTLED digits of their largest elements."""
    a, b = (np.asarray(z, object).ravel().tolist() for z in (x, y))
    room = max((abs(v) for v in b if isfinite(v)), default=0) / 10**SETTLED
    return all(
        abs(u - v) <= room if isfinite(u) and isfinite(v) else isfinite(u) == isfinite(v)
        for u, v in zip(a, b, strict=True)
    )  # fmt: skip
