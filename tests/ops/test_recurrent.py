"""A layer of LSTM cells that is one node, as PyTorch has it in float32: here in float64.

The store holds what PyTorch gives for it in float32; differences need more digits.
"""

from __future__ import annotations

import numpy as np
import pytest

from gradcli.execute import new_graph
from gradcli.ops.nn.recurrent import lstm, lstm_layer
from gradcli.rule.dtypes import Array
from tests.ops.checks import Built, first_order, second_order

STEPS, BATCH, INPUTS, HIDDEN = 3, 2, 2, 2
SHAPES = {
    "input": (STEPS, BATCH, INPUTS), "w_ih": (4 * HIDDEN, INPUTS), "w_hh": (4 * HIDDEN, HIDDEN),
    "b_ih": (4 * HIDDEN,), "b_hh": (4 * HIDDEN,), "hx": (BATCH, HIDDEN), "cx": (BATCH, HIDDEN),
}  # fmt: skip


def operands() -> list[Array]:
    rng = np.random.default_rng(7)
    return [rng.uniform(-1, 1, shape) for shape in SHAPES.values()]


def layer(values: list[Array], reverse: bool) -> Built:
    """Run the layer on parameters."""
    graph = new_graph()
    leaves = [graph.leaf(x, True) for x in values]
    return Built(graph, list(lstm_layer(*leaves, reverse=reverse)), leaves)


@pytest.mark.parametrize("reverse", [False, True])
def test_the_gradients_of_a_layer_are_those_of_differences_twice(reverse: bool) -> None:
    assert first_order(lambda xs: layer(xs, reverse), operands()) == []
    assert second_order(lambda xs: layer(xs, reverse), operands()) == []


def test_a_layer_gives_what_its_cells_give_one_by_one() -> None:
    x, *parameters, h, c = operands()
    found = lstm(x, (h[None], c[None]), parameters, True, 1, 0.0, False, False, False)
    for one, other in zip(layer(operands(), False).outputs, found, strict=True):
        np.testing.assert_allclose(one.value, other.reshape(one.shape), 1e-13)
