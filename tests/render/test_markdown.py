import re
from typing import Any

import pytest

from gradcli.inspection import Inspection
from gradcli.render import EVAL
from gradcli.render.markdown import code, escape
from tests.render.inspections import Maker


@pytest.mark.parametrize("name", ["tutorial", "odd"])
def test_the_text_is_reviewed(name: str, request: pytest.FixtureRequest, golden: Any) -> None:
    golden(f"{name}.md", EVAL["markdown"](request.getfixturevalue(name)))


def test_every_row_has_as_many_cells_as_the_header(odd: Inspection) -> None:
    rows = [line for line in EVAL["markdown"](odd).split("\n") if line.startswith("| ")]
    assert len(rows) == len(odd.nodes) + 2
    assert len({len(re.split(r"(?<!\\)\|", row)) for row in rows}) == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("w*x", "`w*x`"),
        ("a|b", r"`a\|b`"),
        ("a `b` c", "``a `b` c``"),
        ("`b`", "`` `b` ``"),
        ("a\n  + b", "`a + b`"),
    ],
)
def test_code_survives(text: str, expected: str) -> None:
    assert code(text) == expected


def test_no_text_turns_into_markup() -> None:
    assert escape("[a](b) *c* <d>\n|e|") == r"\[a\](b) \*c\* \<d\> \|e\|"


@pytest.mark.parametrize(("count", "shown"), [(200, 200), (201, 200), (5000, 200)])
def test_a_long_table_leaves_out_what_nobody_reads_unless_it_is_asked_for(
    count: int, shown: int
) -> None:
    made = Maker()
    for k in range(count):
        made.add(f"x{k}", float(k))
    inspection = made.inspection()
    rows = [line for line in EVAL["markdown"](inspection).split("\n") if line.startswith("| □")]
    names = [row.split("`")[1] for row in rows]
    assert (len(names), names[0], names[-1]) == (shown, "x0", f"x{count - 1}")
    left_out = f"{count - shown:,} rows left out (--full shows them, --json has them)"
    assert (left_out in EVAL["markdown"](inspection)) == (count > shown)
    whole = EVAL["markdown"](inspection, full=True)
    assert whole.count("\n| □") == count
