"""Programs as people write them, against the output that Python gives."""

from __future__ import annotations

from pathlib import Path

import pytest

from gradcli import load
from gradcli.errors import GradcliError

HERE = Path(__file__).parent
PROGRAMS = {str(p.relative_to(HERE).with_suffix("")): p for p in sorted(HERE.rglob("*.expr"))}

# What the language does not take yet, and the words in which it says so. A program that runs is
# struck off.
REFUSED: dict[str, str] = {}


@pytest.mark.parametrize("name", sorted(PROGRAMS.keys() - REFUSED.keys()))
def test_a_tutorial_prints_what_python_prints(name: str) -> None:
    printed = "\n".join(load(PROGRAMS[name]).printed)
    assert printed.rstrip("\n") == PROGRAMS[name].with_suffix(".out").read_text().rstrip("\n")


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_a_tutorial_needs_and_is_missing_is_refused(name: str) -> None:
    with pytest.raises(GradcliError) as refusal:
        load(PROGRAMS[name])
    assert REFUSED[name] in str(refusal.value)
