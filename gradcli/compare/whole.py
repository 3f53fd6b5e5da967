"""What holds of two runs as a whole: a factor at the root and in every gradient, or a term more."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from gradcli.compare.align import TERMS
from gradcli.compare.found import Row
from gradcli.compare.pair import Pair
from gradcli.compare.region import Region
from gradcli.compare.side import Side
from gradcli.rule.dtypes import Array
from gradcli.verify.compare import close, constant_factor, simple


def whole(pair: Pair, rows: tuple[Row, ...]) -> str:
    """Return how right's root and gradients follow from left's, "" where that is not plain."""
    i, j = pair.a.root, pair.b.root
    if i is None or j is None or pair.right.get(i) != j or pair.agree(i, j):
        return ""
    factor = _factor(pair, (pair.a.value(i), pair.b.value(j)), rows)
    if factor is not None:
        plain = simple(factor, Region(pair, i, j).numbers())
        times = f"{factor:.6g} times" if plain is None else plain[0]
        return f"right is {times} left at the root and in every gradient"
    for long, short, words in (
        (pair.b, pair.a.value(i), "right is left"),
        (pair.a, pair.b.value(j), "left is right"),
    ):
        for terms, id in _without_terms(long):
            if not pair.gap_of(long.value(id), short).differs:
                return f"{words} {terms}"
    return ""


def _factor(pair: Pair, roots: tuple[Array, Array], rows: tuple[Row, ...]) -> float | None:
    """Return the factor that leads from left to right at the root and in every kept gradient."""
    pairs = [roots]
    for row in rows:
        if row.gradient is None or not row.kept:
            continue
        x = None if row.left is None else pair.a.graph.grad(row.left.id)
        y = None if row.right is None else pair.b.graph.grad(row.right.id)
        if x is None or y is None:
            return None
        pairs.append((x, y))
    if len(pairs) == 1 or not all(np.all(np.isfinite(x)) for both in pairs for x in both):
        return None
    with np.errstate(all="ignore"):  # a product that overflows is not close
        factor = constant_factor([roots])
        fits = factor is not None and all(close(factor * x, y) for x, y in pairs)
    return factor if fits else None


def _without_terms(side: Side) -> Iterator[tuple[str, int]]:
    """Yield what stands below the sums that end in the root, and what these add to it."""
    assert side.root is not None, "the caller has looked"
    pending = [("", side.root)]
    for said, id in pending:
        graph = side.graph
        if said:
            yield said, id
        label = graph.label(id)
        if label not in ("add", "sub") or graph.attrs[id].get("alpha", 1) != 1:
            continue
        first, second = graph.inputs[graph.producer(id)]
        if first in side.parents:
            sign = "plus" if label == "add" else "minus"
            pending.append((_and(said, f"{sign} `{_text(side, second)}`"), first))
        if second in side.parents and label == "add":
            pending.append((_and(said, f"plus `{_text(side, first)}`"), second))
        if len(pending) > TERMS:
            return


def _and(said: str, more: str) -> str:
    return f"{more} {said}".strip()


def _text(side: Side, id: int) -> str:
    return side.spot(id).label if id in side.parents else repr(side.graph.scalars[~id])
