"""The tables beside the lexer are those of the grammar, and the grammar is a plain LALR(1) one."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest
from lark import Lark

from gradcli.errors import Source
from gradcli.syntax import tables as room
from gradcli.syntax.parser import Parser
from gradcli.syntax.tables import Tables, as_text, grammar, made, tables
from gradcli.syntax.tree import Program

SAMPLES = sorted((Path(__file__).parents[2] / "samples").glob("*.expr"))


@pytest.fixture(scope="module")
def new() -> Tables:
    """Tables made from the grammar, once for all tests."""
    return made(grammar())


def test_the_kept_tables_are_those_of_the_grammar(new: Tables) -> None:
    kept = room.SAVED.read_text(encoding="utf-8")
    assert kept == as_text(new), "run python -m gradcli.syntax.tables"


def test_tables_of_another_grammar_are_not_used(
    new: Tables, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made_of = []

    def noted(text: str) -> Tables:
        made_of.append(text)
        return new

    monkeypatch.setattr(room, "made", noted)
    of_another = room.SAVED.read_text().replace(str(tables().grammar), "another")
    for kept in ("", "{}", "[]", of_another):
        (tmp_path / "tables.json").write_text(kept)
        monkeypatch.setattr(room, "SAVED", tmp_path / "tables.json")
        assert room.tables.__wrapped__() is new
    assert made_of == [grammar()] * 4


def test_tables_of_the_same_grammar_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "made", lambda _: pytest.fail("made anew"))
    assert as_text(room.tables.__wrapped__()) == as_text(tables())


def test_a_rule_that_is_added_to_the_grammar_is_obeyed() -> None:
    with_loops = grammar().replace('flow: "pass"', 'flow: "forever" | "pass"')
    program = Parser(made(with_loops)).run(Source("m.expr", "forever"), "program")
    assert program[0].keyword == "forever"


@pytest.mark.parametrize("path", SAMPLES, ids=[path.stem for path in SAMPLES])
def test_kept_and_new_tables_read_the_same_program(new: Tables, path: Path) -> None:
    source = Source(path.name, path.read_text(encoding="utf-8"))
    first, second = (Parser(each).run(source, "program") for each in (tables(), new))
    assert Program(source, first) == Program(source, second)


def test_the_grammar_has_no_conflicts(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, "lark"):
        Lark(grammar(), parser="lalr", lexer="basic", start=list(room.STARTS), debug=True)
    assert "onflict" not in caplog.text
    ambiguous = 'start: sum\nsum: sum "+" sum | "a"\n'
    with caplog.at_level(logging.DEBUG, "lark"):
        Lark(ambiguous, parser="lalr", debug=True)
    assert "Shift/Reduce conflict" in caplog.text  # or the test above would see none either
