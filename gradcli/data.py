"""Tensors in from files: .npy, .npz, .safetensors, .json, .toml and .csv.

A file of data may come from a stranger: nothing in it is ever executed (no pickles), and its size
is checked before it is read, that of an archive's members as they will be when unpacked.
"""

from __future__ import annotations

import io
import math
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from reprlib import repr as shortened
from stat import S_ISREG
from typing import Any

import numpy as np

from gradcli.errors import InputFault
from gradcli.recording import TRUTH
from gradcli.rule.dtypes import BOOL, DTYPES, FLOAT64, INT64, Array
from gradcli.source import READS, unchanged

LIMIT = 2**30  # bytes
DEPTH = 500  # of what is nested in a file, and of the calls of its reader

Contents = Array | dict[str, Array]

_GROWTH = {".json": 16, ".toml": 16, ".csv": 16}  # a text becomes as many times larger when read
_PICKLES = {".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".joblib"}
_POINT = "written with a decimal point it is a float"
_KINDS = {  # of a NumPy dtype that has no place here
    "O": "Python objects", "U": "texts", "S": "texts", "T": "texts", "V": "records",
    "M": "dates", "m": "time spans", "f": "extended floats", "c": "extended complex numbers",
}  # fmt: skip
_SAFETENSORS = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "BF16": "<u2", "C64": "<c8", "I64": "<i8",
    "I32": "<i4", "I16": "<i2", "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1",
    "BOOL": "?",
}  # fmt: skip


def read(path: Path, *, folder: Path, allowed: Sequence[Path] = (), limit: int = LIMIT) -> Contents:
    """Return what `load("path")` gives in an expression file of a folder.

    An array for .npy, a JSON list and a CSV file without a header; arrays by name for the others.
    Raises InputFault for a path that leaves the folder, by itself or through a link, and is not
    in one of the `allowed` folders, for more than `limit` bytes, and for what is not such a file.
    """
    return _contents(_within(path, folder, allowed), str(path), limit)


def read_bindings(path: Path, *, limit: int = LIMIT) -> dict[str, Array]:
    """Return arrays by name from a file named by the user, wherever it is (`--data FILE`).

    What has no name of its own gets that of the file, without its ending. Raises InputFault for
    more than `limit` bytes, and for what is not such a file.
    """
    contents = _contents(path, str(path), limit)
    return contents if isinstance(contents, dict) else {path.stem: contents}


def _within(path: Path, folder: Path, allowed: Iterable[Path]) -> Path:
    """Return a path with its links followed, if it stays in the folder or an allowed one."""
    try:
        target = (folder / path).resolve()
        granted = any(target.is_relative_to(root.resolve()) for root in allowed)
        inside = target.is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # a circle of links, a zero byte
        raise InputFault(f"`{path}` cannot be found: {error}") from error
    if not granted and (path.is_absolute() or path.drive):
        fault = "is an absolute path"
    elif not granted and ".." in path.parts:
        fault = "leaves the folder of the expression file"
    elif not granted and not inside:
        fault = "is a link out of the folder of the expression file"
    else:
        return target
    raise InputFault(
        f"`{path}` {fault}",
        hint="put the file beside the expression file, or allow its folder with --allow-path DIR",
    )


