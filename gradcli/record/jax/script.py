"""`gradcli record --jax SCRIPT --function NAME`: a program is run, and one call in it recorded."""

from __future__ import annotations

import ast
import sys
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np

from gradcli.errors import InputFault
from gradcli.record.jax.call import LIMIT, listed
from gradcli.record.listing import Listing

_WATCHED = "__gradcli_watched__"


@dataclass
class Watch:
    """The calls of a function while its program runs: the one that is wanted is kept.

    Inside of `jit` or `grad` a call has no numbers; these come while what was traced is run.
    """

    wanted: int
    count: int = 0
    function: Callable[..., Any] | None = None
    kept: tuple[Sequence[Any], dict[str, Any]] | None = None
    seen: list[str] = field(default_factory=list)

    def watching(self, f: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function as `f` is, whose calls are counted."""
        self.function = f

        @wraps(f)
        def watched(*args: Any, **kwargs: Any) -> Any:
            leaves, tree = jax.tree_util.tree_flatten((args, kwargs))
            at = [k for k, x in enumerate(leaves) if isinstance(x, jax.Array | np.ndarray)]

            def came(*arrays: Any) -> None:
                given = list(leaves)
                for k, array in zip(at, arrays, strict=True):
                    given[k] = array
                self.came(*jax.tree_util.tree_unflatten(tree, given))

            if any(isinstance(x, jax.core.Tracer) for x in leaves):
                jax.debug.callback(came, *(leaves[k] for k in at), ordered=False)
            else:
                came(*(leaves[k] for k in at))
            return f(*args, **kwargs)

        return watched

    def came(self, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Count a call, and keep what it was given if it is the wanted one."""
        self.count += 1
        if self.count == self.wanted:
            self.kept = jax.tree_util.tree_map(_copied, (args, kwargs))


def _copied(value: Any) -> Any:
    """Return a value that a later change in place, or donation, does not reach."""
    return np.array(value) if isinstance(value, jax.Array | np.ndarray) and _plain(value) else value


def _plain(value: Any) -> bool:
    return not jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended)


def recorded_script(
    script: Path,
    function: str,
    args: Sequence[str] = (),
    *,
    call: int = 1,
    argnums: Sequence[int] | None = None,
    limit: int = LIMIT,
) -> Listing:
    """Run a Python program, and return the record of a call of one of its functions.

    `function` is the name of a function at the program's top level, `call` which of its calls,
    from 1; `args` is what the program finds in `sys.argv` after its own name.

    Raises: InputFault where there is no such function or call, where the program fails, and as
    `record_jax` does.
    """
    watch = Watch(call)
    code = _watched_code(script, function)
    with _running(script, args) as scope:
        scope[_WATCHED] = watch.watching
        try:
            exec(code, scope)  # the program is the user's own, as for `python SCRIPT`
            jax.effects_barrier()
        except SystemExit as end:
            if end.code not in (None, 0):
                raise InputFault(f"{script} ended with exit status {end.code}") from None
        except Exception as error:
            raise InputFault(
                f"{script} failed{_line(error, script)}: {type(error).__name__}: {error}",
                hint=f"`python {script}` must run by itself",
            ) from error
        if watch.kept is None or watch.function is None:
            raise InputFault(
                f"`{function}` was called {watch.count} times, and call {call} was to be recorded",
                hint="--step N records another" if watch.count else "call it in the program",
            )
        return listed(watch.function, *watch.kept, argnums, limit)


def _watched_code(script: Path, function: str) -> Any:
    """Return a program's code, in which a function is watched: the outermost decorator is ours."""
    try:
        tree = ast.parse(script.read_bytes(), str(script))
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise InputFault(f"{script}: cannot read: {said}") from None
    except (SyntaxError, ValueError) as error:
        raise InputFault(f"{script} is no Python program: {error}") from None
    functions = [x for x in tree.body if isinstance(x, ast.FunctionDef)]
    found = [x for x in functions if x.name == function]
    if not found:
        names = ", ".join(f"`{x.name}`" for x in functions)
        raise InputFault(
            f"{script} defines no function `{function}` at its top level",
            hint=f"it defines {names}" if names else "name the function that computes the loss",
        )
    for definition in found:
        first = definition.decorator_list[0] if definition.decorator_list else definition
        ours = ast.copy_location(ast.Name(_WATCHED, ast.Load()), first)
        definition.decorator_list.insert(0, ours)
    return compile(tree, str(script), "exec")


@contextmanager
def _running(script: Path, args: Sequence[str]) -> Any:
    """Be the interpreter that runs a program: `__main__`, its folder and its arguments."""
    module = ModuleType("__main__")
    module.__file__ = str(script)
    before = sys.argv, sys.path[:], sys.modules.get("__main__")
    sys.argv = [str(script), *args]
    sys.path.insert(0, str(script.resolve().parent))
    sys.modules["__main__"] = module
    try:
        yield module.__dict__
    finally:
        sys.argv, sys.path[:] = before[0], before[1]
        if before[2] is not None:
            sys.modules["__main__"] = before[2]


def _line(error: BaseException, script: Path) -> str:
    """Return where in a program an error was raised."""
    place, found = error.__traceback__, ""
    while place is not None:
        if place.tb_frame.f_code.co_filename == str(script):
            found = f" in line {place.tb_lineno}"
        place = place.tb_next
    return found
