"""Every workload runs at its tiny size, and gradcli's results are those of the peers."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.__main__ import main
from benchmarks.frame import Work, Workload, compare
from benchmarks.workloads import WORKLOADS, training
from benchmarks.workloads.start import EVAL

NAMES = [w.name for w in WORKLOADS]
# PyTorch and JAX are imported by processes of their own alone: they take seconds
HERE = [w for w in WORKLOADS if not w.name.startswith(("P1", "fit"))]
HEAVY = ("torch", "jax", "autograd")


@pytest.mark.parametrize("workload", HERE, ids=lambda w: w.name)
def test_gradcli_agrees_with_what_is_done_by_hand(workload: Workload) -> None:
    results: dict[str, Mapping[str, Any]] = {}
    for peer in workload.peers:
        if peer.needs not in HEAVY:
            found = peer.make(workload.tiny)()
            results[peer.name] = {name: np.array(value) for name, value in found.items()}
    compare(results, workload.tolerance)
    assert results[workload.peers[0].name], "gradcli has something to compare"


@pytest.mark.parametrize("workload", HERE, ids=lambda w: w.name)
def test_an_aim_names_a_peer_that_there_is(workload: Workload) -> None:
    assert {aim.peer for aim in workload.aims} <= {peer.name for peer in workload.peers}


def test_names_are_told_apart_by_how_they_begin() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_the_command_is_measured_on_the_tutorial() -> None:
    assert EVAL(1)() == {"printed": [-28.0, -18.0]}


@pytest.mark.parametrize("command", [training.table, training.json])
def test_the_command_trains_as_a_loop_by_hand(command: Callable[[int, int], Work]) -> None:
    points, turns = 20, 3
    x = np.linspace(-np.pi, np.pi, points)
    powers = x ** np.arange(4)[:, None]
    weights = np.array([0.1, -0.2, 0.3, -0.4])
    for _ in range(turns):
        weights -= 1e-3 / points * (2 * powers @ (weights @ powers - np.sin(x)))
    printed = np.array(command(points, turns)()["printed"], float)
    np.testing.assert_allclose(printed, weights, rtol=1e-11)


def test_the_command_line_writes_what_was_measured(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    assert main(["P1-help", "P6-1e4", "--quick", "--rounds", "2", "--json", str(file)]) == 0
    assert "import typer" in capsys.readouterr().out
    data = json.loads(file.read_text())
    assert {"date", "processor", "Python", "numpy"} <= data["machine"].keys()
    for workload, name in zip(data["workloads"], ["P1-help", "P6-1e4"], strict=True):
        assert workload["workload"] == name
        assert [len(peer["seconds"]) for peer in workload["peers"]] == [2, 2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["P9"], "no workload begins with P9"),
        (["--write", "--quick"], "--write is for all workloads at their sizes"),
        (["--write", "P2a"], "--write is for all workloads at their sizes"),
    ],
)
def test_what_cannot_be_asked_for_is_refused(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit:
        main(arguments)
    assert exit.value.code == 2
    assert said in capsys.readouterr().err


def test_workloads_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == NAMES
