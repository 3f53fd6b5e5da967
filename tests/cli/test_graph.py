"""`gradcli graph` as a person uses it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.runner import ROOT, run

SAMPLES = sorted(p.name for p in (ROOT / "samples").glob("*.expr") if p.stem != "one_liner")


@pytest.mark.skipif(shutil.which("dot") is None, reason="needs graphviz")
@pytest.mark.parametrize("options", [(), ("--values",), ("--backward",)], ids=str)
@pytest.mark.parametrize("sample", SAMPLES)
def test_graphviz_draws_every_sample(sample: str, options: tuple[str, ...]) -> None:
    outcome = run("graph", f"samples/{sample}", "--dot", *options)
    assert outcome.status == 0
    subprocess.run(["dot", "-Tsvg"], input=outcome.output.encode(), check=True, capture_output=True)


def test_a_picture_has_the_nodes_under_their_names() -> None:
    text = run("graph", "samples/linear_regression.expr", "--dot").output
    assert text.startswith("digraph")
    for name in ("w", "b", "x", "y", "wx", "loss2_sum"):
        assert f'label="{name}' in text


def test_the_backward_picture_has_accumulate_grad() -> None:
    text = run("graph", "samples/linear_regression.expr", "--backward").output
    assert text.count("label=AccumulateGrad") == 2
    assert "SumBackward0" in text


def test_a_tree_names_a_repeated_node_once() -> None:
    outcome = run("graph", "-e", "y = w*w", "-p", "w=3.", "--tree")
    assert outcome.status == 0
    assert outcome.output.count("MulBackward0") == 1


def test_a_picture_goes_to_a_file(tmp_path: Path) -> None:
    path = tmp_path / "graph.dot"
    assert run("graph", "samples/mlp.expr", "-o", str(path)).output == ""
    assert path.read_text().startswith("digraph")


def test_one_kind_of_picture_at_a_time() -> None:
    assert run("graph", "samples/mlp.expr", "--dot", "--tree").status == 2


@pytest.mark.parametrize(
    ("name", "hint", "options"),
    [
        ("out.gif", "gradcli graph … --dot | dot -Tgif -o {}", ()),
        ("out.JPG", "gradcli graph … --dot | dot -Tjpg -o {}", ()),
        ("out.csv", "name it .svg, .png, .pdf, ", ()),
        ("out.png", "leave out one of the two", ("--tree",)),
        ("out.svg", "leave out one of the two", ("--dot",)),
    ],
)
def test_nothing_is_written_under_the_name_of_something_else(
    name: str, hint: str, options: tuple[str, ...], tmp_path: Path
) -> None:
    path = tmp_path / name
    outcome = run("graph", "samples/mlp.expr", "-o", str(path), *options)
    assert (outcome.status, outcome.output) == (2, "")
    assert hint.format(path) in outcome.errors
    assert not path.exists()


# what files of each ending begin with
BEGINNINGS = {
    "svg": b"<svg xmlns=",
    "png": b"\x89PNG\r\n",
    "pdf": b"%PDF-",
    "html": b"<!doctype html>",
    "mmd": b"flowchart TB",
    "md": b"```mermaid\nflowchart",
    "json": b'{\n "schema": "gradcli.graph/1"',
    "dot": b"digraph",
}


@pytest.mark.parametrize("ending", BEGINNINGS)
def test_a_file_is_what_its_ending_says(ending: str, tmp_path: Path) -> None:
    if ending == "pdf":
        pytest.importorskip("svg2pdf_py")
    path = tmp_path / f"out.{ending}"
    assert run("graph", "samples/linear_regression.expr", "-o", str(path)).errors == ""
    assert path.read_bytes().startswith(BEGINNINGS[ending])


def test_a_picture_is_of_one_file(tmp_path: Path) -> None:
    files = ("samples/mlp.expr", "samples/linear_regression.expr")
    outcome = run("graph", *files, "-o", str(tmp_path / "out.svg"))
    assert outcome.status == 2
    assert "a picture is of one FILE" in outcome.errors


def test_what_has_no_room_is_folded_to_a_card_that_says_so(tmp_path: Path) -> None:
    path = tmp_path / "out.svg"
    assert run("graph", "samples/mlp.expr", "-o", str(path), "--max-nodes", "3").status == 0
    assert "more</text>" in path.read_text(encoding="utf-8")


@pytest.mark.parametrize(("missing", "ending"), [("resvg_py", "png"), ("svg2pdf_py", "pdf")])
def test_what_is_not_installed_is_said(
    missing: str, ending: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    outcome = run("graph", "-e", "y = w*w", "-p", "w=3.", "-o", str(tmp_path / f"out.{ending}"))
    assert outcome.status == 2
    extra = {"png": "pictures", "pdf": "pdf"}[ending]
    assert f"pip install 'gradcli[{extra}]'" in outcome.errors


@pytest.mark.parametrize("name", ["out", "out.dot", "out.gv", "out.txt"])
def test_names_that_promise_text_are_written(name: str, tmp_path: Path) -> None:
    assert run("graph", "samples/mlp.expr", "-o", str(tmp_path / name)).status == 0
    assert (tmp_path / name).read_text().startswith("digraph")


def test_several_graphs_are_drawn_one_after_the_other() -> None:
    files = ("samples/mlp.expr", "samples/linear_regression.expr")
    both = run("graph", *files).output
    assert both == "".join(run("graph", file).output for file in files)


@pytest.fixture
def browsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Let a browser be started that only notes what it was to open."""
    seen: list[str] = []

    def opened(url: str) -> bool:
        seen.append(url)
        return True

    monkeypatch.setattr("webbrowser.open", opened)
    return seen


def test_open_shows_the_page_that_was_written(tmp_path: Path, browsed: list[str]) -> None:
    page = tmp_path / "a page & more.html"
    outcome = run("graph", "samples/linear_regression.expr", "-o", str(page), "--open")
    assert outcome.status == 0
    assert browsed == [page.as_uri()]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    assert str(page) in outcome.errors


def test_open_writes_a_page_of_its_own_where_none_is_named(browsed: list[str]) -> None:
    outcome = run("graph", "samples/linear_regression.expr", "--open")
    assert (outcome.status, outcome.output) == (0, "")
    page = Path(outcome.errors.split(": ", 1)[1].strip())
    assert browsed == [page.as_uri()]
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")
    shutil.rmtree(page.parent)


def test_open_opens_nothing_where_there_is_nothing_to_show(
    tmp_path: Path, browsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert run("graph", "samples/mlp.expr", "-o", str(tmp_path / "a.svg"), "--open").status == 2
    assert run("graph", "-e", "1 +", "--open").status == 2
    assert run("graph", "-e", "x = 1", "--dot", "--open").status == 2
    assert browsed == []
    monkeypatch.setattr("webbrowser.open", lambda _: False)
    outcome = run("graph", "-e", "x = 1", "-o", str(tmp_path / "a.html"), "--open")
    assert outcome.status == 2
    assert "no browser can be started" in outcome.errors
    assert str(tmp_path / "a.html") in outcome.errors
