"""The comparison of two runs: pairs of rows, how far they lie apart, and from where on."""

from __future__ import annotations

from math import inf

from gradcli.compare.found import Differences, Divergence, Kind, Row, Spot
from gradcli.compare.gaps import Tolerance, precision
from gradcli.compare.gradients import passing, why_gradient, why_read
from gradcli.compare.pair import Pair, Passes
from gradcli.compare.side import Side
from gradcli.compare.starts import gradient_starts, value_starts
from gradcli.compare.values import why_value
from gradcli.compare.whole import whole
from gradcli.errors import InputFault
from gradcli.session import Session


def compared(
    left: Session,
    right: Session,
    names: tuple[str, str] = ("", ""),
    tolerance: Tolerance | None = None,
    notes: tuple[str, ...] = (),
) -> Differences:
    """Compare two runs row by row, and say from where on they differ, and why.

    `names` are what to call them: their files' names where they are not given.

    Raises: InputFault where a tolerance is below 0 or not finite.
    """
    tolerance = tolerance or Tolerance()
    for name, value in tolerance._asdict().items():
        if value is not None and not 0 <= value < inf:
            raise InputFault(f"{name} is {value:g}: a tolerance is 0 or more, and finite")
    pair = Pair(Side(left), Side(right), tolerance)
    rows = tuple(pair.rows())
    divergence, others = _divergence(pair, rows)
    coarsest = pair.coarsest
    dtypes = [meta.dtype for side in (pair.a, pair.b) for meta in side.graph.metas]
    return Differences(
        names[0] or left.source.name,
        names[1] or right.source.name,
        rows,
        divergence,
        others,
        pair.tolerance.at(coarsest),
        next((d.name for d in dtypes if coarsest and precision(d) == coarsest), ""),
        (_spot(pair.a), _spot(pair.b)),
        notes,
        whole(pair, rows),
    )


def _spot(side: Side) -> Spot | None:
    return None if side.root is None else side.spot(side.root)


def _divergence(pair: Pair, rows: tuple[Row, ...]) -> tuple[Divergence | None, tuple[Row, ...]]:
    """Return from where on the runs differ, and the rows at which other differences begin."""
    known = {row.left.id: row for row in rows if row.left is not None}
    starts = value_starts(pair)
    if starts:
        others = tuple(known[i] for i, _ in starts[1:])
        i, j = starts[0]
        if pair.a.is_gradient(i) and pair.b.is_gradient(j):
            passes = pair.a.pass_before(i), pair.b.pass_before(j)
            if found := gradient_starts(pair, passes):
                return _of_gradient(pair, found[0], passes, known), others
            kind, why = why_read(pair, i, j)
        else:
            kind, why = why_value(pair, i, j)
        gap, spots = pair.value_gap(i, j), (pair.a.spot(i), pair.b.spot(j))
        return Divergence(known[i], "value", kind, why, gap, *spots), others
    wrong = [row for row in rows if row.left and row.right and row.gradient_differs]
    if not wrong:
        return None, ()
    passes, found = _first_pass(pair)
    row = wrong[-1]
    assert row.left, "both sides have it"
    assert row.right, "both sides have it"
    start = found[0] if found else (row.left.id, row.right.id)
    others = tuple(known[i] for i, _ in found[1:])
    return _of_gradient(pair, start, passes, known), others


def _first_pass(pair: Pair) -> tuple[Passes, list[tuple[int, int]]]:
    """Return the first passes that bring other gradients, and where these begin.

    They are the last passes where none does, or one run has more than the other.
    """
    counts = len(pair.a.session.passes), len(pair.b.session.passes)
    last: Passes = (pair.a.last_pass, pair.b.last_pass)
    for k in range(counts[0] if counts[0] == counts[1] else 0):
        if found := gradient_starts(pair, (k, k)):
            return (k, k), found
    return last, gradient_starts(pair, last)


def _of_gradient(
    pair: Pair, start: tuple[int, int], passes: Passes, known: dict[int, Row]
) -> Divergence:
    kind: Kind
    (i, j), kind, why = why_gradient(pair, *start, passes)
    gap = pair.flow_gap(i, j, passes)
    if gap is None or not gap.differs:
        gap = pair.kept_gap(i, j) or gap
    return Divergence(known[i], "gradient", kind, why, gap, *passing(pair, i, j, kind))
