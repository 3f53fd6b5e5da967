"""The library where the command line does not come by."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NoReturn

import pytest

import gradcli
from gradcli import api, source
from gradcli.errors import InputFault
from tests.cli.runner import run


def test_a_file_is_checked(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[1.0, 2.0]")
    file = tmp_path / "f.expr"
    file.write_text('x = load("x.json")\nw = param(2.)\ny = sum(w*x**2)\n')
    report = api.check(file)
    assert (report.verdict, [f.parameter for f in report.findings]) == ("OK", ["w"])


def test_a_cotangent_may_be_written_as_text() -> None:
    found = gradcli.loads("w = param([1., 2.])\ny = w*w\n", grad_output="[1., 3.]")
    grad = found.node(0).grad
    assert grad is not None
    assert grad.tolist() == [2, 12]


def test_a_node_that_is_not_there_has_no_facts() -> None:
    with pytest.raises(KeyError):
        gradcli.loads("x = tensor(1.)").node(5)


def test_a_file_that_is_too_large_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "MAX_FILE", 1 << 20)
    with pytest.raises(InputFault, match="f: larger than 1 MiB"):
        source.decoded("f", b"x" * ((1 << 20) + 1))


def test_a_system_that_does_not_say_its_memory_has_4_gib_to_give(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def unknown(_: Any) -> NoReturn:
        raise ValueError

    monkeypatch.setattr(os, "sysconf", unknown)
    assert api.half_of_memory() == 4 << 30


@pytest.mark.parametrize("size", ["much", "inf", "MB"])
def test_a_size_that_is_none_is_refused(size: str) -> None:
    outcome = run("eval", "-e", "x = 1.", "--max-memory", size)
    assert (outcome.status, outcome.output) == (2, "")
    assert f"--max-memory {size}: not a size" in outcome.errors


def test_where_sides_of_other_shapes_differ_is_not_said() -> None:
    outcome = run("eval", "-e", "x = ones(2)\nassert equal(x, ones(3))")
    assert outcome.status == 1
    assert "largest difference" not in outcome.output
    assert (
        "largest difference 1 (relative 0.5) at [1]: 1 and 2"
        in run("eval", "-e", "x = ones(2)\nassert equal(x, tensor([1., 2.]))").output
    )
