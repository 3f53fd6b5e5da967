"""Calls on sequences, images and grids of a shape of their own: PyTorch's numbers and refusals."""

from __future__ import annotations

import json
from math import inf
from typing import Any

import numpy as np
import pytest

from gradcli.errors import GradcliError
from gradcli.rule.dtypes import Array
from tests.reference.facts import FOLDER, evaluate, first_difference, gradients, inputs_of

DATA = json.loads((FOLDER / "calls.json").read_text())
ROWS: dict[str, dict[str, Any]] = {row["expr"]: row for row in DATA["rows"]}
REFUSED: dict[str, str] = DATA["refused"]
INPUTS = inputs_of(DATA)


@pytest.mark.parametrize("text", ROWS)
def test_value_grad_fn_chain_and_gradients_are_pytorchs(text: str) -> None:
    assert first_difference(ROWS[text], INPUTS) is None


@pytest.mark.parametrize("text", REFUSED)
def test_a_call_that_pytorch_refuses_is_refused_in_its_words(text: str) -> None:
    with pytest.raises(GradcliError) as caught:
        _ = evaluate(text, INPUTS).node.value
    assert caught.value.message == REFUSED[text]


def test_every_row_of_the_data_is_run() -> None:
    assert len(DATA["rows"]) == len(ROWS) == 38
    assert len(REFUSED) == 31


# ---- a ctc_loss that is not behind a log_softmax: PyTorch's gradient is not the derivative ----


def gradient(text: str, log_probs: Array) -> Array:
    """Return the gradient of a call, with a cotangent of ones, by the first operand."""
    ran = evaluate(text, {"logits": (log_probs, True)})
    found = gradients(ran, np.ones(ran.node.shape), ["logits"])["logits"]
    assert found is not None
    return found


def test_the_gradient_of_a_bare_ctc_loss_is_pytorchs_less_exp_log_probs() -> None:
    log_probs = INPUTS["logits"][0]
    found = gradient(DATA["bare"]["expr"], log_probs)
    running = np.arange(5)[:, None, None] < np.array([5, 4, 3])[:, None]
    theirs = np.asarray(DATA["bare"]["grads"]["logits"])
    np.testing.assert_allclose(found, theirs - np.exp(log_probs) * running, 1e-9, 1e-12)


@pytest.mark.parametrize(
    ("probabilities", "expected"),
    [
        # of the alignments -1, 1- and 11, all as probable, two have the letter at each frame
        ([[1 / 3] * 3] * 2, [[-1 / 3, -2 / 3, 0]] * 2),
        # the blank cannot come last: its gradient is 0, PyTorch's is nan
        ([[0.5, 0.5, 0], [0, 0.25, 0.75]], [[-0.5, -0.5, 0], [0, -1, 0]]),
    ],
)
def test_the_gradient_of_a_ctc_loss_is_minus_the_share_of_the_alignments(
    probabilities: list[list[float]], expected: list[list[float]]
) -> None:
    log_probs = np.array([[np.log(p) if p else -inf for p in frame] for frame in probabilities])
    found = gradient("F.ctc_loss(logits, tensor([1]), (2,), (1,), reduction='sum')", log_probs)
    np.testing.assert_allclose(found, np.array(expected), atol=1e-14)


def test_a_label_that_is_no_class_is_refused_where_pytorch_reads_other_memory() -> None:
    with pytest.raises(GradcliError, match=r"Target 4 is out of bounds\."):
        _ = evaluate("F.ctc_loss(logits[:, 0], tensor([4]), (5,), (1,))", INPUTS).node.value
