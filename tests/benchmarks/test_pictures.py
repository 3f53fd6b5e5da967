"""The graphs of the benchmark of pictures: of the size that they say, and drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

import gradcli
from benchmarks.pictures import GRAPHS
from benchmarks.pictures import gradcli as painted


@pytest.mark.parametrize("size", [10, 100])
@pytest.mark.parametrize("name", GRAPHS)
def test_a_graph_has_about_as_many_nodes_as_it_says(name: str, size: int) -> None:
    count = len(gradcli.loads(GRAPHS[name](size)).inspection.nodes)
    assert 0.7 * size <= count <= 1.3 * size + 5


def test_a_picture_is_written_and_measured(tmp_path: Path) -> None:
    file = tmp_path / "graph.svg"
    found = painted(GRAPHS["wide"](10), "svg", file)
    assert found["bytes"] == file.stat().st_size > 1000
    assert {"seconds", "layout"} <= found.keys()
