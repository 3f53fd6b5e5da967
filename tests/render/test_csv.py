import csv
import io
import json
from typing import Any

from gradcli.inspection import Inspection
from gradcli.render import EVAL


def records(inspection: Inspection, **options: Any) -> list[dict[str, str]]:
    text = EVAL["csv"](inspection, **options)
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_the_text_is_reviewed(tutorial: Inspection, golden: Any) -> None:
    golden("tutorial.csv", EVAL["csv"](tutorial))


def test_every_node_is_one_record(odd: Inspection) -> None:
    rows = records(odd)
    assert [int(row["id"]) for row in rows] == [node.id for node in odd.nodes]
    assert [row["source"] for row in rows] == [node.source for node in odd.nodes]


def test_lists_are_json_and_nothing_is_empty(odd: Inspection) -> None:
    rows = {row["label"]: row for row in records(odd)}
    assert json.loads(rows["图像输入"]["shape"]) == [10, 100]
    assert len(json.loads(rows["图像输入"]["value"])) == 10
    assert json.loads(rows["损失"]["value"]) == [1.5, "nan", "inf"]
    assert rows["mask"]["grad"] == ""
    assert rows["total"]["value"] == ""


def test_lines_end_as_rfc_4180_says(tutorial: Inspection) -> None:
    text = EVAL["csv"](tutorial)
    assert text.count("\r\n") == text.count("\n") == len(tutorial.nodes) + 1
