"""Expression files as they are read: what formats one needs nothing else."""

from __future__ import annotations

import os
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from gradcli.errors import InputFault, Source

MAX_FILE = 64 << 20  # bytes of an expression file


def read_source(path: Path) -> Source:
    """Read an expression file.

    Raises: InputFault where it is missing, unreadable, too large, not UTF-8, or written to
    while it is read.
    """
    try:
        with path.open("rb") as file:
            data = unchanged(file, MAX_FILE + 1)
    except FileNotFoundError:
        raise InputFault(f"{path}: there is no such file", hint=_nearby(path)) from None
    except OSError as error:
        raise InputFault(f"{path}: {(error.strerror or str(error)).lower()}") from None
    except InputFault as fault:
        raise InputFault(f"{path} {fault.message}", hint=fault.hint) from None
    return decoded(str(path), data)


def decoded(name: str, data: bytes) -> Source:
    """Return bytes as the text of an expression file.

    Raises: InputFault where they are too many or not UTF-8.
    """
    if len(data) > MAX_FILE:
        raise InputFault(f"{name}: larger than {MAX_FILE >> 20} MiB")
    try:
        return Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputFault(
            f"{name}:{line}: not UTF-8 text: byte 0x{data[error.start]:02x} at offset "
            f"{error.start}",
            hint="save the file as UTF-8; data files are read with load(…) or --data",
        ) from None


def _nearby(path: Path) -> str | None:
    """Suggest an expression file with a similar name in the same folder."""
    from difflib import get_close_matches

    try:
        names = [p.name for p in path.parent.glob("*.expr")]
    except OSError:
        return None
    near = get_close_matches(path.name, names, 1)
    return f"did you mean {path.parent / near[0]}?" if near else None


def unchanged(file: BinaryIO, limit: int) -> bytes:
    """Return what an open file holds, at most `limit` bytes.

    Raises: InputFault where another process writes to it meanwhile: half of the one and half of
    the other would be what nobody has written.
    """
    before = os.fstat(file.fileno())
    data = file.read(limit)
    after = os.fstat(file.fileno())
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    if S_ISREG(before.st_mode) and not same:
        raise InputFault("was written to while it was read", hint="run it again")
    return data
