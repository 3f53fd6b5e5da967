"""The table of operations. Everything that gradcli knows of an operation stands in its row."""

from __future__ import annotations

from gradcli.ops import formula
from gradcli.ops.linalg import (
    contractions,
    decompositions,
    einsum,
    fft,
    invariants,
    linalg,
    products,
    solvers,
    spectra,
    triangular,
)
from gradcli.ops.nn import (
    attention,
    classes,
    convolution,
    ctc,
    distances,
    losses,
    margins,
    normalisation,
    pooling,
    resampling,
    sampling,
    torch_forms,
    windows,
)
from gradcli.ops.pointwise import activations, arithmetic, elementwise, scalars, special
from gradcli.ops.pointwise import complex as complex_
from gradcli.ops.reduce import extrema, reductions, scans, sorting, statistics
from gradcli.ops.shape import (
    aliases,
    indexing,
    joining,
    layout,
    masks,
    numpy_forms,
    padding,
    scatter,
    shapes,
    views,
    writes,
)
from gradcli.rule.rule import Composite, OfFormula, Primitive, Row

OfFormula.pulled, OfFormula.pushed = formula.pulled, formula.pushed

FAMILIES = (
    elementwise, arithmetic, scalars, special, activations, complex_, reductions, extrema, scans,
    sorting, statistics, shapes, views, layout, indexing, scatter, writes, aliases, masks, padding,
    joining, contractions, numpy_forms, linalg, products, einsum, solvers, triangular,
    decompositions, spectra, invariants, fft, attention, classes, convolution, ctc, distances,
    losses, margins, normalisation, pooling, resampling, sampling, windows, torch_forms,
)  # fmt: skip


def _rows() -> tuple[Row, ...]:
    """All rows, in the order of the files; a row imported from another family counts once."""
    seen: dict[int, Row] = {}
    for family in FAMILIES:
        for value in vars(family).values():
            if isinstance(value, Row):
                seen.setdefault(id(value), value)
    return tuple(seen.values())


ROWS = _rows()


def _functions() -> dict[str, Row]:
    """Return what a file can call, by name: rows without an overload or an underscore."""
    table: dict[str, Row] = {}
    for row in ROWS:
        if row.name.startswith("_") or (isinstance(row, Primitive) and row.label != row.name):
            continue
        for name in (row.name, *row.aliases):
            assert name not in table, f"two rows are called {name}"
            table[name] = row
    return table


FUNCTIONS = _functions()

__all__ = ["FUNCTIONS", "ROWS", "Composite", "Primitive", "Row"]
