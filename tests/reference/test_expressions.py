"""The reference expressions: everything that PyTorch 2.13 says of each of them.

`uncovered.txt` lists those that do not pass yet and says why. `--update-golden` takes off what
passes; nothing puts a row on it.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.reference.facts import FOLDER, Uncovered, first_difference, inputs_of

DATA = json.loads((FOLDER / "expressions.json").read_text())
ROWS: dict[str, dict[str, Any]] = {row["expr"]: row for row in DATA["rows"]}
INPUTS = inputs_of(DATA)
AT_LEAST = 360  # raise it as the list shrinks
UNCOVERED = Uncovered("uncovered.txt", "reference expressions", ROWS)


def problem(row: dict[str, Any]) -> str | None:
    """Say what differs from PyTorch first, None where nothing does."""
    return first_difference(row, INPUTS)


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
