"""Few products that hold all elements of a sparse matrix of derivatives.

Columns of which no row has two elements are found by one product, with the sum of their unit
vectors: they have one colour. Rows likewise, by one pass backward.

Source: A. Curtis, M. Powell and J. Reid, On the estimation of sparse Jacobian matrices, 1974.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import NamedTuple

import numpy as np

from gradcli.autodiff.sparsity import pattern
from gradcli.graph import Graph
from gradcli.rule.dtypes import Array

FEWEST = 8  # rows and columns of a matrix that is looked at
TRIED = 8  # how many more colours than there must be are tried in turn, before any order


class Compressed(NamedTuple):
    """Products that hold a matrix of shape (m, n), and where its elements are in them.

    `seeds` are tangents, shape (k, n), where it goes `ahead`, and cotangents, shape (k, m), where
    not. Element `found[e]` of all products is element `places[e]` of the matrix, counted flat.
    """

    seeds: Array
    ahead: bool
    found: Array
    places: Array


def compressed(
    graph: Graph, y: int, x: int, order: Sequence[int], ahead: bool
) -> Compressed | None:
    """Return few products that hold dy/dx, None where it would take half as many as all or more.

    `order` are the rows from x to y that carry a gradient, parents first; `ahead` says whether
    tangents can be carried forward.
    """
    m, n = (prod(graph.metas[i].shape) for i in (y, x))
    if min(m, n) < FEWEST:
        return None
    elements = pattern(graph, y, x, order)
    if elements is None:
        return None
    rows, columns = elements
    most, found = min(m, n) // 2, None
    for forward in (False, True) if ahead else (False,):
        across, along = (rows, columns) if forward else (columns, rows)
        size, other = (n, m) if forward else (m, n)
        colours = coloured(across, along, size, most)
        if colours is not None:
            seeds = np.zeros((int(colours.max(initial=0)) + 1, size))
            seeds[colours, np.arange(size)] = 1
            places = rows * n + columns
            found = Compressed(seeds, forward, colours[along] * other + across, places)
            most = len(seeds) - 1  # what would be fewer
    return found


def coloured(rows: Array, columns: Array, count: int, most: int) -> Array | None:
    """Return a colour for each of `count` columns, such that no row has one twice.

    `rows` and `columns` are the places of a matrix's elements. None: it takes more than `most`.
    """
    fewest = int(np.bincount(rows).max(initial=0))
    for k in range(max(fewest, 1), min(fewest + TRIED, most) + 1):
        if np.bincount(rows * k + columns % k).max(initial=0) <= 1:  # as where bands repeat
            return np.arange(count) % k
    return _one_by_one(rows, columns, count, most) if fewest <= most else None


def _one_by_one(rows: Array, columns: Array, count: int, most: int) -> Array | None:
    """Give each column the first colour that its rows do not have yet."""
    colours = np.zeros(count, np.int64)
    taken = [0] * (int(rows.max(initial=-1)) + 1)  # colours of each row, a bit each
    order = np.argsort(columns, kind="stable")
    ends = np.cumsum(np.bincount(columns, minlength=count))
    own = rows[order].tolist()
    start = 0
    for column, end in enumerate(ends.tolist()):
        all_taken = 0
        for row in own[start:end]:
            all_taken |= taken[row]
        first = ~all_taken & (all_taken + 1)
        if first >> most:
            return None
        for row in own[start:end]:
            taken[row] |= first
        colours[column] = first.bit_length() - 1
        start = end
    return colours
