"""What README shows is what happens."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

import gradcli
from gradcli.reference import entries
from tests.cli.runner import ROOT, run

README = (ROOT / "README.md").read_text(encoding="utf-8")


def _commands() -> Iterator[str]:
    for block in re.findall(r"```console\n(.*?)```", README, re.DOTALL):
        for line in block.splitlines():
            yield line.partition("  #")[0].strip()


@pytest.mark.parametrize("command", list(_commands()))
def test_a_command_in_readme_runs(command: str) -> None:
    program, *arguments = shlex.split(command)
    assert program == "gradcli"
    assert run(*arguments).status == 0


@pytest.mark.parametrize(
    ("command", "shown"),
    re.findall(r"<!-- output: (.*?) -->\n```\n(.*?)```", README, re.DOTALL),
)
def test_an_output_in_readme_is_what_the_command_prints(command: str, shown: str) -> None:
    printed = run(*shlex.split(command)).output
    assert [line.rstrip() for line in printed.splitlines()] == shown.splitlines()


def test_the_librarys_example_in_readme_holds() -> None:
    code = re.search(r"```python\n(import gradcli\n.*?)```", README, re.DOTALL)
    assert code is not None
    names: dict[str, object] = {}
    exec(code[1], names)
    inspection = names["inspection"]
    assert isinstance(inspection, gradcli.Inspection)
    grad = inspection.node(0).grad
    assert grad is not None
    assert grad.item() == 6


def test_the_tutorial_in_readme_is_the_samples() -> None:
    code = re.search(r"```python\n(x = tensor.*?)```", README, re.DOTALL)
    assert code is not None
    sample = (ROOT / "samples" / "linear_regression.expr").read_text(encoding="utf-8")
    lines = [line for line in sample.splitlines() if not line.startswith("#")]
    shown = [line for line in code[1].splitlines() if line]
    assert [line for line in lines if line] == shown


def test_readme_counts_the_operations() -> None:
    assert f"\n{len(entries())} operations carry" in README


def test_the_changelog_names_the_version() -> None:
    text = Path(ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert "## Unreleased" in text or f"## {gradcli.__version__}" in text
