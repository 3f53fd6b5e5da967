"""Tensors in from files: every kind of file, what each may hold, and what no file may do."""

import io
import json
import os
import pickle
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from gradcli.data import read, read_bindings
from gradcli.errors import InputFault
from gradcli.rule.dtypes import DTYPES, Array

INF, NAN = float("inf"), float("nan")
A, B = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, 2, 3])

# the text of a file, and the arrays it holds
TEXTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "a number": ("d.json", '{"w": 1.5}', {"w": np.array(1.5)}),
    "integers": ("d.json", '{"x": [1, 2]}', {"x": np.array([1, 2])}),
    "a float among integers": ("d.json", '{"x": [1, 2.5]}', {"x": np.array([1, 2.5])}),
    "booleans": ("d.json", '{"m": [true, false]}', {"m": np.array([True, False])}),
    "booleans among integers": ("d.json", '{"m": [true, 2]}', {"m": np.array([1, 2])}),
    "nested lists": ("d.json", '{"x": [[[1], [2]]]}', {"x": np.array([[[1], [2]]])}),
    "empty lists": ("d.json", '{"x": [[], []]}', {"x": np.empty((2, 0))}),
    "special numbers": (
        "d.json",
        '{"x": ["nan", "inf", "-inf", 1]}',
        {"x": np.array([NAN, INF, -INF, 1])},
    ),
    "special numbers as Python's json writes them": (
        "d.json",
        "[NaN, Infinity, -Infinity]",
        {"d": np.array([NAN, INF, -INF])},
    ),
    "complex numbers": (
        "d.json",
        '{"z": [{"re": 1, "im": -2.5}, {"re": "nan", "im": "inf"}, 3]}',
        {"z": np.array([1 - 2.5j, complex(NAN, INF), 3])},
    ),
    "a list alone": ("points.json", "[1.5, 2]", {"points": np.array([1.5, 2])}),
    "several names": ("d.json", '{"a": 1, "b": [2.0]}', {"a": np.array(1), "b": np.array([2.0])}),
    "a byte order mark": ("d.json", "\ufeff[1]", {"d": np.array([1])}),
    "no names at all": ("d.json", "{}", {}),
    "columns": ("d.csv", "x,y\n1,2.5\n3,4\n", {"x": np.array([1, 3]), "y": np.array([2.5, 4])}),
    "quoted names and spaces": (
        "d.csv",
        '"a, b", c\r\n1, 2\r\n',
        {"a, b": np.array([1]), "c": np.array([2])},
    ),
    "no header": ("d.csv", "1,2\n3,4\n", {"d": np.array([[1, 2], [3, 4]])}),
    "no header, floats": ("d.csv", "1,2\n3,4.5\n", {"d": np.array([[1, 2], [3, 4.5]])}),
    "empty lines and nan": ("d.csv", "x\n\n1\nnan\n\n", {"x": np.array([1, NAN])}),
    "a header alone": ("d.csv", "x,y\n", {"x": np.empty(0, int), "y": np.empty(0, int)}),
    "toml": (
        "d.toml",
        'x = [1, 2]\ny = [[1.5, nan]]\nz = {re = 1, im = 2}\nw = "inf"\n',
        {
            "x": np.array([1, 2]),
            "y": np.array([[1.5, NAN]]),
            "z": np.array(1 + 2j),
            "w": np.array(INF),
        },
    ),
}

