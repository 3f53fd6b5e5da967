"""A run as a program has it, where the language is Python and not the command line."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gradcli
from gradcli.errors import GradcliError, InputFault
from tests.cli.runner import ROOT

LINEAR = ROOT / "samples" / "linear_regression.expr"
FILES = sorted([*(ROOT / "samples").glob("*.expr"), *(ROOT / "tests/tutorials").glob("*.expr")])
# by hand: w·x + b - y = (-4, -5) with x = (1, 2), w = 1, b = 0; its square's gradient is (-8, -10)
GRADS = {"w": -28.0, "b": -18.0}


def test_a_tensor_is_found_by_its_name() -> None:
    run = gradcli.load(LINEAR)
    assert run["w"].grad == GRADS["w"]
    assert run["loss"].value is not None
    assert run["loss"].value.tolist() == [-4, -5]
    assert run["loss"].grad is None
    assert list(run) == ["x", "y", "w", "b", "wx", "wx_b", "loss", "loss2", "loss2_sum"]
    assert ("w" in run, "W" in run, len(run)) == (True, False, 9)


def test_the_gradients_are_those_that_pytorch_keeps() -> None:
    assert gradcli.load(LINEAR).grads == GRADS
    kept = gradcli.load(LINEAR, retain_grad=True).grads
    assert {name: grad.tolist() for name, grad in kept.items()} == GRADS | {
        "wx": [-8, -10], "wx_b": [-8, -10], "loss": [-8, -10], "loss2": [1, 1], "loss2_sum": 1,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "grads"),
    [
        ("w = param(3.)\nv = w\ny = v**2", {"w": 6, "v": 6}),
        ("y = param(3.)**2", {"param(3.)": 6}),
        ("w = param(3.)\nu = param(1.)\ny = w**2", {"w": 6}),
        ("w = param(3.)\ny = w**2\ny.backward()\nw.grad.zero_()", {"w": 0}),
        ("w = param(3.)\ny = w**2\ny.backward()\nw = param(1.)", {"w:1": 6}),
        ("x = tensor(2.)", {}),
    ],
)
def test_a_gradient_has_the_names_of_its_tensor_or_its_label(
    text: str, grads: dict[str, float]
) -> None:
    assert gradcli.loads(text).grads == grads


def test_the_values_of_names_are_arrays_and_pythons_own() -> None:
    text = "lr = 0.1\ns = 'a'\nns = [1, 2]\nd = {1: 2}\ndef f(x): return x\n"
    text += "x = [1., 2.]\ny = tensor(3.)*x"
    values = gradcli.loads(text).values
    assert {name: value for name, value in values.items() if name not in "xy"} == {
        "lr": 0.1, "s": "a", "ns": [1, 2]}  # fmt: skip
    assert [values[name].tolist() for name in "xy"] == [[1, 2], [3, 6]]


def test_a_loop_that_steps_in_place_on_its_own_gradients_runs_to_its_end() -> None:
    run = gradcli.loads(
        "import torch\nw = torch.ones(2, 1, requires_grad=True)\n"
        "v = torch.ones(1, 1, requires_grad=True)\nx = torch.ones(3, 2)\n"
        "for _ in range(2):\n    loss = ((x @ w @ v) ** 2).sum()\n"
        "    gw, gv = torch.autograd.grad(loss, [w, v])\n    with torch.no_grad():\n"
        "        w -= 0.1 * gw\n        v -= 0.1 * gv\n    print(loss.item())"
    )
    assert run.printed == ("12.0", "0.940800666809082")  # PyTorch's
    assert run["w"].grad is None


def test_what_was_differentiated_is_the_root() -> None:
    root = gradcli.load(LINEAR).root
    assert root is not None
    assert root.name == "loss2_sum"
    assert root.value == 41.0
    assert gradcli.loads("x = 1").root is None


def test_a_name_that_was_bound_twice_stands_for_the_last_and_the_label_for_each() -> None:
    run = gradcli.loads("w = param(3.)\ny = w**2\ny = y + 1")
    assert [run[name].value for name in ("y", "y:2", "y:3")] == [10.0, 9.0, 10.0]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("loss3", "has no tensor 'loss3'; did you mean 'loss2'?"),
        ("lr", "'lr' is no tensor: its value is run.values['lr']"),
        ("zzz", "has no tensor 'zzz'"),
    ],
)
def test_a_name_that_there_is_not_is_a_key_error(name: str, words: str) -> None:
    run = gradcli.loads("lr = 0.1\nloss2 = param(3.)**2")
    with pytest.raises(KeyError, match=re.escape(words)):
        run[name]


def test_a_run_is_checked_with_its_own_inputs_and_root() -> None:
    run = gradcli.loads("y = w**2\nz = w**3", param={"w": [1.0, 2.0]}, of="y", grad_output=[1, 1])
    report = run.check()
    assert (report.verdict, report.outputs) == ("OK", ("y[0]", "y[1]"))
    settings = gradcli.Settings(of=("z",), points=0)
    assert run.check(settings).outputs == ("z[0]", "z[1]")


def test_a_text_is_checked() -> None:
    text = "y = w**2\nassert allclose(grad(y, w), 3*w)"
    report = gradcli.checks(text, param={"w": 2.0})
    assert ([f.verdict for f in report.findings], [c.holds for c in report.claims]) == (
        ["OK"], [False])  # fmt: skip
    with pytest.raises(GradcliError, match="<text>"):
        gradcli.checks("y =")
    with pytest.raises(GradcliError) as caught:
        gradcli.checks("y =", name="mine")
    assert str(caught.value).startswith("mine:1:")


REPRS = {
    "w = param(3.)\ny = w**2": "<Run of <text>: y = 9; grads of w>",
    "w = param([1., 2.])\ny = w**2": "<Run of <text>: 2 nodes>",
    "y = param(3.)**2\nassert y == 8.": (
        "<Run of <text>: y = 9; grads of param(3.); false claims: 1 of 1>"
    ),
    "x = 1": "<Run of <text>: 0 nodes>",
}  # fmt: skip


@pytest.mark.parametrize("text", REPRS)
def test_a_run_is_shown_in_a_line(text: str) -> None:
    assert repr(gradcli.loads(text)) == REPRS[text]


def test_a_line_stays_short_and_printable() -> None:
    names = [f"{'w' * 300}{k}" for k in range(50)]
    text = "".join(f"{name} = param(1.)\n" for name in names) + f"y = {' + '.join(names)}"
    shown = repr(gradcli.loads(text, name="a\x1b[2Jb"))
    assert shown.isprintable()
    assert len(shown) < 400
    assert "and 45 more" in shown


# ---- options, as Python has them -----------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "misspelt": ({"dtpye": "float32"}, "keyword argument 'dtpye'. Did you mean 'dtype'?"),
    "unknown": ({"zzz": 1}, "() got an unexpected keyword argument 'zzz'"),
    "seed": ({"seed": "1"}, "seed must be an integer, not str"),
    "set": ({"set": ["x=1"]}, "set must be a mapping of names to values, not list"),
    "memory": ({"max_memory": "4GB"}, "max_memory must be an integer, or None, not str"),
    "folders": ({"allowed_folders": "data"}, "allowed_folders must be a list of paths, not str"),
    "data": ({"data": 3}, "data must be a path, not int"),
}  # fmt: skip


@pytest.mark.parametrize("case", WRONG)
@pytest.mark.parametrize("function", [gradcli.loads, gradcli.checks, gradcli.load, gradcli.check])
def test_an_option_that_is_wrong_is_a_type_error_in_pythons_words(
    function: Any, case: str, tmp_path: Path
) -> None:
    (tmp_path / "f.expr").write_text("y = param(1.)")
    text = "y = param(1.)" if function in (gradcli.loads, gradcli.checks) else tmp_path / "f.expr"
    options, words = WRONG[case]
    with pytest.raises(TypeError, match=re.escape(words)) as caught:
        function(text, **options)
    assert str(caught.value).startswith(f"{function.__name__}()")
    assert "--" not in str(caught.value)


def test_a_misspelt_option_is_refused_by_mypy_too() -> None:
    """Where it were not, mypy would call these comments unused."""
    with pytest.raises(TypeError):
        gradcli.loads("y = param(1.)", sed=1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        gradcli.checks("y = param(1.)", seed="1")  # type: ignore[arg-type]


def test_options_are_given_as_python_has_them(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([1.0, 2.0]))
    file = tmp_path / "f.expr"
    file.write_text("y = sum(x*w)")
    seed: Any = np.int64(1)
    run = gradcli.load(str(file), data=str(tmp_path / "x.npy"), set={"w": 3}, param=None, wrt="x",
                       seed=seed, folder=str(tmp_path))  # fmt: skip
    assert run.grads["x"].tolist() == [3, 3]
    with pytest.raises(InputFault, match="float7 is not a floating point dtype"):
        gradcli.loads("y = 1.", dtype="float7")


@pytest.mark.parametrize(
    ("options", "place"),
    [
        ({"set": {"x": "1. +"}}, "set['x']:1:5: error"),
        ({"param": {"x": "1. +"}}, "param['x']:1:5: error"),
        ({"set": {"x": 1}, "grad_output": "1. +"}, "grad_output:1:5: error"),
    ],
)
def test_an_error_in_a_text_that_is_given_has_its_place_as_python_writes_it(
    options: dict[str, Any], place: str
) -> None:
    with pytest.raises(GradcliError) as caught:
        gradcli.loads("y = param(1.)*x", **options)
    assert str(caught.value).startswith(place)


# ---- in notebooks --------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser makes of a text: its elements, balanced, and the words of its cells."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.seen: set[str] = set()
        self.rows: list[list[str]] = []
        self.styles: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.add(tag)
        self.styles += [value or "" for name, value in attrs if name == "style"]
        if tag == "br":
            return
        self.tags.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1] in ("td", "th"):
            self.rows[-1][-1] += data


def test_a_notebook_shows_the_table() -> None:
    page = Page(gradcli.load(LINEAR)._repr_html_())
    assert page.tags == []
    assert page.rows[0] == ["node", "op", "line", "shape", "value", "grad", "requires_grad",
                            "is_leaf", "grad_fn"]  # fmt: skip
    assert ["● w", "leaf", "9", "", "1", "-28", "True", "True", "None"] in page.rows
    assert ["○ loss", "sub", "14", "(2,)", "[-4, -5]", "None", "True", "False", "SubBackward0"] in (
        page.rows)  # fmt: skip


def test_a_notebook_begins_with_the_answer() -> None:
    text = "w = param([3., 0.])\nloss = (w*w).sum()\nassert loss == 9"
    divs = re.findall("<div[^>]*>([^<]+)</div>", gradcli.loads(text)._repr_html_())
    assert divs[0] == "loss = 9 · 1 gradient, finite · 1 claim holds"
    assert divs[1].startswith("&lt;text&gt;: ")


def test_a_notebook_shows_what_a_file_says_and_never_runs_it() -> None:
    text = "print('<script>alert(1)</script>')\ny = param(2.)\nassert y == 3., '<img src=x>'"
    page = Page(gradcli.loads(text, name="<script>")._repr_html_())
    assert page.tags == []
    assert page.seen <= {"div", "pre", "table", "thead", "tr", "th", "td", "ul", "li", "code", "br",
                         "img", "details", "summary"}  # fmt: skip


def test_a_notebooks_own_colours_are_kept_be_they_dark_or_light() -> None:
    styles = " ".join(Page(gradcli.load(LINEAR)._repr_html_()).styles)
    assert not re.search(r"color|#[0-9a-f]{3}|black|white(?!-space)", styles)


def test_a_large_graph_and_a_large_tensor_are_shown_in_part() -> None:
    loop = gradcli.loads("w = param(1.)\ny = w\nfor i in range(2000):\n    y = y + w")._repr_html_()
    assert "more</td>" in loop
    assert len(Page(loop).rows) < 300
    assert len(gradcli.loads("x = param(ones(100000))\ny = sum(x)")._repr_html_()) < 20_000


@pytest.mark.parametrize("file", FILES, ids=lambda p: p.stem)
def test_every_sample_and_tutorial_is_read_by_its_names(file: Path) -> None:
    try:
        run = gradcli.load(file)
    except InputFault:  # it needs inputs
        return
    shapes = {name: node.shape for name in run if (node := run[name]).value is not None}
    assert {name: run.values[name].shape for name in shapes} == shapes
    for name, grad in run.grads.items():
        if name in run:
            np.testing.assert_array_equal(run[name].grad, grad)
    assert Page(run._repr_html_()).tags == []
    assert "\n" not in repr(run)


def test_a_run_explains_its_gradients_and_says_them_as_formulas() -> None:
    run = gradcli.loads("loss = sum((w*x - 1)**2)", set={"x": [1.0, 2.0]}, param={"w": 3.0})
    assert run.derive("w") == run.derive() == {"w": "2 * sum((w * x - 1) * x)"}
    page = run.explain("w")
    assert page == run.explain()
    assert "24" in page  # 2·(3 - 1)·1 + 2·(6 - 1)·2
    with pytest.raises(GradcliError, match="no tensor `v`"):
        run.explain("v")
    kernel = "loss = F.conv1d(x, k).sum()**2"
    conv = gradcli.loads(kernel, param={"x": [[[1.0, 2.0, 3.0]]], "k": [[[1.0, 2.0]]]})
    with pytest.raises(GradcliError, match="∂loss/∂k has no formula"):
        conv.derive("k")
