"""What is shown of an inspection: one module per output, listed here and imported when called.

Every entry of `EVAL` takes the same options: `named=True` shows named nodes only, `full=True`
leaves nothing out, `precision=N` shows N significant digits. The value of a call is a string of
plain text, without escape codes and complete with its final newline, except for the outputs of
`TERMINAL`, which return a rich renderable that adapts to the console it is printed on.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:  # which numpy comes with
    from gradcli.inspection import Inspection


class Renderer(Protocol):
    """A function from an inspection to text or to a rich renderable."""

    def __call__(self, inspection: Inspection, **options: Any) -> Any:
        """Render the inspection; the module of the output documents the options."""


def _in_module(name: str) -> Renderer:
    """Return the `render` of a module of this package, importing it (and rich) at the call."""

    def render(inspection: Inspection, **options: Any) -> Any:
        return import_module(f"gradcli.render.{name}").render(inspection, **options)

    return render


# `gradcli eval --format`
EVAL: Mapping[str, Renderer] = {
    "table": _in_module("table"),
    "json": _in_module("json"),
    "csv": _in_module("csv"),
    "markdown": _in_module("markdown"),
}

# `gradcli graph`
GRAPH: Mapping[str, Renderer] = {
    "dot": _in_module("dot"),  # values=, backward=, precision=
    "tree": _in_module("tree"),  # full=, precision=
}

# the outputs that are rich renderables, for `console.print(..., crop=False)` (a file's own print
# may be wider than the terminal); every other one is a string
TERMINAL = frozenset({"table", "tree"})
