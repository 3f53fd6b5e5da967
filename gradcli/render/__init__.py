"""What is shown of an inspection: one module per output, listed here and imported when called.

Every entry of `EVAL` takes the same options: `named=True` shows named nodes only, `full=True`
leaves nothing out, `precision=N` shows N significant digits. A module gives plain text, without
escape codes and complete with its final newline, except for tables and trees: these are rich
renderables for `console.print(..., crop=False)`, which adapt to the console (a file's own print may
be wider than it).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any


@dataclass(frozen=True)
class Renderer:
    """A function of a module of a room, which is imported (and rich) when it is called.

    It takes an inspection, or what a check found; the module documents the options.
    """

    module: str
    function: str = "render"
    room: str = "gradcli.render"

    def __call__(self, facts: Any, /, **options: Any) -> Any:
        """Return all of it: a text, or a rich renderable."""
        rendered = self._rendered(facts, options)
        return "".join(rendered) if isinstance(rendered, Iterator) else rendered

    def pieces(self, facts: Any, /, **options: Any) -> Iterator[str]:
        """Yield a text from its beginning to its end, so that nobody has to hold all of it."""
        rendered = self._rendered(facts, options)
        yield from (rendered,) if isinstance(rendered, str) else rendered

    def _rendered(self, facts: Any, options: Mapping[str, Any]) -> Any:
        module = import_module(f"{self.room}.{self.module}")
        return getattr(module, self.function)(facts, **options)


# `gradcli eval --format`
EVAL: Mapping[str, Renderer] = {
    "table": Renderer("table"),
    "json": Renderer("json"),
    "csv": Renderer("csv"),
    "markdown": Renderer("markdown"),
}

# `gradcli graph`
GRAPH: Mapping[str, Renderer] = {
    "dot": Renderer("dot"),  # values=, backward=, precision=
    "tree": Renderer("tree"),  # full=, precision=
}

# `gradcli explain --format`: explanations, and what they are of in `inspection=`; full=, depth=
EXPLAIN: Mapping[str, Renderer] = {
    "terminal": Renderer("explain"),
    "markdown": Renderer("explain_markdown"),
    "latex": Renderer("explain_latex"),
    "json": Renderer("explain_json"),
}

# `gradcli explain --concept`: a page, or None for the list of them
CONCEPT: Mapping[str, Renderer] = {
    "terminal": Renderer("concept"),
    "markdown": Renderer("concept", "markdown"),
    "latex": Renderer("concept", "latex"),
    "json": Renderer("concept", "json"),
}

# `gradcli derive --to`
DERIVE: Mapping[str, Renderer] = {
    "gradcli": Renderer("derive"),
    "claim": Renderer("derive", "claim"),
    "numpy": Renderer("derive", "numpy"),
    "torch": Renderer("derive", "torch"),
    "jax": Renderer("derive", "jax"),
    "latex": Renderer("derive", "tex"),
    "json": Renderer("derive", "json"),
}

# `gradcli check --format`; `table` shows a report, the others the outcomes of many files
CHECK: Mapping[str, Renderer] = {
    "table": Renderer("check"),  # verbose=
    "files": Renderer("check_files"),  # column=, left_out=
    "json": Renderer("check_json"),
    "markdown": Renderer("check_reports", "markdown"),
    "junit": Renderer("check_reports", "junit"),
    "github": Renderer("check_reports", "github"),
}

# `gradcli diagnose --format`
DIAGNOSE: Mapping[str, Renderer] = {
    "table": Renderer("diagnose"),
    "json": Renderer("diagnose_reports", "json"),
    "markdown": Renderer("diagnose_reports", "markdown"),
}

# `gradcli diagnose --list`: the kinds of findings
KINDS: Mapping[str, Renderer] = {
    "table": Renderer("diagnose", "kinds"),
    "json": Renderer("diagnose_reports", "kinds_json"),
    "markdown": Renderer("diagnose_reports", "kinds_markdown"),
}

# `gradcli diff --format`: a comparison; everything= shows equal rows too
DIFF: Mapping[str, Renderer] = {
    "table": Renderer("diff"),
    "json": Renderer("diff_json"),
    "markdown": Renderer("diff_markdown"),
}
