"""Gradients that several `backward()` calls have gathered: of the sum of what they ran from."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from gradcli.errors import Source
from gradcli.graph import Graph, Node
from gradcli.ops import FUNCTIONS
from gradcli.trace import Tracer
from gradcli.trace.passes import Pass

SHOWN = 4  # terms of a sum that are written out


def accumulated(tracer: Tracer) -> list[list[Pass]]:
    """Return the sums of calls that the parameters' `.grad` hold in the end."""
    named = [x for x in tracer.scope.values() if isinstance(x, Node)]
    living = {x.id for x in named if getattr(x, "is_readable", True)}
    calls = tracer.passes.made
    return [[calls[k] for k in found] for found in tracer.passes.sums(tracer.graph, living)]


def name_of(graph: Graph, source: Source, id: int) -> str:
    """Return what a file calls a row: its name, or the text that made it."""
    return graph.notes.title(id) or source.snippet(graph.notes.spans[id])


def sum_text(graph: Graph, source: Source, calls: Sequence[Pass]) -> str:
    """Return the sum of what some calls ran from: `loss1 + 2*loss2`, `y·v` with a cotangent."""
    terms: dict[tuple[str, int, int], int] = {}
    for k, call in enumerate(calls):
        name = name_of(graph, source, call.root)
        name = name if name.isidentifier() or len(calls) == 1 else f"({name})"
        given = call.cotangent is not None
        key = (f"{name}·v" if given else name, call.root, k if given else -1)
        terms[key] = terms.get(key, 0) + 1
    texts = [f"{count}*{name}" if count > 1 else name for (name, *_), count in terms.items()]
    if len(texts) > SHOWN:
        texts = [texts[0], "…", texts[-1]]
    return " + ".join(texts)


def sum_node(graph: Graph, calls: Sequence[Pass]) -> int:
    """Append the sum of what some calls ran from, weighted by their cotangents; return its row.

    A cotangent v gives the gradient of Re(conj(v)·y), as in PyTorch.
    """
    total: Any = None
    with graph.settings("claim", True):
        for call in calls:
            y: Any = Node(graph, call.root)
            if call.cotangent is not None:
                y = y * graph.leaf(np.conj(call.cotangent))
            if prod(y.shape) != 1 or y.shape:
                y = FUNCTIONS["sum"].call((y,), {})
            if y.dtype.kind == "c":
                y = FUNCTIONS["real"].call((y,), {})
            total = y if total is None else total + y
    return int(total.id)
