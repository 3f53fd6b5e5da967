"""Which nodes a table shows: parameters first, views in one row, one turn of a long loop."""

from __future__ import annotations

import json
import re

import pytest

from gradcli import loads
from gradcli.errors import InputFault
from gradcli.inspection import Inspection
from gradcli.render import EVAL
from gradcli.render.turns import sparkline
from tests.render.printing import printed

# the loss is (w - 5)²: each turn takes a fifth of what w - 5 is, so that it is -5·0.8^k
TRAINED = (
    "t = tensor(5.)\nw = param(0.)\nfor i in range(40):\n    d = w - t\n    loss = d**2\n"
    "    loss.backward()\n    with no_grad():\n        w -= 0.1 * w.grad\n    w.grad = None\n"
)


def table(text: str, width: int = 120, **options: object) -> list[str]:
    return printed(EVAL["table"](loads(text).inspection, **options), width).splitlines()


def labels(lines: list[str]) -> list[str]:
    """Return what the rows of a table are called, with their marks."""
    marked = [line for line in lines if re.match(r"[●□○★] (?!parameter|data|inter)", line)]
    return [re.split(r" {2,}", line)[0] for line in marked]


def test_parameters_come_first_and_the_rest_in_order() -> None:
    found = labels(table("x = tensor(2.)\na = x*3\nw = param(1.)\ny = a*w\nb = param(1.)\nz = y+b"))
    assert found == ["● w", "● b", "□ x", "□ a", "○ y", "★ z"]


def test_a_chain_of_views_is_one_row() -> None:
    text = "x = param(arange(6.).reshape(2, 3))\ny = x[0].unsqueeze(1).expand(3, 2)\nz = y.sum()"
    lines = table(text)
    assert labels(lines) == ["● x", "○ y", "★ z"]
    assert "select unsqueeze expand" in "\n".join(table(text, 200))
    assert len(labels(table(text, full=True))) == 7
    # a view with a name, or of which two things are made, keeps its row
    assert "○ v" in labels(table("x = param([1., 2.])\nv = x[0]\ny = v.reshape(1).sum()"))
    two = "x = param([[1., 2.]])\ny = x.T.reshape(2).sum() + x.T.sum()"
    assert len(labels(table(two))) == 6


def test_what_gives_a_parameter_its_first_value_has_no_row() -> None:
    assert labels(table("w = param(randn(3) * 2)\nloss = w.sum()")) == ["● w", "★ loss"]
    used = "r = randn(3)\nw = param(r)\nloss = (w * r).sum()"
    assert labels(table(used)) == ["● w", "□ r", "○ w * r", "★ loss"]
    assert len(labels(table("tensor([1., 2.]) + 1"))) == 2


def test_a_training_loop_is_shown_by_its_last_turn() -> None:
    lines = table(TRAINED, 80)
    text = "\n".join(lines)
    last, first = 25 * 0.8**78, 25.0
    assert lines[0] == f"loss = {last:.6g} · no gradient kept"
    assert "the loop in line 3, from its first turn to its last; below is turn 40 of 40" in text
    assert f"  w     0 → {5 - 5 * 0.8**40:.6g}" in lines
    assert f"  loss  {first:g} → {last:.6g}, best {last:.6g} in turn 40" in lines
    assert re.search(r"^ {8}█[▁-█]{22}▁  log scale$", text, re.MULTILINE)
    assert [x for x in labels(lines) if "#" in x] == ["● w:8#40", "○ d:4#40", "★ loss:5#40"]
    assert len([line for line in lines if "× 40" in line]) == 5


# one turn's update, in the three spellings, and what its rows are in the folded loop
UPDATES = {
    "w -= 0.1 * w.grad\n    w.grad.zero_()": ["● w:7#40", "□ 0.1 * w.grad", "□ w -= 0.1 * w.grad"],
    "w.sub_(0.1 * w.grad)\n    w.grad = None":
        ["● w:7#40", "□ 0.1 * w.grad", "□ w.sub_(0.1 * w.grad)"],
    "w = w - 0.1 * w.grad\n    w.requires_grad_()": ["● w:7#40", "□ 0.1 * w.grad"],
}  # fmt: skip