def _contents(path: Path, name: str, limit: int) -> Contents:
    """Return the arrays of a file; every fault in it is told under the name."""
    kind = path.suffix.lower()
    if kind in _PICKLES:
        raise InputFault(
            f"`{name}` may hold a pickle, which can run any code when it is read",
            hint="save it as .npz or .safetensors",
        )
    if kind not in _READERS:
        hint = f"the kinds are {', '.join(_READERS)}"
        raise InputFault(f"`{name}` is not of a known kind", hint=hint)
    with _told_of(f"`{name}`"), _shallow():
        try:
            return _READERS[kind](_bytes(path, limit // _GROWTH.get(kind, 1)), limit)
        except MemoryError as error:
            raise InputFault("does not fit into the memory") from error


@contextmanager
def _shallow() -> Iterator[None]:
    """Let Python's readers go so deep and no deeper: a run raises the limit beyond the C stack."""
    before, depth, frame = sys.getrecursionlimit(), 0, sys._getframe()
    while frame := frame.f_back:  # type: ignore[assignment]
        depth += 1
    sys.setrecursionlimit(min(before, depth + DEPTH))
    try:
        yield
    finally:
        sys.setrecursionlimit(before)


@contextmanager
def _told_of(subject: str) -> Iterator[None]:
    """Complete the sentences of faults raised within, which begin with their verb."""
    try:
        yield
    except InputFault as fault:
        raise InputFault(f"{subject} {fault.message}", hint=fault.hint) from fault


def _quoted(name: str) -> str:
    """Return a name that a file gives as it may stand in a message: short and printable."""
    return f"`{shortened(name)[1:-1]}`"


def _bytes(path: Path, limit: int) -> bytes:
    sys.audit(READS, str(path))
    try:
        status = path.stat()
        if not S_ISREG(status.st_mode):
            raise InputFault("is a folder" if path.is_dir() else "is not a regular file")
        _check_size(status.st_size, limit)
        with path.open("rb") as file:
            return unchanged(file, status.st_size)
    except FileNotFoundError as error:
        raise InputFault("does not exist", hint=_nearest(path)) from error
    except OSError as error:
        raise InputFault(f"cannot be read: {error.strerror}") from error
    except ValueError as error:  # a zero byte in the path
        raise InputFault(f"cannot be read: {error}") from error


def _nearest(path: Path) -> str | None:
    """Return a hint that names the file most like a missing one."""
    from difflib import get_close_matches

    names = [entry.name for entry in path.parent.glob("*")]
    return next((f"did you mean `{n}`?" for n in get_close_matches(path.name, names, 1)), None)


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise InputFault(
            f"is too large: {size:,} bytes, and at most {limit:,} are read",
            hint="keep only the tensors and rows that the formula needs",
        )


def _npy(data: bytes, _limit: int, text: bool = False) -> Array:
    """Return the array of a file; the bytes of its characters where it may be a `text`, and is."""
    from numpy.lib import format as npy

    file = io.BytesIO(data)
    try:
        version = npy.read_magic(file)
        header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
        shape, fortran, dtype = header(file)
    except Exception as error:  # numpy lets through what its reader of Python literals raises
        raise InputFault("is not a .npy file", hint="numpy.save writes one") from error
    if dtype.hasobject:
        raise InputFault(
            "holds Python objects, whose pickle can run any code when it is read",
            hint="save an array of numbers: numpy.save(..., allow_pickle=False)",
        )
    if text and dtype.kind == "U" and not shape:
        characters = data[file.tell() :].decode("utf-32-be" if dtype.str[0] == ">" else "utf-32-le")
        return np.frombuffer(characters.encode(), np.uint8)
    return _from_buffer(memoryview(data)[file.tell() :], dtype, shape, "F" if fortran else "C")


def _from_buffer(data: memoryview, dtype: Any, shape: Sequence[int], order: Any = "C") -> Array:
    """Return the array whose elements are these bytes, no more and no fewer."""
    dtype, count = np.dtype(dtype), math.prod(shape)
    try:
        if count * dtype.itemsize != len(data):
            raise ValueError
        flat = np.frombuffer(data, dtype) if count else np.empty(0, dtype)
        array = flat.reshape(shape, order=order)
    except (ValueError, OverflowError) as error:
        raise InputFault(
            f"is damaged: its bytes are not an array {tuple(shape)} of {dtype.name}",
            hint="copy or download it again",
        ) from error
    return _normalised(array)


def _normalised(array: Array) -> Array:
    """Return a copy of an array in one of the language's dtypes and in row-major order."""
    dtype = array.dtype.newbyteorder("=")
    if dtype == BOOL:
        array = array.view(np.uint8) != 0  # a byte of a file may be neither 0 nor 1
    if dtype in DTYPES.values():
        return np.array(array, dtype, order="C")
    if dtype.kind != "u":
        raise InputFault(
            f"holds {_KINDS[dtype.kind]} ({dtype.name})",
            hint="save it as float64, int64 or another of the dtypes of the language",
        )
    if array.size and array.max() > np.iinfo(INT64).max:
        raise InputFault(f"holds {array.max()}, which is more than int64 can", hint="use float64")
    return np.array(array, INT64, order="C")


def _npz(data: bytes, limit: int) -> dict[str, Array]:
    import zipfile
    import zlib

    plain = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
    arrays = {}
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = archive.infolist()
            _check_size(sum(member.file_size for member in members), limit)
            for member in members:
                name = member.filename.removesuffix(".npy")
                if name == member.filename or member.compress_type not in plain:
                    found = f"holds {_quoted(member.filename)}"
                    raise InputFault(f"{found}, which numpy.savez did not write")
                with _told_of(f"holds {_quoted(name)}, which"):
                    arrays[name] = _npy(archive.read(member), limit, name.startswith(TRUTH))
    except (zipfile.BadZipFile, zlib.error, EOFError, RuntimeError, OSError, ValueError) as error:
        raise InputFault(f"is not a .npz file: {error}", hint="numpy.savez writes one") from error
    return arrays


def _safetensors(data: bytes, limit: int) -> dict[str, Array]:
    # 8 bytes: the length of a JSON header; the header: dtype, shape and place of each tensor
    start = 8 + int.from_bytes(data[:8], "little")
    header = _parsed_json(data[8:start]) if len(data) >= start else None
    if not isinstance(header, dict):
        raise InputFault("is not a .safetensors file", hint="safetensors' save_file writes one")
    buffer = memoryview(data)[start:]
    arrays: dict[str, Array] = {}
    size = 0
    for name, entry in header.items():
        if name != "__metadata__":
            with _told_of(f"holds {_quoted(name)}, which"):
                arrays[name] = _safetensor(buffer, entry)
            # tensors that share their bytes would make many large arrays of a small file
            size += arrays[name].nbytes
            _check_size(size, 4 * limit)  # 4: uint16 becomes int64
    return arrays


def _safetensor(buffer: memoryview, entry: object) -> Array:
    match entry:
        case {"dtype": str(kind), "shape": [*shape], "data_offsets": [int(begin), int(end)]} if (
            0 <= begin <= end <= len(buffer) and all(isinstance(size, int) for size in shape)
        ):
            if kind not in _SAFETENSORS:
                hint = f"the dtypes read are {', '.join(_SAFETENSORS)}"
                raise InputFault(f"has the dtype {_quoted(kind)}", hint=hint)
            array = _from_buffer(buffer[begin:end], _SAFETENSORS[kind], shape)
            if kind == "BF16":  # the upper half of a float32
                array = np.asarray(array << 16, np.uint32).view(np.float32)
            return array
    raise InputFault("is not described as in the .safetensors format")


def _json(data: bytes, _limit: int) -> Contents:
    contents = _parsed_json(data)
    return _named(contents) if isinstance(contents, dict) else _array(contents)


def _parsed_json(data: bytes) -> Any:
    import json

    try:
        return json.loads(_text(data))
    except json.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        raise InputFault(f"is not JSON: {place}: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise InputFault(f"is too much for the JSON reader: {error}") from error


def _toml(data: bytes, _limit: int) -> dict[str, Array]:
    import tomllib

    try:
        return _named(tomllib.loads(_text(data)))
    except (ValueError, RecursionError) as error:
        raise InputFault(f"is not TOML: {error}") from error


def _text(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise InputFault(
            f"is not UTF-8: line {line} has the byte 0x{data[error.start]:02x}",
            hint="save it as UTF-8 text",
        ) from error


def _named(values: dict[str, Any]) -> dict[str, Array]:
    arrays = {}
    for name, value in values.items():
        with _told_of(f"holds {_quoted(name)}, which"):
            arrays[name] = _array(value)
    return arrays


def _array(value: Any) -> Array:
    """Return a number or nested lists of numbers as an array."""
    items: list[Any] = [value]
    shape: list[int] = []
    while items and isinstance(items[0], list):  # one level of brackets at a time
        size = len(items[0])
        for at, item in enumerate(items):
            if not isinstance(item, list) or len(item) != size:
                found = f"of length {len(item)}" if isinstance(item, list) else shortened(item)
                raise InputFault(
                    f"is ragged: row {_index(at, shape)} is {found}, the first of length {size}",
                    hint="all rows of a tensor have the same length",
                )
        shape.append(size)
        items = [element for item in items for element in item]
    try:
        numbers = [_number(item, at, shape) for at, item in enumerate(items)]
        types = set(map(type, numbers))
        dtype = next((t for t in (complex, float, int, bool) if t in types), float)
        return np.array(numbers, dtype).reshape(shape)
    except OverflowError as error:
        raise InputFault("holds an integer that int64 cannot", hint=_POINT) from error
    except ValueError as error:
        raise InputFault(f"has {len(shape)} dimensions; an array has at most 64") from error


def _number(item: Any, at: int, shape: list[int]) -> complex:
    """Return the number that an item of JSON or TOML stands for."""
    match item:
        case bool() | int() | float():
            return item
        case "nan" | "inf" | "-inf":
            return float(item)
        case {"re": re, "im": im} if not isinstance(re, dict) and not isinstance(im, dict):
            return complex(_number(re, at, shape).real, _number(im, at, shape).real)
    place = f" at {_index(at, shape)}" if shape else ""
    raise InputFault(
        f"has {shortened(item)}{place}, where a number should be",
        hint='a number may also be "nan", "inf", "-inf" or {"re": 1.0, "im": 2.0}',
    )


def _index(at: int, shape: list[int]) -> list[int]:
    return [int(i) for i in np.unravel_index(at, shape)]


def _csv(data: bytes, _limit: int) -> Contents:
    import csv

    reader = csv.reader(io.StringIO(_text(data), newline=""), strict=True)
    try:
        rows = [(reader.line_num, row) for row in reader if row]
    except csv.Error as error:
        raise InputFault(f"is not CSV: line {reader.line_num}: {error}") from error
    if not rows:
        raise InputFault("is empty")
    first = rows[0][1]
    header = not all(map(_is_number, first))
    for line, row in rows[header:]:
        _check_row(line, row, len(first))
    if not header:
        return _cells([cell for _, row in rows for cell in row]).reshape(len(rows), -1)
    names = [cell.strip() for cell in first]
    if len(set(names)) < len(names):
        raise InputFault("has two columns of one name in its first line")
    return {name: _cells([row[at] for _, row in rows[1:]]) for at, name in enumerate(names)}


def _check_row(line: int, row: list[str], length: int) -> None:
    if len(row) != length:
        raise InputFault(
            f"is ragged: line {line} is of length {len(row)}, the first of length {length}"
        )
    for column, cell in enumerate(row, 1):
        if not _is_number(cell):
            raise InputFault(
                f"has {shortened(cell)} in line {line}, column {column}, where a number should be",
                hint="write nan for a missing value",
            )


def _cells(cells: list[str]) -> Array:
    """Return the numbers of cells as integers, or else as floats."""
    try:
        return np.array(cells, INT64)
    except ValueError:
        return np.array(cells, FLOAT64)
    except OverflowError as error:
        raise InputFault("holds an integer that int64 cannot", hint=_POINT) from error


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


_READERS: dict[str, Callable[[bytes, int], Contents]] = {
    ".npy": _npy, ".npz": _npz, ".safetensors": _safetensors, ".json": _json, ".toml": _toml,
    ".csv": _csv,
}  # fmt: skip
