"""Where a program calls PyTorch: the place, the very expression, and the name it is given."""

from __future__ import annotations

import ast
import linecache
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import CodeType, FrameType
from typing import NamedTuple

from gradcli.record.listing import Place

Range = tuple[int, int, int, int]  # lines and columns of a beginning and of an end
_OWN = str(Path(__file__).parent)
_PYTHON = sysconfig.get_paths()["stdlib"]


class Spot(NamedTuple):
    """A place of a program, and the names that it gives to what is made there.

    `within` says that a module of PyTorch's own stands between the two.
    """

    place: Place
    targets: tuple[str, ...]
    within: bool


def reread() -> None:
    """Forget the texts of programs: a file of the same name may be another one by now."""
    _targets.cache_clear()
    linecache.checkcache()


def frames(library: str) -> Iterator[tuple[FrameType, bool]]:
    """Yield the frames of the program, the innermost first.

    Each comes with whether a module of the library's was called there.
    """
    frame: FrameType | None = sys._getframe(1)
    within = False
    while frame is not None:
        name = frame.f_code.co_filename
        if name.startswith((library, _OWN, "<frozen", "<@")) or _is_python(name):
            within = within or frame.f_code.co_name == "_call_impl"
        else:
            yield frame, within
            within = False
        frame = frame.f_back


def _is_python(file: str) -> bool:
    return file.startswith(_PYTHON) and "site-packages" not in file


def spot(library: str, folder: Path) -> Spot:
    """Return the innermost place of the program; files in the folder are named from there on."""
    for frame, within in frames(library):
        code = frame.f_code
        found = _range(code, frame.f_lasti)
        if found is None:
            return Spot(Place(f"{_file(code, folder)}:{frame.f_lineno}"), (), within)
        at = f"{_file(code, folder)}:{found[0]}:{found[2] + 1}"
        source = _text(code.co_filename, found)
        targets = _targets(code.co_filename).get(found, ())
        return Spot(Place(at, source), targets, within)
    return Spot(Place(), (), False)


def _file(code: CodeType, folder: Path) -> str:
    path = Path(code.co_filename)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name


@cache
def _ranges(code: CodeType) -> list[tuple[int | None, int | None, int | None, int | None]]:
    return list(code.co_positions())


def _range(code: CodeType, instruction: int) -> Range | None:
    line, end_line, column, end_column = _ranges(code)[instruction // 2]
    if line is None or end_line is None or column is None or end_column is None:
        return None
    return line, end_line, column, end_column


def _text(file: str, found: Range) -> str:
    """Return the text of a range, whose columns are of bytes."""
    line, end_line, column, end_column = found
    lines = [x.encode() for x in linecache.getlines(file)[line - 1 : end_line]]
    if len(lines) != end_line - line + 1:
        return ""
    lines[-1] = lines[-1][:end_column]
    lines[0] = lines[0][column:]
    return " ".join(b" ".join(lines).decode(errors="replace").split())


@cache
def _targets(file: str) -> dict[Range, tuple[str, ...]]:
    """Return the names that a file's assignments give, by the range of what is assigned."""
    try:
        tree = ast.parse("".join(linecache.getlines(file)))
    except (SyntaxError, ValueError):  # a notebook's magics
        return {}
    found: dict[Range, tuple[str, ...]] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign):
            found[_of(node.value)] = _names(node.targets[0])
        elif isinstance(node, ast.AnnAssign | ast.NamedExpr) and node.value is not None:
            found[_of(node.value)] = _names(node.target)
        elif isinstance(node, ast.AugAssign):
            found[_of(node)] = _names(node.target)
        elif isinstance(node, ast.FunctionDef) and not node.name.startswith("__"):
            for part in ast.walk(node):
                if isinstance(part, ast.Return) and part.value is not None:
                    found.setdefault(
                        _of(part.value), () if node.name == "forward" else (node.name,)
                    )
    return {place: names for place, names in found.items() if names}


def _of(node: ast.expr | ast.stmt) -> Range:
    return node.lineno, node.end_lineno or 0, node.col_offset, node.end_col_offset or 0


def _names(target: ast.expr) -> tuple[str, ...]:
    if isinstance(target, ast.Name):
        return (target.id,)
    if isinstance(target, ast.Attribute):
        return (target.attr,)
    if isinstance(target, ast.Tuple | ast.List):
        return tuple(name for part in target.elts for name in _names(part) or ("x",))
    return ()
