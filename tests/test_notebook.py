"""Notebooks: `%%gradcli`, with a stand-in for IPython's shell and with IPython where it is."""

from __future__ import annotations

import re
import subprocess
import sys
import warnings
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest

import gradcli
from gradcli.notebook import CellError
from gradcli.run import Run

CELL = "loss = sum((w*x + b - y)**2)"
SVG = "{http://www.w3.org/2000/svg}"
LINE = "-p w=1.0 -p b=0.0 -s 'x=[1.,2.]' -s 'y=[5.,7.]'"


class Shell:
    """What is used of a notebook's shell."""

    def __init__(self, **variables: Any) -> None:
        self.user_ns: dict[str, Any] = variables
        self.magics: dict[tuple[str, str], Callable[[str, str], Any]] = {}
        gradcli.load_ipython_extension(self)

    def register_magic_function(
        self, func: Callable[[str, str], Any], magic_kind: str, magic_name: str
    ) -> None:
        self.magics[magic_kind, magic_name] = func

    def run(self, line: str, cell: str = CELL) -> Any:
        return self.magics["cell", "gradcli"](line, cell)


# ---- %%gradcli -----------------------------------------------------------------------------


def test_a_cell_is_run_with_the_options_of_a_command() -> None:
    run = Shell().run(LINE)
    assert isinstance(run, Run)
    assert [run.grads["w"], run.grads["b"]] == [-28, -18]  # 2·(-4·1 - 5·2), 2·(-4 - 5)


def test_a_cell_takes_variables_and_leaves_its_run_under_a_name() -> None:
    shell = Shell(x=np.array([1.0, 2.0]), y=[5, 7], w=1.0, b=np.float64(0.0))
    shell.run("--use x,y --use w,b --wrt w --as run")
    assert shell.user_ns["run"].grads["w"] == -28
    assert shell.user_ns["run"].file == "<cell>"


def test_a_value_that_is_given_goes_before_a_variable() -> None:
    shell = Shell(x=np.array([1.0, 2.0]), y=[5, 7], w=9.0, b=0.0)
    assert shell.run("--use x,y,w,b -p w=1.0").grads["w"] == -28


@pytest.mark.parametrize(
    ("line", "cell", "says"),
    [
        ("", "a = 1\nb = q", "<cell>:2:5: error: the input `q` is not bound"),
        ("--use u", "y = u", "error: --use u: the notebook has no variable of that name"),
        ("--use s", "y = s", "error: --use s: is a text"),
        ("--use o", "y = o", "error: `o`: a tensor is made of numbers"),
        ("--as 1", "y = 1", "error: --as 1: no name of a variable"),
        ("-e x", "y = 1", "error: the text is the cell's"),
        ("--dtyp float32", "y = 1", "error: no such option: --dtyp"),
        ("-p 'w", "y = 1", "error: %%gradcli: no closing quotation"),
        ("-p x=1.0", "y = 1", "error: <cell> has no name `x`"),
    ],
)
def test_an_error_is_the_terminals_and_binds_nothing(line: str, cell: str, says: str) -> None:
    shell = Shell(s="zeros(3)", o=object())
    with pytest.raises(CellError) as error:
        shell.run(f"--as run {line}" if "--as" not in line else line, cell)
    assert str(error.value).startswith(says)
    assert error.value._render_traceback_() == str(error.value).split("\n")
    assert "run" not in shell.user_ns


def test_help_lists_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert Shell().run("--help") is None
    assert "--use X,Y" in capsys.readouterr().out


def test_nothing_of_a_notebook_is_imported_before_one_loads_it() -> None:
    script = "import sys, gradcli; print(sorted(m for m in sys.modules if 'notebook' in m.lower()))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n"


def test_it_is_an_extension_of_ipython() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # IPython's own
        shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    shell.run_line_magic("load_ext", "gradcli")
    run = shell.run_cell_magic("gradcli", LINE, CELL)
    assert run.grads["w"] == -28
    shown, _ = shell.display_formatter.format(run)
    assert {"text/html", "text/plain"} <= shown.keys()


# ---- %%gradcli_record ----------------------------------------------------------------------


def test_a_cell_of_python_is_recorded(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # IPython's own
        shell = pytest.importorskip("IPython.core.interactiveshell").InteractiveShell()
    shell.run_line_magic("load_ext", "gradcli")
    cell = "import torch\nw = torch.ones(2, requires_grad=True)\n(w * 3).sum().backward()"
    shell.run_cell_magic("gradcli_record", str(tmp_path / "run"), cell)
    run = gradcli.load(tmp_path / "run.expr")
    np.testing.assert_array_equal(run["w"].grad, [3, 3])
    assert shell.user_ns["w"].grad.tolist() == [3, 3]


def test_a_wrong_option_of_a_recorded_cell_is_told_without_a_traceback() -> None:
    with pytest.raises(CellError, match="--steps 3 is no range"):
        Shell().magics["cell", "gradcli_record"]("--steps 3", "")


# ---- what is shown -------------------------------------------------------------------------


def picture(run: Run) -> ElementTree.Element:
    """Return the picture of what a notebook shows."""
    html = run._repr_html_()
    found = re.findall('src="data:image/svg[+]xml;base64,([^"]+)"', html)
    assert len(found) == 1
    return ElementTree.fromstring(b64decode(found[0]))


def test_a_run_is_a_picture_with_its_table_below() -> None:
    run = gradcli.loads("w = param(3.0)\nloss = w**2")
    html = run._repr_html_()
    assert html.index("<img") < html.index("<details><summary>") < html.index("<table")
    texts = [
        "".join(text.itertext()) for text in picture(run).iter("{http://www.w3.org/2000/svg}text")
    ]
    assert {"● w", "★ loss", "9", "6"} <= set(texts)
    assert repr(run).startswith("<Run of <text>: loss = 9")


def test_the_picture_is_dark_where_the_page_is_and_disturbs_nothing_of_it() -> None:
    run = gradcli.loads("w = param(3.0)\nloss = w**2")
    style = picture(run).find(f"{SVG}style")
    assert style is not None
    assert "@media (prefers-color-scheme:dark){" in (style.text or "")
    html = run._repr_html_()
    assert not re.search("<style|<svg|<script| id=| class=", html)


def test_a_hostile_file_is_only_text_in_the_picture() -> None:
    run = gradcli.loads(
        "w = param(1.0)\nx = w['\"><script>'] if False else w\nloss = w * 2  # </svg>",
        name='"><script>alert(1)</script>',
    )
    assert "<script" not in run._repr_html_()
    drawn = {*["svg", "title", "style", "rect", "defs", "marker", "path", "g", "text", "tspan"]}
    assert {element.tag.removeprefix(SVG) for element in picture(run).iter()} <= drawn


LARGE = "w = param(1.0)\nfor i in range(4000):\n    w = w * 1"


@pytest.mark.parametrize("text", ["x = 3", "", LARGE])
def test_a_run_of_nothing_to_draw_or_too_much_has_its_table_alone(text: str) -> None:
    assert "<img" not in gradcli.loads(text)._repr_html_()