@pytest.mark.parametrize("update", UPDATES)
def test_a_folded_loop_has_one_row_for_a_parameter_and_no_notes_on_its_update(update: str) -> None:
    text = (
        "w = param(0.)\nfor i in range(40):\n    d = w - 5\n    loss = d**2\n"
        f"    loss.backward()\n    with no_grad():\n        {update}\n"
    )
    lines = table(text, 200)
    said = "\n".join(lines)
    rows = [x for x in labels(lines) if x[0] in "●□"]
    assert rows == UPDATES[update]
    value = f"{5 - 5 * 0.8**40:.6g}"
    assert value in next(line for line in lines if line.startswith("● w"))
    for noise in ("steps of differentiation", "did not reach", "of a parameter:"):
        assert noise not in said
    every = labels(table(text, all_turns=True))
    assert len([x for x in every if x.startswith("● w")]) == 41


@pytest.mark.parametrize("asked", ["grad(y, x)", "grad(grad(y, x), x)"])
def test_steps_of_a_derivative_that_is_asked_for_are_counted(asked: str) -> None:
    text = f"x = param(2.)\ny = 3 * sin(x**3)\ng = {asked}"
    assert any("of differentiation" in line for line in table(text))
    assert not any("of differentiation" in line for line in table(text, full=True))


CLEARED = "(…) of a parameter: flowed to it before the file cleared .grad or changed the value."
# whether a parameter's gradient and an intermediate's stand in brackets
BRACKETS = {
    "w = param(3.)\nw.backward()\nw.grad = None": (True, False),
    "w = param(3.)\nloss = w*w\nloss.backward()\nw.grad = None": (True, True),
    "w = param(3.)\nloss = w*w\nloss.backward()\nw.grad.zero_()": (False, True),
    "w = param(3.)\nloss = w*w\nloss.retain_grad()\nloss.backward()\nw.grad = None": (True, False),
}


@pytest.mark.parametrize("text", BRACKETS)
def test_what_brackets_mean_is_true_of_what_has_them(text: str) -> None:
    lines = table(text)
    kept = any(line.startswith("(…) flowed, not kept") for line in lines)
    assert (CLEARED in lines, kept) == BRACKETS[text]
    row = next(line for line in lines if line.startswith(("● w", "★ w")))
    assert (re.search(r"\(\d+\)", row) is not None) == BRACKETS[text][0]


def test_a_parameter_that_a_loop_made_and_nothing_used_is_still_missed() -> None:
    text = "w = param(1.)\nfor i in range(2):\n    v = param(2.)\nloss = w*w"
    assert any("did not reach v" in line for line in table(text))


def test_markdown_says_what_a_loop_did() -> None:
    lines = EVAL["markdown"](loads(TRAINED).inspection).splitlines()
    assert "Of the loop in line 3: turn 40 of 40." in lines
    assert f"- `w`: 0 → {5 - 5 * 0.8**40:.6g}" in lines
    assert any(line.startswith("- `loss`: 25 → ") for line in lines)


def test_a_turn_is_shown_when_it_is_asked_for() -> None:
    lines = table(TRAINED, turn=3)
    assert "below is turn 3 of 40" in "\n".join(lines)
    loss = f"loss = {25 * 0.8**4:g} in turn 3 of 40"
    assert lines[0].startswith(loss)
    markdown = EVAL["markdown"](loads(TRAINED).inspection, turn=3)
    assert markdown.startswith(f"**{loss}")
    assert " in turn" not in table(TRAINED, turn=40)[0]
    after = TRAINED + "total = 2 * w\n"  # what is not of a loop is of no turn
    assert " in turn" not in table(f"{after}total.backward()", turn=3)[0]
    row = next(line for line in lines if "d:4#3" in line)
    assert re.search(rf"{-5 * 0.8**2:g} +\({-10 * 0.8**2:g}\)", row)  # d, and 2d that flowed
    assert len(labels(table(TRAINED, all_turns=True))) > 40 * 4
    with pytest.raises(InputFault, match="--turn 41: the loop in line 3 has 40 turns"):
        table(TRAINED, turn=41)
    with pytest.raises(InputFault, match="--turn 1: <text> has no loop"):
        table("w = param(1.)", turn=1)


