"""Parts that several formulas have in common, or one has twice, under names of their own."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from gradcli.formula.expressions import Call, Chain, Formula, Name, Product, Sum
from gradcli.formula.simplify import rebuilt
from gradcli.formula.text import text

LETTERS = ("d", "r", "s", "t", "u", "v", "p", "q", "h", "k")
SHORTEST = 18  # characters that are worth a name
LONG = 60  # characters of a formula that nobody has trouble with


def parted(
    formulas: Sequence[Formula], taken: Collection[str]
) -> tuple[list[Formula], list[tuple[str, Formula]]]:
    """Return formulas in which common parts have names, and what the names stand for in order.

    `taken` are names that the file has.
    """
    left, parts = list(formulas), list[tuple[str, Formula]]()
    letters = [n for n in LETTERS if n not in taken]
    while len(parts) < len(letters) and any(len(text(x)) > LONG for x in left):
        part = _largest([*left, *(x for _, x in parts)])
        if part is None:
            break
        name = Name(f" {len(parts)}", part.shape)  # a letter once their order is known
        left = [_replaced(x, part, name) for x in left]
        parts = [(n, _replaced(x, part, name)) for n, x in parts]
        parts.insert(0, (name.name, part))
    for letter, (name_, part) in zip(letters, parts := _in_order(parts), strict=False):
        old, new = Name(name_, part.shape), Name(letter, part.shape)
        left = [_replaced(x, old, new) for x in left]
        parts = [(letter if n == name_ else n, _replaced(x, old, new)) for n, x in parts]
    return left, parts


def _largest(formulas: Sequence[Formula]) -> Formula | None:
    """Return the largest part that is worth a name: it is there more than once."""
    count: dict[Formula, int] = {}
    for formula in formulas:
        for part in _parts(formula):
            count[part] = count.get(part, 0) + 1
    worth = [x for x, n in count.items() if n > 1 and len(text(x)) >= SHORTEST]
    return max(worth, key=lambda x: x.size, default=None)


def _parts(a: Formula) -> Iterator[Formula]:
    pending = list(a.inside)
    while pending:
        one = pending.pop()
        if isinstance(one, Sum | Product | Chain | Call):
            yield one
        pending.extend(one.inside)


def _replaced(a: Formula, part: Formula, name: Name) -> Formula:
    if a == part:
        return name
    return rebuilt(a, lambda x: _replaced(x, part, name))


def _in_order(parts: Sequence[tuple[str, Formula]]) -> list[tuple[str, Formula]]:
    """Return definitions, those that others use first."""
    left, found = dict(parts), dict[str, Formula]()
    while left:
        for name, formula in list(left.items()):
            if not any(Name(other, x.shape) in set(_leaves(formula)) for other, x in left.items()):
                found[name] = left.pop(name)
                break
        else:
            raise AssertionError("a part of itself")
    return list(found.items())


def _leaves(a: Formula) -> Iterator[Formula]:
    if not a.inside:
        yield a
    for part in a.inside:
        yield from _leaves(part)
