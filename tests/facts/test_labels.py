"""What nodes are called, asked for one by one and in any order."""

from __future__ import annotations

from unittest.mock import patch

import pytest

from gradcli import loads
from gradcli.facts.labels import LABEL_WIDTH, Labels

# a file, and what its nodes are called
CASES = {
    "a name": ("x = param(1.)\n", ["x"]),
    "a name that is bound again": ("x = param(1.)\nx = x*2\n", ["x:1", "x:2"]),
    "a line that runs again": (
        "x = param(1.)\nfor i in range(2):\n    y = x*i\n",
        ["x", "y:3#1", "y:3#2"],
    ),
    "two names": ("x = param(1.)\na = b = x*2\n", ["x", "a, b"]),
    "a name that is another's second one": (
        "x = param(1.)\na = b = x*2\nb = x*3\n",
        ["x", "a", "b"],
    ),
    "text": ("x = param(1.)\nsin(x * 2)\n", ["x", "x * 2", "sin(x * 2)"]),
    "the steps of an expression": (
        "x = param(2.)\n1 / x * 1\n",
        ["x", "reciprocal(x)", "1 / x", "1 / x * 1"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_node_is_called_by_its_name_its_text_or_its_operation(case: str) -> None:
    text, labels = CASES[case]
    assert [node.label for node in loads(text).nodes] == labels
    count = len(labels)
    assert [loads(text).nodes[k].label for k in reversed(range(count))] == labels[::-1]


def chain(length: int) -> str:
    """Return a file with an expression of many nodes, each of which uses the one before."""
    return f"x = param(0.5)\ny = x\nfor i in range({length}):\n    y = sin(y)\ng = grad(y, x)\n"


def test_a_label_within_another_is_cut_where_it_was_when_all_were_made() -> None:
    """The whole text, written out from the operands, is cut at each level: that is the label."""
    nodes = loads(chain(30)).nodes
    whole: dict[int, str] = {}
    for node in nodes:
        label = node.label
        if node.derived and node.name is None and node.op != "leaf":
            operands = [whole[i] for i in node.inputs]
            within = [x if len(x) <= LABEL_WIDTH else f"{x[: LABEL_WIDTH - 1]}…" for x in operands]
            assert label == f"{node.op}({', '.join(within)})"
        whole[node.id] = label
    assert any("…" in label for label in whole.values())


def test_a_label_reads_no_more_operands_than_it_shows() -> None:
    nodes = loads(chain(300)).nodes
    steps = [node for node in nodes if node.derived and node.name is None]
    longest = max(steps, key=lambda node: len(node.label))
    with patch.object(Labels, "_start", autospec=True, side_effect=Labels._start) as start:
        label = longest.label
    assert "…" in label
    assert start.call_count <= len(label)
