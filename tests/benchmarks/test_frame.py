"""How `python -m benchmarks` measures: in turns, by peers that agree, in processes of their own."""

import multiprocessing
import time
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import frame
from benchmarks.frame import (
    Aim,
    BenchmarkError,
    Measured,
    Peer,
    Row,
    Worker,
    Workload,
    compare,
    measure,
    take_turns,
)
from benchmarks.report import aims, as_markdown, as_text
from tests.benchmarks import peers
from tests.benchmarks.peers import peer

FINE = peer("gradcli", peers.returns, {"y": 4.0})


def workload(*of: Peer, **fields: Any) -> Workload:
    return Workload("T", "a test", of, size=2, tiny=1, **fields)


def test_peers_take_turns_each_in_a_process_of_its_own(tmp_path: Path) -> None:
    three = [peer(name, peers.noted, str(tmp_path), name) for name in "ABC"]
    row = measure(workload(*three), rounds=2)
    assert not row.error
    lines = [line.split() for line in (tmp_path / "log").read_text().splitlines()]
    turns = [name for name, _ in groupby(name for name, _ in lines)]
    assert turns == [*"ABC", *"ABC", *"ABC"], "once to agree, two rounds"
    assert len({process for _, process in lines}) == 3
    assert [len(m.times) for m in row.measured] == [2, 2, 2]


def test_a_round_does_short_work_again_and_its_shortest_time_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = iter([0.0, 0.0, 0.06, 0.06, 0.1, 0.1, 0.4])
    monkeypatch.setattr(time, "perf_counter", lambda: next(clock))
    assert frame.shortest(dict) == pytest.approx(0.04)
    clock = iter([0.0, 0.0, 3.0])
    assert frame.shortest(dict) == 3.0


def test_a_peer_that_is_not_installed_is_said_to_be_missing() -> None:
    missing = Peer("Oracle", peers.fails, needs="no_such_library")
    row = measure(workload(FINE, missing, aims=[Aim(1.0, "Oracle")]), rounds=1)
    assert not row.error
    text = as_text(row)
    assert "Oracle                                not installed" in text
    assert "aim ≤ 1 × Oracle: not measured, ?" in text
    assert "Oracle not installed" in as_markdown([row], {})


@pytest.mark.parametrize(
    ("other", "error"),
    [
        (peer("B", peers.returns, {"y": 4.1}), "y: gradcli and B differ by 0.1"),
        (peer("B", peers.returns, {"z": 4.0}), "gradcli has ['y'], B ['z']"),
        (peer("B", peers.returns, {"y": [4.0]}), "y: gradcli (), B (1,)"),
        (peer("B", peers.returns, {"y": np.nan}), "y: gradcli and B differ by nan"),
    ],
)
def test_a_disagreement_is_an_error_and_nothing_is_timed(other: Peer, error: str) -> None:
    row = measure(workload(FINE, other), rounds=1)
    assert error in row.error
    assert f"ERROR {row.error.rstrip()}" in as_text(row)
    assert not any(m.times for m in row.measured)


@pytest.mark.parametrize(
    ("other", "error"),
    [
        (Peer("B", peers.fails), "ZeroDivisionError"),
        (Peer("B", peers.ends), "its process ended"),
    ],
)
def test_a_peer_that_fails_is_an_error_and_the_others_are_timed(other: Peer, error: str) -> None:
    row = measure(workload(FINE, other), rounds=1)
    assert row.error.startswith("B: ")
    assert error in row.error
    assert row.of("B").missing == "failed"
    assert [len(m.times) for m in row.measured] == [1, 0]
    assert error in as_markdown([row], {})


def test_a_peer_that_takes_too_long_is_left_out_and_leaves_no_process() -> None:
    before = set(multiprocessing.active_children())
    row = measure(workload(FINE, Peer("B", peers.sleeps)), rounds=1, limit=0)
    assert not row.error
    assert [m.missing for m in row.measured] == ["more than 0 s"] * 2
    assert set(multiprocessing.active_children()) == before


def test_a_round_that_takes_too_long_is_said_to() -> None:
    row = Row(workload(FINE), 2, [Measured("gradcli")])
    worker = Worker(row.workload, Peer("gradcli", peers.sleeps), 2)
    try:
        worker.answer(60)
        take_turns({"gradcli": worker}, row, rounds=1, limit=0.1)
    finally:
        worker.end()
    assert row.measured[0].missing == "more than 0 s"
    assert not worker.process.is_alive()


@pytest.mark.parametrize("memory", ["process", "traced"])
def test_memory_is_the_peak_beyond_what_is_there_after_warming_up(memory: Any) -> None:
    large = b"\1" * (4 * peers.BYTES)  # what the process that asks has does not count
    row = measure(
        workload(Peer("gradcli", peers.allocates), memory=memory, most_bytes=lambda _: 1e6),
        rounds=1,
    )
    found = row.measured[0].bytes
    del large
    assert found is not None
    assert 0.99 * peers.BYTES < found < 1.2 * peers.BYTES
    (judged,) = aims(row)
    assert judged.met is False


def test_an_aim_is_judged_by_the_ratio_of_medians() -> None:
    fast, slow = Measured("gradcli", [1.0, 9.0, 1.1]), Measured("B", [2.0, 2.2, 0.1])
    row = Row(workload(FINE, replace(FINE, name="B"), aims=[Aim(0.6, "B"), Aim(0.5, "B")]), 2,
              [fast, slow])  # fmt: skip
    assert row.ratio("B") == pytest.approx(1.1 / 2.0)
    assert [j.met for j in aims(row)] == [True, False]


def test_numbers_agree_relative_to_the_largest_of_them() -> None:
    first = {"y": np.array([1e6, 0.0])}
    compare({"A": first, "B": {"y": np.array([1e6, 1e-4])}}, 1e-9)
    compare({"A": first, "B": {}}, 1e-9)  # one that has nothing to compare
    with pytest.raises(BenchmarkError, match=r"y: A and B differ by 0\.01, of numbers up to 1e"):
        compare({"A": first, "B": {"y": np.array([1e6, 1e-2])}}, 1e-9)
