"""Which executor computes the values of a graph when they are read."""

from __future__ import annotations

from collections.abc import Iterable

from gradcli.execute.plain import compute
from gradcli.graph import Graph, Limits, Node
from gradcli.rule.dtypes import FLOAT64, DType

LARGE = 1 << 22  # bytes of a run's values from which blocks may pay,
EACH = 1 << 12  # where each row has so many on average


def new_graph(
    default_dtype: DType = FLOAT64,
    limits: Limits | None = None,
    handle: type[Node] | None = None,
) -> Graph:
    """Return an empty graph whose values are computed when they are read.

    `handle` is what its rows are given out as.
    """
    return Graph(_read, default_dtype, limits, handle)


def is_large(graph: Graph) -> bool:
    """Say whether a run's values are so large that blocks may pay."""
    return graph.bytes >= max(LARGE, EACH * len(graph))


def ensure(graph: Graph, ids: Iterable[int]) -> None:
    """See that nodes have values, without computing again what a pass in blocks did not keep.

    Raises: as `compute`.
    """
    left = [i for i in ids if graph.stored[i] is None and i not in graph.passed]
    if left:
        _read(graph, left)


def _read(graph: Graph, ids: Iterable[int]) -> None:
    """Put the values of nodes on the tape, in blocks where that pays."""
    if is_large(graph):
        from gradcli.execute.joined import in_blocks

        if in_blocks(graph, ids):
            return
    compute(graph, ids)
