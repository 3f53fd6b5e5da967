"""Texts come in pieces: nobody has to hold all of a long one."""

from __future__ import annotations

import csv
import io
import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest

from gradcli import loads
from gradcli.cli.output import write
from gradcli.errors import InputFault
from gradcli.inspection import Inspection
from gradcli.render import EVAL, GRAPH
from gradcli.render.json import PIECE, array_text
from tests.render.inspections import Maker

STREAMS = {"json": EVAL["json"], "csv": EVAL["csv"], "dot": GRAPH["dot"]}
SHAPES = ((PIECE + 1,), (3, PIECE + 1), (PIECE, 3), (2, 1, 3, PIECE // 2), (PIECE * 5, 1))
DTYPES = ("float64", "float32", "int64", "bool", "complex128")


def large(shape: tuple[int, ...], dtype: str = "float64") -> Any:
    return np.random.default_rng(0).normal(size=shape, scale=10).astype(dtype)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", DTYPES)
def test_an_array_in_pieces_is_the_text_that_it_is_at_once(
    shape: tuple[int, ...], dtype: str
) -> None:
    array = large(shape, dtype)
    pieces = list(array_text(array, None))
    assert len(pieces) > 3
    assert max(map(len, pieces)) <= 100 * PIECE
    numbers = np.array(json.loads("".join(pieces)))
    if dtype == "complex128":
        assert numbers.shape == shape
        assert numbers.flat[-1] == {"re": array.flat[-1].real, "im": 0.0}
        return
    np.testing.assert_array_equal(numbers.astype(dtype), array, strict=True)
    if dtype != "float32":
        assert "".join(pieces) == json.dumps(array.tolist())


def inspection_of(array: Any) -> Inspection:
    made = Maker()
    x = made.add("x", array, param=True, grad=array)
    made.add("y", 1.0, op="sum", inputs=[x], grad_fn="SumBackward0", root=True)
    return made.inspection()


def test_what_is_not_finite_is_a_string_in_every_piece() -> None:
    array = np.full(3 * PIECE, np.nan)
    array[-1] = -np.inf
    inspection = inspection_of(array)
    wanted = ["nan"] * (3 * PIECE - 1) + ["-inf"]
    assert json.loads(EVAL["json"](inspection))["nodes"][0]["grad"] == wanted
    rows = csv.DictReader(io.StringIO(EVAL["csv"](inspection)))
    csv.field_size_limit(1 << 30)
    assert json.loads(next(rows)["value"]) == wanted


@pytest.mark.parametrize("kind", STREAMS)
def test_the_first_piece_comes_before_the_last_node_is_read(kind: str) -> None:
    class Read(list[Any]):
        furthest = 0

        def __iter__(self) -> Any:
            for self.furthest, node in enumerate(super().__iter__()):
                yield node

    made = Maker()
    for k in range(1000):
        made.add(f"x{k}", float(k))
    nodes = Read(made.nodes)
    pieces = STREAMS[kind].pieces(made.inspection(nodes=nodes))
    text = next(pieces)
    while "x1" not in text:
        text = next(pieces)
    assert nodes.furthest < 10
    assert sum(1 for _ in pieces) >= 998


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_memory_does_not_grow_with_the_text(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither with the elements of a tensor nor with the nodes of a loop."""
    monkeypatch.setattr(f"gradcli.render.{kind}.PIECE", 1000)
    monkeypatch.setattr("gradcli.render.json.PIECE", 1000)
    tensor = inspection_of(large((1 << 15,)))
    loop = loads("x = param(linspace(0., 1., 1000))\nfor i in range(60):\n    x = sin(x)\n")
    for inspection in (tensor, loop.inspection):
        list(STREAMS[kind].pieces(inspection_of(np.zeros(2))))  # what is made once is not counted
        tracemalloc.start()
        size = sum(map(len, STREAMS[kind].pieces(inspection)))
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert size > 1_000_000
        assert peak < size / 4


# ---- where they go ---------------------------------------------------------------------------


def broken() -> Any:
    yield "the beginning"
    fail()


def fail() -> NoReturn:
    raise InputFault("no end")


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "out"
    path.write_text("before")
    with pytest.raises(InputFault, match="no end"):
        write(broken(), path)
    assert (path.read_text(), list(tmp_path.iterdir())) == ("before", [path])
    write((piece for piece in ("a", "µ", "\ud800")), path)
    assert path.read_bytes() == "aµ\\ud800".encode()


@pytest.mark.parametrize("kind", ["json", "csv"])
def test_a_reader_may_leave_in_the_middle(kind: str) -> None:
    text = "x = param(linspace(0., 1., 100000))\ny = sum(x)\n"
    command = [sys.executable, "-m", "gradcli", "eval", "-e", text, "--format", kind]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as writing:
        assert writing.stdout is not None
        assert writing.stderr is not None
        assert len(writing.stdout.read(100)) == 100
        writing.stdout.close()
        assert (writing.stderr.read(), writing.wait(60)) == (b"", 0)
