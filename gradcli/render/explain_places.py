"""`gradcli explain --element`: the nodes through which one element acts on the root."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from gradcli.explain.derivation import Derivation
from gradcli.explain.follow import Place
from gradcli.inspection import Array, NodeFacts
from gradcli.render.explain_rows import Row, Style
from gradcli.render.numbers import number

FEW = 6  # elements that are named one by one


def place_rows(
    places: Sequence[Place], derivation: Derivation, nodes: Mapping[int, NodeFacts], style: Style
) -> list[Row]:
    """Return a row a node: which elements move, the gradient there, and the sum of products."""
    total = places[-1].share if places else 0.0
    top = style.safe(nodes[derivation.root].label)
    found = [Row(f"what moves with it, and how much of {number(total, 6)} comes that way:")]
    for place in places:
        node = nodes[place.node]
        gradient, tangent = (
            style.value(_of(x, place.moved)) for x in (place.gradient, place.tangent)
        )
        times = "*" if style.ascii_only else "·"
        label = node.label if node.name or not node.shape else f"({node.label})"
        moved = style.safe(f"{label}{elements(place.moved)}")
        found.append(Row(moved, f"{gradient} {times} {tangent}", number(place.share, 6)))
    at = f"the gradient of {top}, times how fast an element moves, summed over those that do"
    return [*found, Row(at)]


def _of(array: Array, moved: Array) -> Array:
    """Return the elements that move; of one, the number."""
    found = array[moved]
    return found.reshape(()) if found.size == 1 else found


def elements(moved: Array) -> str:
    """Return which elements are meant: `[0, 2]`, `[0, :]`, or how many of them."""
    if not moved.ndim:
        return ""
    places = np.argwhere(moved)
    if len(places) == 1:
        return str(places[0].tolist())
    if len(places) == moved.size:
        return f"[{', '.join(':' * moved.ndim)}]"
    fixed = [set(column.tolist()) for column in places.T]
    block = np.prod([len(values) for values in fixed]) == len(places)
    if block and all(len(v) in (1, n) for v, n in zip(fixed, moved.shape, strict=True)):
        return f"[{', '.join(str(min(v)) if len(v) == 1 else ':' for v in fixed)}]"
    if len(places) <= FEW and moved.ndim == 1:
        return f"[{', '.join(str(k) for k in places.ravel().tolist())}]"
    return f" ({len(places)} of {moved.size} elements)"
