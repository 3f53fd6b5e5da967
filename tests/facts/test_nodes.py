"""Facts come when they are asked for: what a run pays for what nobody reads."""

from __future__ import annotations

import io
import pickle
from collections import Counter
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from gradcli import loads
from gradcli.facts import nodes
from gradcli.facts.labels import Labels
from gradcli.graph import Graph
from gradcli.inspection import NodeFacts
from gradcli.render import EVAL

TURNS = 500
LOOP = f"w = param(0.5)\ny = w\nfor i in range({TURNS}):\n    y = sin(y * w) + 1\nloss = y\n"
COUNT = 3 * TURNS + 1
TUTORIAL = "x = tensor([1., 2.])\nw = param(3.)\ny = w * x\nloss = y.sum()\n"


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Count what is made: nodes, labels, and questions to the tape that only facts ask."""
    count: Counter[str] = Counter()

    def counted(owner: Any, name: str, what: str) -> None:
        real = getattr(owner, name)

        def function(*arguments: Any) -> Any:
            count[what] += 1
            return real(*arguments)

        monkeypatch.setattr(owner, name, function)

    counted(nodes._Node, "__init__", "nodes")
    counted(Labels, "__getitem__", "labels")
    counted(Graph, "edges", "edges")
    counted(Graph, "grad_fn", "functions")
    counted(Graph, "operand_names", "operands")
    return count


def test_a_run_makes_no_facts(made: Counter[str]) -> None:
    inspection = loads(LOOP)
    assert len(inspection.nodes) == COUNT
    assert made == Counter()


def test_a_node_that_is_read_is_the_only_one_made(made: Counter[str]) -> None:
    inspection = loads(LOOP)
    node = inspection.nodes[-1]
    assert node.value is not None
    assert (node.name, made) == ("y", Counter(nodes=1))
    assert node.label == f"y:4#{TURNS}, loss"
    assert made == Counter(nodes=1, labels=1)


def test_a_node_is_found_by_its_id_without_the_others(made: Counter[str]) -> None:
    inspection = loads(LOOP)
    assert inspection.node(COUNT // 2).id == COUNT // 2
    assert made["nodes"] == 2
    claimed = loads(f"w = param(2.)\nassert w * w == 4\n{LOOP}")
    made.clear()
    assert claimed.node(COUNT).id == COUNT  # rows of the claim, which are not shown, come before
    assert claimed.nodes[COUNT].id > COUNT
    assert made["nodes"] <= COUNT.bit_length() + 5
    for id in (1, -1, 10 * COUNT):
        with pytest.raises(KeyError):
            claimed.node(id)


def test_a_node_is_found_by_its_name_without_labels(made: Counter[str]) -> None:
    found = next(node for node in reversed(loads(LOOP).nodes) if node.name == "w")
    assert (found.id, made) == (0, Counter(nodes=COUNT))


def test_a_table_makes_the_labels_that_it_shows(made: Counter[str]) -> None:
    console = Console(file=io.StringIO(), width=200)
    console.print(EVAL["table"](loads(LOOP).inspection, all_turns=True))
    shown, operands = 200, 2
    assert 200 <= made["labels"] <= (1 + operands) * shown + 10
    assert made["edges"] == 0  # w has its gradient: nobody asks what backward visited


def test_the_backward_order_is_found_when_it_is_asked_for(made: Counter[str]) -> None:
    functions = loads(LOOP).inspection.functions
    assert made["edges"] == 0
    assert functions[0].name == "AddBackward0"
    assert (len(functions), functions[-1].name) == (COUNT, "AccumulateGrad")


def test_facts_of_a_node_are_the_same_whenever_they_are_read() -> None:
    first, second = loads(TUTORIAL).nodes, loads(TUTORIAL).nodes
    assert first == second
    assert first[2] == second[2] != second[1]
    assert repr(first[2]) == "<NodeFacts 2 y [2] float64>"
    assert first[1:3] == tuple(second)[1:3]
    assert first != [*second, *second]


def test_facts_can_be_copied_away_from_the_run() -> None:
    inspection = loads(TUTORIAL).inspection
    for copy in (
        pickle.loads(pickle.dumps(inspection)).nodes,
        [NodeFacts(**asdict(n)) for n in inspection.nodes],
    ):
        assert [type(node) for node in copy] == [NodeFacts] * 4
        assert copy == inspection.nodes
        np.testing.assert_array_equal(copy[1].grad, 3.0)
