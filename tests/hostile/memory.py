"""Compare the memory that rows say they take with what NumPy allocates.

`python -m tests.hostile.memory` runs the examples of the table on larger letters under tracemalloc
and prints, for each row, the peak beside its results as a part of what `Primitive.cost` allows;
more than 1 is a row that says too little.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import numpy as np
import scipy.linalg  # imported here, its own memory is not an operation's
import scipy.special  # noqa: F401

from gradcli.errors import GradcliError
from gradcli.execute import plain
from gradcli.graph import SMALL, Graph
from gradcli.rule.costs import size
from tests.ops import cases

LETTERS = {"s": (), "v": (300,), "M": (200, 300), "A": (300, 300), "T": (4, 300, 300)}
SQUARE = (400, 400)  # of the operands of an elementwise row

Shares = dict[str, float]


@contextmanager
def watched(shares: Shares) -> Iterator[None]:
    """Note the largest share of each operation that is run within."""
    run = plain.apply

    def apply(graph: Graph, id: int, operands: list[Any], attrs: dict[str, Any]) -> Any:
        op = graph.ops[id]
        assert op is not None
        tracemalloc.reset_peak()
        before = tracemalloc.get_traced_memory()[0]
        found = run(graph, id, operands, attrs)
        results = tuple(found) if isinstance(found, tuple | list) else (found,)
        peak = tracemalloc.get_traced_memory()[1] - before - sum(map(size, results))
        allowed = max(SMALL, op.cost(tuple(operands), attrs, results)[0])
        shares[op.name] = max(shares.get(op.name, 0.0), peak / allowed)
        return found

    with patch.object(plain, "apply", apply):
        yield


def shares_of(chosen: list[cases.Case]) -> Shares:
    """Return the largest share of each row among some calls."""
    shares: Shares = {}
    tracemalloc.start()
    try:
        with watched(shares), patch.dict(cases.LETTERS, LETTERS):
            for case in chosen:
                try:
                    shapes = {k: LETTERS.get(k.rstrip("0"), SQUARE) for k in case.shapes}
                    case = case._replace(shapes=shapes)
                    values = {k: np.asarray(x) for k, x in cases.values_of(case).items()}
                    for node in cases.build(case, values).outputs:
                        assert node.value is not None
                except GradcliError:  # the text has sizes of its own
                    continue
    finally:
        tracemalloc.stop()
    return shares


def calls() -> list[cases.Case]:
    """Return the calls of all examples, and of the elementwise rows themselves."""
    return [c for c in cases.cases() if "cartesian_prod" not in c.text]  # it has as many results


if __name__ == "__main__":
    for name, share in sorted(shares_of(calls()).items(), key=lambda row: -row[1]):
        print(f"{share:8.2f}  {name}")
