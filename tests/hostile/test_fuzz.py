"""A few of the programs that `python -m tests.hostile.fuzz` draws: each kind, every renderer."""

from __future__ import annotations

import signal

import pytest

from tests.hostile import beside, fuzz

PROGRAMS = 60  # of each kind


@pytest.mark.parametrize("kind", fuzz.KINDS)
def test_any_program_is_shown_or_refused_in_own_words(kind: str) -> None:
    tally = fuzz.Tally()
    fuzz.draws(PROGRAMS, 1, tally, (kind,))
    assert not tally.faults, tally.faults
    assert sum(tally.ends[kind].values()) >= PROGRAMS
    assert min(tally.ends[kind]["ran"], tally.ends[kind]["refused"]) > 0


def test_a_fault_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    pages = iter(("one", "another"))

    def shown(*_: object) -> str:
        return next(pages)

    monkeypatch.setattr(fuzz, "shown", shown)
    with pytest.raises(fuzz.Fault, match="a second run differs"):
        fuzz.judge("x = 1.0\n", seed=0)


def test_programs_of_numbers_print_what_python_prints() -> None:
    signal.signal(signal.SIGALRM, beside.slow)
    ends = [beside.differs(seed) for seed in range(40)]
    assert [end for end in ends if end is not None and not end.startswith("skipped")] == []
    assert ends.count(None) > 20
