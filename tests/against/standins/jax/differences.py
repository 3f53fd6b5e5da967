"""Derivatives of the stand-in: by central differences of the eighth order.

They know nothing of anybody's rules, so that what they agree with is right. What is to have
another derivative than its values say, `stop_gradient` and `custom_jvp`, is held at its values at
the point while the point is moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

EIGHTH = np.array([4 / 5, -1 / 5, 4 / 105, -1 / 280])
SIXTH = np.array([3 / 4, -3 / 20, 1 / 60, 0.0])
STEPS = {"double": (1e-2, 1e-3, 1e-4), "single": (5e-2, 1e-2, 2e-3)}  # by precision
NEAR = 1e-10  # relative; an estimate that both orders agree on so far needs no smaller step


class _Evaluation:
    """One function that is being differentiated: what it has held at the point, in order."""

    def __init__(self) -> None:
        self.kept: list[Any] = []
        self.position: int | None = None  # None while the function runs at the point itself

    def next(self) -> Any:
        assert self.position is not None, "the point has been moved"
        self.position += 1
        return self.kept[self.position - 1]


_evaluations: list[_Evaluation] = []


def held(x: Any) -> Any:
    """Return a value at the point, wherever the point is moved to."""
    return _held(x, len(_evaluations))


def _held(x: Any, depth: int) -> Any:
    if not depth:
        return x
    evaluation = _evaluations[depth - 1]
    if evaluation.position is not None:
        return evaluation.next()
    value = _held(x, depth - 1)
    evaluation.kept.append(value)
    return value


def refuse(why: str) -> None:
    """Refuse, as JAX does, to differentiate something."""
    if _evaluations:
        raise NotImplementedError(why)


class CustomJVP:
    """A function whose derivative is stated beside it."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self.function = function
        self.rule: Callable[..., Any] | None = None

    def defjvp(self, rule: Callable[..., Any]) -> None:
        self.rule = rule

    def __call__(self, *args: Any) -> Any:
        assert self.rule is not None, "a custom function has a rule"
        point = held(args)
        moves = [x - p for x, p in zip(args, point, strict=True)]
        if not any(np.any(move) for move in moves):
            return self.function(*args)
        return self.function(*point) + self.rule(point, moves)[1]


class Linearised:
    """A function at a point: its results there, and how they change in some direction."""

    def __init__(self, function: Callable[..., Any], points: Sequence[Any]) -> None:
        self.function, self.points = function, points
        self.evaluation = _Evaluation()
        self.result = self._at(points)
        self.evaluation.position = 0
        parts = leaves(self.result)
        if not all(hasattr(y, "dtype") for y in parts):
            raise TypeError("what is differentiated returns no array")
        self.shapes = [y.shape for y in parts]
        single = any(x.dtype.char in "fF" for x in (*points, *parts))
        self.steps = STEPS["single" if single else "double"]

    def _at(self, points: Sequence[Any]) -> Any:
        with self._entered():
            return self.function(*points)

    @contextmanager
    def _entered(self) -> Iterator[None]:
        _evaluations.append(self.evaluation)
        try:
            yield
        finally:
            _evaluations.pop()

    def along(self, moves: Sequence[Any]) -> Any:
        """Return the derivative of all results, one after the other, in a direction."""
        best: Any = None
        for h in self.steps:
            sides = np.stack([
                self._flat([x + (k * h * m).astype(x.dtype)
                            for x, m in zip(self.points, moves, strict=True)])
                for k in (1, -1, 2, -2, 3, -3, 4, -4)
            ])  # fmt: skip
            with np.errstate(all="ignore"):
                odd = (sides[::2] - sides[1::2]) / h
                found = np.tensordot(EIGHTH, odd, 1)
                error = np.abs(found - np.tensordot(SIXTH, odd, 1))
                error = np.nan_to_num(error, nan=np.inf) + 1e-16 * np.abs(sides).max(0) / h
            if best is None:
                best = found, error
            else:
                better = error < best[1]
                best = np.where(better, found, best[0]), np.where(better, error, best[1])
            if np.all(best[1] <= NEAR * np.maximum(1, np.abs(best[0]))):
                break
        return best[0]

    def _flat(self, points: Sequence[Any]) -> Any:
        self.evaluation.position = 0
        parts = [np.asarray(y).reshape(-1) for y in leaves(self._at(points))]
        kind = np.complex128 if any(y.dtype.kind == "c" for y in parts) else np.float64
        return np.concatenate([y.astype(kind) for y in parts])


def leaves(tree: Any) -> list[Any]:
    """Return the arrays of tuples and lists."""
    return [y for x in tree for y in leaves(x)] if isinstance(tree, tuple | list) else [tree]
