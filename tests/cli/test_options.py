"""What an option means when it is not given: the same in every command, and in the library."""

from __future__ import annotations

import inspect
from typing import Any

import pytest

from gradcli.api import options_for
from gradcli.cli import check, graph
from gradcli.cli.eval import evaluate

COMMANDS = {"eval": evaluate, "graph": graph.graph, "check": check.check}


def defaults(function: Any) -> dict[str, Any]:
    found = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in found if p.default is not inspect.Parameter.empty}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("option", ["dtype", "seed", "max_nodes", "max_memory", "max_steps"])
def test_an_option_that_is_not_given_is_that_of_the_library(command: str, option: str) -> None:
    assert defaults(COMMANDS[command])[option] == defaults(options_for)[option]


def test_the_librarys_options_are_those_that_the_manual_names() -> None:
    told = {
        "dtype": None,
        "seed": 0,
        "max_nodes": 1_000_000,
        "max_memory": None,
        "max_steps": 1_500_000,
    }
    assert {name: defaults(options_for)[name] for name in told} == told
