"""The reference expressions: everything that PyTorch 2.13 says of each of them.

`uncovered.txt` lists those that do not pass yet and says why. `--update-golden` takes off what
passes; nothing puts a row on it.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from gradcli.errors import AutogradFault, GradcliError
from tests.reference.facts import (
    FOLDER,
    Ran,
    Uncovered,
    chain,
    differences,
    evaluate,
    gradients,
    numbers,
)

DATA = json.loads((FOLDER / "expressions.json").read_text())
ROWS: dict[str, dict[str, Any]] = {row["expr"]: row for row in DATA["rows"]}
INPUTS = {
    name: (
        np.asarray(numbers(x["value"])).astype(x["dtype"]).reshape(x["shape"]),
        x["requires_grad"],
    )
    for name, x in DATA["inputs"].items()
}
AT_LEAST = 360  # raise it as the list shrinks
UNCOVERED = Uncovered("uncovered.txt", "reference expressions", ROWS)


def problem(row: dict[str, Any]) -> str | None:
    """Say what differs from PyTorch first, None where nothing does."""
    try:
        ran = evaluate(row["expr"], INPUTS)
        return _facts(row, ran) or _values(row, ran) or _gradients(row, ran)
    except GradcliError as error:
        return error.message


def _facts(row: dict[str, Any], ran: Ran) -> str | None:
    graph, node = ran.graph, ran.node
    found = {
        "dtype": node.dtype.name,
        "shape": list(node.shape),
        "requires_grad": node.requires_grad,
        "is_leaf": graph.is_leaf(node.id),
        "grad_fn": graph.grad_fn(node.id),
    }
    if row["chain"] is not None:
        found["chain"] = chain(graph, graph.producer(node.id))
    for what, value in found.items():
        if value != row[what]:
            return f"{what} is {value}, PyTorch's is {row[what]}"
    return None


def _values(row: dict[str, Any], ran: Ran) -> str | None:
    if not row["deterministic"]:
        return None
    expected = np.asarray(numbers(row["value"])).reshape(row["shape"])
    return differences(ran.node.value, expected, "value", 1e-9, 1e-12)


def _gradients(row: dict[str, Any], ran: Ran) -> str | None:
    size, shape, dtype = max(ran.node.value.size, 1), ran.node.shape, ran.node.dtype
    cotangent = (1 + np.arange(ran.node.value.size) / size).reshape(shape).astype(dtype)
    refusal = row.get("backward_error", "")
    if "is not implemented" in refusal:
        try:
            gradients(ran, cotangent, [name for name in INPUTS if name in ran.scope])
        except AutogradFault as error:
            same = error.message.rstrip(".") == refusal.rstrip(".")
            return None if same else f"backward says {error.message}, PyTorch says {refusal}"
        return f"backward gives a gradient, PyTorch says {refusal}"
    if not row["deterministic"] or "grads" not in row:
        return None
    for name, g in gradients(ran, cotangent, row["grads"]).items():
        wanted = row["grads"][name]
        if g is None or wanted is None:
            if wanted is not None and np.any(numbers(wanted)):
                return f"there is no gradient of {name}"
            continue
        found = differences(g, numbers(wanted), f"gradient of {name}", 1e-8, 1e-10)
        if found:
            return found
    return None


@pytest.mark.parametrize("text", ROWS)
def test_value_dtype_flags_grad_fn_chain_and_gradients_are_pytorchs(
    text: str, request: pytest.FixtureRequest
) -> None:
    found = problem(ROWS[text])
    if text not in UNCOVERED.reasons:
        assert found is None, found
    elif found is not None:
        pytest.xfail(f"{UNCOVERED.reasons[text]}: {found}")
    elif not request.config.getoption("--update-golden"):
        pytest.fail("it passes: take it off uncovered.txt with pytest --update-golden")


def test_the_list_of_what_is_not_covered_only_shrinks(request: pytest.FixtureRequest) -> None:
    left = {text: why for text, why in UNCOVERED.reasons.items() if text in ROWS}
    if request.config.getoption("--update-golden"):
        left = {text: why for text, why in left.items() if problem(ROWS[text]) is not None}
        UNCOVERED.path.write_text(UNCOVERED.text(left))
        return
    assert UNCOVERED.text(left) == UNCOVERED.path.read_text(), "a line was added or moved by hand"


def test_every_row_of_the_data_is_run() -> None:
    assert len(DATA["rows"]) == 363
    assert {row["expr"] for row in DATA["rows"]} == set(ROWS), "torch.floor(v) stands there twice"
    assert UNCOVERED.covered >= AT_LEAST, "the number of covered rows may only grow"
