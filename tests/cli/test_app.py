"""The commands as they are listed: each is read only when it is given."""

from __future__ import annotations

import pytest

from gradcli.cli.app import PLACES
from tests.cli.runner import run


def test_without_arguments_the_commands_are_listed_a_line_each() -> None:
    outcome = run()
    lines = [line.split() for line in outcome.errors.splitlines()]
    assert outcome.status == 2
    assert [name for name in PLACES if [name, *PLACES[name].help.split()] not in lines] == []


@pytest.mark.parametrize("name", PLACES)
def test_a_listed_command_has_a_page_of_its_own(name: str) -> None:
    outcome = run(name, "--help")
    assert outcome.status == 0
    assert f" {name} [OPTIONS]" in outcome.output.splitlines()[0]


@pytest.mark.parametrize(("given", "meant"), [("evl", "eval"), ("chekc", "check")])
def test_a_command_that_is_misspelt_is_named(given: str, meant: str) -> None:
    outcome = run(given)
    assert outcome.status == 2
    assert f"Did you mean '{meant}'?" in outcome.errors
