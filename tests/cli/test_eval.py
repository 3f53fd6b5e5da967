"""`gradcli eval` as a person uses it."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gradcli import loads
from gradcli.cli.output import write
from gradcli.errors import InputFault
from tests.cli.runner import Outcome, run

ONE_LINER = ("-e", "loss = sum((w*x+b-y)**2)")
BOUND = ("-p", "w=1.0", "-p", "b=0.0", "-s", "x=[1.,2.]", "-s", "y=[5.,7.]")


def data(outcome: Outcome) -> dict[str, Any]:
    assert outcome.status == 0, outcome.errors
    found: dict[str, Any] = json.loads(outcome.output)
    return found


def nodes(outcome: Outcome) -> dict[str, Any]:
    return {node["name"]: node for node in data(outcome)["nodes"]}


def test_inputs_are_bound_on_the_command_line() -> None:
    found = nodes(run("eval", *ONE_LINER, *BOUND, "--json"))
    assert (found["w"]["grad"], found["b"]["grad"]) == (-28.0, -18.0)
    assert (found["x"]["grad"], found["loss"]["value"]) == (None, 41.0)


def test_a_file_may_come_from_standard_input() -> None:
    found = nodes(run("eval", "-", "--json", stdin=b"w = param(3.)\nloss = w**2\n"))
    assert found["w"]["grad"] == 6.0


@pytest.mark.parametrize("kind", ["npz", "npy", "json", "csv"])
def test_inputs_come_from_a_data_file(tmp_path: Path, kind: str) -> None:
    path = tmp_path / f"x.{kind}"
    x = np.array([1.0, 2.0])
    if kind == "npz":
        np.savez(path, x=x, unused=x)
    elif kind == "npy":
        np.save(path, x)
    elif kind == "json":
        path.write_text('{"x": [1.0, 2.0]}')
    else:
        path.write_text("x,z\n1.0,3\n2.0,4\n")
    found = nodes(run("eval", "-e", "loss = sum(w*x)", "-p", "w=1.", "--data", str(path), "--json"))
    assert found["w"]["grad"] == 3.0


def test_a_binding_replaces_a_leaf_of_the_file() -> None:
    found = nodes(run("eval", "samples/linear_regression.expr", "-s", "w=2.0", "--json"))
    assert found["w"]["value"] == 2.0
    assert found["w"]["requires_grad"] is True
    assert found["w"]["grad"] == -18.0  # 2(2+0-5)·1 + 2(4+0-7)·2


def test_wrt_makes_a_parameter_of_data() -> None:
    found = nodes(run("eval", "samples/linear_regression.expr", "--wrt", "x", "--json"))
    assert found["x"]["grad"] == [-8.0, -10.0]


def test_of_chooses_what_is_differentiated() -> None:
    text = "a = w**2; b = w**3"
    found = nodes(run("eval", "-e", text, "-p", "w=2.", "--of", "a", "--json"))
    assert found["w"]["grad"] == 4.0


def test_a_cotangent_makes_a_root_of_any_shape() -> None:
    found = nodes(
        run("eval", "-e", "y = w**2", "-p", "w=[1.,2.]", "--grad-output", "[1.,10.]", "--json")
    )
    assert found["w"]["grad"] == [2.0, 40.0]


def test_without_backward_every_grad_is_none() -> None:
    found = data(run("eval", *ONE_LINER, *BOUND, "--no-backward", "--json"))
    assert found["ran_backward"] is False
    assert {node["grad"] for node in found["nodes"]} == {None}


def test_a_result_that_is_no_scalar_says_what_to_do() -> None:
    outcome = run("eval", "-e", "y = w**2", "-p", "w=[1.,2.]")
    assert outcome.status == 0
    assert "--grad-output" in outcome.output


def test_dtype_is_that_of_floating_literals() -> None:
    found = nodes(run("eval", *ONE_LINER, *BOUND, "--dtype", "float32", "--json"))
    assert found["loss"]["dtype"] == "float32"


def test_named_leaves_out_the_nodes_without_a_name() -> None:
    found = data(run("eval", *ONE_LINER, *BOUND, "--named", "--json"))
    assert [node["name"] for node in found["nodes"]] == ["w", "x", "b", "y", "loss"]


def test_the_schema_is_what_it_was() -> None:
    found = data(run("eval", "samples/linear_regression.expr", "--json"))
    assert found["schema"] == "gradcli.eval/1"
    assert found["root"] == 8
    keys = {"id", "name", "source", "line", "op", "inputs", "shape", "dtype", "requires_grad",
            "is_leaf", "retains_grad", "grad_fn", "value", "grad"}  # fmt: skip
    assert keys <= set(found["nodes"][0])
    assert all({"line", "source", "holds"} <= set(claim) for claim in found["claims"])


def test_a_false_claim_makes_the_status_1() -> None:
    outcome = run("eval", "-e", "w = param(2.); assert allclose(grad(w**2, w), 5.)")
    assert outcome.status == 1
    assert "✗" in outcome.output


def test_an_output_file_is_written_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.json"
    assert run("eval", *ONE_LINER, *BOUND, "--json", "-o", str(path)).status == 0
    assert json.loads(path.read_text())["root"] is not None
    assert [p.name for p in tmp_path.iterdir()] == ["out.json"]


# ---- what is wrong with the input: status 2, on stderr, and nothing written -------------------

WRONG = {
    "a file that is not there": (["eval", "nope.expr"], "nope.expr: there is no such file"),
    "a folder": (["eval", "samples"], "samples: is a folder"),
    "no file at all": (["eval"], "no expression file is given"),
    "a file and a text": (["eval", "samples/mlp.expr", "-e", "x = 1"], "not both"),
    "inputs that are not bound": (["eval", *ONE_LINER], "the inputs `w`, `x`, `b`, `y` are not"),
    "a binding without a value": (["eval", "-e", "x", "-s", "x"], "expected NAME=VALUE"),
    "a binding that is no value": (["eval", "-e", "x", "-s", "x=[1.,"], "never closed"),
    "a binding of a name that the file lacks": (
        ["eval", "-e", "x = 1.", "-s", "z=1."], "has no name `z`"),
    "a binding of what the file computes": (
        ["eval", "-e", "x = param(1.); y = x*2", "-s", "y=1."], "is computed by the file"),
    "an integer parameter": (["eval", "-e", "w", "-p", "w=1"], "Only Tensors of floating point"),
    "a root that is not there": (["eval", "-e", "x = param(1.)", "--of", "q"], "no tensor `q`"),
    "an unknown dtype": (["eval", "-e", "x = 1.", "--dtype", "int64"], "not a floating point"),
    "a folder that is not there": (
        ["eval", "-e", "x = 1.", "--json", "-o", "/nowhere/x"], "there is no folder"),
    "a data file that is not there": (
        ["eval", "-e", "x", "--data", "nope.npz"], "nope.npz"),
    "too many nodes": (
        ["eval", "-e", "x = param(1.); y = x+x+x+x", "--max-nodes", "3"], "more than 3 nodes"),
    "too much memory": (
        ["eval", "-e", "x = zeros(1000, 1000)", "--max-memory", "1MB"], "more than the limit"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
def test_wrong_input_is_said_and_ends_with_status_2(case: str) -> None:
    arguments, message = WRONG[case]
    outcome = run(*arguments)
    assert (outcome.status, outcome.output) == (2, "")
    assert message in outcome.errors
    assert "Traceback" not in outcome.errors


@pytest.mark.parametrize("format", ["table", "json", "csv", "markdown"])
def test_what_only_a_value_shows_to_be_wrong_is_said_before_anything_is_written(
    format: str,
) -> None:
    text = "x = param(zeros(2, 2))\ny = sum(x)\nz = linalg.inv(x)"
    outcome = run("eval", "-e", text, "--format", format)
    assert (outcome.status, outcome.output) == (2, "")
    assert "<expr>:3:" in outcome.errors


@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe\x00", b"x = \x00", b"(" * 10_000, b"x = " + b"[" * 9_999, b"\x1b[2J"],
    ids=["not UTF-8", "a NUL", "10,000 brackets", "9,999 brackets", "an escape sequence"],
)
def test_a_broken_file_is_an_error_with_a_place(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.expr"
    path.write_bytes(content)
    outcome = run("eval", str(path))
    assert outcome.status == 2
    assert outcome.errors.startswith(f"{path}:1:") or "broken.expr:1" in outcome.errors
    assert "\x1b" not in outcome.errors
    assert "\x00" not in outcome.errors


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("# nothing but a comment", None),
        ("x = tensor([])\ny = sum(x)", 0.0),
        ("x = tensor([nan, 1.])\ny = sum(x)", "nan"),
        ("x = param(0.)\ny = 1/x", "inf"),
        ("x = " + "(" * 10_000 + "1." + ")" * 10_000 + "\ny = tensor(x)", 1.0),
    ],
    ids=["empty", "a comment", "an empty tensor", "NaN", "infinity", "10,000 brackets"],
)
def test_odd_files_run(text: str, value: Any) -> None:
    found = data(run("eval", "-", "--json", stdin=text.encode()))
    last = [node["value"] for node in found["nodes"]][-1:]
    assert last == ([] if value is None else [value])


def test_what_is_written_follows_what_was_printed_before(monkeypatch: pytest.MonkeyPatch) -> None:
    data = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(data, encoding="utf-8"))
    print("printed")
    write("written\n", None)
    assert data.getvalue() == b"printed\nwritten\n"


SEVERAL = ("samples/linear_regression.expr", "samples/mlp.expr")


def test_several_files_are_shown_one_after_the_other() -> None:
    apart = [run("eval", file).output for file in SEVERAL]
    assert run("eval", *SEVERAL).output == "\n".join(apart)
    apart = [run("eval", file, "--format", "markdown").output for file in SEVERAL]
    assert run("eval", *SEVERAL, "--format", "markdown").output == "\n".join(apart)


def test_several_files_are_a_list_as_json(tmp_path: Path) -> None:
    apart = [json.loads(run("eval", file, "--json").output) for file in SEVERAL]
    assert json.loads(run("eval", *SEVERAL, "--json").output) == apart
    run("eval", *SEVERAL, "--json", "-o", str(tmp_path / "out.json"))
    assert json.loads((tmp_path / "out.json").read_text(encoding="utf-8")) == apart


def test_several_files_cannot_be_csv_which_does_not_name_them() -> None:
    outcome = run("eval", *SEVERAL, "--format", "csv")
    assert (outcome.status, outcome.output) == (2, "")
    assert "csv has no column for the file" in outcome.errors


def test_one_wrong_file_of_several_is_told_and_the_others_are_shown(tmp_path: Path) -> None:
    false, wrong = tmp_path / "false.expr", tmp_path / "wrong.expr"
    false.write_text("x = param(2.)\nassert x == 3.\n")
    wrong.write_text("x = \n")
    outcome = run("eval", str(wrong), SEVERAL[0], str(false), "--json")
    assert outcome.status == 2
    assert [document["file"] for document in json.loads(outcome.output)] == [SEVERAL[0], str(false)]
    assert outcome.errors.startswith(f"{wrong}:1:")
    assert run("eval", SEVERAL[0], str(false)).status == 1


def test_two_errors_have_a_line_between_them() -> None:
    outcome = run("eval", "nowhere.zzz", SEVERAL[0], "nowhere.yyy")
    told = [run("eval", name).errors for name in ("nowhere.zzz", "nowhere.yyy")]
    assert outcome.errors == "\n".join(told)


# a cotangent that nothing would be differentiated with, and what is said of it
UNUSED = {
    "w=param([1.,2.]); y=w*2; z=(w*w).sum()": "is: `z` has [], `y` has [2]",
    "w=param([1.,2.]); w.sum().backward()": "<expr> runs backward() itself",
    "w=tensor([1.,2.]); y=w*2": "<expr> has no result that requires grad",
}


@pytest.mark.parametrize("text", UNUSED)
def test_a_cotangent_that_is_of_nothing_is_refused(text: str) -> None:
    outcome = run("eval", "-e", text, "--grad-output", "[1.,2.,3.]")
    assert (outcome.status, outcome.output) == (2, "")
    assert UNUSED[text] in outcome.errors
    assert "Traceback" not in outcome.errors
    with pytest.raises(InputFault, match="--grad-output"):
        loads(text, grad_output=[1.0, 2.0, 3.0])


def test_a_cotangent_of_what_is_named_replaces_the_pass_of_the_file() -> None:
    text = "w=param([1.,2.]); y=w*2; y.sum().backward()"
    found = run("eval", "-e", text, "--of", "y", "--grad-output", "[1.,10.]", "--json")
    assert json.loads(found.output)["nodes"][0]["grad"] == [2, 20]


@pytest.mark.parametrize("format", ["csv", "markdown", "table"])
def test_two_formats_exclude_each_other(format: str) -> None:
    outcome = run("eval", *ONE_LINER, *BOUND, "--json", "--format", format)
    assert (outcome.status, outcome.output) == (2, "")
    assert f"--json and --format {format} exclude each other" in " ".join(outcome.errors.split())
    same = run("eval", *ONE_LINER, *BOUND, "--json", "--format", "json")
    assert same.output == run("eval", *ONE_LINER, *BOUND, "--json").output
