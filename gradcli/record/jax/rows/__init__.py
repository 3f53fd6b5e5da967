"""Words for the primitives of JAX: proposals, each of which is tried before it is written."""

from __future__ import annotations

from gradcli.record.jax.rows import (
    elementwise,
    indexing,
    linear,
    reductions,
    shapes,
    windows,
)
from gradcli.record.jax.rows.call import Call, Row, Said, Word, written

__all__ = ["ROWS", "Call", "Said", "Word", "written"]

ROWS: dict[str, Row] = {
    **elementwise.ROWS,
    **shapes.ROWS,
    **linear.ROWS,
    **reductions.ROWS,
    **indexing.ROWS,
    **windows.ROWS,
}
