"""`np.r_` and `np.c_`, which join what stands in their brackets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gradcli.errors import ArgumentFault
from gradcli.graph import Node
from gradcli.ops import FUNCTIONS as ROWS
from gradcli.trace.numpy_forms import numpy_function

if TYPE_CHECKING:
    from gradcli.trace.interpreter import Tracer


class Joiner:
    """`np.r_`, which joins along the first axis, or `np.c_`, which puts columns side by side."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"np.{self.name}"

    def item(self, tracer: Tracer, key: Any) -> Any:
        """Return what the items of an index are as one array.

        Raises: ArgumentFault for a text, which would say how, and where shapes do not fit.
        """
        parts = [self._part(tracer, k) for k in (key if isinstance(key, tuple) else (key,))]
        join = numpy_function("concatenate")
        assert join is not None, "it is in the table"
        return join.run(tracer, (parts,), {"axis": 0 if self.name == "r_" else -1})

    def _part(self, tracer: Tracer, key: Any) -> Node:
        if isinstance(key, str):
            raise ArgumentFault(f"np.{self.name} takes no text here", hint="write np.concatenate")
        x = _range(tracer, key) if isinstance(key, slice) else tracer.tensor(key)
        least = 1 if self.name == "r_" else 2
        missing = least - len(x.shape)
        if missing <= 0:
            return x
        shape = (1,) * missing if not x.shape else (*x.shape, *(1,) * missing)
        found: Node = ROWS["reshape"].call((x, shape), {})
        return found


def _range(tracer: Tracer, key: slice) -> Node:
    """Return what a slice counts; a step of `5j` says how many numbers, both ends among them."""
    start, step = key.start or 0, 1 if key.step is None else key.step
    if key.stop is None:
        raise ArgumentFault("a slice in np.r_ or np.c_ has an end")
    several = isinstance(step, complex)
    make = numpy_function("linspace" if several else "arange")
    assert make is not None, "both are in the table"
    last = int(abs(step)) if several else step
    found: Node = make.run(tracer, (start, key.stop, last), {})
    return found
