from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len

from gradcli.inspection import Inspection
from gradcli.render import EVAL
from tests.render.inspections import Maker, make_tutorial
from tests.render.printing import printed

table = EVAL["table"]
WIDTHS = (60, 80, 120, 200)


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("name", ["tutorial", "mlp", "odd"])
def test_the_text_is_reviewed(
    name: str, width: int, request: pytest.FixtureRequest, golden: Any
) -> None:
    text = printed(table(request.getfixturevalue(name)), width)
    assert max(map(cell_len, text.splitlines())) <= width
    golden(f"{name}-{width}.txt", text)


@pytest.mark.parametrize("width", range(60, 130))
def test_no_number_is_cut_at_any_width(mlp: Inspection, width: int) -> None:
    for inspection in (make_tutorial(retained=True), mlp):
        lines = printed(table(inspection), width).splitlines()
        start = next(i for i, line in enumerate(lines) if line.startswith("──")) - 1
        end = lines.index("", start)
        place = lines[start].index("value")
        for line in lines[start:end]:
            assert cell_len(line) <= width
            assert "…" not in line[place:]


def test_every_mark_is_ascii_where_the_console_is(odd: Inspection, golden: Any) -> None:
    text = printed(table(odd), encoding="ascii")
    assert text.isascii()
    golden("odd-ascii.txt", text)


def test_no_escape_codes_without_colours(odd: Inspection) -> None:
    assert "\x1b" not in printed(table(odd))


def test_what_is_not_finite_is_highlighted(odd: Inspection) -> None:
    coloured = printed(table(odd), color=True)
    assert "\x1b[1;31mnan" in coloured
    assert "\x1b[1;31m-inf" in coloured


def test_a_file_cannot_steer_the_terminal() -> None:
    m = Maker()
    m.add("'\x1b[2J'\n+ x", 1.0, named=False)
    text = printed(table(m.inspection(printed=("\x1b]0;title\x07",))), 120)
    assert "\x1b" not in text
    assert r"'\x1b[2J' + x" in text


def test_what_was_printed_keeps_its_spaces_and_its_width() -> None:
    line = f"{'a':>30}{'b':>70}"
    text = printed(table(Maker().inspection(printed=(line, "x\ty"))), 80)
    assert text.splitlines()[:2] == [line, "x       y"]


def test_at_80_columns_the_tutorial_shows_what_autograd_knows(tutorial: Inspection) -> None:
    rows = [line.split() for line in printed(table(tutorial), 80).splitlines()]
    assert ["●", "w", "4", "1", "-28", "True", "True", "None"] in rows
    assert ["●", "b", "5", "0", "-18", "True", "True", "None"] in rows
    wx = ["○", "wx", "7", "(2,)", "[1,", "2]", "(-8,", "-10)", "True", "False", "MulBackward0"]
    assert wx in rows


def test_the_table_says_how_to_keep_a_gradient(tutorial: Inspection) -> None:
    assert "--retain-grad" in printed(table(tutorial))
    kept = printed(table(make_tutorial(retained=True)))
    assert "--retain-grad" not in kept
    assert "[-8, -10]" in kept


def test_the_table_says_why_nothing_has_a_gradient() -> None:
    assert "Backward did not run" in printed(table(make_tutorial(backward=False)))
    m = Maker()
    m.add("x", 1.0)
    assert "Nothing requires grad" in printed(table(m.inspection()))


def test_a_parameter_that_backward_did_not_reach_is_named() -> None:
    m = Maker()
    a = m.add("a", 1.0, param=True, grad=1.0)
    m.add("unused", 1.0, param=True)
    m.add("y", 1.0, op="neg", inputs=(a,), grad_fn="NegBackward0", root=True)
    assert "did not reach unused" in printed(table(m.inspection()))


def test_claims_show_both_sides_in_enough_digits(odd: Inspection) -> None:
    text = printed(table(odd))
    assert "✗  line 4    0.1 + 0.2 == 0.3" in text
    assert "0.1 + 0.2 = 0.30000000000000004" in text
    assert "largest difference 1 (relative 0.002) at [500]: 500 and 501" in text
    assert (
        text.splitlines()[3]
        == "total · 4 gradients, not finite: 1,001 nan, 1 -inf · 3 of 4 claims are false"
    )


def test_named_shows_named_nodes_and_the_root(mlp: Inspection) -> None:
    text = printed(table(mlp, named=True), 120)
    assert "penalty" in text
    assert "W1**2 " not in [line[2:8] for line in text.splitlines()]


def test_full_shows_every_element(mlp: Inspection) -> None:
    text = printed(table(mlp, full=True), 200)
    assert "..." not in text
    assert "mean" not in text


def test_precision_sets_the_digits(mlp: Inspection) -> None:
    assert "1.0986123 " in printed(table(mlp, precision=8), 120)


def test_many_rows_are_left_out_unless_full() -> None:
    m = Maker()
    node = m.add("x", 1.0, param=True, grad=1.0)
    for i in range(999):
        node = m.add(f"t{i}", 1.0, op="neg", inputs=(node,), grad_fn="NegBackward0", root=i == 998)
    text = printed(table(m.inspection()))
    assert "800 rows left out (--full shows them, --json has them)" in text
    assert "t998" in text
    assert len(text.splitlines()) < 215
    assert len(printed(table(m.inspection(), full=True)).splitlines()) > 1000


def test_nothing_at_all_is_a_table_too() -> None:
    assert "no nodes" in printed(table(Maker().inspection()))


def test_a_million_elements_are_summarised() -> None:
    m = Maker()
    values = np.random.default_rng(0).normal(size=(1000, 1000))
    m.add("x", values, param=True, grad=np.full((1000, 1000), 2.0))
    text = printed(table(m.inspection()))
    spread = f"{values.min():.2f} to {values.max():.2f}, mean {values.mean():.3g}"
    assert f"(1000, 1000)  {spread}  all 2" in text
    assert len(text) < 1000
