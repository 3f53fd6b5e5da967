"""`eval --heat`: every element a block, as strong as it is large; large tensors as histograms."""

from __future__ import annotations

import numpy as np
import pytest
from rich.text import Text

from gradcli.render.heat import HeatColumn
from gradcli.render.numbers import Flow
from tests.cli.runner import run


def text(array: list[object], *, colours: bool = False, ascii_only: bool = False) -> Text:
    flow = Flow(np.array(array, dtype=float))
    return HeatColumn([flow], colours=colours, ascii_only=ascii_only).texts[0]


SHADES = [  # elements, their signs and shades
    ([1.0, -1.0, 0.0, 0.5], "+█-█  +▒"),
    ([4.0, 1.0, 2.0, -3.0], "+█+░+▒-▓"),
    ([np.nan, 2.0, -np.inf], "??+█!!"),
    ([0.0, 0.0], "    "),
]


@pytest.mark.parametrize(("array", "line"), SHADES)
def test_without_colours_a_sign_and_a_shade_say_it(array: list[object], line: str) -> None:
    assert text(array).plain.splitlines()[0] == line


def test_the_last_line_is_the_scale() -> None:
    assert text([2.5, -1.0]).plain.splitlines()[-1] == "-2.5 -█-▒  +▒+█ 2.5"


def test_what_is_all_0_has_no_scale() -> None:
    assert text([0.0, -0.0]).plain.splitlines()[-1] == "all 0"
    assert text([0.0, np.nan]).plain.splitlines() == ["  ??", "all finite ones 0"]
    assert text([np.inf, np.nan]).plain.splitlines() == ["!!??", "none finite"]


def test_slices_of_more_dimensions_are_apart() -> None:
    lines = text([[[1.0], [1.0]], [[1.0], [1.0]]]).plain.splitlines()
    assert lines[:5] == ["+█", "+█", "", "+█", "+█"]


def test_the_scale_is_whole_in_80_columns_and_the_signs_are_explained() -> None:
    program = "w = tensor([[1e-12], [2.5e8], [-3.0]], requires_grad=True); y = w*1.9e13; s = sum(y)"
    shown = run("eval", "-e", program, "--heat").output
    assert "+█ 2.5e+08" in shown
    assert "+█ 4.75e+21" in shown
    assert "??" not in shown
    odd = run("eval", "-e", "x = tensor([nan, inf, 1.0])", "--heat").output
    assert "?? is nan, !! is inf or -inf" in odd


def test_in_ascii_nothing_else_is_used() -> None:
    assert text([1.0, -1.0, 0.3], ascii_only=True).plain.isascii()


def test_colours_are_orange_above_and_blue_below() -> None:
    found = text([1.0, -1.0], colours=True)
    styles = [str(span.style) for span in found.spans[:2]]
    assert styles == ["on rgb(213,94,0)", "on rgb(0,114,178)"]


def test_a_large_tensor_is_a_histogram() -> None:
    counts = [float(k) for k in range(16) for _ in range(1 if k % 2 else 8)] * 4
    words, bars = text(list(counts)).plain.splitlines()
    assert words == "0 to 15, mean 7.11"
    assert bars == "█▁" * 8


def test_the_command_shows_blocks_and_other_formats_refuse() -> None:
    shown = run("eval", "-e", "w = param([1.0, -2.0]); y = sum(w**2)", "--heat").output
    assert "+▒-█" in shown
    assert run("eval", "-e", "y = 1", "--heat", "--json").status == 2
