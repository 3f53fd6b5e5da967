"""Where a step stands in the user's program: the place, the expression, the name that it gets."""

from __future__ import annotations

import ast
import linecache
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import jax
from jax._src import source_info_util  # the public face has no frames

_LIBRARY = str(Path(jax.__file__).parent)


@dataclass(frozen=True)
class Span:
    """A part of a file of the user: lines from 1, columns from 0, the end excluded."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    @property
    def place(self) -> str:
        """`model.py:12:6`; columns are counted from 1."""
        return f"{Path(self.file).name}:{self.line}:{self.column + 1}"

    @property
    def text(self) -> str:
        """The expression, on one line; empty where the file cannot be read."""
        lines = [
            linecache.getline(self.file, i).encode() for i in range(self.line, self.end_line + 1)
        ]
        if not lines:
            return ""
        lines[-1] = lines[-1][: self.end_column]
        lines[0] = lines[0][self.column :]
        return " ".join(b"".join(lines).decode(errors="replace").split())

    @property
    def target(self) -> str | None:
        """The name that the user's program gives to the expression, if it is a whole value."""
        span = (self.line, self.column, self.end_line, self.end_column)
        return _targets(self.file).get(span)


@dataclass(frozen=True)
class Site:
    """A step's place, and the named functions and scopes around it; `fixed` inside of a library.

    A library's function is traced once, so that what is inside of it knows the place of its first
    call only: the place is then that of the call.
    """

    span: Span | None = None
    scope: tuple[tuple[str, str], ...] = ()
    fixed: bool = False

    def inside(self, kind: str, jaxpr: Any) -> Site:
        """Return the site of what a function has inside that was called by a `jit` or the like."""
        name, library = called(jaxpr)
        if library and (name.startswith("_") or not name):
            return replace(self, fixed=True)
        scope = (*self.scope, (name, kind)) if name else self.scope
        return replace(self, scope=scope, fixed=self.fixed or library)


def called(jaxpr: Any) -> tuple[str, bool]:
    """Return the name of the function that a jaxpr was made of, and whether it is JAX's own."""
    info = str(getattr(getattr(jaxpr, "jaxpr", jaxpr).debug_info, "func_src_info", "") or "")
    name, _, place = info.partition(" at ")
    return name if name.isidentifier() else "", place.startswith(_LIBRARY)


def site_of(equation: Any, outer: Site) -> Site:
    """Return where an equation stands."""
    info = equation.source_info
    names = [x for x in str(info.name_stack).split("/") if x and "(" not in x]  # no vmap(…)
    scope = outer.scope + tuple((x, "named_scope") for x in names)
    if outer.fixed:
        return replace(outer, scope=scope)
    return Site(_span(info) or outer.span, scope)


def _span(info: Any) -> Span | None:
    frame = source_info_util.user_frame(info.traceback)
    if frame is None:
        return None
    return Span(
        frame.file_name, frame.start_line, frame.start_column, frame.end_line, frame.end_column
    )


@lru_cache(maxsize=64)
def _targets(file: str) -> dict[tuple[int, int, int, int], str]:
    """Return the names that a file gives to expressions, by where these stand."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):  # no Python, as a cell with magics is
        return {}
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            if isinstance(target, ast.Name):
                end_line, end = value.end_lineno, value.end_col_offset
                assert end_line is not None
                assert end is not None
                found[value.lineno, value.col_offset, end_line, end] = target.id
    return found