# name and bytes of a file, and what is said about it
DEEP = b"[" * 200_000
WRONG: dict[str, tuple[str, bytes, str]] = {
    "json syntax": ("d.json", b'{"x": [1,\n 2 3]}', "`d.json` is not JSON: line 2, column 4: Exp"),
    "json too deep": ("d.json", DEEP, "`d.json` is too much for the JSON reader"),
    "json deeper than arrays": ("d.json", b"[" * 65 + b"]" * 65, "has 65 dimensions"),
    "json digits": ("d.json", b"9" * 5000, "is too much for the JSON reader"),
    "not utf-8": ("d.json", b"[1,\n\xff]", "`d.json` is not UTF-8: line 2 has the byte 0xff"),
    "a short row": (
        "d.json",
        b'{"x": [[1, 2], [3, 4], [5]]}',
        r"`d.json` holds `x`, which is ragged: row \[2\] is of length 1, the first of length 2",
    ),
    "a short row inside": (
        "d.json",
        b"[[[1], [2]], [[3], [4, 5]]]",
        r"row \[1, 1\] is of length 2, the first of length 1",
    ),
    "a number among rows": ("d.json", b"[[1], 2]", r"row \[1\] is 2, the first of length 1"),
    "a row among numbers": ("d.json", b"[1, [2]]", r"has \[2\] at \[1\], where a number should"),
    "null": ("d.json", b'{"x": [1, null]}', r"holds `x`, which has None at \[1\], where a number"),
    "a text": ("d.json", b'["one"]', r"has 'one' at \[0\], where a number should be"),
    "an object": ("d.json", b'{"x": {"re": 1}}', r"has \{'re': 1\}, where a number"),
    "a complex part that is a list": (
        "d.json",
        b'[{"re": [1], "im": 2}]',
        r"has \[1\] at \[0\], where",
    ),
    "complex parts of complex parts": (
        "d.json",
        b'[{"re": {"re": 1, "im": 1}, "im": 2}]',
        "where a number should be",
    ),
    "a large integer": ("d.json", b"[9223372036854775808]", "an integer that int64 cannot"),
    "a large integer among floats": ("d.json", b"[1.5, 1" + b"0" * 400 + b"]", "int64 cannot"),
    "a large complex integer": (
        "d.json",
        b'[{"re": 1' + b"0" * 400 + b', "im": 0}]',
        "int64 cannot",
    ),
    "csv ragged": ("d.csv", b"a,b\n1,2\n3\n", "line 3 is of length 1, the first of length 2"),
    "csv text": ("d.csv", b"a,b\n1,2\n3,four\n", "has 'four' in line 3, column 2, where a n"),
    "csv empty cell": ("d.csv", b"a,b\n1,\n", "has '' in line 2, column 2"),
    "csv text without header": ("d.csv", b"1,2\n3,x\n", "has 'x' in line 2, column 2"),
    "csv names twice": ("d.csv", b"a,a\n1,2\n", "two columns of one name"),
    "csv empty": ("d.csv", b"\n\n", "`d.csv` is empty"),
    "csv quotes": ("d.csv", b'a\n"1\n', "`d.csv` is not CSV: line 2"),
    "csv large integer": ("d.csv", b"a\n9223372036854775808\n", "int64 cannot"),
    "toml syntax": ("d.toml", b"x = [1\ny = 2", r"is not TOML: .*line 2, column 1"),
    "toml date": ("d.toml", b"x = 1979-05-27", "where a number should be"),
    "toml table": ("d.toml", b"[x]\ny = 1", r"holds `x`, which has \{'y': 1\}"),
    "npy that is none": ("d.npy", b"\x80\x04K\x01.", "`d.npy` is not a .npy file"),
    "npy empty": ("d.npy", b"", "`d.npy` is not a .npy file"),
    "npz that is none": ("d.npz", b"PK but no zip", "`d.npz` is not a .npz file"),
    "safetensors cut": ("d.safetensors", b"\xff\0\0\0\0\0\0\0{", "is not a .safetensors file"),
    "safetensors empty": ("d.safetensors", b"", "is not a .safetensors file"),
    "another kind": ("d.xlsx", b"", "`d.xlsx` is not of a known kind"),
    "no kind": ("data", b"", "`data` is not of a known kind"),
    "a pickle": ("d.pkl", pickle.dumps([1.0]), "`d.pkl` may hold a pickle"),
    "a pickle of PyTorch": ("d.PT", b"PK", "`d.PT` may hold a pickle"),
}

# arrays of dtypes that are not the language's, and what becomes of them: an array or a sentence
FOREIGN: list[tuple[Array, Array | str]] = [
    (np.array([1.5, 2], ">f8"), np.array([1.5, 2])),
    (np.array([1, 2], ">i4"), np.array([1, 2], "i4")),
    (np.array([1 + 2j], ">c8"), np.array([1 + 2j], "c8")),
    (np.array([1, 65535], "u2"), np.array([1, 65535])),
    (np.array([1, 2**32 - 1], ">u4"), np.array([1, 2**32 - 1])),
    (np.array([2**63 - 1], "u8"), np.array([2**63 - 1])),
    (np.array([2**63], "u8"), "holds 9223372036854775808, which is more than int64 can"),
    (np.asfortranarray(A), A),
    (A[:, :1], A[:, :1]),
    (np.array(2.5), np.array(2.5)),
    (np.array(True), np.array(True)),
    (np.asfortranarray(A > 1), A > 1),
    (np.empty((0, 3)), np.empty((0, 3))),
    (np.array(["a"]), "holds texts"),
    (np.array([b"a"]), "holds texts"),
    (np.array(["2020-01-01"], "M8[D]"), "holds dates"),
    (np.array([1], "m8[s]"), "holds time spans"),
    (np.array([(1, 2.0)], [("a", "i4"), ("b", "f8")]), "holds records"),
    (np.zeros(2, np.longdouble), "holds extended floats"),
    (np.zeros(2, np.clongdouble), "holds extended complex numbers"),
    (np.array([{}], object), "holds Python objects"),
]


