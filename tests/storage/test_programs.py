"""Programs of storage: what they print, and the errors that end them, against PyTorch's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.storage.programs import programs
from tests.storage.sides import Outcome, in_gradcli

PROGRAMS = programs()
OUTPUTS = json.loads(Path(__file__).with_name("outputs.json").read_text())

# where a program prints what PyTorch does not: the line that PyTorch prints, the one
# that stands there here, and why
ONCE = (
    "tensor([8., 4., 6.])",
    "tensor([4., 4., 6.])",
    "an element that is written twice is what was written last: its derivative with respect to w "
    "counts that write alone, where PyTorch hands the gradient to both",
)
DIFFERENT = {"y[[0, 0]] += 1": ONCE, "view: v[[0, 0]] += 1": ONCE}


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in DIFFERENT])
def test_a_program_prints_what_pytorch_prints(name: str) -> None:
    assert in_gradcli(PROGRAMS[name]) == Outcome(*OUTPUTS[name])


@pytest.mark.parametrize("name", DIFFERENT)
def test_a_program_that_differs_differs_as_the_table_says(name: str) -> None:
    theirs, ours, _ = DIFFERENT[name]
    printed, error = OUTPUTS[name]
    assert printed.count(theirs) == 1
    assert in_gradcli(PROGRAMS[name]) == Outcome(printed.replace(theirs, ours), error)


def test_every_output_belongs_to_a_program_and_errors_are_among_them() -> None:
    assert set(OUTPUTS) == set(PROGRAMS)
    errors = sum(error is not None for _, error in OUTPUTS.values())
    assert 100 < errors < len(OUTPUTS) / 3
    loops = [name for name in OUTPUTS if name.startswith("loop: ")]
    assert sum(OUTPUTS[name][1] is not None for name in loops) <= 2


def test_the_loop_of_the_best_known_mistake_learns_what_pytorch_learns() -> None:
    # three steps from 1 and 2 towards 3: (1 - 3)² + (2 - 3)² = 5, times 0.8² a step
    assert OUTPUTS["loop: data and data.zero_"][0].startswith(f"tensor({5 * 0.8**4:.4f}")


@pytest.mark.parametrize("change", ["y /= y[:, :1]", "y -= y[0].expand(2, 3)"])
def test_an_operand_that_would_change_on_the_way_is_refused(change: str) -> None:
    # PyTorch divides the first column by itself, and then the others by 1
    outcome = in_gradcli(f"y = torch.tensor([[2., 4., 6.], [3., 6., 9.]])\n{change}\n")
    assert outcome.error is not None
    assert outcome.error.startswith("the operand shares elements with the tensor")
