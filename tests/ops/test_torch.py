"""The store is what the PyTorch that is installed computes; it is not needed for anything else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.ops.calls import ROWS, calls

torch: Any = pytest.importorskip("torch")
torch.set_num_threads(1)  # the tensors are small, and the tests run in parallel
SHARE = 8  # one call in so many; `python -m tests.ops.make_store --check` compares all


@pytest.mark.parametrize("name", ROWS)
def test_the_store_is_current(name: str) -> None:
    from tests.ops.make_store import outdated

    every = calls(ROWS[name])
    found = {call.key: outdated(call) for call in every[len(every) % SHARE :: SHARE]}
    assert {key: why for key, why in found.items() if why is not None} == {}