def npy(array: Array) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=True)
    return file.getvalue()


def npy_header(shape: str, descr: str = "'<f8'") -> bytes:
    header = f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header) + 1) + header + b"\n"


def safetensors(header: object, buffer: bytes = b"") -> bytes:
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + buffer


def zipped(members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def tensor(dtype: str, shape: list[Any], *offsets: Any) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


def same(got: dict[str, Array], expected: dict[str, Array]) -> None:
    assert list(got) == list(expected)
    for name, array in got.items():
        assert isinstance(array, np.ndarray)
        np.testing.assert_array_equal(array, expected[name], strict=True)
        assert array.dtype in DTYPES.values()
        assert array.dtype.isnative
        assert array.flags.c_contiguous
        assert array.flags.writeable


def load(path: str, folder: Path, **kwargs: Any) -> Array | dict[str, Array]:
    return read(Path(path), folder=folder, **kwargs)


@pytest.mark.parametrize(("name", "text", "expected"), TEXTS.values(), ids=TEXTS)
def test_a_text_file_gives_arrays_by_name(
    tmp_path: Path, name: str, text: str, expected: dict[str, Array]
) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8", newline="")
    same(read_bindings(tmp_path / name), expected)


@pytest.mark.parametrize(("name", "data", "message"), WRONG.values(), ids=WRONG)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, name: str, data: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputFault, match=message):
        load(name, tmp_path)
    with pytest.raises(InputFault, match=name):
        read_bindings(tmp_path / name)


@pytest.mark.parametrize("dtype", DTYPES)
def test_an_npy_file_gives_its_array_under_the_name_of_the_file(tmp_path: Path, dtype: str) -> None:
    array = np.array([[0, 1, 2]]).astype(dtype)
    np.save(tmp_path / "x.npy", array)
    same(read_bindings(tmp_path / "x.npy"), {"x": array})


@pytest.mark.parametrize(("array", "expected"), FOREIGN)
def test_foreign_dtypes_become_those_of_the_language_or_are_refused(
    tmp_path: Path, array: Array, expected: Array | str
) -> None:
    (tmp_path / "x.npy").write_bytes(npy(array))
    if isinstance(expected, str):
        with pytest.raises(InputFault, match=f"x.npy` {expected}"):
            read_bindings(tmp_path / "x.npy")
    else:
        same(read_bindings(tmp_path / "x.npy"), {"x": expected})


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_an_npz_file_gives_its_arrays_by_name(tmp_path: Path, save: Any) -> None:
    save(tmp_path / "d.npz", a=A, b=B, c=np.float32(1.5))
    same(read_bindings(tmp_path / "d.npz"), {"a": A, "b": B, "c": np.array(1.5, "f4")})


def test_a_safetensors_file_gives_its_arrays_by_name(tmp_path: Path) -> None:
    stored = {
        "F64": (A, "<f8"), "F32": (A, "<f4"), "F16": (A, "<f2"), "C64": (A, "<c8"),
        "I64": (B, "<i8"), "I32": (B, "<i4"), "I16": (B, "<i2"), "I8": (B, "i1"), "U8": (B, "u1"),
        "U16": (B, "<u2"), "U32": (B, "<u4"), "U64": (B, "<u8"), "BOOL": (B > 1, "?"),
    }  # fmt: skip
    header: dict[str, Any] = {"__metadata__": {"made": "by a test"}}
    buffer, expected = b"", {}
    for kind, (array, dtype) in stored.items():
        data = array.astype(dtype).tobytes()
        header[kind] = tensor(kind, list(array.shape), len(buffer), len(buffer) + len(data))
        buffer += data
        expected[kind] = array.astype(np.int64 if "u" in dtype and dtype != "u1" else dtype)
    (tmp_path / "d.safetensors").write_bytes(safetensors(header, buffer))
    same(read_bindings(tmp_path / "d.safetensors"), expected)


