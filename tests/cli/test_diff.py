"""`gradcli diff` on the command line."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.cli.runner import run
from tests.compare.test_revision import git

A = "x = tensor([1.0, 2.0])\nw = param(3.0)\nloss = sum(w*x)\n"
FILES = {
    "a.expr": A,
    "same.expr": A.replace("w", "v"),
    "mean.expr": A.replace("sum", "mean"),
    "empty.expr": "",
    "wrong.expr": "loss = (",
    "late.expr": A + "y = log(nothing)\n",
    "input.expr": "loss = w*2\n",
    "needs.expr": "w = param(1.0)\nk = tensor(1.0)\nloss = sum(w*x)*k\n",
    "random.expr": "x = randn(3)\nw = param(1.0)\nloss = sum(w*x)\n",
    "loaded.expr": "x = load('x.npy')\nw = param(1.0)\nloss = sum(w*x)\n",
    "x.csv": "x\n1.0\n7.0\n",
}
STATUS = {
    # what is given, the exit status, and what is in the first lines
    "a.expr a.expr": (0, "The same bit for bit: 4 nodes, 1 gradient"),
    "a.expr same.expr": (0, "The same bit for bit"),
    "empty.expr empty.expr": (0, "both files are empty"),
    "a.expr mean.expr": (1, "they differ from `loss` on (line 3): right is 1/2 times left"),
    "a.expr empty.expr": (1, "one run alone has `w`, and a gradient there"),
    "a.expr mean.expr --rtol 1": (0, "The same within the tolerance"),
    "a.expr mean.expr --atol 10": (0, "The same within the tolerance"),
    "a.expr --dtype float32": (0, "The same bit for bit"),
    "a.expr -p w=6.0": (1, "bound from outside on the right: right is 2 times left"),
    "a.expr --seed 3": (0, "The same bit for bit"),
    "random.expr --seed 3": (1, "drawn with seed 0 on the left, 3 on the right"),
    "a.expr --data x.csv": (1, "they differ from `x` on (line 1): another input"),
    "input.expr -p w=1.0 -p w=2.0": (1, "They differ from `w` on (line 1): another input"),
    "input.expr -p w=1.0 --dtype float32": (0, "The same bit for bit"),
    "needs.expr --data x.csv --dtype float32": (0, "The same bit for bit"),
    "needs.expr --data x.csv -s k=2.0 -s k=4.0": (1, "they differ from `k` on"),
    "input.expr input.expr -p w=1.0": (0, "The same bit for bit"),
    "a.expr -e loss=1": (1, "They differ"),
    "a.expr a.expr --of loss": (0, "The same"),
}  # fmt: skip
REFUSED = {
    # what is given, and what is said
    "": "no expression file is given",
    "a.expr": "a.expr: there is nothing to compare it with",
    "loaded.expr --dtype float32": "x.npy",
    "input.expr -p w=1.0": "there is nothing to compare it with",
    "a.expr a.expr a.expr": "diff compares two",
    "a.expr mean.expr -e x=1": "diff compares two",
    "- -": "standard input can be read once only",
    "a.expr gone.expr": "gone.expr: there is no such file",
    "a.expr wrong.expr": "wrong.expr:1:8: error",
    "wrong.expr a.expr": "wrong.expr:1:8: error",
    "a.expr late.expr": "late.expr:4:9: error",
    "a.expr --dtype int64": "int64 is not a floating point dtype",
    "a.expr -p q=1": "a.expr has no name `q` (in a.expr --param q=1)",
    "a.expr a.expr --of nope": "a.expr has no tensor `nope`",
    "a.expr a.expr --revision HEAD": "--revision compares a file with itself",
    "- --revision HEAD": "--revision needs a FILE",
    "a.expr --revision HEAD": "is in no git repository",
    "a.expr a.expr --rtol -1": "'--rtol'",
    "a.expr mean.expr --rtol nan": "rtol is nan: a tolerance is 0 or more",
    "a.expr mean.expr --atol inf": "atol is inf: a tolerance is 0 or more",
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize("given", STATUS)
def test_the_exit_status_says_whether_they_are_the_same(folder: Path, given: str) -> None:
    status, said = STATUS[given]
    outcome = run("diff", *given.split(), folder=folder, columns=200)
    assert (outcome.status, outcome.errors) == (status, "")
    assert said in outcome.output.splitlines()[0]


@pytest.mark.parametrize("given", REFUSED)
def test_what_cannot_be_compared_is_refused_with_its_place(folder: Path, given: str) -> None:
    outcome = run("diff", *given.split(), folder=folder, stdin=b"")
    assert (outcome.status, outcome.output) == (2, "")
    assert REFUSED[given] in outcome.errors


@pytest.mark.parametrize("given", [s for s in STATUS if s.startswith("a.expr mean")])
@pytest.mark.parametrize("kind", ["table", "json", "markdown"])
def test_every_format_has_the_exit_status(folder: Path, given: str, kind: str) -> None:
    outcome = run("diff", *given.split(), "--format", kind, folder=folder)
    assert outcome.status == STATUS[given][0]


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_the_table_begins_with_the_answer_and_fits(folder: Path, columns: int) -> None:
    outcome = run("diff", "a.expr", "mean.expr", folder=folder, columns=columns)
    lines = outcome.output.splitlines()
    assert " ".join(outcome.output.split()).startswith(
        "✗ Right is 1/2 times left at the root and in every gradient;"
    )
    assert max(map(len, lines)) <= columns


def test_the_table_shows_both_lines_their_numbers_and_what_follows(folder: Path) -> None:
    output = run("diff", "a.expr", "mean.expr", folder=folder).output
    patterns = (
        r"^  left +a\.expr$", r"^  right +mean\.expr$", r"^  within rtol 3\.7e-11, atol 1\.8e-12",
        r"^first  loss$", r"^  left +3  loss = sum\(w\*x\) +9$",  # 3·1 + 3·2
        r"^  right +3  loss = mean\(w\*x\) +4\.5$", r"^  4\.5 apart, 0\.5 relative",
        r"^● w +2 +=+ +3 \| 1\.5",  # Σx and its half
        r"^Not numbers: grad_fn SumBackward0 \| MeanBackward0 \(loss\)\.$",
    )  # fmt: skip
    assert [p for p in patterns if not re.search(p, output, re.MULTILINE)] == []


def test_all_shows_equal_rows_too(folder: Path) -> None:
    few = run("diff", "a.expr", "mean.expr", folder=folder).output
    every = run("diff", "a.expr", "mean.expr", "--all", folder=folder).output
    assert not re.search(r"^□ x ", few, re.MULTILINE)
    assert re.search(r"^□ x +1 +=", every, re.MULTILINE)


def test_a_loop_is_one_row_for_each_name_and_says_in_which_turn_it_begins(folder: Path) -> None:
    loop = "x = param(1.0)\nfor i in range(9):\n    x = x*(2 if i < {} else 3)\nloss = x*1\n"
    for turns in (9, 4):
        (folder / f"{turns}.expr").write_text(loop.format(turns))
    output = run("diff", "9.expr", "4.expr", folder=folder).output
    assert "\nfirst  x:3#5 in turn 5\n" in output
    assert re.search(r"^○ x:3#9 ×4 +3 +512 \| 3888 ", output, re.MULTILINE)  # 2⁹ and 2⁴·3⁵
    assert re.search(r"^● x:1 +1 += +512 \| 3888", output, re.MULTILINE)  # the slope is the factor
    found = json.loads(run("diff", "9.expr", "4.expr", "--json", folder=folder).output)
    assert found["divergence"]["left"]["turn"] == 5


def test_json_has_every_row_and_the_divergence(folder: Path) -> None:
    found = json.loads(run("diff", "a.expr", "mean.expr", "--json", folder=folder).output)
    assert found["schema"] == "gradcli.diff/1"
    assert (found["same"], found["exact"], found["dtype"]) == (False, False, "float64")
    first = found["divergence"]
    assert (first["what"], first["kind"], first["left"]["line"]) == ("value", "factor", 3)
    assert (first["gap"]["left"], first["gap"]["right"], first["gap"]["relative"]) == (9, 4.5, 0.5)
    rows = {row["left"]["label"]: row for row in found["rows"]}
    assert list(rows) == ["x", "w", "w*x", "loss"]
    assert (rows["w"]["gradient"]["left"], rows["w"]["gradient"]["right"]) == (3, 1.5)
    assert rows["w"]["kept"]
    assert not rows["x"]["differs"]


def test_json_is_strict_where_numbers_are_not_finite(folder: Path) -> None:
    (folder / "nan.expr").write_text(A.replace("sum(w*x)", "sum(log(w*x - 3))"))
    text = run("diff", "a.expr", "nan.expr", "--json", folder=folder).output
    gap = json.loads(text, parse_constant=pytest.fail)["divergence"]["gap"]
    assert (gap["absolute"], gap["right"], gap["cause"]) == ("inf", "-inf", "finite")


def test_markdown_is_a_table_of_both_lines(folder: Path) -> None:
    output = run("diff", "a.expr", "mean.expr", "--format", "markdown", folder=folder).output
    assert output.startswith("**✗ Right is 1/2 times left at the root and in every gradient; ")
    assert "| left | 3 | `loss = sum(w*x)` | 9 |" in output
    assert "| right | 3 | `loss = mean(w*x)` | 4.5 |" in output
    assert "| `w` | 2 | = | 3 \\| 1.5 |" in output


def test_standard_input_is_one_of_the_two(folder: Path) -> None:
    outcome = run("diff", "a.expr", "-", folder=folder, stdin=FILES["mean.expr"].encode())
    assert outcome.status == 1
    assert "  right  <stdin>\n" in outcome.output


def test_names_and_texts_that_would_steer_a_terminal_are_shown_as_text(folder: Path) -> None:
    name = "a\x1b[2J|`*.expr"
    (folder / name).write_text(A.replace("sum", "mean") + "# \x1b[31m\n")
    for kind in ("table", "json", "markdown"):
        outcome = run("diff", "a.expr", name, "--format", kind, folder=folder)
        assert outcome.status == 1
        assert "\x1b" not in outcome.output


def test_a_terminal_without_such_characters_has_others(folder: Path) -> None:
    outcome = run("diff", "a.expr", "mean.expr", folder=folder, encoding="ascii")
    assert outcome.output.startswith("x Right is 1/2 times left")
    assert outcome.output.isascii()


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_a_file_is_compared_with_what_git_has(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "a.expr")
    git(folder, "commit", "-q", "-m", "m")
    assert run("diff", "a.expr", "--revision", "HEAD", folder=folder).status == 0
    (folder / "a.expr").write_text("# a line more\n" + FILES["mean.expr"])
    outcome = run("diff", "a.expr", "--revision", "HEAD", folder=folder)
    assert outcome.status == 1
    assert "`loss` on (line 3 | 4)" in outcome.output
    assert "  left   a.expr at HEAD\n  right  a.expr\n" in outcome.output
    assert "Data files are read as they lie on disk now, on both sides." in outcome.output
    wrong = run("diff", "a.expr", "--revision", "gone", folder=folder)
    assert (wrong.status, wrong.output) == (2, "")
    assert "git knows no such commit" in wrong.errors
