"""Files that replay a recorded run: what they are written with, and what they are held to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.errors import GradcliError
from tests.cli.runner import Outcome, run

REPLAYS = Path(__file__).parent / "replays"
CUSTOM, HIDDEN = REPLAYS / "custom.expr", REPLAYS / "hidden.expr"
# y = w², recorded at w = 3 where y's cotangent was 2: the gradient is 2·2·3
SQUARE = (
    'data = recorded("run.npz")\n'
    'w = param(data["w"], name="net.w")\n'
    'with module("net", "Net"):\n'
    '    with module("net.square", "Square"):\n'
    '        y = opaque("Square", w, value=data["y"], grad_fn="SquareBackward", '
    'gradients=(data["y<-w"],))\n'
    "loss = y * 2.\n"
    "loss.backward()\n"
)
DATA = {"w": 3.0, "y": 9.0, "y<-w": 12.0}
TRUTH = {"truth/grad/w": 12.0, "truth/cotangent/y": 2.0, "truth/value/loss": 18.0}
ROWS = {
    "y": {"grad_fn": "SquareBackward", "place": "model.py:4:9", "source": "Square.apply(w)"},
    "loss": {"grad_fn": "MulBackward0", "place": "train.py:7:8", "source": "model(w) * 2"},
    "torch": "2.13.0",
}


def record(folder: Path, text: str = SQUARE, rows: Any = None, **arrays: Any) -> Path:
    """Write a record by hand; arrays are changed by name, None leaves one out."""
    named = DATA | TRUTH | {"truth/rows": json.dumps(ROWS if rows is None else rows)}
    named |= {name.replace("__", "/"): x for name, x in arrays.items()}
    kept: dict[str, Any] = {k: np.array(x) for k, x in named.items() if x is not None}
    np.savez(folder / "run.npz", **kept)
    (folder / "run.expr").write_text(text)
    return folder / "run.expr"


def refused(*arguments: object) -> str:
    outcome = run(*map(str, arguments))
    assert outcome.status == 2, outcome.output
    assert "Traceback" not in outcome.errors
    return " ".join(outcome.errors.split())


def shown(outcome: Outcome) -> str:
    return " ".join(outcome.output.split())


# ---- recorded ------------------------------------------------------------------------------


def test_a_record_hides_what_it_knows_of_the_run(tmp_path: Path) -> None:
    file = record(tmp_path, 'data = recorded("run.npz")\nprint(len(data), "w" in data)\n')
    assert gradcli.load(file).printed == ("3 True",)


def test_what_is_not_used_of_a_record_has_no_row(tmp_path: Path) -> None:
    file = record(tmp_path, 'data = recorded("run.npz")\ny = data["w"] * 2\n')
    assert [node.label for node in gradcli.load(file).nodes] == ['data["w"]', "y"]


REFUSED = {
    'recorded("../run.npz")': "leaves the folder",
    'recorded("missing.npz")': "does not exist",
    'recorded("w.npy")': "is one tensor, and no record",
    "recorded(3)": "takes a file's name",
    'recorded("run.npz")\nd = recorded("run.npz")': "a file replays one record",
}


@pytest.mark.parametrize("text", REFUSED)
def test_a_record_is_read_as_data_are(text: str, tmp_path: Path) -> None:
    np.save(tmp_path / "w.npy", np.ones(2))
    assert REFUSED[text] in refused("eval", record(tmp_path, f"data = {text}\n"))


@pytest.mark.parametrize("rows", ["{", "[1]", "[" * 5000])
def test_a_damaged_record_is_refused(rows: str, tmp_path: Path) -> None:
    file = record(tmp_path, truth__rows=rows)
    assert "is a damaged record" in refused("eval", file)


@pytest.mark.parametrize("rows", [{"y": {"grad_fn": 3, "place": None}}, {"y": 1}, {}])
def test_facts_of_another_kind_are_not_known(rows: Any, tmp_path: Path) -> None:
    outcome = run("eval", str(record(tmp_path, rows=rows)))
    assert outcome.status == 0
    assert "model.py" not in outcome.output


def test_a_text_is_read_of_records_alone(tmp_path: Path) -> None:
    np.savez(tmp_path / "d.npz", x=np.array("text"))
    (tmp_path / "a.expr").write_text('d = load("d.npz")\n')
    assert "holds texts" in refused("eval", tmp_path / "a.expr")


# ---- names ---------------------------------------------------------------------------------

SPELLINGS = ("w", "net.w")


@pytest.mark.parametrize("name", SPELLINGS)
def test_a_tensor_is_found_under_either_name(name: str, tmp_path: Path) -> None:
    file = record(tmp_path)
    run_ = gradcli.load(file)
    assert run_[name].grad == 12
    assert name in run_
    assert "∂loss/∂net.w = 12" in run("explain", str(file), name).output
    assert "net.w" in run("check", str(file), "--wrt", name).output


def test_a_tensor_is_shown_by_the_name_that_people_know(tmp_path: Path) -> None:
    file = str(record(tmp_path))
    assert "● net.w" in run("eval", file).output
    assert "◦ net.w" in run("check", file).output
    assert "● net.w" in run("graph", "--tree", file).output
    assert "net.w" in run("graph", "--dot", file).output
    nodes = json.loads(run("eval", "--json", file).output)["nodes"]
    assert [node["name"] for node in nodes if node["kind"] == "parameter"] == ["net.w"]


@pytest.mark.parametrize(("name", "option"), [("a.b", "-s"), ("a.b", "-p"), ("layers.0.w", "-s")])
def test_a_value_is_given_under_the_name_that_people_know(name: str, option: str) -> None:
    text = f'x = tensor([1., 2.], name="{name}")\ny = sum(x * param(2.))'
    outcome = run("eval", "-e", text, option, f"{name}=[3., 4.]", "--json")
    first = json.loads(outcome.output)["nodes"][0]
    assert (first["value"], first["requires_grad"]) == ([3.0, 4.0], option == "-p")


def test_a_tensor_becomes_a_parameter_under_the_name_that_people_know() -> None:
    text = 'x = tensor([1., 2.], name="a.b")\ny = sum(x**2)'
    assert gradcli.loads(text, wrt="a.b")["a.b"].grad is not None
    assert "has no name `a.c`" in refused("eval", "-e", text, "--wrt", "a.c")


def test_a_parameter_that_is_updated_keeps_the_name_that_people_know() -> None:
    text = (
        'w = param(1., name="a.w")\nloss = w**2\nloss.backward()\nwith torch.no_grad():\n'
        "    w -= 0.5 * w.grad\n"
    )
    found = [node.name for node in gradcli.loads(text).nodes if node.kind == "parameter"]
    assert found == ["a.w", "a.w"]


# ---- modules -------------------------------------------------------------------------------


def test_rows_know_the_modules_that_they_were_made_in(tmp_path: Path) -> None:
    node = gradcli.load(record(tmp_path))["y"]
    assert [(f.name, f.module) for f in node.frames] == [("net", "Net"), ("net.square", "Square")]
    assert node.call_line is None  # the lines of a block are the file's own


def test_a_function_that_a_module_calls_is_a_call() -> None:
    text = 'def f(x):\n    return x**2\nwith module("a", "A"):\n    y = f(param(3.))\n'
    node = gradcli.loads(text)["y"]
    assert (node.call_line, [f[1:] for f in node.frames]) == (4, [("a", 3, "A"), ("f", 4, "")])


CONTEXTS = {
    'with module("a"):': "module() missing argument 'class_name'",
    'with module("a", ""):': "needs the name of a class",
    "with 3:": "is no context for `with`",
}


@pytest.mark.parametrize("text", CONTEXTS)
def test_what_is_no_module_is_refused(text: str) -> None:
    assert CONTEXTS[text] in refused("eval", "-e", f"{text}\n    y = param(1.)")


# ---- opaque rows ---------------------------------------------------------------------------


def test_an_opaque_row_gives_what_the_record_has(tmp_path: Path) -> None:
    found = gradcli.load(record(tmp_path))
    y = found["y"]
    assert (float(y.value or 0), y.grad_fn, y.op) == (9, "SquareBackward", "Square")
    assert found.grads == {"w": 12}


OTHERWISE = {
    "loss = y * 3.\nloss.backward()": "only for the cotangent that arrived there",
    "loss = y * 2.\nloss.backward(create_graph=True)": "no derivative of the gradient",
    "loss = y * 2.\ng = grad(loss, w, create_graph=True)": "no derivative of the gradient",
    "loss = y * 2.\nt = func.jvp(lambda a: opaque('S', a, value=9., gradients=(12.,)), (w,), (w,))":
        "no derivative of `S` in forward mode",
}  # fmt: skip


@pytest.mark.parametrize("text", OTHERWISE)
def test_what_the_record_does_not_know_is_refused(text: str, tmp_path: Path) -> None:
    file = record(tmp_path, SQUARE.partition("loss")[0] + text + "\n")
    said = refused("eval", file)
    assert OTHERWISE[text] in said
    assert "opaque(" in said  # the line is shown


def test_a_gradient_without_its_cotangent_is_not_known(tmp_path: Path) -> None:
    file = record(tmp_path, truth__cotangent__y=None)
    assert "the record knows no gradient of `Square`" in refused("eval", file)


def test_a_replay_with_other_data_is_refused(tmp_path: Path) -> None:
    file = record(tmp_path)
    assert "only for the recorded data" in refused("eval", file, "-s", "net.w=4.")
    changed = SQUARE.replace("y = opaque", "v = w * 2\n        y = opaque").replace(", w,", ", v,")
    file = record(tmp_path, changed, truth__value__v=3.0)
    assert "only for what `v` was in the recorded run" in refused("eval", file)


# of [w0·w1, w0] at (2, 3) in any direction
JACOBIAN = 'opaque("Pair", w, value=[6., 2.], jacobians=([[3., 2.], [1., 0.]],))'
ALONG = {"sum(y)": [4, 2], "sum(y * tensor([2., -1.]))": [5, 4]}


@pytest.mark.parametrize("root", ALONG)
def test_a_jacobian_gives_the_gradient_of_any_cotangent(root: str) -> None:
    text = f"w = param([2., 3.])\ny = {JACOBIAN}\nloss = {root}\n"
    np.testing.assert_array_equal(gradcli.loads(text).grads["w"], ALONG[root])
    report = gradcli.checks(text)
    assert [f.verdict for f in report.findings] == ["RECORDED"]


def test_a_jacobian_gives_the_derivative_in_forward_mode() -> None:
    text = f"w = param([2., 3.])\ny = {JACOBIAN}\nloss = sum(y)\n"
    outcome = run("check", "-e", text, "--mode", "forward")
    assert outcome.status == 0, outcome.errors
    assert "RECORDED" in outcome.output


UNFIT = {
    "opaque(w, value=1.)": "takes the name of an operation first",
    'opaque("a b", w, value=1.)': "takes the name of an operation first",
    'opaque("S", w, value=1., gradients=(1., 2.))': "one for each of its 1 operands",
    'opaque("S", w, value=1., gradients=([1., 2., 3.],))': "has shape [3], and [2] fits",
    'opaque("S", w, value=[1.], jacobians=([1., 2.],))': "has shape [2], and [1, 2] fits",
    'opaque("S", w)': "missing argument 'value'",
}


@pytest.mark.parametrize("text", UNFIT)
def test_what_an_opaque_row_is_given_must_fit(text: str) -> None:
    assert UNFIT[text] in refused("eval", "-e", f"w = param([1., 2.])\ny = {text}")


def test_no_gradient_goes_to_an_operand_that_the_record_has_none_for() -> None:
    text = 'a = param(1.)\nb = param(2.)\ny = opaque("S", a, b, value=3., jacobians=(4., None))'
    assert gradcli.loads(text).grads == {"a": 4}


def test_a_check_says_what_is_recorded_and_never_that_it_is_wrong() -> None:
    outcome = run("check", str(CUSTOM))
    assert outcome.status == 0, outcome.errors
    assert "2 RECORDED, 1 OK" in outcome.output
    assert "through `y` (MyExp): recorded, not checked" in outcome.output


def test_an_error_before_an_opaque_row_is_found(tmp_path: Path) -> None:
    text = CUSTOM.read_text().replace("custom.npz", "run.npz")
    (tmp_path / "run.npz").write_bytes((REPLAYS / "custom.npz").read_bytes())
    (tmp_path / "a.expr").write_text(text.replace("b1)  #", "b1.detach())  #"))
    assert "fc1.bias" in shown(run("check", str(tmp_path / "a.expr"))).partition("CUT")[0]


# ---- the truth -----------------------------------------------------------------------------

# what a record says otherwise, and what is said of it
DIFFERENT: dict[str, tuple[dict[str, Any], str, int]] = {
    "nothing": ({}, "replayed 3 rows of run.npz: all grad_fn equal, values equal, gradients equal",
                0),
    "grad_fn": ({"rows": ROWS | {"loss": {"grad_fn": "DivBackward0"}}},
                "1 row differs, first loss (line 6): grad_fn is DivBackward0 in the record, "
                "MulBackward0 here", 0),
    "value": ({"truth__value__loss": 20.0},
              "1 row differs, first loss (line 6): value differs by 0.1 of its largest element", 1),
    "gradient": ({"truth__grad__w": 16.0},
                 "1 row differs, first net.w (line 2): gradient differs by 0.25 of its largest "
                 "element", 1),
    "shape": ({"truth__grad__w": [12.0]}, "gradient is of shape [1] in the record, [] here", 1),
    "nan": ({"truth__grad__w": np.nan}, "gradient has 1 nan in the record, none here", 1),
    "inf": ({"truth__value__loss": np.inf}, "value has 1 inf in the record, none here", 1),
    "rounding": ({"truth__grad__w": 12 + 1e-12}, "gradients within 8e-14 of their largest", 0),
    "absent": ({"truth__value__gone": 1.0}, "not in the file: gone", 0),
    "tolerance": ({"truth__grad__w": 12.1, "rows": {"tolerance": 0.01}},
                  "gradients within 0.008 of their largest", 0),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_replay_is_held_to_its_record(name: str, tmp_path: Path) -> None:
    arrays, words, status = DIFFERENT[name]
    outcome = run("eval", str(record(tmp_path, **arrays)))
    assert outcome.status == status
    assert words in shown(outcome)


def test_rows_that_differ_are_marked_in_every_format(tmp_path: Path) -> None:
    file = str(record(tmp_path, truth__value__loss=20.0))
    assert "★ loss ✗ value 0.1" in shown(run("eval", file))
    assert "✗ value 0.1 |" in run("eval", "--format", "markdown", file).output
    csv = run("eval", "--format", "csv", file).output.splitlines()
    assert csv[0].endswith("program,record")
    assert csv[-1].endswith("train.py:7:8,value differs by 0.1 of its largest element")
    found = json.loads(run("eval", "--json", file).output)["record"]
    assert found["holds"] is False
    row = next(row for row in found["rows"] if row["differs"])
    assert row["differs"][0]["gap"] == pytest.approx(0.1)
    assert row["place"] == "train.py:7:8"


def test_gradients_of_another_node_are_not_compared(tmp_path: Path) -> None:
    text = SQUARE + "other = w * 5.\n"
    outcome = run("eval", str(record(tmp_path, text)), "--of", "other")
    assert outcome.status == 0
    assert "gradients of the recorded pass not compared" in shown(outcome)


@pytest.mark.parametrize("file", [CUSTOM, HIDDEN])
def test_a_replay_gives_what_pytorch_gave(file: Path) -> None:
    found = gradcli.load(file).inspection.record
    assert found is not None
    assert not found.differing
    assert found.compared["grad_fn"] == len(found.lines) - len(gradcli.load(file).grads)
    assert found.compared["gradient"] == len(found.rows)


# ---- places --------------------------------------------------------------------------------


def test_the_place_in_the_program_is_shown(tmp_path: Path) -> None:
    file = str(record(tmp_path))
    assert "model.py:4:9" in run("eval", file).output
    said = shown(run("explain", file, "w"))
    assert "model.py:4:9 `Square.apply(w)`, in net.square (Square)" in said


def test_a_diagnosis_points_to_the_program() -> None:
    found = run("diagnose", str(HIDDEN))
    assert "line 3: sqrt(x)\n  loss.py:7:20 `x.sqrt()`" in found.output
    findings = json.loads(run("diagnose", "--json", str(HIDDEN)).output)["findings"]
    assert findings[0]["place"] == "loss.py:7:20 `x.sqrt()`"
    assert "loss.py:7:20 `x.sqrt()`" in run("diagnose", "--format", "markdown", str(HIDDEN)).output


def test_a_diagnosis_says_where_only_the_record_has_nan(tmp_path: Path) -> None:
    outcome = run("diagnose", str(record(tmp_path, truth__value__loss=np.nan)))
    said = "`loss` (line 6, train.py:7:8 `model(w) * 2`): value has 1 nan in the record, none here"
    assert said in shown(outcome)
    told = json.loads(run("diagnose", "--json", str(record(tmp_path))).output)
    assert told["replayed"] == []


def test_a_place_steers_no_terminal(tmp_path: Path) -> None:
    rows = {"y": {"place": "a\x1b[2J.py", "source": "\x1b[31m"}}
    file = str(record(tmp_path, rows=rows))
    for command in (("eval",), ("explain",), ("graph", "--tree"), ("eval", "--format", "csv")):
        assert "\x1b" not in run(*command, file).output


def test_errors_of_records_are_of_gradcli(tmp_path: Path) -> None:
    with pytest.raises(GradcliError, match="no gradient of `Square`"):
        gradcli.load(record(tmp_path, truth__cotangent__y=None))


UNREADABLE = """
w = param([1.0, 2.0])
b = w * 2
with torch.no_grad():
    v = b[0:1]
b[0:2] = w * 3
loss = b.sum()
loss.backward()
"""


def test_a_view_that_can_be_read_no_more_is_left_alone_where_nothing_reads_it() -> None:
    # as PyTorch, which raises where `v` is used after the write, and not before
    assert gradcli.loads(UNREADABLE).grads["w"].tolist() == [3.0, 3.0]


def test_the_arrays_of_a_record_are_no_values_of_the_file() -> None:
    outcome = run("eval", str(HIDDEN), "--json")
    assert json.loads(outcome.output)["values"] == []