def test_bfloat16_in_a_safetensors_file_becomes_float32(tmp_path: Path) -> None:
    data = struct.pack("<4H", 0x3F80, 0xC040, 0x7F80, 0x0001)  # 1, -3, inf, the least
    header = {"x": tensor("BF16", [2, 2], 0, 8), "one": tensor("BF16", [], 0, 2)}
    (tmp_path / "d.safetensors").write_bytes(safetensors(header, data))
    expected = np.array([[1, -3], [INF, 2.0**-133]], np.float32)
    same(read_bindings(tmp_path / "d.safetensors"), {"x": expected, "one": np.array(1, "f4")})


def test_a_scalar_and_an_empty_tensor_in_a_safetensors_file(tmp_path: Path) -> None:
    header = {"s": tensor("I8", [], 0, 1), "e": tensor("F32", [0, 3], 1, 1)}
    (tmp_path / "d.safetensors").write_bytes(safetensors(header, b"\x07"))
    expected = {"s": np.array(7, "i1"), "e": np.empty((0, 3), "f4")}
    same(read_bindings(tmp_path / "d.safetensors"), expected)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (tensor("F32", [2], 0, 4), r"is damaged: its bytes are not an array \(2,\) of float32"),
        (tensor("F32", [2], 0, 16), "is not described as"),
        (tensor("F32", [2], 4, 12), "is not described as"),
        (tensor("F32", [1], -4, 0), "is not described as"),
        (tensor("F32", [2], 8, 0), "is not described as"),
        (tensor("F32", [-1, -2], 0, 8), "is damaged"),
        (tensor("F32", [0, 2**70], 0, 0), "is damaged"),
        (tensor("F32", [0] * 65, 0, 0), "is damaged"),
        (tensor("F32", [2.0], 0, 8), "is not described as"),
        (tensor("F32", [2], 0), "is not described as"),
        (tensor("F32", [2], "0", "8"), "is not described as"),
        (tensor("F8_E4M3", [8], 0, 8), "has the dtype `F8_E4M3`"),
        ([], "is not described as"),
    ],
)
def test_a_wrong_safetensors_header_is_refused(tmp_path: Path, entry: Any, message: str) -> None:
    (tmp_path / "d.safetensors").write_bytes(safetensors({"x": entry}, bytes(8)))
    with pytest.raises(InputFault, match="d.safetensors` holds `x`, which " + message):
        read_bindings(tmp_path / "d.safetensors")


def test_tensors_that_share_their_bytes_are_not_multiplied(tmp_path: Path) -> None:
    header = {f"x{i}": tensor("U8", [5000], 0, 5000) for i in range(20)}
    (tmp_path / "d.safetensors").write_bytes(safetensors(header, bytes(5000)))
    with pytest.raises(InputFault, match="is too large"):
        load("d.safetensors", tmp_path, limit=10_000)


def test_a_name_in_a_file_cannot_reach_the_terminal_as_it_stands(tmp_path: Path) -> None:
    (tmp_path / "d.json").write_text(json.dumps({"\x1b[2J" + "x" * 1000: None}), encoding="utf-8")
    with pytest.raises(
        InputFault, match=r"^error: `d\.json` holds `\\x1b\[2J.{0,40}`, which has None"
    ):
        load("d.json", tmp_path)


def test_a_safetensors_header_that_is_no_object_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.safetensors").write_bytes(safetensors([]))
    with pytest.raises(InputFault, match=r"is not a \.safetensors file"):
        read_bindings(tmp_path / "d.safetensors")


@pytest.mark.parametrize(
    "data",
    [
        npy(A)[:-1],
        npy(A) + b"\0",
        npy_header("(10**12,)"),
        npy_header("(1000000000000,)"),
        npy_header("(-1, -1)") + bytes(8),
        npy_header("(0, 100000000000000000000000)"),
        npy_header("(3,)", "'<U0'"),
        npy_header("(" + "1," * 65 + ")") + bytes(8),
    ],
)
def test_an_npy_file_that_promises_other_than_it_holds_is_refused(
    tmp_path: Path, data: bytes
) -> None:
    (tmp_path / "x.npy").write_bytes(data)
    with pytest.raises(InputFault, match=r"x\.npy` is (damaged|not a \.npy file)"):
        load("x.npy", tmp_path)


