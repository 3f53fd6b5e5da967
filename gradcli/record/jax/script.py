"""`gradcli record --jax SCRIPT --function NAME`: a program is run, and one call in it recorded."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import numpy as np

from gradcli.errors import InputFault
from gradcli.record.files import write
from gradcli.record.jax.call import listed
from gradcli.record.listing import Listing
from gradcli.record.script import RECORDED, _as_python, _decorate, _parsed, _show
from gradcli.record.settings import Settings


@dataclass
class Watch:
    """The calls of a function while its program runs: the one that is wanted is kept.

    Inside of `jit` or `grad` a call has no numbers; these come when what was traced is run.
    """

    wanted: int
    count: int = 0
    function: Callable[..., Any] | None = None
    kept: tuple[Sequence[Any], dict[str, Any]] | None = None

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
                jax.debug.callback(came, *(leaves[k] for k in at))
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
    """Return a value that a later change in place, or a donation, does not reach."""
    if not isinstance(value, jax.Array | np.ndarray):
        return value
    is_key = jax.dtypes.issubdtype(value.dtype, jax.dtypes.extended)
    return value if is_key else np.array(value)


def run(script: Path, arguments: list[str], output: Path, function: str, settings: Settings) -> int:
    """Run a JAX program, record a call of its function, and return the exit status it ends with.

    The call is the one that `settings.first` counts. An error of the program's own is shown as
    Python shows it, when what was recorded is written.

    Raises: InputFault where there is no such program, function or call, as `record_jax` does, and
    what the program itself is ended by: SystemExit, KeyboardInterrupt.
    """
    tree = _parsed(script)
    _decorate(tree, function)
    watch, status = Watch(settings.first), 0
    module = ModuleType("__main__")
    module.__file__ = str(script)
    vars(module).update({"__builtins__": __builtins__, RECORDED: watch.watching})
    gc.enable()  # the command line switches it off
    with _as_python(script, arguments, module):
        try:
            exec(compile(tree, str(script), "exec"), vars(module))
            jax.effects_barrier()  # until what was traced has told its numbers
        except (SystemExit, KeyboardInterrupt, InputFault):
            raise
        except BaseException as error:
            _show(error)
            status = 1
        if watch.kept is not None and watch.function is not None:
            listing = listed(watch.function, *watch.kept, settings=settings)
            print(told(listing, *write(listing, output)), file=sys.stderr)
        elif not status:
            raise InputFault(
                f"`{function}` was called {watch.count} times, and call {watch.wanted} was to be "
                "recorded",
                hint="--step N records another" if watch.count else "the program must call it",
            )
    return status


def told(listing: Listing, text: Path, data: Path) -> str:
    """Return what is said of a record that has been written."""
    size = sum(path.stat().st_size for path in (text, data))
    lines = [f"gradcli: wrote {text} and {data.name} ({size / 1024:.0f} KiB)"]
    lines += [f"  {line}" for line in listing.title[1:]]
    return "\n".join([*lines, *(f"  opaque: {x.text}, {x.place}" for x in listing.opaque[:5])])