def test_a_short_loop_is_shown_whole() -> None:
    found = labels(table("y = param(.5)\nfor i in range(3):\n    y = sin(y)"))
    assert len(found) == 4
    assert not any("×" in line for line in found)


def test_data_keep_every_turn_and_say_where_they_begin() -> None:
    found = json.loads("".join(EVAL["json"](loads(TRAINED).inspection)))
    (loop,) = found["loops"]
    assert (loop["line"], len(loop["turns"])) == (3, 41)
    losses = [node for node in found["nodes"] if node["name"] == "loss"]
    assert len(losses) == 40
    for k, node in enumerate(losses):
        assert loop["turns"][k] <= node["id"] < loop["turns"][k + 1]
    assert found["nodes"][0]["gradient"] is None
    assert (
        "gradient"
        not in json.loads("".join(EVAL["json"](loads(TRAINED).inspection, pytorch=True)))["nodes"][
            0
        ]
    )


def test_what_was_not_kept_is_dimmed_and_what_was_is_not() -> None:
    text = printed(
        EVAL["table"](loads("w = param(3.)\ny = w*w\nloss = 2*y").inspection), 120, color=True
    )
    assert "\x1b[2m(2)" in text
    assert "\x1b[1m12" in text  # d(2w²)/dw = 4w, of a parameter


def test_pytorch_shows_no_gradient_that_is_not_kept() -> None:
    text = "w = param(3.)\ny = w*w\nloss = 2*y"
    assert any("(2)" in line for line in table(text))
    found = table(text, pytorch=True)
    assert not any("(2)" in line for line in found)
    assert any("--retain-grad keeps them all" in line for line in found)


ANSWERS = {
    "w = param(3.)\nloss = w**2": "loss = 9 · 1 gradient, finite",
    "w = param([3., 0.])\nloss = sqrt(w).sum()\nassert grad(loss, w)[0] > 0":
        "loss = 1.73205 · 1 gradient, not finite: 1 inf · 1 claim holds",
    "w = param(3.)\nv = param(1.)\ny = w*v\nassert y == 3\nassert y == 4":
        "y = 3 · 2 gradients, all finite · 1 of 2 claims is false",
    "w = param(3.)\ny = w*w\nassert y == 4": "y = 9 · 1 gradient, finite · 1 claim is false",
    "x = tensor(3.)\ny = x*x": "nothing requires grad",
    "a = 1\nb = [2]\nassert a == 1": "2 values, no tensor · 1 claim holds",
}  # fmt: skip


@pytest.mark.parametrize("text", ANSWERS)
def test_the_first_line_is_the_answer(text: str) -> None:
    assert table(text)[0] == ANSWERS[text]


@pytest.mark.parametrize("width", [40, 60, 80, 120, 200])
@pytest.mark.parametrize("text", [TRAINED, *ANSWERS])
def test_no_header_is_cut_at_any_width(text: str, width: int) -> None:
    found: Inspection = loads(text).inspection
    lines = printed(EVAL["table"](found), width).splitlines()
    rule = next(k for k, line in enumerate(lines) if line.startswith("──"))
    assert "…" not in "".join(lines[rule - 2 : rule])
    assert "value" in lines[rule - 1]


def test_a_line_of_bars_goes_from_the_greatest_to_the_least() -> None:
    assert sparkline([8.0, 7.0, 6.0, 5.0, 4.0, 3.0, 2.0, 1.0]) == "█▇▆▅▄▃▂▁"
    assert sparkline([1000.0, 100.0, 10.0], "_.-") == "-._  log scale"
    assert sparkline([1.0, float("nan"), float("inf")]) == "▁??"
    assert sparkline([2.0, 2.0]) == "▁▁"
    assert len(sparkline([k - 1.0 for k in range(1000)])) == 24