def test_booleans_that_are_no_booleans_become_true(tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(npy_header("(3,)", "'|b1'") + b"\0\1\2")
    same(read_bindings(tmp_path / "x.npy"), {"x": np.array([False, True, True])})


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"x.npy": npy(np.array([{}], object))}, "holds `x`, which holds Python objects"),
        ({"x.npy": npy(A)[:-8]}, "holds `x`, which is damaged"),
        ({"x.npy": pickle.dumps(1)}, "holds `x`, which is not a .npy file"),
        ({"readme.txt": b"hello"}, "holds `readme.txt`, which numpy.savez did not write"),
        ({"data.pkl": pickle.dumps(1)}, "holds `data.pkl`, which numpy.savez did not write"),
    ],
)
def test_a_wrong_member_of_an_npz_file_is_named(
    tmp_path: Path, members: dict[str, bytes], message: str
) -> None:
    (tmp_path / "d.npz").write_bytes(zipped(members))
    with pytest.raises(InputFault, match="`d.npz` " + message):
        load("d.npz", tmp_path)


def test_the_members_of_an_npz_file_count_as_large_as_they_are_unpacked(tmp_path: Path) -> None:
    member = npy(np.zeros(10**6, np.int8))
    bomb = zipped({"a.npy": member, "b.npy": member})
    (tmp_path / "d.npz").write_bytes(bomb)
    assert len(bomb) < 10_000
    assert load("d.npz", tmp_path, limit=2_100_000)
    with pytest.raises(InputFault, match=r"d\.npz` is too large: 2,000,256 bytes, and at most"):
        load("d.npz", tmp_path, limit=1_500_000)


def test_an_npz_member_larger_than_it_says_is_not_unpacked(tmp_path: Path) -> None:
    member = npy(np.zeros(10**6, np.int8))
    data = zipped({"a.npy": member}).replace(struct.pack("<I", len(member)), struct.pack("<I", 200))
    (tmp_path / "d.npz").write_bytes(data)
    with pytest.raises(InputFault, match=r"d\.npz` is not a \.npz file"):
        load("d.npz", tmp_path, limit=10_000)


def test_an_npz_member_packed_by_a_method_without_bounds_is_refused(tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_bytes(zipped({"a.npy": npy(A)}, zipfile.ZIP_BZIP2))
    with pytest.raises(InputFault, match=r"which numpy\.savez did not write"):
        load("d.npz", tmp_path)


@pytest.mark.parametrize("name", ["x.npy", "d.json", "d.csv"])
def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as file:
        file.truncate(2**30 + 1)  # a hole: no disk is used
    with pytest.raises(InputFault, match="1,073,741,825 bytes, and at most "):
        load(name, tmp_path)
    with pytest.raises(InputFault, match="is too large"):
        read_bindings(tmp_path / name)


def test_load_gives_an_array_or_arrays_by_name(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    np.save(tmp_path / "sub" / "x.npy", A)
    np.savez(tmp_path / "d.npz", a=A)
    x, d = load("sub/x.npy", tmp_path), load("./d.npz", tmp_path)
    assert isinstance(x, np.ndarray)
    assert isinstance(d, dict)
    same({"x": x} | d, {"x": A, "a": A})


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """Make a folder `inside` with a file, and beside it a folder `outside` with another."""
    for folder in "inside", "outside":
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.json").write_text("[1]", encoding="utf-8")
    return tmp_path


def link(at: Path, to: Path) -> None:
    try:
        at.symlink_to(to)
    except OSError as error:
        pytest.skip(f"no links here: {error}")


def test_an_absolute_path_is_refused_even_to_a_file_beside(house: Path) -> None:
    with pytest.raises(InputFault, match="is an absolute path"):
        load(str(house / "inside" / "x.json"), house / "inside")


@pytest.mark.parametrize("path", ["../outside/x.json", "../inside/x.json", "a/../x.json", ".."])
def test_a_path_with_two_dots_is_refused(house: Path, path: str) -> None:
    with pytest.raises(InputFault, match="leaves the folder"):
        load(path, house / "inside")


def test_a_link_out_of_the_folder_is_refused_and_one_within_is_followed(house: Path) -> None:
    inside = house / "inside"
    link(inside / "out.json", house / "outside" / "x.json")
    link(inside / "far", house / "outside")
    link(inside / "near.json", inside / "x.json")
    for path in "out.json", "far/x.json", "far/missing.json":
        with pytest.raises(InputFault, match="is a link out of the folder"):
            load(path, inside)
    assert load("near.json", inside) == np.array([1])


def test_a_folder_that_is_itself_behind_a_link_is_the_folder(house: Path) -> None:
    link(house / "alias", house / "inside")
    assert load("x.json", house / "alias") == np.array([1])


def test_a_circle_of_links_is_an_error_of_the_file(house: Path) -> None:
    link(house / "inside" / "a.json", house / "inside" / "b.json")
    link(house / "inside" / "b.json", house / "inside" / "a.json")
    with pytest.raises(InputFault, match=r"`a\.json`"):
        load("a.json", house / "inside")


def test_an_allowed_folder_may_be_read_by_any_path_and_no_other_folder(house: Path) -> None:
    inside, outside = house / "inside", house / "outside"
    link(inside / "out.json", outside / "x.json")
    for path in "../outside/x.json", str(outside / "x.json"), "out.json":
        assert load(path, inside, allowed=[outside]) == np.array([1])
        with pytest.raises(InputFault, match="allow-path"):
            load(path, inside, allowed=[house / "elsewhere", house / "out"])


def test_a_zero_byte_in_a_path_is_an_error_of_the_file(tmp_path: Path) -> None:
    with pytest.raises(InputFault):
        load("a\0.json", tmp_path)
    with pytest.raises(InputFault):
        read_bindings(Path("a\0.json"))


def test_a_missing_file_is_named_with_the_one_most_like_it(tmp_path: Path) -> None:
    (tmp_path / "points.json").write_text("[1]", encoding="utf-8")
    with pytest.raises(InputFault, match=r"`point\.json` does not exist") as caught:
        load("point.json", tmp_path)
    assert caught.value.hint == "did you mean `points.json`?"
    with pytest.raises(InputFault, match="does not exist"):
        read_bindings(tmp_path / "nowhere" / "points.json")


def test_only_regular_files_are_read(tmp_path: Path) -> None:
    (tmp_path / "d.json").mkdir()
    with pytest.raises(InputFault, match="is a folder"):
        load("d.json", tmp_path)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe.json")
        with pytest.raises(InputFault, match="is not a regular file"):
            read_bindings(tmp_path / "pipe.json")
        link(tmp_path / "zero.csv", Path("/dev/zero"))
        with pytest.raises(InputFault, match="is not a regular file"):
            read_bindings(tmp_path / "zero.csv")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("d.pt", "save it as .npz or .safetensors"),
        ("d.xlsx", "the kinds are .npy, .npz"),
        ("d.csv", "write nan for a missing value"),
    ],
)
def test_a_hint_says_what_to_do(tmp_path: Path, name: str, words: str) -> None:
    (tmp_path / name).write_text("a\n?\n", encoding="utf-8")
    with pytest.raises(InputFault) as caught:
        load(name, tmp_path)
    assert words in str(caught.value.hint)


