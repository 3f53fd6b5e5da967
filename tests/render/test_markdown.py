import re
from typing import Any

import pytest

from gradcli.inspection import Inspection
from gradcli.render import EVAL
from gradcli.render.markdown import code, escape


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
