"""How two arrays that should be equal differ: by a factor, a transpose, a missing sum."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import combinations
from math import prod
from typing import NamedTuple

import numpy as np

from gradcli.inspection import Place
from gradcli.rule.dtypes import Array
from gradcli.verify.report import Element

Pair = tuple[Array, Array]

SAME = 1e-6  # relative distance below which a pattern counts as found
SIMPLE = 12  # numerators and denominators of factors that need no explanation
REASONS = 2  # places named that a number may come from


class Vectors(NamedTuple):
    """Two gradients compared as vectors; None where one of them is zero."""

    mean: float
    cosine: float | None
    ratio: float | None


def vectors(elements: Iterable[Element]) -> Vectors:
    """Return mean absolute error, cosine and ratio of norms of analytic to numeric."""
    own = [e for e in elements if e.index is not None]
    a, b = np.array([e.analytic for e in own]), np.array([e.numeric for e in own])
    finite = np.isfinite(a) & np.isfinite(b)
    a, b = a[finite], b[finite]
    if not a.size:
        return Vectors(0.0, None, None)
    scale = float(np.abs([a, b]).max()) or 1.0
    a, b = a / scale, b / scale
    m, n = float(np.linalg.norm(a)), float(np.linalg.norm(b))
    mean = float(np.abs(a - b).mean()) * scale
    if not m or not n:
        return Vectors(mean, None, None)
    return Vectors(mean, min(1.0, float(a / m @ (b / n))), m / n)


def described(elements: Sequence[Element], shape: tuple[int, ...]) -> str:
    """Return how the analytic derivatives differ from the numeric ones, "" where it is not plain.

    The first output that differs is looked at; of elements that are a sample, only a factor shows.
    """
    output = elements[0].output
    own = [e for e in elements if e.output == output and e.index is not None]
    if any(e.part for e in own):
        return ""
    own.sort(key=lambda e: e.index or ())
    analytic, numeric = np.array([(e.analytic, e.numeric) for e in own]).reshape(-1, 2).T
    if len(own) == prod(shape):
        analytic, numeric = analytic.reshape(shape), numeric.reshape(shape)
    pairs, names = [(numeric, analytic)], ("the difference quotient", "the gradient")
    factor = constant_factor(pairs) if np.all(np.isfinite(pairs)) else None
    if factor is not None and simple(factor, {}) is None:  # here it is exact, whatever it means
        return f"{names[1]} is {factor:.6g} times {names[0]}"
    return relation(pairs, names, {})


def relation(
    pairs: Sequence[Pair], names: tuple[str, str], known: Mapping[float, Sequence[str]]
) -> str:
    """Return a pattern of two arrays, or the constant that separates them at every point."""
    return pattern(pairs, names, known) or shift(pairs, names)


def pattern(
    pairs: Sequence[Pair], names: tuple[str, str], known: Mapping[float, Sequence[str]]
) -> str:
    """Return how the second of each pair follows from the first, "" where no pattern fits.

    `names` are what to call the two; `known` says where numbers stand that a factor may come from.
    """
    if not all(np.all(np.isfinite(x)) for pair in pairs for x in pair):
        return ""
    first, second = names
    factor = constant_factor(pairs)
    if factor is not None:
        if np.isclose(factor, 1, rtol=SAME):
            return ""  # they are the same
        words = simple(factor, known)
        return "" if words is None else f"{second} is {words[0]} {first}{words[1]}"
    turned = [(np.swapaxes(x, -1, -2), y) for x, y in pairs if x.ndim >= 2]
    if len(turned) == len(pairs) and (factor := constant_factor(turned)) is not None:
        words = simple(factor, known)
        times = "" if words is None or words[0] == "1 times" else f"{words[0]} "
        where = "" if words is None else words[1]
        return f"{second} is {times}the transpose of {first}{where}" if words else ""
    return (
        _summed(pairs, first, second)
        or _summed([(y, x) for x, y in pairs], second, first)
        or _reversed(pairs, first, second)
    )


def close(a: Array, b: Array) -> bool:
    """Say whether two arrays are equal up to round-off."""
    if a.shape != b.shape:
        return False
    size = max(float(np.abs(a).max(initial=0)), float(np.abs(b).max(initial=0)))
    return bool(np.all(np.abs(a - b) <= SAME * size))


def constant_factor(pairs: Sequence[Pair]) -> float | None:
    """Return the constant c with y = c x for every pair, None where there is none."""
    if any(x.shape != y.shape or not x.size or x.dtype.kind == "c" for x, y in pairs):
        return None
    x = np.concatenate([x.reshape(-1) for x, _ in pairs])
    y = np.concatenate([y.reshape(-1) for _, y in pairs])
    scale = float(np.abs(x).max())
    if not scale or not np.abs(y).max():
        return None
    c = float((x / scale) @ y / ((x / scale) @ x))
    return c if close(c * x, y) else None


def simple(factor: float, known: Mapping[float, Sequence[str]]) -> tuple[str, str] | None:
    """Return a factor in words, `minus` or `1/6 times`, and where its 6 may come from.

    None where it is neither a simple fraction nor one of the numbers that are known.
    """
    if np.isclose(factor, -1, rtol=SAME):
        return "minus", ""
    for value in (v for v in known if not v.is_integer()):
        if np.isclose(abs(factor), abs(value), rtol=SAME, atol=0):
            return f"{factor:.6g} times", _reasons(f"{value:.6g}", known[value])
    fraction = Fraction(factor).limit_denominator(10**6)
    n = max(abs(fraction.numerator), fraction.denominator)
    if np.isclose(float(fraction), factor, rtol=SAME, atol=0) and (n <= SIMPLE or n in known):
        return f"{fraction} times", _reasons(str(n), known.get(n, ()) if n > 1 else ())
    for value in (v for v in known if not v.is_integer()):
        if np.isclose(abs(factor * value), 1, rtol=SAME, atol=0):
            sign = "-" if factor * value < 0 else ""
            return f"{sign}1/{value:.6g} times", _reasons(f"{value:.6g}", known[value])
    return None


def _reasons(value: str, words: Sequence[str]) -> str:
    return f" ({value} {' or '.join(words[:REASONS])})" if words else ""


def _summed(pairs: Sequence[Pair], first: str, second: str) -> str:
    """Look for dimensions over which the second still has to be summed to give the first."""
    rank = pairs[0][1].ndim
    for count in range(1, rank + 1):
        for axes in combinations(range(rank), count):
            if all(_sums_to(x, y, axes) for x, y in pairs):
                listed = ", ".join(map(str, axes))
                return (
                    f"{second} lacks a sum over dimension{'s' * (count > 1)} {listed}: summed, "
                    f"it is {first}"
                )
    return ""


def _reversed(pairs: Sequence[Pair], first: str, second: str) -> str:
    """Look for a dimension along which the elements are in reverse order."""
    for axis in range(pairs[0][0].ndim):
        if all(x.size and close(np.flip(x, axis), y) for x, y in pairs):
            return f"{second} is {first} reversed along dimension {axis}"
    return ""


def _sums_to(x: Array, y: Array, axes: tuple[int, ...]) -> bool:
    total = y.sum(axis=axes, keepdims=True)
    return total.size == x.size and close(total.reshape(x.shape), x)


def shift(pairs: Sequence[Pair], names: tuple[str, str]) -> str:
    """Return the constant that separates the two at every point, in words, "" if none does."""
    if len(pairs) < 2 or any(x.shape != y.shape or x.size != 1 for x, y in pairs):
        return ""
    gaps = [y - x for x, y in pairs]
    if not np.all(np.isfinite(gaps)) or not gaps[0].any():
        return ""
    if all(close(gap, gaps[0]) for gap in gaps[1:]):
        return f"{names[1]} is {names[0]} plus {float(gaps[0].reshape(())):.6g} at every point"
    return ""


def farthest(x: Array, y: Array, count: int) -> list[Place]:
    """Return the places where two arrays differ most, with both values."""
    try:
        x, y = np.broadcast_arrays(x, y)
    except ValueError:
        return []
    with np.errstate(all="ignore"):  # booleans have no difference, and unsigned integers wrap
        gap = np.abs(np.subtract(x, y, dtype=np.complex128))
        gap = np.nan_to_num(gap, nan=np.inf).reshape(-1)
    order = [i for i in np.argsort(-gap, kind="stable")[:count] if gap[i] > 0]
    places = [tuple(int(k) for k in np.unravel_index(i, x.shape)) for i in order]
    return [(p, _number(x[p]), _number(y[p])) for p in places]


def _number(value: Array) -> complex:
    return complex(value) if value.dtype.kind == "c" else float(value)
