"""Identities applied to terms: where a pattern fits, and what comes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from gradcli.diagnose.precision.rules import Identity
from gradcli.diagnose.precision.terms import (
    ONE,
    Term,
    TermFault,
    number,
    product,
    replaced,
    times,
    total,
)

Found = dict[str, Term]
Make = Callable[[Term], Term]  # puts what an identity gives beside the parts that are left
MOST = 12  # parts of a term among which those of a pattern are looked for


def rewritten(term: Term, identity: Identity) -> Iterator[Term]:
    """Yield what an identity makes of a term as a whole, parts of it left as they are."""
    pattern = identity.left
    if pattern.op == "total" and term.op == "total":
        found = _in_sum(term, pattern)
    elif pattern.op == "product" and term.op in ("product", "total"):
        found = _in_product(term, pattern)
    else:
        found = ((x, None) for x in _fitting(pattern, term, {}))
    for bound, make in found:
        try:
            made = replaced(identity.right, bound)
            yield made if make is None else make(made)
        except TermFault:
            continue


def _in_sum(term: Term, pattern: Term) -> Iterator[tuple[Found, Make | None]]:
    items, wanted = term.items(), pattern.items()
    if len(items) > MOST or len(items) < len(wanted):
        return
    for scale, used, bound in _items(wanted, items, None, (), {}):
        rest = [x for k, x in enumerate(items) if k not in used]
        place = min(used)

        def make(made: Term, scale: Fraction = scale, rest: list[tuple[Fraction, Term]] = rest,
                 place: int = place) -> Term:  # fmt: skip
            return total([*rest[:place], (scale, made), *rest[place:]])

        yield bound, make


def _items(
    wanted: list[tuple[Fraction, Term]], items: list[tuple[Fraction, Term]],
    scale: Fraction | None, used: tuple[int, ...], bound: Found,
) -> Iterator[tuple[Fraction, tuple[int, ...], Found]]:  # fmt: skip
    if not wanted:
        assert scale is not None, "a pattern has items"
        yield scale, used, bound
        return
    (weight, pattern), *others = wanted
    for k, (own, term) in enumerate(items):
        if k in used or (scale is not None and own != scale * weight):
            continue
        for one in _fitting(pattern, term, bound):
            yield from _items(others, items, own / weight, (*used, k), one)


def _in_product(term: Term, pattern: Term) -> Iterator[tuple[Found, Make | None]]:
    powers, wanted = term.powers(), pattern.powers()
    if len(powers) > MOST or len(powers) < len(wanted):
        return
    scale = (term.factor if term.op == "product" else Fraction(1)) / pattern.factor
    for used, bound in _powers(wanted, powers, (), {}):
        rest = [x for k, x in enumerate(powers) if k not in used]

        def make(made: Term, rest: list[tuple[Term, Fraction]] = rest) -> Term:
            return product([(made, Fraction(1)), *rest], scale)

        yield bound, make


def _powers(
    wanted: list[tuple[Term, Fraction]], powers: list[tuple[Term, Fraction]],
    used: tuple[int, ...], bound: Found,
) -> Iterator[tuple[tuple[int, ...], Found]]:  # fmt: skip
    if not wanted:
        yield used, bound
        return
    (pattern, exponent), *others = wanted
    for k, (base, own) in enumerate(powers):
        if k not in used and own == exponent:
            for one in _fitting(pattern, base, bound):
                yield from _powers(others, powers, (*used, k), one)


def _fitting(pattern: Term, term: Term, bound: Found) -> Iterator[Found]:
    """Yield what a pattern's letters stand for where it is a whole term."""
    if pattern.op == "any":
        known = bound.get(pattern.name)
        if known is None:
            yield {**bound, pattern.name: term}
        elif known.key == term.key:
            yield bound
        return
    if not pattern.names:
        if pattern.key == term.key:
            yield bound
        return
    if pattern.op == "total":
        yield from _fitting_sum(pattern, term, bound)
    elif pattern.op == "product":
        yield from _fitting_product(pattern, term, bound)
    elif pattern.op == term.op and len(pattern.args) == len(term.args):
        yield from _fitting_each(pattern.args, term.args, bound)


def _fitting_each(
    patterns: tuple[Term, ...], terms: tuple[Term, ...], bound: Found
) -> Iterator[Found]:
    if not patterns:
        yield bound
        return
    for one in _fitting(patterns[0], terms[0], bound):
        yield from _fitting_each(patterns[1:], terms[1:], one)


def _fitting_sum(pattern: Term, term: Term, bound: Found) -> Iterator[Found]:
    """Yield fits of a whole sum; a letter alone stands for whatever the others leave."""
    loose = [(w, x) for w, x in pattern.items() if x.op == "any"]
    firm = [(w, x) for w, x in pattern.items() if x.op != "any"]
    items = term.items()
    if len(items) > MOST or not firm or len(items) < len(firm):
        return
    for used, one in _signed(firm, items, (), bound):
        rest = [x for k, x in enumerate(items) if k not in used]
        if not loose:
            if not rest:
                yield one
            continue
        if len(loose) > 1 or not rest:
            continue
        weight, letter = loose[0]
        yield from _fitting(letter, total((w / weight, x) for w, x in rest), one)


def _signed(
    wanted: list[tuple[Fraction, Term]], items: list[tuple[Fraction, Term]],
    used: tuple[int, ...], bound: Found,
) -> Iterator[tuple[tuple[int, ...], Found]]:  # fmt: skip
    if not wanted:
        yield used, bound
        return
    (weight, pattern), *others = wanted
    for k, (own, term) in enumerate(items):
        if k in used or own != weight:
            continue
        for one in _fitting(pattern, term, bound):
            yield from _signed(others, items, (*used, k), one)


def _fitting_product(pattern: Term, term: Term, bound: Found) -> Iterator[Found]:
    powers = pattern.powers()
    if len(powers) == 1 and powers[0][0].op == "any" and powers[0][1] == 1:
        # -a, 2*a: a is whatever the term is a multiple of
        yield from _fitting(powers[0][0], times(number(1 / pattern.factor), term), bound)
        return
    factor = term.factor if term.op == "product" else Fraction(1)
    if factor != pattern.factor:
        return
    given = term.powers()
    if len(given) != len(powers):
        yield from _quotient(powers, given, bound)
        return
    for _, one in _powers(powers, given, (), bound):
        yield one


def _quotient(
    powers: list[tuple[Term, Fraction]], given: list[tuple[Term, Fraction]], bound: Found
) -> Iterator[Found]:
    """Yield fits of `a/b` and `a*b` to products of several powers."""
    letters = [x for x, w in powers if x.op == "any" and abs(w) == 1]
    if len(powers) != 2 or len(letters) != 2 or powers[0][1] != 1:
        return
    first, second = powers
    if second[1] == -1:
        above = product((x, w) for x, w in given if w > 0)
        below = product((x, -w) for x, w in given if w < 0)
        if below.key != ONE.key:
            for one in _fitting(first[0], above, bound):
                yield from _fitting(second[0], below, one)
        return
    for k in range(len(given)):
        rest = product(x for j, x in enumerate(given) if j != k)
        for one in _fitting(first[0], product([given[k]]), bound):
            yield from _fitting(second[0], rest, one)
