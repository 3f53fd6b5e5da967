"""A check shared out to several processes says what it says in one."""

import os
import signal
from typing import Any

import numpy as np
import pytest

from gradcli.errors import LimitFault
from gradcli.execute import stack
from gradcli.verify import workers
from gradcli.verify.workers import Processes, Rows, Work, Workers
from tests.verify.checking import checked

NETWORK = """
x = randn(6, 5)
W = param(randn(5, 4))
b = param(zeros(4))
loss = sum({activation}(x @ W + b)**2)
"""


@pytest.mark.parametrize("activation", ["tanh", "abs", "relu"])
def test_several_processes_find_the_same(activation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []

    def counted(*args: Any) -> Processes:
        made.append(args[0])
        return Processes(*args)

    monkeypatch.setattr(stack, "MOST", 2)
    monkeypatch.setattr(workers, "PAYS", 0.0)
    monkeypatch.setattr(workers, "Processes", counted)
    text = NETWORK.format(activation=activation)
    assert checked(text, jobs=2) == checked(text, jobs=1)
    assert made == [2], "one pool serves all parameters"


def test_the_rows_come_in_the_order_of_the_elements() -> None:
    told: list[int] = []
    crew = Workers(1, _never, (), told.append)
    found = crew.rows(Work(0, True), lambda k: np.stack([k, k**2], axis=1), np.arange(10), 3)
    assert found.tolist() == [[k, k**2] for k in range(10)]
    assert sum(told) == 10


def test_a_process_that_is_killed_is_an_error_with_a_hint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "PAYS", -1.0)
    crew = Workers(2, _dying, ())
    with pytest.raises(LimitFault, match="a process ended before its work was done"):
        crew.rows(Work(0, True), lambda k: k, np.arange(10), 1)
    crew.close()


def _never(*_: Any) -> Any:
    raise AssertionError("one process is enough")


def _dying() -> Any:
    def rows(_: Work) -> Rows:
        os.kill(os.getpid(), signal.SIGTERM)
        raise AssertionError("killed")

    return rows
