"""Calls at the edges of what operations take: PyTorch's numbers, and those of the gradient too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from gradcli import autodiff
from gradcli.graph import Node
from gradcli.rule.dtypes import Array
from tests.ops.checks import Built, first_order, second_order
from tests.reference.facts import (
    FOLDER,
    Ran,
    differences,
    evaluate,
    first_difference,
    inputs_of,
    numbers,
)

DATA = json.loads((FOLDER / "operations.json").read_text())
ROWS: dict[str, dict[str, Any]] = {row["expr"]: row for row in DATA["rows"]}
TWICE: dict[str, dict[str, Any]] = {row["expr"]: row for row in DATA["twice"]}
INPUTS = inputs_of(DATA)
DIFFERENTIABLE = [text for text, row in ROWS.items() if "grads" in row]


@pytest.mark.parametrize("text", ROWS)
def test_value_grad_fn_chain_and_gradients_are_pytorchs(text: str) -> None:
    assert first_difference(ROWS[text], INPUTS) is None


@pytest.mark.parametrize("text", DIFFERENTIABLE)
def test_the_gradient_is_named_and_differentiated_as_pytorchs(text: str) -> None:
    row, ran = ROWS[text], evaluate(text, INPUTS)
    found = gradient_nodes(row, ran)
    names = {name: None if g is None else ran.graph.grad_fn(g.id) for name, g in found.items()}
    assert names == row["again"]
    if row["second"] is not None:
        assert second_differences(row, ran, found) == []


def gradient_nodes(row: Mapping[str, Any], ran: Ran) -> dict[str, Node | None]:
    """Return the gradients of sum(result · G) as nodes, by name."""
    ids = [ran.scope[name].id for name in row["grads"]]
    with ran.graph.settings("gradient", True):
        start = ran.graph.leaf(cotangent(ran.node))
        found = autodiff.gradients(ran.graph, {ran.node.id: start}, ids)
    return dict(zip(row["grads"], found, strict=True))


def cotangent(node: Node) -> Array:
    """Return 1 + arange(numel)/numel in the shape of a tensor."""
    size = int(np.prod(node.shape))
    weights = (1 + np.arange(size) / max(size, 1)).reshape(node.shape)
    return np.asarray(weights.astype(node.dtype))


def second_differences(
    row: Mapping[str, Any], ran: Ran, found: Mapping[str, Node | None]
) -> list[str]:
    """Say where the gradients of sum(gradients · G) are not PyTorch's."""
    roots: dict[int, Array] = {}
    for g in found.values():
        if g is not None and g.requires_grad:
            roots[g.id] = roots.get(g.id, 0) + cotangent(g)
    ids = [ran.scope[name].id for name in found]
    again = autodiff.gradient_values(ran.graph, roots, ids) if roots else [None] * len(ids)
    problems = []
    for name, part in zip(found, again, strict=True):
        have = np.zeros(()) if part is None else part
        wanted = np.broadcast_to(numbers(row["second"].get(name, 0.0)), have.shape)
        problem = differences(have, wanted, name, 1e-7, 1e-9)
        problems += [] if problem is None else [problem]
    return problems


@pytest.mark.parametrize("text", TWICE)
def test_what_is_written_over_has_no_gradient_where_pytorchs_has_one(text: str) -> None:
    names = list(TWICE[text]["grads"])

    def build(values: list[Array]) -> Built:
        ran = evaluate(text, {n: (x, True) for n, x in zip(names, values, strict=True)})
        return Built(ran.graph, [ran.node], [ran.scope[n] for n in names])

    values = [INPUTS[name][0] for name in names]
    assert first_order(build, values) == second_order(build, values) == []
    assert first_difference(TWICE[text], INPUTS) is not None, "PyTorch's is right by now"


def test_every_row_of_the_data_is_run() -> None:
    assert len(DATA["rows"]) == len(ROWS)
    assert len(ROWS) >= 58
    assert len(TWICE) == len(DATA["twice"]) == 7
