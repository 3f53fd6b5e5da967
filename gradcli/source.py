"""Expression files as they are read: what formats one needs nothing else."""

from __future__ import annotations

import os
import re
import sys
from itertools import islice
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

from gradcli.errors import InputFault, Source

SUFFIX = ".expr"  # of an expression file
NOTEBOOK = ".ipynb"  # whose cells of code are read one after the other
READ = (SUFFIX, NOTEBOOK, ".py")  # what may be meant by the name of a file that is not there
_LIKE = 0.6  # of two names, from 0 to 1
_LOOKED_AT = 2000  # files among which one of a similar name is looked for
MAX_FILE = 64 << 20  # bytes of an expression file
READS = "gradcli.reads"  # what `sys.audit` is told of each file that is about to be read: its path


def read_source(path: Path) -> Source:
    """Read an expression file.

    Raises: InputFault where it is missing, unreadable, too large, not UTF-8, or written to
    while it is read.
    """
    sys.audit(READS, str(path))
    try:
        with path.open("rb") as file:
            data = unchanged(file, MAX_FILE + 1)
    except FileNotFoundError:
        raise InputFault(f"{path}: there is no such file", hint=nearby(path, READ)) from None
    except IsADirectoryError:
        raise InputFault(
            f"{path}: is a folder",
            hint=f"its files are {path}/*{SUFFIX}; gradcli check and fmt take folders",
        ) from None
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
    if name.endswith(NOTEBOOK):
        return _notebook(name, data)
    try:
        return Source(name, data.decode("utf-8"))
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputFault(
            f"{name}:{line}: not UTF-8 text: byte 0x{data[error.start]:02x} at offset "
            f"{error.start}",
            hint="save the file as UTF-8; data files are read with load(…) or --data",
        ) from None


# what a cell may begin with and still be code for this kernel; other `%%` are for another one
_OWN_CELLS = re.compile(r"%%(time|capture|prun|gradcli)\b")


_FROM_SHELL = re.compile(r"^([ \t]*)(?=[\w, ]+=[ \t]*!)")  # `files = !ls`, which no run can know


def _notebook(name: str, data: bytes) -> Source:
    """Return the cells of code of a notebook as one text.

    Raises: InputFault where it is no notebook.
    """
    import json

    try:
        found = json.loads(data)
    except UnicodeDecodeError as error:
        raise InputFault(f"{name}: not UTF-8 text: byte 0x{data[error.start]:02x}") from None
    except (ValueError, RecursionError) as error:
        where = f" in line {error.lineno}" if isinstance(error, json.JSONDecodeError) else ""
        raise InputFault(
            f"{name}: not a notebook: it is no JSON{where}",
            hint="a file of Python's with another ending, such as .py, is read as it is",
        ) from None
    if isinstance(found, dict) and "worksheets" in found:
        hint = "jupyter nbconvert --to notebook writes it anew"
        raise InputFault(f"{name}: a notebook of format 3, and format 4 is read", hint=hint)
    try:
        cells = found["cells"]
        codes = [cell["source"] for cell in cells if cell["cell_type"] == "code"]
        texts = [code if isinstance(code, str) else "".join(code) for code in codes]
    except (KeyError, TypeError):
        raise InputFault(
            f"{name}: not a notebook: its JSON has no cells with a type and a source",
            hint="save it again with Jupyter, as format 4",
        ) from None
    begins, text = [], ""
    for code in texts:
        begins.append(text.count("\n") + 1)
        lines = code.replace("\r\n", "\n").split("\n")
        if lines[0].startswith("%%") and not _OWN_CELLS.match(lines[0]):
            lines = [lines[0], *(f"# {line}" for line in lines[1:])]
        text += "\n".join(_FROM_SHELL.sub(r"\1# ", line) for line in lines) + "\n"
    return Source(name, text, tuple(begins))


def nearby(path: Path, suffixes: tuple[str, ...]) -> str | None:
    """Suggest a file of the right kind for one that is not there: its name elsewhere, or like it.

    Looked at are the folder, or the one above it that is there, and the folders in that.
    """
    from difflib import SequenceMatcher

    folder = next((above for above in path.parents if above.is_dir()), Path())

    def likeness(found: Path) -> float:
        whole = SequenceMatcher(None, str(found), str(path)).ratio()
        if found.name == path.name:
            return 3 + whole
        near = SequenceMatcher(None, found.stem, path.stem).ratio()
        begins = found.stem.startswith(path.stem) or path.stem.startswith(found.stem)
        return near + begins + (found.parent == path.parent) / 8

    try:
        files = [f for pattern in ("*", "*/*") for f in islice(folder.glob(pattern), _LOOKED_AT)]
    except OSError:
        return None
    right = [f for f in files if f.suffix in suffixes and not f.name.startswith(".")]
    best = max(sorted(right), key=likeness, default=None)
    if best is None or likeness(best) < _LIKE:
        return None
    return f"did you mean {best}?"


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
