"""Stored records of programs of JAX replay without JAX, and give JAX's gradients."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import gradcli
from tests.cli.runner import run

RECORDS = Path(__file__).parent / "records"

# a record, and its opaque rows: what no words of gradcli's do as JAX does it
OPAQUE: dict[str, tuple[str, ...]] = {
    "mlp": (),
    "convnet": (),
    "convolutions": (),
    "rnn": (),
    "gaussian_process": (),
    "kinks": ("cummax",),  # at a tie
    "hidden_branch": (),
    "activations": (),
    "attention": (),
    "pendulum": (),
    "optimiser": (),
    "branches": (),
    "clipping": ("clipped", "clipped"),
    "dropout": (),
    "indexing": (),
    "decompositions": (),
    "spectrum": (),
}


def truth(name: str, kind: str) -> dict[str, np.ndarray]:
    """Return what JAX has given, by the names of the file."""
    with np.load(RECORDS / f"{name}.npz") as file:
        start = f"truth/{kind}/"
        return {x.removeprefix(start): file[x] for x in file.files if x.startswith(start)}


def gap(found: np.ndarray | None, expected: np.ndarray) -> float:
    """Return how far arrays are apart, of the expected one's largest element."""
    assert found is not None
    assert found.dtype == expected.dtype
    assert np.array_equal(np.isfinite(found), np.isfinite(expected))
    finite = np.isfinite(expected)
    assert np.array_equal(found[~finite], expected[~finite], equal_nan=found.dtype.kind in "fc")
    a, b = (x[finite].astype(np.complex128) for x in (found, expected))
    apart = np.max(np.abs(a - b), initial=0.0)
    return float(apart / (np.max(np.abs(b), initial=0.0) or 1.0))


def test_every_stored_record_is_in_the_table() -> None:
    assert {x.stem for x in RECORDS.glob("*.expr")} == set(OPAQUE)


@pytest.mark.parametrize("name", OPAQUE)
def test_gradients_of_a_replay_are_those_of_jax(name: str) -> None:
    replay = gradcli.load(RECORDS / f"{name}.expr", retain_grad=True)
    for leaf, g in truth(name, "grad").items():
        found = replay[leaf].grad
        assert gap(np.zeros_like(g) if found is None else found, g) < 1e-5, leaf
    for row, g in truth(name, "cotangent").items():
        assert gap(replay[row].grad, g) < 1e-4, row
    for row, value in truth(name, "value").items():
        assert gap(replay[row].value, value) < 1e-5, row


@pytest.mark.parametrize("name", OPAQUE)
def test_opaque_are_the_rows_that_gradcli_does_otherwise(name: str) -> None:
    lines = (RECORDS / f"{name}.expr").read_text().splitlines()
    found = [line.partition('= opaque("')[2].partition('"')[0] for line in lines]
    assert tuple(x for x in found if x) == OPAQUE[name]


@pytest.mark.parametrize("name", [x for x in OPAQUE if x not in ("kinks", "hidden_branch")])
def test_a_replay_passes_the_check(name: str) -> None:
    outcome = run("check", str(RECORDS / f"{name}.expr"))
    assert outcome.status == 0, outcome.output


@pytest.mark.parametrize("name", OPAQUE)
def test_a_replay_is_found_to_be_as_the_record(name: str) -> None:
    outcome = run("eval", str(RECORDS / f"{name}.expr"))
    assert "differ" not in outcome.output.partition("node")[0]


def test_a_nan_of_jax_is_found_where_it_begins() -> None:
    outcome = run("diagnose", str(RECORDS / "hidden_branch.expr"))
    assert "hidden-branch" in outcome.output


def test_rows_know_their_place_in_the_program_and_the_function_that_they_are_of() -> None:
    text = (RECORDS / "mlp.expr").read_text()
    assert 'name="params.layers.0.w"' in text
    assert 'with module("log_softmax", "jit"):' in text
    assert '`x @ params["out"]`' in text


def test_a_replay_imports_no_jax() -> None:
    code = (
        "import sys, gradcli; gradcli.load(sys.argv[1]); "
        "sys.exit(any(x.partition('.')[0] in ('jax', 'torch') for x in sys.modules))"
    )
    made = subprocess.run([sys.executable, "-c", code, RECORDS / "rnn.expr"], check=False)
    assert made.returncode == 0
