"""Programs of storage: what they print, and the errors that end them, against PyTorch's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.storage.programs import programs
from tests.storage.sides import Outcome, in_gradcli

PROGRAMS = programs()
OUTPUTS = json.loads(Path(__file__).with_name("outputs.json").read_text())


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_prints_what_pytorch_prints(name: str) -> None:
    assert in_gradcli(PROGRAMS[name]) == Outcome(*OUTPUTS[name])


def test_every_output_belongs_to_a_program_and_errors_are_among_them() -> None:
    assert set(OUTPUTS) == set(PROGRAMS)
    errors = sum(error is not None for _, error in OUTPUTS.values())
    assert 100 < errors < len(OUTPUTS) / 3
    loops = [name for name in OUTPUTS if name.startswith("loop: ")]
    assert sum(OUTPUTS[name][1] is not None for name in loops) <= 2


def test_the_loop_of_the_best_known_mistake_learns_what_pytorch_learns() -> None:
    # three steps from 1 and 2 towards 3: (1 - 3)² + (2 - 3)² = 5, times 0.8² a step
    assert OUTPUTS["loop: data and data.zero_"][0].startswith(f"tensor({5 * 0.8**4:.4f}")
