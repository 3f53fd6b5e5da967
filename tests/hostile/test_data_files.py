"""Data files from strangers: what lies, what is deep, what is large when it is unpacked."""

from __future__ import annotations

import io
import json
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gradcli.data import read, read_bindings
from gradcli.errors import InputFault
from tests.hostile.child import Outcome, outcomes

DEEP = 100_000


def npy(header: str, data: bytes = b"", length: int | None = None) -> bytes:
    """Return a .npy file with a header of any text, and of any length said."""
    text = header.encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", length or len(text)) + text + data


def array(shape: str, descr: str = "'<f8'") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}}}"


def npz(**members: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def safetensors(header: str, data: bytes = b"", length: int | None = None) -> bytes:
    text = header.encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def tensor(**facts: object) -> str:
    return json.dumps({"x": {"dtype": "F64", "shape": [1], "data_offsets": [0, 8]} | facts})


ZEROS = io.BytesIO()
np.save(ZEROS, np.zeros(4_000_000))
BOMB = npz(**{"x.npy": ZEROS.getvalue()})
LYING = bytearray(BOMB)  # an archive whose member says that it is small
for mark, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
    place = LYING.find(mark) + offset
    LYING[place : place + 4] = struct.pack("<I", 128)

# a file, and what is said of it
FILES: dict[str, tuple[str, bytes, str]] = {
    "a shape that no memory holds": ("d.npy", npy(array("(10**6,)"), b""), "not a .npy file"),
    "a shape beyond all bytes": ("d.npy", npy(array(f"({2**62},)")), "damaged"),
    "a negative size": ("d.npy", npy(array("(-1,)"), bytes(8)), "damaged"),
    "fewer bytes than said": ("d.npy", npy(array("(3,)"), bytes(16)), "damaged"),
    "objects": ("d.npy", npy(array("(1,)", "'|O'"), b"cos\nsystem\n"), "Python objects"),
    "records of objects": ("d.npy", npy(array("(1,)", "[('a', '|O')]"), bytes(8)), "objects"),
    "texts": ("d.npy", npy(array("(1,)", "'<U2'"), bytes(8)), "texts"),
    "code for a header": ("d.npy", npy("__import__('os').system('id')"), "not a .npy file"),
    "a deep header": ("d.npy", npy("(" * 9000 + ")" * 9000), "not a .npy file"),
    "a header of signs": ("d.npy", npy("-" * 9000 + "1"), "not a .npy file"),
    "a header longer than the file": ("d.npy", npy(array("(1,)"), b"", 60_000), "not a .npy file"),
    "a bomb": ("d.npz", BOMB, "too large"),
    "a bomb that lies": ("d.npz", bytes(LYING), "d.npz"),
    "a name that climbs": ("d.npz", npz(**{"../../x.npy": b"x"}), "not a .npy file"),
    "no arrays": ("d.npz", npz(**{"x.txt": b"x"}), "numpy.savez did not write"),
    "objects in an archive": ("d.npz", npz(**{"x.npy": npy(array("()", "'|O'"))}), "objects"),
    "an archive in an archive": ("d.npz", npz(**{"x.npy": BOMB[:1000]}), "not a .npy file"),
    "json in json": ("d.json", b"[" * DEEP, "too much for the JSON reader"),
    "objects in json": ("d.json", b'{"a":' * DEEP, "too much for the JSON reader"),
    "closed json": ("d.json", b"[" * DEEP + b"]" * DEEP, "too much for the JSON reader"),
    "digits in json": ("d.json", b"[1" + b"0" * 10_000 + b"]", "too much"),
    "a float beyond all": ("d.json", b"[1e999999999]", ""),
    "toml in toml": ("d.toml", b"x = " + b"[" * DEEP, "not TOML"),
    "tables in toml": ("d.toml", b"x = " + b"{a=" * DEEP, "not TOML"),
    "a key of many dots": ("d.toml", b"a" + b".a" * 2000 + b" = 1", "d.toml"),
    "a csv of one quote": ("d.csv", b'"' + b"1," * 100_000, "d.csv"),
    "a deep safetensors header": ("d.safetensors", safetensors("[" * DEEP), "JSON reader"),
    "deep safetensors objects": ("d.safetensors", safetensors('{"a":' * DEEP), "JSON reader"),
    "a header of all bytes": ("d.safetensors", safetensors("{}", b"", 2**63), "safetensors"),
    "a shape that lies": ("d.safetensors", safetensors(tensor(shape=[2]), bytes(8)), "damaged"),
    "a shape too large": (
        "d.safetensors", safetensors(tensor(shape=[2**62, 2**62]), bytes(8)), "damaged"),
    "a place outside": (
        "d.safetensors", safetensors(tensor(data_offsets=[0, 2**40]), bytes(8)), "described"),
    "a place that ends before": (
        "d.safetensors", safetensors(tensor(data_offsets=[8, 0]), bytes(8)), "described"),
    "a pickle": ("d.pt", b"\x80\x04.", "pickle"),
}  # fmt: skip


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Load each file from a program, where the limit of recursion is far beyond the stack."""
    programs = []
    for i, (name, data, _) in enumerate(FILES.values()):
        folder = tmp_path_factory.mktemp(str(i))
        (folder / name).write_bytes(data)
        text = f"x = load('{name}')\n"
        programs.append({"text": text, "folder": str(folder), "max_memory": 10 << 20})
    return dict(zip(FILES, outcomes(programs), strict=False))


@pytest.mark.parametrize("name", FILES)
def test_a_hostile_file_is_refused_with_a_word(name: str, found: dict[str, Outcome]) -> None:
    words = FILES[name][2]
    if words:
        assert found[name]["kind"] == "InputFault"
        assert words in found[name]["error"]
    else:
        assert "error" not in found[name]


def test_files_larger_than_the_memory_that_is_allowed_are_not_read(tmp_path: Path) -> None:
    for name, data in (("d.npz", BOMB), ("d.npy", ZEROS.getvalue())):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(InputFault, match="too large"):
            read_bindings(tmp_path / name, limit=1 << 20)
    (tmp_path / "d.json").write_text(json.dumps([1.5] * 20_000), encoding="utf-8")
    with pytest.raises(InputFault, match="too large"):
        read_bindings(tmp_path / "d.json", limit=1 << 20)
    assert read_bindings(tmp_path / "d.json", limit=1 << 24)["d"].shape == (20_000,)


def test_a_link_out_of_the_folder_and_a_circle_of_links_are_not_followed(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "secret.csv").write_text("1\n", encoding="utf-8")
    (inside / "out.csv").symlink_to("../secret.csv")
    (inside / "up").symlink_to("..")
    (inside / "round.csv").symlink_to("round.csv")
    for name in ("out.csv", "up/secret.csv", "round.csv", "../secret.csv", "/etc/passwd"):
        with pytest.raises(InputFault):
            read(Path(name), folder=inside)
