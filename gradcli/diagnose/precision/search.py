"""The search for another way to write a formula, which keeps its digits.

Where most digits are lost, identities and algebra are tried; what they give is the same function
or is dropped: high precision says which, at the point and around it. Of what is left the one that
loses least is taken further. It follows no list of known cases, and ends after so many steps.

Source: P. Panchekha, A. Sanchez-Stern, J. R. Wilcox, Z. Tatlock, Automatically improving accuracy
for floating point expressions, PLDI 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from math import log10

import numpy as np

from gradcli.diagnose.precision.algebra import (
    conjugates,
    expanded,
    factored,
    powers_apart,
    regrouped,
    square_out,
    together,
    together_in_pairs,
)
from gradcli.diagnose.precision.match import rewritten
from gradcli.diagnose.precision.rules import Identity, identities
from gradcli.diagnose.precision.series import near_zero
from gradcli.diagnose.precision.terms import Term, TermFault, rebuilt
from gradcli.diagnose.precision.values import Number, Points
from gradcli.rule.dtypes import FLOAT64, Array, DType

STEPS = 12  # formulas that are taken further
MORE = 4  # of them when nothing is lost any more: there may be a shorter one
TRIED = 600  # formulas that are computed
LARGEST = 60  # names, numbers and operations of a formula that is considered
AGREES = 30  # digits to which two formulas are the same
EXTRA = 40  # digits beside those
DOUBLINGS = 4  # of the digits, until the formula's values have settled
SPREADS = (1e-3, 0.03, 0.3, 1.0)  # how far points around are, relative
NEAR = 12  # points close by: digits are kept there too
ROUNDINGS = 8  # last digits that a few operations may be off by

Path = tuple[int, ...]


@dataclass(frozen=True)
class Candidate:
    """A formula, and by how much it is off: at the point, and at the worst point close by."""

    term: Term
    error: float
    around: float


class Search:
    """Other ways to write a formula at a point, given by the values of its names.

    `error` is that of the run, where the formula as it is read is not computed as the run does.
    """

    def __init__(
        self, term: Term, point: Mapping[str, float], dtype: DType = FLOAT64,
        error: float | None = None,
    ) -> None:  # fmt: skip
        self.term, self.dtype = term, dtype
        self.epsilon = float(np.finfo(dtype).eps) / 2 if dtype.kind == "f" else 2.0**-8
        self.points, settled = self._settled(sampled(point, dtype))
        self.exact: list[Number] = self.points.exact(term)
        # a 0 may be a number that has lost all its digits, however many there were
        finite = [bool(self.points.context.isfinite(x) and x) for x in self.exact]
        self.known = np.array(finite) & settled
        self.before = self.candidate(term)
        if error is not None:
            self.before = replace(self.before, error=max(error, self.before.error))
        self.agreeing = int(self.known.sum()) - 1
        self.largest = max(LARGEST, 2 * term.size)

    def _settled(self, columns: Mapping[str, list[float]]) -> tuple[Points, Array]:
        """Return points with so many digits that the formula's values have settled, and where."""
        points = Points(columns, self.dtype, AGREES + EXTRA)
        for _ in range(DOUBLINGS):
            finer = Points(columns, self.dtype, 2 * points.context.dps)
            pairs = zip(points.exact(self.term), finer.exact(self.term), strict=True)
            settled = np.array([_same(finer, x, y) and bool(y) for x, y in pairs])
            points = finer
            if settled[: 1 + NEAR].all():
                break
        return points, settled

    def candidate(self, term: Term) -> Candidate:
        """Return a formula with its errors."""
        with np.errstate(all="ignore"):
            errors = self.points.errors(term, self.exact)
        near = errors[1 : 1 + NEAR]
        around = float(np.max(near[np.isfinite(near)], initial=0.0))
        return Candidate(term, float(np.nan_to_num(errors[0], nan=1.0)), around)

    def found(self) -> list[Candidate]:
        """Return formulas that are better than the one that there is, the best one first."""
        read = self.candidate(self.term)
        seen, waiting, left = {self.term.key: read}, [read], MORE
        for _ in range(STEPS):
            if not waiting or len(seen) > TRIED or not left:
                break
            waiting.sort(key=self._rank)
            best = waiting.pop(0)
            left -= self._settles(best)
            for term in self._further(best.term):
                key = term.ordered if term.op == "total" else term.key
                if key in seen or term.size > self.largest or len(seen) > TRIED:
                    continue
                if self.agrees(term):
                    seen[key] = self.candidate(term)
                    waiting.append(seen[key])
                else:
                    seen[key] = self.before
        better = [c for c in {id(c): c for c in seen.values()}.values() if self.is_better(c)]
        if not any(map(self._settles, better)):
            better += [c for c in map(self.candidate, self._by_series()) if self.is_better(c)]
        return sorted(better, key=self._cost)

    def alternatives(self) -> list[Candidate]:
        """Return other ways to write the formula that are as good at the point and around."""
        found: dict[str, Candidate] = {}
        for term in islice(self._further(self.term), TRIED):
            if term.key not in found and term.size <= self.largest and self.agrees(term):
                found[term.key] = self.candidate(term)
        found.pop(self.term.key, None)
        return sorted(filter(self._settles, found.values()), key=self._cost)

    def _cost(self, c: Candidate) -> int:
        """Weigh what a formula loses against its length."""
        lost, around, size = self._rank(c)
        return 4 * lost + 2 * around + size

    def _by_series(self) -> Iterator[Term]:
        """Yield the formula with a part of one small name replaced by the first terms of a series.

        The smallest part in which digits are lost comes first.
        """
        for path in self._worst(self.term):
            part = _at(self.term, path)
            if len(part.names) == 1 and part.args:
                (variable,) = part.names
                near = near_zero(part, variable, self.points.columns[variable][0], self.dtype)
                if near is not None:
                    yield _put(self.term, path, near)

    def _settles(self, c: Candidate) -> bool:
        return c.error <= ROUNDINGS * self.epsilon and c.around <= 8 * ROUNDINGS * self.epsilon

    def _rank(self, c: Candidate) -> tuple[int, int, int]:
        """Order formulas: by digits lost, what is exact alike; then the shorter one."""
        return _digits(c.error, self.epsilon), _digits(c.around, self.epsilon), c.term.size

    def is_better(self, c: Candidate) -> bool:
        """Say whether a formula keeps three digits more here, and as many around."""
        return c.error <= 1e-3 * self.before.error and c.around <= max(
            8 * self.before.around, 256 * self.epsilon
        )

    def agrees(self, term: Term) -> bool:
        """Say whether a formula is the same function at every point where the first one is one."""
        exact = self.points.exact(term)
        return all(
            _same(self.points, x, y)
            for x, y, known in zip(self.exact, exact, self.known, strict=True) if known
        )  # fmt: skip

    def _further(self, term: Term) -> Iterator[Term]:
        """Yield what may be written for a formula, changed where most digits are lost, or above."""
        for identity in identities():
            yield applied(term, identity)
        for path in self._worst(term):
            part = _at(term, path)
            for other in everywhere(part):
                try:
                    yield _put(term, path, other)
                except TermFault:
                    continue

    def _worst(self, term: Term) -> list[Path]:
        """Return the places where digits are lost, with all that is around them, inside out."""
        found: dict[Path, float] = {}
        with np.errstate(all="ignore"):
            for path, part in _parts(term):
                error = self.points.local(part) if part.args else 0.0
                if error > 4 * self.epsilon or not np.isfinite(error):
                    found[path] = float(np.nan_to_num(error, nan=1.0))
        worst = sorted(found, key=lambda p: (-_digits(found[p], self.epsilon), len(p)))[:3]
        places: list[Path] = []
        for path in worst or [p for p, _ in _parts(term)]:
            for length in range(len(path), -1, -1):
                if path[:length] not in places:
                    places.append(path[:length])
        return places


