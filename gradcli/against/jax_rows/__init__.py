"""The table's operations in JAX's own words: a function for each row that JAX can state.

A function takes what `Primitive.forward` takes, with arrays of JAX: operands by position, Python
numbers and None among them, attributes by keyword. It returns the result, a tuple where there are
several. Nothing here calls gradcli's values or derivatives: what JAX computes and differentiates
is JAX's own. Where JAX has an operation for some arguments only, its function raises
NotImplementedError and says why. Importing this imports JAX.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from gradcli.against.jax_rows import (
    elementwise,
    indexing,
    linear,
    losses,
    reductions,
    shapes,
    special,
    windows,
)

FAMILIES = (elementwise, special, reductions, shapes, indexing, linear, windows, losses)

ROWS: Mapping[str, Callable[..., Any]] = {
    name: function for family in FAMILIES for name, function in family.ROWS.items()
}
