"""Formulas as trees: numbers, names, sums, products, chains of matrices, functions.

Every formula has a shape, as a tensor has. Two are equal where they are written alike, whatever the
order of terms and factors. `elements` and `expressions` have what makes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from gradcli.rule.meta import Shape

Coefficient = Fraction | float | complex


class Listed(tuple[Any, ...]):
    """A list among the arguments of a function."""

    __slots__ = ()


class Formula:
    """What all formulas are: a shape, and parts by which they are told apart."""

    __slots__ = ("_hash", "depth", "key", "shape", "size")

    def __init__(self, shape: Shape, key: Any, inside: Iterable[Formula] = ()) -> None:
        self.shape, self.key = shape, key
        self._hash = hash((type(self), shape, key))
        self.size, self.depth = 1, 1  # of the whole tree
        for part in inside:
            self.size += part.size
            self.depth = max(self.depth, part.depth + 1)

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        return (
            type(self) is type(other)
            and self._hash == other._hash
            and self.shape == other.shape
            and bool(self.key == other.key)
        )

    def __hash__(self) -> int:
        return self._hash

    @property
    def inside(self) -> tuple[Formula, ...]:
        """The formulas that this one is made of."""
        return ()


class Number(Formula):
    """A number without dimensions."""

    __slots__ = ("value",)

    def __init__(self, value: Coefficient) -> None:
        super().__init__((), value)
        self.value = value


class Name(Formula):
    """A tensor that stands for itself."""

    __slots__ = ("name",)

    def __init__(self, name: str, shape: Shape = ()) -> None:
        super().__init__(shape, name)
        self.name = name


class Sum(Formula):
    """Terms, each with a coefficient; two or more of them."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[Formula, Coefficient]) -> None:
        shape = np.broadcast_shapes(*(t.shape for t in terms))
        super().__init__(shape, frozenset(terms.items()), terms)
        self.terms = terms

    @property
    def inside(self) -> tuple[Formula, ...]:
        return tuple(self.terms)


class Product(Formula):
    """A coefficient times factors of each element, each to a power that is a number."""

    __slots__ = ("coefficient", "factors")

    def __init__(self, coefficient: Coefficient, factors: dict[Formula, Coefficient]) -> None:
        shape = np.broadcast_shapes(*(f.shape for f in factors))
        super().__init__(shape, (coefficient, frozenset(factors.items())), factors)
        self.coefficient, self.factors = coefficient, factors

    @property
    def inside(self) -> tuple[Formula, ...]:
        return tuple(self.factors)


class Chain(Formula):
    """A product of matrices and vectors, in their order."""

    __slots__ = ("factors",)

    def __init__(self, factors: tuple[Formula, ...]) -> None:
        super().__init__(_chained([f.shape for f in factors]), factors, factors)
        self.factors = factors

    @property
    def inside(self) -> tuple[Formula, ...]:
        return self.factors


class Transposed(Formula):
    """A tensor whose last two dimensions are exchanged."""

    __slots__ = ("of",)

    def __init__(self, of: Formula) -> None:
        super().__init__((*of.shape[:-2], of.shape[-1], of.shape[-2]), of, (of,))
        self.of = of

    @property
    def inside(self) -> tuple[Formula, ...]:
        return (self.of,)


class Expanded(Formula):
    """A tensor repeated to a larger shape, as broadcasting does it."""

    __slots__ = ("of",)

    def __init__(self, of: Formula, shape: Shape) -> None:
        super().__init__(shape, of, (of,))
        self.of = of

    @property
    def inside(self) -> tuple[Formula, ...]:
        return (self.of,)


class Call(Formula):
    """A function of the language: formulas first, then what it takes by name."""

    __slots__ = ("arguments", "keywords", "name")

    def __init__(
        self, name: str, arguments: Sequence[Any], keywords: dict[str, Any], shape: Shape
    ) -> None:
        self.name, self.arguments, self.keywords = name, tuple(arguments), keywords
        key: Any = (name, self.arguments, tuple(keywords.items()))
        try:
            hash(key)
        except TypeError:  # a dictionary among the attributes of a row
            key = repr(key)
        super().__init__(shape, key, self.inside)

    @property
    def inside(self) -> tuple[Formula, ...]:
        given = (*self.arguments, *self.keywords.values())
        flat = (x for one in given for x in (one if isinstance(one, tuple) else (one,)))
        return tuple(x for x in flat if isinstance(x, Formula))


ONE, ZERO = Number(Fraction(1)), Number(Fraction(0))


def _chained(shapes: Sequence[Shape]) -> Shape:
    found = shapes[0]
    for shape in shapes[1:]:
        if len(found) == 1 and len(shape) == 1:
            found = ()
        elif len(shape) == 1:
            found = found[:-1]
        elif len(found) == 1:
            found = (*shape[:-2], shape[-1])
        else:
            found = (*np.broadcast_shapes(found[:-2], shape[:-2]), found[-2], shape[-1])
    return found