@given(arrays(np.float64, array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)))
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50, deadline=None
)
def test_json_and_npy_give_back_what_was_written(tmp_path: Path, array: Array) -> None:
    name = "x.json" if array.size else "x.npy"  # no brackets tell (0, 3) from (0,)
    if array.size:
        (tmp_path / name).write_text(json.dumps(array.tolist()), encoding="utf-8")
    else:
        np.save(tmp_path / name, array)
    same(read_bindings(tmp_path / name), {"x": array})


VALID = {
    "x.npy": npy(A),
    "x.npz": zipped({"a.npy": npy(A), "b.npy": npy(B)}),
    "x.safetensors": safetensors({"a": tensor("F64", [2, 2], 0, 32)}, A.tobytes()),
    "x.json": b'{"a": [[1, 2.5], [3, 4]], "z": {"re": 1, "im": 2}}',
    "x.toml": b"a = [1, 2]\nz = {re = 1, im = 2}\n",
    "x.csv": b"a,b\n1,2.5\n3,4\n",
}


@pytest.mark.parametrize("name", VALID)
@given(
    edits=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=4),
    end=st.integers(0, 700),
)
@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200, deadline=None
)
def test_a_file_with_wrong_bytes_gives_arrays_or_an_input_fault(
    tmp_path: Path, name: str, edits: list[tuple[int, int]], end: int
) -> None:
    data = bytearray(VALID[name])
    for at, byte in edits:
        data[at % len(data)] = byte
    (tmp_path / name).write_bytes(data[: max(end, 1)])
    try:
        got = read_bindings(tmp_path / name)
    except InputFault:
        return
    assert all(array.dtype in DTYPES.values() for array in got.values())


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "`x.json` does not fit into the memory"),
        (PermissionError(13, "Permission denied"), "`x.json` cannot be read: Permission denied"),
    ],
)
def test_what_the_system_refuses_is_an_error_of_the_file(
    error: BaseException, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> Any:
        raise error

    (tmp_path / "x.json").write_text("[1]", encoding="utf-8")
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(InputFault) as caught:
        load("x.json", tmp_path)
    assert caught.value.message == said
