from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import closing
from pathlib import Path

import pytest

from gradcli.play.evaluation import Failed, Shown, Text
from gradcli.play.runs import Runs
from tests.play.playing import ENDLESS, GOOD, reader


def text(what: str) -> Text:
    return Text("<play>", what, "", Path(), "light")


@pytest.fixture
def before() -> set[int | None]:
    return {process.pid for process in multiprocessing.active_children()}


@pytest.fixture
def runs(before: set[int | None]) -> Iterator[Runs]:  # noqa: ARG001 (those of other tests)
    with closing(Runs(reader(), 1.5, 1 << 30)) as made:
        yield made


def test_a_run_that_takes_too_long_is_ended_and_the_next_one_goes_on(runs: Runs) -> None:
    found = runs.run("a", text(ENDLESS), lambda: True)
    assert found == Failed(
        "error: the run did not end within 1.5 s\nhint: --max-seconds N gives it more"
    )
    found = runs.run("a", text(GOOD), lambda: True)
    assert isinstance(found, Shown)
    assert found.nodes == 2


def test_a_run_that_nobody_wants_is_ended(runs: Runs) -> None:
    answers = iter([True] * 8 + [False] * 100)
    with pytest.raises(CancelledError):
        runs.run("a", text(ENDLESS), lambda: next(answers))
    with pytest.raises(CancelledError):
        runs.run("a", text(GOOD), lambda: False)
    assert isinstance(runs.run("a", text(GOOD), lambda: True), Shown)


def test_a_process_that_is_killed_while_it_waits_is_replaced(
    runs: Runs, before: set[int | None]
) -> None:
    runs.run("a", text(GOOD), lambda: True)
    own = [p for p in multiprocessing.active_children() if p.pid not in before]
    assert own
    for process in own:
        process.kill()
    assert isinstance(runs.run("a", text(GOOD), lambda: True), Shown)


def test_no_process_is_left_in_the_end(before: set[int | None]) -> None:
    runs = Runs(reader(), 60.0, 1 << 30)
    runs.run("a", text(GOOD), lambda: True)
    runs.close()
    assert {p.pid for p in multiprocessing.active_children()} <= before
    with pytest.raises(CancelledError):
        runs.run("a", text(GOOD), lambda: True)
