"""The words and numbers that the outputs of `gradcli diff` share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from gradcli.compare import Differences, Divergence, Gap, Row, Spot
from gradcli.render.check_words import error_text
from gradcli.render.numbers import EXACT_DIGITS, number
from gradcli.render.words import plural

SIDES = ("left", "right")
COLUMNS = ("node", "line", "value", "gradient")
_RANKS = {"root": 0, "parameter": 1, "intermediate": 2, "data": 2}
_DIGITS = 6
_FEW = 3  # digits of a distance
_SHOWN = 8  # remarks, and rows that one run alone has, in a list


def _sentence(words: str) -> str:
    return words[0].upper() + words[1:]


def answer(found: Differences) -> str:
    """Return the result in one sentence."""
    if not found.rows:
        return "The same: both files are empty"
    if found.same:
        counted = _counted(found)
        if found.exact:
            return f"The same bit for bit: {counted}"
        return f"The same within the tolerance: {counted}; {_furthest(found)}"
    if found.divergence is not None:
        where = _from(found.divergence)
        if not found.whole:
            return f"{where}: {found.divergence.why}"
        said = found.whole.startswith(found.divergence.why)
        why = "" if said else f": {found.divergence.why}"
        return f"{_sentence(found.whole)}; {where[0].lower()}{where[1:]}{why}"
    if found.lost:
        names = _listed([_name(row.spot) for row in found.lost])
        return f"They differ: one run alone has {names}, and a gradient there"
    return "They differ: no node of one belongs to a node of the other"


def _name(spot: Spot) -> str:
    return f"`{spot.label}`"


def _from(divergence: Divergence) -> str:
    row = divergence.row
    assert row.left, "a divergence is of two nodes"
    assert row.right, "a divergence is of two nodes"
    lines = f"line {row.left.line}"
    if row.left.line != row.right.line:
        lines += f" | {row.right.line}"
    what = "the gradient of " if divergence.what == "gradient" else ""
    return f"They differ from {what}{_name(row.left)} on ({lines})"


def _counted(found: Differences) -> str:
    gradients = sum(row.kept for row in found.pairs)
    return f"{plural(len(found.pairs), 'node')}, {plural(gradients, 'gradient')}"


def tolerance(found: Differences) -> str:
    """Return how far numbers may differ, in words."""
    rtol, atol = found.tolerance
    of = f", for {found.dtype}" if found.dtype else ""
    return f"rtol {rtol:.2g}, atol {atol:.2g}{of}"


def _furthest(found: Differences) -> str:
    """Return where numbers lie furthest apart that are within the tolerance."""
    gaps = [(gap.relative, row.spot, gap) for row in found.pairs
            for gap in row.counted if not gap.exact]  # fmt: skip
    relative, spot, gap = max(gaps, key=lambda item: item[0])
    ulps = f", {gap.ulps:.3g} ulps" if gap.ulps is not None else ""
    if relative > found.tolerance[0]:
        return f"{_name(spot)} differs by {error_text(gap.absolute)}, which is below atol"
    return f"furthest apart is {_name(spot)}, by {error_text(relative)} of its size{ulps}"


class Shown(NamedTuple):
    """A row of the table, and how many rows of its name it stands for."""

    row: Row
    times: int = 1

    @property
    def label(self) -> str:
        """What to call it, with the number of turns of a loop that differ."""
        return label_of(self.row) + (f" ×{self.times:,}" if self.times > 1 else "")


def followed(found: Differences, *, everything: bool = False) -> list[Shown]:
    """Return what to show: rows that differ, have a name and follow, the furthest apart first.

    Of several of one name, as the turns of a loop make them, the last stands for all. `everything`
    are all rows in the order of the left run.
    """
    if everything:
        return [Shown(row) for row in found.rows]
    first = None if found.divergence is None else found.divergence.row
    names: dict[tuple[str, str], list[Row]] = {}
    for row in (*found.differing, *found.lost):
        if row is not first and (row.named or row.kind == "root"):
            names.setdefault((row.name or row.spot.label, row.kind), []).append(row)
    shown = [Shown(rows[-1], len(rows)) for rows in names.values()]
    return sorted(shown, key=lambda one: (_RANKS[one.row.kind], -_size(one.row)))


def _size(row: Row) -> float:
    gaps = [row.value] * row.value_differs + [row.gradient] * row.gradient_differs
    return max((gap.relative for gap in gaps if gap is not None), default=0.0)


def lines_of(row: Row) -> str:
    """Return the lines of a row on both sides, once where they are the same."""
    lines = [str(spot.line) if spot else "–" for spot in (row.left, row.right)]
    return lines[0] if lines[0] == lines[1] else " | ".join(lines)


def label_of(row: Row) -> str:
    """Return what to call a row, both names where it has been renamed."""
    if row.left and row.right and row.left.label != row.right.label:
        both = [spot.label.split(":")[0] for spot in (row.left, row.right)]
        if row.named and both[0] != both[1]:
            return f"{row.left.label} | {row.right.label}"
    return row.spot.label


def value_cell(row: Row) -> str:
    """Return how values differ."""
    if row.left is None or row.right is None:
        return f"{'left' if row.left else 'right'} alone"
    if row.value is not None and row.value.cause == "shape":
        return " | ".join(str(list(shape or ())) for shape in row.shapes)
    return gap_text(row.value)


def gradient_cell(row: Row) -> str:
    """Return how gradients differ; one that only flows stands in brackets."""
    text = gap_text(row.gradient)
    return f"({text})" if text and not row.kept else text


def gap_text(gap: Gap | None) -> str:
    """Return `=`, `≈ 1e-17` within the tolerance, or both elements: `[2] 1 | 3`."""
    if gap is None:
        return ""
    if gap.exact:
        return "="
    if not gap.differs:
        return f"≈ {error_text(gap.absolute)}"
    if gap.cause == "shape":
        return "other shapes"
    where = f"{list(gap.at)} " if gap.at else ""
    return where + " | ".join(elements(gap))


def elements(gap: Gap) -> tuple[str, str]:
    """Return the elements of both sides in as many digits as tell them apart."""
    pair = [None if x is None else x.real if not x.imag else x for x in (gap.left, gap.right)]
    short = ["None" if x is None else number(x, _DIGITS) for x in pair]
    if short[0] == short[1]:
        short = ["None" if x is None else number(x, EXACT_DIGITS) for x in pair]
    return short[0], short[1]


def turn_of(first: Divergence) -> str:
    """Return in which turn of a loop two runs begin to differ."""
    turns = [spot.turn for spot in (first.left, first.right) if spot.turn is not None]
    if not turns:
        return ""
    one = len(set(turns)) == 1
    return f" in turn {turns[0]:,}" if one else f" in turns {turns[0]:,} | {turns[-1]:,}"


def distance(gap: Gap) -> str:
    """Return how far two elements lie apart: absolute, relative, in ulps."""
    if gap.cause in ("finite", "shape", "missing"):
        return {"finite": "one side is not finite", "shape": "other shapes"}.get(
            gap.cause, "one side has none"
        )
    ulps = f", {gap.ulps:.3g} ulps" if gap.ulps is not None else ""
    return f"{number(gap.absolute, _FEW)} apart, {number(gap.relative, _FEW)} relative{ulps}"


def summary(found: Differences) -> Iterator[str]:
    """Yield what else is to be said: of what follows, other beginnings, notes, unpaired rows."""
    if found.divergence is not None:
        yield from _after(found)
    if found.others:
        listed = _listed([f"{_name(row.spot)} (line {lines_of(row)})" for row in found.others])
        yield f"Other differences begin at {listed}."
    if remarks := _remarks(found.pairs):
        yield f"Not numbers: {_listed(remarks)}."
    for side, which in enumerate(SIDES):
        rows = [row for row in found.unpaired if (row.left, row.right)[side] is not None]
        if rows:
            listed = _listed([f"{_name(row.spot)} (line {row.spot.line})" for row in rows])
            yield f"On the {which} alone: {listed}."
    yield from (f"{note[:1].upper()}{note[1:]}." for note in found.notes)


def _after(found: Differences) -> Iterator[str]:
    unnamed = sum(not row.named and row.kind != "root" for row in found.differing)
    if unnamed > 1:
        yield f"{plural(unnamed, 'node')} without a name differ{'s' * (unnamed == 1)}: --all."
    roots = [row for row in found.pairs if row.kind == "root"]
    parameters = [row for row in found.pairs if row.kind == "parameter" and row.kept]
    if roots and not any(row.value_differs for row in roots):
        agree = not any(row.gradient_differs for row in parameters)
        words = f"{_name(roots[0].spot)} is the same"
        yield f"{words}, and so is every gradient." if agree and parameters else f"{words}."


def _remarks(rows: Sequence[Row]) -> list[str]:
    """Return what differs that is no number, each remark once with all names it is of."""
    names: dict[str, list[str]] = {}
    for row in rows:
        for remark in row.remarks:
            if not remark.startswith(("shape", "is_leaf")):
                names.setdefault(remark, []).append(row.spot.label)
    return [f"{remark} ({_listed(of, most=3)})" if not remark.startswith("name") else remark
            for remark, of in names.items()]  # fmt: skip


def _listed(words: Sequence[str], most: int = _SHOWN) -> str:
    more = f" and {len(words) - most:,} more" if len(words) > most else ""
    return ", ".join(words[:most]) + more
