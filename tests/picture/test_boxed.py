"""The graph in characters: boxes whole, lines that meet, in ASCII too."""

from __future__ import annotations

import re

import pytest
from rich.cells import cell_len

from gradcli.picture.boxed import _cut
from tests.cli.runner import run

CHAIN = "w = param(2.0); a = w*3; loss = a**2"
FILES = ("linear_regression", "attention", "mlp", "black_scholes", "gaussian_mixture")


def test_a_chain_is_boxes_below_each_other() -> None:
    lines = run("graph", "-e", CHAIN, "--ascii", "--no-values").output.splitlines()
    assert [line.strip() for line in lines[1:]] == [
        "┏━━━━━┓", "┃ ● w ┃", "┗━━━━━┛", "│", "╭───────╮", "│ ○ a   │", "│ = w*3 │", "╰───────╯",
        "│", "╔════════╗", "║ ★ loss ║", "║ = a**2 ║", "╚════════╝",
    ]  # fmt: skip


def test_in_ascii_nothing_else_is_used() -> None:
    shown = run("graph", "-e", "权 = param(2.0); loss = 权**2", "--ascii", encoding="ascii").output
    assert shown.isascii()
    assert "P \\u6743" in shown


@pytest.mark.parametrize("name", FILES)
def test_every_box_is_whole(name: str) -> None:
    lines = run("graph", f"samples/{name}.expr", "--ascii", columns=300).output.splitlines()
    grid = [[*_cells(line)] for line in lines]
    corners = {"┏": ("┓", "┗", "┃"), "┌": ("┐", "└", "┊"), "╔": ("╗", "╚", "║")}
    for y, row in enumerate(grid):
        for x, letter in enumerate(row):
            if letter in corners:
                right, below, side = corners[letter]
                end = row.index(right, x)
                bottom = next(k for k in range(y, len(grid)) if grid[k][x] == below)
                assert all(grid[k][x] == side == grid[k][end] for k in range(y + 1, bottom))


def _cells(line: str) -> list[str]:
    """Return a line by columns: what is two wide is followed by nothing."""
    found: list[str] = []
    for letter in line:
        found += [letter] + [""] * (cell_len(letter) - 1)
    return found


def test_many_nodes_are_folded() -> None:
    text = "w = param(1.0)\nh = w\n" + "\n".join(f"h{i} = tanh(w*{i})" for i in range(60))
    text += "\nloss = " + " + ".join(f"h{i}" for i in range(60))
    shown = run("graph", "-e", text, "--ascii", columns=2000).output
    assert "more" in shown


def test_no_number_is_cut_in_a_box() -> None:
    program = "x = param([1.23456, -2.34567e-05, 0.98765, 3.25, 7.125]); y = sum(x*1.5)"
    whole = run("graph", "-e", program, "--format", "json").output
    shown = run("graph", "-e", program, "--ascii").output
    cut = [part for part in re.findall(r"[\w.+-]*…", shown) if part[:1].isdigit()]
    assert "…" in shown
    assert cut == []
    for part in re.findall(r"(?<![\w.])-?\d+\.\d+(?:e-\d+)?", shown):
        assert part in whole


@pytest.mark.parametrize(
    ("line", "cut"),
    [
        ("[ 1.234  2.345  3.456  4.567 ]", "[ 1.234  2.345  3.456  …"),
        ("[ 1.2345  2.3456  1+3.4567j ]", "[ 1.2345  2.3456  …"),
        ("[ 1.2345  2.3456  -3.4567e-10 ]", "[ 1.2345  2.3456  …"),
        ("= sum(hidden_of_layer_1234 * x)", "= sum(hidden_of_layer_123…"),
        ("x" * 26, "x" * 26),
    ],
)
def test_a_line_ends_before_a_number_that_it_has_no_room_for(line: str, cut: str) -> None:
    assert _cut(line, "…") == cut
