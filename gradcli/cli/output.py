"""Where results go: data to standard output or a whole file, everything else to stderr."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable
from contextlib import suppress
from io import StringIO, TextIOWrapper
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

from gradcli.cli import INTERRUPTED
from gradcli.errors import GradcliError, InputFault

OK, FALSE, WRONG_INPUT, UNDECIDED, INTERNAL = 0, 1, 2, 3, 70


def guarded(app: Callable[..., Any]) -> int:
    """Run a command and return its exit status; no traceback reaches a person."""
    try:
        app()
    except SystemExit as exit:
        if isinstance(exit.__context__, BrokenPipeError):  # rich and click exit with status 1
            _discard_output()
            return OK
        return _flushed(exit.code if isinstance(exit.code, int) else WRONG_INPUT)
    except GradcliError as error:
        complain(str(error))
        return WRONG_INPUT
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return OK
    except OSError as error:
        complain(f"error: cannot write: {(error.strerror or str(error)).lower()}")
        _discard_output()
        return WRONG_INPUT
    except MemoryError:
        complain("error: out of memory")
        return WRONG_INPUT
    except Exception as error:
        if os.environ.get("GRADCLI_TRACEBACK"):
            raise
        complain(
            f"internal error: {type(error).__name__}: {error}\n"
            "hint: this is a fault of gradcli, please report it; GRADCLI_TRACEBACK=1 shows where"
        )
        return INTERNAL
    return _flushed(OK)


def _flushed(status: int) -> int:
    """Flush standard output here, where a full disk or a closed pipe can still be reported."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _discard_output()
    except OSError as error:
        complain(f"error: cannot write: {(error.strerror or str(error)).lower()}")
        _discard_output()
        return WRONG_INPUT
    return status


def _discard_output() -> None:
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(text: str) -> None:
    """Print to standard error."""
    with suppress(OSError):
        sys.stderr.write(text + "\n")


def write(text: str, path: Path | None) -> None:
    """Write data to standard output, or to a file that appears whole or not at all.

    Raises: InputFault where the file cannot be written.
    """
    data = text.encode("utf-8", "surrogateescape")
    if path is None:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        return
    try:
        _replace(path, data)
    except OSError as error:
        raise InputFault(
            f"{path}: cannot write: {(error.strerror or str(error)).lower()}"
        ) from None


def _replace(path: Path, data: bytes) -> None:
    if path.exists() and not path.is_file():  # a device or a pipe
        path.write_bytes(data)
        return
    if not path.parent.is_dir():
        raise OSError(errno.ENOENT, f"there is no folder {path.parent}")
    target = path.resolve()
    with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
        try:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), 0o666 & ~_umask())
            Path(file.name).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def show(renderable: Any, path: Path | None = None) -> None:
    """Print a table or tree as the terminal can show it, or write it to a file as text."""
    from rich.console import Console

    if path is None:
        if isinstance(sys.stdout, TextIOWrapper):  # no character is beyond any terminal
            sys.stdout.reconfigure(errors="backslashreplace")
        Console(highlight=False).print(renderable, crop=False)
        return
    console = Console(file=StringIO(), highlight=False, no_color=True, force_terminal=False)
    console.print(renderable, crop=False)
    write(console.file.getvalue(), path)  # type: ignore[attr-defined]
