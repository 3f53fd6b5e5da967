"""A verdict is a row: its example has it, its example mended does not, and the page shows it."""

import pickle

import pytest

from gradcli.manual import verdicts
from gradcli.verify.verdicts import OF_A_DERIVATIVE, Verdict
from tests.verify.checking import checked

EXPLAINED = [v for v in OF_A_DERIVATIVE if v is not Verdict.OK]


@pytest.mark.parametrize("verdict", EXPLAINED)
def test_the_example_has_the_verdict_and_the_mended_one_is_right(verdict: Verdict) -> None:
    assert checked(verdict.row.example).findings[0].verdict is verdict
    assert checked(verdict.row.mended).findings[0].verdict is Verdict.OK


def test_the_page_shows_every_row() -> None:
    page = verdicts()
    assert all(verdict.row.meaning in page and verdict.row.why in page for verdict in Verdict)


def test_marks_tell_verdicts_apart_on_any_console() -> None:
    for ascii_only in (False, True):
        assert len({verdict.mark(ascii_only) for verdict in Verdict}) == len(Verdict)
    assert all(verdict.mark(True).isascii() for verdict in Verdict)


def test_a_verdict_keeps_its_row_in_another_process() -> None:
    for verdict in Verdict:
        assert pickle.loads(pickle.dumps(verdict)) is verdict
