"""Points at which the library that a file is written for has no gradient, and PyTorch has one.

Measured with JAX 0.10.2 and HIPS autograd 1.9.1 in double precision.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from gradcli.diagnose.findings import Edit, Index, Rewrite, Sighting
from gradcli.diagnose.nonfinite import pieces
from gradcli.diagnose.nonfinite.measures import named, operands
from gradcli.diagnose.nonfinite.told import at
from gradcli.diagnose.subject import Subject
from gradcli.syntax.tree import Import

VERSIONS = {"jax": "JAX 0.10.2", "autograd": "HIPS autograd 1.9.1"}
BOTH = ("jax", "autograd")
Place = Callable[[Subject, int], Index | None]


def _first(where: object) -> Index | None:
    found = np.argwhere(np.asarray(where))
    return tuple(map(int, found[0])) if len(found) else None


def _norm(subject: Subject, row: int) -> Index | None:
    order = subject.graph.attrs[row].get("ord", 2)
    smooth = order in (None, "fro") or (isinstance(order, int | float) and 1 < order < np.inf)
    return _first(subject.value(row) == 0) if smooth else None


def _zero(subject: Subject, row: int) -> Index | None:
    return _first(subject.value(row) == 0)


def _origin(subject: Subject, row: int) -> Index | None:
    a, b = (subject.value(i) for i in operands(subject.graph, row)[:2])
    return _first((a == 0) & (b == 0))


def _operand(subject: Subject, row: int) -> Index | None:
    return _first(subject.value(operands(subject.graph, row)[0]) == 0)


def _complex(subject: Subject, row: int) -> Index | None:
    of = operands(subject.graph, row)[0]
    return _operand(subject, row) if subject.graph.metas[of].dtype.kind == "c" else None


# which operation, where, in which library the gradient is nan there
POINTS: tuple[tuple[str, Place, tuple[str, ...], str], ...] = (
    ("vector_norm", _norm, BOTH, "the norm of zeros"),
    ("norm", _norm, BOTH, "the norm of zeros"),
    ("std", _zero, BOTH, "the standard deviation of equal elements"),
    ("atan2", _origin, BOTH, "the angle of the origin"),
    ("angle", _complex, ("jax",), "the angle of 0"),
    ("sinc", _operand, ("autograd",), "sinc at 0"),
    ("prod", _operand, ("autograd",), "a product with a factor 0"),
)


def library(subject: Subject) -> str:
    """Return the library that a file imports for its gradients: jax, autograd or ""."""
    for s in subject.statements:
        if isinstance(s, Import) and (name := s.module.partition(".")[0]) in VERSIONS:
            return name
    return ""


def no_gradient(subject: Subject) -> Iterator[Sighting]:
    """Yield the points at which the file's own library has nan for a gradient."""
    own, graph = library(subject), subject.graph
    if not own:
        return
    points = {name: (place, libraries, what) for name, place, libraries, what in POINTS}
    seen = set[int]()
    for rows in (*(f.order for f in subject.flows), *(s.rows for s in graph.autograd.steps)):
        for row in rows:
            place, libraries, what = points.get(named(graph, row), (None, (), ""))
            if place is None or own not in libraries or row in seen:
                continue
            seen.add(row)
            if (index := place(subject, row)) is None:
                continue
            yield Sighting(
                f"`{subject.text(row)}` is {what}{at(index)}: {VERSIONS[own]} gives the gradient "
                "nan there. What is shown here is the convention of PyTorch, 0 or a slope.",
                row=row, index=index, moment=(1, row), key=("event", subject.span(row)),
            )  # fmt: skip


def below_the_root(subject: Subject, sighting: Sighting) -> Iterator[Rewrite]:
    """Propose the root of the sum of squares, or of the variance, and a small number."""
    assert sighting.row is not None, "it has a row"
    yield from smooth(subject, sighting.row)


def smooth(subject: Subject, row: int) -> Iterator[Rewrite]:
    """Propose a root that is never taken of 0 for a norm or a standard deviation."""
    written = pieces.piece(subject, row)
    if written is None or len(written.operands) != 1:
        return
    of, name, root = written.operands[0], named(subject.graph, row), subject.function("sqrt")
    rest = "".join(f", {k}={subject.written(v.span)}" for k, v in written.keywords.items())
    if name in ("vector_norm", "norm") and "ord" not in written.keywords:
        square = f"{subject.function('sum')}({pieces.factor(subject, of)}**2{rest})"
    elif name == "std":
        square = f"{subject.function('var')}({pieces.text(subject, of)}{rest})"
    else:
        return
    for small in ("1e-12", "1e-24"):
        yield Rewrite((Edit(written.span, f"{root}({square} + {small})"),),
                      "has a gradient in every library")  # fmt: skip
