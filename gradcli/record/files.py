"""A record on the disk: a text and its arrays, both of them whole or neither."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile

import numpy as np

from gradcli.errors import InputFault
from gradcli.record.listing import Listing
from gradcli.rule.dtypes import Array

KINDS = (".npz", ".safetensors")
_SAFETENSORS = {
    "float64": "F64", "float32": "F32", "float16": "F16", "complex64": "C64", "int64": "I64",
    "int32": "I32", "int16": "I16", "int8": "I8", "uint8": "U8", "bool": "BOOL",
}  # fmt: skip


def paths(output: Path) -> tuple[Path, Path]:
    """Return the paths of the text and of the arrays for what a person has named.

    `run`, `run.expr` and `run.npz` are `run.expr` and `run.npz`; `run.safetensors` names the kind.

    Raises: InputFault for another ending.
    """
    if output.suffix in ("", ".expr", *KINDS):
        arrays = output.suffix if output.suffix in KINDS else ".npz"
        return output.with_suffix(".expr"), output.with_suffix(arrays)
    raise InputFault(
        f"{output}: a record is a file .expr and one of {' or '.join(KINDS)} beside it",
        hint=f"-o {output.with_suffix('.expr')}",
    )


def write(listing: Listing, output: Path) -> tuple[Path, Path]:
    """Write a record, both files whole or neither; return their paths.

    Raises: InputFault where they cannot be written.
    """
    text_path, data_path = paths(output)
    arrays = listing.arrays()
    data = safetensors(arrays) if data_path.suffix == ".safetensors" else npz(arrays)
    text = listing.text(data_path.name).encode("utf-8", "backslashreplace")
    waiting: list[tuple[Path, Path]] = []
    try:
        for path, contents in ((data_path, data), (text_path, text)):
            waiting.append((_aside(path, contents), path))
        before = data_path.read_bytes() if data_path.exists() else None
        waiting[0][0].replace(data_path)
        try:
            waiting[1][0].replace(text_path)
        except OSError:  # the old text must not stand beside the new arrays
            if before is None:
                data_path.unlink()
            else:
                data_path.write_bytes(before)
            raise
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise InputFault(f"{error.filename or output}: cannot write: {said}") from None
    finally:
        for aside, _ in waiting:
            with suppress(OSError):
                aside.unlink()
    return text_path, data_path


def _aside(path: Path, contents: bytes) -> Path:
    """Write contents beside a path, and return where."""
    with NamedTemporaryFile(dir=path.parent, prefix=".gradcli.", delete=False) as file:
        try:
            file.write(contents)
            file.flush()
            mask = os.umask(0)
            os.umask(mask)
            os.fchmod(file.fileno(), 0o666 & ~mask)
        except BaseException:
            Path(file.name).unlink()
            raise
    return Path(file.name)


def npz(arrays: Mapping[str, Array]) -> bytes:
    """Return arrays as a compressed .npz file."""
    from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

    buffer = io.BytesIO()
    with ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, np.asarray(array), allow_pickle=False)
            # a date of its own would make two files of one run differ
            info = ZipInfo(f"{name}.npy", (1980, 1, 1, 0, 0, 0))
            archive.writestr(info, member.getvalue(), ZIP_DEFLATED)
    return buffer.getvalue()


def safetensors(arrays: Mapping[str, Array]) -> bytes:
    """Return arrays as a .safetensors file.

    Raises: InputFault for complex numbers of double precision, which the format has not.
    """
    header: dict[str, object] = {}
    parts: list[bytes] = []
    place = 0
    for name, array in arrays.items():
        if array.dtype.name not in _SAFETENSORS:
            raise InputFault(
                f".safetensors has no {array.dtype.name}, which `{name}` is",
                hint="-o run.npz has all dtypes",
            )
        part = np.ascontiguousarray(array).tobytes()
        header[name] = {"dtype": _SAFETENSORS[array.dtype.name], "shape": list(array.shape),
                        "data_offsets": [place, place + len(part)]}  # fmt: skip
        parts.append(part)
        place += len(part)
    told = json.dumps(header).encode()
    told += b" " * (-len(told) % 8)
    return b"".join([len(told).to_bytes(8, "little"), told, *parts])
