"""Numbers, lists and texts are shown where a file has no tensor, and in JSON always."""

import json
from typing import Any

import pytest
from rich.cells import cell_len

from gradcli import loads
from gradcli.render import EVAL
from tests.render.printing import printed

FILE = """\
w = 3
lr = 1e-3
w * lr
losses = [0.5, nan, 2j]
losses.append([w, "a|b"])
history_of_everything = list(range(100))
state = {"step": 1}
print(w)
None
def f(x): return x
"""


@pytest.mark.parametrize("width", [40, 80])
def test_the_text_is_reviewed(width: int, golden: Any) -> None:
    text = printed(EVAL["table"](loads(FILE, name="numbers.expr").inspection), width)
    lines = text[text.index("name ") :].splitlines()
    assert max(map(cell_len, lines)) <= width
    golden(f"values-{width}.txt", text)


def test_a_long_list_goes_on_below_where_everything_is_asked_for() -> None:
    text = printed(EVAL["table"](loads(FILE).inspection, full=True), 90)
    assert "…" not in text
    assert " 98, 99]" in " ".join(text.split())


def test_the_markdown_is_reviewed(golden: Any) -> None:
    golden("values.md", EVAL["markdown"](loads(FILE, name="numbers.expr").inspection))


def test_json_has_them_as_data() -> None:
    values = json.loads(str(EVAL["json"](loads(FILE).inspection)))["values"]
    assert [(v["name"], v["type"], v["value"]) for v in values[:4]] == [
        ("w", "int", 3),
        ("lr", "float", 0.001),
        (None, "float", 0.003),
        ("losses", "list", [0.5, "nan", {"re": 0.0, "im": 2.0}, [3, "a|b"]]),
    ]
    assert values[5] == {
        "name": "state", "label": "state", "line": 7, "type": "dict", "text": "{'step': 1}",
        "value": None,
    }  # fmt: skip


def test_beside_tensors_they_are_in_json_alone() -> None:
    found = loads("lr = 0.1\nw = param(1.)\ny = w * lr").inspection
    assert "lr" not in printed(EVAL["table"](found)).replace("w * lr", "")
    assert [v["name"] for v in json.loads(str(EVAL["json"](found)))["values"]] == ["lr"]
