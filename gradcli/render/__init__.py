"""What is shown of an inspection: one module per output, listed here and imported when called.

Every entry of `EVAL` takes the same options: `named=True` shows named nodes only, `full=True`
leaves nothing out, `precision=N` shows N significant digits. The value of a call is a string of
plain text, without escape codes and complete with its final newline, except for tables and trees:
these return a rich renderable for `console.print(..., crop=False)`, which adapts to the console (a
file's own print may be wider than it).
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Protocol


class Renderer(Protocol):
    """A function from facts to text or to a rich renderable."""

    def __call__(self, facts: Any, /, **options: Any) -> Any:
        """Render an inspection, or what a check found; the module documents the options."""


def _in_module(name: str, function: str = "render") -> Renderer:
    """Return a function of a module of this package, importing it (and rich) at the call."""

    def render(facts: Any, /, **options: Any) -> Any:
        return getattr(import_module(f"gradcli.render.{name}"), function)(facts, **options)

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

# `gradcli explain --format`: explanations, and what they are of in `inspection=`; full=, depth=
EXPLAIN: Mapping[str, Renderer] = {
    "terminal": _in_module("explain"),
    "markdown": _in_module("explain_markdown"),
    "latex": _in_module("explain_latex"),
    "json": _in_module("explain_json"),
}

# `gradcli explain --concept`: a page, or None for the list of them
CONCEPT: Mapping[str, Renderer] = {
    "terminal": _in_module("concept"),
    "markdown": _in_module("concept", "markdown"),
    "latex": _in_module("concept", "latex"),
    "json": _in_module("concept", "json"),
}

# `gradcli derive --to`
DERIVE: Mapping[str, Renderer] = {
    "gradcli": _in_module("derive"),
    "claim": _in_module("derive", "claim"),
    "numpy": _in_module("derive", "numpy"),
    "torch": _in_module("derive", "torch"),
    "jax": _in_module("derive", "jax"),
    "latex": _in_module("derive", "tex"),
    "json": _in_module("derive", "json"),
}

# `gradcli check --format`; `table` shows a report, the others the outcomes of many files
CHECK: Mapping[str, Renderer] = {
    "table": _in_module("check"),  # verbose=
    "files": _in_module("check_files"),  # column=, left_out=
    "json": _in_module("check_json"),
    "markdown": _in_module("check_reports", "markdown"),
    "junit": _in_module("check_reports", "junit"),
    "github": _in_module("check_reports", "github"),
}
