"""JAX's spellings against what JAX makes of them: numpy, nn, scipy.special and its transforms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gradcli.errors import GradcliError
from gradcli.trace.scipy_forms import JAX_NN, JAX_NN_ROWS
from tests.spellings.jax_cases import CALLS, DIFFERENT, PROGRAMS, REFUSED
from tests.spellings.running import arrays, difference, evaluated, ran, read, restored, spelled
from tests.spellings.test_torch import plain

DATA = read(Path(__file__).parent / "jax.json.gz")
IMPORTS = "import jax\nimport jax.numpy as jnp\n"
STORED = [text for text in CALLS if DATA["calls"][text] is not None]
NOT_HERE = {text for texts in REFUSED.values() for text in texts} & set(STORED)
OTHERWISE = {text for texts in DIFFERENT.values() for text in texts}
OPTIONS = "jnp.set_printoptions(precision=3)"  # what it returns is JAX's affair


@pytest.mark.parametrize(
    "text", [t for t in STORED if t not in NOT_HERE | OTHERWISE and t != OPTIONS]
)
def test_a_call_gives_what_jax_gives(text: str) -> None:
    found = plain(arrays(evaluated(text, IMPORTS)))
    assert difference(found, restored(DATA["calls"][text]), rtol=1e-8) is None


@pytest.mark.parametrize("text", sorted(OTHERWISE))
def test_a_call_that_differs_differs(text: str) -> None:
    found = plain(arrays(evaluated(text, IMPORTS)))
    assert difference(found, restored(DATA["calls"][text]), rtol=1e-8) is not None


@pytest.mark.parametrize("text", sorted(NOT_HERE))
def test_what_is_not_here_is_refused(text: str) -> None:
    with pytest.raises(GradcliError):
        arrays(evaluated(text, IMPORTS))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_gives_what_jax_gives(name: str) -> None:
    found = arrays(ran(f"{IMPORTS}{PROGRAMS[name]}\n")["y"])
    assert difference(found, restored(DATA["programs"][name]), rtol=1e-8) is None


def test_the_store_has_every_case_and_no_other() -> None:
    assert set(DATA["calls"]) == set(CALLS)
    assert set(DATA["programs"]) == set(PROGRAMS)
    assert set(STORED) >= OTHERWISE
    assert not NOT_HERE & OTHERWISE


def test_every_function_of_jax_nn_has_a_case() -> None:
    assert spelled(STORED, "jax.nn") == {*JAX_NN, *JAX_NN_ROWS}


def test_numbers_of_jax_are_stored_as_they_are() -> None:
    assert difference(restored(DATA["calls"]["jnp.exp(2.0)"]), np.exp(2.0)) is None
