"""Where results go: data to standard output or a whole file, everything else to stderr."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from io import StringIO, TextIOWrapper
from pathlib import Path
from stat import S_IMODE, S_ISREG
from typing import Any

from gradcli.cli import INTERRUPTED
from gradcli.cli.colour import report, shows_colours
from gradcli.cli.interrupt import heeded
from gradcli.cli.progress import Progress
from gradcli.errors import GradcliError, InputFault, visible

OK, FALSE, WRONG_INPUT, UNDECIDED, INTERNAL = 0, 1, 2, 3, 70
_NARROWEST = 20  # columns: a terminal of fewer breaks the lines itself


def guarded(app: Callable[..., Any]) -> int:
    """Run a command and return its exit status; no traceback reaches a person."""
    _stand_in_for_closed_streams()  # first: what is opened next would come to stand there
    try:
        with heeded():
            app()
    except SystemExit as exit:
        if isinstance(exit.__context__, BrokenPipeError):  # rich and click exit with status 1
            _discard_output()
            return OK
        return _flushed(exit.code if isinstance(exit.code, int) else WRONG_INPUT)
    except GradcliError as error:
        complain(error)
        return WRONG_INPUT
    except KeyboardInterrupt:
        complain("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _discard_output()
        return OK
    except OSError as error:
        return _unwritten(error)
    except MemoryError:
        complain("error: out of memory")
        return WRONG_INPUT
    except Exception as error:
        if os.environ.get("GRADCLI_TRACEBACK"):
            raise
        complain(
            f"internal error: {type(error).__name__}: {visible(str(error))}\n"
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
        return _unwritten(error)
    return status


def _unwritten(error: OSError) -> int:
    """Say that standard output takes nothing; return the exit status."""
    said = (error.strerror or str(error)).lower()
    what = "standard output is closed" if error.errno == errno.EBADF else said
    complain(f"error: cannot write: {what}")
    _discard_output()
    return WRONG_INPUT


# a stream that nobody reads may be written to; using another that is closed is an error
_STREAMS = (("stdin", os.O_WRONLY, "r"), ("stdout", os.O_RDONLY, "w"), ("stderr", os.O_WRONLY, "w"))


def _stand_in_for_closed_streams() -> None:
    """Open what a shell has closed (`>&-`): no file of ours may come to stand in its place."""
    for number, (name, access, mode) in enumerate(_STREAMS):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, access)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
            stream = os.fdopen(
                number, mode, encoding="utf-8", errors="backslashreplace", closefd=False
            )
            setattr(sys, name, stream)


def _discard_output() -> None:
    with suppress(OSError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(what: GradcliError | str) -> None:
    """Print to standard error, an error's report in colours where the terminal shows them."""
    text = str(what)
    with suppress(OSError):
        if shows_colours(sys.stderr):
            text = report(text)
        sys.stderr.write(text + "\n")


def write(text: str | bytes | Iterable[str], path: Path | None) -> None:
    """Write data to standard output, or to a file that appears whole or not at all.

    A text may come in pieces.

    Raises: InputFault where the file cannot be written.
    """
    data: Iterable[bytes]
    if isinstance(text, bytes):
        data = (text,)
    else:
        pieces = (text,) if isinstance(text, str) else text
        data = (piece.encode("utf-8", "backslashreplace") for piece in pieces)
    if path is None:
        with _reader_may_leave():
            sys.stdout.flush()
            sys.stdout.buffer.writelines(data)
            sys.stdout.flush()
        return
    try:
        with Progress("bytes written") as progress:
            _replace(path, _counted(data, progress))
    except OSError as error:
        raise InputFault(
            f"{path}: cannot write: {(error.strerror or str(error)).lower()}"
        ) from None


def _counted(data: Iterable[bytes], progress: Progress) -> Iterator[bytes]:
    done = 0
    for piece in data:
        yield piece
        done += len(piece)
        progress.advance(done)


@contextmanager
def _reader_may_leave() -> Iterator[None]:
    """Go on where nobody reads any more: there is still an exit status to find."""
    try:
        yield
    except BrokenPipeError:
        _discard_output()
    except SystemExit as exit:  # rich's way to say so
        if not isinstance(exit.__context__, BrokenPipeError):
            raise
        _discard_output()


def _replace(path: Path, data: Iterable[bytes]) -> None:
    """Put data in the place of a file, which keeps its owner and permissions; links stay."""
    from tempfile import NamedTemporaryFile

    try:
        before = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        before = None
    if before is not None and not S_ISREG(before.st_mode):  # a device or a pipe
        with path.open("wb") as file:
            file.writelines(data)
        return
    if not path.parent.is_dir():
        raise OSError(errno.ENOENT, f"there is no folder {path.parent}")
    if before is not None and not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    target = path.resolve()
    with NamedTemporaryFile(dir=target.parent, prefix=".gradcli.", delete=False) as file:
        try:
            file.writelines(data)
            file.flush()
            _give(file.fileno(), before)
            Path(file.name).replace(target)
        except BaseException:
            with suppress(OSError):
                Path(file.name).unlink()
            raise


def _give(file: int, before: os.stat_result | None) -> None:
    """Give a new file the owner and the permissions of the one it replaces, or the usual ones."""
    mode = 0o666 & ~_umask()
    if before is not None:
        mode, new = S_IMODE(before.st_mode), os.fstat(file)
        if (before.st_uid, before.st_gid) != (new.st_uid, new.st_gid):
            os.fchown(file, before.st_uid, before.st_gid)
    os.fchmod(file, mode)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


# what stands before, between and after the texts of several files
_AROUND = {"json": ("[\n", ",\n", "]\n"), "markdown": ("", "\n", ""), "dot": ("", "", "")}


def joined(kind: str, texts: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield the texts of several files as one of the same kind, in pieces."""
    before, between, after = _AROUND[kind]
    yield before
    for place, pieces in enumerate(texts):
        if place:
            yield between
        yield from pieces
    yield after


def show(renderable: Any, path: Path | None = None) -> None:
    """Print a table or tree as the terminal can show it, or write it to a file as text."""
    show_each([renderable], path)


def show_each(renderables: Iterable[Any], path: Path | None = None) -> None:
    """Print tables or trees, each when it comes, or write all to a file; see `show`."""
    from rich.console import Console

    if path is None:
        if isinstance(sys.stdout, TextIOWrapper):  # no character is beyond any terminal
            sys.stdout.reconfigure(errors="backslashreplace")
        system: Any = "auto" if shows_colours(sys.stdout) else None
        console = Console(highlight=False, emoji=False, color_system=system)
    else:
        console = Console(
            file=StringIO(), highlight=False, emoji=False, no_color=True, force_terminal=False
        )
    console.width = max(console.width, _NARROWEST)
    for place, renderable in enumerate(renderables):
        with _reader_may_leave():
            if place:
                console.print()
            console.print(renderable, crop=False)
    if path is not None:
        write(console.file.getvalue(), path)  # type: ignore[attr-defined]
