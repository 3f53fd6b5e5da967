"""The stored records replay without PyTorch, and give what PyTorch has given."""

from __future__ import annotations

import re

import pytest

from gradcli.errors import InputFault
from gradcli.record.api import record
from gradcli.record.settings import Settings, settings
from tests.record.cases import FOLDER, OPAQUE, PROGRAMS, RECORDS
from tests.record.make_records import held

LOOSE = {"half"}  # computed in bfloat16, whose neighbours are 0.004 apart


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_record_replays_with_the_gradients_and_classes_of_pytorch(name: str) -> None:
    found = held(RECORDS / f"{name}.expr")
    assert [words for row in found.rows.values() for words in row.differs] == []
    assert found.absent == ()
    assert found.compared["grad_fn"] >= 5
    assert found.compared["gradient"] >= 2
    assert max(found.gaps.values()) < (0.02 if name in LOOSE else 1e-5)


@pytest.mark.parametrize("name", PROGRAMS)
def test_only_what_no_table_knows_is_opaque(name: str) -> None:
    text = (RECORDS / f"{name}.expr").read_text(encoding="utf-8")
    found = [line.split('"')[1] for line in text.splitlines() if "= opaque(" in line]
    assert found == OPAQUE.get(name, [])


def test_the_rows_of_a_model_stand_in_blocks_of_its_modules_at_their_places() -> None:
    text = (RECORDS / "gpt_block.expr").read_text(encoding="utf-8")
    block = text[text.index('with module("blocks.1.attn", "Attention"):') :]
    assert block.splitlines()[1] == '        with module("blocks.1.attn.qkv", "Linear"):'
    assert "blocks_1_attn_qkv_weight" in block.splitlines()[2]
    place = re.search(r"gpt_block\.py:(\d+):(\d+) `self\.qkv\(x\)`", block.splitlines()[2])
    assert place is not None
    line, column = map(int, place.groups())
    program = (FOLDER / "gpt_block.py").read_text(encoding="utf-8").splitlines()
    assert program[line - 1][column - 1 :].startswith("self.qkv(x)")


SETTINGS = [
    ({}, Settings(1, None)),
    ({"step": 4}, Settings(4, 4)),
    ({"steps": "3:5"}, Settings(3, 5)),
    ({"steps": "3:"}, Settings(3, None)),
    ({"steps": ":2", "save_data": "none"}, Settings(1, 2, data="none")),
]


@pytest.mark.parametrize(("given", "meant"), SETTINGS)
def test_steps_are_counted_from_1_with_both_ends(given: dict[str, object], meant: Settings) -> None:
    assert settings(**given) == meant  # type: ignore[arg-type]


REFUSED = [
    ({"step": 1, "on_nan": True}, "exclude each other"),
    ({"step": 0}, "counted from 1"),
    ({"steps": "5:3"}, "counted from 1"),
    ({"steps": "3"}, "is no range"),
    ({"steps": "a:b"}, "is no range"),
    ({"save_data": "some"}, "--save-data some is not known"),
    ({"max_rows": 0}, "counted from 1"),
    ({"output": "run.pt"}, "a record is a file"),
]


@pytest.mark.parametrize(("given", "words"), REFUSED)
def test_what_is_asked_for_wrongly_is_refused_before_anything_runs(
    given: dict[str, object], words: str
) -> None:
    with pytest.raises(InputFault, match=words):
        record(**given)  # type: ignore[arg-type]
