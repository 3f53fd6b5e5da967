"""In which layer each card of a graph stands."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt

Edge = tuple[int, int]
ABREAST = 3  # leaves of one layer: 3 n² of them stand in n layers


def _stack(leaves: Sequence[int], level: dict[int, int]) -> None:
    """Let many leaves of one layer stand in several above each other: a picture is not a line."""
    layers: dict[int, list[int]] = {}
    for i in leaves:
        layers.setdefault(level[i], []).append(i)
    for row in layers.values():
        rows = max(1, round(sqrt(len(row) / ABREAST)))
        for k, i in enumerate(row):
            level[i] -= k % rows


def layers(ids: Sequence[int], edges: Sequence[Edge]) -> dict[int, int]:
    """Return layers for cards: below all that one is made of, near to what is made of it."""
    below: dict[int, list[int]] = {i: [] for i in ids}
    above: dict[int, list[int]] = {i: [] for i in ids}
    for a, b in edges:
        below[a].append(b)
        above[b].append(a)
    level: dict[int, int] = {}
    for i in ids:
        level[i] = max((level[a] + 1 for a in above[i]), default=0)
    for i in reversed(ids):  # down, where that makes edges shorter
        if below[i] and len(below[i]) >= len(above[i]):
            level[i] = min(level[b] for b in below[i]) - 1
    _stack([i for i in ids if not above[i]], level)
    first = min(level.values(), default=0)
    return {i: k - first for i, k in level.items()}
