"""Random programs of views, writes, reads and backward, against PyTorch: stored, and afresh."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from tests.storage.random_programs import accepted, program
from tests.storage.sides import Outcome, in_gradcli, in_pytorch

STORED: dict[str, list[str]] = json.loads(Path(__file__).with_name("random.json").read_text())
FRESH = range(50_000, 50_100)


def differs(text: str, theirs: Outcome) -> str | None:
    """Say how a program ends otherwise here than in PyTorch, None where it does not."""
    ours = in_gradcli(text)
    if ours == theirs or accepted(text, theirs, ours):
        return None
    return f"{text}---- PyTorch: {theirs.error}\n{theirs.printed}---- here: {ours}"


@pytest.mark.parametrize("seed", STORED)
def test_a_stored_program_prints_what_pytorch_printed(seed: str) -> None:
    text, printed, error = STORED[seed]
    assert differs(text, Outcome(printed, error)) is None


def test_most_stored_programs_run_to_their_end_and_agree_exactly() -> None:
    assert len(STORED) >= 300
    outcomes = [(text, Outcome(printed, error)) for text, printed, error in STORED.values()]
    assert sum(theirs.error is None for _, theirs in outcomes) > 0.75 * len(STORED)
    assert sum(in_gradcli(text) == theirs for text, theirs in outcomes[:100]) >= 95


@pytest.mark.skipif(importlib.util.find_spec("torch") is None, reason="PyTorch is not installed")
@pytest.mark.parametrize("seed", FRESH)
def test_a_fresh_program_prints_what_pytorch_prints(seed: int) -> None:
    text = program(seed)
    assert differs(text, in_pytorch(text)) is None
