"""Runs, saves and what is shown, in their order."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from gradcli.watch.loop import follow
from gradcli.watch.saves import Stamp
from tests.watch.script import FILE, Disk, OverError, Run, Shown, saved

DATA = "x.npz"
# what is saved when, how long a run takes, and what happens. A save is looked for every 0.1 s
# between runs and every 0.05 s during one; it is over after 0.05 s without another, or 0.3 s
# where the file is empty or gone.
CASES: dict[str, tuple[Mapping[float, Mapping[str, Stamp | None]], float, list[str]]] = {
    "nothing is saved": (
        {0: {FILE: saved(1)}}, 0.2, ["run of 1 at 0", "run of 1 shown"]),
    "a save after a run": (
        {0: {FILE: saved(1)}, 1: {FILE: saved(2)}}, 0,
        ["run of 1 at 0", "run of 1 shown", "run of 2 at 1.05", "run of 2 shown"]),
    "a save during a run ends it": (
        {0: {FILE: saved(1)}, 0.5: {FILE: saved(2)}}, 2,
        ["run of 1 at 0", "run of 1 ended at 0.5", "run of 2 at 0.55", "run of 2 shown"]),
    "a file that is empty before it is written is not run": (
        {0: {FILE: saved(1)}, 1: {FILE: saved(2, size=0)}, 1.2: {FILE: saved(3)}}, 0,
        ["run of 1 at 0", "run of 1 shown", "run of 3 at 1.25", "run of 3 shown"]),
    "a file that stays empty is run": (
        {0: {FILE: saved(1)}, 1: {FILE: saved(2, size=0)}}, 0,
        ["run of 1 at 0", "run of 1 shown", "run of 2 at 1.3", "run of 2 shown"]),
    "a file that is away while it is saved is not missing": (
        {0: {FILE: saved(1)}, 1: {FILE: None}, 1.2: {FILE: saved(2)}}, 0,
        ["run of 1 at 0", "run of 1 shown", "run of 2 at 1.25", "run of 2 shown"]),
    "a file is deleted, and comes again as it was": (
        {0: {FILE: saved(1)}, 1: {FILE: None}, 2: {FILE: saved(1)}}, 0,
        ["run of 1 at 0", "run of 1 shown", "missing", "run of 1 at 2.05", "run of 1 shown"]),
    "there is no file yet": (
        {1: {FILE: saved(1)}}, 0, ["missing", "run of 1 at 1.05", "run of 1 shown"]),
    "many saves, one after the other": (
        {0: {FILE: saved(1)}} | {1 + k / 40: {FILE: saved(k)} for k in range(2, 20)}, 0,
        ["run of 1 at 0", "run of 1 shown", "run of 19 at 1.525", "run of 19 shown"]),
    "data are saved": (
        {0: {FILE: saved(1), DATA: saved(1)}, 1: {DATA: saved(2)}}, 0,
        ["run of 1 at 0", "run of 1 shown", "run of 1 at 1.05", "run of 1 shown"]),
    "data are saved during the run": (
        {0: {FILE: saved(1), DATA: saved(1)}, 0.5: {DATA: saved(2)}}, 1,
        ["run of 1 at 0", "run of 1 ended at 0.5", "run of 1 at 0.55", "run of 1 shown"]),
    "data that a run has looked for come": (
        {0: {FILE: saved(1)}, 1: {DATA: saved(1)}}, 0,
        ["run of 1 at 0", "run of 1 shown", "run of 1 at 1.05", "run of 1 shown"]),
}  # fmt: skip


def told(disk: Disk, seconds: float, *reads: str) -> list[str]:
    said: list[str] = []
    with pytest.raises(OverError):
        follow(FILE, lambda: Run(disk, said, seconds, reads), Shown(said), disk.saves)
    return said


@pytest.mark.parametrize("case", CASES)
def test_each_save_has_its_run(case: str) -> None:
    script, seconds, expected = CASES[case]
    assert told(Disk(script, until=6), seconds, DATA) == expected


def test_a_file_that_is_written_to_all_the_time_is_run_nevertheless() -> None:
    disk = Disk({k / 50: {FILE: saved(k)} for k in range(250)}, until=5)
    begun = [float(x.split()[-1]) for x in told(disk, 0) if " at " in x]
    assert len(begun) == 3  # one at the start, and one about every two seconds
    assert begun == pytest.approx([0, 2.1, 4.2], abs=0.1)


def test_data_that_the_last_run_has_not_read_are_not_looked_at() -> None:
    disk = Disk({0: {FILE: saved(1)}, 1: {FILE: saved(2)}, 2: {DATA: saved(1)}}, until=4)
    said: list[str] = []

    def start() -> Run:
        return Run(disk, said, 0, (DATA,) if disk.now < 1 else ())

    with pytest.raises(OverError):
        follow(FILE, start, Shown(said), disk.saves)
    assert said == ["run of 1 at 0", "run of 1 shown", "run of 2 at 1.05", "run of 2 shown"]


def test_a_terminal_of_another_width_has_a_run_of_its_own() -> None:
    disk = Disk({0: {FILE: saved(1)}}, until=4)
    said: list[str] = []
    begun: list[float] = []

    def start() -> Run:
        begun.append(disk.now)
        return Run(disk, said, 1, ())

    def resized() -> bool:  # at 0.5, during a run, and at 2
        return any(begun[-1] < when <= disk.now for when in (0.5, 2.0))

    with pytest.raises(OverError):
        follow(FILE, start, Shown(said, resized), disk.saves)
    assert said == ["run of 1 at 0", "run of 1 ended at 0.5", "run of 1 at 0.55",
                    "run of 1 shown", "run of 1 at 2.1", "run of 1 shown"]  # fmt: skip


def test_what_ends_the_loop_ends_the_run() -> None:
    disk = Disk({0: {FILE: saved(1)}}, until=1)
    assert told(disk, 5) == ["run of 1 at 0", "run of 1 ended at 1.05"]
