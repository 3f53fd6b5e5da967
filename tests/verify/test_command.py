"""`gradcli check`: what it writes, and its exit status."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from gradcli.cli.app import app
from gradcli.errors import GradcliError
from tests.cli import runner

RIGHT = "w = param([1., 2.])\nloss = sum(w**2)\nassert allclose(grad(loss, w), 2*w)\n"
WRONG = "w = param([1., 2.])\nloss = sum(w**2)\nassert allclose(grad(loss, w), 4*w), 'a | b'\n"
NOISY = "w = param(1e-8)\nloss = 1e12 + w*abs(w)\n"
BROKEN = "w = param([1., 2.])\nloss = sum(w@)\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in {"a": RIGHT, "b": WRONG, "c": NOISY, "d": BROKEN}.items():
        (tmp_path / f"{name}.expr").write_text(text)
    return tmp_path


def run(*arguments: object) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["check", *map(str, arguments)])
    return result.exit_code, result.stdout


@pytest.mark.parametrize(("name", "status"), [("a", 0), ("b", 1), ("c", 3)])
def test_the_exit_status_is_the_verdict(folder: Path, name: str, status: int) -> None:
    assert run(folder / f"{name}.expr")[0] == status


def test_several_files_take_a_line_each_and_a_summary(folder: Path) -> None:
    status, text = run(folder)
    assert status == 1
    assert text.splitlines()[-1] == "4 files checked, 1 wrong, 1 with an error, 1 undecided"


def test_a_broken_file_beside_right_ones_is_an_error(folder: Path) -> None:
    assert run(folder / "a.expr", folder / "d.expr")[0] == 2


def test_fail_fast_stops_and_says_so(folder: Path) -> None:
    text = run(folder, "--fail-fast")[1]
    assert text.splitlines()[-1] == "2 files checked, 1 wrong, 2 left out (--fail-fast)"


def test_several_processes_find_the_same(folder: Path) -> None:
    assert run(folder, "-j", 2) == run(folder)


def test_a_text_and_bindings_are_checked() -> None:
    status, text = run("-e", "loss = sum((w*x)**2)", "-p", "w=2.", "-s", "x=[1.,2.]")
    assert status == 0
    assert "1 gradient right" in text


def test_json_is_strict_and_has_the_documented_keys(folder: Path) -> None:
    def refuse(constant: str) -> None:
        raise AssertionError(constant)

    status, text = run(folder, "--json")
    record = json.loads(text, parse_constant=refuse)
    assert record["schema"] == "gradcli.check/1"
    assert (record["status"], record["verdict"]) == (status, "WRONG")
    assert [file["verdict"] for file in record["files"]] == ["OK", "WRONG", "NOISY", "ERROR"]
    finding = record["files"][0]["findings"][0]
    assert finding["counts"] == {"OK": 2}
    assert sorted(e["analytic"] for e in finding["worst"]) == pytest.approx([2, 4])
    claim = record["files"][1]["claims"][0]
    assert (claim["holds"], claim["points"], claim["held"]) == (False, 8, 0)
    assert claim["note"].startswith("`4*w` is 2 times `grad(loss, w)` (2 stands in `w**2`")


def test_values_that_json_does_not_have_are_strings() -> None:
    record = json.loads(run("-e", "w = param(0.)\ny = log(w)", "--json")[1])
    element = record["files"][0]["findings"][0]["worst"][0]
    assert (element["analytic"], element["numeric"]) == ("inf", "nan")


def test_junit_counts_failures_skips_and_errors(folder: Path, tmp_path: Path) -> None:
    run(folder, "--junit", tmp_path / "report.xml")
    suites = ElementTree.parse(tmp_path / "report.xml").getroot()
    found = [(s.get("tests"), s.get("failures"), s.get("skipped")) for s in suites]
    assert found == [("2", "0", "0"), ("2", "1", "0"), ("1", "0", "1"), ("1", "0", "0")]


def test_github_is_told_the_file_and_line(folder: Path) -> None:
    lines = run(folder, "--github")[1].splitlines()
    assert lines[0].startswith(f"::error file={folder}/b.expr,line=3,title=claim is false::")
    assert lines[1].startswith(f"::warning file={folder}/c.expr,line=1,title=gradient NOISY::")
    assert lines[2].startswith(f"::error file={folder}/d.expr,line=2,")


def test_markdown_has_a_section_a_file(folder: Path) -> None:
    text = run(folder, "--format", "markdown")[1]
    assert text.count("\n### ") + text.startswith("### ") == 4


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    assert run(tmp_path)[0] != 0


def test_an_unknown_mode_is_refused() -> None:
    outcome = runner.run("check", "-e", "w = param(1.)", "--mode", "sideways")
    assert outcome.status == 2
    assert "invalid value for --mode: reverse, forward or reverse,forward" in outcome.errors


def test_data_may_be_read_elsewhere_and_graphs_limited(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "x.json").write_text("[1.0, 2.0]")
    file = inside / "f.expr"
    file.write_text('x = load("../x.json")\nw = param(2.)\nloss = sum(w*x)\n')
    for refused in ((), ("--allow-path", tmp_path, "--max-nodes", 2)):
        result = CliRunner().invoke(app, ["check", str(file), *map(str, refused)])
        assert isinstance(result.exception, GradcliError)
    assert run(file, "--allow-path", tmp_path)[0] == 0


def test_what_was_not_compared_is_said_once() -> None:
    text = "a = param(ones(20))\nb = param(ones(30))\nloss = sum(a**2) + sum(b**3)\n"
    status, shown = run("-e", text, "--max-elements", 5, "--mode", "reverse,forward")
    assert status == 0
    told = " ".join(shown.split())
    assert "a: 5 of 20, b: 5 of 30 elements compared one by one" in told
    assert told.count("--max-elements N") == 1
