"""What runs in PyTorch or JAX stays within limits, and changes nothing but tensors."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gradcli.against.sides import against
from gradcli.errors import ArgumentFault, LimitFault, Source
from gradcli.session import run as run_file
from gradcli.verify.limited import ROOM, limited
from gradcli.verify.workers import Processes
from tests.against.standins import library
from tests.cli.runner import run

START = """import torch
import torch.nn.functional as F
w = torch.ones(2, requires_grad=True)
y = (w*w).sum()
"""
SET = (  # attributes of what is no tensor, in every place that something can be assigned to
    "F.softplus.grad = 5",
    "F.softplus.grad += 5",
    "F.softplus.data: int = 5",
    "f = F.softplus\nf.requires_grad = True",
    "a, (F.softplus.data, *b) = 1, (2, 3)",
    "a = F.softplus.grad = 5",
    "for F.softplus.data in [1, 2]:\n    pass",
    "b = [1 for F.softplus.data in [1, 2]]",
    "with torch.no_grad() as F.softplus.data:\n    pass",
    "def f():\n    F.softplus.grad = 5\nf()",
    "f = lambda: 0\nf.grad = 5",
    "torch.ones.grad = 5",
    "torch.float32.data = 5",
    "torch.nn.data = 5",
    "torch.grad = 5",
    "print.grad = 5",
    "[1].data = 5",
)
KEPT = (  # and of tensors
    "w.grad = torch.ones(2)",
    "y.backward()\nw.grad *= 2",
    "def f(x):\n    x.grad = None\nf(w)",
)


@pytest.fixture(scope="module")
def torch() -> Iterator[Any]:
    with library("torch") as found:
        yield found


def there(text: str) -> Any:
    """Compare a file that goes another way in PyTorch than here, where all ends after START."""
    session = run_file(Source("<test>", START))
    return against(replace(session, source=Source("<test>", START + text)), "torch")


@pytest.mark.parametrize("text", SET)
def test_attributes_of_what_is_no_tensor_are_not_set(text: str, torch: Any) -> None:
    with pytest.raises(ArgumentFault, match=r"does not run <test>, line \d+: AttributeError"):
        there(text)
    for function in (torch.nn.functional.softplus, torch.ones, print):
        assert not {"grad", "data", "requires_grad"} & set(getattr(function, "__dict__", ()))


@pytest.mark.parametrize("text", KEPT)
@pytest.mark.usefixtures("torch")
def test_attributes_of_tensors_are(text: str) -> None:
    assert there(text).tensors


@pytest.mark.usefixtures("torch")
def test_a_file_leaves_no_mode_to_the_next(tmp_path: Path) -> None:
    (tmp_path / "a.expr").write_text(START.replace("w = ", "torch.set_grad_enabled(False)\nw = "))
    (tmp_path / "b.expr").write_text(f"{START}y.backward()\n")
    outcome = run("check", str(tmp_path), "--against", "torch")
    assert (outcome.status, outcome.errors) == (0, "")
    assert outcome.output.count("all the same") == 2


# ---- limits --------------------------------------------------------------------------------


def forever() -> None:
    while True:
        pass


def deaf() -> int:
    return len(str(7 ** (7**9)))  # in C, and nothing else of Python runs meanwhile


def hungry() -> int:
    return len(bytearray(2 * ROOM))


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def refused() -> None:
    raise LimitFault("a fault of the file", source=Source("a.expr", "x"))


@pytest.mark.parametrize(
    ("function", "seconds", "said", "hint"),
    [
        (forever, 0.5, "the run did not end within 0.5 s", "--max-seconds N gives it more"),
        (deaf, 0.5, "the run did not end within 0.5 s", "--max-seconds N gives it more"),
        (hungry, 60.0, "the run takes too much memory", "--max-memory SIZE gives it more"),
        (killed, 60.0, "the process of the run was ended from outside", "--max-memory"),
        (refused, 60.0, "a fault of the file", ""),
    ],
)
def test_a_run_that_goes_too_far_is_an_error_in_words(
    function: Callable[[], object], seconds: float, said: str, hint: str
) -> None:
    with Processes(1) as pool, pytest.raises(LimitFault) as caught:
        limited(pool, "the run", seconds, 0, function)
    assert caught.value.message == said
    assert hint in (caught.value.hint or "")


def limits() -> tuple[int, int]:
    resource = pytest.importorskip("resource")
    return resource.getrlimit(resource.RLIMIT_DATA)[0], resource.getrlimit(resource.RLIMIT_CPU)[0]


def test_the_system_holds_each_run_to_limits_of_its_own() -> None:
    before = limits()
    with Processes(1) as pool:
        first = limited(pool, "the run", 60.0, 1000, limits)
        second = limited(pool, "the run", 120.0, 2000, limits)
    assert (first[0], second[0]) == (ROOM + 1000, ROOM + 2000)
    assert 0 < first[1] < second[1]
    assert limits() == before


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_the_command_ends_a_run_that_takes_too_long(name: str) -> None:
    outcome = run("check", "-e", START, "--against", name, "--max-seconds", "0.001")
    assert (outcome.status, outcome.output) == (2, "")
    assert outcome.errors == (
        f"error: the run of <expr> in {name} did not end within 0.001 s\n"
        "hint: --max-seconds N gives it more\n"
    )


def test_an_error_of_the_file_comes_back_with_its_place() -> None:
    outcome = run("check", "-e", f"{START}z = w + nothing\n", "--against", "torch")
    assert outcome.status == 2
    assert outcome.errors.startswith("<expr>:5:9: error: ")
