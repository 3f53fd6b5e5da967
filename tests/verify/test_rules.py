"""No right rule is called WRONG, every wrong one of 3 % or more is: a sample of the test bed.

`python -m benchmarks.check_rules` goes over all of it.
"""

from itertools import islice
from zlib import crc32

import pytest

from gradcli.verify import Settings, Verdict, check
from tests.verify.rules import (
    WAYS,
    Trial,
    all_cases,
    can_be_wrong,
    session_of,
    values_at,
    wrong_trials,
)

EVERY = 12  # one in so many calls of the table is taken, with
FEW = 3  # about so many wrong variants
# by their text: a new row changes nothing of which others are taken
CASES = {str(case): case for case in all_cases() if crc32(str(case).encode()) % EVERY == 0}
WRONG = [name for name, case in CASES.items() if can_be_wrong(case)]


def verdict(trial: Trial) -> Verdict:
    session, names = session_of(trial.built())
    return check(session, Settings(of=names)).verdict


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_right_rule_is_not_called_wrong(name: str, dtype: str) -> None:
    case = CASES[name]
    assert verdict(Trial(case, values_at(case, 0, dtype))) != "WRONG"


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_rule_is_called_wrong(name: str) -> None:
    trials = list(islice(wrong_trials(CASES[name], 0), 0, None, len(WAYS) // FEW))
    assert trials, "none of its rules can be made wrong"
    assert [str(t) for t in trials if verdict(t) != "WRONG"] == []


def test_the_test_bed_is_wrong_in_every_way() -> None:
    case = next(c for c in all_cases() if str(c).startswith("mul: "))
    ways = {trial.way for trial in wrong_trials(case, 0)}
    assert {"factor 1.03", "wrong sign", "wrong index", "cotangent left out"} <= ways
    assert any("left out" in way and "factor" in way for way in ways)
