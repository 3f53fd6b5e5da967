"""Formulas of parts of tensors, and of the tensors that a gradient by a part fills with zeros."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from gradcli.formula import expressions as f
from gradcli.formula.expressions import Call, Expanded, Formula, Listed, Number, Product, Sum
from gradcli.rule.meta import Shape

MASKS = ("gt", "ge", "lt", "le", "eq", "ne")
Part = Callable[[Formula], Formula]


def _each(a: Formula, shape: Shape, part: Part) -> Formula | None:
    """Return a part of what is computed element by element, as that of its parts."""
    if isinstance(a, Expanded) and not a.of.shape:
        return f.expand(a.of, shape)
    if isinstance(a, Product | Sum) and all(x.shape in ((), a.shape) for x in a.inside):
        return f.with_parts(a, {x: part(x) if x.shape else x for x in a.inside})
    return None


def _ends(a: Formula, dim: int, start: Any, end: Any) -> tuple[int, int]:
    """Return the first element of a slice, and the one behind its last."""
    first, last, _ = slice(start, end).indices(a.shape[dim])
    return first, max(first, last)


def slice_(a: Formula, dim: int, start: Any, end: Any, step: int, shape: Shape) -> Formula:
    """Return elements along a dimension; of what `cat` put together, the whole piece."""
    found = _each(a, shape, lambda x: slice_(x, dim, start, end, step, shape))
    if found is not None:
        return found
    if isinstance(a, Call) and a.name == "cat" and a.keywords.get("dim", 0) == dim and step == 1:
        position, ends = 0, _ends(a, dim, start, end)
        for piece in a.arguments[0]:
            if ends == (position, position + piece.shape[dim]):
                return piece  # type: ignore[no-any-return]
            position += piece.shape[dim]
    if (start in (None, 0)) and (end is None or end >= a.shape[dim]) and step == 1:
        return a
    return Call("slice", (a,), {"dim": dim, "start": start, "end": end, "step": step}, shape)


def slice_gradient(
    g: Formula, size: Shape, dim: int, start: Any, end: Any, step: int, shape: Shape
) -> Formula | None:
    """Return zeros around what arrives."""
    if step != 1:
        if dim or len(size) > 2:
            return None
        unit = _eye(size[0])
        rows = slice_(unit, 0, start, end, step, (*g.shape[:1], size[0]))
        return f.matmul(f.transpose(rows), g)
    first, last = _ends(f.expand(f.ZERO, size), dim, start, end)
    widths = [(0, 0)] * len(size)
    widths[dim] = (first, size[dim] - last)
    if all(w == (0, 0) for w in widths):
        return g
    return Call("pad", (g, tuple(widths)), {}, shape)


def select(a: Formula, dim: int, index: int, shape: Shape) -> Formula:
    """Return one element along a dimension."""
    found = _each(a, shape, lambda x: select(x, dim, index, shape))
    if found is not None:
        return found
    if isinstance(a, Call) and a.name == "stack" and a.keywords.get("dim", 0) == dim:
        return a.arguments[0][index]  # type: ignore[no-any-return]
    return Call("select", (a,), {"dim": dim, "index": index}, shape)


def select_gradient(g: Formula, size: Shape, dim: int, index: int, **_: Any) -> Formula:
    """Return what arrives where it belongs: times a row of the identity."""
    n = size[dim]
    there = f.reshape(_unit(index, n), (n, *(1,) * (len(size) - dim - 1)))
    return f.multiply(f.reshape(g, (*size[:dim], 1, *size[dim + 1 :])), there)


def classes(target: Formula, shape: Shape) -> Formula:
    """Return 1 at the class of each row, and 0 at the others."""
    if isinstance(target, Number) and isinstance(target.value, Fraction):
        return _unit(int(target.value), shape[-1])
    if isinstance(target, Call) and target.name == "arange" and target.shape == shape[-1:]:
        return Call("eye", target.arguments, {}, shape)
    return f.call("one_hot", target, shape=shape, num_classes=shape[-1])


def _unit(index: int, n: int) -> Formula:
    return Call("select", (_eye(n),), {"dim": 0, "index": index}, (n,))


def _eye(n: int) -> Formula:
    return Call("eye", (f.number(n),), {}, (n, n))


def index(a: Formula, *indices: Any, shape: Shape) -> Formula | None:
    """Return the elements at some indices."""
    if not indices or any(not isinstance(i, Formula) for i in indices):
        return None
    return Call("index", (a, *indices), {}, shape)


def index_gradient(g: Formula, *indices: Any, size: Shape, **_: Any) -> Formula | None:
    """Return what arrives where it belongs: times rows of the identity."""
    if len(indices) == 1 and isinstance(indices[0], Call) and indices[0].name in MASKS:
        found = _unmasked(g, indices[0]) if indices[0].shape == size else None
        if found is not None:
            return f.multiply(indices[0], found)
    if len(indices) == 1 and isinstance(indices[0], Formula) and len(g.shape) == len(size):
        rows = f.transpose(_units(indices[0], size[0]))
        return f.matmul(rows, g) if len(indices[0].shape) == 1 else None
    first = indices[0]
    in_turn = isinstance(first, Call) and first.name == "arange" and first.shape == size[:1]
    if len(indices) == 2 == len(size) and in_turn and len(g.shape) == 1:
        return f.multiply(f.reshape(g, (*g.shape, 1)), _units(indices[1], size[1]))
    return None


def _unmasked(a: Formula, mask: Formula) -> Formula | None:
    """Return what is computed of the elements that a mask picks as computed of all elements."""
    if not a.shape:
        return a
    if isinstance(a, Call) and a.name == "index" and a.arguments[1:] == (mask,):
        return a.arguments[0]  # type: ignore[no-any-return]
    if isinstance(a, Expanded) and not a.of.shape:
        return a.of
    if not isinstance(a, Product | Sum):
        return None
    parts = {x: _unmasked(x, mask) for x in a.inside}
    if any(x is None for x in parts.values()):
        return None
    return f.with_parts(a, {x: y for x, y in parts.items() if y is not None})


def along_gradient(g: Formula, index: Formula, dim: int, size: Shape, **_: Any) -> Formula | None:
    """Return what arrives where it belongs along a dimension, one element in each row."""
    last = len(size) - 1
    if not last and len(index.shape) == 1:
        return f.matmul(f.transpose(_units(index, size[0])), g)
    if dim % len(size) != last or index.shape[-1:] != (1,) or index.shape[:-1] != size[:-1]:
        return None
    return f.multiply(g, _units(f.reshape(index, index.shape[:-1]), size[last]))


def _units(index: Formula, n: int) -> Formula:
    return Call("index", (_eye(n), index), {}, (*index.shape, n))


def cat(*pieces: Formula, dim: int, shape: Shape) -> Formula:
    """Return tensors put together, one behind the other or along a new dimension."""
    name = "cat" if len(shape) == len(pieces[0].shape) else "stack"
    return Call(name, (Listed(pieces),), {"dim": dim} if dim else {}, shape)


def as_complex(a: Formula, shape: Shape, **_: Any) -> Formula | None:
    """Return the complex number of which one part is something, and the other 0."""
    inner = a.of if isinstance(a, Expanded) else a
    factors = inner.factors if isinstance(inner, Product) else {inner: Fraction(1)}
    for unit, parts in ((_unit(0, 2), f.ONE), (_unit(1, 2), Number(1j))):
        if factors.get(unit) != 1:
            continue
        number = inner.coefficient if isinstance(inner, Product) else Fraction(1)
        rest = (f.power(f.reshape(x, x.shape[:-1]) if x.shape[-1:] == (1,) else x, e)
                for x, e in factors.items() if x != unit)  # fmt: skip
        return f.expand(f.multiply(parts, Number(number), *rest), shape)
    return None
