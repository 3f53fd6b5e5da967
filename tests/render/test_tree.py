from typing import Any

import pytest
from rich.cells import cell_len

from gradcli.inspection import Inspection
from gradcli.render import GRAPH
from tests.render.inspections import Maker
from tests.render.printing import printed

tree = GRAPH["tree"]


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize("name", ["tutorial", "mlp"])
def test_the_text_is_reviewed(
    name: str, width: int, request: pytest.FixtureRequest, golden: Any
) -> None:
    text = printed(tree(request.getfixturevalue(name)), width)
    assert max(map(cell_len, text.splitlines())) <= width
    golden(f"{name}-tree-{width}.txt", text)


def test_a_repeated_node_is_expanded_once() -> None:
    m = Maker()
    x = m.add("x", 3.0, param=True, grad=1.0)
    y = m.add("y", 9.0, op="mul", inputs=(x, x), grad_fn="MulBackward0", source="x*x")
    m.add("z", 81.0, op="mul", inputs=(y, y), grad_fn="MulBackward0", source="y*y", root=True)
    lines = [line.split("  ")[0].rstrip() for line in printed(tree(m.inspection())).splitlines()]
    assert "├─○ y = x*x" in lines
    assert "└─○ y ↑" in lines
    assert sum("x" in line for line in lines[3:]) == 3


def test_the_tree_is_ascii_where_the_console_is(odd: Inspection) -> None:
    assert printed(tree(odd), encoding="ascii").isascii()


def test_a_graph_without_a_root_shows_what_is_used_by_nothing() -> None:
    m = Maker()
    x = m.add("x", 3.0)
    m.add("y", 9.0, op="mul", inputs=(x, x), source="x*x")
    text = printed(tree(m.inspection()))
    assert "□ y = x*x" in text
    assert "no nodes" in printed(tree(Maker().inspection()))


def test_a_chain_of_100_000_nodes_is_cut_with_a_note() -> None:
    m = Maker()
    node = m.add("x", 1.0, param=True)
    for i in range(100_000):
        node = m.add("t", 1.0, op="neg", inputs=(node,), grad_fn="NegBackward0", root=i == 99_999)
    inspection = m.inspection()
    text = printed(tree(inspection))
    assert "99,984 nodes left out (--full shows them)" in text