def applied(term: Term, identity: Identity) -> Term:
    """Return a term with an identity applied wherever it fits, inside out; as it is where not."""
    if not identity.left.functions <= term.functions:
        return term
    try:
        args = [applied(x, identity) for x in term.args]
        same = all(x is y for x, y in zip(args, term.args, strict=True))
        inner = term if same else rebuilt(term, args)
        return next(rewritten(inner, identity), inner)
    except TermFault:
        return term


def everywhere(term: Term) -> Iterator[Term]:
    """Yield what may be written for a term as a whole."""
    for identity in identities():
        if identity.left.functions <= term.functions:
            yield from rewritten(term, identity)
    moves: list[Callable[[], Iterator[Term]]] = [
        lambda: iter([together(term)]), lambda: iter([expanded(term)]),
        lambda: conjugates(term), lambda: factored(term), lambda: regrouped(term),
        lambda: powers_apart(term), lambda: square_out(term), lambda: together_in_pairs(term),
    ]  # fmt: skip
    for move in moves:
        try:
            yield from islice(move(), 24)
        except TermFault:
            continue


def sampled(point: Mapping[str, float], dtype: DType) -> dict[str, list[float]]:
    """Return a point, points close by, and points far away, by name."""
    generator = np.random.default_rng(0)
    names = sorted(point)
    rows = [[point[n] for n in names]]
    for k in range(NEAR):
        spread = SPREADS[k % len(SPREADS)]
        rows.append([point[n] * float(1 + spread * generator.uniform(-0.5, 1)) for n in names])
    for scale in (1e-6, 1e-2, 30.0, 1e3):
        for n in names:
            rows.append([point[m] * (scale if m == n else 1.1) for m in names])
    for n in names:
        rows.append([point[m] * (-1.0 if m == n else 1.01) for m in names])
    for scale in (0.3, 1.0, 2.0):  # where nothing is large or small
        rows.append(
            [float(np.copysign(scale * generator.uniform(0.3, 1), point[n])) for n in names]
        )
    table = np.array(rows).astype(dtype).astype(np.float64)
    return {n: table[:, k].tolist() for k, n in enumerate(names)}


def _same(points: Points, x: Number, y: Number) -> bool:
    c = points.context
    if not c.isfinite(x) or not c.isfinite(y):
        return bool(c.isfinite(x) == c.isfinite(y))
    return bool(abs(x - y) <= c.mpf(10) ** -AGREES * abs(x))


def _digits(error: float, epsilon: float) -> int:
    """Return in steps of half a digit how many are lost; a few roundings are none."""
    return max(round(2 * log10(max(error, epsilon) / (ROUNDINGS * epsilon))), 0)


def _parts(term: Term, path: Path = ()) -> Iterator[tuple[Path, Term]]:
    yield path, term
    for k, x in enumerate(term.args):
        yield from _parts(x, (*path, k))


def _at(term: Term, path: Path) -> Term:
    for k in path:
        term = term.args[k]
    return term


def _put(term: Term, path: Path, part: Term) -> Term:
    if not path:
        return part
    k, *rest = path
    args = [_put(x, tuple(rest), part) if j == k else x for j, x in enumerate(term.args)]
    return rebuilt(term, args)
