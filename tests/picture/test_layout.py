"""The layout: no two cards touch, every edge goes down, and nothing is random."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gradcli.picture.layout import Gaps, Layout, Point, Size, layout

Graph = tuple[dict[int, Size], list[tuple[int, int]], list[int]]


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    count = draw(st.integers(1, 40))
    sides = st.floats(10, 300)
    sizes = {3 * i: Size(draw(sides), draw(sides)) for i in range(count)}
    ids = list(sizes)
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1))
    found = draw(st.lists(pairs, max_size=3 * count))
    edges = [(ids[min(p)], ids[max(p)]) for p in found]
    cut = draw(st.integers(0, count))
    aside = {i for i in ids[cut:] if draw(st.booleans())}
    for a, b in sorted(edges):  # what is made of something aside is aside
        aside |= {b} if a in aside else set()
    return sizes, edges, sorted(aside)


def corners(middle: Point, size: Size) -> tuple[float, float, float, float]:
    x, y = middle.x - size.width / 2, middle.y - size.height / 2
    return x, y, x + size.width, y + size.height


@settings(deadline=None)
@given(graphs())
def test_no_two_cards_touch_and_all_are_inside(graph: Graph) -> None:
    sizes, edges, aside = graph
    found = layout(sizes, edges, aside)
    for i, j in combinations(sizes, 2):
        a, b = corners(found.places[i], sizes[i]), corners(found.places[j], sizes[j])
        apart = a[2] < b[0] or b[2] < a[0] or a[3] < b[1] or b[3] < a[1]
        assert apart, (i, j)
    for i in sizes:
        left, top, right, bottom = corners(found.places[i], sizes[i])
        assert min(left, top) >= -1e-6
        assert right <= found.size.width + 1e-6
        assert bottom <= found.size.height + 1e-6


@settings(deadline=None)
@given(graphs())
def test_every_edge_goes_down_and_passes_no_card(graph: Graph) -> None:
    sizes, edges, aside = graph
    found = layout(sizes, edges, aside)
    for a, b in edges:
        if a == b:
            continue
        path = [found.places[a], *found.paths[a, b], found.places[b]]
        assert all(p.y <= q.y for p, q in pairwise(path))
        for point in found.paths[a, b]:
            for i in sizes:
                left, top, right, bottom = corners(found.places[i], sizes[i])
                assert not (left < point.x < right and top < point.y < bottom), (a, b, i)


@settings(deadline=None)
@given(graphs())
def test_what_is_aside_stands_below_a_line(graph: Graph) -> None:
    sizes, edges, aside = graph
    found = layout(sizes, edges, aside)
    if found.line is None:
        assert not aside or len(aside) == len(sizes)
        return
    for i in sizes:
        _, top, _, bottom = corners(found.places[i], sizes[i])
        assert top > found.line if i in aside else bottom < found.line


@settings(deadline=None)
@given(graphs())
def test_the_same_graph_has_the_same_layout(graph: Graph) -> None:
    sizes, edges, aside = graph
    assert layout(sizes, edges, aside) == layout(dict(sizes), list(edges), list(aside))


def place(edges: list[tuple[int, int]], count: int) -> Layout:
    return layout({i: Size(40, 20) for i in range(count)}, edges)


CROSSINGS = [  # edges, how many cards, pairs of edges that must not cross
    ([(0, 3), (1, 2), (2, 4), (3, 4)], 5, [((0, 3), (1, 2))]),
    ([(0, 4), (1, 3), (0, 3), (2, 4)], 5, [((0, 4), (1, 3))]),
]


@pytest.mark.parametrize(("edges", "count", "pairs"), CROSSINGS)
def test_edges_that_need_not_cross_do_not(
    edges: list[tuple[int, int]], count: int, pairs: list[tuple[tuple[int, int], tuple[int, int]]]
) -> None:
    found = place(edges, count).places
    for (a, b), (c, d) in pairs:
        assert (found[a].x - found[c].x) * (found[b].x - found[d].x) > 0


def test_a_chain_is_straight() -> None:
    found = place([(0, 1), (1, 2), (2, 3)], 4).places
    assert len({round(p.x, 6) for p in found.values()}) == 1


def test_an_edge_that_passes_many_layers_is_straight_there() -> None:
    chain = [(k, k + 1) for k in range(6)]
    path = place([*chain, (0, 6)], 7).paths[0, 6]
    assert max(p.x for p in path) - min(p.x for p in path) < 1


def test_a_leaf_stands_next_to_what_is_made_of_it() -> None:
    found = place([(0, 1), (1, 2), (2, 4), (3, 4)], 5).places
    assert found[3].y == found[2].y


def test_gaps_are_kept() -> None:
    found = layout({0: Size(10, 10), 1: Size(10, 10), 2: Size(10, 10)}, [(0, 2), (1, 2)],
                   gaps=Gaps(beside=33))  # fmt: skip
    assert abs(found.places[0].x - found.places[1].x) == pytest.approx(43)
