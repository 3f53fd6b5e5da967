"""The libraries that `check --against` compares with."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.against.standins import library


@pytest.fixture(scope="module")
def jax() -> Iterator[Any]:
    """JAX, or its stand-in."""
    with library("jax") as found:
        yield found


@pytest.fixture(scope="module")
def torch() -> Iterator[Any]:
    """PyTorch, or its stand-in."""
    with library("torch") as found:
        yield found
