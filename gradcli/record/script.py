"""A program is run as `python SCRIPT.py ARGS` runs it, and recorded."""

from __future__ import annotations

import ast
import gc
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

from gradcli.errors import InputFault
from gradcli.record.api import record

OWN = str(Path(__file__).parents[1])
RECORDED = "__gradcli_recorded__"  # what the script's function is decorated with


def run(script: Path, arguments: list[str], recording: record, function: str | None) -> int:
    """Run a script, record it, and return the exit status that it ends with.

    An error of the script's own is shown as Python shows it, when what was recorded is written.

    Raises: InputFault where there is no such script or function, where nothing could be recorded,
    and what the script itself is ended by: SystemExit, KeyboardInterrupt.
    """
    from gradcli.record.calls import recorded

    tree = _parsed(script)
    if function is not None:
        _decorate(tree, function)
    module = ModuleType("__main__")
    module.__file__ = str(script)
    scope = vars(module)
    scope["__builtins__"] = __builtins__
    recording.of_calls = function is not None
    recording.script, recording.folder = script.name, script.resolve().parent
    gc.enable()  # the command line switches it off
    with _as_python(script, arguments, module):
        try:
            with recording as begun:
                scope[RECORDED] = partial(recorded, begun.steps)
                exec(compile(tree, str(script), "exec"), scope)
        except (SystemExit, KeyboardInterrupt, InputFault):
            raise
        except BaseException as error:
            _show(error)
            if recording.listing is not None:
                print("gradcli: the script has raised; what it had run is written", file=sys.stderr)
            return 1
    return 0


def _parsed(script: Path) -> ast.Module:
    try:
        return ast.parse(script.read_bytes(), str(script))
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise InputFault(f"{script}: {said}", hint="gradcli record SCRIPT.py") from None
    except (SyntaxError, ValueError) as error:
        raise InputFault(f"{script} is no Python: {error}") from None


def _decorate(tree: ast.Module, function: str) -> None:
    """Decorate the function of that name, `step` or `Trainer.step`."""
    body: list[Any] = tree.body
    found: Any = None
    for part in function.split("."):
        kinds = ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef
        named = [x for node in body for x in ast.walk(node) if isinstance(x, kinds)]
        found = next((x for x in named if x.name == part), None)
        body = [] if found is None else found.body
    if not isinstance(found, ast.FunctionDef):
        raise InputFault(f"the script defines no function `{function}`",
                         hint="--function step, or Trainer.step for a method")  # fmt: skip
    place = {"lineno": found.lineno, "col_offset": found.col_offset}
    ends = {"end_lineno": found.lineno, "end_col_offset": found.col_offset}
    found.decorator_list.append(ast.Name(RECORDED, ast.Load(), **place, **ends))


@contextmanager
def _as_python(script: Path, arguments: list[str], module: ModuleType) -> Iterator[None]:
    """Give a script the arguments, the module and the path that Python gives it."""
    before = sys.argv, sys.path[:], sys.modules["__main__"]
    sys.argv = [str(script), *arguments]
    sys.path[0:1] = [str(script.resolve().parent)]
    sys.modules["__main__"] = module
    try:
        yield
    finally:
        sys.argv, sys.path[:], sys.modules["__main__"] = before


def _show(error: BaseException) -> None:
    """Print the traceback that Python prints: without the frames of gradcli."""
    told = traceback.TracebackException.from_exception(error)
    seen: list[traceback.TracebackException] = [told]
    for one in seen:  # which grows
        one.stack = traceback.StackSummary.from_list(
            [frame for frame in one.stack if not frame.filename.startswith(OWN)]
        )
        seen += [x for x in (one.__cause__, one.__context__) if x is not None and x not in seen]
    sys.stderr.write("".join(told.format()))
