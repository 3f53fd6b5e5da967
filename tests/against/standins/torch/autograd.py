"""`torch.autograd`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import Tensor, _gradients


def grad(y: Any, x: Any, create_graph: bool = False, **_: Any) -> tuple[Any, ...]:
    """Return the gradients of a tensor; they have no graph of their own here."""
    several: Sequence[Any] = x if isinstance(x, tuple | list) else (x,)
    found = {id(a): g for a, g in _gradients(y, create_graph)}
    return tuple(Tensor(found[id(a)]) for a in several)
