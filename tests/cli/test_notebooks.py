"""Notebooks are read as files are: every place is a cell and a line in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.runner import run

Cells = list[tuple[str, str | list[str]]]
SQUARE = ["import torch\n", "w = torch.tensor(2.0, requires_grad=True)"]
CELLS: Cells = [
    ("markdown", "# A *title*"),
    ("code", SQUARE),
    ("code", "%%bash\nrm -r x"),
    ("raw", "raw"),
    ("code", "\r\nloss = w * w;\r\nloss.backward()"),
    ("code", "files = !ls\nassert w.grad == 4\nassert w > 3\n%matplotlib inline"),
]


def written(folder: Path, cells: Cells) -> Path:
    path = folder / "a.ipynb"
    book = {"nbformat": 4, "cells": [{"cell_type": kind, "source": s} for kind, s in cells]}
    path.write_text(json.dumps(book), encoding="utf-8")
    return path


# a command; its exit status; what it says of places
SAID: dict[tuple[str, ...], tuple[int, tuple[str, ...]]] = {
    ("eval",): (1, (" 1:2 ", " 3:2 ", "line 4:2", "line 4:3", "like line 4:4")),
    ("eval", "--format", "markdown"): (1, ("| 1:2 |", "line 4:3", "line 2:1: passed over")),
    ("check",): (1, ("line 4:3",)),
    ("check", "--format", "github"): (1, ("file=a.ipynb,line=1,", "(cell 4%2C line 3)")),
    ("diagnose",): (0, ()),
    ("explain", "w"): (0, ("loss = w * w",)),
    ("derive",): (0, ("2 * w",)),
    ("export", "--to", "torch"): (0, ("pass  # %matplotlib",)),
    ("graph", "--ascii"): (0, ("loss",)),
    ("diff", "--dtype", "float64"): (0, ("The same",)),
    ("fmt",): (2, ("a notebook is not formatted",)),
}


@pytest.mark.parametrize("command", SAID, ids=" ".join)
def test_a_command_takes_a_notebook_and_names_cell_and_line(
    command: tuple[str, ...], tmp_path: Path
) -> None:
    written(tmp_path, CELLS)
    outcome = run(command[0], "a.ipynb", *command[1:], folder=tmp_path)
    status, words = SAID[command]
    assert outcome.status == status, outcome.errors
    for part in words:
        assert part in outcome.output + outcome.errors


def test_json_has_the_cell_beside_each_line(tmp_path: Path) -> None:
    written(tmp_path, CELLS)
    page = json.loads(run("eval", "a.ipynb", "--json", folder=tmp_path).output)
    assert [(node["cell"], node["line"]) for node in page["nodes"]] == [(1, 2), (3, 2)]
    assert [(claim["cell"], claim["line"]) for claim in page["claims"]] == [(4, 2), (4, 3)]
    assert page["passed_over"] == [
        {"cell": 2, "line": 1, "what": "%%bash"},
        {"cell": 4, "line": 4, "what": "%matplotlib"},
    ]


FAULTS = {
    "x = torch.ones(2)\ny = x @ torch.ones(3)": "a.ipynb:cell 2:2:5: error: ",
    "x = (1": "a.ipynb:cell 2:1:5: error: `(` is never closed",
    "raise ValueError('no')": "a.ipynb:cell 2:1:1: error: ValueError: no",
}


@pytest.mark.parametrize("text", FAULTS)
def test_an_error_names_its_cell_and_the_line_in_it(text: str, tmp_path: Path) -> None:
    written(tmp_path, [("code", "import torch\n\n"), ("code", text)])
    outcome = run("eval", "a.ipynb", folder=tmp_path)
    assert (outcome.status, outcome.errors[: len(FAULTS[text])]) == (2, FAULTS[text])


BROKEN = {
    b"": "not a notebook: it is no JSON in line 1",
    b"import torch": "not a notebook: it is no JSON",
    b"[1]": "not a notebook: its JSON has no cells",
    b'{"cells": [{"cell_type": "code", "source": 5}]}': "not a notebook: its JSON has no cells",
    b'{"cells": [{"source": "\xff"}]}': "not UTF-8 text: byte 0xff",
    b'{"worksheets": []}': "a notebook of format 3",
    b"[" * 100_000: "not a notebook: it is no JSON",
}


@pytest.mark.parametrize("data", BROKEN)
def test_what_is_no_notebook_is_refused_in_words(data: bytes, tmp_path: Path) -> None:
    (tmp_path / "a.ipynb").write_bytes(data)
    outcome = run("eval", "a.ipynb", folder=tmp_path)
    assert (outcome.status, outcome.output) == (2, "")
    assert BROKEN[data] in outcome.errors


def test_an_empty_notebook_computes_nothing(tmp_path: Path) -> None:
    written(tmp_path, [])
    assert run("eval", "a.ipynb", folder=tmp_path).status == 0


def test_a_notebook_that_is_not_there_is_suggested(tmp_path: Path) -> None:
    written(tmp_path, CELLS)
    assert "did you mean" in run("eval", "aa.ipynb", folder=tmp_path).errors
