"""Structure that a value may have, and how a random point keeps it: symmetric, one-hot, whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from gradcli.rule.dtypes import Array

Move = Callable[[Array], Array]  # to a random point near by
Generator = np.random.Generator

NEAR = 1e-6  # relative distance from a structure that counts as none: of rounded decimals
SINGULAR = 1e-12  # of its largest eigenvalue, where one is as good as 0


class Structure(NamedTuple):
    """A property of a tensor's value: its name, whether a value has it, a move that keeps it."""

    name: str
    has: Callable[[Array], bool]
    kept: Callable[[Array, Move, Generator], Array]


# ---- matrices ------------------------------------------------------------------------------


def _turned(a: Array) -> Array:
    return np.swapaxes(a, -1, -2).conj()


def _square(a: Array) -> bool:
    return a.ndim >= 2 and a.shape[-1] == a.shape[-2] > 1


def _same(a: Array, b: Array) -> bool:
    return bool(np.all(np.abs(a - b) <= NEAR * np.abs(a).max(initial=0.0)))


def _symmetric(a: Array) -> bool:
    return _square(a) and _same(a, _turned(a))


def _positive_definite(a: Array) -> bool:
    if not _symmetric(a):
        return False
    levels = np.linalg.eigvalsh(a)
    return bool(np.all(levels[..., 0] > SINGULAR * levels[..., -1]))


def symmetrised(a: Array) -> Array:
    """Return the symmetric (Hermitian) part of matrices."""
    return (a + _turned(a)) / 2


def _by_factor(value: Array, move: Move, _: Generator) -> Array:
    factor = np.tril(move(np.linalg.cholesky(symmetrised(value))))
    return np.asarray(factor @ _turned(factor))


def _nearest_orthogonal(a: Array) -> Array:
    left, _, right = np.linalg.svd(a)
    return np.asarray(left @ right)


def _orthogonal(a: Array) -> bool:
    return _square(a) and _same(np.broadcast_to(np.eye(a.shape[-1]), a.shape), a @ _turned(a))


# ---- rows, and choices among a few values --------------------------------------------------


def _of(*values: float) -> Callable[[Array], bool]:
    """Return whether a value consists of all of some numbers, and no other."""
    return lambda a: a.dtype.kind in "fiu" and set(np.unique(a)) == set(values)


def _whole(a: Array) -> bool:
    return a.dtype.kind in "fiu" and len(np.unique(a)) > 1 and bool(np.all(a == np.round(a)))


def _probabilities(a: Array) -> bool:
    return (
        a.dtype.kind == "f"
        and a.ndim > 0
        and a.shape[-1] > 1
        and bool(np.all(a >= 0))
        and _same(np.ones(a.shape[:-1]), a.sum(axis=-1))
    )


def _unit(a: Array) -> bool:
    rows = a.ndim > 0 and a.shape[-1] > 1
    return rows and _same(np.ones(a.shape[:-1]), np.linalg.norm(a, axis=-1))


def shares(a: Array) -> Array:
    """Return the magnitudes of rows, of which each then sums to one."""
    size = np.abs(a)
    return np.asarray(size / size.sum(axis=-1, keepdims=True))


def _chosen(value: Array, _: Move, generator: Generator) -> Array:
    return np.asarray(generator.choice(np.unique(value), value.shape))


# ---- the table -----------------------------------------------------------------------------


def _projected(projection: Callable[[Array], Array]) -> Callable[[Array, Move, Generator], Array]:
    return lambda value, move, _: projection(move(value))


SYMMETRIC = Structure("symmetric", _symmetric, _projected(symmetrised))
POSITIVE_DEFINITE = Structure("symmetric positive definite", _positive_definite, _by_factor)
LOWER = Structure(
    "lower triangular", lambda a: _square(a) and not np.triu(a, 1).any(), _projected(np.tril)
)
UPPER = Structure(
    "upper triangular", lambda a: _square(a) and not np.tril(a, -1).any(), _projected(np.triu)
)
DIAGONAL = Structure(
    "diagonal",
    lambda a: LOWER.has(a) and UPPER.has(a),
    _projected(lambda a: np.tril(np.triu(a))),
)
ORTHOGONAL = Structure("orthogonal", _orthogonal, _projected(_nearest_orthogonal))
ONE_HOT = Structure(
    "one-hot",
    lambda a: _probabilities(a) and _of(0, 1)(a),
    lambda value, _, generator: generator.permuted(value, axis=-1),
)
PROBABILITIES = Structure("made of rows that sum to one", _probabilities, _projected(shares))
MASK = Structure("made of 0 and 1", _of(0, 1), _chosen)
SIGNS = Structure("made of -1 and 1", _of(-1, 1), _chosen)
WHOLE = Structure("made of whole numbers", _whole, _chosen)
UNIT_ROWS = Structure(
    "of norm 1",
    _unit,
    _projected(lambda a: np.asarray(a / np.linalg.norm(a, axis=-1, keepdims=True))),
)
INCREASING = Structure(
    "in increasing order",
    lambda a: a.ndim > 0 and a.shape[-1] > 2 and bool(np.all(np.diff(a) > 0)),
    _projected(lambda a: np.sort(a, axis=-1)),
)
ZEROS = Structure(
    "zero where it is zero here",
    lambda a: bool((a == 0).any() and (a != 0).any()),
    lambda value, move, _: np.where(value == 0, 0, move(value)),
)

# the weakest first: what a claim holds by is the first that is enough
STRUCTURES = (
    SYMMETRIC, POSITIVE_DEFINITE, LOWER, UPPER, DIAGONAL, ORTHOGONAL, UNIT_ROWS, PROBABILITIES,
    ONE_HOT, INCREASING, SIGNS, MASK, WHOLE, ZEROS,
)  # fmt: skip
# what stands for a class, a choice, a count or a weight, where nothing is differentiated by it
LABELS = (ONE_HOT, PROBABILITIES, SIGNS, MASK, WHOLE)
# what a row of the table says that an argument is (`Row.needs`): the first that the value has
NEEDS: Mapping[str, tuple[Structure, ...]] = {
    "positive definite": (POSITIVE_DEFINITE,),
    "symmetric": (POSITIVE_DEFINITE, SYMMETRIC),
    "triangular": (LOWER, UPPER),
    "probabilities": (ONE_HOT, PROBABILITIES),
    "signs": (SIGNS,),
    "counts": (WHOLE,),
}


DISCRETE = ("signs", "counts")  # labels, of which there is no derivative


def drawn(need: str, x: Array, generator: Generator) -> Array:
    """Return a value with the structure that a row needs, made of normal random numbers."""
    match need:
        case "positive definite" | "symmetric" if x.ndim >= 2 and x.shape[-1] == x.shape[-2]:
            if need == "symmetric":
                return symmetrised(x)
            n = x.shape[-1]
            return np.asarray(x @ _turned(x) / n + 0.5 * np.eye(n))
        case "triangular":
            return np.asarray(np.tril(x) + 2 * np.sign(np.tril(np.triu(x))))  # far from singular
        case "probabilities":
            return shares(x)
        case "signs":
            return np.asarray(generator.choice([-1.0, 1.0], x.shape))
        case "counts":
            return generator.poisson(2.0, x.shape).astype(x.dtype)
    return x
